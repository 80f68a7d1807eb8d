//! A namespace with one host in it, joined to this one by a cable, and a prober that may ask it.

use std::net::IpAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use bus::Bus;
use model::{Endpoint, Event, EventId, Fields, Name, Origin, Report};
use prober::policy::Rules;
use prober::{Config, Prober, Turned};
use store::{Probe, ProbeOutcome, Store};
use tempfile::TempDir;
use time::OffsetDateTime;
use uuid::Uuid;

pub(crate) struct Lab {
    pub(crate) ns: String,
    /// This end of the cable.
    pub(crate) here: IpAddr,
    pub(crate) peer: IpAddr,
    pub(crate) peer6: IpAddr,
    pub(crate) dir: TempDir,
    pub(crate) store: Store,
    pub(crate) bus: Bus,
    cable: String,
    servers: Vec<Child>,
}

impl Lab {
    /// The peer has connected to a decky once.
    pub(crate) async fn new() -> Self {
        static LABS: AtomicU32 = AtomicU32::new(0);
        let n = LABS.fetch_add(1, Ordering::Relaxed);
        let id = std::process::id() % 2_000 * 16 + n;
        let (high, low) = (id / 250 % 120, id % 250);
        let ns = format!("probed-{id}");
        let cable = format!("prb{id}");
        let net = format!("10.{}.{low}", 110 + high);
        let net6 = format!("fd31:7:{id:x}:");
        let lab = Self {
            here: format!("{net}.1").parse().unwrap(),
            peer: format!("{net}.2").parse().unwrap(),
            peer6: format!("{net6}:2").parse().unwrap(),
            dir: TempDir::new().unwrap(),
            store: Store::open("sqlite::memory:").await.unwrap(),
            bus: Bus::in_process(),
            servers: Vec::new(),
            ns,
            cable,
        };
        let (ns, cable) = (&lab.ns, &lab.cable);
        for line in [
            format!("netns add {ns}"),
            format!("link add {cable} type veth peer name eth0 netns {ns}"),
            format!("addr add {net}.1/24 dev {cable}"),
            format!("addr add {net6}:1/64 dev {cable} nodad"),
            format!("link set {cable} up"),
            format!("-n {ns} addr add {net}.2/24 dev eth0"),
            format!("-n {ns} addr add {net6}:2/64 dev eth0 nodad"),
            format!("-n {ns} link set eth0 up"),
            format!("-n {ns} link set lo up"),
            format!("-n {ns} route add default via {net}.1"),
        ] {
            sh("ip", &line.split(' ').collect::<Vec<_>>());
        }
        lab.wait_for_addresses();
        lab.connected(lab.peer).await;
        lab.connected(lab.peer6).await;
        lab
    }

    /// Starts a server in the peer and waits until it listens.
    pub(crate) fn serve(&mut self, port: u16, program: &str, args: &[&str]) {
        let child = self.inside(program, args).stdin(Stdio::piped()).spawn().unwrap();
        self.servers.push(child);
        self.wait_for(port, true);
    }

    /// Ends all servers.
    pub(crate) fn stop(&mut self, port: u16) {
        for mut server in self.servers.drain(..) {
            // The process is `ip netns exec`, which became the server.
            let _ = nix_kill(server.id());
            let _ = server.wait();
        }
        self.wait_for(port, false);
    }

    pub(crate) fn inside(&self, program: &str, args: &[&str]) -> Command {
        assert!(which(program), "{program} is missing");
        let mut command = Command::new("ip");
        command.args(["netns", "exec", &self.ns, program]).args(args);
        command
            .current_dir(self.dir.path())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        command
    }

    pub(crate) fn run(&self, program: &str, args: &[&str]) {
        let out = self.inside(program, args).stderr(Stdio::piped()).output().unwrap();
        assert!(
            out.status.success(),
            "{program} {args:?}: {}",
            String::from_utf8_lossy(&out.stderr)
        );
    }

    pub(crate) fn path(&self, name: &str) -> String {
        self.dir.path().join(name).display().to_string()
    }

    /// A key and a certificate of itself.
    pub(crate) fn certificate(&self, cn: &str) {
        let subject = format!("/O=Example, Inc./CN={cn}");
        self.run(
            "openssl",
            &[
                "req",
                "-x509",
                "-newkey",
                "rsa:2048",
                "-nodes",
                "-days",
                "30",
                "-keyout",
                "key.pem",
                "-out",
                "cert.pem",
                "-subj",
                &subject,
                "-addext",
                &format!("subjectAltName=DNS:{cn},IP:192.0.2.1,IP:2001:db8::1"),
            ],
        );
    }

