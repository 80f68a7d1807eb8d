//! The same questions to our server and to the genuine one of this host: statements by psql, and bytes no client sends.

#![allow(clippy::unwrap_used)]

mod stand;

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::json;
use stand::Stand;

/// Statements that may differ (`wiki/Events.md`): the place of an error in what is put into a table or beside an operator is not
/// known, nor are all that stands in the way of a DROP.
const KNOWN: &[&str] = &[
    "insert into t (name, n) values ('x', 'y')",
    "insert into t (nothing) values (1)",
    "insert into t (name) values (1, 2)",
    "insert into t (name, b) values ('x', 3)",
    "insert into t values ('x')",
    "update t set nothing = 1",
    "select tags[1], tags[2], array_length(tags, 1), tags || 'x' from t",
    "select id from t union select 'x'",
    "drop table t",
    "select 1 + 'a'",
    "select 1 = 'a'",
    "drop schema s",
    "drop schema s cascade",
    "start transaction; end",
    "select $1",
];

/// A server of the distribution's own, stopped and removed when this ends, however it ends.
struct Genuine {
    child: Child,
    port: u16,
}

const SCRIPT: &str = r#"
dir=$(mktemp -d) && cd "$dir" || exit 1
echo s3cret > password
"$1/initdb" -D "$dir/data" -U postgres --pwfile="$dir/password" --auth-local=trust --auth-host=md5 --locale=C.UTF-8 -N \
    >"$dir/log" 2>&1 <<< '' || { cat "$dir/log" >&2; exit 1; }
cp "$3" data/server.crt && cp "$4" data/server.key && chmod 600 data/server.key
cat > data/pg_hba.conf <<'HBA'
hostssl all all 0.0.0.0/0 password
host all all 0.0.0.0/0 md5
HBA
"$1/postgres" -D "$dir/data" -k "$dir" -p "$2" -c listen_addresses=127.0.0.1 -c ssl=on -c fsync=off \
    -c password_encryption=md5 </dev/null >>"$dir/log" 2>&1 &
echo "$dir"
cat >/dev/null
kill -INT $!; wait; cd /; rm -rf "$dir""#;

// === impl Genuine ===

impl Genuine {
    fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (certificate, key) = stand::certificate(folder.path());
        [folder.path(), key.as_path()]
            .iter()
            .for_each(|path| stand::open_to_all(path));
        let port = stand::free_port();
        let root = nix::unistd::Uid::effective().is_root();
        let mut shell = Command::new(if root { "runuser" } else { "bash" });
        if root {
            shell.args(["-u", "postgres", "--", "bash"]); // The server refuses to run as root.
        }
        let mut child = shell
            .args(["-c", SCRIPT, "bash"])
            .arg(binaries())
            .arg(port.to_string())
            .args([certificate, key])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("runuser and bash start");
        let mut said = [0; 1];
        child
            .stdout
            .as_mut()
            .unwrap()
            .read_exact(&mut said)
            .expect("initdb failed");
        let genuine = Self { child, port };
        let deadline = Instant::now() + Duration::from_secs(60);
        while !psql(port, "select 1").starts_with("?column?") {
            assert!(Instant::now() < deadline, "PostgreSQL did not come up");
            std::thread::sleep(Duration::from_millis(100));
        }
        genuine
    }
}

impl Drop for Genuine {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        let _ = self.child.wait();
    }
}

/// Debian keeps the server's binaries out of the path, by release.
fn binaries() -> PathBuf {
    let releases = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let found = releases
        .map(|release| release.path().join("bin"))
        .find(|bin| bin.join("initdb").exists());
    found.expect("initdb is missing: apt-get install postgresql")
}

fn psql(port: u16, sql: &str) -> String {
    let ran = Command::new("psql")
        .args([
            "-XA",
            "-h",
            "127.0.0.1",
            "-p",
            &port.to_string(),
            "-U",
            "postgres",
            "-d",
            "postgres",
        ])
        .args(["-v", "VERBOSITY=verbose", "-c", sql])
        .env("PGPASSWORD", "s3cret")
        .output()
        .expect("psql is needed");
    let said = String::from_utf8_lossy(&ran.stdout) + String::from_utf8_lossy(&ran.stderr);
    // Where in its source the product raises an error is another line with each release.
    let lines = said.lines().map(|line| match line.split_once("LOCATION:  ") {
        Some((before, _)) => before.to_owned(),
        None => line.to_owned(),
    });
    lines.collect::<Vec<_>>().join("\n")
}

fn release(port: u16) -> String {
    let said = psql(port, "show server_version");
    said.lines().nth(1).unwrap_or("").to_owned()
}

#[test]
fn statements_are_answered_as_by_the_genuine_server() {
    let genuine = Genuine::start();
    let release = release(genuine.port);
    let stand = Stand::new("postgres", json!({"password": "s3cret", "version": release}));
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../fixtures/conformance/postgres.sql");
    let text = std::fs::read_to_string(path).unwrap();
    let (mut equal, mut differing) = (0, Vec::new());
    for sql in text.lines().filter(|line| !line.is_empty()) {
        let (wanted, said) = (psql(genuine.port, sql), psql(stand.port, sql));
        if wanted == said {
            equal += 1;
        } else {
            differing.push((sql, wanted, said));
        }
    }
    let all = equal + differing.len();
    println!(
        "postgres: {equal} of {all} answers equal ({:.1} %)",
        equal as f64 * 100.0 / all as f64
    );
    for (sql, wanted, said) in &differing {
        println!("--- {sql}\n{wanted}\n+++\n{said}");
    }
    let unexpected = differing.iter().filter(|(sql, ..)| !KNOWN.contains(sql)).count();
    assert_eq!(unexpected, 0);
}

