use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("{0} can be reached from other hosts; the API listens on loopback only, put a proxy with TLS before it")]
    NotLoopback(SocketAddr),
    #[error("cannot listen on {address}: {source}")]
    Listen { address: SocketAddr, source: io::Error },
    #[error("the API stopped: {0}")]
    Serve(io::Error),
    #[error("cannot use {} as the API's token: {source}", path.display())]
    Token { path: PathBuf, source: io::Error },
    #[error("{} is no token of the API: it must hold 64 hex digits; remove it to have a new one made", .0.display())]
    NoToken(PathBuf),
}
