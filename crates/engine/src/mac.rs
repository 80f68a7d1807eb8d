//! A container's MAC address on engines below API 1.44.
//!
//! There the endpoint's `MacAddress` is ignored and only the container's counts, a field the client's types no longer
//! have. So the body of a create call is rewritten on its way out: the label [`labels::MAC`] becomes `MacAddress`.

use bollard::BollardRequest;
use bytes::Bytes;
use futures_util::FutureExt as _;
use http_body_util::{BodyExt as _, Either, Full};
use serde_json::{Value, json};

use crate::labels;

/// To be set as the client's request modifier.
pub(crate) fn modifier(request: BollardRequest) -> BollardRequest {
    if request.method().as_str() != "POST" || !request.uri().path().ends_with("/containers/create") {
        return request;
    }
    let (mut parts, body) = request.into_parts();
    // The body of a create call is in memory, so it is there at once.
    let Some(Ok(body)) = body.collect().now_or_never() else {
        return BollardRequest::from_parts(parts, Either::Left(Full::new(Bytes::new())));
    };
    let body = body.to_bytes();
    let body = with_mac(&body).map_or(body, Bytes::from);
    parts.headers.remove("content-length");
    BollardRequest::from_parts(parts, Either::Left(Full::new(body)))
}

fn with_mac(body: &[u8]) -> Option<Vec<u8>> {
    let mut create: Value = serde_json::from_slice(body).ok()?;
    let mac = create.get("Labels")?.get(labels::MAC)?.as_str()?.to_owned();
    create["MacAddress"] = json!(mac);
    serde_json::to_vec(&create).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_label_becomes_the_address_and_a_body_without_it_stays() {
        let body = br#"{"Image":"a","Labels":{"decnet.mac":"f8:bc:12:00:00:01"}}"#;
        let changed: Value = serde_json::from_slice(&with_mac(body).unwrap()).unwrap();
        assert_eq!(changed["MacAddress"], "f8:bc:12:00:00:01");
        assert_eq!(changed["Image"], "a");
        assert_eq!(with_mac(br#"{"Image":"a"}"#), None);
        assert_eq!(with_mac(b"not json"), None);
    }
}
