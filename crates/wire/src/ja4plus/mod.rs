//! The other members of the JA4+ family: JA4S, JA4H, JA4X, JA4SSH, JA4T and JA4L.
//!
//! These methods are FoxIO's, under the **FoxIO License 1.1** (patent pending,
//! <https://github.com/FoxIO-LLC/ja4/blob/main/LICENSE>): no commercial use, and no offering as a service, without
//! a licence from FoxIO. Therefore all of this is behind the cargo feature `ja4plus`, which is off by default; nothing
//! else needs it. JA4 of clients (module [`crate::ja4`]) is under the BSD licence and not part of this.

mod http;
mod shell;

use std::fmt::Write as _;
use std::time::Duration;

pub use http::{Request, ja4h};
pub use shell::{Ja4Ssh, WINDOW};

use crate::ja4::{Transport, alpn_mark, hash, push_count, push_list, version_mark};
use crate::tls::{ServerHello, is_grease};

/// JA4S of a server's hello.
pub fn ja4s(hello: &ServerHello<'_>, transport: Transport) -> String {
    let kinds: Vec<u16> = hello
        .extensions
        .iter()
        .map(|(kind, _)| kind)
        .filter(|kind| !is_grease(*kind))
        .collect();
    let mut text = String::with_capacity(25);
    text.push(transport.letter());
    text.push_str(version_mark(hello.version()));
    push_count(&mut text, kinds.len());
    text.extend(alpn_mark(hello.alpn().unwrap_or_default()));
    let _ = write!(text, "_{:04x}_", hello.cipher);
    let mut list = String::with_capacity(kinds.len() * 5);
    push_list(&mut list, kinds.into_iter());
    text.push_str(&hash(&list));
    text
}

/// JA4X of a certificate in DER: which parts its names have, and which extensions.
#[cfg(feature = "certificates")]
pub fn ja4x(der: &[u8]) -> Option<String> {
    use x509_parser::prelude::{FromDer, X509Certificate};
    use x509_parser::x509::X509Name;

    let (_, certificate) = X509Certificate::from_der(der).ok()?;
    let joined = |kinds: Vec<String>| hash(&kinds.join(","));
    let of_name = |name: &X509Name<'_>| {
        let attributes = name.iter_attributes();
        joined(
            attributes
                .map(|one| crate::digest::hex(one.attr_type().as_bytes()))
                .collect(),
        )
    };
    let (issuer, subject) = (of_name(certificate.issuer()), of_name(certificate.subject()));
    let extensions = certificate.iter_extensions();
    let extensions = joined(extensions.map(|one| crate::digest::hex(one.oid.as_bytes())).collect());
    Some(format!("{issuer}_{subject}_{extensions}"))
}

/// JA4T of a SYN, JA4TS of its answer: window, kinds of options in order, MSS and window scale; `00` for what is not
/// there.
pub fn ja4t(window: u16, option_kinds: &[u8], mss: Option<u16>, scale: Option<u8>) -> String {
    let mut text = format!("{window}_");
    for (at, kind) in option_kinds.iter().enumerate() {
        let dash = if at == 0 { "" } else { "-" };
        let _ = write!(text, "{dash}{kind}");
    }
    if option_kinds.is_empty() {
        text.push_str("00");
    }
    for value in [mss, scale.map(u16::from)] {
        match value {
            Some(value) => {
                let _ = write!(text, "_{value}");
            }
            None => text.push_str("_00"),
        }
    }
    text
}

/// JA4L: half a round trip in microseconds and the TTL seen. Of a client the round trip is from SYN-ACK to ACK, of
/// a server from SYN to SYN-ACK.
pub fn ja4l(round_trip: Duration, ttl: u8) -> String {
    format!("{}_{ttl}", round_trip.as_micros() / 2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_servers_hello_has_the_published_ja4s() {
        let hello = |extensions: &[u8]| {
            let mut body = vec![3, 3];
            body.extend([7; 32]);
            body.extend([0, 0x13, 1, 0, 0, extensions.len() as u8]);
            body.extend(extensions);
            ja4s(&ServerHello::parse(&body).unwrap(), Transport::Tcp)
        };
        assert_eq!(
            hello(&[0, 0x2b, 0, 2, 3, 4, 0, 0x33, 0, 0]),
            "t130200_1301_a56c5b993250"
        );
        assert!(hello(&[0, 0x33, 0, 0, 0, 0x2b, 0, 2, 3, 4]).ends_with("_234ea6891581"));
        assert!(hello(&[0xff, 1, 0, 0, 0, 0x0b, 0, 0, 0, 0x23, 0, 0]).ends_with("_bec8bdbaef8a"));
        assert!(hello(&[0xff, 1, 0, 0]).starts_with("t120100_1301_bc98f8e001b5"));
    }

    #[test]
    fn a_syn_is_written_as_others_write_it() {
        assert_eq!(
            ja4t(64240, &[2, 4, 8, 1, 3], Some(1460), Some(7)),
            "64240_2-4-8-1-3_1460_7"
        );
        assert_eq!(
            ja4t(64240, &[2, 1, 3, 1, 1, 4], Some(1460), Some(8)),
            "64240_2-1-3-1-1-4_1460_8"
        );
        assert_eq!(ja4t(1024, &[], None, None), "1024_00_00_00");
    }

    #[test]
    fn latency_is_half_a_round_trip() {
        assert_eq!(ja4l(Duration::from_micros(2_443), 57), "1221_57");
    }

    #[cfg(feature = "certificates")]
    #[test]
    fn a_certificate_is_told_by_the_parts_it_is_made_of() {
        let key = rcgen::KeyPair::generate().unwrap();
        let mut params = rcgen::CertificateParams::new(vec!["a.test".to_owned()]).unwrap();
        params.distinguished_name = rcgen::DistinguishedName::new();
        params.distinguished_name.push(rcgen::DnType::CommonName, "a.test");
        let made = params.self_signed(&key).unwrap();
        let found = ja4x(made.der()).unwrap();
        let parts: Vec<&str> = found.split('_').collect();
        // printf 550403 | sha256sum, and 551d11 for the names.
        assert_eq!(parts, [hash("550403"), hash("550403"), hash("551d11")]);
        assert_eq!(ja4x(b"no"), None);
    }
}
