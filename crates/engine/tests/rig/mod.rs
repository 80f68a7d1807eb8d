//! A real engine with a bare image and a network of our own, gone again at the end.
#![allow(dead_code, unreachable_pub, clippy::unwrap_used)]

use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use engine::containers::As;
use engine::wall::Wall;
use engine::{Containers, Docker, Engine, Images, Networks, Paths, Scope};
use fleet::catalogue::{Distro, Userland};
use ipnet::Ipv4Net;
use model::Name;
use model::fleet::{DeckySpec, Driver, Egress, FleetSpec, Limits, NetworkSpec};
use model::machine::{Keys, MachineSpec, Port, ServiceSpec};
use store::Store;

/// A scope with a bridge; removed with everything in it by [`Rig::end`].
pub struct Rig {
    pub docker: Docker,
    pub scope: Scope,
    pub containers: Containers,
    pub images: Images,
    pub networks: Networks,
    pub raw: bollard::Docker,
    pub network: String,
    pub base: String,
    /// The bridge's own address: the host, seen from inside.
    pub gateway: Ipv4Addr,
}

/// One machine, up behind its wall.
pub struct Up {
    pub id: String,
    pub name: Name,
    pub ip: Ipv4Addr,
}

impl Rig {
    /// `subnet` is the third byte of a /24 under 10.213, of which every test has its own.
    pub async fn new(name: &str, subnet: u8) -> Self {
        let docker = Docker::connect().await.expect("the tests need a running Docker engine");
        let raw = bollard::Docker::connect_with_defaults().unwrap();
        let scope = Scope::named(format!("eng-{name}"));
        let rig = Self {
            containers: Containers::new(docker.clone(), scope.clone()),
            images: Images::new(docker.clone(), scope.clone()),
            networks: Networks::new(docker.clone(), scope.clone()),
            docker,
            raw,
            network: format!("eng-{name}"),
            base: format!("eng-bare:{name}"),
            gateway: Ipv4Addr::new(10, 213, subnet, 1),
            scope,
        };
        rig.sweep().await;
        rig.import_bare_image().await;
        rig.create_network().await;
        rig
    }

    async fn import_bare_image(&self) {
        let mut tar = tar::Builder::new(Vec::new());
        for directory in ["sbin", "etc", "proc", "sys", "dev", "tmp"] {
            let mut header = tar::Header::new_ustar();
            header.set_entry_type(tar::EntryType::Directory);
            header.set_mode(0o755);
            header.set_size(0);
            tar.append_data(&mut header, directory, std::io::empty()).unwrap();
        }
        let tar = tar.into_inner().unwrap();
        self.images
            .import(&self.base, futures_util::stream::iter([Ok(tar.into())]))
            .await
            .unwrap();
    }

    async fn create_network(&self) {
        self.networks.ensure(&self.lan(), false).await.unwrap();
    }

    /// The bridge of the scope.
    pub fn lan(&self) -> NetworkSpec {
        NetworkSpec {
            name: self.network.clone(),
            driver: Driver::Bridge,
            parent: None,
            subnet: Ipv4Net::new(self.gateway, 24).unwrap().trunc(),
            gateway: Some(self.gateway),
        }
    }

    pub fn spec(&self, name: &str, last_byte: u8, ports: &[u16]) -> DeckySpec {
        let [a, b, c, _] = self.gateway.octets();
        spec(name, Ipv4Addr::new(a, b, c, last_byte), &self.base, ports)
    }

    pub fn wall(&self, scope: &[Ipv4Addr]) -> Wall {
        Wall {
            egress: Egress::Strict,
            scope: scope.to_vec(),
            never: vec![self.gateway.into()],
            calls_back: false,
        }
    }

    /// Creates, starts, walls and releases a machine, and waits until its ports are open.
    pub async fn up(&self, spec: &DeckySpec, wall: &Wall) -> Up {
        let image = self.images.with_decoy(&spec.image, &machine()).await.unwrap();
        let sysctls = self.containers.sysctls(&spec.sysctls).await.unwrap();
        let id = self
            .containers
            .create(spec, &image, &self.network, &sysctls, As::Itself)
            .await
            .unwrap();
        self.containers.start(&id, &spec.name).await.unwrap();
        self.containers.wall(&id, &spec.name, wall).await.unwrap();
        self.containers.go(&id, &spec.name).await.unwrap();
        let ports = spec.machine.services.iter().flat_map(|s| s.ports.clone());
        let closed = self.containers.ready(&id, &spec.name, ports, DEADLINE).await.unwrap();
        assert!(closed.is_empty(), "closed: {closed:?}");
        Up {
            id,
            name: spec.name.clone(),
            ip: spec.ip,
        }
    }

    /// Another hand on the same scope, with a state of its own below `state`.
    pub async fn engine(&self, state: &Path) -> Engine {
        let store = Store::open(&format!("sqlite://{}", state.join("grid.db").display()))
            .await
            .unwrap();
        let paths = Paths {
            state_dir: state.to_owned(),
            state_file: state.join("state.json"),
            decoy: machine(),
        };
        Engine::new(self.docker.clone(), store, self.scope.clone(), paths)
    }

    /// The fleet of these deckies on the scope's bridge.
    pub fn fleet(&self, deckies: &[DeckySpec]) -> FleetSpec {
        FleetSpec {
            network: self.lan(),
            deckies: deckies.to_vec(),
        }
    }

