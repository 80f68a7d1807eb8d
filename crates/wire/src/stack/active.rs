//! The SYN-ACK of a host that was asked: the fingerprint that says `tcpfp`.

use std::fmt;

use super::{Signature, signature::short_hash};
use crate::{ip::Ip, tcp::Options};

/// What the answer to an active SYN shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ActiveStack {
    pub signature: Signature,
    pub dont_fragment: bool,
    pub sack: bool,
    pub timestamps: bool,
    pub dscp: u8,
    pub ecn: u8,
}

// === impl ActiveStack ===

impl ActiveStack {
    pub fn of(ip: &Ip<'_>, options: &Options, signature: Signature) -> Self {
        Self {
            signature,
            dont_fragment: ip.dont_fragment,
            sack: options.sack_permitted,
            timestamps: options.timestamps.is_some(),
            dscp: ip.dscp(),
            ecn: ip.ecn(),
        }
    }

    /// `ttl:window:df:mss:wscale:sack:ts:options:dscp:ecn`, with the TTL observed: it changes with the path.
    pub fn raw(&self) -> String {
        let Self {
            signature,
            dont_fragment,
            sack,
            timestamps,
            dscp,
            ecn,
        } = self;
        let scale = fmt::from_fn(|f| match signature.scale {
            Some(scale) => write!(f, "{scale}"),
            None => f.write_str("-1"),
        });
        format!(
            "{}:{}:{}:{}:{scale}:{}:{}:{}:{dscp}:{ecn}",
            signature.ttl,
            signature.raw_window,
            u8::from(*dont_fragment),
            signature.mss.unwrap_or(0),
            u8::from(*sack),
            u8::from(*timestamps),
            signature.kinds.letters(),
        )
    }

    /// `v2:version:initial ttl:option length:mss:window,scale:layout:quirks`: the same from anywhere.
    pub fn raw_v2(&self) -> String {
        let sig = self.signature.stack_sig();
        let without_payload = sig.rsplit_once(':').map_or(sig.as_str(), |(head, _)| head);
        format!("v2:{without_payload}")
    }

    /// The first 32 hex digits of the SHA-256 of a raw string.
    pub fn hash(raw: &str) -> String {
        short_hash(raw)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::packet::{Net, Packet, Transport};
    use crate::{link::LinkType, stack::Context};

    /// A SYN-ACK with Don't Fragment, this TTL, window and options.
    fn answer(ttl: u8, window: u16, options: &[u8]) -> ActiveStack {
        let mut bytes = vec![0x45, 0, 0, 40 + options.len() as u8, 0, 0, 0x40, 0, ttl, 6, 0, 0];
        bytes.extend([198, 51, 100, 1, 192, 0, 2, 10, 0, 80, 200, 1, 0, 0, 0, 7, 0, 0, 0, 9]);
        bytes.extend([(5 + options.len() as u8 / 4) << 4, 0x12]);
        bytes.extend(window.to_be_bytes());
        bytes.extend([0; 4]);
        bytes.extend(options);
        let packet = Packet::read(LinkType::Raw, &bytes, bytes.len()).unwrap();
        let Net::Ip(ip, Transport::Tcp(tcp)) = packet.net else {
            panic!("no TCP");
        };
        let options = tcp.options();
        let context = Context::SynAck { peer_mss: Some(1460) };
        ActiveStack::of(&ip, &options, Signature::with_options(&ip, &tcp, &options, context))
    }

    #[test]
    fn the_known_answers_have_their_known_hashes() {
        let linux = [2, 4, 5, 0xb4, 4, 2, 8, 10, 0, 1, 2, 3, 0, 0, 0, 1, 1, 3, 3, 7];
        let windows = [2, 4, 5, 0xb4, 1, 3, 3, 8, 1, 1, 4, 2];
        for (seen, raw, hash) in [
            (
                answer(64, 65_160, &linux),
                "64:65160:1:1460:7:1:1:M,S,T,N,W:0:0",
                "5ba39d2299f9326e701a32c33b62c925",
            ),
            (
                answer(128, 65_535, &windows),
                "128:65535:1:1460:8:1:0:M,N,W,N,N,S:0:0",
                "cc977547f01c7160f1a2f9989166f6ce",
            ),
        ] {
            assert_eq!(seen.raw(), raw);
            assert_eq!(ActiveStack::hash(&seen.raw()), hash);
        }
    }
}
