//! The command line explains itself, and refuses in one line.

mod support;

use std::process::{Command, Output};
use support::{SECRET, Server, stores};

fn frontrow(arguments: &[&str], environment: &[(&str, &str)]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_frontrow"));
    command
        .env_remove("DATABASE_URL")
        .env_remove("REDIS_URL")
        .args(arguments);
    command
        .envs(environment.iter().copied())
        .output()
        .expect("frontrow")
}

fn refusal(arguments: &[&str], environment: &[(&str, &str)]) -> String {
    let output = frontrow(arguments, environment);
    assert!(!output.status.success());
    let text = String::from_utf8(output.stderr)
        .expect("text")
        .trim()
        .to_owned();
    assert_eq!(text.lines().count(), 1, "{text}");
    text
}

#[test]
fn help_explains_every_setting_and_its_default() {
    let help = String::from_utf8(frontrow(&["serve", "--help"], &[]).stdout).expect("text");
    for named in [
        "--listen",
        "FRONTROW_LISTEN",
        "127.0.0.1:3000",
        "DATABASE_URL",
        "REDIS_URL",
        "FRONTROW_TOKEN_SECRET",
        "--demo",
        "FRONTROW_DATA_DIR",
    ] {
        assert!(help.contains(named), "{named} is missing in:\n{help}");
    }
    let help = String::from_utf8(frontrow(&["--help"], &[]).stdout).expect("text");
    for command in ["serve", "migrate", "admin"] {
        assert!(help.contains(command), "{help}");
    }
}

#[test]
fn a_missing_or_malformed_value_is_one_line_that_names_it() {
    assert!(refusal(&["serve", "--listen", "nowhere"], &[]).contains("--listen"));
    assert!(refusal(&["serve"], &[("FRONTROW_LISTEN", "nowhere")]).contains("--listen"));
    assert!(refusal(&["serve", "--no-such-flag"], &[]).contains("--no-such-flag"));
    assert!(
        refusal(&["admin", "create", "--email", "a@example.com"], &[]).contains("--account-name")
    );
    assert!(refusal(&["migrate"], &[("DATABASE_URL", "nonsense")]).contains("DATABASE_URL"));
    let site = tempfile::tempdir().expect("a folder");
    let site = site.path().to_str().expect("text");
    let serve = ["serve", "--listen", "127.0.0.1:0", "--site-root", site];
    assert!(refusal(&["serve", "--site-root", "/nowhere"], &[]).contains("LEPTOS_SITE_ROOT"));
    assert!(refusal(&serve, &[("DATABASE_URL", "postgres://x")]).contains("REDIS_URL"));
    assert!(refusal(&serve, &[("REDIS_URL", "redis://x")]).contains("DATABASE_URL"));
    let both = [("DATABASE_URL", "postgres://x"), ("REDIS_URL", "redis://x")];
    assert!(refusal(&serve, &both).contains("FRONTROW_TOKEN_SECRET"));
    let short = [both[0], both[1], ("FRONTROW_TOKEN_SECRET", "short")];
    assert!(refusal(&serve, &short).contains("FRONTROW_TOKEN_SECRET"));
    for (secret, why) in [
        (
            "abababababababababababababababababababab",
            "only 2 different",
        ),
        ("please-CHANGE-me-before-you-go-live-42", "placeholder"),
        ("my very own secret, which is long enough", "placeholder"),
    ] {
        let weak = [both[0], both[1], ("FRONTROW_TOKEN_SECRET", secret)];
        let said = refusal(&serve, &weak);
        assert!(
            said.contains("FRONTROW_TOKEN_SECRET") && said.contains(why),
            "{said}"
        );
        assert!(
            said.contains("openssl rand") && !said.contains(secret),
            "{said}"
        );
    }
    // What is said of an address does not say the password in it.
    for address in [
        "postgres://user:SEKRIT@127.0.0.1:1/x",
        "postgres://user:SEKRIT@:::/x",
        "postgres:/user:SEKRIT@/x?port=SEKRIT",
    ] {
        let said = refusal(&["migrate"], &[("DATABASE_URL", address)]);
        assert!(
            said.contains("DATABASE_URL") && !said.contains("SEKRIT"),
            "{said}"
        );
    }
    for address in [
        "redis://user:SEKRIT@:::/",
        "redis-cluster://user:SEKRIT@:::/",
        "redis:SEKRIT",
        "http://user:SEKRIT@127.0.0.1/",
    ] {
        let environment = [
            ("DATABASE_URL", "postgres://x"),
            ("REDIS_URL", address),
            ("FRONTROW_TOKEN_SECRET", SECRET),
        ];
        let said = refusal(&serve, &environment);
        assert!(
            said.contains("REDIS_URL") && !said.contains("SEKRIT"),
            "{said}"
        );
    }
    assert!(refusal(&["serve", "--log", "=x=", "--site-root", site], &[]).contains("FRONTROW_LOG"));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_admin_is_made_while_the_server_runs_and_ctrl_c_ends_it_well() {
    let stores = stores().await;
    let mut server = Server::start(&stores);
    let create = |name: &str| {
        let email = format!("{name}@example.com");
        let environment = [
            ("DATABASE_URL", stores.database_url.as_str()),
            ("REDIS_URL", &stores.redis_url),
            ("FRONTROW_TOKEN_SECRET", SECRET),
        ];
        frontrow(
            &["admin", "create", "--account-name", name, "--email", &email],
            &environment,
        )
    };
    let made = create("stage.manager");
    let said = String::from_utf8(made.stdout).expect("text");
    assert!(made.status.success() && said.contains("password"), "{said}");
    let again = String::from_utf8(create("stage.manager").stderr).expect("text");
    assert!(again.contains("--account-name is taken"), "{again}");
    let password = said.trim().rsplit(' ').next().expect("the password");
    let admin = support::Person::new(&server);
    let (status, body) = admin
        .post(
            "log_in",
            &[("account_name", "stage.manager"), ("password", password)],
        )
        .await;
    assert!(status.is_success(), "{body}");
    assert!(server.interrupt().success());
}

#[test]
fn stores_of_its_own_are_started_and_stopped_with_it() {
    let data = tempfile::Builder::new()
        .prefix("frontrow-data-")
        .tempdir()
        .expect("a folder");
    std::fs::set_permissions(
        data.path(),
        std::os::unix::fs::PermissionsExt::from_mode(0o755),
    )
    .expect("readable");
    let directory = data.path().to_str().expect("text");
    for _ in 0..2 {
        let output = frontrow(&["migrate", "--data-dir", directory], &[]);
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
    }
    assert!(
        !data.path().join("postgres/postmaster.pid").exists(),
        "PostgreSQL is still running"
    );
    assert!(
        !data.path().join("run/redis.sock").exists(),
        "Redis is still running"
    );
}
