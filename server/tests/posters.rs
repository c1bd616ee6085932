//! Posters over HTTP: uploaded by a form without JavaScript, fetched by any client.

mod support;

use reqwest::multipart::{Form, Part};
use reqwest::{Client, Response, StatusCode, header};
use serde_json::{Value, json};
use support::pages::{is_dressed, said};
use support::{Person, Server, make_concert, stores};

const BROWSER: &str = "text/html,application/xhtml+xml";
const SCRIPT: &str = "application/json";

/// Builds an uncompressed PNG of `side` × `side` pixels in one grey. Written by hand, so that the
/// server is not tested with its own encoder.
fn png(side: u32, shade: u8) -> Vec<u8> {
    let mut rows = Vec::new();
    for _ in 0..side {
        rows.push(0);
        rows.extend(std::iter::repeat_n(shade, side as usize));
    }
    let mut data = vec![0x78, 0x01];
    let mut blocks = rows.chunks(0xFFFF).peekable();
    while let Some(block) = blocks.next() {
        let length = block.len() as u16;
        data.push(u8::from(blocks.peek().is_none()));
        data.extend(length.to_le_bytes());
        data.extend((!length).to_le_bytes());
        data.extend(block);
    }
    let (a, b) = rows.iter().fold((1_u32, 0_u32), |(a, b), byte| {
        let a = (a + u32::from(*byte)) % 65_521;
        (a, (b + a) % 65_521)
    });
    data.extend((b << 16 | a).to_be_bytes());
    let mut head = [side.to_be_bytes(), side.to_be_bytes()].concat();
    head.extend([8, 0, 0, 0, 0]);
    let mut file = b"\x89PNG\r\n\x1a\n".to_vec();
    for (name, content) in [(b"IHDR", &head), (b"IDAT", &data), (b"IEND", &Vec::new())] {
        let chunk = [&name[..], content].concat();
        file.extend((content.len() as u32).to_be_bytes());
        file.extend(&chunk);
        file.extend(crc32(&chunk).to_be_bytes());
    }
    file
}

fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(u32::MAX, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| {
            (crc >> 1) ^ if crc & 1 == 1 { 0xEDB8_8320 } else { 0 }
        })
    })
}

/// Uploads a file as the form on the page does.
async fn send(by: &Person, accept: &str, concert: &str, file: Vec<u8>) -> Response {
    send_as(&by.client, by, accept, concert, file, &[]).await
}