    pub(crate) fn config(&self, only: &[&str], ports: &[u16]) -> Config {
        let mut config = Config {
            rules: Rules {
                consent: true,
                allow: vec!["10.0.0.0/8".parse().unwrap(), "fd31::/16".parse().unwrap()],
                ..Rules::default()
            },
            only: only.iter().map(|name| (*name).to_owned()).collect(),
            ..Config::default()
        };
        for name in only
            .iter()
            .filter(|name| !name.contains("icmp") && !name.contains("leak"))
        {
            config.limits.ports.insert((*name).to_owned(), ports.to_vec());
        }
        config
    }

    pub(crate) async fn ask(&self, ip: IpAddr, only: &[&str], ports: &[u16]) -> Turned {
        let prober = Prober::new(self.store.clone(), self.config(only, ports));
        prober.turn(ip, &self.bus).await.unwrap()
    }

    /// Asks the peer one thing on one port, and returns the answer.
    pub(crate) async fn answer(&self, probe: &str, port: u16) -> Probe {
        let turned = self.ask(self.peer, &[probe], &[port]).await;
        answer(&turned, probe)
    }

    async fn connected(&self, ip: IpAddr) {
        self.store.ingest(&[connect(ip)]).await.unwrap();
    }

    /// Until neighbours have had time to object to its addresses.
    fn wait_for_addresses(&self) {
        let deadline = Instant::now() + Duration::from_secs(20);
        loop {
            let here = Command::new("ip")
                .args(["-6", "addr", "show", "dev", &self.cable])
                .output()
                .unwrap();
            let there = Command::new("ip")
                .args(["-n", &self.ns, "-6", "addr", "show", "dev", "eth0"])
                .output()
                .unwrap();
            let said = [here.stdout, there.stdout].concat();
            let said = String::from_utf8_lossy(&said);
            if !said.contains("tentative") && said.matches("inet6 fe80:").count() == 2 {
                return;
            }
            assert!(Instant::now() < deadline, "{said}");
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    fn wait_for(&self, port: u16, listening: bool) {
        let deadline = Instant::now() + Duration::from_secs(20);
        let hex = format!(":{port:04X} ");
        loop {
            let tables = ["/proc/net/tcp", "/proc/net/tcp6"].map(|file| {
                let out = Command::new("ip")
                    .args(["netns", "exec", &self.ns, "cat", file])
                    .output()
                    .unwrap();
                String::from_utf8_lossy(&out.stdout).into_owned()
            });
            let found = tables.iter().flat_map(|table| table.lines()).any(|line| {
                let columns: Vec<_> = line.split_whitespace().collect();
                columns.get(3) == Some(&"0A") && format!("{} ", columns[1]).ends_with(&hex)
            });
            if found == listening {
                return;
            }
            assert!(Instant::now() < deadline, "port {port} is not as it should be");
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        for server in &mut self.servers {
            let _ = nix_kill(server.id());
            let _ = server.wait();
        }
        let _ = Command::new("ip").args(["link", "del", &self.cable]).status();
        let _ = Command::new("ip").args(["netns", "del", &self.ns]).status();
    }
}

pub(crate) fn answer(turned: &Turned, probe: &str) -> Probe {
    let found = turned.probes.iter().find(|row| row.probe == probe);
    let found = found.unwrap_or_else(|| panic!("no {probe}: {:#?} {:?}", turned.probes, turned.refused));
    assert_eq!(found.outcome, ProbeOutcome::Answered, "{found:#?}");
    found.clone()
}

pub(crate) fn connect(ip: IpAddr) -> Event {
    Event {
        decky: Name::new("web-01").unwrap(),
        host: "local".into(),
        boot: "0badcafe".into(),
        seq: 1,
        report: Report {
            id: EventId(Uuid::now_v7()),
            at: OffsetDateTime::now_utc(),
            service: "ssh".into(),
            kind: "connect".into(),
            src: Some(Endpoint { ip, port: 40_000 }),
            dst: None,
            session: None,
            origin: Origin::Peer,
            fields: Fields::new(),
        },
    }
}

fn nix_kill(pid: u32) -> std::io::Result<std::process::ExitStatus> {
    Command::new("kill").arg(pid.to_string()).status()
}

fn sh(program: &str, args: &[&str]) {
    let status = Command::new(program).args(args).status().unwrap();
    assert!(status.success(), "{program} {args:?} failed: the tests need root");
}

fn which(program: &str) -> bool {
    ["/usr/sbin", "/usr/bin", "/sbin", "/bin"]
        .iter()
        .any(|dir| Path::new(dir).join(program).exists())
}
