//! Every number of detect.md §6 and §7 that decides: below it, at it and above it; over IPv4 and IPv6; alone, among other
//! traffic and a second source, and with neighbouring events exchanged.

#[path = "../common/mod.rs"]
mod common;
mod network;
mod story;
mod web;

use common::Scene;
use detect::{Config, Finding, Input};
use story::{Story, World};

/// A rule, what it is shown, and what it should say.
pub(crate) struct Row {
    rule: &'static str,
    input: Input,
    /// What happens when the number in question is this.
    story: fn(&World, u32) -> Story,
    /// The key its finding has.
    key: fn(&World) -> String,
    config: fn() -> Config,
    /// The last event of the input counts, whosesoever it is.
    to_the_end: bool,
    /// The number in question, and the confidence; none when nothing is to be found.
    cases: &'static [(u32, Option<u8>)],
}

/// Who is asked about, and who else is at it.
const SUSPECT: u32 = 1;
const OTHER: u32 = 2;

fn rows() -> impl Iterator<Item = &'static Row> {
    network::ROWS.iter().chain(web::ROWS)
}

/// The confidence of what is found of one of them: nothing, or one finding.
fn confidences(row: &Row, world: &World, story: Story) -> Vec<u8> {
    let mut scene = Scene::of((row.config)(), row.input);
    story.play(&mut scene);
    let key = (row.key)(world);
    let of_it = |finding: &Finding| finding.key == key || finding.key.starts_with(&format!("{key},"));
    let found = scene.found(row.rule);
    let own = found.iter().filter(|finding| of_it(finding));
    own.map(|finding| finding.confidence.value()).collect()
}

/// Every row's every number over both families; all that is wrong is told at once.
fn each(mut check: impl FnMut(&Row, &World, u32, &str) -> Vec<(String, Option<u8>, Vec<u8>)>) {
    let mut wrong = Vec::new();
    for row in rows() {
        for v6 in [false, true] {
            let world = World { v6, who: SUSPECT };
            for (number, _) in row.cases {
                let told = format!("{} at {number}, {}", row.rule, if v6 { "IPv6" } else { "IPv4" });
                for (told, wanted, found) in check(row, &world, *number, &told) {
                    if found != Vec::from_iter(wanted) {
                        wrong.push(format!("{told}: wanted {wanted:?}, found {found:?}"));
                    }
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn wanted(row: &Row, number: u32) -> Option<u8> {
    let case = row.cases.iter().find(|(other, _)| *other == number);
    case.and_then(|(_, confidence)| *confidence)
}

#[test]
fn every_threshold_decides_at_its_number() {
    each(|row, world, number, told| {
        let found = confidences(row, world, (row.story)(world, number).in_time());
        vec![(told.to_owned(), wanted(row, number), found)]
    });
}

#[test]
fn other_traffic_and_a_second_source_change_nothing() {
    each(|row, world, number, told| {
        let other = World { who: OTHER, ..*world };
        let seconds = match row.to_the_end {
            true => vec![number],
            false => vec![row.cases[0].0, row.cases[row.cases.len() - 1].0],
        };
        let checks = seconds.into_iter().flat_map(|second| {
            let both = || {
                let stories = (row.story)(world, number).with((row.story)(&other, second));
                stories.with_noise(world)
            };
            let (first, beside) = (confidences(row, world, both()), confidences(row, &other, both()));
            [
                (format!("{told}, beside {second}"), wanted(row, number), first),
                (format!("{second}, beside {told}"), wanted(row, second), beside),
            ]
        });
        checks.collect()
    });
}

#[test]
fn neighbours_exchanged_within_ten_seconds_change_nothing() {
    each(|row, world, number, told| {
        let found = confidences(row, world, (row.story)(world, number).exchanged());
        vec![(told.to_owned(), wanted(row, number), found)]
    });
}

#[test]
fn every_row_is_checked_on_both_sides_of_a_number() {
    for row in rows() {
        let silent = row.cases.iter().any(|(_, confidence)| confidence.is_none());
        let told = row.cases.iter().any(|(_, confidence)| confidence.is_some());
        assert!(told, "{}", row.rule);
        assert!(silent || row.cases.len() > 2, "{}", row.rule);
    }
}
