//! HTTP/1 as Go's `net/http` serves it: what dockerd and kube-apiserver have in common. Bytes in, requests out; replies in,
//! bytes out.

pub(super) mod json;
pub(super) mod record;
mod reply;
mod request;
mod talk;

pub(super) use self::reply::{Reply, chunk, last_chunk};
pub(super) use self::request::{Budget, Next, Reader, Request};
pub(super) use self::talk::{Talk, Then};
