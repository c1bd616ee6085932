//! Checks pages against their security headers, as a browser does.

use super::Person;
use reqwest::{Response, header};
use scraper::{ElementRef, Html, Selector};

/// Returns the value of a header; panics unless there is exactly one.
pub fn said<'a>(response: &'a Response, name: &str) -> &'a str {
    let values: Vec<_> = response.headers().get_all(name).iter().collect();
    assert_eq!(values.len(), 1, "{name} at {}", response.url());
    values[0].to_str().expect("text")
}

/// Asserts the security headers that every answer has.
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

/// Returns the tags of a page, from `<` to `>`, including quoted text in between.
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
            // The content of a script is not markup.
            rest = &rest[rest.find("</script>").expect("its end")..];
        }
    }
    tags
}

/// Returns the action of the form that calls this server function.
pub fn form_action(page: &str, endpoint: &str) -> String {
    let forms = format!("form[action*=\"call=/api/{endpoint}\"]");
    let forms = Selector::parse(&forms).expect("a selector");
    let page = Html::parse_document(page);
    let form = page.select(&forms).next();
    let action = form.and_then(|form| form.attr("action"));
    action
        .unwrap_or_else(|| panic!("no form calls {endpoint}"))
        .to_owned()
}

/// Returns what the form with this id would send: its fields with their values.
pub fn inputs(page: &str, form: &str) -> Vec<(String, String)> {
    let within = |what: &str| Selector::parse(&format!("#{form} {what}")).expect("a selector");
    let page = Html::parse_document(page);
    let mut fields = Vec::new();
    for input in page.select(&within("input")) {
        fields.push((input.attr("name"), input.attr("value").map(str::to_owned)));
    }
    for area in page.select(&within("textarea")) {
        fields.push((area.attr("name"), Some(area.text().collect())));
    }
    for chosen in page.select(&within("option[selected]")) {
        let select = chosen.parent().and_then(ElementRef::wrap);
        let name = select.and_then(|select| select.value().attr("name"));
        fields.push((name, chosen.attr("value").map(str::to_owned)));
    }
    fields
        .into_iter()
        .filter_map(|(name, value)| Some((name?.to_owned(), value.unwrap_or_default())))
        .collect()
}

/// Asserts that a page complies with its content security policy, and returns its nonce.
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
        // `style-src` falls back to `default-src`, so a style in the page would have no effect.
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

/// Requests a page as a browser without JavaScript does, and returns it with its headers.
pub async fn page(person: &Person, path: &str) -> Response {
    let request = person
        .client
        .get(format!("{}{path}", person.url))
        .header(header::ACCEPT, "text/html");
    request.send().await.expect("an answer")
}
