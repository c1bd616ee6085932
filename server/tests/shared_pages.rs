//! Pages rendered once for all visitors: as correct as any other, and without data of any account.

mod support;

use reqwest::header::{ACCEPT_ENCODING, ACCEPT_LANGUAGE, AUTHORIZATION, CACHE_CONTROL, COOKIE};
use reqwest::{Client, Response, StatusCode};
use std::collections::HashSet;
use std::time::{Duration, Instant};
use support::{Person, Server, make_concert, stores};

async fn get(
    server: &Server,
    path: &str,
    headers: &[(reqwest::header::HeaderName, &str)],
) -> Response {
    let mut request = Client::new().get(format!("{}{path}", server.url));
    for (name, value) in headers {
        request = request.header(name, *value);
    }
    request.send().await.expect("an answer")
}

/// Returns the page's age in milliseconds. Returns `None` if it was rendered for this request
/// alone.
fn age(response: &Response) -> Option<f64> {
    let timing = response.headers().get("server-timing")?.to_str().ok()?;
    timing.strip_prefix("age;dur=")?.parse().ok()
}

#[tokio::test(flavor = "multi_thread")]
async fn visitors_share_a_page_for_a_moment_and_nobody_else_gets_it() {
    let stores = stores().await;
    let server = Server::start(&stores);
    let organiser = Person::organiser(&server, &stores, "organiser").await;
    let concert = make_concert(&organiser, &[("title", "The first title".into())]).await;
    let path = format!("/concerts/{concert}");

    // Twenty concurrent requests get the same page, including the time in it, from fewer
    // renderings.
    let asked = (0..20).map(|_| get(&server, &path, &[]));
    let mut pages = HashSet::new();
    for page in futures::future::join_all(asked).await {
        assert!(age(&page).is_some_and(|age| age < 1000.0));
        // Browsers and proxies must not cache it.
        assert_eq!(page.headers()[CACHE_CONTROL], "no-store");
        let page = page.text().await.expect("a page");
        assert!(page.contains("The first title") && page.contains("Log in"));
        pages.insert(page);
    }
    assert!(pages.len() < 20, "{} renderings", pages.len());

    // Each language and each encoding is a page of its own.
    let korean = get(&server, &path, &[(ACCEPT_LANGUAGE, "ko")]).await;
    assert!(korean.text().await.expect("a page").contains("lang=\"ko\""));
    let packed = get(&server, &path, &[(ACCEPT_ENCODING, "br")]).await;
    assert_eq!(packed.headers()["content-encoding"], "br");
    assert!(age(&packed).is_some());

    // A logged-in client gets its own page, whichever credentials it sends, and leaves nothing
    // behind.
    let (status, own) = organiser.page(&path).await;
    assert!(
        status == StatusCode::OK && own.contains("organiser"),
        "{own}"
    );
    for header in [
        (AUTHORIZATION, "Bearer x"),
        (COOKIE, "frontrow_access=x"),
        (COOKIE, "frontrow_form=x"),
    ] {
        assert_eq!(age(&get(&server, &path, &[header]).await), None);
    }
    let visitor = get(&server, &path, &[]).await.text().await.expect("a page");
    assert!(visitor.contains("Log in"));

    // A change appears as soon as the shared page has expired.
    let db = sqlx::PgPool::connect(&stores.database_url)
        .await
        .expect("database");
    sqlx::query("UPDATE concerts SET title = 'The second title' WHERE id = $1")
        .bind(concert.parse::<i64>().expect("an id"))
        .execute(&db)
        .await
        .expect("a change");
    let patience = Instant::now() + Duration::from_secs(20);
    loop {
        let page = get(&server, &path, &[]).await;
        assert!(age(&page).is_some_and(|age| age < 1000.0));
        if page
            .text()
            .await
            .expect("a page")
            .contains("The second title")
        {
            break;
        }
        assert!(Instant::now() < patience, "the old page stays");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_that_is_not_there_is_shared_as_that() {
    let stores = stores().await;
    let server = Server::start(&stores);
    for _ in 0..2 {
        let response = get(&server, "/concerts/999999", &[]).await;
        assert_eq!(response.status(), StatusCode::NOT_FOUND);
    }
}
