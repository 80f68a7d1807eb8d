//! Drives the API server with anything at all.

use model::machine::{MachineSpec, ServiceSpec};
use time::{Duration, OffsetDateTime};

use super::answer::{self, Answer, Api};
use super::bait;
use super::objects::Cluster;
use super::persona::Persona;
use super::{spdy, websocket};
use crate::machine::Machine;
use crate::services::golang::{Budget, Next, Reader};

/// Requests, one after another.
pub fn requests(pieces: &[&[u8]]) {
    let spec = r#"{"generation":1,"hostname":"h","distro":"debian","seed":"00","users":[],"keys":{},"services":[]}"#;
    let (Ok(spec), Ok(service)) = (
        serde_json::from_str::<MachineSpec>(spec),
        serde_json::from_str::<ServiceSpec>(r#"{"slug":"k8s","ports":[]}"#),
    ) else {
        return;
    };
    let Ok(persona) = Persona::of(&Machine::new("/nonexistent", spec), &service) else {
        return;
    };
    let now = OffsetDateTime::UNIX_EPOCH + Duration::days(20_000);
    let mut cluster = Cluster::new([7; 32]);
    let tokens = bait::fill(&mut cluster, &persona, now);
    let mut reader = Reader::new(Budget::new(1 << 20));
    for piece in pieces {
        reader.push(piece);
        while let Next::Request(request) = reader.next() {
            let mut api = Api {
                cluster: &mut cluster,
                persona: &persona,
                tokens: &tokens,
                address: "192.0.2.1:6443",
            };
            if let Answer::Reply(reply) | Answer::Created(reply, ..) =
                answer::answer(&mut api, &request, now, &mut Vec::new())
            {
                reply.render(&request, now);
            }
        }
    }
    assert!(cluster.objects.len() <= 1024);
}

/// Frames of a client that carries streams.
pub fn frames(pieces: &[&[u8]]) {
    let (mut messages, mut streams) = (websocket::Frames::default(), spdy::Frames::default());
    for piece in pieces {
        messages.push(piece);
        streams.push(piece);
        while let Ok(Some(_)) = messages.next() {}
        while let Ok(Some(_)) = streams.next() {}
    }
}
