//! JA4SSH: the rhythm of an SSH connection.

use std::collections::BTreeMap;

/// So many packets make one fingerprint.
pub const WINDOW: u32 = 200;
/// Different lengths that are counted on each side.
const MAX_LENGTHS: usize = 256;

/// Counts the packets of one connection after its handshake.
#[derive(Clone, Debug, Default)]
pub struct Ja4Ssh {
    client: Side,
    server: Side,
}

#[derive(Clone, Debug, Default)]
struct Side {
    lengths: BTreeMap<u16, u32>,
    packets: u32,
    acks: u32,
}

// === impl Ja4Ssh ===

impl Ja4Ssh {
    pub fn new() -> Self {
        Self::default()
    }

    /// Counts a segment by its payload's length; none is a bare ACK. Every [`WINDOW`] packets with a payload there is
    /// a fingerprint, and the count begins anew.
    pub fn segment(&mut self, from_client: bool, payload: u16) -> Option<String> {
        let side = if from_client {
            &mut self.client
        } else {
            &mut self.server
        };
        side.count(payload);
        if self.client.packets + self.server.packets < WINDOW {
            return None;
        }
        Some(std::mem::take(self).fingerprint())
    }

    /// Of what was counted so far; for the end of a connection.
    pub fn fingerprint(&self) -> String {
        let (client, server) = (&self.client, &self.server);
        format!(
            "c{}s{}_c{}s{}_c{}s{}",
            client.mode(),
            server.mode(),
            client.packets,
            server.packets,
            client.acks,
            server.acks
        )
    }
}

// === impl Side ===

impl Side {
    fn count(&mut self, payload: u16) {
        if payload == 0 {
            self.acks = self.acks.saturating_add(1);
            return;
        }
        self.packets += 1;
        if self.lengths.len() < MAX_LENGTHS || self.lengths.contains_key(&payload) {
            *self.lengths.entry(payload).or_default() += 1;
        }
    }

    /// The most frequent length, the smallest of several.
    fn mode(&self) -> u16 {
        let most = self
            .lengths
            .iter()
            .max_by_key(|(length, count)| (**count, std::cmp::Reverse(**length)));
        most.map_or(0, |(length, _)| *length)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_hundred_packets_make_a_fingerprint() {
        let mut counted = Ja4Ssh::new();
        for number in 0..WINDOW - 1 {
            assert_eq!(
                counted.segment(number % 2 == 0, if number % 4 < 2 { 36 } else { 76 }),
                None
            );
            counted.segment(true, 0);
        }
        assert_eq!(counted.segment(false, 36).as_deref(), Some("c36s36_c100s100_c199s0"));
        assert_eq!(counted.fingerprint(), "c0s0_c0s0_c0s0");
    }
}
