//! `frontrow serve` processes on the stores of a test, and HTTP clients for them.

#![allow(dead_code, reason = "every test file uses its own part of this")]
#![allow(
    clippy::allow_attributes,
    reason = "an expectation would fail in the files that use all of it"
)]

pub mod front;
pub mod heads;
pub mod pages;

use chrono::{DateTime, TimeDelta, Utc};
use embedded::testing::{self, TestStores};
use reqwest::{Client, Method, Response, StatusCode, header};
use serde_json::Value;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

pub const PASSWORD: &str = "a long passphrase";
pub const SECRET: &str = "what the servers of these tests sign with";

/// Many accounts come from the one address of a test.
const NO_LIMITS: [(&str, &str); 5] = [
    ("FRONTROW_LIMIT_LOG_INS", "0"),
    ("FRONTROW_LIMIT_SIGN_UPS", "0"),
    ("FRONTROW_LIMIT_REFRESHES", "0"),
    ("FRONTROW_LIMIT_JOINS", "0"),
    ("FRONTROW_LIMIT_ADDRESS_JOINS", "0"),
];

/// A server process. Killed on drop; nothing depends on how it ends.
pub struct Server {
    child: Child,
    pub url: String,
    site: tempfile::TempDir,
}

impl Server {
    pub fn start(stores: &TestStores) -> Server {
        Server::start_on(stores, "127.0.0.1:0")
    }

    pub fn start_on(stores: &TestStores, listen: &str) -> Server {
        Server::start_as(stores, listen, |_| {})
    }

    /// Starts a server with additional settings.
    pub fn start_as(stores: &TestStores, listen: &str, set: impl FnOnce(&mut Command)) -> Server {
        let site = tempfile::tempdir().expect("a folder");
        let mut command = Command::new(env!("CARGO_BIN_EXE_frontrow"));
        command
            .args(["serve", "--listen", listen])
            .env("DATABASE_URL", &stores.database_url)
            .env("REDIS_URL", &stores.redis_url)
            .env("FRONTROW_REDIS_PREFIX", &stores.redis_prefix)
            .env("FRONTROW_TOKEN_SECRET", SECRET)
            .envs(testing::stay_root())
            .env("LEPTOS_SITE_ROOT", site.path())
            .env("FRONTROW_LOG", "warn")
            .envs(NO_LIMITS)
            .stdout(Stdio::piped());
        set(&mut command);
        Server::spawn(command, site)
    }

    /// Starts a server that runs its own stores; `set` configures everything else.
    pub fn start_own(set: impl FnOnce(&mut Command)) -> Server {
        let mut command = Command::new(env!("CARGO_BIN_EXE_frontrow"));
        command
            .args(["serve", "--listen", "127.0.0.1:0"])
            .env_remove("DATABASE_URL")
            .env_remove("REDIS_URL")
            .env("FRONTROW_LOG", "warn")
            .envs(NO_LIMITS)
            .stdout(Stdio::piped());
        set(&mut command);
        Server::spawn(command, tempfile::tempdir().expect("a folder"))
    }

    fn spawn(mut command: Command, site: tempfile::TempDir) -> Server {
        let mut child = command.spawn().expect("frontrow");
        let lines = BufReader::new(child.stdout.take().expect("its output")).lines();
        let url = lines
            .map_while(Result::ok)
            .find_map(|line| {
                line.split_once("Frontrow is at ")
                    .map(|(_, url)| url.trim().to_owned())
            })
            .expect("frontrow says where it is");
        Server { child, url, site }
    }

    /// Returns the id of the process.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Adds a file to the built site.
    pub fn put(&self, path: &str, text: &str) {
        let path = self.site.path().join(path);
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("the folder");
        std::fs::write(path, text).expect("the file");
    }

    /// Kills the process, as a power failure does.
    pub fn kill(&mut self) {
        self.child.kill().expect("kill");
        self.child.wait().expect("wait");
    }

    /// Sends SIGINT, as Ctrl-C does, and returns the exit status.
    pub fn interrupt(&mut self) -> std::process::ExitStatus {
        let id = nix::unistd::Pid::from_raw(self.child.id() as i32);
        nix::sys::signal::kill(id, nix::sys::signal::Signal::SIGINT).expect("signal");
        self.child.wait().expect("wait")
    }

