//! Certificates as a fresh install of the distro makes them for itself.

use rcgen::{
    Certificate, CertificateParams, CustomExtension, DistinguishedName, DnType, DnValue, Error, Issuer, KeyPair,
    PKCS_RSA_SHA256, SerialNumber,
};
use sha1::{Digest, Sha1};
use time::{Duration, OffsetDateTime};

use super::der;
use crate::catalogue::CertificateStyle;
use crate::draw::{Seed, Stream};

/// pkcs-9 emailAddress.
const EMAIL: &[u64] = &[1, 2, 840, 113_549, 1, 9, 1];
const TEN_YEARS: i64 = 3650;
const ONE_YEAR: i64 = 365;

/// PEM of the chain for a key in PKCS#8 PEM, made out to `name`, begun some months before `now`.
pub(super) fn issue(
    style: CertificateStyle,
    name: &str,
    key: &str,
    seed: &Seed,
    now: OffsetDateTime,
) -> Result<String, Error> {
    let key = rsa(key)?;
    let mut stream = seed.stream("certificate");
    match style {
        CertificateStyle::Snakeoil => {
            let mut params = begun(now, 700, TEN_YEARS, &mut stream);
            params.distinguished_name = subject(&[(DnType::CommonName, name)], None);
            let id = key_id(&key);
            params.custom_extensions = extensions([
                (der::BASIC_CONSTRAINTS, der::basic_constraints(false)),
                (der::SUBJECT_ALT_NAME, der::dns(name)),
                (der::SUBJECT_KEY_ID, der::key_id(&id)),
            ]);
            Ok(params.self_signed(&key)?.pem())
        }
        CertificateStyle::Openssl => {
            let mut params = begun(now, 300, ONE_YEAR, &mut stream);
            let parts = [
                (DnType::CountryName, "AU"),
                (DnType::StateOrProvinceName, "Some-State"),
                (DnType::OrganizationName, "Internet Widgits Pty Ltd"),
                (DnType::CommonName, name),
            ];
            params.distinguished_name = subject(&parts, None);
            params.custom_extensions = authority_extensions(&key);
            Ok(params.self_signed(&key)?.pem())
        }
        CertificateStyle::ModSsl => {
            let mut params = begun(now, 300, ONE_YEAR, &mut stream);
            let parts = [
                (DnType::CountryName, "--"),
                (DnType::StateOrProvinceName, "SomeState"),
                (DnType::LocalityName, "SomeCity"),
                (DnType::OrganizationName, "SomeOrganization"),
                (DnType::OrganizationalUnitName, "SomeOrganizationalUnit"),
                (DnType::CommonName, name),
            ];
            params.distinguished_name = subject(&parts, Some(name));
            // The package's script numbers with bash's $RANDOM.
            params.serial_number = Some(SerialNumber::from_slice(
                &(stream.between(128, 32_767) as u16).to_be_bytes(),
            ));
            params.custom_extensions = authority_extensions(&key);
            Ok(params.self_signed(&key)?.pem())
        }
        CertificateStyle::Sscg => sscg(name, &key, seed, now, &mut stream),
    }
}

/// A leaf and the authority made for it alone, whose key nobody kept.
fn sscg(name: &str, key: &KeyPair, seed: &Seed, now: OffsetDateTime, stream: &mut Stream) -> Result<String, Error> {
    let ca_key = rsa(&super::rsa_pem(seed, "keys/tls_ca").map_err(|_| Error::KeyGenerationUnavailable)?)?;
    let unit = format!("ca-{}", stream.between(1_000_000_000, u64::from(u32::MAX)));
    let mut authority = begun(now, 300, ONE_YEAR, stream);
    let mut leaf = begun(now, 300, ONE_YEAR, stream);
    (leaf.not_before, leaf.not_after) = (authority.not_before, authority.not_after);
    let parts = |unit: Option<&str>| {
        let mut parts = vec![(DnType::CountryName, "US"), (DnType::OrganizationName, "Unspecified")];
        parts.extend(unit.map(|unit| (DnType::OrganizationalUnitName, unit)));
        parts.push((DnType::CommonName, name));
        subject(&parts, Some(name))
    };
    authority.distinguished_name = parts(Some(&unit));
    authority.custom_extensions = extensions([
        (der::BASIC_CONSTRAINTS, der::basic_constraints(true)),
        (der::KEY_USAGE, der::ca_usage()),
        (der::NAME_CONSTRAINTS, der::permitted_dns(name)),
    ]);
    leaf.distinguished_name = parts(None);
    leaf.custom_extensions = extensions([
        (der::BASIC_CONSTRAINTS, der::basic_constraints(false)),
        (der::KEY_USAGE, der::server_usage()),
        (der::EXTENDED_KEY_USAGE, der::server_auth()),
        (der::SUBJECT_ALT_NAME, der::dns(name)),
    ]);
    let root: Certificate = authority.self_signed(&ca_key)?;
    let leaf = leaf.signed_by(key, &Issuer::from_params(&authority, &ca_key))?;
    Ok(leaf.pem() + &root.pem())
}

/// Valid for so many days from some time in the last `back` days, with a random serial number.
fn begun(now: OffsetDateTime, back: u64, days: i64, stream: &mut Stream) -> CertificateParams {
    const DAY: u64 = 86_400;
    let age = Duration::seconds(stream.between(5 * DAY, back * DAY).cast_signed());
    let start = (now - age).replace_nanosecond(0).unwrap_or(now);
    let mut serial = stream.bytes::<20>();
    // Positive, and of full length.
    serial[0] = serial[0] & 0x3f | 0x40;
    let mut params = CertificateParams::default();
    (params.not_before, params.not_after) = (start, start + Duration::days(days));
    params.serial_number = Some(SerialNumber::from_slice(&serial));
    params
}

fn subject(parts: &[(DnType, &str)], mail_at: Option<&str>) -> DistinguishedName {
    let mut name = DistinguishedName::new();
    for (kind, text) in parts {
        let printable = (*kind == DnType::CountryName)
            .then(|| (*text).try_into().ok())
            .flatten();
        let value = printable.map_or_else(|| DnValue::Utf8String((*text).to_owned()), DnValue::PrintableString);
        name.push(kind.clone(), value);
    }
    if let Some(Ok(mail)) = mail_at.map(|host| format!("root@{host}").try_into()) {
        name.push(DnType::from_oid(EMAIL), DnValue::Ia5String(mail));
    }
    name
}

/// What OpenSSL's own `v3_ca` section puts in.
fn authority_extensions(key: &KeyPair) -> Vec<CustomExtension> {
    let id = key_id(key);
    extensions([
        (der::SUBJECT_KEY_ID, der::key_id(&id)),
        (der::AUTHORITY_KEY_ID, der::authority(&id)),
        (der::BASIC_CONSTRAINTS, der::basic_constraints(true)),
    ])
}

fn extensions<const N: usize>(bodies: [(&[u64], Vec<u8>); N]) -> Vec<CustomExtension> {
    bodies
        .into_iter()
        .map(|(oid, body)| CustomExtension::from_oid_content(oid, body))
        .collect()
}

fn key_id(key: &KeyPair) -> Vec<u8> {
    Sha1::digest(key.public_key_raw()).to_vec()
}

fn rsa(pem: &str) -> Result<KeyPair, Error> {
    KeyPair::from_pkcs8_pem_and_sign_algo(pem, &PKCS_RSA_SHA256)
}
