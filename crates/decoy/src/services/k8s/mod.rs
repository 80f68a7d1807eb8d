//! A Kubernetes API server, as kubeadm sets one up and a careless administrator opens it (decoys.md §5.26).
//!
//! [`answer`] says what the server says, without sockets, over the [`objects`] of a cluster; [`session`] carries it out. What
//! pods run is run on the machine itself.

mod answer;
mod bait;
mod certificate;
#[cfg(feature = "fuzzing")]
pub mod fuzzing;
mod objects;
mod persona;
mod pods;
mod remote;
mod reply;
mod resources;
mod session;
mod spdy;
mod table;
#[cfg(test)]
mod tests;
mod websocket;

use std::rc::Rc;

use self::persona::Persona;
use self::session::Kubernetes;
use super::{Context, Entry, Service};

pub(super) const ENTRY: Entry = Entry {
    slug: "k8s",
    title: "kube-apiserver\0--advertise-address=0.0.0.0\0--allow-privileged=true\0--authorization-mode=Node,RBAC\0--secure-port=6443",
    run_as: &[],
    furnish: None,
    build,
};

fn build(cx: Context) -> Result<Rc<dyn Service>, String> {
    let persona = Persona::of(&cx.machine, &cx.spec)?;
    Ok(Rc::new(Kubernetes::new(&cx, persona)?))
}
