//! Pages of logged-in users, assembled from a template: byte for byte what each user would get
//! without one, and never another user's page.

mod support;

use chrono::TimeDelta;
use reqwest::header::{
    ACCEPT, ACCEPT_ENCODING, ACCEPT_LANGUAGE, AUTHORIZATION, CONTENT_ENCODING,
    CONTENT_SECURITY_POLICY, COOKIE, VARY,
};
use reqwest::{Client, Response, StatusCode};
use std::collections::HashSet;
use std::io::Read;
use std::time::{Duration, Instant};
use support::{PASSWORD, Person, Server, local, make_concert, now, stores};

/// An account with its access token; requests send no cookies but the ones they are given.
struct Member {
    nickname: &'static str,
    person: Person,
    token: String,
}

impl Member {
    async fn new(server: &Server, name: &str, nickname: &'static str) -> Member {
        let person = Person::new(server);
        let email = format!("{name}@example.com");
        let fields = [
            ("account_name", name),
            ("password", PASSWORD),
            ("name", "Fan"),
            ("nickname", nickname),
            ("email", &email),
        ];
        let (status, body) = person.post("sign_up", &fields).await;
        assert_eq!(status, StatusCode::OK, "{body}");
        let token = token(&person, name).await;
        Member {
            nickname,
            person,
            token,
        }
    }
}

async fn token(person: &Person, name: &str) -> String {
    let fields = [("account_name", name), ("password", PASSWORD)];
    let (status, body) = person.post("create_token", &fields).await;
    assert_eq!(status, StatusCode::OK, "{body}");
    body["access_token"].as_str().expect("a token").to_owned()
}

/// Language, theme and compression that a browser asks for.
#[derive(Clone, Copy, Debug)]
struct Looks {
    language: &'static str,
    theme: &'static str,
    packed: bool,
}

const PLAIN: Looks = Looks {
    language: "en",
    theme: "device",
    packed: false,
};

/// Requests a page as a browser does; it may come from a template.
async fn browse(server: &Server, path: &str, token: &str, looks: Looks) -> Response {
    let cookies = format!(
        "frontrow_access={token}; frontrow_theme={}; _other=1",
        looks.theme
    );
    let request = Client::new()
        .get(format!("{}{path}", server.url))
        .header(ACCEPT, "text/html")
        .header(ACCEPT_LANGUAGE, looks.language)
        .header(COOKIE, cookies);
    let request = match looks.packed {
        true => request.header(ACCEPT_ENCODING, "gzip, deflate, br"),
        false => request,
    };
    request.send().await.expect("an answer")
}

/// Requests a page as a program does; it is always rendered for that program alone.
async fn whole(server: &Server, path: &str, token: &str, looks: Looks) -> Response {
    let request = Client::new()
        .get(format!("{}{path}", server.url))
        .header(ACCEPT, "text/html")
        .header(ACCEPT_LANGUAGE, looks.language)
        .header(COOKIE, format!("frontrow_theme={}", looks.theme))
        .header(AUTHORIZATION, format!("Bearer {token}"));
    request.send().await.expect("an answer")
}

fn is_from_template(response: &Response) -> bool {
    response.headers().contains_key("server-timing")
}

/// Returns the nonce of the page's policy.
fn nonce(response: &Response) -> String {
    let policy = response.headers()[CONTENT_SECURITY_POLICY]
        .to_str()
        .expect("text");
    let (_, nonce) = policy.split_once("'nonce-").expect("a nonce");
    nonce.split_once('\'').expect("its end").0.to_owned()
}

async fn text(response: Response) -> String {
    let packed = response.headers().get(CONTENT_ENCODING).cloned();
    let bytes = response.bytes().await.expect("a body");
    let Some(packed) = packed else {
        return String::from_utf8(bytes.to_vec()).expect("text");
    };
    assert_eq!(packed, "gzip");
    let mut text = String::new();
    flate2::read::GzDecoder::new(&bytes[..])
        .read_to_string(&mut text)
        .expect("gzip, and its check sum");
    text
}

