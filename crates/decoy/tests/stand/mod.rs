//! One service of one machine on a free port of this host, for stock clients.
#![allow(dead_code, clippy::unwrap_used)]

use std::io::{Read, Write};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::atomic::{AtomicU16, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use decoy::machine::Machine;
use decoy::report::Reporter;
use model::line::Said;
use model::machine::{MachineSpec, Port, ServiceSpec};
use model::{Report, SessionId};
use serde_json::{Value, json};
use tokio::sync::watch;

pub(crate) struct Stand {
    pub(crate) port: u16,
    /// Where TLS starts at once, of services that have such a port beside the other.
    pub(crate) tls_port: u16,
    pub(crate) root: tempfile::TempDir,
    told: Told,
    stop: watch::Sender<bool>,
    thread: Option<std::thread::JoinHandle<()>>,
}

#[derive(Clone, Default)]
struct Told(Arc<Mutex<Vec<u8>>>);

pub(crate) const USER: &str = "kim";
pub(crate) const PASSWORD: &str = "sunflower9";

// === impl Stand ===

impl Stand {
    /// A machine with root and one person, whose account is that of whoever runs the tests.
    pub(crate) fn new(slug: &str, config: Value) -> Self {
        let root = tempfile::tempdir().unwrap();
        for dir in ["etc", "home/kim", "root", "var/lib/redis", "srv/ftp", "tmp"] {
            std::fs::create_dir_all(root.path().join(dir)).unwrap();
        }
        let spec: MachineSpec = serde_json::from_value(json!({
            "generation": 1, "hostname": "app-web-03", "distro": "debian", "seed": "5e".repeat(32), "keys": host_keys(slug),
            "users": [{"name": "root", "password": "toor", "uid": 0}, {"name": USER, "password": PASSWORD, "uid": 1000}],
            "services": [],
        }))
        .unwrap();
        let machine = Arc::new(Machine::new(root.path(), spec));
        std::fs::write(
            root.path().join("etc/passwd"),
            "root:x:0:0:root:/root:/bin/bash\nkim:x:1000:1000::/home/kim:/bin/bash\n",
        )
        .unwrap();
        std::fs::write(root.path().join("etc/group"), "root:x:0:\nkim:x:1000:\n").unwrap();
        std::fs::write(root.path().join("etc/shells"), "/bin/sh\n/bin/bash\n").unwrap();
        let secret = |name| machine.written_secret(name).unwrap();
        let shadow = format!(
            "root:{}:19700::::::\nkim:{}:19700::::::\n",
            secret("root"),
            secret(USER)
        );
        std::fs::write(root.path().join("etc/shadow"), shadow).unwrap();
        if nix::unistd::Uid::effective().is_root() {
            std::os::unix::fs::chown(root.path().join("home/kim"), Some(1000), Some(1000)).unwrap();
            open_to_all(root.path());
        }
        let (port, tls_port) = (free_port(), free_port());
        let open = |port, tls| Port {
            port,
            proto: Default::default(),
            tls,
        };
        let mut ports = vec![open(port, slug == "k8s")];
        ports.extend(MAIL.contains(&slug).then(|| open(tls_port, true)));
        let config = serde_json::from_value(config).unwrap();
        let service = ServiceSpec {
            slug: slug.into(),
            ports,
            config,
            persona: Default::default(),
        };
        let told = Told::default();
        let reporter = Reporter::start(told.clone());
        let entry = decoy::services::entry(slug).unwrap();
        let (stop, stopped) = watch::channel(false);
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .unwrap();
            let local = tokio::task::LocalSet::new();
            let served = local.block_on(
                &runtime,
                decoy::host::run(entry, machine, service, reporter.clone(), stopped),
            );
            reporter.close();
            served.unwrap();
        });
        let stand = Self {
            port,
            tls_port,
            root,
            told,
            stop,
            thread: Some(thread),
        };
        stand.event("startup", |_| true);
        stand
    }

    /// Waits for a report that is wanted.
    pub(crate) fn event(&self, kind: &str, wanted: impl Fn(&Report) -> bool) -> Report {
        let deadline = Instant::now() + Duration::from_secs(10);
        loop {
            if let Some(report) = self.reports(kind).into_iter().find(&wanted) {
                return report;
            }
            assert!(
                Instant::now() < deadline,
                "no such {kind} among {:#?}",
                self.reports(kind)
            );
            std::thread::yield_now();
        }
    }

    /// As [`Stand::event`], by one field.
    pub(crate) fn told(&self, kind: &str, field: &str, value: impl Into<Value>) -> Report {
        let value = value.into();
        self.event(kind, |report| report.fields.get(field) == Some(&value))
    }

    pub(crate) fn reports(&self, kind: &str) -> Vec<Report> {
        let said = self.told.said().into_iter();
        let reports = said.filter_map(|said| {
            if let Said::Report(report) = said {
                Some(report)
            } else {
                None
            }
        });
        reports.filter(|report| report.kind == kind).collect()
    }

    /// The bytes of a captured file, put together again.
    pub(crate) fn blob(&self, sha256: &str) -> Vec<u8> {
        use base64::Engine as _;
        let pieces = self.told.said().into_iter().filter_map(|said| match said {
            Said::Blob(blob) if blob.sha256 == sha256 => Some(blob),
            _ => None,
        });
        let engine = base64::engine::general_purpose::STANDARD;
        pieces.flat_map(|piece| engine.decode(piece.data).unwrap()).collect()
    }

    /// Runs a shell line with `{port}`, `{tls_port}` and `{root}` filled in; gives what it printed.
    pub(crate) fn sh(&self, line: &str) -> String {
        let out = self.run(line);
        String::from_utf8_lossy(&out.stdout).into_owned()
    }

    pub(crate) fn run(&self, line: &str) -> Output {
        let line = line
            .replace("{port}", &self.port.to_string())
            .replace("{tls_port}", &self.tls_port.to_string())
            .replace("{root}", self.root.path().to_str().unwrap());
        Command::new("timeout")
            .args(["60", "bash", "-c", &line])
            .stdin(Stdio::null())
            .output()
            .unwrap()
    }

    /// Sends bytes and hears until the service closes.
    pub(crate) fn say(&self, bytes: &[u8]) -> String {
        let mut stream = std::net::TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        stream.write_all(bytes).unwrap();
        let mut heard = Vec::new();
        stream.read_to_end(&mut heard).unwrap();
        String::from_utf8_lossy(&heard).into_owned()
    }

    pub(crate) fn session(&self, report: &Report) -> SessionId {
        report.session.clone().unwrap()
    }
}

