//! Who is behind it: observations (an address each) in, identities (the same hands) and campaigns (identities that
//! work together) out.
//!
//! Pure: no I/O, no clock, no randomness. Everything is near-linear and independent of the order of its input, and no
//! edge looks at absolute time. The rules are those of clustering.md; `wiki/Clustering.md` says where they were cut
//! better.
#![forbid(unsafe_code)]

mod activity;
mod campaign;
mod cohesion;
mod commodity;
mod explain;
mod identity;
mod key;
mod observation;
mod partition;
mod phase;
mod pins;
pub mod reconcile;
mod rings;
mod sets;
mod settings;
pub mod shell;
pub mod simhash;
mod tiers;

pub use activity::{Activity, Features, Stay, Visit};
pub use campaign::{Campaigns, Edge, Joint, Reason, campaigns, edge};
pub use cohesion::{Cohesion, cohesion};
pub use commodity::{BadLine, Commodity};
pub use explain::{Evidence, Explanation, Holding, Link, Node, Shared, Step, Verdict};
pub use identity::{Identities, Standing, Suspect, identities};
pub use key::{Class, Family, KeyHash};
pub use observation::Observation;
pub use partition::Partition;
pub use phase::{Phase, UnknownPhase};
pub use pins::Pins;
pub use settings::{Limits, Profile, Settings, UnknownProfile};
pub use tiers::{Tiers, tiers};
