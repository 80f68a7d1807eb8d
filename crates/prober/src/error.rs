/// Why there can be no probing.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("cannot open raw sockets: {0} (root or CAP_NET_RAW is needed)")]
    Raw(std::io::Error),
    #[error("cannot list this host's own addresses: {0}")]
    Own(std::io::Error),
    #[error("no probe is called `{given}`; there are: {all}")]
    Unknown { given: String, all: String },
    #[error("`{given}` for the ports of `{probe}` is no list of ports")]
    Ports { probe: String, given: String },
    #[error(transparent)]
    Store(#[from] store::Error),
}