    pub fn is_alive(&mut self) -> bool {
        self.child.try_wait().expect("wait").is_none()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Runs `frontrow audit` on these stores. Returns whether it found every promise kept, and what it
/// printed.
pub fn audit(stores: &TestStores) -> (bool, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_frontrow"))
        .arg("audit")
        .env("DATABASE_URL", &stores.database_url)
        .env("REDIS_URL", &stores.redis_url)
        .env("FRONTROW_REDIS_PREFIX", &stores.redis_prefix)
        .env("FRONTROW_TOKEN_SECRET", SECRET)
        .envs(testing::stay_root())
        .output()
        .expect("frontrow audit");
    (
        output.status.success(),
        String::from_utf8_lossy(&output.stdout).into_owned(),
    )
}

pub async fn stores() -> TestStores {
    testing::stores()
        .await
        .expect("PostgreSQL and Redis for the test")
}

/// An HTTP client with a cookie jar, like curl's.
#[derive(Clone)]
pub struct Person {
    pub client: Client,
    pub url: String,
}

impl Person {
    pub fn new(server: &Server) -> Person {
        let client = Client::builder()
            .cookie_store(true)
            .redirect(reqwest::redirect::Policy::none())
            .timeout(Duration::from_secs(60))
            .build()
            .expect("client");
        Person {
            client,
            url: server.url.clone(),
        }
    }

    /// Returns the same client, with the same cookies, for another server.
    pub fn at(&self, server: &Server) -> Person {
        Person {
            client: self.client.clone(),
            url: server.url.clone(),
        }
    }

    pub async fn request(&self, method: Method, path: &str, fields: &[(&str, &str)]) -> Response {
        let request = self
            .client
            .request(method.clone(), format!("{}{path}", self.url));
        let request = request.header(header::ACCEPT, "application/json");
        let request = if method == Method::GET {
            request.query(fields)
        } else {
            request.form(fields)
        };
        request.send().await.expect("an answer")
    }

    /// Returns the status and JSON of `POST /api/{endpoint}`.
    pub async fn post(&self, endpoint: &str, fields: &[(&str, &str)]) -> (StatusCode, Value) {
        answer(
            self.request(Method::POST, &format!("/api/{endpoint}"), fields)
                .await,
        )
        .await
    }

    /// Returns the status and JSON of `GET /api/{endpoint}`.
    pub async fn get(&self, endpoint: &str, fields: &[(&str, &str)]) -> (StatusCode, Value) {
        answer(
            self.request(Method::GET, &format!("/api/{endpoint}"), fields)
                .await,
        )
        .await
    }

    /// Requests a page as a browser without JavaScript does.
    pub async fn page(&self, path: &str) -> (StatusCode, String) {
        let request = self
            .client
            .get(format!("{}{path}", self.url))
            .header(header::ACCEPT, "text/html");
        let response = request.send().await.expect("an answer");
        (response.status(), response.text().await.expect("a body"))
    }

    /// Sends a form as a browser without JavaScript does: its page posts to itself.
    pub async fn send_form(&self, page: &str, endpoint: &str, fields: &[(&str, &str)]) -> Response {
        let joint = if page.contains('?') { '&' } else { '?' };
        let request = self
            .client
            .post(format!("{}{page}{joint}call=/api/{endpoint}", self.url))
            .header(header::ACCEPT, "text/html");
        request.form(fields).send().await.expect("an answer")
    }

    pub async fn sign_up(&self, name: &str) {
        let email = format!("{name}@example.com");
        let fields = [
            ("account_name", name),
            ("password", PASSWORD),
            ("name", "Fan"),
            ("nickname", name),
            ("email", &email),
        ];
        let (status, body) = self.post("sign_up", &fields).await;
        assert_eq!(status, StatusCode::OK, "{body}");
    }

    pub async fn signed_up(server: &Server, name: &str) -> Person {
        let person = Person::new(server);
        person.sign_up(name).await;
        person
    }

    /// Creates an account that may create concerts.
    pub async fn organiser(server: &Server, stores: &TestStores, name: &str) -> Person {
        Person::with_role(server, stores, name, "organiser").await
    }

    /// Creates an account with all rights.
    pub async fn admin(server: &Server, stores: &TestStores, name: &str) -> Person {
        Person::with_role(server, stores, name, "admin").await
    }

    async fn with_role(server: &Server, stores: &TestStores, name: &str, role: &str) -> Person {
        // Many tests use names that are reserved at sign-up.
        let newcomer = format!("new.{name}");
        let person = Person::signed_up(server, &newcomer).await;
        let db = sqlx::PgPool::connect(&stores.database_url)
            .await
            .expect("database");
        sqlx::query(
            "UPDATE accounts SET role = $2, account_name = $3, nickname = $3, email = $3 || '@example.com'
              WHERE account_name = $1",
        )
            .bind(newcomer)
            .bind(role)
            .bind(name)
            .execute(&db)
            .await
            .expect("role");
        let (status, body) = person
            .post("log_in", &[("account_name", name), ("password", PASSWORD)])
            .await;
        assert_eq!(status, StatusCode::OK, "{body}");
        person
    }

    /// Opens another session and returns its refresh cookie, as a browser sends it.
    pub async fn another_refresh_cookie(&self, name: &str) -> String {
        let fields = [("account_name", name), ("password", PASSWORD)];
        let response = self.request(Method::POST, "/api/log_in", &fields).await;
        refresh_cookie(&response).expect("a refresh cookie")
    }

    pub async fn view(&self, concert: &str) -> Value {
        let (status, view) = self.get("queue_view", &[("concert_id", concert)]).await;
        assert_eq!(status, StatusCode::OK, "{view}");
        view
    }
}

/// Returns the refresh cookie that an answer sets, as a browser sends it.
pub fn refresh_cookie(response: &Response) -> Option<String> {
    let mut cookies = response.cookies();
    let cookie = cookies.find(|cookie| cookie.name() == "frontrow_refresh")?;
    Some(format!("frontrow_refresh={}", cookie.value()))
}

async fn answer(response: Response) -> (StatusCode, Value) {
    let status = response.status();
    let body = response.text().await.expect("a body");
    (
        status,
        serde_json::from_str(&body).unwrap_or(Value::String(body)),
    )
}

/// Formats an instant as a form's date field sends it: in Korean time.
pub fn local(instant: DateTime<Utc>) -> String {
    model::time::to_local(DateTime::from_timestamp(instant.timestamp(), 0).expect("a time"))
}

#[expect(
    clippy::disallowed_methods,
    reason = "a client outside the server has the machine's clock"
)]
pub fn now() -> DateTime<Utc> {
    Utc::now()
}

