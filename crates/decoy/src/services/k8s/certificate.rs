//! The certificate the server shows, and that of the authority which signed it, as kubeadm makes both.

use openssl::asn1::{Asn1Integer, Asn1Time};
use openssl::bn::{BigNum, BigNumContext};
use openssl::error::ErrorStack;
use openssl::hash::MessageDigest;
use openssl::pkey::{PKey, Private};
use openssl::rsa::Rsa;
use openssl::sha::sha256;
use openssl::x509::extension::{
    AuthorityKeyIdentifier, BasicConstraints, ExtendedKeyUsage, KeyUsage, SubjectAlternativeName, SubjectKeyIdentifier,
};
use openssl::x509::{X509, X509Builder, X509NameBuilder};

use super::persona::Persona;

/// A certificate of kubeadm's is good for a year, its authority for ten.
const YEAR_S: i64 = 365 * 86_400;
/// Bytes of each prime of the authority's key, which is of 2048 bits.
const PRIME: usize = 128;
const EXPONENT: u32 = 65_537;

/// The server's certificate as kubeadm makes it, and the authority's, both PEM. `key` and the dates are the machine's own;
/// the authority's key is its own, and the same for the same draw.
pub(super) fn certificates(
    persona: &Persona,
    cert: &str,
    key: &str,
    draw: &[u8; 32],
) -> Result<(String, String), String> {
    make(persona, cert, key, draw).map_err(|error| format!("certificate or key: {error}"))
}

fn make(persona: &Persona, cert: &str, key: &str, draw: &[u8; 32]) -> Result<(String, String), ErrorStack> {
    let key = PKey::private_key_from_pem(key.as_bytes())?;
    let made = X509::from_pem(cert.as_bytes())?;
    let epoch = Asn1Time::from_unix(0)?;
    let since = epoch.diff(made.not_before())?;
    let start = i64::from(since.days) * 86_400 + i64::from(since.secs);
    let signer = authority_key(draw)?;
    let authority = {
        let dates = (start, start + 10 * YEAR_S);
        let mut builder = begin("kubernetes", "kubernetes", &signer, dates, &[0])?;
        builder.append_extension(
            KeyUsage::new()
                .critical()
                .digital_signature()
                .key_encipherment()
                .key_cert_sign()
                .build()?,
        )?;
        builder.append_extension(BasicConstraints::new().critical().ca().build()?)?;
        let identifier = SubjectKeyIdentifier::new().build(&builder.x509v3_context(None, None))?;
        builder.append_extension(identifier)?;
        let names = SubjectAlternativeName::new()
            .dns("kubernetes")
            .build(&builder.x509v3_context(None, None))?;
        builder.append_extension(names)?;
        builder.sign(&signer, MessageDigest::sha256())?;
        builder.build()
    };
    let mut builder = begin(
        "kube-apiserver",
        "kubernetes",
        &key,
        (start, start + YEAR_S),
        &draw[..8],
    )?;
    builder.append_extension(
        KeyUsage::new()
            .critical()
            .digital_signature()
            .key_encipherment()
            .build()?,
    )?;
    builder.append_extension(ExtendedKeyUsage::new().server_auth().build()?)?;
    builder.append_extension(BasicConstraints::new().critical().build()?)?;
    let identifier = AuthorityKeyIdentifier::new()
        .keyid(false)
        .build(&builder.x509v3_context(Some(&authority), None))?;
    builder.append_extension(identifier)?;
    let mut names = SubjectAlternativeName::new();
    for name in [
        "kubernetes",
        "kubernetes.default",
        "kubernetes.default.svc",
        "kubernetes.default.svc.cluster.local",
        &persona.hostname,
    ] {
        names.dns(name);
    }
    let names = names
        .ip("10.96.0.1")
        .ip(&persona.address(0))
        .build(&builder.x509v3_context(None, None))?;
    builder.append_extension(names)?;
    builder.sign(&signer, MessageDigest::sha256())?;
    let text = |certificate: &X509| {
        certificate
            .to_pem()
            .map(|pem| String::from_utf8_lossy(&pem).into_owned())
    };
    Ok((text(&builder.build())?, text(&authority)?))
}

fn begin(
    subject: &str,
    issuer: &str,
    key: &PKey<Private>,
    (from, to): (i64, i64),
    serial: &[u8],
) -> Result<X509Builder, ErrorStack> {
    let name = |text: &str| {
        let mut name = X509NameBuilder::new()?;
        name.append_entry_by_text("CN", text)?;
        Ok::<_, ErrorStack>(name.build())
    };
    let mut serial = serial.to_vec();
    serial[0] &= 0x7f;
    let mut builder = X509Builder::new()?;
    builder.set_version(2)?;
    let number = BigNum::from_slice(&serial)?;
    let number = Asn1Integer::from_bn(&number)?;
    builder.set_serial_number(&number)?;
    let (subject, issuer) = (name(subject)?, name(issuer)?);
    builder.set_subject_name(&subject)?;
    builder.set_issuer_name(&issuer)?;
    let (from, to) = (Asn1Time::from_unix(from)?, Asn1Time::from_unix(to)?);
    builder.set_not_before(&from)?;
    builder.set_not_after(&to)?;
    builder.set_pubkey(key)?;
    Ok(builder)
}

fn authority_key(draw: &[u8; 32]) -> Result<PKey<Private>, ErrorStack> {
    let mut cx = BigNumContext::new()?;
    let (one, two) = (prime(draw, 1, &mut cx)?, prime(draw, 2, &mut cx)?);
    let (p, q) = if one > two { (one, two) } else { (two, one) };
    let (p_less, q_less) = (&p - &*BigNum::from_u32(1)?, &q - &*BigNum::from_u32(1)?);
    let exponent = BigNum::from_u32(EXPONENT)?;
    let mut private = BigNum::new()?;
    private.mod_inverse(&exponent, &(&p_less * &q_less), &mut cx)?;
    let mut inverse = BigNum::new()?;
    inverse.mod_inverse(&q, &p, &mut cx)?;
    let (of_p, of_q) = (&private % &p_less, &private % &q_less);
    let rsa = Rsa::from_private_components(&p * &q, exponent, private, p, q, of_p, of_q, inverse)?;
    PKey::from_rsa(rsa)
}

/// The first prime from a drawn number on that the exponent goes with.
fn prime(draw: &[u8; 32], which: u8, cx: &mut BigNumContext) -> Result<BigNum, ErrorStack> {
    let mut bytes = Vec::with_capacity(PRIME);
    for part in 0..(PRIME / 32) as u8 {
        bytes.extend(sha256(&[&draw[..], &[which, part]].concat()));
    }
    // So that the product has all its bits.
    bytes[0] |= 0xc0;
    bytes[PRIME - 1] |= 1;
    let mut number = BigNum::from_slice(&bytes)?;
    while number.mod_word(EXPONENT)? == 1 || !number.is_prime_fasttest(0, cx, true)? {
        number.add_word(2)?;
    }
    Ok(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_authority_has_a_key_of_its_own_which_stays_the_same() {
        let key = authority_key(&[7; 32]).unwrap();
        assert_eq!(key.bits(), 2048);
        assert!(key.rsa().unwrap().check_key().unwrap());
        assert!(key.public_eq(&authority_key(&[7; 32]).unwrap()));
        assert!(!key.public_eq(&authority_key(&[8; 32]).unwrap()));
    }
}
