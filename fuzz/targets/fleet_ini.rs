//! Fleets from files: anything is judged, and what is found fault with is found again.
#![cfg_attr(feature = "libfuzzer", no_main)]

use std::sync::LazyLock;

use fleet::Catalogue;

fuzz::target!(run);

static CATALOGUE: LazyLock<Catalogue> =
    LazyLock::new(|| Catalogue::builtin().unwrap_or_else(|found| panic!("{found}")));

fn run(data: &[u8]) {
    let (fleet, found) = fleet::ini::parse_bytes(data, "given.ini", &CATALOGUE);
    let again = fleet::ini::parse_bytes(data, "given.ini", &CATALOGUE);
    assert_eq!(found.to_string(), again.1.to_string());
    let names = fleet.deckies.iter().map(|decky| &decky.name);
    assert_eq!(
        names.collect::<std::collections::BTreeSet<_>>().len(),
        fleet.deckies.len()
    );
}
