use std::path::PathBuf;

/// Why a log target cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("`{given}` is no log target: {reason}; give udp://host:port, tcp://host:port or tls://host:port")]
    Target { given: String, reason: &'static str },
    #[error("cannot read the certificate authority {path}: {reason}", path = .path.display())]
    Authority { path: PathBuf, reason: String },
    #[error("this system trusts no certificate authority: install ca-certificates or add `?ca=/path/to/ca.pem`")]
    NoAuthorities,
    #[error("TLS cannot be set up: {0}")]
    Tls(#[from] rustls::Error),
}
