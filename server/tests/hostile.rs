//! Hostile requests: no answer is a server error, contains text of a library or a store, or
//! redirects to another site.

mod support;

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD as BASE64;
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use leptos::server_fn::axum::server_fn_paths;
use reqwest::{Client, Method, StatusCode, Url, header};
use serde_json::{Value, json};
use std::time::{Duration, Instant};
use support::pages::{is_guarded, page};
use support::{PASSWORD, Person, SECRET, Server, make_concert, now, stores};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// Returns every server function of this method, so that a new one is attacked as soon as it
/// exists.
fn functions(method: &Method) -> Vec<&'static str> {
    // References the crate, so that its server functions are linked into this program.
    let _ = app::App;
    let mut paths: Vec<_> = server_fn_paths()
        .filter(|(_, of)| of == method)
        .map(|(path, _)| path)
        .collect();
    assert!(paths.len() >= 5, "{paths:?}");
    // The log-out comes last: it ends the session that the other requests use.
    paths.sort_by_key(|path| (path.contains("log_out"), *path));
    paths
}

/// Returns whether a text is free of words that only a library or a store would produce.
fn is_ours(text: &str) -> bool {
    let strange = [
        "sqlx",
        "postgres",
        "PgPool",
        "redis",
        "panicked",
        "RUST_BACKTRACE",
        "src/",
        "serde",
        "missing field",
        "invalid type",
        "Could not find a server function",
    ];
    !strange.iter().any(|word| text.contains(word))
}

async fn token(person: &Person, name: &str) -> Value {
    let (status, pair) = person
        .post(
            "create_token",
            &[("account_name", name), ("password", PASSWORD)],
        )
        .await;
    assert_eq!(status, StatusCode::OK, "{pair}");
    pair
}

fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value[name].as_str().expect("a text")
}

/// Returns part `number` of a token, decoded.
fn part(token: &str, number: usize) -> Value {
    let part = token.split('.').nth(number).expect("a part");
    serde_json::from_slice(&BASE64.decode(part).expect("base64")).expect("json")
}

fn raw_part(value: &Value) -> String {
    BASE64.encode(value.to_string())
}

/// Returns the statuses of `list_tickets` with the token in the header and in the cookie.
async fn opens(server: &Server, token: &[u8]) -> [StatusCode; 2] {
    let bearer = [b"Bearer ", token].concat();
    let cookie = [b"frontrow_access=", token].concat();
    let mut statuses = Vec::new();
    for (name, value) in [(header::AUTHORIZATION, bearer), (header::COOKIE, cookie)] {
        let request = Client::new()
            .get(format!("{}/api/list_tickets", server.url))
            .header(header::ACCEPT, "application/json")
            .header(name, value);
        let response = request.send().await.expect("an answer");
        statuses.push(response.status());
        assert!(is_ours(&response.text().await.expect("a body")));
    }
    [statuses[0], statuses[1]]
}

