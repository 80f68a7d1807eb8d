//! A fresh store for each test: a file of its own on SQLite, a database of its own on PostgreSQL.

use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use store::Store;
use tempfile::TempDir;

pub(crate) struct Bed {
    pub(crate) store: Store,
    pub(crate) url: String,
    /// Of the SQLite file.
    pub(crate) dir: Option<TempDir>,
}

impl Bed {
    /// Changes the tables behind the store's back.
    pub(crate) async fn alter(&self, sql: &str) {
        use sea_orm::ConnectionTrait as _;
        let database = sea_orm::Database::connect(&self.url).await.unwrap();
        database.execute_unprepared(sql).await.unwrap();
    }
}

pub(crate) async fn sqlite() -> Bed {
    let dir = TempDir::new().unwrap();
    let url = format!("sqlite://{}", dir.path().join("grid.db").display());
    let store = Store::open(&url).await.unwrap();
    Bed {
        store,
        url,
        dir: Some(dir),
    }
}

pub(crate) async fn postgres() -> Bed {
    let url = empty_database();
    let store = Store::open(&url).await.unwrap();
    Bed { store, url, dir: None }
}

/// Address of a new PostgreSQL database without tables.
pub(crate) fn empty_database() -> String {
    static DATABASES: AtomicU32 = AtomicU32::new(0);
    let socket = cluster();
    let name = format!("grid{}", DATABASES.fetch_add(1, Ordering::Relaxed));
    let made = psql(socket, &format!("CREATE DATABASE {name}"));
    assert!(made, "CREATE DATABASE {name} failed");
    let host = socket.to_str().unwrap().replace('/', "%2F");
    format!("postgres://postgres@{host}/{name}")
}

/// One server for the whole run, on a Unix socket in a directory of its own. A shell keeps it: when this process ends,
/// however it ends, the shell's input closes and it stops the server and removes the directory.
fn cluster() -> &'static Path {
    static SOCKET: OnceLock<PathBuf> = OnceLock::new();
    SOCKET.get_or_init(|| {
        let bin = binaries();
        let script = r#"
            dir=$(mktemp -d) && cd "$dir" || exit 1
            "$1/initdb" -D "$dir/data" -U postgres -A trust -N >"$dir/log" 2>&1 || { cat "$dir/log" >&2; exit 1; }
            "$1/postgres" -D "$dir/data" -k "$dir" -c listen_addresses= -c fsync=off -c max_connections=400 \
                </dev/null >>"$dir/log" 2>&1 &
            echo "$dir"
            cat >/dev/null
            kill -INT $!; wait; cd /; rm -rf "$dir""#;
        let as_root = std::fs::metadata("/proc/self").unwrap().uid() == 0;
        let mut shell = if as_root {
            Command::new("runuser")
        } else {
            Command::new("sh")
        };
        if as_root {
            shell.args(["-u", "postgres", "--", "sh"]); // The server refuses to run as root.
        }
        let mut child = shell
            .args(["-c", script, "sh"])
            .arg(bin)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("runuser and sh start");
        let mut said = String::new();
        let mut out = std::io::BufReader::new(child.stdout.take().unwrap());
        std::io::BufRead::read_line(&mut out, &mut said).unwrap();
        let dir = PathBuf::from(said.trim());
        assert!(dir.is_absolute(), "initdb failed");
        std::mem::forget(child);
        let deadline = Instant::now() + Duration::from_secs(60);
        while !psql(&dir, "SELECT 1") {
            assert!(
                Instant::now() < deadline,
                "PostgreSQL did not come up in {}",
                dir.display()
            );
            std::thread::yield_now();
        }
        dir
    })
}

fn psql(socket: &Path, sql: &str) -> bool {
    let status = Command::new(binaries().join("psql"))
        .args(["-q", "-U", "postgres", "-d", "postgres", "-c", sql, "-h"])
        .arg(socket)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    status.is_ok_and(|status| status.success())
}

/// Debian keeps the server's binaries out of the path, by release.
fn binaries() -> PathBuf {
    let releases = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let mut found: Vec<_> = releases.map(|release| release.path().join("bin")).collect();
    found.extend(std::env::split_paths(&std::env::var_os("PATH").unwrap_or_default()));
    found
        .into_iter()
        .find(|bin| bin.join("initdb").exists())
        .expect("initdb is missing: apt-get install postgresql")
}
