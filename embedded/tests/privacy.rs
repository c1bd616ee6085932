//! The stores' files are accessible only to the account that runs them, and their environment
//! contains no secret of Frontrow.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use embedded::{Durability, Stores, testing};
use nix::unistd::Uid;
use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt, lchown, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;
use tempfile::TempDir;

const SECRET: &str = "SEKRIT-of-this-test";

fn folder() -> TempDir {
    testing::tempdir().unwrap()
}

fn mode(path: &Path) -> u32 {
    fs::symlink_metadata(path).unwrap().permissions().mode() & 0o777
}

fn open_up(path: &Path, mode: u32) {
    fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
}

/// Lists all files and folders below a folder.
fn below(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let entry = entry.unwrap();
        if entry.file_type().unwrap().is_dir() {
            found.extend(below(&entry.path()));
        }
        found.push(entry.path());
    }
    found
}

async fn redis_process(url: &str) -> u32 {
    let mut connection = testing::connect(url).await.unwrap();
    let info: String = redis::cmd("INFO")
        .arg("server")
        .query_async(&mut connection)
        .await
        .unwrap();
    let id = info
        .lines()
        .find_map(|line| line.strip_prefix("process_id:"));
    id.unwrap().trim().parse().unwrap()
}

fn postgres_process(dir: &Path) -> u32 {
    let file = fs::read_to_string(dir.join("postgres/postmaster.pid")).unwrap();
    file.lines().next().unwrap().trim().parse().unwrap()
}

#[tokio::test]
async fn a_data_directory_open_to_others_is_closed() {
    let dir = folder();
    Stores::start(dir.path(), Durability::Durable)
        .await
        .unwrap()
        .stop()
        .await
        .unwrap();
    // Modes left by an older release.
    for path in ["", "redis", "run"] {
        open_up(&dir.path().join(path), 0o755);
    }
    for path in ["redis.log", "postgres.log", "lock"] {
        open_up(&dir.path().join(path), 0o644);
    }
    fs::write(dir.path().join("redis/dump.rdb.old"), "sessions").unwrap();
    open_up(&dir.path().join("redis/dump.rdb.old"), 0o644);

    let stores = Stores::start(dir.path(), Durability::Durable)
        .await
        .unwrap();
    for path in ["", "redis", "run", "postgres"] {
        assert_eq!(mode(&dir.path().join(path)), 0o700, "{path}");
    }
    for path in ["redis.log", "postgres.log", "lock", "redis/dump.rdb.old"] {
        assert_eq!(mode(&dir.path().join(path)), 0o600, "{path}");
    }
    for path in below(&dir.path().join("postgres")) {
        assert_eq!(mode(&path) & 0o077, 0, "{}", path.display());
    }
    stores.stop().await.unwrap();
}

#[tokio::test]
async fn links_that_were_planted_are_refused() {
    for planted in ["run", "redis", "lock", "redis.log"] {
        let (dir, elsewhere) = (folder(), folder());
        let target = match planted {
            "run" | "redis" => elsewhere.path().to_owned(),
            _ => {
                let file = elsewhere.path().join("file");
                fs::write(&file, "kept").unwrap();
                file
            }
        };
        let before = (mode(&target), fs::metadata(&target).unwrap().uid());
        symlink(&target, dir.path().join(planted)).unwrap();
        let started = Stores::start(dir.path(), Durability::Throwaway).await;
        assert!(started.is_err(), "{planted}");
        assert_eq!(
            before,
            (mode(&target), fs::metadata(&target).unwrap().uid())
        );
        match target.is_dir() {
            true => assert_eq!(below(&target), Vec::<PathBuf>::new(), "{planted}"),
            false => assert_eq!(fs::read_to_string(&target).unwrap(), "kept", "{planted}"),
        }
    }
}

#[tokio::test]
async fn somebody_elses_folder_is_refused() {
    let full = folder();
    fs::write(full.path().join("letter.txt"), "").unwrap();
    open_up(full.path(), 0o755);
    let error = Stores::start(full.path(), Durability::Throwaway).await;
    let error = error.err().expect("refused").to_string();
    assert!(error.contains("letter.txt"), "{error}");
    assert_eq!(mode(full.path()), 0o755);

    if !Uid::effective().is_root() {
        println!("skipped: only root can make a folder of somebody else's");
        return;
    }
    let (dir, elsewhere) = (folder(), folder());
    let link = dir.path().join("link");
    symlink(elsewhere.path(), &link).unwrap();
    lchown(&link, Some(4_000_123), Some(4_000_123)).unwrap();
    let error = Stores::start(&link, Durability::Throwaway).await;
    let error = error.err().expect("refused").to_string();
    assert!(error.contains("link"), "{error}");

    lchown(elsewhere.path(), Some(4_000_123), Some(4_000_123)).unwrap();
    let error = Stores::start(elsewhere.path(), Durability::Throwaway).await;
    let error = error.err().expect("refused").to_string();
    assert!(error.contains("belongs to 4000123"), "{error}");
}

