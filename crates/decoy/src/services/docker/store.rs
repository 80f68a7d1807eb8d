//! What the engine has: images, containers, commands run in them, networks and volumes.

use std::collections::BTreeMap;

use sha2::{Digest, Sha256};
use time::OffsetDateTime;

use super::config::HostConfig;
use super::names::{self, Reference};
use super::persona::Persona;

/// What strangers may add; then the oldest of theirs goes.
const MOST_CONTAINERS: usize = 128;
const MOST_IMAGES: usize = 128;
const MOST_OTHERS: usize = 64;
const MOST_EXECS: usize = 256;

pub(super) struct Store {
    pub persona: Persona,
    seed: [u8; 32],
    count: u64,
    /// Newest last.
    pub images: Vec<Image>,
    pub containers: Vec<Container>,
    pub execs: Vec<Exec>,
    pub networks: Vec<Network>,
    pub volumes: Vec<(String, OffsetDateTime)>,
}

#[derive(Clone, Debug)]
pub(super) struct Image {
    pub id: String,
    pub tags: Vec<String>,
    pub digest: Option<String>,
    pub parent: String,
    pub comment: &'static str,
    pub created: OffsetDateTime,
    pub size: u64,
    pub env: Vec<String>,
    pub cmd: Vec<String>,
    pub entrypoint: Vec<String>,
    pub workdir: String,
    /// What made it, newest first, and the bytes that came of it.
    pub history: Vec<(String, u64)>,
}

#[derive(Clone, Debug)]
pub(super) struct Container {
    pub id: String,
    pub name: String,
    /// As it was asked for.
    pub image: String,
    pub image_id: String,
    pub created: OffsetDateTime,
    pub hostname: String,
    pub domainname: String,
    pub user: String,
    pub attach: [bool; 3],
    pub tty: bool,
    pub open_stdin: bool,
    pub stdin_once: bool,
    pub env: Vec<String>,
    pub cmd: Option<Vec<String>>,
    pub entrypoint: Option<Vec<String>>,
    pub workdir: String,
    pub labels: BTreeMap<String, String>,
    pub host: HostConfig,
    pub status: Status,
    pub pid: u32,
    pub exit_code: i32,
    pub error: String,
    pub started: Option<OffsetDateTime>,
    pub finished: Option<OffsetDateTime>,
    pub ports: Vec<(u16, u16)>,
    /// Was here before anybody came: what it has said so far.
    pub said: Option<&'static str>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Status {
    Created,
    Running,
    Paused,
    Exited,
}

#[derive(Clone, Debug)]
pub(super) struct Exec {
    pub id: String,
    pub container: String,
    pub argv: Vec<String>,
    pub env: Vec<String>,
    pub user: String,
    pub workdir: String,
    pub tty: bool,
    pub privileged: bool,
    /// stdin, stdout, stderr.
    pub attach: [bool; 3],
    pub running: bool,
    pub exit_code: Option<i32>,
    pub pid: u32,
}

#[derive(Clone, Debug)]
pub(super) struct Network {
    pub id: String,
    pub name: String,
    pub driver: String,
    pub created: OffsetDateTime,
    /// The third number of its addresses.
    pub subnet: Option<u8>,
}

// === impl Store ===

impl Store {
    pub(super) fn new(persona: Persona, seed: [u8; 32]) -> Self {
        Self {
            persona,
            seed,
            count: 0,
            images: Vec::new(),
            containers: Vec::new(),
            execs: Vec::new(),
            networks: Vec::new(),
            volumes: Vec::new(),
        }
    }

    /// 32 bytes nobody had before.
    pub(super) fn draw(&mut self) -> [u8; 32] {
        self.count += 1;
        self.of(&self.count.to_string())
    }

    /// 32 bytes of this machine for that purpose.
    pub(super) fn of(&self, purpose: &str) -> [u8; 32] {
        let mut hash = Sha256::new_with_prefix(self.seed);
        hash.update(purpose.as_bytes());
        hash.finalize().into()
    }

    pub(super) fn new_id(&mut self) -> String {
        hex::encode(self.draw())
    }

    /// By name, whole id or its beginning.
    pub(super) fn container(&self, text: &str) -> Option<&Container> {
        let name = text.strip_prefix('/').unwrap_or(text);
        let exact = self.containers.iter().find(|one| one.id == text || one.name == name);
        exact.or_else(|| {
            let mut begun = self
                .containers
                .iter()
                .filter(|one| !text.is_empty() && one.id.starts_with(text));
            begun.next().filter(|_| begun.next().is_none())
        })
    }

    pub(super) fn container_mut(&mut self, id: &str) -> Option<&mut Container> {
        self.containers.iter_mut().find(|one| one.id == id)
    }

    /// By tag, digest, id or its beginning.
    pub(super) fn image(&self, text: &str) -> Option<&Image> {
        let bare = text.strip_prefix("sha256:").unwrap_or(text);
        let tag = Reference::parse(text).map(|reference| reference.tagged());
        let tagged = |image: &&Image| {
            tag.as_ref()
                .is_some_and(|tag| image.tags.contains(tag) || image.digest.as_ref() == Some(tag))
        };
        let begun = |image: &&Image| bare.len() >= 4 && image.id.starts_with(bare);
        self.images
            .iter()
            .find(tagged)
            .or_else(|| self.images.iter().find(begun))
    }

