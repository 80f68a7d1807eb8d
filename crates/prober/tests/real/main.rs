//! Probes of genuine servers, in network namespaces of their own. They need root, and the servers' Debian packages:
//! nginx-light apache2 openssh-server openssh-client dropbear-bin openssl nftables iproute2.
#![allow(clippy::unwrap_used)]

mod errors;
mod lab;
mod ssh;
mod stack;
mod tls;
mod worker;
