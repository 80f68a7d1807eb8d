//! What a description says, once it has been read.

use cluster::Phase;

/// Campaigns and the noise around them.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Corpus {
    pub campaigns: Vec<Campaign>,
    pub noise: Vec<Noise>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Campaign {
    /// Truth on the level of campaigns.
    pub id: String,
    /// At least one.
    pub actors: Vec<Actor>,
    /// Carried out in this order.
    pub steps: Vec<Step>,
    /// Days on which sessions may be, ascending, from 0; pauses are taken out.
    pub days: Vec<u32>,
    /// Start times never decrease along the steps.
    pub ordered: bool,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Actor {
    /// Truth on the level of actors.
    pub id: String,
    /// Truth on the level of identities, where several actors are the same hands.
    pub identity: Option<String>,
    pub asn: u32,
    /// ASN of each row, in turn; empty for the actor's own.
    pub rotation_asns: Vec<u32>,
    /// Addresses it comes from, at least one.
    pub rows: u32,
    pub ja3: Vec<String>,
    pub hassh: Vec<String>,
    /// Hours of the day (UTC) in which sessions start, at least one.
    pub hours: Vec<u8>,
    /// Microseconds.
    pub jitter: i64,
    /// Days it works on; none for all of the campaign's.
    pub active_days: Option<Vec<u32>>,
}

/// One phase of a campaign, carried out by one actor.
#[derive(Clone, Debug, PartialEq)]
pub struct Step {
    pub phase: Phase,
    /// Place in the campaign's actors.
    pub actor: usize,
    /// None for those typical of the phase.
    pub commands: Option<Vec<String>>,
    pub credentials: Vec<(String, String)>,
    /// Seed text of which the payload's hash is made.
    pub payload: Option<String>,
    pub c2: Option<String>,
    pub sessions: u32,
    pub target: Target,
    /// Microseconds.
    pub dwell: i64,
}

/// Which decky a session goes to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Target {
    #[default]
    Any,
    /// Where this actor last got in; the place in the campaign's actors.
    LastSuccessOf(usize),
    /// Number in the pool, from 0.
    Decky(u8),
}

/// Scanners that belong to nobody.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Noise {
    pub scanners: u32,
    /// A JA3 they all show, as users of the same library do.
    pub ja3: Option<String>,
    pub hassh: Option<String>,
}

/// Deckies a corpus plays on, `decky-01` to `decky-20`.
pub(crate) const DECKIES: u8 = 20;

// === impl Actor ===

impl Actor {
    /// Days on which it has sessions.
    pub(crate) fn days(&self, campaign: &Campaign) -> Vec<u32> {
        let active = |day: &u32| self.active_days.as_ref().is_none_or(|days| days.contains(day));
        campaign.days.iter().copied().filter(active).collect()
    }
}

impl Corpus {
    /// Rows that will be made of it.
    pub fn rows(&self) -> u64 {
        let actors = self.campaigns.iter().flat_map(|campaign| &campaign.actors);
        let scanners = self.noise.iter().map(|noise| u64::from(noise.scanners));
        actors.map(|actor| u64::from(actor.rows)).sum::<u64>() + scanners.sum::<u64>()
    }

    /// Sessions that will be made of it.
    pub fn sessions(&self) -> u64 {
        let steps = self.campaigns.iter().flat_map(|campaign| &campaign.steps);
        let scanners = self.noise.iter().map(|noise| u64::from(noise.scanners));
        steps.map(|step| u64::from(step.sessions)).sum::<u64>() + scanners.sum::<u64>()
    }
}

pub(crate) fn decky(number: u8) -> String {
    format!("decky-{:02}", number + 1)
}
