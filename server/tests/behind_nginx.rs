//! The configuration in `deploy/examples`, unchanged: two servers behind nginx, and a PHP page that
//! reads the same sessions.

mod support;

use chrono::{DateTime, TimeDelta};
use embedded::testing::{self, TestStores};
use futures::future::join_all;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use model::queue::{Applied, QueueView, Standing, Tick, TickId};
use redis::AsyncCommands;
use reqwest::{Client, Method, Response, StatusCode, header};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use support::front::{Front, free_address};
use support::{PASSWORD, Person, SECRET, Server, make_concert, stores};
use tokio::io::AsyncReadExt;
use tokio::net::TcpListener as Listener;
use tokio_util::sync::CancellationToken;

fn address(server: &Server) -> &str {
    server.url.strip_prefix("http://").expect("an address")
}

/// Returns the environment for PHP, in the middle of a secret rotation: the new secret does not
/// sign yet, and the one that signs is `FRONTROW_OTHER_TOKEN_SECRET`.
fn environment(stores: &TestStores) -> [(&str, String); 4] {
    let new = "a secret that does not sign yet".to_owned();
    [
        ("REDIS_URL", stores.redis_url.clone()),
        ("FRONTROW_REDIS_PREFIX", stores.redis_prefix.clone()),
        ("FRONTROW_TOKEN_SECRET", new),
        ("FRONTROW_OTHER_TOKEN_SECRET", SECRET.to_owned()),
    ]
}

/// A client that watches its place over the event stream.
struct Watcher {
    stream: Response,
    heard: String,
    view: QueueView,
}

impl Watcher {
    async fn open(person: &Person, view: QueueView, seen: Option<TickId>) -> Watcher {
        let mut request = person
            .client
            .get(format!("{}/api/queue_stream", person.url))
            .query(&[("concert_id", view.concert_id)]);
        if let Some(TickId(seen)) = seen {
            request = request.header("last-event-id", seen);
        }
        let stream = request.send().await.expect("a stream");
        assert_eq!(stream.status(), StatusCode::OK);
        Watcher {
            stream,
            heard: String::new(),
            view,
        }
    }

    fn rank(&self) -> Option<u64> {
        match self.view.standing {
            Standing::Waiting { rank, .. } => Some(rank),
            _ => None,
        }
    }

    /// Applies the next event. Returns `None` if the stream broke. Cancel-safe.
    async fn hear(&mut self) -> Option<()> {
        let event = loop {
            if let Some((event, rest)) = self.heard.split_once("\n\n") {
                let (event, rest) = (event.to_owned(), rest.to_owned());
                self.heard = rest;
                break event;
            }
            let chunk = self.stream.chunk().await.ok()??;
            self.heard.push_str(&String::from_utf8_lossy(&chunk));
        };
        let field = |name| event.lines().find_map(|line| line.strip_prefix(name));
        let data = field("data: ").expect("data");
        let before = self.rank();
        match field("event: ").expect("a name") {
            "view" => self.view = serde_json::from_str(data).expect("a view"),
            "tick" => {
                let tick: Tick = serde_json::from_str(data).expect("a tick");
                assert_ne!(self.view.apply(&tick), Applied::Gap, "{event}");
            }
            _ => {}
        }
        if let (Some(before), Some(now)) = (before, self.rank()) {
            assert!(now <= before, "a rank that rises: {before}, then {event}");
        }
        Some(())
    }

    async fn until_below(&mut self, rank: u64) {
        while self.rank().is_some_and(|now| now >= rank) {
            self.hear().await.expect("a stream that goes on");
        }
    }

