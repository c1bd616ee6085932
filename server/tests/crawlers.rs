//! What crawlers fetch besides pages: `robots.txt`, the sitemap, and the pictures of pages.

mod support;

use embedded::testing::TestStores;
use reqwest::{Client, Response, StatusCode, header};
use roxmltree::Document;
use std::collections::{BTreeMap, BTreeSet};
use support::heads::head;
use support::pages::{is_dressed, said};
use support::{Person, Server, make_concert, stores};

async fn get(server: &Server, path: &str) -> Response {
    let response = Client::new().get(format!("{}{path}", server.url)).send();
    let response = response.await.expect("an answer");
    match said(&response, "content-type") {
        // Pictures are meant to be embedded by other sites.
        "image/png" => assert_eq!(
            said(&response, "cross-origin-resource-policy"),
            "cross-origin"
        ),
        _ => is_dressed(&response),
    }
    response
}

async fn change(stores: &TestStores, sql: String) {
    let db = sqlx::PgPool::connect(&stores.database_url)
        .await
        .expect("database");
    sqlx::query(sqlx::AssertSqlSafe(sql))
        .execute(&db)
        .await
        .expect("a change");
}

/// Creates a rehearsal of the concert `of` that no request has read yet.
async fn rehearsal(stores: &TestStores, organiser: &Person, of: &str) -> String {
    let copy = make_concert(organiser, &[("title", "A rehearsal".into())]).await;
    change(
        stores,
        format!("UPDATE concerts SET rehearsal_of = {of} WHERE id = {copy}"),
    )
    .await;
    copy
}