/// Returns the page without its nonce and without the times at which it was rendered.
async fn comparable(response: Response) -> String {
    let nonce = nonce(&response);
    let page = text(response).await;
    assert!(page.contains(&format!("nonce=\"{nonce}\"")), "scripts run");
    let page = page.replace(&nonce, "NONCE");
    const CLOCK: &str = "&quot;server_time&quot;:&quot;";
    let mut stretches = page.split(CLOCK);
    let mut timeless = stretches.next().unwrap_or_default().to_owned();
    for stretch in stretches {
        let (_, rest) = stretch.split_once("&quot;").expect("the end of a time");
        timeless.push_str(rest);
    }
    timeless
}

/// Returns every header that describes the page, except those that differ with each answer.
fn said(response: &Response) -> Vec<(String, String)> {
    const OTHERS: [&str; 6] = [
        "content-security-policy",
        "content-length",
        "transfer-encoding",
        "date",
        "server-timing",
        "content-encoding",
    ];
    let headers = response.headers().iter();
    let mut said: Vec<_> = headers
        .map(|(name, value)| (name.to_string(), value.to_str().expect("text").to_owned()))
        .filter(|(name, value)| {
            !OTHERS.contains(&name.as_str())
                && (name, value.as_str()) != (&VARY.to_string(), "accept-encoding")
        })
        .collect();
    said.sort();
    said
}

/// Asserts that the spliced and the whole page are identical. Retries for 15 s, because the data
/// may change between the two requests.
async fn is_the_same(server: &Server, path: &str, token: &str, looks: Looks) {
    let patience = Instant::now() + Duration::from_secs(15);
    loop {
        let spliced = browse(server, path, token, looks).await;
        let whole = whole(server, path, token, looks).await;
        assert_eq!(spliced.status(), StatusCode::OK, "{path}");
        assert!(
            is_from_template(&spliced),
            "{path} {looks:?} is rendered whole"
        );
        assert!(!is_from_template(&whole));
        assert_ne!(nonce(&spliced), nonce(&whole));
        assert_eq!(said(&spliced), said(&whole), "{path}");
        let (spliced, whole) = (comparable(spliced).await, comparable(whole).await);
        // Form actions name the page's address in a page rendered for one reader; a template
        // cannot.
        let (path, _) = path.split_once('?').unwrap_or((path, ""));
        let whole = whole.replace(&format!("action=\"{path}?"), "action=\"?");
        if spliced == whole {
            return;
        }
        let differs = spliced
            .bytes()
            .zip(whole.bytes())
            .take_while(|(a, b)| a == b);
        let at = differs.count();
        let around = |page: &str| {
            let bytes = &page.as_bytes()[at.saturating_sub(80)..page.len().min(at + 200)];
            String::from_utf8_lossy(bytes).into_owned()
        };
        assert!(
            Instant::now() < patience,
            "{path} {looks:?}\nspliced: …{}…\nwhole: …{}…",
            around(&spliced),
            around(&whole)
        );
    }
}

async fn steer(organiser: &Person, concert: &str, action: &str) {
    let (status, body) = organiser
        .post("steer_sale", &[("id", concert), ("action", action)])
        .await;
    assert_eq!(status, StatusCode::OK, "{body}");
}