/// Returns the fields of a concert whose sale opened a minute ago; `changes` override or extend
/// them.
pub fn concert_fields(changes: &[(&'static str, String)]) -> Vec<(&'static str, String)> {
    let mut fields: Vec<(&'static str, String)> = vec![
        ("title", "Low Tide".into()),
        ("artist", "Low Tide".into()),
        ("genre", "indie".into()),
        ("venue", "Nodeul".into()),
        ("starts_at", local(now() + TimeDelta::days(30))),
        (
            "ends_at",
            local(now() + TimeDelta::days(30) + TimeDelta::hours(2)),
        ),
        ("running_minutes", "120".into()),
        ("price_won", "66000".into()),
        ("description", "By the river.".into()),
        ("capacity", "30".into()),
        ("sale_opens_at", local(now() - TimeDelta::minutes(1))),
        ("batch_size", "10".into()),
        ("interval_ms", "1000".into()),
    ];
    for (name, value) in changes {
        match fields.iter_mut().find(|(field, _)| field == name) {
            Some(field) => field.1 = value.clone(),
            None => fields.push((name, value.clone())),
        }
    }
    fields
}

/// Creates a concert and returns its id.
pub async fn make_concert(organiser: &Person, changes: &[(&'static str, String)]) -> String {
    let fields = concert_fields(changes);
    let fields: Vec<(&str, &str)> = fields
        .iter()
        .map(|(name, value)| (*name, value.as_str()))
        .collect();
    let (status, body) = organiser.post("create_concert", &fields).await;
    assert_eq!(status, StatusCode::OK, "{body}");
    body["id"].to_string()
}
