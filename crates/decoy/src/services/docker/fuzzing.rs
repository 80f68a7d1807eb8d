//! Drives the engine with anything at all; the limits are the service's own.

use model::machine::{MachineSpec, ServiceSpec};
use time::OffsetDateTime;

use super::answer;
use super::persona::Persona;
use super::store::Store;
use super::{bait, build, tar};
use crate::machine::Machine;
use crate::services::golang::{Budget, Next, Reader};

/// Requests, one after another.
pub fn requests(pieces: &[&[u8]]) {
    let spec = r#"{"generation":1,"hostname":"h","distro":"debian","seed":"00","users":[],"keys":{},"services":[]}"#;
    let (Ok(spec), Ok(service)) = (
        serde_json::from_str::<MachineSpec>(spec),
        serde_json::from_str::<ServiceSpec>(r#"{"slug":"docker_api","ports":[]}"#),
    ) else {
        return;
    };
    let persona = Persona::of(&Machine::new("/nonexistent", spec), &service);
    let mut store = Store::new(persona, [7; 32]);
    let now = OffsetDateTime::UNIX_EPOCH + time::Duration::days(20_000);
    bait::networks(&mut store, now);
    bait::fill(&mut store, now);
    let mut reader = Reader::new(Budget::new(1 << 20));
    for piece in pieces {
        reader.push(piece);
        while let Next::Request(request) = reader.next() {
            if let answer::Answer::Reply(reply) = answer::answer(&mut store, &request, now, &mut Vec::new()) {
                reply.render(&request, now);
            }
        }
    }
    assert!(store.containers.len() <= 256 && store.images.len() <= 256);
}

/// An archive, and what a build makes of it.
pub fn archive(input: &[u8]) {
    for member in tar::read(input).unwrap_or_default() {
        assert!(member.bytes.len() <= input.len());
    }
    build::steps(&String::from_utf8_lossy(input));
}
