//! The Docker engine's API on TCP, as a careless administrator opens it (decoys.md §5.27).
//!
//! [`answer`] says what the engine says, without sockets, over the [`store`] of what it has; [`session`] carries it out.
//! What containers run is run on the machine itself.

mod answer;
mod archive;
mod bait;
mod build;
mod config;
mod create;
mod figures;
#[cfg(feature = "fuzzing")]
pub mod fuzzing;
mod images;
mod lives;
mod names;
mod perform;
mod persona;
mod record;
mod reply;
mod session;
mod shown;
mod shown_images;
mod store;
mod stream;
mod system;
mod tar;
#[cfg(test)]
mod tests;
mod time;

use std::rc::Rc;

use self::persona::Persona;
use self::session::Docker;
use super::{Context, Entry, Service};

pub(super) const ENTRY: Entry = Entry {
    slug: "docker_api",
    title: "/usr/sbin/dockerd\0-H\0fd://\0-H\0tcp://0.0.0.0:2375\0--containerd=/run/containerd/containerd.sock",
    run_as: &[],
    furnish: None,
    build,
};

fn build(cx: Context) -> Result<Rc<dyn Service>, String> {
    let persona = Persona::of(&cx.machine, &cx.spec);
    let seed = cx.machine.draw("docker/engine");
    Ok(Rc::new(Docker::new(
        cx.machine,
        persona,
        seed,
        cx.spec.flag("bait").unwrap_or(true),
    )))
}