async fn send_as(
    client: &Client,
    by: &Person,
    accept: &str,
    concert: &str,
    file: Vec<u8>,
    headers: &[(&'static str, &str)],
) -> Response {
    let part = Part::bytes(file).file_name("poster.jpg");
    let part = part.mime_str("image/jpeg").expect("a type");
    let mut request = client
        .post(format!("{}/api/upload_poster?id={concert}", by.url))
        .header(header::ACCEPT, accept)
        .multipart(Form::new().part("poster", part));
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.send().await.expect("an answer")
}

async fn poster_of(by: &Person, concert: &str) -> Value {
    let (status, view) = by.get("get_concert", &[("id", concert)]).await;
    assert_eq!(status, StatusCode::OK, "{view}");
    view["concert"]["poster"].clone()
}

async fn code(response: Response) -> (u16, Value) {
    let status = response.status().as_u16();
    let body: Value = response.json().await.expect("json");
    (status, body["code"].clone())
}

/// Returns the redirect target of a 303.
fn location(response: &Response) -> String {
    assert_eq!(response.status(), StatusCode::SEE_OTHER);
    let location = response.headers()[header::LOCATION].to_str();
    location.expect("an address").to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_poster_is_uploaded_without_javascript_shown_replaced_and_removed() {
    let stores = stores().await;
    let (server, other) = (Server::start(&stores), Server::start(&stores));
    let organiser = Person::organiser(&server, &stores, "mina").await;
    let stranger = Person::new(&other);
    let concert = make_concert(&organiser, &[]).await;
    assert_eq!(poster_of(&stranger, &concert).await, Value::Null);
    let drawn = card(&stranger, &concert, "").await;
    let form = format!("/concerts/{concert}/edit#poster-form");

    // A PNG declared as a JPEG: the format is read from the content.
    let sent = send(&organiser, BROWSER, &concert, png(700, 90)).await;
    assert_eq!(location(&sent), form);
    let poster = poster_of(&stranger, &concert).await;
    let poster = poster.as_str().expect("a poster");
    let (hash, widest) = poster.split_once('-').expect("a name");
    assert_eq!(widest, "640");
    for width in [320, 640] {
        let address = format!("{}/posters/{concert}/{hash}-{width}.jpg", stranger.url);
        let response = stranger.client.get(&address).send().await.expect("it");
        assert_eq!(response.status(), StatusCode::OK);
        is_dressed(&response);
        assert_eq!(said(&response, "content-type"), "image/jpeg");
        assert_eq!(
            said(&response, "cache-control"),
            "public, max-age=31536000, immutable"
        );
        assert!(said(&response, "content-security-policy").starts_with("default-src 'none'"));
        let tag = said(&response, "etag").to_owned();
        assert!(response.headers().get(header::SET_COOKIE).is_none());
        let jpeg = response.bytes().await.expect("a body");
        assert!(jpeg.starts_with(&[0xFF, 0xD8, 0xFF]) && jpeg.len() < 40_000);
        let known = stranger
            .client
            .get(&address)
            .header(header::IF_NONE_MATCH, tag);
        let known = known.send().await.expect("an answer");
        assert_eq!(known.status(), StatusCode::NOT_MODIFIED);
        assert_eq!(known.bytes().await.expect("no body").len(), 0);
    }
    for nowhere in [
        format!("{concert}/{hash}-960.jpg"),
        format!("{concert}/{hash}-640.png"),
        format!("{concert}/{hash}-640"),
        format!("{concert}/{}-640.jpg", "0".repeat(32)),
        format!("{concert}/..%2f..%2fhealthz"),
        format!("99999/{hash}-640.jpg"),
        format!("x/{hash}-640.jpg"),
    ] {
        let address = format!("{}/posters/{nowhere}", stranger.url);
        let response = stranger
            .client
            .get(address)
            .send()
            .await
            .expect("an answer");
        assert_eq!(response.status(), StatusCode::NOT_FOUND, "{nowhere}");
        is_dressed(&response);
        assert_eq!(said(&response, "cache-control"), "no-store");
    }

    let uploaded = card(&stranger, &concert, &drawn).await;
    let sent = send(&organiser, SCRIPT, &concert, png(400, 200)).await;
    let answer: Value = sent.json().await.expect("json");
    let replaced = poster_of(&stranger, &concert).await;
    assert_eq!(answer, json!({"poster": replaced}));
    assert!(
        replaced
            .as_str()
            .is_some_and(|name| !name.starts_with(hash))
    );
    let other = card(&stranger, &concert, &uploaded).await;
    let (status, _) = organiser.post("remove_poster", &[("id", &concert)]).await;
    assert_eq!(status, StatusCode::OK);
    assert_eq!(poster_of(&stranger, &concert).await, Value::Null);
    assert_eq!(card(&stranger, &concert, &other).await, drawn);
}

/// Returns the tag of a concert's picture. Asserts that it differs from `before` and that a request
/// with it gets 304.
async fn card(by: &Person, concert: &str, before: &str) -> String {
    let ask = async |tag: &str| {
        let asked = by
            .client
            .get(format!("{}/concerts/{concert}/card.png", by.url))
            .header(header::IF_NONE_MATCH, tag);
        asked.send().await.expect("an answer")
    };
    let answer = ask(before).await;
    assert_eq!(answer.status(), StatusCode::OK);
    let tag = said(&answer, "etag").to_owned();
    assert_eq!(ask(&tag).await.status(), StatusCode::NOT_MODIFIED);
    tag
}

#[tokio::test(flavor = "multi_thread")]
async fn a_card_without_its_poster_is_not_remembered() {
    let stores = stores().await;
    let [server, other] = [Server::start(&stores), Server::start(&stores)];
    let organiser = Person::organiser(&server, &stores, "mina").await;
    let concert = make_concert(&organiser, &[]).await;
    let drawn = async |server: &Server| {
        let answer = reqwest::get(format!("{}/concerts/{concert}/card.png", server.url)).await;
        let answer = answer.expect("an answer");
        (answer.status(), answer.bytes().await.expect("a picture"))
    };
    let (_, ours) = drawn(&other).await;
    send(&organiser, SCRIPT, &concert, png(400, 90)).await;
    let db = sqlx::PgPool::connect(&stores.database_url);
    let db = db.await.expect("PostgreSQL");
    // As if the poster had been removed after the concert was read.
    let set = async |statement: &'static str| {
        sqlx::query(statement).execute(&db).await.expect("posters");
    };
    set("UPDATE posters SET width = width + 1").await;
    let (gone, _) = drawn(&other).await;
    assert_eq!(gone, StatusCode::SERVICE_UNAVAILABLE);
    set("UPDATE posters SET width = width - 1").await;
    let (status, with_poster) = drawn(&other).await;
    assert_eq!(status, StatusCode::OK);
    assert_ne!(with_poster, ours);
    assert_eq!(drawn(&server).await, (StatusCode::OK, with_poster));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_refused_comes_back_to_the_form_with_its_reason() {
    let stores = stores().await;
    let server = Server::start(&stores);
    let organiser = Person::organiser(&server, &stores, "mina").await;
    let concert = make_concert(&organiser, &[]).await;
    let script = b"<svg xmlns=\"http://www.w3.org/2000/svg\"><script>alert(1)</script></svg>";
    let long = vec![0; 9 * 1024 * 1024];
    for (file, kind, words) in [
        (
            script.to_vec(),
            "not_a_picture",
            "This is no picture that can be read here.",
        ),
        (Vec::new(), "missing", "Please fill this in."),
        (
            png(100, 0),
            "too_few_pixels",
            "The picture is too small: at least 320 pixels",
        ),
        (
            long,
            "too_many_bytes",
            "The file is too large: at most 8 MB.",
        ),
    ] {
        let refused = send(&organiser, SCRIPT, &concert, file.clone()).await;
        assert_eq!(refused.status(), StatusCode::UNPROCESSABLE_ENTITY);
        let body: Value = refused.json().await.expect("json");
        assert_eq!(body["problems"][0]["field"], "poster", "{body}");
        assert_eq!(body["problems"][0]["kind"], kind, "{body}");

        let refused = send(&organiser, BROWSER, &concert, file).await;
        assert_eq!(refused.status(), StatusCode::UNPROCESSABLE_ENTITY);
        let page = refused.text().await.expect("a page");
        assert!(page.contains(words), "{words}: {page}");
    }
    assert_eq!(poster_of(&organiser, &concert).await, Value::Null);
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_else_uploads_and_no_other_site_does() {
    let stores = stores().await;
    let server = Server::start(&stores);
    let organiser = Person::organiser(&server, &stores, "mina").await;
    let rival = Person::organiser(&server, &stores, "rival").await;
    let fan = Person::signed_up(&server, "fan").await;
    let stranger = Person::new(&server);
    let concert = make_concert(&organiser, &[]).await;
    let file = png(400, 90);
    for (by, refusal) in [
        (&rival, (403, json!("forbidden"))),
        (&fan, (403, json!("forbidden"))),
        (&stranger, (401, json!("not_logged_in"))),
    ] {
        assert_eq!(
            code(send(by, SCRIPT, &concert, file.clone()).await).await,
            refusal
        );
        let removed = by.post("remove_poster", &[("id", &concert)]).await;
        assert_eq!(removed.1["code"], refusal.1);
    }
    for (name, value) in [
        ("sec-fetch-site", "cross-site"),
        ("origin", "https://evil.example"),
    ] {
        let headers = [(name, value)];
        let sent = send_as(
            &organiser.client,
            &organiser,
            SCRIPT,
            &concert,
            file.clone(),
            &headers,
        );
        assert_eq!(sent.await.status(), StatusCode::FORBIDDEN, "{name}");
    }
    let nowhere = send(&organiser, SCRIPT, "99999", file.clone()).await;
    assert_eq!(code(nowhere).await, (404, json!("not_found")));
    let nothing = send(&organiser, SCRIPT, "x", file).await;
    assert_eq!(code(nothing).await, (400, json!("malformed")));
    let (status, refused) = organiser
        .post(&format!("upload_poster?id={concert}"), &[("poster", "x")])
        .await;
    assert_eq!(
        (status.as_u16(), &refused["code"]),
        (400, &json!("malformed"))
    );
    assert_eq!(poster_of(&organiser, &concert).await, Value::Null);
}

#[tokio::test(flavor = "multi_thread")]
async fn only_posters_may_be_long() {
    let stores = stores().await;
    let server = Server::start(&stores);
    let organiser = Person::organiser(&server, &stores, "mina").await;
    let concert = make_concert(&organiser, &[]).await;
    let long = "x".repeat(300 * 1024);
    for path in [
        "/api/create_concert",
        "/api/remove_poster",
        "/api/upload_poster/",
        "/api/upload_poster/more",
        "/concerts/new",
    ] {
        let response = organiser
            .client
            .post(format!("{}{path}", server.url))
            .header(header::ACCEPT, SCRIPT)
            .body(long.clone())
            .send()
            .await
            .expect("an answer");
        assert_eq!(response.status(), StatusCode::PAYLOAD_TOO_LARGE, "{path}");
    }
    // The maximum length: the file is read completely and found not to be a picture.
    let longest = vec![7; 8 * 1024 * 1024];
    let refused = send(&organiser, SCRIPT, &concert, longest).await;
    let body: Value = refused.json().await.expect("json");
    assert_eq!(body["problems"][0]["kind"], "not_a_picture");
}
