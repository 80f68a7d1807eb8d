//! Templates of the operator's own: YAML in place of each kind of file.
#![cfg_attr(feature = "libfuzzer", no_main)]

use fleet::Catalogue;
use fleet::catalogue::{Source, Sources};

fuzz::target!(run);

const PLACES: [&str; 6] = [
    "distros/debian.yaml",
    "archetypes/web-server.yaml",
    "os_families/linux.yaml",
    "services/ssh/service.yaml",
    "hostnames.yaml",
    "passwords.yaml",
];

fn run(data: &[u8]) {
    let Some((place, text)) = data.split_first() else {
        return;
    };
    let Ok(text) = std::str::from_utf8(text) else { return };
    let source = Source {
        shown: "given.yaml".into(),
        text: text.into(),
    };
    let place = PLACES[usize::from(*place) % PLACES.len()];
    let _ = Catalogue::from_sources(Sources::from([(place.to_owned(), source)]));
}
