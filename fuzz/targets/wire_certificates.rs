//! Certificates off the wire.
#![cfg_attr(feature = "libfuzzer", no_main)]

use wire::tls::certificate::{Certificate, chain};

fuzz::target!(run);

fn run(data: &[u8]) {
    for der in chain(data).chain([data]) {
        if let Some(certificate) = Certificate::read(der) {
            certificate.validity_days();
        }
    }
}