/// Waits up to 20 s until the place has this standing, and returns its view.
async fn stands(person: &Person, concert: &str, standing: &str) -> serde_json::Value {
    let patience = Instant::now() + Duration::from_secs(20);
    loop {
        let view = person.view(concert).await;
        if view["standing"] == standing {
            return view;
        }
        assert!(Instant::now() < patience, "{view}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// Covers nicknames with special characters, all states, each page, both languages, all themes,
/// with and without compression.
#[tokio::test(flavor = "multi_thread")]
async fn a_spliced_page_is_the_whole_page_to_the_letter() {
    let stores = stores().await;
    let server = Server::start(&stores);
    let organiser = Person::organiser(&server, &stores, "organiser").await;
    let mina = Member::new(&server, "mina", "Mina").await;
    let ko = Member::new(&server, "koko", "<b>Ko & \"Mina\"'s</b> &amp;").await;
    let han = Member::new(&server, "han", "한강 slot-x-nickname. 🎫").await;
    let members = [&mina, &ko, &han];

    let selling = make_concert(
        &organiser,
        &[
            ("title", "<i>Tide</i> & \"Co\" 한강".into()),
            ("description", "By the river.\n\nslot-x-body.".into()),
            ("capacity", "2".into()),
            ("batch_size", "1".into()),
        ],
    )
    .await;
    let far = now() + TimeDelta::days(9);
    let upcoming = make_concert(&organiser, &[("sale_opens_at", local(far))]).await;
    let paused = make_concert(&organiser, &[]).await;
    let closed = make_concert(&organiser, &[]).await;
    let join = async |member: &Member, concert: &str| {
        let (status, body) = member
            .person
            .post("join_queue", &[("concert_id", concert)])
            .await;
        assert_eq!(status, StatusCode::OK, "{body}");
    };
    // Every kind of place: a live ticket, a cancelled one, waiting first and further behind, left,
    // expired, none.
    steer(&organiser, &paused, "pause").await;
    steer(&organiser, &closed, "pause").await;
    for member in members {
        join(member, &paused).await;
        join(member, &selling).await;
        join(member, &closed).await;
    }
    let (status, _) = han
        .person
        .post("leave_queue", &[("concert_id", &paused)])
        .await;
    assert_eq!(status, StatusCode::OK);
    steer(&organiser, &closed, "close").await;
    let mut tickets = Vec::new();
    for member in [&mina, &ko] {
        let view = stands(&member.person, &selling, "issued").await;
        tickets.push((member, view["ticket"].to_string()));
    }
    steer(&organiser, &selling, "pause").await;
    stands(&mina.person, &closed, "expired").await;

    let concerts = [&selling, &upcoming, &paused, &closed];
    let mut paths: Vec<String> = [
        "/",
        "/?search=tide",
        "/?genre=indie&page=7",
        "/?lang=ko",
        "/?lang=en",
    ]
    .map(str::to_owned)
    .into();
    for concert in concerts {
        paths.push(format!("/concerts/{concert}"));
        paths.push(format!("/concerts/{concert}?lang=ko"));
        paths.push(format!("/concerts/{concert}/queue"));
        paths.push(format!("/concerts/{concert}/queue?lang=en&still=1"));
    }
    let looks = [
        PLAIN,
        Looks {
            language: "ko",
            theme: "dark",
            packed: true,
        },
        Looks {
            language: "ko",
            theme: "light",
            packed: false,
        },
    ];
    for (n, path) in paths.iter().enumerate() {
        for (m, member) in members.into_iter().enumerate() {
            is_the_same(&server, path, &member.token, looks[(n + m) % looks.len()]).await;
        }
    }
    for round in ["live", "cancelled"] {
        for (member, ticket) in &tickets {
            for looks in looks {
                is_the_same(&server, &format!("/tickets/{ticket}"), &member.token, looks).await;
            }
        }
        if round == "live" {
            for (member, ticket) in &tickets {
                let (status, _) = member.person.post("cancel_ticket", &[("id", ticket)]).await;
                assert_eq!(status, StatusCode::OK);
            }
        }
    }
}

/// Pages that differ from the usual member's page are rendered whole, with their usual answers.
#[tokio::test(flavor = "multi_thread")]
async fn what_has_no_template_is_rendered_whole() {
    let stores = stores().await;
    let server = Server::start(&stores);
    let organiser = Person::organiser(&server, &stores, "organiser").await;
    let mina = Member::new(&server, "mina", "Mina").await;
    let ko = Member::new(&server, "koko", "Ko").await;
    let concert = make_concert(&organiser, &[]).await;
    let draft = make_concert(&organiser, &[("draft", "true".into())]).await;
    let (status, _) = mina
        .person
        .post("join_queue", &[("concert_id", &concert)])
        .await;
    assert_eq!(status, StatusCode::OK);
    let view = stands(&mina.person, &concert, "issued").await;
    let ticket = format!("/tickets/{}", view["ticket"]);

    let own_token = token(&organiser, "organiser").await;
    let queue = format!("/concerts/{concert}/queue");
    let page = format!("/concerts/{concert}");
    for (path, token, status) in [
        // Another account's ticket, and pages that do not exist or are not public.
        (&ticket[..], &ko.token, StatusCode::NOT_FOUND),
        ("/tickets/0", &mina.token, StatusCode::NOT_FOUND),
        ("/tickets/999999", &mina.token, StatusCode::NOT_FOUND),
        ("/concerts/999999", &mina.token, StatusCode::NOT_FOUND),
        ("/concerts/999999/queue", &mina.token, StatusCode::NOT_FOUND),
        (
            &format!("/concerts/{draft}"),
            &mina.token,
            StatusCode::NOT_FOUND,
        ),
        (
            &format!("/concerts/{draft}/queue"),
            &mina.token,
            StatusCode::NOT_FOUND,
        ),
        // Accounts that may see more.
        ("/", &own_token, StatusCode::OK),
        (&page, &own_token, StatusCode::OK),
        (&queue, &own_token, StatusCode::OK),
        (&format!("/concerts/{draft}"), &own_token, StatusCode::OK),
        // An outdated address.
        (
            &format!("{page}-another-title"),
            &mina.token,
            StatusCode::MOVED_PERMANENTLY,
        ),
    ] {
        let client = Client::builder().redirect(reqwest::redirect::Policy::none());
        let response = client
            .build()
            .expect("a client")
            .get(format!("{}{path}", server.url))
            .header(ACCEPT, "text/html")
            .header(COOKIE, format!("frontrow_access={token}"))
            .send()
            .await
            .expect("an answer");
        assert_eq!(response.status(), status, "{path}");
        assert!(!is_from_template(&response), "{path}");
    }
    // The organiser's pages leave nothing in the pages of others.
    for member in [&mina, &ko] {
        let response = browse(&server, &page, &member.token, PLAIN).await;
        assert!(is_from_template(&response));
        let page = text(response).await;
        assert!(page.contains(&format!(">{}</a>", member.nickname)) && !page.contains("/edit"));
    }
}

/// Makes 3,200 requests, eight at a time, for the same addresses over one shared connection pool,
/// as a proxy does.
#[tokio::test(flavor = "multi_thread")]
async fn two_people_never_see_each_others_page() {
    let stores = stores().await;
    let server = Server::start(&stores);
    let organiser = Person::organiser(&server, &stores, "organiser").await;
    let mina = Member::new(&server, "mina", "Mina-of-the-river").await;
    let ko = Member::new(&server, "koko", "Ko-of-the-hill").await;
    let concert = make_concert(&organiser, &[]).await;
    steer(&organiser, &concert, "pause").await;
    for (member, rank) in [(&mina, 1), (&ko, 2)] {
        let (status, _) = member
            .person
            .post("join_queue", &[("concert_id", &concert)])
            .await;
        assert_eq!(status, StatusCode::OK);
        assert_eq!(member.person.view(&concert).await["rank"], rank);
    }
    let queue = format!("/concerts/{concert}/queue");
    let paths = [
        "/".to_owned(),
        format!("/concerts/{concert}"),
        queue.clone(),
    ];
    let client = Client::new();
    let looking = (0..8).map(|n| {
        let (client, server, paths, queue) = (client.clone(), &server, &paths, &queue);
        let (own, other, rank) = match n % 2 {
            0 => (&mina, &ko, "1"),
            _ => (&ko, &mina, "2"),
        };
        async move {
            let mut nonces = HashSet::new();
            for round in 0..400 {
                let path = &paths[round % paths.len()];
                let request = client
                    .get(format!("{}{path}", server.url))
                    .header(ACCEPT, "text/html")
                    .header(COOKIE, format!("frontrow_access={}", own.token));
                let response = request.send().await.expect("an answer");
                assert!(is_from_template(&response));
                assert!(nonces.insert(nonce(&response)), "a nonce twice");
                let page = text(response).await;
                assert!(page.contains(own.nickname) && !page.contains(other.nickname));
                assert!(!page.contains("slot-"), "a slot is open");
                if path == queue {
                    let shown = format!("<title>{rank} · ");
                    assert!(page.contains(&shown), "not the place of {}", own.nickname);
                }
            }
        }
    });
    futures::future::join_all(looking).await;
    // Visitors have pages of their own.
    let stranger = Client::new()
        .get(format!("{}/", server.url))
        .send()
        .await
        .expect("an answer");
    let page = text(stranger).await;
    assert!(page.contains("Log in") && !page.contains("Mina-of"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_out_a_role_and_a_nickname_count_at_once() {
    let stores = stores().await;
    let (server, other) = (Server::start(&stores), Server::start(&stores));
    let organiser = Person::organiser(&server, &stores, "organiser").await;
    let admin = Person::admin(&server, &stores, "admin").await;
    let concert = make_concert(&organiser, &[]).await;
    let page = format!("/concerts/{concert}");
    let mina = Member::new(&server, "mina", "Mina").await;
    for path in ["/", &page[..]] {
        for server in [&server, &other] {
            let shown = browse(server, path, &mina.token, PLAIN).await;
            assert!(is_from_template(&shown) && text(shown).await.contains(">Mina</a>"));
        }
    }

    let fields = [
        ("name", "Fan"),
        ("nickname", "Mina Ko"),
        ("email", "mina@example.com"),
    ];
    let (status, body) = mina.person.post("change_profile", &fields).await;
    assert_eq!(status, StatusCode::OK, "{body}");
    for server in [&server, &other] {
        let shown = text(browse(server, "/", &mina.token, PLAIN).await).await;
        assert!(shown.contains(">Mina Ko</a>"));
    }

    let (_, account) = mina.person.get("current_account", &[]).await;
    let id = account["id"].to_string();
    for (role, link) in [("organiser", true), ("user", false)] {
        let (status, body) = admin
            .post("change_role", &[("id", &id), ("role", role)])
            .await;
        assert_eq!(status, StatusCode::OK, "{body}");
        for server in [&server, &other] {
            let shown = browse(server, "/", &mina.token, PLAIN).await;
            assert_eq!(is_from_template(&shown), !link);
            assert_eq!(text(shown).await.contains("/concerts/mine"), link);
        }
    }

    let client = Client::new();
    let logging_out = client
        .post(format!("{}/api/log_out", server.url))
        .header(AUTHORIZATION, format!("Bearer {}", mina.token));
    let response = logging_out.send().await.expect("an answer");
    assert!(response.status().is_success() || response.status().is_redirection());
    for server in [&server, &other] {
        for path in ["/", &page[..]] {
            let shown = browse(server, path, &mina.token, PLAIN).await;
            assert!(!is_from_template(&shown));
            let shown = text(shown).await;
            assert!(
                shown.contains("Log in") && !shown.contains("Mina"),
                "{path}"
            );
        }
        let queue = browse(server, &format!("{page}/queue"), &mina.token, PLAIN).await;
        assert!(queue.url().path().starts_with("/log-in"), "{}", queue.url());
    }
}
