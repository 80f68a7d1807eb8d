//! Names and passwords for registries, which a client hands the engine.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as B64;
use base64::engine::general_purpose::URL_SAFE;
use model::detail::{Login, Outcome};
use model::{Detail, Secret};
use serde_json::Value;

pub(super) use crate::services::golang::record::{Record, short, shorts};

/// As JSON.
pub(super) fn login(body: &[u8]) -> Record {
    let said: Value = serde_json::from_slice(body).unwrap_or_default();
    let login = Login {
        principal: said["username"].as_str().map(short),
        method: "registry".into(),
        secret: Secret::plaintext(said["password"].as_str().unwrap_or_default().as_bytes()),
        outcome: Outcome::Failure,
    };
    Record {
        kind: Login::KIND,
        fields: login.into_fields(),
    }
}

/// In a header, where there is a name in it.
pub(super) fn login_in(header: &str) -> Option<Record> {
    let bytes = URL_SAFE.decode(header).or_else(|_| B64.decode(header)).ok()?;
    let said: Value = serde_json::from_slice(&bytes).ok()?;
    said["username"].as_str().filter(|name| !name.is_empty())?;
    Some(login(&bytes))
}