/// Returns the addresses of a sitemap, each with its alternates and the time of its last change.
fn addresses(xml: &str) -> BTreeMap<String, (BTreeMap<String, String>, Option<String>)> {
    let document = Document::parse(xml).expect("XML");
    let root = document.root_element();
    assert!(root.has_tag_name(("http://www.sitemaps.org/schemas/sitemap/0.9", "urlset")));
    let urls = root.children().filter(|node| node.is_element());
    let urls = urls.map(|url| {
        let text = |name: &str| {
            let found = url.children().find(|child| child.tag_name().name() == name);
            found.and_then(|child| child.text()).map(str::to_owned)
        };
        let links = url
            .children()
            .filter(|child| child.has_tag_name(("http://www.w3.org/1999/xhtml", "link")));
        let links = links.map(|link| {
            assert_eq!(link.attribute("rel"), Some("alternate"));
            let value = |name| link.attribute(name).expect("a value").to_owned();
            (value("hreflang"), value("href"))
        });
        (
            text("loc").expect("an address"),
            (links.collect(), text("lastmod")),
        )
    });
    urls.collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_public_page_is_listed_in_every_language() {
    let stores = stores().await;
    let server = Server::start(&stores);
    let organiser = Person::organiser(&server, &stores, "organiser").await;
    let quoted = make_concert(&organiser, &[("title", "Tom & 'Jerry' <3".into())]).await;
    let korean = make_concert(&organiser, &[("title", "한강의 밤".into())]).await;
    let copy = rehearsal(&stores, &organiser, &quoted).await;

    let robots = get(&server, "/robots.txt").await;
    assert!(said(&robots, "content-type").starts_with("text/plain"));
    let robots = robots.text().await.expect("text");
    let sitemap = robots
        .lines()
        .find_map(|line| line.strip_prefix("Sitemap: "));
    assert_eq!(
        sitemap,
        Some(format!("{}/sitemap.xml", server.url).as_str())
    );
    for private in ["/api/", "/account", "/admin", "/tickets"] {
        assert!(
            robots.contains(&format!("\nDisallow: {private}\n")),
            "{robots}"
        );
    }

    let list = get(&server, "/sitemap.xml").await;
    assert!(said(&list, "content-type").starts_with("application/xml"));
    assert!(said(&list, "cache-control").contains("max-age="));
    let list = addresses(&list.text().await.expect("text"));
    assert_eq!(list.len(), 3 * 3, "{list:?}");
    assert!(
        !list
            .keys()
            .any(|address| address.contains(&format!("/{copy}-")))
    );
    for (address, (alternates, changed)) in &list {
        // Each listed page is canonical at that exact address and names the same alternates as the
        // sitemap.
        let page = head(address).await;
        assert_eq!(page.status, StatusCode::OK, "{address}");
        assert_eq!(page.canonical.as_ref(), Some(address));
        assert_eq!(&page.alternates, alternates);
        assert_eq!(alternates.len(), 3);
        assert!(
            alternates
                .values()
                .all(|other| list[other].0 == *alternates)
        );
        let concert = address.contains("/concerts/");
        assert_eq!(concert, changed.is_some());
        if let Some(changed) = changed {
            chrono::DateTime::parse_from_rfc3339(changed).expect("an instant");
        }
    }
    let paths: BTreeSet<_> = list
        .keys()
        .filter(|address| !address.contains('?'))
        .cloned()
        .collect();
    let at = |path: String| format!("{}{path}", server.url);
    let expected = [
        at("/".into()),
        at(format!("/concerts/{quoted}-tom-jerry-3")),
        at(format!(
            "/concerts/{korean}-%ED%95%9C%EA%B0%95%EC%9D%98-%EB%B0%A4"
        )),
    ];
    assert_eq!(paths, expected.into());
    for nowhere in ["/sitemap.xml?part=2", "/sitemap.xml?part=0"] {
        assert_eq!(get(&server, nowhere).await.status(), StatusCode::NOT_FOUND);
    }
    assert_eq!(
        get(&server, "/sitemap.xml?part=x").await.status(),
        StatusCode::BAD_REQUEST
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_long_list_comes_in_parts_that_have_everything_once() {
    const MORE: usize = 5_001;
    let stores = stores().await;
    let server = Server::start(&stores);
    let organiser = Person::organiser(&server, &stores, "organiser").await;
    make_concert(&organiser, &[]).await;
    let columns = "artist, genre, venue, starts_at, ends_at, running_minutes, price_won, description, capacity, \
                   sale_opens_at, batch_size, interval_ms";
    let more = format!(
        "INSERT INTO concerts (title, {columns})
         SELECT 'Concert & more ' || n, {columns} FROM concerts, generate_series(1, {MORE}) AS n"
    );
    change(&stores, more).await;
    let index = get(&server, "/sitemap.xml")
        .await
        .text()
        .await
        .expect("text");
    let index = Document::parse(&index).expect("XML");
    assert_eq!(index.root_element().tag_name().name(), "sitemapindex");
    let parts = index
        .descendants()
        .filter(|node| node.tag_name().name() == "loc");
    let parts: Vec<String> = parts
        .filter_map(|part| part.text())
        .map(str::to_owned)
        .collect();
    assert_eq!(parts.len(), 3);
    let mut seen = BTreeSet::new();
    for part in parts {
        let path = part.strip_prefix(&server.url).expect("an address of ours");
        let list = get(&server, path).await.text().await.expect("text");
        assert!(list.len() < 50 * 1024 * 1024);
        let list = addresses(&list);
        assert!(list.len() <= 50_000);
        for address in list.into_keys() {
            assert!(seen.insert(address.clone()), "{address} twice");
        }
    }
    assert_eq!(seen.len(), 3 * (MORE + 2));
    assert_eq!(
        get(&server, "/sitemap.xml?part=4").await.status(),
        StatusCode::NOT_FOUND
    );
}

/// Returns the width and height of a PNG in pixels.
fn size(png: &[u8]) -> (u32, u32) {
    assert_eq!(&png[..8], b"\x89PNG\r\n\x1a\n");
    assert_eq!(&png[12..16], b"IHDR");
    let number = |at: usize| u32::from_be_bytes(png[at..at + 4].try_into().expect("four bytes"));
    (number(16), number(20))
}

#[tokio::test(flavor = "multi_thread")]
async fn every_concert_has_a_picture_that_others_can_show() {
    let stores = stores().await;
    let server = Server::start(&stores);
    let organiser = Person::organiser(&server, &stores, "organiser").await;
    let titles = [
        "한강, 불이 꺼지면",
        "</text><script>alert(1)</script> & \"so on\"",
        "🎸",
        "W W W W W W W W W W W W W W W W W W W W W W W W W W",
    ];
    let mut pictures = BTreeSet::new();
    let mut last = String::new();
    for title in titles {
        let id = make_concert(&organiser, &[("title", title.into())]).await;
        let page = head(&format!("{}/concerts/{id}?lang=en", server.url)).await;
        let path = page
            .meta("og:image")
            .strip_prefix(&server.url)
            .expect("an address of ours")
            .to_owned();
        let response = get(&server, &path).await;
        assert_eq!(response.status(), StatusCode::OK, "{title}");
        assert_eq!(said(&response, "content-type"), "image/png");
        assert!(said(&response, "cache-control").starts_with("public, max-age="));
        let png = response.bytes().await.expect("a picture");
        assert_eq!(size(&png).0.to_string(), page.meta("og:image:width"));
        assert_eq!(size(&png).1.to_string(), page.meta("og:image:height"));
        assert!(png.len() < 1_000_000, "{} bytes", png.len());
        assert!(pictures.insert(png), "{title} has the picture of another");
        last = id;
    }
    let path = format!("/concerts/{last}/card.png");
    let english = get(&server, &format!("{path}?lang=en")).await;
    let korean = get(&server, &format!("{path}?lang=ko")).await;
    assert_ne!(said(&english, "etag"), said(&korean, "etag"));

    // A conditional request gets 304 until the picture changes.
    let ask = async |tag: &str| {
        let request = Client::new().get(format!("{}{path}", server.url));
        let request = request.header(header::IF_NONE_MATCH, tag);
        request.send().await.expect("an answer")
    };
    let tag = said(&english, "etag").to_owned();
    let same = ask(&format!("\"x\", W/{tag}")).await;
    assert_eq!(
        (same.status(), said(&same, "etag")),
        (StatusCode::NOT_MODIFIED, tag.as_str())
    );
    assert!(same.bytes().await.expect("nothing").is_empty());
    change(
        &stores,
        format!("UPDATE concerts SET title = 'Another' WHERE id = {last}"),
    )
    .await;
    assert_eq!(ask(&tag).await.status(), StatusCode::OK);

    let site = get(&server, "/card.png?lang=ko").await;
    assert_eq!(size(&site.bytes().await.expect("a picture")), (1200, 630));
    let copy = rehearsal(&stores, &organiser, &last).await;
    for nowhere in [&copy, "999999", "x", "1-x"] {
        let response = get(&server, &format!("/concerts/{nowhere}/card.png")).await;
        assert_eq!(response.status(), StatusCode::NOT_FOUND, "{nowhere}");
    }
}
