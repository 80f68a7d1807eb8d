//! The shape of a SYN or SYN-ACK, written as p0f version 3 writes it.

use std::fmt;

use sha2::{Digest as _, Sha256};

use super::Quirks;
use crate::{
    digest::hex,
    ip::Ip,
    tcp::{Kinds, Options, Tcp},
};

/// What a SYN or SYN-ACK shows of the stack that sent it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Signature {
    /// 4 or 6.
    pub version: u8,
    /// TTL or hop limit as observed.
    pub ttl: u8,
    /// Bytes of IPv4 options or IPv6 extension headers.
    pub option_len: u16,
    pub mss: Option<u16>,
    /// As sent.
    pub raw_window: u16,
    pub window: Window,
    pub scale: Option<u8>,
    pub kinds: Kinds,
    /// Bytes after the end-of-options mark.
    pub padding: u8,
    pub quirks: Quirks,
    pub payload: bool,
}

/// A window, as a multiple of what stacks make it a multiple of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Window {
    Bytes(u16),
    /// So many times the maximum segment size.
    Mss(u16),
    /// So many times the maximum transmission unit.
    Mtu(u16),
}

/// Which packet of the handshake it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Context {
    Syn,
    /// With the MSS that the SYN offered: some stacks size their window by it.
    SynAck {
        peer_mss: Option<u16>,
    },
}

/// Below this MSS a window that divides by it says nothing.
const SMALLEST_MSS: u16 = 100;
/// IP and TCP headers without options.
const HEADERS_V4: u16 = 40;
const HEADERS_V6: u16 = 60;
const ETHERNET_MTU: u16 = 1500;
/// The timestamp option and its padding.
const TIMESTAMPS_LEN: u16 = 12;

/// Initial TTLs that stacks start with.
const INITIAL_TTLS: [u8; 4] = [32, 64, 128, 255];
/// More hops than any path has.
const MAX_HOPS: u8 = 64;

/// The likely TTL or hop limit a packet started with.
pub fn initial_ttl(observed: u8) -> u8 {
    INITIAL_TTLS
        .into_iter()
        .find(|&initial| initial >= observed)
        .unwrap_or(u8::MAX)
}

/// How many routers lie between, 0 to 64, by [`initial_ttl`].
pub fn hop_distance(observed: u8) -> u8 {
    (initial_ttl(observed) - observed).min(MAX_HOPS)
}

// === impl Signature ===

impl Signature {
    /// The signature of a SYN or SYN-ACK.
    #[inline]
    pub fn of(ip: &Ip<'_>, tcp: &Tcp<'_>, context: Context) -> Self {
        Self::with_options(ip, tcp, &tcp.options(), context)
    }

    /// The same where the options have been read already.
    #[inline]
    pub fn with_options(ip: &Ip<'_>, tcp: &Tcp<'_>, options: &Options, context: Context) -> Self {
        Self {
            version: if ip.is_v6() { 6 } else { 4 },
            ttl: ip.ttl,
            option_len: u16::try_from(ip.options_len()).unwrap_or(u16::MAX),
            mss: options.mss,
            raw_window: tcp.window,
            window: Window::of(ip, tcp, options, context),
            scale: options.window_scale,
            kinds: options.kinds,
            padding: options.padding,
            quirks: Quirks::of(ip, tcp, options),
            payload: tcp.payload_len > 0,
        }
    }

    /// The likely TTL it started with.
    pub fn initial_ttl(&self) -> u8 {
        initial_ttl(self.ttl)
    }

    /// The signature with its initial TTL only, so that the path it came by does not matter (`stack_sig`).
    pub fn stack_sig(&self) -> String {
        self.written(self.initial_ttl()).to_string()
    }

    /// With `observed+distance` for the TTL, as p0f prints what it sees.
    pub fn raw_sig(&self) -> String {
        self.written(format_args!("{}+{}", self.ttl, hop_distance(self.ttl)))
            .to_string()
    }

    /// [`Signature::stack_sig`] and [`Signature::stack_hash`], the one made from the other.
    pub fn stack_sig_and_hash(&self) -> (String, String) {
        let written = self.stack_sig();
        let hash = short_hash(&written);
        (written, hash)
    }

    /// The first 32 hex digits of the SHA-256 of [`Signature::stack_sig`].
    pub fn stack_hash(&self) -> String {
        short_hash(&self.stack_sig())
    }