    async fn until_it_breaks(&mut self) {
        while self.hear().await.is_some() {}
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_of_two_servers_dies_and_visitors_do_not_notice() {
    let stores = stores().await;
    let (mut one, other) = (Server::start(&stores), Server::start(&stores));
    let mut front = Front::start([address(&one), address(&other)], &environment(&stores));
    let organiser = Person::organiser(&other, &stores, "organiser").await;
    let pace = [("batch_size", "1".into()), ("interval_ms", "700".into())];
    let concert = make_concert(&organiser, &pace).await;
    let fields = [("concert_id", concert.as_str())];
    let sale = |action| [("id", concert.as_str()), ("action", action)];
    let (status, body) = organiser.post("steer_sale", &sale("pause")).await;
    assert_eq!(status, StatusCode::OK, "{body}");
    let mina = Person {
        url: front.url.clone(),
        ..Person::new(&one)
    };
    mina.sign_up("mina").await;

    // nginx balances round-robin, independent of the client.
    let mut asked = Vec::new();
    for _ in 0..4 {
        let ready = mina.request(Method::GET, "/readyz", &[]).await;
        assert_eq!(ready.status(), StatusCode::OK);
        asked.push(front.asked("/readyz").await);
    }
    assert_ne!(asked[0], asked[1]);
    assert_eq!(asked[..2], asked[2..]);
    asked.sort();
    let mut both = [address(&one), address(&other)].map(str::to_owned);
    both.sort();
    assert_eq!([&asked[0], &asked[2]], [&both[0], &both[1]]);

    // An `Origin` that equals this address, port included, counts as same-origin.
    for (origin, expected) in [
        (front.url.as_str(), StatusCode::OK),
        ("https://evil.example", StatusCode::FORBIDDEN),
    ] {
        let join = mina.client.post(format!("{}/api/leave_queue", front.url));
        let join = join.header(header::ORIGIN, origin).form(&fields);
        assert_eq!(join.send().await.expect("an answer").status(), expected);
    }

    let crowd: Vec<String> = (0..16).map(|n| format!("fan{n}")).collect();
    join_all(crowd.iter().map(async |name| {
        let fan = Person::signed_up(&other, name).await;
        let (status, body) = fan.post("join_queue", &fields).await;
        assert_eq!(status, StatusCode::OK, "{body}");
    }))
    .await;
    let (status, view) = mina.post("join_queue", &fields).await;
    assert_eq!((status, &view["rank"]), (StatusCode::OK, &json!(17)));
    let arrival = view["arrival"].clone();
    let view: QueueView = serde_json::from_value(view).expect("a view");
    // Round-robin: each server has one of the two streams.
    let mut first = Watcher::open(&mina, view.clone(), None).await;
    let mut second = Watcher::open(&mina, view, None).await;
    let (status, body) = organiser.post("steer_sale", &sale("resume")).await;
    assert_eq!(status, StatusCode::OK, "{body}");
    first.until_below(17).await;
    second.until_below(17).await;

    // From here on a client reads continuously and must not see a failure.
    let stop = CancellationToken::new();
    let reading = tokio::spawn({
        let (stop, mina, concert) = (stop.clone(), mina.clone(), concert.clone());
        async move {
            let mut read = 0;
            while !stop.is_cancelled() {
                mina.view(&concert).await;
                read += 1;
            }
            read
        }
    });
    one.kill();
    let (mut broken, mut whole) = tokio::select! {
        () = first.until_it_breaks() => (first, second),
        () = second.until_it_breaks() => (second, first),
    };
    let rank = broken.rank().expect("a place");
    for _ in 0..5 {
        let (status, view) = mina.post("join_queue", &fields).await;
        assert_eq!((status, &view["arrival"]), (StatusCode::OK, &arrival));
    }
    let seen = broken.view.tick;
    broken = Watcher::open(&mina, broken.view, Some(seen)).await;
    broken.until_below(rank).await;
    assert!(broken.rank().is_some(), "a place that is lost");
    // Follows the stream without a gap until the ticket is issued.
    while broken.rank().is_some() {
        broken.hear().await.expect("a stream that goes on");
    }
    assert!(matches!(broken.view.standing, Standing::Issued { .. }));
    whole.until_below(1).await;
    assert!(matches!(whole.view.standing, Standing::Issued { .. }));
    stop.cancel();
    assert!(reading.await.expect("nobody noticed") > 10);

    // Restarted at its address, the server receives its share of the requests again.
    let back = Server::start_on(&stores, address(&one));
    loop {
        let ready = mina.request(Method::GET, "/readyz", &[]).await;
        assert_eq!(ready.status(), StatusCode::OK);
        if front.asked("/readyz").await == address(&back) {
            break;
        }
    }
}

/// Returns the status that a request with this bearer token gets at `url`.
async fn status_at(url: &str, token: &str) -> StatusCode {
    let request = Client::new()
        .get(format!("{url}/api/list_tickets"))
        .bearer_auth(token);
    request.send().await.expect("an answer").status()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_in_php_knows_who_is_logged_in_and_who_is_not_any_more() {
    let stores = stores().await;
    let (one, other) = (Server::start(&stores), Server::start(&stores));
    let front = Front::start([address(&one), address(&other)], &environment(&stores));
    let mina = Person {
        url: front.url.clone(),
        ..Person::new(&one)
    };
    let (status, page) = front.greeting(None).await;
    assert_eq!(status, StatusCode::UNAUTHORIZED);
    assert!(page.contains("href=\"/log-in\""), "{page}");
    let fields = [
        ("account_name", "mina"),
        ("password", PASSWORD),
        ("name", "Kim Mina"),
        ("nickname", "<i>미나\" & co"),
        ("email", "mina@example.com"),
    ];
    let signed_up = mina.request(Method::POST, "/api/sign_up", &fields).await;
    let token = signed_up
        .cookies()
        .find(|cookie| cookie.name() == "frontrow_access")
        .map(|cookie| cookie.value().to_owned())
        .expect("a token");
    let (status, page) = front.greeting(Some(&token)).await;
    assert_eq!(status, StatusCode::OK, "{page}");
    assert!(
        page.contains("&lt;i&gt;미나&quot; &amp; co") && !page.contains("<i>"),
        "{page}"
    );

    // Each of these tokens differs from a valid one in exactly one respect.
    let key = EncodingKey::from_secret(SECRET.as_bytes());
    let stranger = EncodingKey::from_secret(b"another secret");
    let mut checks = Validation::new(Algorithm::HS256);
    checks.set_audience(&["frontrow"]);
    let known = DecodingKey::from_secret(SECRET.as_bytes());
    let good = jsonwebtoken::decode::<Value>(&token, &known, &checks).expect("our token");
    let (header, claims) = (good.header, good.claims);
    let signed = |header: &Header, claims: &Value, key: &EncodingKey| {
        jsonwebtoken::encode(header, claims, key).expect("a token")
    };
    let with = |name: &str, value: Value| {
        let mut claims = claims.clone();
        claims[name] = value;
        signed(&header, &claims, &key)
    };
    let hs512 = Header {
        alg: Algorithm::HS512,
        ..header.clone()
    };
    let nameless = Header {
        kid: None,
        ..header.clone()
    };
    let now = support::now().timestamp();
    let (start, signature) = token.rsplit_once('.').expect("a signature");
    let bad = [
        ("no token", "x".to_owned()),
        ("no signature", format!("{start}.")),
        ("half a signature", format!("{start}.{}", &signature[..20])),
        ("another key", signed(&header, &claims, &stranger)),
        ("another algorithm", signed(&hs512, &claims, &key)),
        ("a key without a name", signed(&nameless, &claims, &key)),
        ("another issuer", with("iss", json!("backrow"))),
        ("another audience", with("aud", json!("backrow"))),
        ("expired", with("exp", json!(now))),
        ("for ever", with("exp", Value::Null)),
        ("from the future", with("iat", json!(now + 60))),
        ("no such session", with("sid", json!("nobody"))),
    ];
    for (what, token) in &bad {
        assert_eq!(
            front.greeting(Some(token)).await.0,
            StatusCode::UNAUTHORIZED,
            "{what}"
        );
    }
    let again = signed(&header, &claims, &key);
    assert_eq!(front.greeting(Some(&again)).await.0, StatusCode::OK);

    // A log-out through nginx reaches one of the two servers; it takes effect on both and in PHP.
    let everywhere = async || {
        [
            status_at(&one.url, &token).await,
            status_at(&other.url, &token).await,
            front.greeting(Some(&token)).await.0,
        ]
    };
    assert_eq!(everywhere().await, [StatusCode::OK; 3]);
    let mut redis = testing::connect(&stores.redis_url).await.expect("redis");
    let sid = claims["sid"].as_str().expect("a session");
    let jti = claims["jti"].as_str().expect("a token");
    let session = format!("{}session:{{{sid}}}", stores.redis_prefix);
    let stored: String = redis.get(&session).await.expect("the session");
    // A token issued before the session's last rotation of the refresh token is invalid.
    let mut rotated: Value = serde_json::from_str(&stored).expect("JSON");
    let issued = claims["iat"]
        .as_i64()
        .and_then(|at| DateTime::from_timestamp(at, 0));
    let issued = issued.expect("when it was issued");
    for (later, expected) in [(-5, StatusCode::OK), (5, StatusCode::UNAUTHORIZED)] {
        rotated["rotated_at"] = json!(issued + TimeDelta::seconds(later));
        let () = redis.set(&session, rotated.to_string()).await.expect("set");
        assert_eq!(front.greeting(Some(&token)).await.0, expected, "{rotated}");
    }
    let () = redis.set(&session, &stored).await.expect("set");
    assert_eq!(mina.post("log_out", &[]).await.0, StatusCode::OK);
    assert_eq!(everywhere().await, [StatusCode::UNAUTHORIZED; 3]);
    // Restoring the session alone does not make the token valid again.
    let () = redis.set(&session, stored).await.expect("set");
    assert_eq!(everywhere().await, [StatusCode::UNAUTHORIZED; 3]);
    // The blacklist is the only remaining reason: without its key the token is valid.
    let blacklisted = format!("{}blacklist:{{{sid}}}:{jti}", stores.redis_prefix);
    let taken: i64 = redis.del(blacklisted).await.expect("del");
    assert_eq!(taken, 1);
    assert_eq!(everywhere().await, [StatusCode::OK; 3]);
}

/// Starts a server that closes the connection on every request. Returns its address and its request
/// count.
async fn hangs_up() -> (String, Arc<AtomicUsize>) {
    let listener = Listener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address").to_string();
    let count = Arc::new(AtomicUsize::new(0));
    let counting = count.clone();
    tokio::spawn(async move {
        while let Ok((mut connection, _)) = listener.accept().await {
            let mut part = [0; 4096];
            let _ = connection.read(&mut part).await;
            counting.fetch_add(1, Ordering::SeqCst);
        }
    });
    (address, count)
}

/// Starts a server that responds with request headers as it received them. Returns its address.
async fn echoes() -> String {
    let listener = Listener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address").to_string();
    let echo = axum::Router::new().fallback(async |headers: axum::http::HeaderMap| {
        let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
        axum::Json(json!({
            "host": text("host"),
            "forwarded": text("x-forwarded-for"),
            "encodings": text("accept-encoding"),
        }))
    });
    tokio::spawn(async move { axum::serve(listener, echo).await });
    address
}

#[tokio::test(flavor = "multi_thread")]
async fn what_may_be_asked_twice_is_asked_again_elsewhere_and_nothing_else() {
    let ((dying, asked), sound) = (hangs_up().await, echoes().await);
    let mut front = Front::start([&dying, &sound], &[]);
    let request = Client::new()
        .get(format!("{}/anything", front.url))
        .header("x-forwarded-for", "203.0.113.7")
        .header(header::ACCEPT_ENCODING, "br");
    let response = request.send().await.expect("an answer");
    assert_eq!(response.status(), StatusCode::OK);
    let told: Value = response.json().await.expect("JSON");
    // nginx replaces the `X-Forwarded-For` of the client.
    let host = front.url.strip_prefix("http://");
    assert_eq!(
        told,
        json!({"host": host, "forwarded": "127.0.0.1", "encodings": "br"})
    );
    assert_eq!(front.asked("/anything").await, format!("{dying},{sound}"));
    assert_eq!(asked.load(Ordering::SeqCst), 1);

    let ((one, asked), (other, asked_too)) = (hangs_up().await, hangs_up().await);
    let front = Front::start([&one, &other], &[]);
    let request = Client::new().post(format!("{}/anything", front.url));
    let response = request.body("x=1").send().await.expect("an answer");
    assert_eq!(response.status(), StatusCode::BAD_GATEWAY);
    assert_eq!(
        asked.load(Ordering::SeqCst) + asked_too.load(Ordering::SeqCst),
        1
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_in_php_says_so_when_redis_is_away() {
    let nobody = free_address().to_string();
    let environment = [
        ("REDIS_URL", "redis://127.0.0.1:1".to_owned()),
        ("FRONTROW_TOKEN_SECRET", SECRET.to_owned()),
        ("FRONTROW_PUBLIC_URL", "https://tickets.example".to_owned()),
    ];
    let front = Front::start([&nobody, &nobody], &environment);
    let kid = &Sha256::digest(format!("kid:{SECRET}"))[..8];
    let header = Header {
        kid: Some(kid.iter().map(|byte| format!("{byte:02x}")).collect()),
        ..Header::new(Algorithm::HS256)
    };
    let now = support::now().timestamp();
    let claims = json!({
        "iss": "frontrow", "aud": "frontrow", "sub": "1", "sid": "s", "jti": "j", "roles": [],
        "iat": now, "exp": now + 60,
    });
    let key = EncodingKey::from_secret(SECRET.as_bytes());
    let token = jsonwebtoken::encode(&header, &claims, &key).expect("a token");
    // Over https the cookie has the `__Host-` prefix, and the plain name is ignored.
    assert_eq!(
        front.greeting(Some(&token)).await.0,
        StatusCode::UNAUTHORIZED
    );
    let request = Client::new()
        .get(format!("{}/greeting", front.url))
        .header(header::COOKIE, format!("__Host-frontrow_access={token}"));
    let response = request.send().await.expect("an answer");
    assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(response.headers()[header::RETRY_AFTER], "2");
    let page = response.text().await.expect("a body");
    assert!(!page.contains("127.0.0.1"), "{page}");
}
