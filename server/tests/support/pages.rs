//! Looking at pages as a browser's guard does.

use super::Person;
use reqwest::{Response, header};

/// The one value of a header.
pub fn said<'a>(response: &'a Response, name: &str) -> &'a str {
    let values: Vec<_> = response.headers().get_all(name).iter().collect();
    assert_eq!(values.len(), 1, "{name} at {}", response.url());
    values[0].to_str().expect("text")
}

/// What every answer has, whatever it is.
pub fn is_dressed(response: &Response) {
    assert_eq!(said(response, "x-content-type-options"), "nosniff");
    assert_eq!(said(response, "x-frame-options"), "DENY");
    assert_eq!(
        said(response, "referrer-policy"),
        "strict-origin-when-cross-origin"
    );
    assert_eq!(said(response, "cross-origin-opener-policy"), "same-origin");
    assert_eq!(
        said(response, "cross-origin-resource-policy"),
        "same-origin"
    );
    assert!(said(response, "permissions-policy").contains("camera=()"));
    let policy = said(response, "content-security-policy");
    for directive in ["default-src", "base-uri 'none'", "frame-ancestors 'none'"] {
        assert!(policy.contains(directive), "{policy}");
    }
}

/// The tags of a page, from `<` to `>`, with what is quoted in between.
pub fn tags(page: &str) -> Vec<String> {
    let mut tags = Vec::new();
    let mut rest = page;
    while let Some(start) = rest.find('<') {
        rest = &rest[start..];
        let mut quoted = false;
        let end = rest.find(|c| {
            quoted ^= c == '"';
            c == '>' && !quoted
        });
        let end = end.expect("a tag that ends");
        tags.push(rest[..=end].to_owned());
        let script = rest.starts_with("<script");
        rest = &rest[end..];
        if script {
            // What a script says is no markup.
            rest = &rest[rest.find("</script>").expect("its end")..];
        }
    }
    tags
}

/// Checks a page against its policy and returns its nonce.
pub async fn is_guarded(response: Response) -> String {
    is_dressed(&response);
    let address = response.url().to_string();
    let policy = said(&response, "content-security-policy").to_owned();
    let nonce = policy
        .split_once("'nonce-")
        .and_then(|(_, rest)| rest.split_once('\''))
        .map(|(nonce, _)| nonce.to_owned())
        .unwrap_or_else(|| panic!("{address} has no nonce: {policy}"));
    assert!(nonce.len() >= 20, "{nonce}");
    for directive in [
        "default-src 'self'",
        "object-src 'none'",
        "form-action 'self'",
        "'wasm-unsafe-eval'",
    ] {
        assert!(policy.contains(directive), "{address}: {policy}");
    }
    assert!(
        !policy.contains("unsafe-inline") && !policy.contains("'unsafe-eval'"),
        "{policy}"
    );
    let page = response.text().await.expect("a page");
    let mut scripts = 0;
    for tag in tags(&page) {
        let folded = tag.to_lowercase();
        if folded.starts_with("<script") {
            assert!(
                folded.contains(&format!(" nonce=\"{}\"", nonce.to_lowercase())),
                "{address}: {tag}"
            );
            scripts += 1;
        }
        // `style-src` is what `default-src` is: a style in the page would not count.
        assert!(!folded.starts_with("<style"), "{address}: {tag}");
        let outside_quotes: String = folded.split('"').step_by(2).collect();
        assert!(
            !outside_quotes.contains(" on") && !outside_quotes.contains(" style="),
            "{address}: {tag}"
        );
        assert!(!folded.contains("javascript:"), "{address}: {tag}");
    }
    assert!(scripts >= 1, "{address} takes nothing over");
    nonce
}

/// A page as a browser without JavaScript gets it, with its headers.
pub async fn page(person: &Person, path: &str) -> Response {
    let request = person
        .client
        .get(format!("{}{path}", person.url))
        .header(header::ACCEPT, "text/html");
    request.send().await.expect("an answer")
}
