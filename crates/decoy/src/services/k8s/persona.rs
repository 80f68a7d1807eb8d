//! Which release it is, how it lets strangers in, and the certificate it shows.

use std::net::IpAddr;

use model::machine::ServiceSpec;
use openssl::asn1::{Asn1Integer, Asn1Time};
use openssl::bn::BigNum;
use openssl::error::ErrorStack;
use openssl::hash::MessageDigest;
use openssl::pkey::PKey;
use openssl::x509::extension::{
    AuthorityKeyIdentifier, BasicConstraints, ExtendedKeyUsage, KeyUsage, SubjectAlternativeName, SubjectKeyIdentifier,
};
use openssl::x509::{X509, X509Builder, X509NameBuilder};

use crate::machine::Machine;

/// A certificate of kubeadm's is good for a year, its authority for ten.
const YEAR_S: i64 = 365 * 86_400;

#[derive(Clone, Debug)]
pub(super) struct Persona {
    /// `v1.25.4`.
    pub version: String,
    pub commit: String,
    pub built: String,
    pub go: String,
    pub hostname: String,
    pub os: String,
    pub kernel: String,
    /// Whoever shows nothing may do everything.
    pub anonymous_is_admin: bool,
    /// Whoever shows nothing is not even looked at.
    pub anonymous_is_off: bool,
    /// PEM of who signed the certificate.
    pub authority: String,
    first_address: [u8; 3],
    host: u8,
}

// === impl Persona ===

impl Persona {
    pub(super) fn of(machine: &Machine, spec: &ServiceSpec) -> Result<Self, String> {
        let text = |key: &str, default: &str| spec.text(key).unwrap_or(default).to_owned();
        let anonymous = text("anonymous", "admin");
        if !["admin", "none", "off"].contains(&anonymous.as_str()) {
            return Err(format!("anonymous is {anonymous:?}; it can be admin, none or off"));
        }
        let draw = machine.draw("k8s/network");
        let release = std::fs::read_to_string(machine.path("/etc/os-release")).unwrap_or_default();
        let os = release.lines().find_map(|line| line.strip_prefix("PRETTY_NAME="));
        Ok(Self {
            version: text("version", "v1.25.4"),
            commit: text("commit", "872a965c6c6526caa949f0c6ac028ef7aff3fb78"),
            built: text("built", "2022-11-09T13:29:58Z"),
            go: text("go", "go1.19.3"),
            hostname: machine.hostname().to_owned(),
            os: os.map_or_else(
                || "Debian GNU/Linux 12 (bookworm)".to_owned(),
                |os| os.trim_matches('"').to_owned(),
            ),
            kernel: nix::sys::utsname::uname().map_or_else(
                |_| "6.1.0-28-amd64".to_owned(),
                |name| name.release().to_string_lossy().into_owned(),
            ),
            anonymous_is_admin: anonymous == "admin",
            anonymous_is_off: anonymous == "off",
            authority: String::new(),
            first_address: [10, 10 + draw[0] % 200, draw[1]],
            host: 10 + draw[2] % 100,
        })
    }

    /// Of the cluster's nodes, the first being the machine.
    pub(super) fn address(&self, node: usize) -> String {
        let [a, b, c] = self.first_address;
        format!("{a}.{b}.{c}.{}", usize::from(self.host) + node)
    }
}

/// The server's certificate as kubeadm makes it, and the authority's, both PEM. `key` and the dates are the machine's own.
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
    let authority = {
        let mut builder = begin(
            "kubernetes",
            "kubernetes",
            &key,
            (start, start + 10 * YEAR_S),
            &draw[8..9],
        )?;
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
        builder.sign(&key, MessageDigest::sha256())?;
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
    builder.sign(&key, MessageDigest::sha256())?;
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
    key: &PKey<openssl::pkey::Private>,
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

/// As the API names the address it was reached at.
pub(super) fn server_address(ip: Option<IpAddr>) -> String {
    ip.map_or_else(|| "10.96.0.1:6443".to_owned(), |ip| format!("{ip}:6443"))
}
