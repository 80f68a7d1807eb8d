//! The probes: a file each, and a line each in [`PROBES`].

mod certificate;
mod hassh;
mod icmp;
mod icmp4;
mod icmp6;
mod ipv6_leak;
mod jarm;
mod old_tls;
mod tcpfp;
mod tls_certificate;

use futures_util::future::BoxFuture;

use crate::finding::Finding;
use crate::target::Target;

/// A question that can be put to a target.
pub struct ProbeKind {
    pub name: &'static str,
    /// Smaller ones are begun first.
    pub order: u16,
    /// Asked where they are open. None: the probe goes to no port.
    pub ports: &'static [u16],
    /// Kind of the event its answers are told as.
    pub(crate) event: &'static str,
    pub(crate) ask: for<'a> fn(&'a Target<'a>) -> BoxFuture<'a, Vec<Finding>>,
}

/// All of them, in the order they are begun.
pub static PROBES: &[&ProbeKind] = &[
    &hassh::PROBE,
    &jarm::PROBE,
    &tcpfp::PROBE,
    &tls_certificate::PROBE,
    &icmp4::PROBE,
    &icmp6::PROBE,
    &ipv6_leak::PROBE,
];

/// Where TLS is looked for.
const TLS_PORTS: [u16; 10] = [443, 8443, 8080, 4443, 50050, 2222, 993, 995, 8888, 9001];

pub(crate) fn named(name: &str) -> Option<&'static ProbeKind> {
    PROBES.iter().copied().find(|probe| probe.name == name)
}

// === impl ProbeKind ===

impl std::fmt::Debug for ProbeKind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "ProbeKind({})", self.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn probes_have_names_of_their_own_and_stand_in_their_order() {
        assert!(PROBES.is_sorted_by_key(|probe| (probe.order, probe.name)));
        for probe in PROBES {
            assert_eq!(
                PROBES.iter().filter(|other| other.name == probe.name).count(),
                1,
                "{}",
                probe.name
            );
            assert!(named(probe.name).is_some());
        }
    }
}
