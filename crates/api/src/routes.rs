//! The table of routes, and what holds for all of them: who may, how much, of what kind.

use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, FromRequest, Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{MethodRouter, get, patch, post};
use serde_json::Value;
use uuid::Uuid;

use crate::pending::Pending;
use crate::problem::{Fault, Problem};
use crate::{Api, alerts, check, pending, traffic};

/// Bytes of a request's body.
const MAX_BODY: usize = 1 << 20;
const REQUEST_ID: &str = "x-request-id";

/// What handlers share.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) api: Arc<Api>,
    pub(crate) pending: Pending,
}

type Routes = [(&'static str, MethodRouter<Arc<Shared>>); 6];

pub(crate) fn router(api: Arc<Api>) -> Router {
    let routes: Routes = [
        ("/api/v1/check", post(check::check)),
        ("/api/v1/check/pending", get(pending::list)),
        ("/api/v1/check/{id}", patch(pending::decide)),
        ("/api/v1/check/{id}/decision", get(pending::decision)),
        ("/api/v1/detect/traffic", post(traffic::take).get(alerts::traffic)),
        ("/api/v1/detect/alerts", get(alerts::alerts)),
    ];
    let mut router = Router::new().route("/api/v1/detect/health", get(traffic::health));
    for (path, route) in routes {
        router = router.route(path, route);
    }
    if api.detress {
        router = router
            .route("/traffic", post(traffic::take).get(alerts::traffic))
            .route("/alerts", get(alerts::legacy))
            .route("/health", get(traffic::health));
    }
    let shared = Arc::new(Shared {
        api,
        pending: Pending::default(),
    });
    router
        .fallback(async || Problem::not_found("there is nothing here"))
        .method_not_allowed_fallback(async || {
            Problem::new(
                StatusCode::METHOD_NOT_ALLOWED,
                "method_not_allowed",
                "not with this method",
            )
        })
        .layer(DefaultBodyLimit::max(MAX_BODY))
        .layer(middleware::from_fn_with_state(shared.clone(), guard))
        .with_state(shared)
}

/// Lets in who knows the token, and puts on every answer what every answer carries.
async fn guard(State(shared): State<Arc<Shared>>, request: Request, next: Next) -> Response {
    let id = request_id(request.headers());
    let known = bearer(request.headers()).is_some_and(|said| shared.api.token.is(said));
    let mut response = if known {
        next.run(request).await
    } else {
        Problem::unauthenticated().into_response()
    };
    let headers = response.headers_mut();
    for (name, value) in [
        ("x-content-type-options", "nosniff"),
        ("referrer-policy", "no-referrer"),
        ("cross-origin-resource-policy", "same-origin"),
        ("cache-control", "no-store"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    headers.insert(REQUEST_ID, id);
    response
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

/// The caller's own, when it is a UUID; else a new one.
fn request_id(headers: &HeaderMap) -> HeaderValue {
    let given = headers.get(REQUEST_ID).and_then(|value| value.to_str().ok());
    let id = given
        .and_then(|text| Uuid::parse_str(text).ok())
        .unwrap_or_else(Uuid::now_v7);
    HeaderValue::from_str(&id.to_string()).unwrap_or_else(|_| HeaderValue::from_static(""))
}

/// A body of JSON.
pub(crate) struct Body(pub(crate) Value);

/// One value, a list of them, or one a line.
pub(crate) struct Lines(pub(crate) Vec<Value>);

impl<S: Send + Sync> FromRequest<S> for Body {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        if kind(&request) != "application/json" {
            return Err(media("application/json"));
        }
        let bytes = bytes(request, state).await?;
        json(&bytes).map(Body)
    }
}

impl<S: Send + Sync> FromRequest<S> for Lines {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        let kind = kind(&request);
        match kind.as_str() {
            "application/json" => match json(&bytes(request, state).await?)? {
                Value::Array(values) => Ok(Lines(values)),
                one => Ok(Lines(vec![one])),
            },
            "application/x-ndjson" => {
                let bytes = bytes(request, state).await?;
                let lines = bytes
                    .split(|&byte| byte == b'\n')
                    .filter(|line| !line.trim_ascii().is_empty());
                lines.map(json).collect::<Result<_, _>>().map(Lines)
            }
            _ => Err(media("application/json or application/x-ndjson")),
        }
    }
}

fn kind(request: &Request) -> String {
    let value = request.headers().get(header::CONTENT_TYPE);
    let text = value.and_then(|value| value.to_str().ok()).unwrap_or_default();
    text.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
}

async fn bytes<S: Send + Sync>(request: Request, state: &S) -> Result<Bytes, Problem> {
    Bytes::from_request(request, state).await.map_err(|rejection| {
        if rejection.status() == StatusCode::PAYLOAD_TOO_LARGE {
            let detail = format!("a body has at most {MAX_BODY} bytes");
            Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "body_too_large", detail)
        } else {
            Problem::new(StatusCode::BAD_REQUEST, "body_unreadable", "the body could not be read")
        }
    })
}

fn json(bytes: &[u8]) -> Result<Value, Problem> {
    serde_json::from_slice(bytes)
        .map_err(|error| Problem::structure(vec![Fault::new("", format!("not JSON: {error}"))]))
}

fn media(wanted: &str) -> Problem {
    let detail = format!("send it as {wanted}");
    Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported_media_type", detail)
}