/// Bytes of a message with a type.
fn message(kind: u8, body: &[u8]) -> Vec<u8> {
    [&[kind][..], &(body.len() as u32 + 4).to_be_bytes(), body].concat()
}

fn startup(version: u32, params: &[(&str, &str)], end: bool) -> Vec<u8> {
    let mut body = version.to_be_bytes().to_vec();
    for (name, value) in params {
        body.extend([name.as_bytes(), b"\0", value.as_bytes(), b"\0"].concat());
    }
    body.extend(end.then_some(0));
    [&(body.len() as u32 + 4).to_be_bytes()[..], &body].concat()
}

/// Asks piece by piece; what comes is text, salts and the like masked, and whether the end was reached.
fn ask(port: u16, pieces: &[Vec<u8>]) -> String {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    stream.set_read_timeout(Some(Duration::from_millis(400))).unwrap();
    let mut said = String::new();
    for piece in pieces {
        if stream.write_all(piece).is_err() {
            break;
        }
        let (mut heard, mut buffer) = (Vec::new(), [0; 8192]);
        let over = loop {
            match stream.read(&mut buffer) {
                Ok(0) => break true,
                Ok(count) => heard.extend_from_slice(&buffer[..count]),
                Err(error) => break error.kind() == std::io::ErrorKind::ConnectionReset,
            }
        };
        let salted = b"R\0\0\0\x0c\0\0\0\x05";
        if let Some(at) = heard.windows(salted.len()).position(|window| window == salted) {
            heard.truncate(at + salted.len());
        }
        said.push_str(&unnumbered(&heard.escape_ascii().to_string()));
        said.push_str(if over { " END\n" } else { "\n" });
    }
    said
}

/// Without the lines of source an error was raised at, which are others with each release.
fn unnumbered(text: &str) -> String {
    let parts = text.split("\\x00L").enumerate();
    let parts = parts.map(|(at, part)| {
        if at == 0 {
            part
        } else {
            part.trim_start_matches(|c: char| c.is_ascii_digit())
        }
    });
    parts.collect::<Vec<_>>().join("\\x00L")
}

const V3: u32 = 0x0003_0000;

fn odd() -> Vec<(&'static str, Vec<Vec<u8>>)> {
    let user = [("user", "postgres")];
    let word = |number: u32| [8u32.to_be_bytes(), number.to_be_bytes()].concat();
    let login = |body: &[u8]| vec![startup(V3, &user, true), message(b'p', body)];
    vec![
        ("a request for TLS", vec![word(80_877_103)]),
        ("plain text after it", vec![word(80_877_103), startup(V3, &user, true)]),
        (
            "a request for GSSAPI",
            vec![word(80_877_104), b"\0\0\0\x05hello".to_vec()],
        ),
        (
            "a request to cancel",
            vec![[16u32, 80_877_102, 1, 2].map(u32::to_be_bytes).concat()],
        ),
        (
            "what nmap says",
            vec![
                b"\0\0\0\xa4\xffSMBr\0\0\0\0\x08\x01\x40"
                    .iter()
                    .copied()
                    .chain([0; 200])
                    .collect(),
            ],
        ),
        ("a web request", vec![b"GET / HTTP/1.0\r\n\r\n".to_vec()]),
        ("no length", vec![vec![0; 4]]),
        ("a short length", vec![b"\0\0\0\x07abc".to_vec()]),
        ("nobody", vec![startup(V3, &[], true)]),
        (
            "a database and nobody",
            vec![startup(V3, &[("database", "postgres")], true)],
        ),
        ("no end", vec![startup(V3, &user, false)]),
        ("protocol 1", vec![startup(0x0001_0000, &[], true)]),
        ("protocol 2", vec![startup(0x0002_0000, &[], true)]),
        ("protocol 4", vec![startup(0x0004_0000, &user, true)]),
        ("protocol 3.2", vec![startup(V3 + 2, &user, true)]),
        (
            "an option nobody knows",
            vec![startup(V3, &[("user", "postgres"), ("_pq_.foo", "1")], true)],
        ),
        (
            "replication or not",
            vec![startup(V3, &[("user", "postgres"), ("replication", "maybe")], true)],
        ),
        (
            "replication",
            vec![startup(V3, &[("user", "postgres"), ("replication", "true")], true)],
        ),
        ("a wrong answer", login(b"md5abc\0")),
        ("an empty one", login(b"\0")),
        ("one without an end", login(b"md5abc")),
        ("two", login(b"md5\0abc\0")),
        (
            "a query instead",
            vec![startup(V3, &user, true), message(b'Q', b"select 1\0")],
        ),
        (
            "a length instead",
            vec![startup(V3, &user, true), b"p\0\0\0\x03abc".to_vec()],
        ),
        (
            "somebody unknown",
            vec![
                startup(V3, &[("user", "nobody-here")], true),
                message(b'p', b"md5abc\0"),
            ],
        ),
    ]
}

#[test]
fn what_no_client_says_is_answered_as_by_the_genuine_server() {
    let genuine = Genuine::start();
    let stand = Stand::new("postgres", json!({"password": "s3cret"}));
    let all = odd();
    let differing: Vec<_> = all
        .iter()
        .map(|(name, pieces)| (name, ask(genuine.port, pieces), ask(stand.port, pieces)))
        .filter(|(_, wanted, said)| wanted != said)
        .collect();
    println!(
        "postgres, before the login: {} of {} answers equal",
        all.len() - differing.len(),
        all.len()
    );
    assert!(differing.is_empty(), "{differing:#?}");
}
