//! The Content Security Policy of pages: what a page may load and run (server only).
//!
//! Markup that gets into a page despite escaping cannot run anything: scripts are files of ours or
//! have the nonce of this rendering, styles and pictures are files of ours, forms are sent only to
//! us, and no other site can put the page into a frame.

use http::{HeaderValue, header};
use leptos::nonce::use_nonce;
use leptos::prelude::use_context;
use leptos_axum::ResponseOptions;

/// Adds the policy to the page that is being rendered. `watched` is set under `cargo leptos watch`,
/// whose script needs a WebSocket.
///
/// Without this call the response has the policy of everything that is not a page, under which
/// nothing loads.
pub fn send_policy(watched: bool) {
    if let (Some(options), Some(nonce)) = (use_context::<ResponseOptions>(), use_nonce())
        && let Ok(policy) = HeaderValue::from_str(&policy(&nonce, watched))
    {
        options.insert_header(header::CONTENT_SECURITY_POLICY, policy);
    }
}

fn policy(nonce: &str, watched: bool) -> String {
    // 'self' in `script-src`: the script with the nonce imports another one and has the browser
    // preload it. This permits no attack: server functions answer with JSON, an upload is served as
    // the JPEG that we made from it, and both are sent with `nosniff`. 'wasm-unsafe-eval' allows
    // compiling WebAssembly, but not text.
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
