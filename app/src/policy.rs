//! What a page may load and run: its Content Security Policy (server only).
//!
//! Whatever gets into a page in spite of all escaping runs nothing: scripts are files of ours or carry the nonce of this
//! rendering, styles and pictures are files of ours, forms go nowhere else, and no other site can put the page into a frame.

use http::{HeaderValue, header};
use leptos::nonce::use_nonce;
use leptos::prelude::use_context;
use leptos_axum::ResponseOptions;

/// Sends the page that is being rendered with its policy. `watched`: by `cargo leptos watch`, whose script needs a socket.
///
/// Without this the answer has the policy of everything that is no page, under which nothing loads.
pub fn send_policy(watched: bool) {
    if let (Some(options), Some(nonce)) = (use_context::<ResponseOptions>(), use_nonce())
        && let Ok(policy) = HeaderValue::from_str(&policy(&nonce, watched))
    {
        options.insert_header(header::CONTENT_SECURITY_POLICY, policy);
    }
}

fn policy(nonce: &str, watched: bool) -> String {
    // 'self' among the scripts: the one that carries the nonce imports another, and has the browser fetch it early. It
    // opens nothing: what a server function answers is JSON, what was uploaded is served as the JPEG that we have made of
    // it, and both are said to be nothing else (`nosniff`). 'wasm-unsafe-eval' lets WebAssembly be compiled, and no text.
    let socket = if watched { " ws:" } else { "" };
    format!(
        "default-src 'self'; script-src 'self' 'nonce-{nonce}' 'wasm-unsafe-eval'; connect-src 'self'{socket}; \
         object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_development_opens_a_socket_and_nothing_is_unsafe_but_wasm() {
        assert!(policy("x", true).contains("connect-src 'self' ws:;"));
        let served = policy("x", false);
        assert!(served.contains("connect-src 'self';") && !served.contains("ws:"));
        assert!(!served.replace("'wasm-unsafe-eval'", "").contains("unsafe"));
    }
}
