//! Whose addresses are whose.

use std::{net::IpAddr, sync::Arc};

use hashbrown::{HashMap, HashSet};

use crate::link::Mac;

/// The machines that are watched, by their addresses.
#[derive(Clone, Debug, Default)]
pub struct Deckies {
    by_address: HashMap<IpAddr, Arc<Decky>>,
    /// Hardware addresses of ours: what they say of themselves is no stranger's.
    macs: HashSet<Mac>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decky {
    pub name: String,
    /// What it calls itself, and clients may ask for.
    pub hostname: Option<String>,
}

/// How the two ends of a packet stand to the machines that are watched.
#[derive(Clone, Copy, Debug)]
pub(super) enum Ends<'a> {
    /// No machines are named: everyone is.
    Anyone,
    /// From a stranger to a machine.
    Inbound(&'a Arc<Decky>),
    /// From a machine to another one.
    Lateral(&'a Arc<Decky>),
    /// From a machine to a stranger.
    Outbound(&'a Arc<Decky>),
    /// Between strangers.
    Foreign,
}

/// Who began what was seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Role {
    /// A peer.
    Inbound,
    /// Another machine that is watched. By themselves they do not turn to one another: somebody is in it.
    Lateral,
    /// The machine itself; its peer is no attacker for that.
    Outbound,
}

// === impl Deckies ===

impl Deckies {
    /// Adds a machine's address, of which it may have several.
    pub fn add(&mut self, address: IpAddr, decky: &Arc<Decky>) {
        self.by_address.insert(address, Arc::clone(decky));
    }

    pub fn add_mac(&mut self, mac: Mac) {
        self.macs.insert(mac);
    }

    pub fn is_empty(&self) -> bool {
        self.by_address.is_empty()
    }

    pub fn addresses(&self) -> impl Iterator<Item = IpAddr> {
        self.by_address.keys().copied()
    }

    pub(super) fn owns(&self, mac: Mac) -> bool {
        self.macs.contains(&mac)
    }

    pub(super) fn get(&self, address: IpAddr) -> Option<&Arc<Decky>> {
        self.by_address.get(&address)
    }

    /// Of something that `from` began with `to`.
    #[inline]
    pub(super) fn ends(&self, from: IpAddr, to: IpAddr) -> Ends<'_> {
        if self.is_empty() {
            return Ends::Anyone;
        }
        match (self.get(from), self.get(to)) {
            (Some(decky), None) => Ends::Outbound(decky),
            // A machine that speaks with itself.
            (Some(from), Some(to)) if from.name == to.name => Ends::Outbound(from),
            (Some(_), Some(to)) => Ends::Lateral(to),
            (None, Some(decky)) => Ends::Inbound(decky),
            (None, None) => Ends::Foreign,
        }
    }
}

// === impl Decky ===

impl Decky {
    /// Whether a client that asks for this name means it.
    pub(super) fn answers_to(&self, name: &str) -> bool {
        let known = [Some(self.name.as_str()), self.hostname.as_deref()];
        known
            .into_iter()
            .flatten()
            .any(|known| known.eq_ignore_ascii_case(name))
    }
}

// === impl Ends ===

impl<'a> Ends<'a> {
    pub(super) fn role(self) -> Role {
        match self {
            Self::Outbound(_) => Role::Outbound,
            Self::Lateral(_) => Role::Lateral,
            Self::Anyone | Self::Inbound(_) | Self::Foreign => Role::Inbound,
        }
    }

    /// The machine that it is told of.
    pub(super) fn decky(self) -> Option<&'a Arc<Decky>> {
        match self {
            Self::Inbound(decky) | Self::Lateral(decky) | Self::Outbound(decky) => Some(decky),
            Self::Anyone | Self::Foreign => None,
        }
    }

    /// Who began it is a peer, of whom everything is told.
    pub(super) fn is_by_peer(self) -> bool {
        matches!(self, Self::Anyone | Self::Inbound(_) | Self::Lateral(_))
    }
}

// === impl Role ===

impl Role {
    /// As it stands in events.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Inbound => "inbound",
            Self::Lateral => "lateral",
            Self::Outbound => "outbound",
        }
    }
}
