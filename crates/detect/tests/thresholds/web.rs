//! The table of §7.

use detect::config::Positive;
use detect::{Config, Input};

use crate::Row;
use crate::story::{Story, World};

fn key_me(world: &World) -> String {
    world.me()
}

fn key_user(world: &World) -> String {
    format!("root{}", world.who)
}

const fn row(rule: &'static str, story: fn(&World, u32) -> Story, cases: &'static [(u32, Option<u8>)]) -> Row {
    Row {
        rule,
        input: Input::Http,
        story,
        key: key_me,
        config: Config::default,
        to_the_end: false,
        cases,
    }
}

#[rustfmt::skip]
pub(crate) const ROWS: &[Row] = &[
    row("http.brute_force", failures_of, &[(5, None), (6, Some(90)), (7, Some(90))]),
    row("http.brute_force", failures_within, &[(59_999, Some(90)), (60_000, Some(90)), (60_004, None)]),
    row("http.brute_force", failures_of_ten, &[(5, None), (8, Some(65)), (9, Some(90)), (10, Some(90))]),
    row("http.recon", hits_of, &[(3, None), (4, Some(70)), (5, Some(70))]),
    row("http.recon", hits_within, &[(59_999, Some(70)), (60_000, Some(70)), (60_002, None)]),
    row("http.recon", hits_on_paths, &[(1, None), (2, Some(70)), (3, Some(90)), (4, Some(90))]),
    row("http.auth_scan", refused_of, &[(6, None), (7, Some(60)), (17, Some(60)), (18, Some(80)), (19, Some(80))]),
    row("http.auth_scan", refused_within, &[(59_999, Some(60)), (60_000, Some(60)), (60_005, None)]),
    row("http.auth_scan", answers_of_status, &[(400, None), (401, Some(60)), (402, None), (403, Some(60)), (404, None)]),
    row("http.cred_stuffing", names_of, &[(8, None), (9, Some(75)), (15, Some(75)), (16, Some(90)), (17, Some(90))]),
    row("http.cred_stuffing", names_within, &[(59_999, Some(75)), (60_000, Some(75)), (60_007, None)]),
    row("http.account_takeover", broken_into_after, &[(2, None), (3, Some(95)), (9, Some(95)), (10, Some(100)), (11, Some(100))]),
    row("http.account_takeover", broken_into_within, &[(299_999, Some(95)), (300_000, Some(95)), (300_001, None)]),
    row("http.data_exfil", records_of, &[(20, None), (21, Some(70)), (39, Some(70)), (40, Some(85)), (41, Some(85))]),
    row("http.data_exfil", records_within, &[(59_999, Some(70)), (60_000, Some(70)), (60_019, None)]),
    row("http.data_exfil", distinct_targets, &[(4, None), (5, Some(70)), (6, Some(70))]),
    row("http.data_exfil", fetched_with_status, &[(199, None), (200, Some(70)), (201, None), (206, Some(70)), (304, None)]),
    row("http.path_traversal", climbs_of, &[(0, None), (1, Some(80)), (2, Some(80))]),
    Row { config: two_climbs, ..row("http.path_traversal", climbs_within, &[(299_999, Some(80)), (300_000, Some(80)), (300_001, None)]) },
    row("http.dos_flood", requests_of, &[(100, None), (101, Some(65)), (299, Some(65)), (300, Some(90)), (301, Some(90))]),
    row("http.dos_flood", requests_within, &[(59_999, Some(65)), (60_000, Some(65)), (60_099, None)]),
    row("auth.slow_spray", names_patiently, &[(14, None), (15, Some(70)), (16, Some(70))]),
    row("auth.slow_spray", names_patiently_within, &[(1_799_994, Some(70)), (1_800_000, Some(70)), (1_800_013, None)]),
    Row { key: key_user, ..row("auth.distributed", guessed_from, &[(7, None), (8, Some(60)), (19, Some(60)), (20, Some(75)), (21, Some(75))]) },
    Row { key: key_user, ..row("auth.distributed", guessed_within, &[(599_998, Some(60)), (600_000, Some(60)), (600_006, None)]) },
];

fn two_climbs() -> Config {
    Config {
        http_traversals: Positive(2),
        ..Config::default()
    }
}

fn failures(world: &World, count: u32, at: impl Fn(i64) -> i64) -> Story {
    let mut story = Story::default();
    for n in 0..count {
        story.login(at(n.into()), &world.me(), "alice", false);
    }
    story
}

fn failures_of(world: &World, count: u32) -> Story {
    failures(world, count, |n| n * 1_000)
}

fn failures_within(world: &World, ms: u32) -> Story {
    failures(world, 6, |n| n * i64::from(ms) / 5)
}

