//! nginx and php-fpm as configured in deploy/examples, in front of the servers of a test.

use nix::sys::signal::{Signal, kill};
use nix::unistd::{Pid, User, geteuid};
use reqwest::{Client, StatusCode, header};
use std::io::{BufRead, BufReader};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;
use tempfile::TempDir;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

/// Returns the path of the examples, without `..`, which php-fpm does not accept.
fn examples() -> PathBuf {
    let checkout = Path::new(env!("CARGO_MANIFEST_DIR")).parent();
    checkout.expect("the checkout").join("deploy/examples")
}

/// nginx and php-fpm, started from the files of the example.
pub struct Front {
    pub url: String,
    /// Lines of the access log, one for each finished request.
    log: UnboundedReceiver<String>,
    /// Stopped in this order, before their folder is removed.
    _nginx: Program,
    _php: Program,
    _run: TempDir,
}

impl Front {
    /// Starts both in front of two servers. PHP gets this environment and, except
    /// `FRONTROW_TEST_RUN`, no other.
    pub fn start(servers: [&str; 2], environment: &[(&str, String)]) -> Front {
        let run = tempfile::tempdir().expect("a folder");
        let socket = run.path().join("php.sock");
        let me = User::from_uid(geteuid()).expect("users").expect("a user");
        copy(
            "php/php-fpm.conf",
            run.path(),
            &[("user = www-data", &format!("user = {}", me.name))],
        );
        let php_fpm = installed("php-fpm");
        let modules = Command::new(&php_fpm).arg("-m").output().expect("php-fpm");
        assert!(
            String::from_utf8_lossy(&modules.stdout).contains("\nredis\n"),
            "PHP's redis extension is not installed: `scripts/setup.sh test` sees to it"
        );
        let mut php = Command::new(php_fpm);
        php.arg("-p").arg(run.path());
        php.arg("-y").arg(run.path().join("php-fpm.conf"));
        php.arg("--force-stderr").env_clear();
        php.envs(environment.iter().cloned());
        // scripts/test.sh finds the processes that a test leaves behind by this variable.
        php.envs(std::env::var_os("FRONTROW_TEST_RUN").map(|run| ("FRONTROW_TEST_RUN", run)));
        if geteuid().is_root() {
            php.arg("--allow-to-run-as-root");
        }
        let mut php = Program(php.spawn().expect("php-fpm"));
        php.until(|| UnixStream::connect(&socket).is_ok());

        let address = free_address();
        copy("nginx/nginx.conf", run.path(), &[]);
        copy(
            "nginx/frontrow.conf",
            run.path(),
            &[
                ("server 127.0.0.1:3001 ", &format!("server {} ", servers[0])),
                ("server 127.0.0.1:3002 ", &format!("server {} ", servers[1])),
                ("/run/php/frontrow.sock", &socket.to_string_lossy()),
                ("listen 80;", &format!("listen {address};")),
                (
                    "/srv/frontrow/php",
                    &examples().join("php").to_string_lossy(),
                ),
                ("/var/log/nginx/frontrow.log", "/dev/stdout"),
            ],
        );
        let mut nginx = Command::new(installed("nginx"));
        // The prefix ends with a slash, because nginx prepends it to file names unchanged.
        nginx.arg("-p").arg(run.path().join(""));
        nginx.args(["-c", "nginx.conf", "-e", "stderr"]);
        if geteuid().is_root() {
            nginx.args(["-g", "user root;"]);
        }
        let mut nginx = Program(nginx.stdout(Stdio::piped()).spawn().expect("nginx"));
        let lines = BufReader::new(nginx.0.stdout.take().expect("its output")).lines();
        let (tell, log) = unbounded_channel();
        std::thread::spawn(move || {
            lines
                .map_while(Result::ok)
                .try_for_each(|line| tell.send(line))
        });
        nginx.until(|| TcpStream::connect(address).is_ok());
        Front {
            url: format!("http://{address}"),
            log,
            _nginx: nginx,
            _php: php,
            _run: run,
        }
    }

    /// Returns the servers that nginx asked, in order, for the next `GET` of this path in its log.
    pub async fn asked(&mut self, path: &str) -> String {
        let request = format!("\"GET {path}\"");
        loop {
            let line = self.log.recv().await.expect("a line");
            if line.contains(&request) {
                let (_, asked) = line.split_once(&request).expect("a request");
                return asked.split_whitespace().skip(3).collect();
            }
        }
    }

    /// Returns the status and body of the PHP page for a client with this access token.
    pub async fn greeting(&self, token: Option<&str>) -> (StatusCode, String) {
        let mut request = Client::new().get(format!("{}/greeting", self.url));
        if let Some(token) = token {
            request = request.header(header::COOKIE, format!("frontrow_access={token}"));
        }
        let response = request.send().await.expect("an answer");
        (response.status(), response.text().await.expect("a body"))
    }
}

/// A process that is sent SIGTERM on drop and waited for: both programs have children of their own
/// to stop.
struct Program(Child);

impl Program {
    fn until(&mut self, ready: impl Fn() -> bool) {
        while !ready() {
            let ended = self.0.try_wait().expect("wait");
            assert!(ended.is_none(), "it did not start: {ended:?}");
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = kill(Pid::from_raw(self.0.id() as i32), Signal::SIGTERM);
        let _ = self.0.wait();
    }
}

/// Returns the path of a server program. Debian installs these where only root's PATH looks, and
/// php-fpm with its version in the name.
fn installed(name: &str) -> PathBuf {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::env::split_paths(&path)
        .chain(["/usr/sbin", "/usr/local/sbin", "/opt/homebrew/sbin"].map(PathBuf::from));
    folders
        .filter_map(|folder| std::fs::read_dir(folder).ok())
        .flatten()
        .filter_map(|file| Some(file.ok()?.path()))
        .filter(|file| {
            let version = file
                .file_name()
                .and_then(|file| file.to_str()?.strip_prefix(name));
            version.is_some_and(|v| v.chars().all(|c| c.is_ascii_digit() || c == '.'))
        })
        .max()
        .unwrap_or_else(|| panic!("{name} is not installed: run `scripts/setup.sh test`"))
}

/// Copies a file of the example and replaces these addresses; panics unless each occurs exactly
/// once.
fn copy(file: &str, to: &Path, addresses: &[(&str, &str)]) {
    let file = examples().join(file);
    let mut text = std::fs::read_to_string(&file).expect("the example");
    for (theirs, ours) in addresses {
        assert_eq!(text.matches(theirs).count(), 1, "{theirs} in {file:?}");
        text = text.replace(theirs, ours);
    }
    std::fs::write(to.join(file.file_name().expect("a name")), text).expect("a copy");
}

pub fn free_address() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    listener.local_addr().expect("an address")
}
