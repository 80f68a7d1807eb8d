//! A machine without a container: the binary as the first process of namespaces of its own, over a small root, with
//! the capabilities a container leaves it (deploy.md §7.6). Needs root, unshare, nsenter and setpriv.

#![allow(clippy::unwrap_used, unreachable_pub)]

use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as B64;
use model::line::{Line, Order, Said};
use model::machine::MachineSpec;
use serde_json::{Value, json};

pub const INIT: &str = env!("CARGO_BIN_EXE_decoy");
const DEADLINE: Duration = Duration::from_secs(20);
const CAPS: &str =
    "-all,+chown,+dac_override,+fowner,+fsetid,+setuid,+setgid,+kill,+net_bind_service,+sys_chroot,+audit_write";
const SCRIPT: &str = r#"
for dir in bin sbin lib lib64 usr; do
  if [ -d "/$dir" ]; then mkdir -p "$R/$dir"; mount --bind "/$dir" "$R/$dir"; fi
done
mount --bind /dev "$R/dev"
mount -t proc proc "$R/proc"
ip link set lo up
exec setpriv --bounding-set "$CAPS" chroot "$R" /init
"#;

pub struct Rig {
    unshare: Child,
    orders: Option<ChildStdin>,
    stdout: Option<ChildStdout>,
    lines: Option<Receiver<Line>>,
    root: tempfile::TempDir,
    /// Of the machine's first process, as the host numbers it.
    pid: i32,
}

pub fn spec(services: Value) -> MachineSpec {
    let spec = json!({
        "generation": 1, "hostname": "web-03", "distro": "debian", "seed": "5e".repeat(32),
        "users": [{"name": "deploy", "password": "s3cret", "uid": 1000}],
        "keys": {}, "services": services,
    });
    serde_json::from_value(spec).unwrap()
}

/// Runs the binary somewhere it is not the first process: what it ends with and says.
pub fn run_outside(env: &[(&str, &str)]) -> (ExitStatus, String) {
    let run = Command::new(INIT)
        .env_clear()
        .envs(env.iter().copied())
        .stdin(Stdio::null())
        .output()
        .unwrap();
    (run.status, String::from_utf8(run.stderr).unwrap())
}

pub fn encode(spec: &MachineSpec) -> String {
    B64.encode(serde_json::to_vec(spec).unwrap())
}

/// Polls until there is something, or fails saying what never came.
pub fn until<T>(what: &str, mut poll: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + DEADLINE;
    loop {
        match poll() {
            Some(found) => return found,
            None if Instant::now() > deadline => panic!("never came: {what}"),
            None => std::thread::sleep(Duration::from_millis(10)),
        }
    }
}

// === impl Rig ===