impl Drop for Stand {
    fn drop(&mut self) {
        let _ = self.stop.send(true);
        if let Some(thread) = self.thread.take() {
            let ended = thread.join();
            assert!(std::thread::panicking() || ended.is_ok(), "the service panicked");
        }
    }
}

// === impl Told ===

impl Told {
    fn said(&self) -> Vec<Said> {
        let told = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let lines = told
            .split_inclusive(|&b| b == b'\n')
            .filter(|line| line.ends_with(b"\n"));
        lines.map(|line| serde_json::from_slice(line).unwrap()).collect()
    }
}

impl Write for Told {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// Below the ports the kernel gives to clients, so that none of them takes it before the service does.
pub(crate) fn free_port() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let first = 10_000 + (std::process::id() % 100) as u16 * 200;
    let mut candidates = std::iter::repeat_with(|| first + NEXT.fetch_add(1, Ordering::Relaxed));
    candidates
        .find(|port| TcpListener::bind(("127.0.0.1", *port)).is_ok())
        .unwrap()
}

const MAIL: [&str; 4] = ["smtp", "smtp_relay", "imap", "pop3"];

/// Of a machine with SSH or TLS: made anew, like a machine's own.
fn host_keys(slug: &str) -> Value {
    let folder = tempfile::tempdir().unwrap();
    if ["mysql", "postgres", "k8s"].contains(&slug) || MAIL.contains(&slug) {
        let (certificate, key) = certificate(folder.path());
        let text = |path| std::fs::read_to_string(path).unwrap();
        return json!({"tls_cert": text(certificate), "tls_key": text(key)});
    }
    if slug != "ssh" {
        return json!({});
    }
    let key = |kind: &str| {
        let file = folder.path().join(kind);
        let mut keygen = Command::new("ssh-keygen");
        let made = keygen
            .args(["-q", "-N", "", "-t", kind, "-f"])
            .arg(&file)
            .status()
            .unwrap();
        assert!(made.success());
        std::fs::read_to_string(file).unwrap()
    };
    json!({"ssh_ed25519": key("ed25519"), "ssh_ecdsa": key("ecdsa")})
}

/// A certificate and its key, both PEM, in that folder.
pub(crate) fn certificate(folder: &Path) -> (PathBuf, PathBuf) {
    let (certificate, key) = (folder.join("cert.pem"), folder.join("key.pem"));
    let made = Command::new("openssl")
        .args(["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "9"])
        .args(["-subj", "/CN=app-web-03", "-keyout"])
        .arg(&key)
        .arg("-out")
        .arg(&certificate)
        .output()
        .unwrap();
    assert!(made.status.success());
    (certificate, key)
}

/// Temporary folders are their owner's alone; the person of the machine must get through.
pub(crate) fn open_to_all(path: &Path) {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).unwrap();
}
