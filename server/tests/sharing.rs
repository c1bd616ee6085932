//! Pages as search engines and other sites see them: one address per page and language, and the
//! metadata that machines read.

mod support;

use chrono::TimeDelta;
use reqwest::header::{self, LOCATION};
use reqwest::{Response, StatusCode};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use support::heads::{Head, fetch, head, head_in};
use support::{Person, Server, concert_fields, local, make_concert, now, stores};

/// `아이유 콘서트`, percent-encoded as in headers.
const IU: &str = "%EC%95%84%EC%9D%B4%EC%9C%A0-%EC%BD%98%EC%84%9C%ED%8A%B8";

fn to(response: &Response) -> &str {
    response.headers()[LOCATION].to_str().expect("text")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_concert_has_one_address_and_the_number_leads_there() {
    let stores = stores().await;
    let server = Server::start(&stores);
    let organiser = Person::organiser(&server, &stores, "organiser").await;
    let titled = |title: &str| [("title", title.to_owned())];
    let id = make_concert(&organiser, &titled("아이유 콘서트!")).await;
    let at = |path: &str| format!("{}/concerts/{path}", server.url);
    let right = at(&format!("{id}-{IU}"));

    // The number alone and the full address return the same page, which names its canonical
    // address.
    for path in [&id, &format!("{id}-{IU}"), &format!("{id}-아이유-콘서트")] {
        let page = head(&at(path)).await;
        assert_eq!(page.status, StatusCode::OK, "{path}");
        assert_eq!(page.canonical.as_deref(), Some(right.as_str()));
        assert_eq!(page.headings, ["아이유 콘서트!"]);
    }
    // Any other text after the number redirects to it and keeps the query; another escaping of the
    // right text counts as the same.
    for (wrong, query) in [
        ("-", ""),
        ("-old-title", "?lang=ko&x=%20%26"),
        ("-%EC%95%84", "?a"),
        ("-x%2F..%2F..%0d%0aset-cookie:a", ""),
        ("-%ff", ""),
    ] {
        let response = fetch(&at(&format!("{id}{wrong}{query}")), "").await;
        assert_eq!(response.status(), StatusCode::MOVED_PERMANENTLY, "{wrong}");
        assert_eq!(to(&response), format!("/concerts/{id}-{IU}{query}"));
        assert_eq!(response.headers()[header::CACHE_CONTROL], "no-store");
    }
    let zeros = fetch(&at(&format!("00{id}")), "").await;
    assert_eq!(zeros.status(), StatusCode::MOVED_PERMANENTLY);
    // Logged-in clients are redirected in the same way.
    let request = organiser.client.get(at(&format!("{id}-old")));
    let response = request.send().await.expect("an answer");
    assert_eq!(response.status(), StatusCode::MOVED_PERMANENTLY);
    // Other pages of the concert have no title in their addresses.
    let queue = fetch(&at(&format!("{id}/queue")), "").await;
    assert_eq!(to(&queue), format!("/log-in?next=/concerts/{id}/queue"));
    for nowhere in [
        "999999",
        "999999-x",
        "x",
        "-1",
        "1x",
        "%2B1",
        "99999999999999999999",
    ] {
        let page = head(&at(nowhere)).await;
        assert_eq!(page.status, StatusCode::NOT_FOUND, "{nowhere}");
        assert_eq!(page.meta("robots"), "noindex");
        assert!(page.canonical.is_none() && page.data.is_empty());
    }

    // A change of the title changes the address: the old one and forms redirect to the new one.
    let mut fields = concert_fields(&titled("Golden Hour"));
    fields.push(("id", id.clone()));
    let request = organiser
        .client
        .post(format!("{}/api/update_concert", server.url));
    let request = request.header(header::ACCEPT, "text/html").form(&fields);
    let response = request.send().await.expect("an answer");
    let new = format!("/concerts/{id}-golden-hour");
    assert_eq!(to(&response), new);
    // Waits until the previous page is no longer shared.
    let old = loop {
        let old = fetch(&at(&format!("{id}-{IU}?again")), "").await;
        if old.status() != StatusCode::OK {
            break old;
        }
    };
    assert_eq!(old.status(), StatusCode::MOVED_PERMANENTLY);
    assert_eq!(to(&old), format!("{new}?again"));
    // Links contain the title.
    let home = head(&server.url).await;
    assert!(home.links.contains(&new), "{:?}", home.links);
    let bare = make_concert(&organiser, &titled("🎸🔥")).await;
    let page = head(&at(&bare)).await;
    assert_eq!(page.canonical, Some(at(&bare)));
}

#[tokio::test(flavor = "multi_thread")]
async fn each_language_has_an_address_and_each_names_all() {
    let stores = stores().await;
    let server = Server::start(&stores);
    let organiser = Person::organiser(&server, &stores, "organiser").await;
    let id = make_concert(&organiser, &[("title", "아이유 콘서트".into())]).await;
    for path in ["/".to_owned(), format!("/concerts/{id}-{IU}")] {
        let plain = format!("{}{path}", server.url);
        let first = head(&plain).await;
        assert_eq!(first.canonical, Some(plain.clone()));
        let expected = [("en", "?lang=en"), ("ko", "?lang=ko"), ("x-default", "")];
        let expected = expected.map(|(name, query)| (name.to_owned(), format!("{plain}{query}")));
        assert_eq!(first.alternates, expected.into());
        // The address decides, not the browser's preference; each page names the same alternates,
        // including itself.
        for (name, address) in &first.alternates {
            for accepted in ["ko", "en", ""] {
                let page = head_in(address, accepted).await;
                assert_eq!(page.status, StatusCode::OK);
                assert_eq!(page.alternates, first.alternates, "{address}");
                assert_eq!(page.canonical.as_ref(), Some(address));
                assert_eq!(page.meta("og:url"), address);
                let language = match (name.as_str(), accepted) {
                    ("x-default", "") => "en",
                    ("x-default", accepted) => accepted,
                    (named, _) => named,
                };
                assert_eq!(page.language, language, "{address}");
                assert_eq!(page.headers[header::CONTENT_LANGUAGE], language);
                let (here, other) = match language {
                    "ko" => ("ko_KR", "en_US"),
                    _ => ("en_US", "ko_KR"),
                };
                assert_eq!(page.meta("og:locale"), here);
                assert_eq!(page.meta("og:locale:alternate"), other);
                let vary: String = page
                    .headers
                    .get_all(header::VARY)
                    .iter()
                    .map(|vary| vary.to_str().expect("text"))
                    .collect();
                let vary = vary.to_lowercase();
                assert!(
                    vary.contains("accept-language") && vary.contains("cookie"),
                    "{vary}"
                );
            }
        }
        // An unknown language is ignored.
        let german = head(&format!("{plain}?lang=de")).await;
        assert_eq!(
            (german.language.as_str(), german.canonical),
            ("en", Some(plain))
        );
    }
    // A link that names a language sets it for the browser until another link changes it, also on
    // shared pages; the language switch works, too.
    let person = Person::new(&server);
    for (named, language) in [("en", "en"), ("ko", "ko"), ("en", "en"), ("ko", "ko")] {
        let language = format!("lang=\"{language}\"");
        for path in [format!("/?lang={named}"), "/".to_owned()] {
            let (_, page) = person.page(&path).await;
            assert!(page.contains(&language), "{path}");
        }
    }
    let switch = person
        .client
        .post(format!("{}/api/set_language", server.url));
    let switch = switch.header(header::ACCEPT, "text/html").header(
        header::REFERER,
        format!("{}/?page=1&lang=ko&genre=pop", server.url),
    );
    let switched = switch
        .form(&[("language", "en")])
        .send()
        .await
        .expect("an answer");
    assert_eq!(to(&switched), "/?page=1&genre=pop");
    // A language chosen with the switch persists, even if an address names another one for its own
    // page.
    let (_, page) = person.page("/?lang=ko").await;
    assert!(page.contains("lang=\"ko\""));
    assert!(person.page("/").await.1.contains("lang=\"en\""));
    // No cookie is set if the browser would get this language anyway, or if the answer is not a
    // page.
    for (path, accepted) in [
        ("/?lang=ko", "ko"),
        ("/?lang=de", "ko"),
        ("/?lang=ko&page=x", "ko"),
        ("/card.png?lang=ko", "en"),
        ("/robots.txt?lang=ko", "en"),
    ] {
        let response = fetch(&format!("{}{path}", server.url), accepted).await;
        assert!(response.status().is_success(), "{path}");
        assert!(
            !response.headers().contains_key(header::SET_COOKIE),
            "{path}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_a_title_says_it_is_only_said() {
    let stores = stores().await;
    let server = Server::start(&stores);
    let organiser = Person::organiser(&server, &stores, "organiser").await;
    let calm = make_concert(&organiser, &[]).await;
    let scripts = head(&format!("{}/concerts/{calm}", server.url))
        .await
        .scripts;
    for title in [
        "He said \"no\" & 'yes' <b>",
        "</script><script>alert(1)</script>",
        "</title></head><!-- <script> --> &amp; &lt;",
        "🎤 ❤\u{fe0f} 콘서트 \\\" \\u003c",
        "]]> {{title}} ${title}",
    ] {
        let texts = [
            ("title", title.to_owned()),
            ("artist", format!("{title} A")),
            ("venue", format!("{title} V")),
            // Only the description may contain line breaks.
            ("description", format!("{title}\n{title}\u{2028}{title}")),
        ];
        let id = make_concert(&organiser, &texts).await;
        let page = head(&format!("{}/concerts/{id}", server.url)).await;
        assert_eq!(page.status, StatusCode::OK);
        assert_eq!(page.title, format!("{title} · Frontrow"));
        assert_eq!(page.headings, [title]);
        assert_eq!(page.meta("og:title"), title);
        assert_eq!(page.meta("twitter:title"), title);
        assert!(page.meta("og:description").starts_with(title));
        assert!(page.meta("og:image:alt").contains(title));
        let event = page.about("Event");
        assert_eq!(event["name"], title);
        assert_eq!(event["performer"]["name"], texts[1].1);
        assert_eq!(event["location"]["name"], texts[2].1);
        assert_eq!(event["description"], texts[3].1);
        assert_eq!(
            page.about("BreadcrumbList")["itemListElement"][1]["name"],
            title
        );
        assert_eq!(page.scripts, scripts, "{title}");
    }
}

/// A crawler caches a picture by its address, for days.
#[tokio::test(flavor = "multi_thread")]
async fn an_edited_concert_has_a_picture_of_another_address() {
    let stores = stores().await;
    let server = Server::start(&stores);
    let organiser = Person::organiser(&server, &stores, "organiser").await;
    let titled = |title: &str| [("title", title.to_owned())];
    let id = make_concert(&organiser, &titled("Night Ferry")).await;
    let pictured = async || {
        let page = head(&format!("{}/concerts/{id}", server.url)).await;
        (page.headings.join(""), page.meta("og:image").to_owned())
    };
    let (_, before) = pictured().await;
    let mut fields = concert_fields(&titled("Day Ferry"));
    fields.push(("id", id.clone()));
    let fields: Vec<_> = fields
        .iter()
        .map(|(name, value)| (*name, value.as_str()))
        .collect();
    let (status, body) = organiser.post("update_concert", &fields).await;
    assert_eq!(status, StatusCode::OK, "{body}");
    // Waits until the previous page is no longer shared.
    let after = loop {
        let (title, picture) = pictured().await;
        if title == "Day Ferry" {
            break picture;
        }
    };
    assert_ne!(after, before);
    for picture in [before, after] {
        assert_eq!(fetch(&picture, "").await.status(), StatusCode::OK);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_says_when_where_and_for_how_much() {
    let stores = stores().await;
    let server = Server::start(&stores);
    let organiser = Person::organiser(&server, &stores, "organiser").await;
    let fields = [
        ("title", "Night Ferry".into()),
        ("starts_at", "2099-11-21T19:00".into()),
        ("ends_at", "2099-11-22T01:30".into()),
        ("sale_opens_at", "2099-10-01T20:00:30".into()),
        ("description", String::new()),
    ];
    let id = make_concert(&organiser, &fields).await;
    let address = format!("{}/concerts/{id}-night-ferry", server.url);
    let korean = format!("{address}?lang=ko");
    let page = head(&korean).await;
    let event = page.about("Event");
    let picture = page.meta("og:image");
    let called = format!("{}/concerts/{id}/card.png?v=", server.url);
    assert!(
        picture.starts_with(&called) && picture.ends_with("&lang=ko"),
        "{picture}"
    );
    assert_eq!(page.meta("twitter:image"), picture);
    assert_eq!(page.meta("twitter:card"), "summary_large_image");
    assert_eq!(page.meta("og:type"), "website");
    assert_eq!(page.meta("og:site_name"), "Frontrow");
    assert_eq!(
        (page.meta("og:image:width"), page.meta("og:image:height")),
        ("1200", "630")
    );
    assert!(!page.meta.contains_key("robots"));
    for (name, expected) in [
        ("@context", json!("https://schema.org")),
        ("url", json!(korean)),
        ("startDate", json!("2099-11-21T19:00:00+09:00")),
        ("endDate", json!("2099-11-22T01:30:00+09:00")),
        ("eventStatus", json!("https://schema.org/EventScheduled")),
        (
            "eventAttendanceMode",
            json!("https://schema.org/OfflineEventAttendanceMode"),
        ),
        ("image", json!([picture])),
        (
            "location",
            json!({"@type": "Place", "name": "Nodeul", "address": "Nodeul"}),
        ),
        ("description", json!(page.meta("description"))),
        (
            "offers",
            json!({
                "@type": "Offer", "url": korean, "price": "66000", "priceCurrency": "KRW",
                "availability": "https://schema.org/PreOrder",
                "validFrom": "2099-10-01T20:00:30+09:00", "validThrough": "2099-11-21T19:00:00+09:00",
            }),
        ),
    ] {
        assert_eq!(event[name], expected, "{name}");
    }
    let home = head(&format!("{}/?lang=ko", server.url)).await;
    let site = home.about("WebSite");
    assert_eq!(site["url"], format!("{}/?lang=ko", server.url));
    let search = &site["potentialAction"];
    assert_eq!(search["@type"], "SearchAction");
    let template = search["target"]["urlTemplate"]
        .as_str()
        .expect("a template");
    assert!(
        search["query-input"]
            .as_str()
            .expect("text")
            .contains("search_term_string")
    );
    // The search address finds concerts.
    let found = head(&template.replace("{search_term_string}", "ferry")).await;
    assert!(
        found.links.contains(&format!("/concerts/{id}-night-ferry")),
        "{:?}",
        found.links
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_can_be_had_follows_the_sale() {
    let stores = stores().await;
    let server = Server::start(&stores);
    let organiser = Person::organiser(&server, &stores, "organiser").await;
    let later = local(now() + TimeDelta::days(3));
    let upcoming = make_concert(&organiser, &[("sale_opens_at", later)]).await;
    let free = make_concert(&organiser, &[("price_won", "0".into())]).await;
    let [selling, paused, closed, sold_out, begun] = {
        let mut made = Vec::new();
        for _ in 0..5 {
            made.push(make_concert(&organiser, &[]).await);
        }
        made.try_into().expect("five")
    };
    let db = sqlx::PgPool::connect(&stores.database_url)
        .await
        .expect("database");
    for (id, change) in [
        (&paused, "state = 'paused'"),
        (&closed, "state = 'closed'"),
        (&sold_out, "issued = capacity"),
        (
            &begun,
            "starts_at = now() - interval '1 minute', sale_opens_at = now() - interval '1 day'",
        ),
    ] {
        let change = format!("UPDATE concerts SET {change} WHERE id = {id}");
        sqlx::query(sqlx::AssertSqlSafe(change))
            .execute(&db)
            .await
            .expect("a change");
    }
    for (id, expected) in [
        (&upcoming, "PreOrder"),
        (&selling, "InStock"),
        (&paused, "InStock"),
        (&sold_out, "SoldOut"),
        (&closed, "OutOfStock"),
        (&begun, "OutOfStock"),
    ] {
        let page = head(&format!("{}/concerts/{id}", server.url)).await;
        let offer = page.about("Event")["offers"].clone();
        assert_eq!(
            offer["availability"],
            format!("https://schema.org/{expected}")
        );
    }
    let page = head(&format!("{}/concerts/{free}", server.url)).await;
    let event = page.about("Event");
    assert_eq!(
        (&event["offers"]["price"], &event["isAccessibleForFree"]),
        (&json!("0"), &Value::Bool(true))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_private_or_only_a_search_is_not_listed() {
    let stores = stores().await;
    let server = Server::start(&stores);
    let at = |path: &str| format!("{}{path}", server.url);
    let hidden = |page: &Head| {
        page.meta("robots") == "noindex"
            && page.canonical.is_none()
            && page.alternates.is_empty()
            && page.data.is_empty()
    };
    for path in [
        "/log-in",
        "/sign-up",
        "/?search=x",
        "/?genre=pop",
        "/nowhere",
    ] {
        assert!(hidden(&head(&at(path)).await), "{path}");
    }
    for path in ["/", "/?page=1", "/?lang=ko", "/?utm_source=x"] {
        let page = head(&at(path)).await;
        assert!(!hidden(&page) && page.canonical.is_some(), "{path}");
    }
    // Each page of the list is a page of its own; the first one is home.
    assert_eq!(head(&at("/?page=1")).await.canonical, Some(at("/")));
    let organiser = Person::organiser(&server, &stores, "organiser").await;
    for _ in 0..13 {
        make_concert(&organiser, &[]).await;
    }
    let second = head(&at("/?page=2&utm_source=x")).await;
    assert_eq!(second.canonical, Some(at("/?page=2")));
    // A page number past the end returns the last page.
    assert_eq!(
        head(&at("/?page=999")).await.canonical,
        Some(at("/?page=2"))
    );
    let addresses: BTreeSet<_> = second.alternates.values().cloned().collect();
    assert!(addresses.contains(&at("/?page=2&lang=ko")), "{addresses:?}");
}
