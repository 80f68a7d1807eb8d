//! The FTP service, asked by real clients over a real folder.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use decoy::machine::Machine;
use decoy::report::Reporter;
use model::event::Report;
use model::line::Said;
use model::machine::{MachineSpec, ServiceSpec};
use tokio::sync::watch;

const PASSWORD: &str = "kims-password";

#[derive(Clone, Default)]
struct Paper(Arc<Mutex<Vec<u8>>>);

impl Write for Paper {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// A machine with the user kim and the service, on a port of 127.0.0.1.
struct Grid {
    root: tempfile::TempDir,
    port: u16,
    paper: Paper,
    _stop: watch::Sender<bool>,
}

impl Grid {
    fn start(config: serde_json::Value) -> Self {
        let root = tempfile::tempdir().unwrap();
        std::fs::set_permissions(root.path(), PermissionsExt::from_mode(0o755)).unwrap();
        let own = nix::unistd::getuid();
        let uid = if own.is_root() { 1000 } else { own.as_raw() };
        let gid = if own.is_root() {
            1000
        } else {
            nix::unistd::getgid().as_raw()
        };
        let spec = serde_json::json!({
            "generation": 1, "hostname": "files-01", "distro": "rocky9", "seed": "0011", "keys": {},
            "users": [{"name": "kim", "password": PASSWORD, "uid": uid}, {"name": "root", "password": PASSWORD, "uid": 0}],
            "services": [],
        });
        let spec: MachineSpec = serde_json::from_value(spec).unwrap();
        let machine = Machine::new(root.path(), spec);
        let field = |name| machine.written_secret(name).unwrap();
        let put = |path: &str, text: String| {
            let path = machine.path(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        };
        put(
            "/etc/passwd",
            format!("root:x:0:0::/root:/bin/bash\nkim:x:{uid}:{gid}::/home/kim:/bin/bash\n"),
        );
        put(
            "/etc/shadow",
            format!("root:{}:1::::::\nkim:{}:1::::::\n", field("root"), field("kim")),
        );
        put("/etc/group", format!("root:x:0:\nkim:x:{gid}:\n"));
        put("/etc/shells", "/bin/sh\n/bin/bash\n".into());
        put("/home/kim/notes.txt", "line one\nline two\n".into());
        put("/home/kim/notes/plan.txt", "the plan\n".into());
        let home = root.path().join("home/kim");
        if own.is_root() {
            let chown = Command::new("chown")
                .args(["-R", &format!("{uid}:{gid}")])
                .arg(&home)
                .status()
                .unwrap();
            assert!(chown.success());
            std::fs::set_permissions(root.path().join("etc/shadow"), PermissionsExt::from_mode(0o640)).unwrap();
        }
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let service: ServiceSpec =
            serde_json::from_value(serde_json::json!({"slug": "ftp", "ports": [{"port": port}], "config": config}))
                .unwrap();
        let paper = Paper::default();
        let reporter = Reporter::start(paper.clone());
        let (stop, stopped) = watch::channel(false);
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .unwrap();
            let entry = decoy::services::entry("ftp").unwrap();
            let running = decoy::host::run(entry, Arc::new(machine), service, reporter, stopped);
            tokio::task::LocalSet::new().block_on(&runtime, running).unwrap();
        });
        let grid = Self {
            root,
            port,
            paper,
            _stop: stop,
        };
        grid.until("startup", |_| true);
        grid
    }

    fn home(&self, name: &str) -> PathBuf {
        self.root.path().join("home/kim").join(name)
    }

    fn url(&self, path: &str) -> String {
        format!("ftp://127.0.0.1:{}/{path}", self.port)
    }

    fn curl(&self, args: &[impl AsRef<str>]) -> Output {
        Command::new("curl")
            .args(["-sS", "--max-time", "20", "-u", &format!("kim:{PASSWORD}")])
            .args(args.iter().map(AsRef::as_ref))
            .output()
            .expect("curl is needed")
    }

    fn got(&self, args: &[impl AsRef<str>]) -> String {
        let output = self.curl(args);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }

    fn reports(&self) -> Vec<Report> {
        let bytes = self.paper.0.lock().unwrap().clone();
        let lines = bytes.split(|&b| b == b'\n').filter(|line| !line.is_empty());
        let said = lines.filter_map(|line| serde_json::from_slice(line).ok());
        said.filter_map(|said| {
            if let Said::Report(report) = said {
                Some(report)
            } else {
                None
            }
        })
        .collect()
    }

    /// The first report of that kind that fits.
    fn until(&self, kind: &str, fits: impl Fn(&Report) -> bool) -> Report {
        let deadline = Instant::now() + Duration::from_secs(20);
        loop {
            if let Some(report) = self
                .reports()
                .into_iter()
                .find(|report| report.kind == kind && fits(report))
            {
                return report;
            }
            assert!(Instant::now() < deadline, "no {kind}: {:?}", self.reports());
            std::thread::yield_now();
        }
    }

