//! Names of marks, as they lie in the tables.

pub(crate) const STACK: &str = "stack";
pub(crate) const JA3: &str = "ja3";
pub(crate) const JA3S: &str = "ja3s";
pub(crate) const JA4: &str = "ja4";
pub(crate) const JA4S: &str = "ja4s";
pub(crate) const JA4H: &str = "ja4h";
pub(crate) const JA4_QUIC: &str = "ja4_quic";
pub(crate) const QUIC_TP: &str = "quic_tp";
pub(crate) const HASSH: &str = "hassh";
pub(crate) const SSH_BANNER: &str = "ssh_banner";
pub(crate) const KEX: &str = "kex";
pub(crate) const H2: &str = "h2";
pub(crate) const HTTP_ORDER: &str = "http_order";
pub(crate) const SCANNER: &str = "scanner";
pub(crate) const HOST_CHANGE: &str = "host_change";

pub(crate) const OS: &str = "os";
pub(crate) const OS_COARSE: &str = "os_coarse";
pub(crate) const TTL: &str = "ttl";
pub(crate) const HOPS: &str = "hops";
pub(crate) const IPID_CLASS: &str = "ipid_class";
pub(crate) const ISN_CLASS: &str = "isn_class";
pub(crate) const LINK_TYPE: &str = "link_type";

/// Marks of which it is kept where they were seen: those that tell one machine from another.
pub(crate) const HAS_PLACES: [&str; 15] = [
    STACK,
    JA3,
    JA3S,
    JA4,
    JA4S,
    JA4H,
    JA4_QUIC,
    QUIC_TP,
    HASSH,
    SSH_BANNER,
    KEX,
    H2,
    HTTP_ORDER,
    SCANNER,
    HOST_CHANGE,
];
