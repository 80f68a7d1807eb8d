//! `decnet services | distros | archetypes`.

use model::machine::{Port, Proto};

use crate::context::Context;
use crate::exit::Result;

pub fn services(cx: &Context) -> Result {
    let rows = cx.catalogue()?.service_rows();
    cx.out.list(
        &rows,
        &["SERVICE", "PORTS", "", "WHAT IT IS", "CONFIG KEYS"],
        |row| {
            let state = if row.available { "" } else { "not yet" };
            let what = if row.description.is_empty() {
                &row.label
            } else {
                &row.description
            };
            vec![
                row.slug.clone(),
                ports(&row.ports),
                state.into(),
                what.clone(),
                row.config.join(" "),
            ]
        },
        "",
    )
}

pub fn distros(cx: &Context) -> Result {
    let rows = cx.catalogue()?.distro_rows();
    cx.out.list(
        &rows,
        &["DISTRO", "SYSTEM", "IMAGE"],
        |row| vec![row.slug.clone(), row.display.clone(), row.image.clone()],
        "",
    )
}

pub fn archetypes(cx: &Context) -> Result {
    let rows = cx.catalogue()?.archetype_rows();
    cx.out.list(
        &rows,
        &["ARCHETYPE", "SERVICES", "NOT YET", "DISTROS", "WHAT IT IS"],
        |row| {
            let built: Vec<_> = row
                .services
                .iter()
                .filter(|slug| !row.missing.contains(slug))
                .cloned()
                .collect();
            vec![
                row.slug.clone(),
                built.join(" "),
                row.missing.join(" "),
                row.distros.join(" "),
                row.description.clone(),
            ]
        },
        "",
    )
}

fn ports(ports: &[Port]) -> String {
    let said = ports.iter().map(|port| match port.proto {
        Proto::Tcp => port.port.to_string(),
        Proto::Udp => format!("{}/udp", port.port),
    });
    said.collect::<Vec<_>>().join(" ")
}