    fn dial(&self) -> Talk {
        let stream = TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        let mut talk = Talk(stream);
        assert_eq!(talk.hear(), "220 (vsFTPd 3.0.3)");
        talk
    }

    fn logged_in(&self) -> Talk {
        let mut talk = self.dial();
        assert_eq!(talk.ask("USER kim"), "331 Please specify the password.");
        assert_eq!(talk.ask(&format!("PASS {PASSWORD}")), "230 Login successful.");
        talk
    }
}

struct Talk(TcpStream);

impl Talk {
    fn hear(&mut self) -> String {
        let mut line = Vec::new();
        let mut byte = [0];
        while !line.ends_with(b"\r\n") && self.0.read(&mut byte).unwrap() == 1 {
            line.push(byte[0]);
        }
        String::from_utf8(line).unwrap().trim_end().to_owned()
    }

    fn ask(&mut self, command: &str) -> String {
        self.0.write_all(format!("{command}\r\n").as_bytes()).unwrap();
        self.hear()
    }
}

fn read(path: impl AsRef<Path>) -> String {
    std::fs::read_to_string(path).unwrap()
}

#[test]
fn curl_lists_gets_and_puts_over_every_kind_of_data_connection() {
    let grid = Grid::start(serde_json::json!({}));
    let source = grid.root.path().join("source");
    std::fs::write(&source, "brought along\n").unwrap();
    for (n, way) in [
        &[][..],
        &["--disable-epsv"],
        &["-P", "-"],
        &["-P", "-", "--disable-eprt"],
    ]
    .iter()
    .enumerate()
    {
        let with = |more: &[&str]| -> Vec<String> { way.iter().chain(more).map(|arg| arg.to_string()).collect() };
        assert!(grid.got(&with(&[&grid.url("")])).contains(" notes.txt\n"));
        assert_eq!(grid.got(&with(&[&grid.url("notes.txt")])), "line one\nline two\n");
        let name = format!("put{n}");
        grid.got(&with(&["-T", source.to_str().unwrap(), &grid.url(&name)]));
        assert_eq!(read(grid.home(&name)), "brought along\n");
    }
    for mode in ["EPSV", "PASV", "PORT", "EPRT"] {
        grid.until("data_conn", |report| report.text("mode") == Some(mode));
    }
    let upload = grid.until("file_captured", |_| true);
    assert_eq!(
        (upload.text("path"), upload.text("user")),
        (Some("/home/kim/put0"), Some("kim"))
    );
    assert_eq!(
        (upload.text("way"), upload.fields["size"].as_u64()),
        (Some("upload"), Some(14))
    );
    grid.until("file_read", |report| report.text("path") == Some("/home/kim/notes.txt"));
    let login = grid.until("auth_attempt", |_| true);
    assert_eq!(
        (login.text("outcome"), login.text("secret_printable")),
        (Some("success"), Some(PASSWORD))
    );
    assert!(
        grid.reports()
            .iter()
            .all(|report| !report.text("command").unwrap_or("").contains(PASSWORD))
    );
}

#[test]
fn transfers_are_resumed_and_appended() {
    let grid = Grid::start(serde_json::json!({}));
    assert_eq!(grid.got(&["-C", "5", &grid.url("notes.txt")]), "one\nline two\n");
    let source = grid.root.path().join("source");
    std::fs::write(&source, "line three\n").unwrap();
    grid.got(&["-a", "-T", source.to_str().unwrap(), &grid.url("notes.txt")]);
    assert_eq!(read(grid.home("notes.txt")), "line one\nline two\nline three\n");
}

#[test]
fn lftp_mirrors_the_home_both_ways() {
    let grid = Grid::start(serde_json::json!({}));
    let copy = grid.root.path().join("copy");
    let script = format!(
        "set net:max-retries 1; set net:timeout 10; open -u kim,{PASSWORD} -p {} 127.0.0.1; mirror . {copy}; mirror -R {copy} back; bye",
        grid.port,
        copy = copy.display()
    );
    let output = Command::new("lftp")
        .args(["-c", &script])
        .output()
        .expect("lftp is needed");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(read(copy.join("notes/plan.txt")), "the plan\n");
    assert_eq!(read(grid.home("back/notes/plan.txt")), "the plan\n");
}

#[test]
fn wget_fetches_the_tree() {
    let grid = Grid::start(serde_json::json!({}));
    let copy = grid.root.path().join("copy");
    let output = Command::new("wget")
        .args(["-q", "-r", "-nH", "-t", "1", "-T", "10", "-P", copy.to_str().unwrap()])
        .args(["--user=kim", &format!("--password={PASSWORD}"), &grid.url("")])
        .output()
        .expect("wget is needed");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(read(copy.join("notes/plan.txt")), "the plan\n");
}

