//! Points in time. What an address sees changes by its own doing alone, so the names of indices are all one is.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE;

use super::call::Call;
use super::json::{Json, object};
use super::reply::{Answer, Refusal, Reply};
use super::store::Store;

/// How every name of such a point begins, in bytes.
const HEAD: [u8; 4] = [0xe3, 0xa4, 0xe8, 0x03];

/// `/indices/_pit`
pub(super) fn open(store: &Store, call: &Call<'_>, names: &str) -> Answer {
    if call.param("keep_alive").is_none() {
        let reason = "Validation Failed: 1: [keep_alive] is not specified;";
        return Err(Refusal::new(400, "action_request_validation_exception", reason));
    }
    store.named(names)?;
    let id = URL_SAFE.encode([&HEAD, names.as_bytes()].concat());
    Ok(Reply::json(object! {"id": id}))
}

pub(super) fn close(call: &Call<'_>) -> Answer {
    let body = call.json()?.unwrap_or_else(Json::empty);
    let Some(id) = body.get("id") else {
        let reason = "Required [id]";
        return Err(Refusal::argument(reason));
    };
    names(&id.bare())?;
    Ok(Reply::json(object! {"succeeded": true, "num_freed": 1}))
}

/// The indices a search is over, and the name of the point it is made at, when it is made at one.
pub(super) fn of<'a>(body: &'a Json, asked: &str) -> Result<Option<(String, &'a Json)>, Refusal> {
    let Some(id) = body.get("pit").and_then(|pit| pit.get("id")) else {
        return Ok(None);
    };
    if !asked.is_empty() {
        let reason = "Validation Failed: 1: [indices] cannot be used with point in time;";
        return Err(Refusal::new(400, "action_request_validation_exception", reason));
    }
    Ok(Some((names(&id.bare())?, id)))
}

fn names(id: &str) -> Result<String, Refusal> {
    let bytes = URL_SAFE.decode(id).unwrap_or_default();
    let names = bytes
        .strip_prefix(&HEAD)
        .and_then(|names| std::str::from_utf8(names).ok());
    names
        .map(str::to_owned)
        .ok_or_else(|| Refusal::argument("invalid id: [".to_owned() + id + "]"))
}