impl Rig {
    /// A machine that waits to be told to go. Nobody reads what it says before [`Rig::listen`].
    pub fn boot(boot_spec: &str) -> Self {
        assert!(
            nix::unistd::geteuid().is_root(),
            "only root can make the namespaces of a machine"
        );
        let root = make_root();
        let mut unshare = Command::new("unshare")
            .args([
                "--mount",
                "--pid",
                "--net",
                "--fork",
                "--kill-child=KILL",
                "sh",
                "-ec",
                SCRIPT,
            ])
            .env("R", root.path())
            .env("CAPS", CAPS)
            .env("TERMCAP", boot_spec)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("unshare: {error}"));
        let (orders, stdout) = (unshare.stdin.take(), unshare.stdout.take());
        let children = format!("/proc/{0}/task/{0}/children", unshare.id());
        let pid = until("the machine's first process", || {
            let children = std::fs::read_to_string(&children).ok()?;
            children.split_whitespace().next()?.parse().ok()
        });
        Self {
            unshare,
            orders,
            stdout,
            lines: None,
            root,
            pid,
        }
    }

    /// A machine with these services, all of them listening.
    pub fn up(services: Value) -> Self {
        let spec = spec(services);
        let mut rig = Self::boot(&encode(&spec));
        rig.listen();
        rig.order(&Order::Go {});
        rig.hear("an answer", |said| matches!(said, Said::Ack(_)));
        for _ in &spec.services {
            rig.hear("startup", |said| is_report(said, "startup"));
        }
        rig
    }

    pub fn listen(&mut self) {
        let (tell, lines) = channel();
        let stdout = BufReader::new(self.stdout.take().unwrap());
        std::thread::spawn(move || {
            for line in stdout.lines().map_while(Result::ok) {
                let line = serde_json::from_str(&line).unwrap_or_else(|error| panic!("{line}: {error}"));
                let _ = tell.send(line);
            }
        });
        self.lines = Some(lines);
    }

    pub fn order(&mut self, order: &Order) {
        self.write(&serde_json::to_string(order).unwrap());
    }

    pub fn write(&mut self, line: &str) {
        let orders = self.orders.as_mut().unwrap();
        orders.write_all(format!("{line}\n").as_bytes()).unwrap();
    }

    /// Closes the machine's standard input.
    pub fn hang_up(&mut self) {
        self.orders = None;
    }

    /// The next line that `fits`; those before it are gone.
    pub fn hear(&self, what: &str, fits: impl Fn(&Said) -> bool) -> Line {
        let lines = self.lines.as_ref().unwrap();
        until(what, || lines.try_iter().find(|line| fits(&line.said)))
    }

    /// Every line there is until one `fits`.
    pub fn hear_all(&self, what: &str, fits: impl Fn(&Said) -> bool) -> Vec<Line> {
        let lines = self.lines.as_ref().unwrap();
        let mut heard = Vec::new();
        until(what, || {
            lines.try_iter().find_map(|line| {
                let done = fits(&line.said);
                heard.push(line);
                done.then_some(())
            })
        });
        heard
    }

    pub fn connect(&self, port: u16) -> std::io::Result<TcpStream> {
        let net = std::fs::File::open(format!("/proc/{}/ns/net", self.pid)).unwrap();
        std::thread::spawn(move || {
            nix::sched::setns(net, nix::sched::CloneFlags::CLONE_NEWNET).unwrap();
            TcpStream::connect(("127.0.0.1", port))
        })
        .join()
        .unwrap()
    }

    /// What a shell of the machine's root prints, on both descriptors.
    pub fn intrude(&self, script: &str) -> String {
        let root = std::fs::read_link(format!("/proc/{}/root", self.pid)).unwrap();
        assert_eq!(
            root,
            self.root.path(),
            "the machine is not up, this would run on the host"
        );
        let target = self.pid.to_string();
        let output = Command::new("nsenter")
            .args(["-t", &target, "--mount", "--pid", "--net", "--root", "--wd=/", "--"])
            .args([
                "setpriv",
                "--bounding-set",
                CAPS,
                "sh",
                "-c",
                &format!("exec 2>&1\n{script}"),
            ])
            .env_clear()
            .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
            .output()
            .unwrap_or_else(|error| panic!("nsenter: {error}"));
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    /// The process of that name, as the machine numbers it.
    pub fn pid_of(&self, name: &str) -> Option<i32> {
        let script = r#"for p in /proc/[0-9]*; do echo "${p#/proc/} $(cat $p/comm 2>/dev/null)"; done"#;
        self.intrude(script)
            .lines()
            .find_map(|line| line.strip_suffix(&format!(" {name}"))?.parse().ok())
    }

    /// Sends the first process a signal from outside.
    pub fn signal(&self, signal: nix::sys::signal::Signal) {
        nix::sys::signal::kill(nix::unistd::Pid::from_raw(self.pid), signal).unwrap();
    }

    /// How the first process ends.
    pub fn end(&mut self) -> ExitStatus {
        until("the end of the machine", || self.unshare.try_wait().unwrap())
    }

    pub fn root(&self) -> &Path {
        self.root.path()
    }
}

impl Drop for Rig {
    fn drop(&mut self) {
        let _ = self.unshare.kill();
        let _ = self.unshare.wait();
    }
}

pub fn is_report(said: &Said, kind: &str) -> bool {
    matches!(said, Said::Report(report) if report.kind == kind)
}

fn make_root() -> tempfile::TempDir {
    let root = tempfile::tempdir().unwrap();
    let files = [
        ("etc/passwd", "root:x:0:0:root:/root:/bin/sh\n"),
        ("etc/shadow", "root:*:19700:0:99999:7:::\n"),
        ("etc/group", "root:x:0:\nutmp:x:43:\n"),
        ("etc/hostname", "x\n"),
        ("run/.keep", ""),
        ("var/log/.keep", ""),
        ("proc/.keep", ""),
        ("dev/.keep", ""),
        ("tmp/.keep", ""),
    ];
    for (path, text) in files {
        let path = root.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    let init = root.path().join("init");
    std::fs::copy(INIT, &init).unwrap();
    std::fs::set_permissions(&init, PermissionsExt::from_mode(0o700)).unwrap();
    std::fs::set_permissions(root.path(), PermissionsExt::from_mode(0o755)).unwrap();
    root
}
