//! Plays a corpus (`campaign`) against a standing grid as real traffic: every address of it becomes a throw-away host
//! beside the deckies, and what the corpus says of a session is done from there, one session after the other in the
//! order of their starts. Days become seconds: pauses and dwell are left out.
//!
//! A fingerprint of the corpus is an opaque label. A client hello and a key exchange made of the label stand for it, so
//! that equal labels look equal on the wire, and others do not.
#![forbid(unsafe_code)]

mod guise;
mod hands;

use std::net::{IpAddr, Ipv4Addr, SocketAddrV4};

use campaign::{Play, Record, Session};
use engine::visitor::free_addresses;
use engine::{Docker, Networks, Scope, Visitor};
use model::Name;
use model::fleet::{DeckySpec, FleetSpec};
use model::machine::Proto;
use serde::Serialize;
use store::Store;
use time::OffsetDateTime;

use crate::hands::Hands;

/// Who is behind an address of the grid now, as the corpus says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Cast {
    pub ip: Ipv4Addr,
    pub actor: Option<String>,
    pub identity: Option<String>,
    pub campaign: Option<String>,
    /// Sessions it has.
    pub sessions: usize,
}

/// A session that was played.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Scene {
    /// Place in the cast.
    pub row: usize,
    pub decky: Name,
    pub phase: cluster::Phase,
    /// What of it could not be done; none when all was.
    pub wrong: Option<String>,
}

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error(transparent)]
    Engine(#[from] engine::Error),
    #[error(transparent)]
    Store(#[from] store::Error),
    #[error("the corpus has {needed} addresses, and the network {subnet} has {free} left that never attacked")]
    Full {
        needed: usize,
        free: usize,
        subnet: ipnet::Ipv4Net,
    },
    #[error("the network of the grid is not there: deploy first")]
    NoNetwork,
    #[error("no decky has ssh and a login to come in by: deploy one with `--services ssh`")]
    NoDoor,
}

/// A corpus on its way to a grid.
#[derive(Debug)]
pub struct Stage {
    rows: Vec<Record>,
    /// In the order of their starts.
    sessions: Vec<Session>,
    cast: Vec<Cast>,
    hosts: Vec<Visitor>,
    doors: Vec<Door>,
    tls: Vec<SocketAddrV4>,
}

/// A decky one can log in to.
#[derive(Debug)]
pub(crate) struct Door {
    pub(crate) decky: Name,
    pub(crate) ssh: SocketAddrV4,
    pub(crate) user: String,
    pub(crate) password: String,
}

// === impl Stage ===

impl Stage {
    /// Puts a host beside the deckies for every address of the play. They are gone when the stage is dropped.
    ///
    /// An address that attacked before is not used again: who is behind it would be the one of before.
    pub async fn set(docker: &Docker, store: &Store, fleet: &FleetSpec, play: Play) -> Result<Self, Error> {
        let Play { rows, mut sessions } = play;
        sessions.sort_by_key(|session| session.start);
        let network = &fleet.network;
        let mut free = Vec::with_capacity(rows.len());
        for ip in free_addresses(network, &fleet.deckies) {
            if free.len() == rows.len() {
                break;
            }
            let addr = IpAddr::V4(ip);
            let is_unknown = store.attackers().get(addr).await?.is_none();
            if is_unknown && !store.drills().covers(addr, OffsetDateTime::now_utc()).await? {
                free.push(ip);
            }
        }
        if free.len() < rows.len() {
            return Err(Error::Full {
                needed: rows.len(),
                free: free.len(),
                subnet: network.subnet,
            });
        }
        let doors: Vec<Door> = fleet.deckies.iter().filter_map(Door::of).collect();
        if doors.is_empty() {
            return Err(Error::NoDoor);
        }
        let stands = Networks::new(docker.clone(), Scope::fleet()).find().await?;
        let bridge = stands.ok_or(Error::NoNetwork)?.bridge();
        let link = network.parent.as_ref().unwrap_or(&bridge);
        let mut hosts = Vec::with_capacity(rows.len());
        for &ip in &free {
            hosts.push(Visitor::enter(network.driver, link, ip, network.subnet.prefix_len()).await?);
        }
        let cast = |(row, (record, &ip)): (usize, (&Record, &Ipv4Addr))| Cast {
            ip,
            actor: record.truth.actor.clone(),
            identity: record.truth.identity.clone(),
            campaign: record.truth.campaign.clone(),
            sessions: sessions.iter().filter(|session| session.row == row).count(),
        };
        Ok(Self {
            cast: rows.iter().zip(&free).enumerate().map(cast).collect(),
            tls: fleet.deckies.iter().filter_map(|decky| port(decky, "https")).collect(),
            rows,
            sessions,
            hosts,
            doors,
        })
    }

    /// Who plays, in the order of the corpus.
    pub fn cast(&self) -> &[Cast] {
        &self.cast
    }

    /// Whether fingerprints of TLS can be shown: a decky speaks it.
    pub fn shows_tls(&self) -> bool {
        !self.tls.is_empty() || self.rows.iter().all(|row| row.observation.ja3.is_empty())
    }

    pub fn sessions(&self) -> usize {
        self.sessions.len()
    }

    /// Plays every session; each is handed to `tell` when it is over. A session that fails does not end the play.
    pub async fn play(&self, mut tell: impl FnMut(&Scene)) -> Vec<Scene> {
        let mut seen = vec![0; self.rows.len()];
        let mut scenes = Vec::with_capacity(self.sessions.len());
        for session in &self.sessions {
            let door = &self.doors[usize::from(session.decky) % self.doors.len()];
            let record = &self.rows[session.row];
            let hands = Hands::new(&self.hosts[session.row], &record.observation, seen[session.row]);
            seen[session.row] += 1;
            let tls = self.tls.get(usize::from(session.decky) % self.tls.len().max(1));
            let scene = Scene {
                row: session.row,
                decky: door.decky.clone(),
                phase: session.phase,
                wrong: hands.act(session, door, tls.copied()).await.err(),
            };
            tell(&scene);
            scenes.push(scene);
        }
        scenes
    }
}

// === impl Door ===

impl Door {
    fn of(decky: &DeckySpec) -> Option<Self> {
        let user = decky.machine.users.iter().find(|user| !user.password.is_empty())?;
        Some(Self {
            decky: decky.name.clone(),
            ssh: port(decky, "ssh")?,
            user: user.name.clone(),
            password: user.password.clone(),
        })
    }
}

fn port(decky: &DeckySpec, slug: &str) -> Option<SocketAddrV4> {
    let service = decky.machine.services.iter().find(|service| service.slug == slug)?;
    let port = service.ports.iter().find(|port| port.proto == Proto::Tcp)?;
    Some(SocketAddrV4::new(decky.ip, port.port))
}
