//! The head of a page, read by an HTML parser as a crawler does.

use reqwest::{Client, StatusCode, header};
use scraper::{Html, Selector};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// A page as a client without cookies gets it, and the contents of its head.
#[derive(Debug)]
pub struct Head {
    pub status: StatusCode,
    pub headers: header::HeaderMap,
    pub language: String,
    pub title: String,
    pub canonical: Option<String>,
    /// Addresses by `hreflang`.
    pub alternates: BTreeMap<String, String>,
    /// Contents by `name` or `property`; each name occurs at most once.
    pub meta: BTreeMap<String, String>,
    pub data: Vec<Value>,
    /// Number of scripts that a browser would run.
    pub scripts: usize,
    pub headings: Vec<String>,
    /// Local addresses of links.
    pub links: BTreeSet<String>,
}

impl Head {
    /// Returns the JSON-LD of this type; panics unless there is exactly one.
    pub fn about(&self, kind: &str) -> &Value {
        let mut about = self.data.iter().filter(|data| data["@type"] == kind);
        let found = about
            .next()
            .unwrap_or_else(|| panic!("no {kind}: {:?}", self.data));
        assert!(about.next().is_none(), "two of {kind}");
        found
    }

    pub fn meta(&self, name: &str) -> &str {
        self.meta.get(name).map_or("", String::as_str)
    }
}

/// Requests a page as a crawler does: no cookies, no language, redirects not followed.
pub async fn head(url: &str) -> Head {
    head_in(url, "").await
}

pub async fn head_in(url: &str, accept_language: &str) -> Head {
    let response = fetch(url, accept_language).await;
    let (status, headers) = (response.status(), response.headers().clone());
    let page = response.text().await.expect("a page");
    read(status, headers, &page)
}

pub async fn fetch(url: &str, accept_language: &str) -> reqwest::Response {
    let client = Client::builder().redirect(reqwest::redirect::Policy::none());
    let request = client.build().expect("a client").get(url);
    let request = request.header(header::ACCEPT, "text/html");
    let request = match accept_language {
        "" => request,
        language => request.header(header::ACCEPT_LANGUAGE, language),
    };
    request.send().await.expect("an answer")
}

fn read(status: StatusCode, headers: header::HeaderMap, page: &str) -> Head {
    let document = Html::parse_document(page);
    let all = |selector: &str| {
        let selector = Selector::parse(selector).expect("a selector");
        let found: Vec<_> = document.select(&selector).collect();
        found
    };
    let attribute = |selector: &str, name: &str| {
        let found = all(selector);
        assert!(
            found.len() <= 1,
            "{selector} is there {} times",
            found.len()
        );
        found
            .first()
            .and_then(|one| one.attr(name))
            .map(str::to_owned)
    };
    let mut meta: BTreeMap<String, String> = BTreeMap::new();
    for tag in all("head meta[content]") {
        let name = tag.attr("name").or(tag.attr("property"));
        if let Some(name) = name.filter(|name| *name != "theme-color") {
            let content = tag.attr("content").unwrap_or_default();
            let known = meta.entry(name.to_owned()).or_default();
            assert!(known.is_empty(), "{name} twice");
            *known = content.to_owned();
        }
    }
    let text = |element: &scraper::ElementRef| element.text().collect::<String>();
    let data = all("script[type='application/ld+json']");
    let data = data
        .iter()
        .map(|script| serde_json::from_str(&text(script)).expect("JSON"));
    let links = all("a[href^='/']");
    Head {
        status,
        headers,
        language: attribute("html", "lang").unwrap_or_default(),
        title: all("title").first().map(text).unwrap_or_default(),
        canonical: attribute("head link[rel=canonical]", "href"),
        alternates: all("head link[rel=alternate][hreflang]")
            .iter()
            .map(|link| {
                [link.attr("hreflang"), link.attr("href")]
                    .map(|value| value.expect("a value").to_owned())
            })
            .map(|[name, address]| (name, address))
            .collect(),
        meta,
        data: data.collect(),
        scripts: all("script:not([type='application/ld+json'])").len(),
        headings: all("h1").iter().map(text).collect(),
        links: links
            .iter()
            .filter_map(|link| link.attr("href"))
            .map(str::to_owned)
            .collect(),
    }
}