    pub(super) fn add_container(&mut self, container: Container) {
        if self.containers.len() >= MOST_CONTAINERS {
            let old = self
                .containers
                .iter()
                .position(|one| one.said.is_none() && one.status != Status::Running);
            self.containers.remove(old.unwrap_or(0));
        }
        self.containers.push(container);
    }

    /// Takes its tag from whoever has it.
    pub(super) fn add_image(&mut self, image: Image) {
        for tag in &image.tags {
            self.images
                .iter_mut()
                .for_each(|other| other.tags.retain(|known| known != tag));
        }
        if self.images.len() >= MOST_IMAGES {
            self.images.remove(0);
        }
        self.images.retain(|other| other.id != image.id);
        self.images.push(image);
    }

    pub(super) fn add_exec(&mut self, exec: Exec) {
        if self.execs.len() >= MOST_EXECS {
            let old = self.execs.iter().position(|one| !one.running).unwrap_or(0);
            self.execs.remove(old);
        }
        self.execs.push(exec);
    }

    /// False when there are as many as there may be.
    pub(super) fn add_network(&mut self, network: Network) -> bool {
        let room = self.networks.len() < MOST_OTHERS;
        room.then(|| self.networks.push(network));
        room
    }

    pub(super) fn add_volume(&mut self, name: &str, at: OffsetDateTime) -> bool {
        let room = self.volumes.len() < MOST_OTHERS;
        if room && !self.volumes.iter().any(|(known, _)| known == name) {
            self.volumes.push((name.to_owned(), at));
        }
        room
    }

    pub(super) fn exec_mut(&mut self, id: &str) -> Option<&mut Exec> {
        self.execs.iter_mut().find(|one| one.id == id)
    }

    /// A name nobody has.
    pub(super) fn made_up_name(&mut self) -> String {
        loop {
            let name = names::made_up(&self.draw());
            if !self.containers.iter().any(|one| one.name == name) {
                return name;
            }
        }
    }

    /// What a pull of that name brings: the same on every machine, as from a registry.
    pub(super) fn pulled(&self, reference: &Reference, now: OffsetDateTime) -> Image {
        let tagged = reference.tagged();
        let bytes = |purpose: &str| -> [u8; 32] { Sha256::digest(format!("{purpose}/{}", reference.name)).into() };
        let id = Sha256::digest(format!("image/{tagged}"));
        let size = u64::from(id[0]) * 700_000 + u64::from(id[1]) * 900 + 5_300_000;
        let shell = matches!(reference.name.as_str(), "alpine" | "busybox");
        let cmd = if shell { "/bin/sh" } else { "/bin/bash" };
        let digest = bytes("digest");
        Image {
            id: hex::encode(id),
            tags: if tagged.contains('@') { Vec::new() } else { vec![tagged] },
            digest: Some(format!("{}@sha256:{}", reference.name, hex::encode(digest))),
            parent: String::new(),
            comment: "",
            created: now - time::Duration::seconds(86_400 * (9 + i64::from(id[2]) / 4) + i64::from(id[3]) * 311),
            size,
            env: vec![PATH.to_owned()],
            cmd: vec![cmd.to_owned()],
            entrypoint: Vec::new(),
            workdir: String::new(),
            history: vec![
                (format!("/bin/sh -c #(nop)  CMD [\"{cmd}\"]"), 0),
                (
                    format!("/bin/sh -c #(nop) ADD file:{} in / ", hex::encode(bytes("layer"))),
                    size,
                ),
            ],
        }
    }
}

pub(super) const PATH: &str = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

// === impl Image ===

impl Image {
    pub(super) fn layers(&self) -> Vec<String> {
        let first = self.history.len().saturating_sub(1);
        let made = self.history.iter().enumerate().rev();
        let made = made.filter(|(n, (_, size))| *n == first || *size > 0);
        made.map(|(n, (by, size))| hex::encode(Sha256::digest(format!("{n}/{by}/{size}"))))
            .collect()
    }
}

// === impl Container ===

impl Container {
    pub(super) fn short(&self) -> &str {
        &self.id[..12.min(self.id.len())]
    }

    /// What it runs, the image's own where nothing else was said.
    pub(super) fn argv(&self, image: Option<&Image>) -> Vec<String> {
        let theirs = |list: fn(&Image) -> &Vec<String>| image.map(list).cloned().unwrap_or_default();
        let entrypoint = self.entrypoint.clone();
        let cmd = match (&self.cmd, &entrypoint) {
            (Some(cmd), _) => cmd.clone(),
            (None, Some(_)) => Vec::new(),
            (None, None) => theirs(|image| &image.cmd),
        };
        let mut argv = entrypoint.unwrap_or_else(|| theirs(|image| &image.entrypoint));
        argv.extend(cmd);
        argv
    }
}
