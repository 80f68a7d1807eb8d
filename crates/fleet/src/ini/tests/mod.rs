mod grammar;
mod limits;
mod wrong;

use super::*;
use crate::plan::testing::{self, World};

pub(super) fn read(text: &str) -> (IniFleet, Diagnostics) {
    parse(text, "lab.ini", &testing::catalogue())
}

/// What reading and planning say together, as `--check` does.
pub(super) fn judged(text: &str) -> Diagnostics {
    let world = World::new();
    let (fleet, mut found) = parse(text, "lab.ini", &world.catalogue);
    if found
        .iter()
        .any(|d| ["E_EMPTY", "E_NO_SECTIONS", "E_NO_DECKIES", "E_NAME", "E_SYNTAX"].contains(&d.code))
    {
        return found;
    }
    match world.plan_request(&fleet.request(Options::default(), None)) {
        Ok(planned) => found.extend(planned.warnings),
        Err(more) => found.extend(more),
    }
    found
}

pub(super) fn codes(found: &Diagnostics) -> Vec<&'static str> {
    found.iter().map(|diagnostic| diagnostic.code).collect()
}
