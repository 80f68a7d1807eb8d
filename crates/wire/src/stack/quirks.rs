//! The small oddities of headers that tell stacks apart, by the names p0f version 3 gave them.

use std::{fmt, ops::BitOr};

use crate::{
    ip::Ip,
    tcp::{Flags, Options, Tcp},
};

/// A set of quirks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Quirks(u32);

const NAMES: [(Quirks, &str); 17] = [
    (Quirks::DF, "df"),
    (Quirks::ID_SET, "id+"),
    (Quirks::ID_ZERO, "id-"),
    (Quirks::ECN, "ecn"),
    (Quirks::MUST_BE_ZERO, "0+"),
    (Quirks::FLOW, "flow"),
    (Quirks::SEQ_ZERO, "seq-"),
    (Quirks::ACK_STRAY, "ack+"),
    (Quirks::ACK_ZERO, "ack-"),
    (Quirks::URGENT_STRAY, "uptr+"),
    (Quirks::URGENT, "urgf+"),
    (Quirks::PUSH, "pushf+"),
    (Quirks::TS_ZERO, "ts1-"),
    (Quirks::TS_ECHO, "ts2+"),
    (Quirks::OPTION_TRAIL, "opt+"),
    (Quirks::SCALE_EXCESS, "exws"),
    (Quirks::OPTIONS_BAD, "bad"),
];

// === impl Quirks ===

impl Quirks {
    pub const NONE: Self = Self(0);
    /// Don't Fragment is set (IPv4).
    pub const DF: Self = Self(1);
    /// Don't Fragment with an identification that is not zero (IPv4).
    pub const ID_SET: Self = Self(1 << 1);
    /// No Don't Fragment, and an identification of zero (IPv4).
    pub const ID_ZERO: Self = Self(1 << 2);
    /// Explicit congestion notification is offered or used.
    pub const ECN: Self = Self(1 << 3);
    /// A field that must be zero is not.
    pub const MUST_BE_ZERO: Self = Self(1 << 4);
    /// A flow label that is not zero (IPv6).
    pub const FLOW: Self = Self(1 << 5);
    /// A sequence number of zero.
    pub const SEQ_ZERO: Self = Self(1 << 6);
    /// An acknowledgement number without the flag.
    pub const ACK_STRAY: Self = Self(1 << 7);
    /// The flag with an acknowledgement number of zero.
    pub const ACK_ZERO: Self = Self(1 << 8);
    /// An urgent pointer without the flag.
    pub const URGENT_STRAY: Self = Self(1 << 9);
    /// The urgent flag.
    pub const URGENT: Self = Self(1 << 10);
    /// The push flag.
    pub const PUSH: Self = Self(1 << 11);
    /// An own timestamp of zero.
    pub const TS_ZERO: Self = Self(1 << 12);
    /// An echoed timestamp on the very first packet.
    pub const TS_ECHO: Self = Self(1 << 13);
    /// Something after the end-of-options mark.
    pub const OPTION_TRAIL: Self = Self(1 << 14);
    /// A window scale above 14.
    pub const SCALE_EXCESS: Self = Self(1 << 15);
    /// Options that cannot be.
    pub const OPTIONS_BAD: Self = Self(1 << 16);

    /// Those of a SYN or SYN-ACK.
    #[inline]
    pub(crate) fn of(ip: &Ip<'_>, tcp: &Tcp<'_>, options: &Options) -> Self {
        let flags = tcp.flags;
        let ecn = ip.ecn() != 0 || flags.has(Flags::ECE | Flags::CWR);
        let urgent = flags.has(Flags::URG);
        let (ts_zero, ts_echo) = match options.timestamps {
            Some((own, echoed)) => (own == 0, echoed != 0 && flags.opens()),
            None => (false, false),
        };
        let id_zero = ip.id == Some(0);
        let v4 = !ip.is_v6();
        Self::NONE
            .with(Self::DF, ip.dont_fragment)
            .with(Self::ID_SET, v4 && ip.dont_fragment && !id_zero)
            .with(Self::ID_ZERO, v4 && !ip.dont_fragment && id_zero)
            .with(Self::ECN, ecn)
            .with(Self::MUST_BE_ZERO, ip.reserved_flag || tcp.reserved != 0)
            .with(Self::FLOW, ip.flow_label != 0)
            .with(Self::SEQ_ZERO, tcp.sequence == 0)
            .with(
                Self::ACK_STRAY,
                !flags.ack() && tcp.acknowledgement != 0 && !flags.rst(),
            )
            .with(Self::ACK_ZERO, flags.ack() && tcp.acknowledgement == 0)
            .with(Self::URGENT_STRAY, !urgent && tcp.urgent != 0)
            .with(Self::URGENT, urgent)
            .with(Self::PUSH, flags.has(Flags::PSH))
            .with(Self::TS_ZERO, ts_zero)
            .with(Self::TS_ECHO, ts_echo)
            .with(Self::OPTION_TRAIL, options.padding_used)
            .with(Self::SCALE_EXCESS, options.window_scale.is_some_and(|scale| scale > 14))
            .with(Self::OPTIONS_BAD, options.malformed)
    }

    #[inline]
    const fn with(self, quirk: Self, present: bool) -> Self {
        Self(self.0 | if present { quirk.0 } else { 0 })
    }

    pub const fn contains(self, all: Self) -> bool {
        self.0 & all.0 == all.0
    }

    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Those of either.
    pub(crate) const fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Those of `self` that are not in `other`.
    pub const fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    pub(crate) const fn bits(self) -> u32 {
        self.0
    }

    /// The quirk of that name.
    pub fn named(name: &str) -> Option<Self> {
        NAMES.iter().find(|(_, known)| *known == name).map(|(quirk, _)| *quirk)
    }
}

impl BitOr for Quirks {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        self.and(other)
    }
}

/// Comma list in p0f's order, e.g. `df,id+,ecn`.
impl fmt::Display for Quirks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut between = "";
        for (quirk, name) in NAMES {
            if self.contains(quirk) {
                write!(f, "{between}{name}")?;
                between = ",";
            }
        }
        Ok(())
    }
}
