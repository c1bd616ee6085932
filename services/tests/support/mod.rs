#![allow(dead_code, reason = "every test file uses its own part of this")]
#![allow(
    clippy::allow_attributes,
    reason = "an expectation would fail in the files that use all of it"
)]
//! A Frontrow without HTTP, on the stores of a test.

pub mod queue;

use chrono::TimeDelta;
use embedded::testing::{self, TestStores};
use model::accounts::{Account, Role, SignUpForm};
use model::concerts::{Concert, ConcertDetails, Genre};
use redis::AsyncCommands;
use services::limits::Limits;
use services::sessions::{self, Session};
use services::stores::{Secret, Settings};
use services::{Client, Clock, Services, accounts, concerts};
use std::net::Ipv4Addr;

pub struct World {
    pub services: Services,
    pub clock: Clock,
    pub stores: TestStores,
}

pub async fn world() -> World {
    let stores = testing::stores()
        .await
        .expect("PostgreSQL and Redis for the test");
    world_in(stores).await
}

pub async fn world_in(stores: TestStores) -> World {
    let clock = Clock::default();
    let services = another_server(&stores, &clock).await;
    World {
        services,
        clock,
        stores,
    }
}

/// Creates the services of another server process on the same stores, without rate limits: tests
/// exceed them.
pub async fn another_server(stores: &TestStores, clock: &Clock) -> Services {
    server_with(stores, clock, Limits::NONE).await
}

pub async fn server_with(stores: &TestStores, clock: &Clock, limits: Limits) -> Services {
    let settings = Settings {
        database_url: stores.database_url.clone(),
        redis_url: stores.redis_url.clone(),
        redis_prefix: stores.redis_prefix.clone(),
        token_secrets: vec![Secret::new("the secret of these tests, long enough")],
        clock: clock.clone(),
        limits,
    };
    Services::connect(settings).await.expect("services")
}

pub const PASSWORD: &str = "a long passphrase";

/// Returns a client whose identity does not matter.
pub fn here() -> Client {
    client("test")
}

pub fn form(name: &str) -> SignUpForm {
    SignUpForm {
        account_name: name.into(),
        password: PASSWORD.into(),
        name: "Someone".into(),
        nickname: name.into(),
        email: format!("{name}@example.com"),
    }
}

/// Returns a client on this device.
pub fn client(device: &str) -> Client {
    Client::new(Ipv4Addr::LOCALHOST.into(), device)
}

impl World {
    pub async fn account(&self, name: &str) -> Account {
        accounts::sign_up(&self.services, &here(), form(name).parse().unwrap())
            .await
            .unwrap()
    }

    /// Creates accounts without a usable password: hashing thousands would take most of the test's
    /// time.
    pub async fn accounts(&self, number: i64) -> Vec<Session> {
        self.more_accounts("fan", number).await
    }

    /// Creates accounts whose names start with `name`.
    pub async fn more_accounts(&self, name: &str, number: i64) -> Vec<Session> {
        let ids = sqlx::query_scalar::<_, i64>(
            "INSERT INTO accounts (account_name, email, name, nickname, password_hash)
             SELECT $2 || n, $2 || n || '@example.com', 'Fan', 'Fan ' || n, 'none' FROM generate_series(1, $1) AS n
             RETURNING id",
        )
        .bind(number)
        .bind(name)
        .fetch_all(&self.services.db)
        .await
        .unwrap();
        ids.into_iter().map(|id| session(id, Role::User)).collect()
    }

    /// Creates an account that may create concerts.
    pub async fn organiser(&self, name: &str) -> Session {
        let id = sqlx::query_scalar::<_, i64>(
            "INSERT INTO accounts (account_name, email, name, nickname, password_hash, role)
             VALUES ($1, $1 || '@example.com', $1, $1, 'none', 'organiser') RETURNING id",
        )
        .bind(name)
        .fetch_one(&self.services.db)
        .await
        .unwrap();
        session(id, Role::Organiser)
    }

    pub async fn log_in(&self, account: &Account) -> Session {
        let tokens = sessions::open(&self.services, &here(), account)
            .await
            .unwrap();
        sessions::authenticate(&self.services, &tokens.access)
            .await
            .unwrap()
    }

    /// Creates a concert whose sale opened a minute ago.
    pub async fn concert(&self, capacity: u32, batch_size: u32, interval_ms: u32) -> Concert {
        let organiser = self.organiser(&format!("organiser{}", rand_suffix())).await;
        let details = ConcertDetails {
            capacity,
            batch_size,
            interval_ms,
            ..self.details()
        };
        concerts::create(&self.services, &organiser, details)
            .await
            .unwrap()
    }

    /// Deletes the keys of this test's Redis that match; `*` acts like FLUSHALL.
    pub async fn lose(&self, pattern: &str) {
        for key in self.keys(pattern).await {
            let mut redis = self.services.redis.connection();
            redis.del::<_, ()>(key).await.unwrap();
        }
    }

    /// Returns the keys of this test's Redis that match.
    pub async fn keys(&self, pattern: &str) -> Vec<String> {
        let mut keys = Vec::new();
        for server in self.stores.redis_servers() {
            let mut redis = testing::connect(&server).await.unwrap();
            let found: Vec<String> = redis.keys(self.services.redis.key(pattern)).await.unwrap();
            keys.extend(found);
        }
        keys
    }

    pub fn details(&self) -> ConcertDetails {
        let now = self.clock.now();
        ConcertDetails {
            title: "Low Tide".into(),
            artist: "Low Tide".into(),
            genre: Genre::Indie,
            venue: "Nodeul".into(),
            starts_at: now + TimeDelta::days(30),
            ends_at: now + TimeDelta::days(30) + TimeDelta::hours(2),
            running_minutes: 120,
            price_won: 66_000,
            description: String::new(),
            capacity: 30,
            sale_opens_at: now - TimeDelta::minutes(1),
            batch_size: 10,
            interval_ms: 1000,
        }
    }
}

fn rand_suffix() -> u64 {
    use std::hash::{BuildHasher, RandomState};
    RandomState::new().hash_one(())
}

/// Returns a session as `authenticate` would find it.
pub fn session(account_id: i64, role: Role) -> Session {
    Session {
        sid: format!("sid{account_id}"),
        jti: "jti".into(),
        account_id: model::accounts::AccountId(account_id),
        account_name: format!("fan{account_id}"),
        nickname: format!("Fan {account_id}"),
        role,
        rehearsal: None,
        expires_at: chrono::DateTime::<chrono::Utc>::MAX_UTC,
        rotated_at: chrono::DateTime::UNIX_EPOCH,
    }
}