    /// The distro of [`spec`]'s deckies: an image whose `/bin/sh` is the test's own program.
    pub async fn distro(&self) -> Distro {
        let program = std::fs::read(machine()).unwrap();
        let name = format!("{}-shell:1", self.scope);
        let mut tar = tar::Builder::new(Vec::new());
        for path in ["bin/sh", "sbin/init"] {
            let mut header = tar::Header::new_ustar();
            header.set_mode(0o755);
            header.set_size(program.len() as u64);
            tar.append_data(&mut header, path, &program[..]).unwrap();
        }
        let tar = tar.into_inner().unwrap();
        self.images
            .import(&name, futures_util::stream::iter([Ok(tar.into())]))
            .await
            .unwrap();
        let catalogue = fleet::Catalogue::builtin().unwrap();
        let debian = catalogue.distro("debian").unwrap().clone();
        Distro {
            image: name,
            userland: userland("install-it"),
            ..debian
        }
    }

    /// Runs our binary inside the machine as its root would run a program: what it prints.
    pub async fn inside(&self, up: &Up, args: &[&str]) -> String {
        let done = Command::new("docker")
            .args(["exec", &up.id, "/sbin/init"])
            .args(args)
            .output()
            .unwrap();
        let mut text = String::from_utf8_lossy(&done.stdout).trim().to_owned();
        text.push_str(String::from_utf8_lossy(&done.stderr).trim());
        text
    }

    pub async fn end(self) {
        self.sweep().await;
    }

    async fn sweep(&self) {
        for container in self.containers.list().await.unwrap() {
            self.containers.remove(&container.id, &container.decky).await.unwrap();
        }
        self.networks.remove().await.unwrap();
        assert_eq!(self.images.remove_all().await.unwrap(), []);
    }
}

pub fn userland(install: &str) -> Userland {
    Userland {
        tools: vec!["ps".to_owned()],
        packages: vec!["procps".to_owned()],
        install: vec![install.to_owned()],
    }
}

pub const DEADLINE: std::time::Duration = std::time::Duration::from_secs(20);

pub fn spec(name: &str, ip: Ipv4Addr, image: &str, ports: &[u16]) -> DeckySpec {
    let service = ServiceSpec {
        slug: "greeter".to_owned(),
        ports: ports
            .iter()
            .map(|&port| Port {
                port,
                proto: Default::default(),
                tls: false,
            })
            .collect(),
        config: Default::default(),
        persona: Default::default(),
    };
    let [.., c, d] = ip.octets();
    DeckySpec {
        name: Name::new(name).unwrap(),
        ip,
        mac: format!("f8:bc:12:00:{c:02x}:{d:02x}"),
        distro: "debian".to_owned(),
        image: image.to_owned(),
        archetype: None,
        nmap_os: "linux".to_owned(),
        sysctls: [("net.ipv4.ip_default_ttl".to_owned(), "128".to_owned())].into(),
        machine: MachineSpec {
            generation: 1,
            hostname: "web-17".to_owned(),
            domain: String::new(),
            distro: "debian".to_owned(),
            seed: "00".repeat(32),
            users: Vec::new(),
            keys: Keys::default(),
            services: vec![service],
            unlink: Vec::new(),
            resolvers: Vec::new(),
        },
        egress: Egress::Strict,
        limits: Limits::default(),
        mutate_interval: None,
        last_mutated: None,
    }
}

/// The test's PID 1, compiled once: static, so that it runs in an image with nothing else in it.
pub fn machine() -> PathBuf {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    BUILT
        .get_or_init(|| {
            let source = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/rig/machine.rs");
            let out = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("machine-{}", std::process::id()));
            let done = Command::new("rustc")
                .args(["--edition=2024", "-O", "--target=x86_64-unknown-linux-musl", "-o"])
                .arg(&out)
                .arg(source)
                .status()
                .expect("rustc");
            assert!(
                done.success(),
                "the musl target is missing: rustup target add x86_64-unknown-linux-musl"
            );
            out
        })
        .clone()
}

/// Runs a program of the host that must succeed: what it prints.
pub fn run(program: &str, args: &[&str]) -> String {
    let done = Command::new(program)
        .args(args)
        .output()
        .unwrap_or_else(|e| panic!("{program}: {e}"));
    assert!(
        done.status.success(),
        "{program} {args:?}: {}",
        String::from_utf8_lossy(&done.stderr)
    );
    String::from_utf8_lossy(&done.stdout).into_owned()
}

/// What the host's network has that any of `marks` (names, subnets) is in: links, addresses, routes, tables of rules.
pub fn host_state(marks: &[&str]) -> Vec<String> {
    let ours = |line: &&str| marks.iter().any(|mark| line.contains(mark));
    [
        ["ip", "-brief", "link"],
        ["ip", "-brief", "address"],
        ["ip", "route", "show"],
        ["nft", "list", "tables"],
    ]
    .iter()
    .flat_map(|command| {
        run(command[0], &command[1..])
            .lines()
            .filter(ours)
            .map(stable)
            .collect::<Vec<_>>()
    })
    .collect()
}

/// The line without what comes and goes by itself: carrier, link-local addresses.
fn stable(line: &str) -> String {
    let passing = ["UP", "DOWN", "UNKNOWN", "linkdown"];
    let words = line
        .split_ascii_whitespace()
        .filter(|w| !passing.contains(w) && !w.starts_with('<') && !w.starts_with("fe80"));
    words.collect::<Vec<_>>().join(" ")
}