/// Ten logins, those that succeed first.
fn failures_of_ten(world: &World, failed: u32) -> Story {
    let mut story = failures(world, failed, |n| 20_000 + n * 1_000);
    for n in failed..10 {
        story.login(i64::from(n) * 1_000, &world.me(), "alice", true);
    }
    story
}

fn requests(world: &World, count: u32, status: u16, target: impl Fn(u32) -> String, at: impl Fn(i64) -> i64) -> Story {
    let mut story = Story::default();
    for n in 0..count {
        story.get(at(n.into()), &world.me(), &target(n), status);
    }
    story
}

fn only(target: &'static str) -> impl Fn(u32) -> String {
    move |_| target.to_owned()
}

fn hits_of(world: &World, count: u32) -> Story {
    requests(world, count, 404, only("/admin"), |n| n * 1_000)
}

fn hits_within(world: &World, ms: u32) -> Story {
    requests(world, 4, 404, only("/admin"), |n| n * i64::from(ms) / 3)
}

/// Four hits, all served.
fn hits_on_paths(world: &World, paths: u32) -> Story {
    let path = move |n: u32| ["/admin", "/config", "/.env", "/settings"][(n % paths) as usize].to_owned();
    requests(world, 4, 200, path, |n| n * 1_000)
}

fn refused_of(world: &World, count: u32) -> Story {
    requests(world, count, 401, only("/x"), |n| n * 1_000)
}

fn refused_within(world: &World, ms: u32) -> Story {
    requests(world, 7, 403, only("/x"), |n| n * i64::from(ms) / 6)
}

fn answers_of_status(world: &World, status: u32) -> Story {
    requests(world, 7, status as u16, only("/x"), |n| n * 1_000)
}

fn names(world: &World, count: u32, at: impl Fn(i64) -> i64) -> Story {
    let mut story = Story::default();
    for n in 0..count {
        story.login(at(n.into()), &world.me(), &format!("user{n}"), false);
        story.login(at(n.into()), &world.me(), "", false);
    }
    story
}

fn names_of(world: &World, count: u32) -> Story {
    names(world, count, |n| n * 1_000)
}

fn names_within(world: &World, ms: u32) -> Story {
    names(world, 9, |n| n * i64::from(ms) / 8)
}

fn broken_into_after(world: &World, count: u32) -> Story {
    let mut story = failures(world, count, |n| n * 1_000);
    story.login(60_000, &world.me(), "alice", true);
    story
}

fn broken_into_within(world: &World, ms: u32) -> Story {
    let mut story = failures(world, 3, |n| n);
    story.login(ms.into(), &world.me(), "alice", true);
    story
}

fn records_of(world: &World, count: u32) -> Story {
    requests(world, count, 200, only("/data/x"), |n| n * 1_000)
}

fn records_within(world: &World, ms: u32) -> Story {
    requests(world, 21, 206, only("/export"), |n| n * i64::from(ms) / 20)
}

fn distinct_targets(world: &World, distinct: u32) -> Story {
    requests(
        world,
        21,
        200,
        move |n| format!("/api/orders?page={}", n % distinct),
        |n| n * 1_000,
    )
}

fn fetched_with_status(world: &World, status: u32) -> Story {
    requests(world, 21, status as u16, only("/users"), |n| n * 1_000)
}

fn climbs_of(world: &World, count: u32) -> Story {
    requests(world, count, 404, only("/a/../b"), |n| n * 1_000)
}

fn climbs_within(world: &World, ms: u32) -> Story {
    requests(world, 2, 404, only("/a/../b"), |n| n * i64::from(ms))
}

fn requests_of(world: &World, count: u32) -> Story {
    requests(world, count, 500, only("/"), |n| n * 190)
}

fn requests_within(world: &World, ms: u32) -> Story {
    requests(world, 101, 200, only("/"), |n| n * i64::from(ms) / 100)
}

fn names_patiently(world: &World, count: u32) -> Story {
    names(world, count, |n| n * 61_000)
}

fn names_patiently_within(world: &World, ms: u32) -> Story {
    names(world, 15, |n| n * i64::from(ms) / 14)
}

fn guesses(world: &World, sources: u32, at: impl Fn(i64) -> i64) -> Story {
    let mut story = Story::default();
    for n in 0..sources {
        story.login(at(n.into()), &world.friend(n), &format!("root{}", world.who), false);
    }
    story
}

fn guessed_from(world: &World, sources: u32) -> Story {
    guesses(world, sources, |n| n * 1_000)
}

fn guessed_within(world: &World, ms: u32) -> Story {
    guesses(world, 8, |n| n * i64::from(ms) / 7)
}