    /// A number for what one host does not change by itself: all but window, identification, congestion notification
    /// and payload.
    pub(crate) fn stack_key(&self) -> u64 {
        let quirks = self.quirks.without(Quirks::ID_SET | Quirks::ID_ZERO | Quirks::ECN);
        let fields = [
            u64::from(self.version) << 8 | u64::from(self.initial_ttl()),
            u64::from(self.option_len) << 16 | u64::from(self.mss.unwrap_or(0)),
            self.scale.map_or(u64::MAX, u64::from),
            u64::from(quirks.bits()) << 8 | u64::from(self.padding),
        ];
        let kinds = self.kinds.as_slice().iter().map(|&kind| u64::from(kind));
        // FNV-1a (draft-eastlake-fnv), a word at a time.
        fields
            .into_iter()
            .chain(kinds)
            .fold(0xcbf2_9ce4_8422_2325, |hash, word| {
                (hash ^ word).wrapping_mul(0x0000_0100_0000_01b3)
            })
    }

    /// The layout of the options, e.g. `mss,nop,ws,eol+1`.
    pub fn layout(&self) -> impl fmt::Display + '_ {
        fmt::from_fn(|f| write_layout(f, self.kinds.as_slice(), self.padding))
    }

    fn written<'a>(&'a self, ttl: impl fmt::Display + 'a) -> impl fmt::Display + 'a {
        fmt::from_fn(move |f| {
            write!(
                f,
                "{}:{}:{}:{}:{},{}:{}:{}:{}",
                self.version,
                ttl,
                self.option_len,
                self.mss.unwrap_or(0),
                self.window,
                self.scale.unwrap_or(0),
                self.layout(),
                self.quirks,
                if self.payload { "+" } else { "0" },
            )
        })
    }
}

pub(crate) fn write_layout(f: &mut fmt::Formatter<'_>, kinds: &[u8], padding: u8) -> fmt::Result {
    for (at, kind) in kinds.iter().enumerate() {
        if at > 0 {
            f.write_str(",")?;
        }
        match kind {
            0 => write!(f, "eol+{padding}")?,
            1 => f.write_str("nop")?,
            2 => f.write_str("mss")?,
            3 => f.write_str("ws")?,
            4 => f.write_str("sok")?,
            5 => f.write_str("sack")?,
            8 => f.write_str("ts")?,
            other => write!(f, "?{other}")?,
        }
    }
    Ok(())
}

pub(crate) fn short_hash(text: &str) -> String {
    hex(&Sha256::digest(text)[..16])
}

// === impl Window ===

impl Window {
    /// The first exact division wins, in the order of p0f version 3.
    fn of(ip: &Ip<'_>, tcp: &Tcp<'_>, options: &Options, context: Context) -> Self {
        let window = tcp.window;
        let mss = options.mss.unwrap_or(0);
        if window == 0 || mss < SMALLEST_MSS {
            return Self::Bytes(window);
        }
        let stamped = options.timestamps.is_some_and(|(own, _)| own != 0);
        let v6 = ip.is_v6();
        let headers = u16::try_from(ip.header_len + tcp.header_len).unwrap_or(0);
        let peer = match context {
            Context::Syn => 0,
            Context::SynAck { peer_mss } => peer_mss.unwrap_or(0),
        };
        let ethernet_v6 = ETHERNET_MTU - HEADERS_V6;
        let tries = [
            (true, mss, Self::Mss as fn(u16) -> Self),
            (stamped, mss - TIMESTAMPS_LEN, Self::Mss),
            (true, ETHERNET_MTU - HEADERS_V4, Self::Mss),
            (true, ETHERNET_MTU - HEADERS_V4 - TIMESTAMPS_LEN, Self::Mss),
            (v6, ethernet_v6, Self::Mss),
            (v6, ethernet_v6 - TIMESTAMPS_LEN, Self::Mss),
            (true, mss.saturating_add(HEADERS_V4), Self::Mtu),
            (true, mss.saturating_add(headers), Self::Mtu),
            (v6, mss.saturating_add(HEADERS_V6), Self::Mtu),
            (true, ETHERNET_MTU, Self::Mtu),
            (peer >= SMALLEST_MSS, peer, Self::Mss),
            (peer >= SMALLEST_MSS, peer.saturating_sub(TIMESTAMPS_LEN), Self::Mss),
        ];
        tries
            .into_iter()
            .find(|&(applies, unit, _)| applies && window.is_multiple_of(unit))
            .map_or(Self::Bytes(window), |(_, unit, kind)| kind(window / unit))
    }
}

impl fmt::Display for Window {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bytes(bytes) => write!(f, "{bytes}"),
            Self::Mss(times) => write!(f, "mss*{times}"),
            Self::Mtu(times) => write!(f, "mtu*{times}"),
        }
    }
}
