//! The command line documents its settings and reports errors in one line.

mod support;

use nix::unistd::{Uid, User};
use std::fs::{self, Permissions};
use std::io::Write;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use support::{Person, SECRET, Server, stores};
use tempfile::TempDir;

fn frontrow(arguments: &[&str], environment: &[(&str, &str)]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_frontrow"));
    command
        .env_remove("DATABASE_URL")
        .env_remove("REDIS_URL")
        .env_remove("FRONTROW_USER")
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
    // Messages about an invalid address do not contain its password.
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
        let environment: Vec<_> = environment
            .into_iter()
            .chain(embedded::testing::stay_root())
            .collect();
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
    let data = data_dir();
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

/// Creates an empty data directory that the account root switches to can reach.
fn data_dir() -> TempDir {
    tempfile::Builder::new()
        .prefix("frontrow-data-")
        .tempdir()
        .expect("a folder")
}

/// Returns all files and folders below `folder`, recursively.
fn below(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).expect("a folder") {
        let entry = entry.expect("an entry");
        if entry.file_type().expect("its type").is_dir() {
            found.extend(below(&entry.path()));
        }
        found.push(entry.path());
    }
    found
}

/// Returns the values of one line of `/proc/{process}/status`.
fn status(process: u32, line: &str) -> Vec<String> {
    let status = fs::read_to_string(format!("/proc/{process}/status")).expect("a process");
    let line = status.lines().find_map(|said| said.strip_prefix(line));
    let words = line.expect("the line").split_whitespace();
    words.map(str::to_owned).collect()
}

/// Returns the child processes of `process`.
fn children(process: u32) -> Vec<u32> {
    let processes = fs::read_dir("/proc").expect("/proc").filter_map(|entry| {
        let name = entry.ok()?.file_name();
        name.to_str()?.parse::<u32>().ok()
    });
    let of = process.to_string();
    processes
        .filter(|child| {
            fs::read_to_string(format!("/proc/{child}/status")).is_ok_and(|status| {
                let parent = status.lines().find_map(|line| line.strip_prefix("PPid:"));
                parent.is_some_and(|parent| parent.trim() == of)
            })
        })
        .collect()
}

