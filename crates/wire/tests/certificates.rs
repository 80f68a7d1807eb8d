//! Certificates made here are read as they were made.
#![cfg(feature = "certificates")]
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use std::net::IpAddr;

use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, IsCa, Issuer, KeyPair, PKCS_ECDSA_P256_SHA256,
    PKCS_ED25519, SanType, date_time_ymd,
};
use wire::tls::certificate::{Certificate, chain};

fn params(cn: &str) -> CertificateParams {
    let mut params = CertificateParams::new(vec!["c2.test".to_owned()]).unwrap();
    params.not_before = date_time_ymd(2026, 1, 1);
    params.not_after = date_time_ymd(2026, 4, 1);
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CountryName, "DE");
    params.distinguished_name.push(DnType::OrganizationName, "Evil, Inc.");
    params.distinguished_name.push(DnType::CommonName, cn);
    params
}

#[test]
fn a_self_signed_certificate_is_read_as_it_was_made() {
    let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).unwrap();
    let mut params = params("c2.test");
    let six: IpAddr = "2001:db8::7".parse().unwrap();
    params
        .subject_alt_names
        .push(SanType::IpAddress("192.0.2.7".parse().unwrap()));
    params.subject_alt_names.push(SanType::IpAddress(six));
    params
        .subject_alt_names
        .push(SanType::URI("https://c2.test/x".try_into().unwrap()));
    let made = params.self_signed(&key).unwrap();
    let read = Certificate::read(made.der()).unwrap();
    assert_eq!(read.subject, "CN=c2.test,O=Evil\\, Inc.,C=DE");
    assert_eq!(
        (read.subject_cn.as_deref(), &read.issuer),
        (Some("c2.test"), &read.subject)
    );
    assert!(read.self_signed);
    assert_eq!(read.sans, ["c2.test", "192.0.2.7", "2001:db8::7", "https://c2.test/x"]);
    assert_eq!((read.not_before, read.validity_days()), (1_767_225_600, 90));
    assert_eq!((read.key_type.as_str(), read.key_bits), ("EC", 256));
    assert_eq!(read.signature_algorithm, "ecdsa-with-SHA256");
    assert_eq!((read.sha256.len(), read.key_sha256.len()), (64, 64));
}

#[test]
fn a_forged_self_signature_and_another_issuer_are_told_apart_from_a_true_one() {
    let (own, other) = (
        KeyPair::generate_for(&PKCS_ED25519).unwrap(),
        KeyPair::generate().unwrap(),
    );
    let mut authority = params("c2.test");
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let forged = params("c2.test")
        .signed_by(&own, &Issuer::from_params(&authority, &other))
        .unwrap();
    let read = Certificate::read(forged.der()).unwrap();
    assert_eq!((read.issuer == read.subject, read.self_signed), (true, false));
    assert_eq!((read.key_type.as_str(), read.key_bits), ("Ed25519", 256));

    let issuer = params("Other CA");
    let issued = params("c2.test")
        .signed_by(&own, &Issuer::from_params(&issuer, &other))
        .unwrap();
    let read = Certificate::read(issued.der()).unwrap();
    assert_eq!((read.issuer_cn.as_deref(), read.self_signed), (Some("Other CA"), false));
}

#[test]
fn a_chain_is_read_out_of_its_message_and_no_cut_of_it_does_harm() {
    let key = KeyPair::generate().unwrap();
    let der = params("a").self_signed(&key).unwrap().der().to_vec();
    let length = |n: usize| [0, (n >> 8) as u8, n as u8];
    let one = [&length(der.len())[..], &der].concat();
    let body = [&length(2 * one.len())[..], &one, &one].concat();
    assert!(chain(&body).eq([&der[..], &der]));
    for cut in 0..der.len() {
        assert!(chain(&body[..cut]).count() == 0);
        Certificate::read(&der[..cut]);
        let mut changed = der.clone();
        changed[cut] ^= 0xff;
        Certificate::read(&changed);
    }
}
