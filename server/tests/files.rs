//! Files are the same for all clients: no answer with a file contains anything from a page that is
//! rendered at the same time.

mod support;

use futures::future::join_all;
use reqwest::{Client, StatusCode, header};
use sha2::{Digest, Sha256};
use support::{Person, Server, stores};

/// Regression: with leptos_axum 0.8.10's own file handler, some files had the redirect or the
/// cookies of a page.
#[tokio::test(flavor = "multi_thread")]
async fn no_file_carries_what_a_page_says() {
    let stores = stores().await;
    let server = Server::start(&stores);
    server.put("pkg/frontrow.css", "body { color: black }");
    let client = Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .build()
        .unwrap();
    let person = Person::signed_up(&server, "mina").await;
    for _ in 0..40 {
        // Pages and redirects, concurrent with files.
        let pages = (0..16).map(|n| {
            let person = person.clone();
            async move {
                let page = if n % 2 == 0 { "/account" } else { "/nowhere" };
                person.page(page).await;
            }
        });
        let redirects = (0..16).map(|_| {
            let asked = client
                .get(format!("{}/account", server.url))
                .header(header::ACCEPT, "text/html")
                .send();
            async move {
                assert_eq!(asked.await.unwrap().status(), StatusCode::FOUND);
            }
        });
        let files = (0..32).map(|_| {
            let asked = client
                .get(format!("{}/pkg/frontrow.css", server.url))
                .send();
            async move {
                let answer = asked.await.unwrap();
                assert_eq!(answer.status(), StatusCode::OK);
                let headers = answer.headers();
                assert!(!headers.contains_key(header::LOCATION), "{headers:?}");
                assert!(!headers.contains_key(header::SET_COOKIE), "{headers:?}");
                assert_eq!(headers[header::CONTENT_TYPE], "text/css");
            }
        });
        tokio::join!(join_all(pages), join_all(redirects), join_all(files));
    }
}

/// A file does not depend on the client that requests it, so any cache may store it.
#[tokio::test(flavor = "multi_thread")]
async fn no_file_renews_a_session() {
    let stores = stores().await;
    let server = Server::start(&stores);
    server.put("favicon.svg", "<svg/>");
    server.put("bell.js", "addEventListener");
    server.put("pkg/frontrow.1.js", "export {}");
    let person = Person::signed_up(&server, "mina").await;
    let refresh = person.another_refresh_cookie("mina").await;
    for path in ["/favicon.svg", "/bell.js", "/pkg/frontrow.1.js", "/"] {
        let asked = Client::new()
            .get(format!("{}{path}", server.url))
            .header(header::COOKIE, format!("{refresh}; frontrow_access=none"));
        let answer = asked.send().await.expect("an answer");
        let kept = answer.headers()[header::CACHE_CONTROL].to_str();
        let public = kept.expect("text").starts_with("public");
        let renews = answer.headers().contains_key(header::SET_COOKIE);
        assert_eq!((public, renews), (path != "/", path == "/"), "{path}");
    }
}

/// A file that caches may keep permanently has another name when its content changes.
#[tokio::test(flavor = "multi_thread")]
async fn a_font_is_named_by_its_content() {
    let fonts = concat!(env!("CARGO_MANIFEST_DIR"), "/../public/fonts");
    let stores = stores().await;
    let server = Server::start(&stores);
    let mut seen = 0;
    for file in std::fs::read_dir(fonts).unwrap() {
        let path = file.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap();
        let Some(named) = name.strip_suffix(".woff2") else {
            continue;
        };
        let digest = Sha256::digest(std::fs::read(&path).unwrap());
        let hash: String = digest[..4]
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        assert!(named.ends_with(&format!(".{hash}")), "{name} is {hash}");
        let address = format!("/fonts/{name}");
        server.put(&address[1..], "a font");
        let answer = reqwest::get(format!("{}{address}", server.url))
            .await
            .unwrap();
        let kept = &answer.headers()[header::CACHE_CONTROL];
        assert_eq!(kept, "public, max-age=31536000, immutable");
        let page = reqwest::get(format!("{}/", server.url)).await.unwrap();
        assert!(page.text().await.unwrap().contains(&address), "{address}");
        // The preload of the page and the style sheet must name the same address.
        let tokens = include_str!("../../style/tokens.css");
        assert!(tokens.contains(&address), "{address}");
        seen += 1;
    }
    assert!(seen > 0);
}

/// Reads the manifest as a phone does when it adds the site to its home screen.
#[test]
fn what_the_manifest_names_is_there() {
    let public = concat!(env!("CARGO_MANIFEST_DIR"), "/../public");
    let manifest = std::fs::read_to_string(format!("{public}/manifest.webmanifest")).unwrap();
    let manifest: serde_json::Value = serde_json::from_str(&manifest).unwrap();
    let icons = manifest["icons"].as_array().unwrap();
    assert!(!icons.is_empty());
    for icon in icons {
        let file = format!("{public}{}", icon["src"].as_str().unwrap());
        assert!(std::fs::metadata(&file).is_ok(), "{file}");
    }
}

/// Files that the release has compressed are sent as stored, to clients that accept the encoding.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_packed_already_is_sent_as_it_is() {
    let stores = stores().await;
    let server = Server::start(&stores);
    let whole = "export const a = 1;\n".repeat(200);
    server.put("pkg/frontrow.1.js", &whole);
    server.put("pkg/frontrow.1.js.br", "packed by brotli");
    server.put("pkg/frontrow.2.js", &whole);
    for (file, accepted, encoding, body) in [
        ("1", "gzip, br", Some("br"), Some("packed by brotli")),
        ("1", "identity", None, Some(whole.as_str())),
        // Compressed on the fly: the length is unknown when the response starts.
        ("1", "gzip", Some("gzip"), None),
        ("2", "br", Some("br"), None),
    ] {
        let asked = Client::new()
            .get(format!("{}/pkg/frontrow.{file}.js", server.url))
            .header(header::ACCEPT_ENCODING, accepted);
        let answer = asked.send().await.expect("an answer");
        let headers = answer.headers().clone();
        let said = |name| headers.get(name).map(|value| value.to_str().expect("text"));
        let kept = said(header::CACHE_CONTROL);
        assert_eq!(kept, Some("public, max-age=31536000, immutable"));
        assert_eq!(said(header::CONTENT_TYPE), Some("text/javascript"));
        assert_eq!(
            said(header::CONTENT_ENCODING),
            encoding,
            "{file} {accepted}"
        );
        assert_eq!(said(header::VARY), Some("accept-encoding"));
        let length = body.map(|body| body.len().to_string());
        assert_eq!(said(header::CONTENT_LENGTH), length.as_deref());
        if let Some(body) = body {
            assert_eq!(answer.text().await.expect("a file"), body);
        }
    }
}