/// Starts a server with its own stores, whose site is in a folder of mode 0700, like a checkout in
/// root's home.
fn serve_in(data: &Path, home: &Path, set: impl FnOnce(&mut Command)) -> Server {
    let site = home.join("site");
    fs::create_dir_all(site.join("pkg")).expect("a folder");
    fs::write(site.join("pkg/style.css"), "body {}").expect("a file");
    fs::set_permissions(&site, Permissions::from_mode(0o755)).expect("readable");
    Server::start_own(|command| {
        command
            .env_remove("FRONTROW_USER")
            .env("FRONTROW_DATA_DIR", data)
            .env("LEPTOS_SITE_ROOT", &site);
        set(command);
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn with_stores_of_its_own_all_of_it_is_one_accounts_alone() {
    let (data, home) = (data_dir(), tempfile::tempdir().expect("a folder"));
    fs::set_permissions(data.path(), Permissions::from_mode(0o755)).expect("open to all");
    let mut server = serve_in(data.path(), home.path(), |_| {});
    let person = Person::new(&server);
    let style = format!("{}/pkg/style.css", server.url);
    let style = person.client.get(style).send().await.expect("an answer");
    assert_eq!(style.text().await.expect("text"), "body {}");

    let owner = fs::metadata(data.path()).expect("the folder").uid();
    for path in below(data.path())
        .into_iter()
        .chain([data.path().to_owned()])
    {
        // PostgreSQL creates and deletes files all the time, so a listed file may be gone.
        let Ok(file) = fs::symlink_metadata(&path) else {
            continue;
        };
        assert_eq!(file.mode() & 0o077, 0, "{}", path.display());
        assert_eq!(file.uid(), owner, "{}", path.display());
    }
    if Uid::effective().is_root() {
        assert_ne!(owner, 0);
        let processes = children(server.id());
        assert!(processes.len() >= 2, "{processes:?}");
        for process in processes.into_iter().chain([server.id()]) {
            assert_eq!(status(process, "Uid:"), vec![owner.to_string(); 4]);
            assert!(!status(process, "Gid:").contains(&"0".to_owned()));
            assert!(!status(process, "Groups:").contains(&"0".to_owned()));
        }
    } else {
        println!("skipped: only root steps down");
    }
    // A command that root runs next to the server switches to the same account.
    let directory = data.path().to_str().expect("text");
    let audit = frontrow(&["audit", "--data-dir", directory], &[]);
    assert!(audit.status.success(), "{audit:?}");
    assert!(server.interrupt().success());
    for path in below(data.path()) {
        assert_eq!(
            fs::metadata(&path).expect("a file").uid(),
            owner,
            "{path:?}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn with_stores_of_others_it_becomes_whom_one_names() {
    if !Uid::effective().is_root() {
        println!("skipped: only root steps down");
        return;
    }
    let stores = stores().await;
    let server = Server::start_as(&stores, "127.0.0.1:0", |command| {
        command.env("FRONTROW_USER", "postgres");
        let site = PathBuf::from(
            command
                .get_envs()
                .find(|(name, _)| *name == "LEPTOS_SITE_ROOT")
                .and_then(|(_, value)| value)
                .expect("a folder"),
        );
        fs::set_permissions(site, Permissions::from_mode(0o755)).expect("readable");
    });
    let postgres = User::from_name("postgres")
        .expect("accounts")
        .expect("its account");
    assert_eq!(
        status(server.id(), "Uid:"),
        vec![postgres.uid.to_string(); 4]
    );
    assert_eq!(
        status(server.id(), "Gid:"),
        vec![postgres.gid.to_string(); 4]
    );
    assert_eq!(status(server.id(), "Groups:"), [postgres.gid.to_string()]);
    assert_eq!(status(server.id(), "CapEff:"), ["0000000000000000"]);

    // Without `FRONTROW_USER`, the fallback account may not enter the folder of the stores'
    // sockets.
    let environment = [
        ("DATABASE_URL", stores.database_url.as_str()),
        ("REDIS_URL", &stores.redis_url),
        ("FRONTROW_TOKEN_SECRET", SECRET),
    ];
    if stores.database_url.contains("host=") {
        let said = refusal(&["audit"], &environment);
        assert!(said.contains("--user"), "{said}");
    }
}

#[test]
fn an_account_that_will_not_do_is_named() {
    let data = data_dir();
    let directory = data.path().to_str().expect("text");
    let with = |user| refusal(&["migrate", "--data-dir", directory, "--user", user], &[]);
    assert!(with("no-such-account").contains("--user"));
    if Uid::effective().is_root() {
        assert!(with("nobody").contains("must not own data"));
    } else {
        assert!(with("root").contains("only root"));
    }
    assert_eq!(
        below(data.path()),
        Vec::<PathBuf>::new(),
        "nothing is begun"
    );
}

#[test]
fn a_secret_that_cannot_be_read_is_not_made_up_anew() {
    let data = data_dir();
    let elsewhere = tempfile::tempdir().expect("a folder");
    let target = elsewhere.path().join("target");
    fs::write(&target, "").expect("a file");
    std::os::unix::fs::symlink(&target, data.path().join("token-secret")).expect("a link");
    let directory = data.path().to_str().expect("text");
    let said = refusal(&["migrate", "--data-dir", directory], &[]);
    assert!(said.contains("token-secret"), "{said}");
    assert_eq!(fs::read(&target).expect("a file"), b"");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_password_is_read_from_a_file_or_from_standard_input() {
    let stores = stores().await;
    let server = Server::start(&stores);
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("password");
    fs::write(&file, "the passphrase of a file\nand more").expect("a file");
    let create = |name: &str, file: &str, typed: &str| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_frontrow"))
            .args(["admin", "create", "--account-name", name])
            .args([
                "--email",
                &format!("{name}@example.com"),
                "--password-file",
                file,
            ])
            .env("DATABASE_URL", &stores.database_url)
            .env("REDIS_URL", &stores.redis_url)
            .env("FRONTROW_TOKEN_SECRET", SECRET)
            .env("FRONTROW_ADMIN_PASSWORD", "the file wins over this")
            .envs(embedded::testing::stay_root())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("frontrow");
        let mut input = command.stdin.take().expect("its input");
        // The write may fail: the command can refuse before it reads its input.
        let _ = input.write_all(typed.as_bytes());
        drop(input);
        command.wait_with_output().expect("frontrow")
    };
    let path = file.to_str().expect("text");
    for (name, file, typed, password) in [
        ("of.file", path, "", "the passphrase of a file"),
        (
            "of.input",
            "-",
            "the passphrase of the input\r\n",
            "the passphrase of the input",
        ),
    ] {
        let made = create(name, file, typed);
        assert!(made.status.success(), "{made:?}");
        let said = String::from_utf8_lossy(&made.stdout).into_owned();
        assert!(!said.contains(password), "{said}");
        let (status, body) = Person::new(&server)
            .post("log_in", &[("account_name", name), ("password", password)])
            .await;
        assert!(status.is_success(), "{body}");
    }
    for (file, typed) in [("/nowhere/password", ""), ("-", ""), ("-", "\nmore")] {
        let refused = create("refused", file, typed);
        let said = String::from_utf8_lossy(&refused.stderr).into_owned();
        assert!(
            !refused.status.success() && said.contains("--password-file"),
            "{said}"
        );
        assert_eq!(said.trim().lines().count(), 1, "{said}");
    }
}

#[test]
fn help_warns_of_secrets_in_arguments() {
    for command in [&["admin", "create", "--help"][..], &["rehearse", "--help"]] {
        let help = String::from_utf8(frontrow(command, &[]).stdout).expect("text");
        let words: Vec<&str> = help.split_whitespace().collect();
        let help = words.join(" ");
        for said in [
            "--password-file",
            "- for standard input",
            "seen by whoever looks at `ps`",
            "shell's history",
        ] {
            assert!(help.contains(said), "{said} is missing in:\n{help}");
        }
    }
    let help = String::from_utf8(frontrow(&["serve", "--help"], &[]).stdout).expect("text");
    assert!(help.contains("`ps`") && help.contains("--user"), "{help}");
}