#[tokio::test(flavor = "multi_thread")]
async fn forged_tokens_open_nothing() {
    let stores = stores().await;
    let server = Server::start(&stores);
    let person = Person::signed_up(&server, "mina").await;
    let pair = token(&person, "mina").await;
    let genuine = text(&pair, "access_token");
    let (head, claims) = (part(genuine, 0), part(genuine, 1));
    let header = |algorithm| Header {
        kid: Some(text(&head, "kid").to_owned()),
        ..Header::new(algorithm)
    };
    let signed = |header: &Header, claims: &Value, secret: &str| {
        encode(header, claims, &EncodingKey::from_secret(secret.as_bytes())).expect("a token")
    };
    let ours = header(Algorithm::HS256);
    let with = |name: &str, value: Value| {
        let mut claims = claims.clone();
        claims[name] = value;
        signed(&ours, &claims, SECRET)
    };
    // The genuine token signed again is valid, so each forgery below is refused for its defect
    // alone.
    let again = signed(&ours, &claims, SECRET);
    assert_eq!(opens(&server, again.as_bytes()).await, [StatusCode::OK; 2]);

    let seconds = now().timestamp();
    let mut forged = vec![
        ("an empty token", String::new()),
        ("two dots", "..".to_owned()),
        (
            "another secret",
            signed(&ours, &claims, "some other secret that is long enough"),
        ),
        ("no secret", signed(&ours, &claims, "")),
        ("HS384", signed(&header(Algorithm::HS384), &claims, SECRET)),
        ("HS512", signed(&header(Algorithm::HS512), &claims, SECRET)),
        ("another issuer", with("iss", json!("elsewhere"))),
        ("another audience", with("aud", json!("elsewhere"))),
        ("a token of tomorrow", with("iat", json!(seconds + 86_400))),
        ("an expired token", with("exp", json!(seconds - 1))),
        ("an end that is no number", with("exp", json!("never"))),
        ("another session", with("sid", json!("0".repeat(22)))),
        ("a session that is a pattern", with("sid", json!("*"))),
        ("no session", with("sid", json!(null))),
    ];
    let other_key = Header {
        kid: Some("0123456789abcdef".to_owned()),
        ..Header::new(Algorithm::HS256)
    };
    forged.push(("an unknown key", signed(&other_key, &claims, SECRET)));
    let no_key = Header::new(Algorithm::HS256);
    forged.push(("no key", signed(&no_key, &claims, SECRET)));
    for claim in ["sub", "sid", "jti", "iat", "exp", "iss", "aud"] {
        let mut fewer = claims.clone();
        fewer.as_object_mut().expect("claims").remove(claim);
        forged.push((claim, signed(&ours, &fewer, SECRET)));
    }
    // The payload of another account, and headers that name another algorithm than the one we sign
    // with.
    let parts: Vec<&str> = genuine.split('.').collect();
    let mut admin = claims.clone();
    admin["roles"] = json!(["admin"]);
    admin["sub"] = json!("1");
    forged.push((
        "a changed payload",
        [parts[0], &raw_part(&admin), parts[2]].join("."),
    ));
    for algorithm in ["none", "None", "RS256", "ES256", "PS512", "HS257", ""] {
        let mut head = head.clone();
        head["alg"] = json!(algorithm);
        let head = raw_part(&head);
        forged.push(("another algorithm", [&head, parts[1], parts[2]].join(".")));
        forged.push(("no signature", [&head, parts[1], ""].join(".")));
    }
    for (what, token) in forged {
        assert_ne!(token, genuine);
        assert_eq!(
            opens(&server, token.as_bytes()).await,
            [StatusCode::UNAUTHORIZED; 2],
            "{what}: {token}"
        );
    }
    let unreadable = [genuine.as_bytes(), b"\xff"].concat();
    assert_eq!(
        opens(&server, &unreadable).await,
        [StatusCode::UNAUTHORIZED; 2]
    );
    let long = "x".repeat(30_000);
    assert_eq!(
        opens(&server, long.as_bytes()).await,
        [StatusCode::UNAUTHORIZED; 2]
    );
    let endless = "x".repeat(100_000);
    assert_eq!(
        opens(&server, endless.as_bytes()).await,
        [StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE; 2]
    );
    assert_eq!(
        opens(&server, genuine.as_bytes()).await,
        [StatusCode::OK; 2]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refresh_token_that_was_replaced_twice_ends_the_session() {
    let stores = stores().await;
    let server = Server::start(&stores);
    let person = Person::signed_up(&server, "mina").await;
    let refresh = async |token: &str| {
        let fields = [("refresh_token", token)];
        Person::new(&server).post("refresh_token", &fields).await
    };
    let first = token(&person, "mina").await;
    let (_, second) = refresh(text(&first, "refresh_token")).await;
    let (status, third) = refresh(text(&second, "refresh_token")).await;
    assert_eq!(status, StatusCode::OK, "{third}");
    let newest = text(&third, "access_token").as_bytes();
    assert_eq!(opens(&server, newest).await, [StatusCode::OK; 2]);
    let (status, _) = refresh(text(&first, "refresh_token")).await;
    assert_eq!(status, StatusCode::UNAUTHORIZED);
    // Both the thief and the owner of the token are logged out.
    assert_eq!(opens(&server, newest).await, [StatusCode::UNAUTHORIZED; 2]);
    let (status, _) = refresh(text(&third, "refresh_token")).await;
    assert_eq!(status, StatusCode::UNAUTHORIZED);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_that_was_there_before_is_not_the_one_that_is_logged_into() {
    let stores = stores().await;
    let server = Server::start(&stores);
    Person::signed_up(&server, "mina").await;
    let attacker = Person::signed_up(&server, "attacker").await;
    let pair = token(&attacker, "attacker").await;
    let (access, refresh) = (text(&pair, "access_token"), text(&pair, "refresh_token"));
    let planted = [
        format!("frontrow_access={access}; frontrow_refresh={refresh}"),
        "frontrow_access=chosen; frontrow_refresh=chosen.chosen".to_owned(),
    ];
    let mut sessions = vec![part(access, 1)["sid"].clone()];
    for cookies in planted {
        let request = Client::new()
            .post(format!("{}/api/log_in", server.url))
            .header(header::COOKIE, cookies)
            .form(&[("account_name", "mina"), ("password", PASSWORD)]);
        let response = request.send().await.expect("an answer");
        assert_eq!(response.status(), StatusCode::OK);
        let given: Vec<_> = response
            .cookies()
            .filter(|cookie| cookie.name() == "frontrow_access")
            .map(|cookie| part(cookie.value(), 1)["sid"].clone())
            .collect();
        let [sid] = &given[..] else {
            panic!("{given:?}");
        };
        assert!(!sessions.contains(sid), "{sid} is in use already");
        sessions.push(sid.clone());
    }
    // The attacker's session still belongs to the attacker.
    let who = Client::new()
        .get(format!("{}/api/current_account", server.url))
        .bearer_auth(access);
    let who = who.send().await.expect("an answer").text().await;
    assert!(who.expect("a body").contains("\"attacker\""));
}

#[tokio::test(flavor = "multi_thread")]
async fn no_other_site_changes_anything() {
    let stores = stores().await;
    let server = Server::start(&stores);
    let person = Person::signed_up(&server, "mina").await;
    let origin = header::ORIGIN;
    let site = header::HeaderName::from_static("sec-fetch-site");
    let foreign: [(_, &[u8]); 9] = [
        (&site, b"cross-site"),
        (&site, b"same-site"),
        (&site, b"\xff"),
        (&origin, b"https://evil.example"),
        (&origin, b"null"),
        (&origin, b""),
        (&origin, b"\xff"),
        (&origin, b"http://127.0.0.1"),
        (&origin, b"http://127.0.0.1:3000@evil.example"),
    ];
    for path in functions(&Method::POST) {
        for (name, value) in foreign {
            for accept in ["application/json", "text/html"] {
                let request = person
                    .client
                    .post(format!("{}{path}", server.url))
                    .header(header::ACCEPT, accept)
                    .header(name, value);
                let response = request.send().await.expect("an answer");
                assert_eq!(
                    response.status(),
                    StatusCode::FORBIDDEN,
                    "{path}: {name} {value:?}"
                );
                assert!(!response.headers().contains_key(header::SET_COOKIE));
            }
        }
    }
    assert_eq!(person.get("list_tickets", &[]).await.0, StatusCode::OK);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_makes_no_sense_is_refused_in_our_own_words() {
    let stores = stores().await;
    let server = Server::start(&stores);
    let person = Person::organiser(&server, &stores, "organiser").await;
    let form = "application/x-www-form-urlencoded";
    let deep = format!("form{}=x", "[a]".repeat(5_000));
    let long = format!("id={}", "1".repeat(64 * 1024));
    let many = "a=1&".repeat(16_000);
    let longest = vec![b'x'; 64 * 1024 + 1];
    let bodies: Vec<(&str, &[u8])> = vec![
        ("", b""),
        (form, b""),
        (form, b"&&&==="),
        (form, b"%"),
        (form, b"id=%zz&concert_id=%"),
        (form, b"id=one&concert_id=one&rehearsal_id=one&language=one"),
        (form, b"id=-1&concert_id=-1&rehearsal_id=-1&action=pause"),
        (form, b"id=9223372036854775807&concert_id=9223372036854775807&rehearsal_id=9223372036854775807"),
        (form, b"id=9223372036854775808&concert_id=1e3&rehearsal_id=0x1"),
        (form, b"id=1&id=2&concert_id=1&concert_id=2&account_name=a&account_name=b"),
        (form, b"id[]=1&concert_id[]=1&account_name[]=a&password[]=b"),
        (form, b"account_name=%00&password=%00%00%00%00%00%00%00%00%00%00&next=%00&refresh_token=%00.%00"),
        (form, b"account_name=mina%00&password=long%00enough12&name=%00&nickname=%00&email=a%00@example.com"),
        (form, b"account_name=%FF%FE&password=%FF%FE%FF&refresh_token=%FF.%FF&language=%FF"),
        (form, b"\xff\xfe\x00\x01"),
        (form, deep.as_bytes()),
        (form, many.as_bytes()),
        (form, long.as_bytes()),
        (form, &longest),
        ("application/json", b"{\"id\":1}"),
        ("application/json", b"[[[[[[[["),
        ("multipart/form-data; boundary=x", b"--x\r\n\r\nhello"),
        ("text/plain", b"id=1"),
    ];
    for path in functions(&Method::POST) {
        for (kind, body) in &bodies {
            for accept in ["application/json", "text/html"] {
                let request = person
                    .client
                    .post(format!("{}{path}", server.url))
                    .header(header::ACCEPT, accept)
                    .header(header::CONTENT_TYPE, *kind)
                    .body(body.to_vec());
                let response = request.send().await.expect("an answer");
                let status = response.status();
                let what = format!("{path}: {kind} {}", body.len());
                assert!(!status.is_server_error(), "{what}: {status}");
                // The form of a concert may be longer.
                let long = ["create_concert", "update_concert", "preview_concert"];
                let may_be_long = long.iter().any(|endpoint| path.ends_with(endpoint));
                if body.len() > 64 * 1024 && !may_be_long {
                    assert_eq!(status, StatusCode::PAYLOAD_TOO_LARGE, "{what}");
                } else if accept == "text/html" {
                    let refused = status.is_client_error() || status.is_redirection();
                    assert!(refused, "{what}: {status}");
                }
                let said = response.text().await.expect("a body");
                assert!(is_ours(&said), "{what}: {said}");
            }
        }
    }
    for path in functions(&Method::GET) {
        for query in [
            "id=one",
            "id=%00",
            "id=%FF",
            "id=1&id=2",
            "id[]=1",
            "search=%00&page=-1",
            "search=%FF",
            "concert_id=%00",
            "page=99999999999999999999",
            "genre=%00",
            "search=%25%27%22%3B--",
            "concert_id=9223372036854775807&after=9223372036854775807",
        ] {
            let address = format!("{}{path}?{query}", server.url);
            let request = person.client.get(&address);
            let response = request.send().await.expect("an answer");
            assert!(!response.status().is_server_error(), "{address}");
            let said = response.text().await.expect("a body");
            assert!(is_ours(&said), "{address}: {said}");
        }
    }
    // The server survives all of these requests.
    assert_eq!(person.page("/").await.0, StatusCode::OK);
}

/// Returns the redirect target of an answer, resolved against the page that made the request.
fn leads_to(server: &Server, response: &reqwest::Response) -> Option<Url> {
    let location = response.headers().get(header::LOCATION)?;
    let base = Url::parse(&server.url).expect("an address");
    Some(
        base.join(location.to_str().expect("text"))
            .expect("an address"),
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_leads_to_another_site() {
    let stores = stores().await;
    let server = Server::start(&stores);
    let person = Person::signed_up(&server, "mina").await;
    let here = Url::parse(&server.url).expect("an address");
    let host = server.url.trim_start_matches("http://");
    let beside = format!("http://{host}.evil.example/");
    let behind = format!("http://{host}@evil.example/");
    let port = here.port().expect("a port");
    let other_name = format!("http://localhost:{port}/");
    let mut referers: Vec<&[u8]> = [
        "https://evil.example/concerts/1",
        "//evil.example/",
        "///evil.example",
        "/\\evil.example",
        "http:evil.example",
        "javascript:alert(1)",
        "data:text/html,x",
        "evil.example",
        "",
        &beside,
        &behind,
        &other_name,
    ]
    .map(str::as_bytes)
    .to_vec();
    referers.push(b"https://evil.example/\xff");
    for method in [Method::GET, Method::POST] {
        for path in functions(&method) {
            for referer in &referers {
                let request = person
                    .client
                    .request(method.clone(), format!("{}{path}", server.url))
                    .header(header::ACCEPT, "text/html")
                    .header(header::REFERER, *referer)
                    .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
                let response = request.send().await.expect("an answer");
                if let Some(to) = leads_to(&server, &response) {
                    assert_eq!(to.origin(), here.origin(), "{path}: {referer:?}");
                } else {
                    let said = response.text().await.expect("a body");
                    assert!(!said.contains("evil.example"), "{path}: {referer:?}");
                }
            }
        }
    }
    // A refusal with one of our own pages as referer renders that page, with its problems.
    let back = person
        .client
        .post(format!("{}/api/sign_up", server.url))
        .header(header::ACCEPT, "text/html")
        .header(header::REFERER, format!("{}/sign-up", server.url))
        .form(&[("account_name", "x")]);
    let back = back.send().await.expect("an answer");
    assert_eq!(back.status(), StatusCode::BAD_REQUEST);
    assert!(back.text().await.expect("a page").contains("/api/sign_up"));

    for next in [
        "https://evil.example",
        "//evil.example",
        "/\\evil.example",
        "/\t/evil.example",
        "\\\\evil.example",
        "javascript:alert(1)",
        "/%0d%0aset-cookie:%20planted=1",
        "/\r\nset-cookie: planted=1",
        "/\u{2028}/evil.example",
    ] {
        let fields = [
            ("account_name", "mina"),
            ("password", PASSWORD),
            ("next", next),
        ];
        for accept in ["application/json", "text/html"] {
            let request = person
                .client
                .post(format!("{}/api/log_in", server.url))
                .header(header::ACCEPT, accept)
                .form(&fields);
            let response = request.send().await.expect("an answer");
            let to = leads_to(&server, &response).expect("a way on");
            assert_eq!(to.origin(), here.origin(), "{next:?}");
            assert!(
                response.cookies().all(|cookie| cookie.name() != "planted"),
                "{next:?}"
            );
        }
        // The log-in page, which passes `next` on, does not lead there either.
        let address = Url::parse_with_params(&format!("{}/log-in", server.url), [("next", next)]);
        let page = person.client.get(address.expect("an address")).send().await;
        let page = page.expect("an answer").text().await.expect("a page");
        assert!(!page.contains("evil.example\""), "{next:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_people_type_is_text_wherever_it_is_shown() {
    let stores = stores().await;
    let server = Server::start(&stores);
    let organiser = Person::organiser(&server, &stores, "organiser").await;
    const SCRIPT: &str = "</script></title><script>alert(1)</script>";
    const IMAGE: &str = "\"><img src=x onerror=alert(1)>";
    let concert = make_concert(
        &organiser,
        &[
            ("title", format!("{SCRIPT}{IMAGE}")),
            ("artist", format!("{IMAGE}{{{{7*7}}}}")),
            ("venue", format!("' onmouseover='alert(1) {IMAGE}")),
            (
                "description",
                format!("{SCRIPT}</textarea>{SCRIPT}\n<!--\n]]>{IMAGE}"),
            ),
        ],
    )
    .await;
    let fan = Person::new(&server);
    let fields = [
        ("account_name", "fan"),
        ("password", PASSWORD),
        ("name", IMAGE),
        ("nickname", "</script><script>alert(1)</script>"),
        ("email", "fan@example.com"),
    ];
    assert_eq!(fan.post("sign_up", &fields).await.0, StatusCode::OK);
    let joined = [("concert_id", concert.as_str())];
    assert_eq!(fan.post("join_queue", &joined).await.0, StatusCode::OK);
    let ticket = loop {
        let (_, tickets) = fan.get("list_tickets", &[]).await;
        if let Some(id) = tickets[0]["id"].as_i64() {
            break id;
        }
    };
    let hostile =
        "%22%3E%3Cimg%20src=x%20onerror=alert(1)%3E%3C/script%3E%3Cscript%3Ealert(1)%3C/script%3E";
    let everywhere = [
        "/".to_owned(),
        format!("/?search={hostile}"),
        format!("/?genre={hostile}&page={hostile}"),
        format!("/log-in?next=/{hostile}"),
        format!("/sign-up?next=/{hostile}"),
        format!("/{hostile}"),
        format!("/?__path={hostile}&__err={hostile}"),
        "/log-in?__path=/api/log_in&__err=bm90IGpzb24".to_owned(),
        format!("/concerts/{concert}"),
        format!("/concerts/{concert}/edit"),
        format!("/concerts/{concert}/desk"),
        format!("/concerts/{concert}/desk?__path=/api/set_pace&__err={hostile}"),
        format!("/concerts/{concert}/queue"),
        format!("/tickets/{ticket}"),
        "/tickets".to_owned(),
        "/account".to_owned(),
        "/account/profile".to_owned(),
        "/account/password".to_owned(),
        "/account/delete".to_owned(),
        format!("/account?done={hostile}"),
        "/admin".to_owned(),
        format!("/admin?search={hostile}&page={hostile}"),
        "/admin/accounts/1".to_owned(),
        "/admin/accounts/2".to_owned(),
        format!("/admin/accounts/{hostile}"),
    ];
    for person in [&organiser, &fan, &Person::new(&server)] {
        for path in &everywhere {
            // None of our tags has an event handler, and every script has the nonce.
            let response = page(person, path).await;
            assert!(!response.status().is_server_error(), "{path}");
            if response.headers()[header::CONTENT_TYPE] == "text/html; charset=utf-8" {
                is_guarded(response).await;
            }
            let (_, page) = person.page(path).await;
            for tag in support::pages::tags(&page) {
                assert!(!tag.starts_with("<img"), "{path}: {tag}");
            }
            assert!(!page.contains("<script>alert"), "{path}");
        }
    }
    let (_, shown) = fan.page(&format!("/concerts/{concert}")).await;
    assert!(shown.contains("&lt;script&gt;alert(1)"), "{shown}");
}

/// Sends `request` unchanged and returns everything up to the end of the connection, within 40 s.
async fn raw(server: &Server, request: &str) -> String {
    let address = server.url.trim_start_matches("http://");
    let mut connection = TcpStream::connect(address).await.expect("a connection");
    connection
        .write_all(request.as_bytes())
        .await
        .expect("sent");
    let mut said = Vec::new();
    let reading = connection.read_to_end(&mut said);
    let read = tokio::time::timeout(Duration::from_secs(40), reading).await;
    read.expect("the connection stays open").expect("an answer");
    String::from_utf8_lossy(&said).into_owned()
}

fn status(answer: &str) -> u16 {
    let status = answer.split(' ').nth(1).and_then(|code| code.parse().ok());
    status.unwrap_or_else(|| panic!("no status: {answer:?}"))
}

#[tokio::test(flavor = "multi_thread")]
async fn no_path_leads_out_of_the_site() {
    let stores = stores().await;
    let server = Server::start(&stores);
    server.put("pkg/a.js", "// ours");
    assert!(raw(&server, &get("/pkg/a.js")).await.contains("// ours"));
    let up = "../".repeat(12);
    let long = "a".repeat(20_000);
    let many = "a/".repeat(10_000);
    for path in [
        format!("/pkg/{up}etc/passwd"),
        format!("/{up}etc/passwd"),
        format!("/pkg/{}etc/passwd", "..%2f".repeat(12)),
        format!("/pkg/{}etc/passwd", "%2e%2e/".repeat(12)),
        format!("/pkg/{}etc/passwd", "%2e%2e%2f".repeat(12)),
        format!("/pkg/{}etc/passwd", "%252e%252e%252f".repeat(12)),
        format!("/pkg/{}etc/passwd", "..%5c".repeat(12)),
        format!("/pkg/{}etc/passwd", "..\\".repeat(12)),
        format!("/pkg/{}etc/passwd", "....//".repeat(12)),
        format!("/pkg/{}etc/passwd", "%c0%ae%c0%ae/".repeat(12)),
        "//etc/passwd".to_owned(),
        "/pkg//etc/passwd".to_owned(),
        "/file:///etc/passwd".to_owned(),
        "/pkg/a.js%00.html".to_owned(),
        "/%00".to_owned(),
        "/pkg/%00/../../etc/passwd".to_owned(),
        "/%".to_owned(),
        "/%zz".to_owned(),
        "/%ff%fe".to_owned(),
        "/concerts/%00".to_owned(),
        "/concerts/%2e%2e".to_owned(),
        "/tickets/%ff".to_owned(),
        "/api/%2e%2e/healthz".to_owned(),
        "//evil.example/%2e%2e".to_owned(),
        "/pkg".to_owned(),
        "/pkg/".to_owned(),
        "/.".to_owned(),
        "/..".to_owned(),
        format!("/{long}"),
        format!("/{many}"),
        format!("/pkg/{long}"),
        format!("/concerts/{long}"),
    ] {
        let answer = raw(&server, &get(&path)).await;
        let shown: String = path.chars().take(80).collect();
        // A path that a browser would normalise to one of our pages returns that page.
        let page = answer.contains("<!DOCTYPE html>");
        assert!(
            page || (300..500).contains(&status(&answer)),
            "{shown}: {answer}"
        );
        assert!(status(&answer) < 500, "{shown}: {answer}");
        assert!(!answer.contains("root:"), "{shown}: {answer}");
        assert!(is_ours(&answer.replace("/pkg", "")), "{shown}: {answer}");
        for line in answer.lines().take_while(|line| !line.is_empty()) {
            if let Some(to) = line.strip_prefix("location: ") {
                assert!(
                    to.starts_with('/') && !to.starts_with("//"),
                    "{shown}: {to}"
                );
            }
        }
    }
}

fn get(path: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nhost: x\r\naccept: text/html\r\nconnection: close\r\n\r\n")
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_of_another_shape_are_no_fault_of_ours() {
    let stores = stores().await;
    let server = Server::start(&stores);
    let end = "host: x\r\nconnection: close\r\nx-marked: marked\r\n";
    for method in [
        "TRACE", "BREW", "CONNECT", "OPTIONS", "DELETE", "PATCH", "get", "PRI",
    ] {
        for path in ["/", "/api/log_in", "/healthz", "/nowhere", "/pkg/x.js"] {
            let answer = raw(&server, &format!("{method} {path} HTTP/1.1\r\n{end}\r\n")).await;
            assert!(status(&answer) < 500, "{method} {path}: {answer}");
            assert!(is_ours(&answer), "{method} {path}: {answer}");
            // TRACE would return cookies to a script that must not see them.
            assert!(!answer.contains("x-marked"), "{method} {path}: {answer}");
        }
    }
    for request in [
        format!("CONNECT evil.example:443 HTTP/1.1\r\n{end}\r\n"),
        format!("OPTIONS * HTTP/1.1\r\n{end}\r\n"),
        format!("GET * HTTP/1.1\r\n{end}\r\n"),
        format!("GET evil.example:80 HTTP/1.1\r\n{end}\r\n"),
        format!("GET http://evil.example/ HTTP/1.1\r\n{end}\r\n"),
        format!("GET http://evil.example HTTP/1.1\r\n{end}\r\n"),
        format!("GET http://evil.example?x HTTP/1.1\r\naccept: text/html\r\n{end}\r\n"),
        "GET / HTTP/1.1\r\nconnection: close\r\n\r\n".to_owned(),
        "GET / HTTP/1.1\r\nhost: \r\nconnection: close\r\n\r\n".to_owned(),
        "GET / HTTP/1.0\r\n\r\n".to_owned(),
        format!("GET / HTTP/9.9\r\n{end}\r\n"),
        format!("GET / HTTP/1.1\r\nhost: y\r\n{end}\r\n"),
        format!("GET / HTTP/1.1\r\nbad header: x\r\n{end}\r\n"),
        format!("GET / HTTP/1.1\r\n{}{end}\r\n", "x: y\r\n".repeat(300)),
        format!(
            "POST /api/log_in HTTP/1.1\r\ncontent-length: 4\r\ntransfer-encoding: chunked\r\n{end}\r\n0\r\n\r\n"
        ),
        format!(
            "POST /api/log_in HTTP/1.1\r\ncontent-length: 4\r\ncontent-length: 5\r\n{end}\r\nabcde"
        ),
        format!("POST /api/log_in HTTP/1.1\r\ncontent-length: -4\r\n{end}\r\nabcd"),
        format!(
            "POST /api/log_in HTTP/1.1\r\ntransfer-encoding: chunked\r\n{end}\r\nzz\r\nabc\r\n"
        ),
    ] {
        let answer = raw(&server, &request).await;
        assert!(status(&answer) < 500, "{request}: {answer}");
        assert!(is_ours(&answer), "{request}: {answer}");
    }
    assert_eq!(status(&raw(&server, &get("/healthz")).await), 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_has_one_host_and_a_body_that_is_whole() {
    let stores = stores().await;
    let server = Server::start(&stores);
    server.put("pkg/a.js", "// ours");
    let end = "connection: close\r\n\r\n";
    for path in [
        "/",
        "/concerts",
        "/healthz",
        "/api/list_tickets",
        "/pkg/a.js",
        "/nowhere",
    ] {
        for (version, hosts, refused) in [
            ("1.1", "", true),
            ("1.1", "host: x\r\nhost: x\r\n", true),
            ("1.1", "host: x\r\nhost: y\r\n", true),
            ("1.0", "host: x\r\nhost: y\r\n", true),
            ("1.1", "host: x y\r\n", true),
            ("1.1", "host: x/y\r\n", true),
            ("1.1", "host: x@y\r\n", true),
            ("1.1", "host: x, y\r\n", true),
            ("1.1", "host: x:3000\r\n", false),
            ("1.1", "host: [::1]:3000\r\n", false),
            ("1.1", "host: 127.0.0.1\r\n", false),
            ("1.0", "", false),
            ("1.0", "host: x\r\n", false),
        ] {
            let answer = raw(
                &server,
                &format!("GET {path} HTTP/{version}\r\n{hosts}{end}"),
            )
            .await;
            assert_eq!(
                status(&answer) == 400,
                refused,
                "{path} {version} {hosts}: {answer}"
            );
            assert!(is_ours(&answer), "{answer}");
        }
    }
    let form = "host: x\r\ncontent-type: application/x-www-form-urlencoded\r\n";
    let long = "a".repeat(70_000);
    for path in ["/api/log_in", "/log-in", "/api/create_concert"] {
        for (body, expected) in [
            (
                "transfer-encoding: chunked\r\n\r\nzz\r\nabc\r\n".to_owned(),
                400,
            ),
            (
                "transfer-encoding: chunked\r\n\r\n3\r\nabcd\r\n0\r\n\r\n".to_owned(),
                400,
            ),
            (
                "transfer-encoding: chunked\r\n\r\n-1\r\na\r\n0\r\n\r\n".to_owned(),
                400,
            ),
            (
                "transfer-encoding: chunked\r\n\r\nfffffffffffffffff\r\na\r\n".to_owned(),
                400,
            ),
            (
                format!("transfer-encoding: chunked\r\n\r\n11170\r\n{long}\r\n0\r\n\r\n"),
                413,
            ),
            (format!("content-length: 70000\r\n\r\n{long}"), 413),
        ] {
            if path.ends_with("concert") && expected == 413 {
                // The form of a concert may be longer.
                continue;
            }
            let request = format!("POST {path} HTTP/1.1\r\n{form}connection: close\r\n{body}");
            let answer = raw(&server, &request).await;
            let shown: String = request.chars().take(300).collect();
            assert_eq!(status(&answer), expected, "{shown}: {answer}");
            assert!(is_ours(&answer), "{answer}");
        }
    }
    assert_eq!(status(&raw(&server, &get("/healthz")).await), 200);
}

/// Compares the shortest time until a name and a password are refused: other load on the machine
/// only adds to it.
#[tokio::test(flavor = "multi_thread")]
async fn how_long_a_refusal_takes_does_not_tell_who_has_an_account() {
    let stores = stores().await;
    let server = Server::start(&stores);
    let person = Person::signed_up(&server, "mina").await;
    let mut taken: [Vec<Duration>; 3] = Default::default();
    for _ in 0..5 {
        // A name that exists, one that could exist, and one that is invalid.
        for (name, taken) in ["mina", "nobody", "!"].iter().zip(&mut taken) {
            let fields = [("account_name", *name), ("password", "not it at all")];
            let since = Instant::now();
            let (status, _) = person.post("log_in", &fields).await;
            taken.push(since.elapsed());
            assert_eq!(status, StatusCode::UNAUTHORIZED);
        }
    }
    let [known, unknown, impossible] =
        taken.map(|taken| taken.into_iter().min().expect("five times"));
    // A hash takes ten times as long as everything else: without one the time would be far less
    // than a third.
    for other in [unknown, impossible] {
        assert!(
            other * 3 > known && known * 3 > other,
            "{known:?} and {other:?}"
        );
    }
}