#[tokio::test]
async fn sockets_elsewhere_are_where_nobody_can_foresee() {
    let dir = folder();
    let long = dir.path().join("a".repeat(100));
    let sockets = || fs::read_to_string(long.join("run.elsewhere")).map(PathBuf::from);
    let stores = Stores::start(&long, Durability::Throwaway).await.unwrap();
    let first = sockets().unwrap();
    assert_eq!(mode(&first), 0o700);
    let running = embedded::running(&long).unwrap().expect("others find them");
    assert_eq!(running.redis_url, stores.redis_url());
    stores.stop().await.unwrap();

    // Removed, and created again by another account.
    fs::remove_dir_all(&first).unwrap();
    let trap = folder();
    symlink(trap.path(), &first).unwrap();
    let stores = Stores::start(&long, Durability::Throwaway).await.unwrap();
    let second = sockets().unwrap();
    assert_ne!(first, second);
    assert_eq!(below(trap.path()), Vec::<PathBuf>::new());
    stores.stop().await.unwrap();
    fs::remove_file(&first).unwrap();
    fs::remove_dir_all(&second).unwrap();
}

/// Installs a wrapper that records its environment and arguments before it executes the real
/// program of that name. `/proc` would not do: both programs overwrite what it shows of their
/// environment.
fn eavesdrop(folder: &Path, program: &str) {
    let real = std::env::split_paths(&std::env::var_os("PATH").unwrap())
        .chain(
            fs::read_dir("/usr/lib/postgresql")
                .into_iter()
                .flatten()
                .map(|version| version.unwrap().path().join("bin")),
        )
        .map(|folder| folder.join(program))
        .find(|path| path.is_file());
    let script = format!(
        "#!/bin/sh\nenv >\"$0.heard\"\necho \"$@\" >>\"$0.heard\"\nexec {} \"$@\"\n",
        real.unwrap().display()
    );
    let path = folder.join(program);
    fs::write(&path, script).unwrap();
    open_up(&path, 0o755);
}

#[tokio::test]
async fn the_stores_know_no_secret_of_ours() {
    let programs = folder();
    open_up(programs.path(), 0o777);
    for program in ["redis-server", "postgres"] {
        eavesdrop(programs.path(), program);
    }
    let path = std::env::var("PATH").unwrap();
    let ended = Command::new(env!("CARGO_BIN_EXE_with-stores"))
        .arg("true")
        .env("PATH", format!("{}:{path}", programs.path().display()))
        .env("DATABASE_URL", SECRET)
        .env("REDIS_URL", SECRET)
        .env("FRONTROW_TOKEN_SECRET", SECRET)
        .env("FRONTROW_ADMIN_PASSWORD", SECRET)
        .env("PGPASSWORD", SECRET)
        .env("AWS_SECRET_ACCESS_KEY", SECRET)
        .status()
        .unwrap();
    assert!(ended.success());
    for program in ["redis-server.heard", "postgres.heard"] {
        let heard = fs::read_to_string(programs.path().join(program)).unwrap();
        assert!(heard.contains("PATH="), "{heard}");
        assert!(!heard.contains(SECRET), "{heard}");
    }
}

#[tokio::test]
async fn started_by_root_they_run_as_somebody_else() {
    if !Uid::effective().is_root() {
        println!("skipped: this is not root");
        return;
    }
    let (stores, dir) = testing::throwaway().await.unwrap();
    let owner = fs::metadata(dir.path()).unwrap().uid();
    assert_ne!(owner, 0);
    let processes = [
        redis_process(stores.redis_url()).await,
        postgres_process(dir.path()),
    ];
    for id in processes {
        let status = fs::read_to_string(format!("/proc/{id}/status")).unwrap();
        let line = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name));
            line.unwrap().split_whitespace().collect::<Vec<_>>()
        };
        assert_eq!(line("Uid:"), vec![owner.to_string(); 4], "{status}");
        assert!(!line("Gid:").contains(&"0"), "{status}");
        assert_eq!(line("Groups:"), Vec::<&str>::new(), "{status}");
    }
    for path in below(dir.path()) {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        // Owned by the supervising process.
        if !["lock", "redis.log", "postgres.log"].contains(&name.as_str()) {
            assert_eq!(fs::symlink_metadata(&path).unwrap().uid(), owner, "{name}");
        }
    }
    stores.stop().await.unwrap();
}
