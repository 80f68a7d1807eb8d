mod addresses;
mod again;
mod machines;
mod services;

use model::fleet::DeckySpec;

use crate::coerce::Given;
use crate::request::Wanted;
use crate::{Catalogue, Diagnostics};

pub(super) fn codes(found: &Diagnostics) -> Vec<&'static str> {
    found.iter().map(|diagnostic| diagnostic.code).collect()
}

pub(super) fn slugs(decky: &DeckySpec) -> Vec<&str> {
    decky
        .machine
        .services
        .iter()
        .map(|service| service.slug.as_str())
        .collect()
}

pub(super) fn services_of(deckies: &[DeckySpec]) -> Vec<Vec<&str>> {
    deckies.iter().map(slugs).collect()
}

pub(super) fn ips(deckies: &[DeckySpec]) -> Vec<String> {
    deckies.iter().map(|decky| decky.ip.to_string()).collect()
}

pub(super) fn set(mut wanted: Wanted, config: &[(&str, &str, &str)]) -> Wanted {
    for (service, key, value) in config {
        wanted.config.entry((*service).to_owned()).or_default().push(Given {
            key: (*key).to_owned(),
            value: (*value).into(),
            place: None,
        });
    }
    wanted
}

/// The catalogue with one service on another port.
pub(super) fn on_port(catalogue: &Catalogue, slug: &str, port: u16) -> Catalogue {
    let mut service = catalogue.service(slug).unwrap().clone();
    service.ports[0].port = port;
    let source = crate::catalogue::Source {
        shown: "test.yaml".into(),
        text: serde_json::to_string(&service).unwrap(),
    };
    Catalogue::from_sources([(format!("services/{slug}/service.yaml"), source)].into()).unwrap()
}
