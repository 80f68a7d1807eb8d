//! What may be put in force.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as B64;
use model::machine::MachineSpec;

#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum SpecError {
    #[error("the boot spec is not base64: {0}")]
    Base64(String),
    #[error("the boot spec is not understood: {0}")]
    Json(String),
    #[error("the seed has {0} hex digits and not 64")]
    Seed(usize),
    #[error("`{0}` cannot be a host name")]
    Hostname(String),
    #[error("`{0}` cannot be the name of a user")]
    User(String),
    #[error("there is no service `{0}`")]
    UnknownService(String),
    #[error("service `{0}` is there twice")]
    TwiceService(String),
    #[error("services `{0}` and `{1}` both want port {2}")]
    Port(String, String, u16),
}

/// Reads a boot spec: base64 of the JSON of a `MachineSpec`, and checks it.
pub fn read_spec(text: &str) -> Result<MachineSpec, SpecError> {
    let json = B64
        .decode(text.trim())
        .map_err(|error| SpecError::Base64(error.to_string()))?;
    let spec = serde_json::from_slice(&json).map_err(|error| SpecError::Json(error.to_string()))?;
    check(&spec).map(|()| spec)
}

/// Whether a machine can be what the spec says.
pub fn check(spec: &MachineSpec) -> Result<(), SpecError> {
    if spec.seed.len() != 64 || hex::decode(&spec.seed).is_err() {
        return Err(SpecError::Seed(spec.seed.len()));
    }
    if !is_label(&spec.hostname, b".-") {
        return Err(SpecError::Hostname(spec.hostname.clone()));
    }
    if let Some(user) = spec.users.iter().find(|user| !is_label(&user.name, b"._-")) {
        return Err(SpecError::User(user.name.clone()));
    }
    for (index, service) in spec.services.iter().enumerate() {
        if crate::services::entry(&service.slug).is_none() {
            return Err(SpecError::UnknownService(service.slug.clone()));
        }
        for other in &spec.services[..index] {
            if other.slug == service.slug {
                return Err(SpecError::TwiceService(service.slug.clone()));
            }
            let same = |port: &&model::machine::Port| {
                other
                    .ports
                    .iter()
                    .any(|taken| (taken.port, taken.proto) == (port.port, port.proto))
            };
            if let Some(port) = service.ports.iter().find(same) {
                return Err(SpecError::Port(other.slug.clone(), service.slug.clone(), port.port));
            }
        }
    }
    Ok(())
}

/// Whether the services that run can go on under the other spec: only what they do not see differs.
pub(super) fn is_same_machine(one: &MachineSpec, other: &MachineSpec) -> bool {
    let seen = |spec: &MachineSpec| {
        let MachineSpec {
            hostname,
            domain,
            distro,
            seed,
            users,
            keys,
            ..
        } = spec.clone();
        (hostname, domain, distro, seed, users, keys)
    };
    seen(one) == seen(other)
}

/// Nothing that could end a field or a line of the files it is written to.
fn is_label(text: &str, also: &[u8]) -> bool {
    let inner = text.bytes().all(|b| b.is_ascii_alphanumeric() || also.contains(&b));
    inner && text.len() <= 64 && text.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '_')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spec() -> MachineSpec {
        serde_json::from_value(serde_json::json!({
            "generation": 1, "hostname": "web-03", "distro": "debian", "seed": "ab".repeat(32),
            "users": [], "keys": {}, "services": [],
        }))
        .unwrap()
    }

    #[test]
    fn a_boot_spec_is_read_from_base64_json() {
        let text = B64.encode(serde_json::to_vec(&spec()).unwrap());
        assert_eq!(read_spec(&format!("{text}\n")).unwrap(), spec());
        assert!(matches!(read_spec("%"), Err(SpecError::Base64(_))));
        assert!(matches!(read_spec(&B64.encode("{}")), Err(SpecError::Json(_))));
    }

    #[test]
    fn a_spec_no_machine_can_be_is_refused_by_name() {
        let bad = |change: fn(&mut MachineSpec)| {
            let mut spec = spec();
            change(&mut spec);
            check(&spec).unwrap_err().to_string()
        };
        assert_eq!(bad(|s| s.seed = "ab".into()), "the seed has 2 hex digits and not 64");
        assert_eq!(bad(|s| s.hostname = "a\nb".into()), "`a\nb` cannot be a host name");
        assert_eq!(
            bad(|s| s.services = vec![serde_json::from_str(r#"{"slug":"gopher","ports":[]}"#).unwrap()]),
            "there is no service `gopher`"
        );
        assert_eq!(
            bad(|s| s.users = vec![serde_json::from_str(r#"{"name":"a:b","password":"","uid":7}"#).unwrap()]),
            "`a:b` cannot be the name of a user"
        );
    }
}