#[test]
fn a_session_has_its_users_rights_only() {
    let grid = Grid::start(serde_json::json!({}));
    let mut talk = grid.logged_in();
    assert_eq!(talk.ask("MKD /etc/mine"), "550 Create directory operation failed.");
    assert_eq!(talk.ask("RNFR /etc/passwd"), "350 Ready for RNTO.");
    assert_eq!(talk.ask("RNTO /etc/gone"), "550 Rename failed.");
    assert_eq!(talk.ask("DELE /etc/shadow"), "550 Delete operation failed.");
    assert!(!grid.curl(&[&grid.url("%2Fetc/shadow")]).status.success());
    assert_eq!(talk.ask("MKD mine"), "257 \"/home/kim/mine\" created");
    let made = std::fs::metadata(grid.home("mine")).unwrap();
    assert_eq!(made.permissions().mode() & 0o7777, 0o700);
    assert_eq!(
        std::os::unix::fs::MetadataExt::uid(&made),
        std::os::unix::fs::MetadataExt::uid(&std::fs::metadata(grid.home("")).unwrap())
    );
    let refused = grid.until("delete", |_| true);
    assert_eq!(
        (refused.text("path"), &refused.fields["done"]),
        (Some("/etc/shadow"), &false.into())
    );
}

#[test]
fn names_and_modes_are_changed_and_told() {
    let grid = Grid::start(serde_json::json!({}));
    let mut talk = grid.logged_in();
    assert_eq!(talk.ask("CWD notes"), "250 Directory successfully changed.");
    assert_eq!(talk.ask("PWD"), "257 \"/home/kim/notes\" is the current directory");
    assert_eq!(talk.ask("SITE CHMOD 604 plan.txt"), "200 SITE CHMOD command ok.");
    assert_eq!(
        talk.ask("MDTM 20200102030405 plan.txt"),
        "213 File modification time set."
    );
    assert_eq!(talk.ask("MDTM plan.txt"), "213 20200102030405");
    assert_eq!(talk.ask("RNFR plan.txt"), "350 Ready for RNTO.");
    assert_eq!(talk.ask("RNTO ../done.txt"), "250 Rename successful.");
    assert_eq!(
        std::fs::metadata(grid.home("done.txt")).unwrap().permissions().mode() & 0o777,
        0o604
    );
    assert_eq!(talk.ask("CDUP"), "250 Directory successfully changed.");
    assert_eq!(talk.ask("RMD notes"), "250 Remove directory operation successful.");
    assert_eq!(talk.ask("DELE done.txt"), "250 Delete operation successful.");
    assert_eq!(talk.ask("QUIT"), "221 Goodbye.");
    let chmod = grid.until("chmod", |_| true);
    assert_eq!(
        (chmod.text("path"), chmod.text("mode")),
        (Some("/home/kim/notes/plan.txt"), Some("604"))
    );
    let rename = grid.until("rename", |_| true);
    assert_eq!(rename.text("to"), Some("/home/kim/notes/../done.txt"));
}

#[test]
fn nobody_is_called_but_the_one_who_asks() {
    let grid = Grid::start(serde_json::json!({}));
    let mut talk = grid.logged_in();
    assert_eq!(talk.ask("PORT 192,0,2,7,40,1"), "500 Illegal PORT command.");
    assert_eq!(talk.ask("PORT 127,0,0,1,0,22"), "500 Illegal PORT command.");
    assert_eq!(talk.ask("EPRT |1|192.0.2.8|5000|"), "500 Illegal EPRT command.");
    assert_eq!(talk.ask("LIST"), "425 Use PORT or PASV first.");
    for peer in ["192.0.2.7:10241", "127.0.0.1:22", "192.0.2.8:5000"] {
        let told = grid.until("data_conn", |report| report.text("peer") == Some(peer));
        assert_eq!(told.fields["bounce"], true);
    }
}

#[test]
fn the_third_wrong_password_ends_the_session_and_root_is_never_let_in() {
    let grid = Grid::start(serde_json::json!({}));
    let mut talk = grid.dial();
    for (user, password) in [("kim", "wrong"), ("root", PASSWORD), ("anonymous", "me@example.com")] {
        assert_eq!(talk.ask(&format!("USER {user}")), "331 Please specify the password.");
        assert_eq!(talk.ask(&format!("PASS {password}")), "530 Login incorrect.");
        let told = grid.until("auth_attempt", |report| report.text("principal") == Some(user));
        assert_eq!(
            (told.text("outcome"), told.text("secret_printable")),
            (Some("failure"), Some(password))
        );
    }
    assert_eq!(talk.hear(), "");
}

#[test]
fn without_uploads_nothing_is_written() {
    let grid = Grid::start(serde_json::json!({"allow_upload": false}));
    let mut talk = grid.logged_in();
    for command in [
        "STOR x",
        "MKD x",
        "DELE notes.txt",
        "RNFR notes.txt",
        "APPE x",
        "STOU",
        "RMD notes",
    ] {
        assert_eq!(talk.ask(command), "550 Permission denied.", "{command}");
    }
}

#[test]
fn an_endless_line_ends_the_session() {
    let grid = Grid::start(serde_json::json!({}));
    let mut talk = grid.dial();
    talk.0.write_all(&[b'A'; 5000]).unwrap();
    assert_eq!(talk.hear(), "500 Input line too long.");
}
