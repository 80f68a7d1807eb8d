//! The table of §6.

use detect::{Arp, Body, Config, Input, State};

use crate::Row;
use crate::common::addr;
use crate::story::{Story, World};

const MIB: u64 = 1024 * 1024;

fn key_me(world: &World) -> String {
    world.me()
}

fn key_target(world: &World) -> String {
    format!("{},port 4450", world.target(1))
}

fn key_net(world: &World) -> String {
    let net = addr(&world.target(1)).net();
    format!("{net},port 4450")
}

fn key_host(world: &World) -> String {
    world.target(1)
}

fn key_mac(world: &World) -> String {
    format!("02:00:00:00:00:{:02x}", world.who)
}

const fn packets(
    rule: &'static str,
    key: fn(&World) -> String,
    story: fn(&World, u32) -> Story,
    cases: &'static [(u32, Option<u8>)],
) -> Row {
    Row {
        rule,
        input: Input::Packets,
        story,
        key,
        config: Config::default,
        to_the_end: false,
        cases,
    }
}

/// As `packets`, for rules that look at how far the input goes.
const fn to_the_end(rule: &'static str, story: fn(&World, u32) -> Story, cases: &'static [(u32, Option<u8>)]) -> Row {
    Row {
        to_the_end: true,
        ..packets(rule, key_me, story, cases)
    }
}

#[rustfmt::skip]
pub(crate) const ROWS: &[Row] = &[
    packets("net.sweep", key_me, sweep_of, &[(15, None), (16, Some(53)), (17, Some(57)), (29, Some(97)), (30, Some(100)), (40, Some(100))]),
    packets("net.sweep", key_me, sweep_within, &[(9_990, Some(53)), (10_000, Some(53)), (10_005, None)]),
    packets("net.sweep", key_me, sweep_with_spread, &[(49, Some(57)), (50, Some(53)), (52, None)]),
    packets("net.boundary", key_me, ports_of, &[(10, None), (11, Some(55)), (12, Some(60)), (20, Some(100)), (25, Some(100))]),
    packets("net.boundary", key_me, ports_within, &[(29_990, Some(55)), (30_000, Some(55)), (30_010, None)]),
    packets("net.boundary", key_me, talks_from_port, &[(1_013, Some(55)), (1_014, Some(55)), (1_015, None)]),
    packets("net.burst", key_me, burst_of, &[(19, None), (20, Some(60)), (21, Some(61)), (54, Some(94)), (55, Some(95)), (60, Some(95))]),
    packets("net.burst", key_me, burst_over, &[(9, None), (10, Some(60)), (11, Some(60))]),
    packets("net.burst", key_me, burst_within, &[(9_999, Some(60)), (10_000, Some(60)), (10_001, None)]),
    packets("net.conn_burst", key_me, few_of, &[(19, None), (20, Some(40)), (30, Some(40))]),
    packets("net.conn_burst", key_me, burst_over, &[(8, Some(40)), (9, Some(40)), (10, None)]),
    packets("net.slow_scan", key_me, hosts_of, &[(24, None), (25, Some(60)), (26, Some(61)), (59, Some(94)), (60, Some(95)), (61, Some(95))]),
    packets("net.slow_scan", key_me, hosts_within, &[(299_990, Some(60)), (300_000, Some(60)), (300_024, None)]),
    packets("net.slow_scan", key_me, failed_ports_of, &[(14, None), (15, Some(60)), (16, Some(62)), (32, Some(94)), (33, Some(95)), (40, Some(95))]),
    packets("net.slow_scan", key_me, failed_ports_within, &[(299_999, Some(60)), (300_000, Some(60)), (300_014, None)]),
    packets("net.low_slow", key_me, spread_of, &[(59, None), (60, Some(50)), (61, Some(50)), (62, Some(51)), (139, Some(89)), (140, Some(90)), (142, Some(90))]),
    packets("net.low_slow", key_me, spread_within, &[(3_599_959, Some(50)), (3_600_000, Some(50)), (3_600_059, None)]),
    packets("net.low_slow", key_me, spread_beside_fine, &[(14, Some(50)), (15, Some(50)), (16, None)]),
    packets("net.distributed_scan", key_net, net_from, &[(9, None), (10, Some(65)), (11, Some(66)), (34, Some(89)), (35, Some(90)), (36, Some(90))]),
    packets("net.distributed_scan", key_net, net_over, &[(19, None), (20, Some(65)), (21, Some(65))]),
    packets("net.distributed_scan", key_net, net_within, &[(299_996, Some(65)), (300_000, Some(65)), (300_019, None)]),
    packets("net.distributed_scan", key_host, host_from, &[(4, None), (5, Some(60)), (6, Some(61))]),
    packets("net.distributed_scan", key_host, host_over, &[(29, None), (30, Some(60)), (31, Some(60))]),
    packets("net.sensitive_port", key_me, one_port, &[(21, None), (22, Some(30)), (23, Some(30)), (24, None), (444, None), (445, Some(30)), (446, None), (3389, Some(30)), (3390, None), (5900, Some(30)), (5901, None)]),
    to_the_end("net.telemetry_silence", silent_until, &[(119_999, None), (120_000, None), (120_001, Some(75))]),
    to_the_end("net.telemetry_silence", silent_after_records, &[(7, None), (8, Some(75)), (9, Some(75))]),
    to_the_end("net.telemetry_silence", silent_with_spread, &[(2_499, Some(75)), (2_500, Some(75)), (2_501, None)]),
    to_the_end("net.telemetry_silence", silent_of_period, &[(999, None), (1_000, Some(75)), (3_600_000, Some(75)), (3_600_001, None)]),
    to_the_end("net.telemetry_silence", silent_by_the_floor, &[(30_000, None), (30_001, Some(75))]),
    packets("net.lateral", key_me, contact_after, &[(119_997, Some(85)), (119_998, Some(75)), (899_997, Some(75)), (899_998, None)]),
    packets("net.lateral", key_me, fan_out_of, &[(4, None), (5, Some(55)), (6, Some(55))]),
    packets("net.lateral", key_me, fan_out_within, &[(299_999, Some(55)), (300_000, Some(55)), (300_004, None)]),
    to_the_end("net.beacon", calls_of, &[(19, None), (20, Some(100)), (21, Some(100))]),
    to_the_end("net.beacon", calls_within, &[(899_999, None), (900_000, Some(100)), (900_019, Some(100))]),
    to_the_end("net.beacon", calls_covering, &[(2_280, Some(70)), (2_330, Some(70)), (2_400, None)]),
    Row { input: Input::Flows, ..packets("net.exfil_volume", key_me, sent, &[(100 * MIB as u32 - 1, None), (100 * MIB as u32, Some(70)), (100 * MIB as u32 + 1, Some(70))]) },
    Row { input: Input::Flows, ..packets("net.exfil_volume", key_me, sent_against, &[(10 * MIB as u32 - 1, Some(70)), (10 * MIB as u32, Some(70)), (10 * MIB as u32 + 1, None)]) },
    Row { input: Input::Flows, ..packets("net.exfil_volume", key_me, sent_within, &[(599_999, Some(70)), (600_000, Some(70)), (600_001, None)]) },
    packets("net.flood", key_target, flood_of, &[(999, None), (1_000, Some(70)), (1_001, Some(70))]),
    packets("net.flood", key_target, flood_answered, &[(99, Some(70)), (100, Some(70)), (101, None)]),
    packets("net.flood", key_target, flood_within, &[(9_991, Some(70)), (10_000, Some(70)), (10_989, None)]),
    packets("net.flood", key_target, flood_from_all, &[(4_999, None), (5_000, Some(70))]),
    packets("net.arp_sweep", key_mac, asked, &[(15, None), (16, Some(53)), (30, Some(100)), (31, Some(100))]),
    packets("net.arp_sweep", key_mac, asked_again, &[(2, Some(53)), (3, Some(53)), (4, None)]),
    packets("net.arp_sweep", key_mac, asked_within, &[(9_990, Some(53)), (10_000, Some(53)), (10_005, None)]),
];

fn port(n: u32) -> u16 {
    30_000 + n as u16
}

fn sweep_by(world: &World, at: impl Fn(i64) -> i64, hosts: u32) -> Story {
    let mut story = Story::default();
    for n in 0..hosts {
        story.syn(at(i64::from(n)), (&world.me(), port(n)), (&world.target(n), 4450));
    }
    story
}

fn sweep_of(world: &World, hosts: u32) -> Story {
    sweep_by(world, |n| n * 100, hosts)
}

fn sweep_within(world: &World, ms: u32) -> Story {
    sweep_by(world, |n| n * i64::from(ms) / 15, 16)
}

/// Gaps of 300 ms, a little more and a little less in turns.
fn sweep_with_spread(world: &World, spread: u32) -> Story {
    sweep_by(world, |n| n * 300 - n % 2 * i64::from(spread), 17)
}

fn ports_by(world: &World, ports: u16, gap: impl Fn(i64) -> i64) -> Story {
    let mut story = Story::default();
    for n in 0..ports {
        story.syn(gap(n.into()), (&world.me(), 30_000 + n), (&world.target(1), 100 + n));
    }
    story
}

fn ports_of(world: &World, ports: u32) -> Story {
    ports_by(world, ports as u16, |n| n * 250)
}

fn ports_within(world: &World, ms: u32) -> Story {
    ports_by(world, 11, |n| n * i64::from(ms) / 10)
}

/// Eleven conversations that carry data; those on ports from 1024 on do not count once they do.
fn talks_from_port(world: &World, first: u32) -> Story {
    let mut story = Story::default();
    for n in 0..11u16 {
        let ends = ((world.me(), 30_000 + n), (world.target(1), first as u16 + n));
        story.talk(
            i64::from(n) * 250,
            (&ends.0.0, ends.0.1),
            (&ends.1.0, ends.1.1),
            200,
            200,
        );
    }
    story
}

fn attempts(world: &World, count: u32, targets: u32, at: impl Fn(i64) -> i64) -> Story {
    let mut story = Story::default();
    for n in 0..count {
        story.syn(at(n.into()), (&world.me(), port(n)), (&world.target(n % targets), 4450));
    }
    story
}

fn burst_of(world: &World, count: u32) -> Story {
    attempts(world, count, 10, |n| n * 150)
}

fn burst_over(world: &World, targets: u32) -> Story {
    attempts(world, 20, targets, |n| n * 150)
}

fn burst_within(world: &World, ms: u32) -> Story {
    attempts(world, 20, 10, |n| n * i64::from(ms) / 19)
}

fn few_of(world: &World, count: u32) -> Story {
    attempts(world, count, 9, |n| n * 150)
}

fn refusals(world: &World, hosts: u32, at: impl Fn(i64) -> i64) -> Story {
    let mut story = Story::default();
    for n in 0..hosts {
        story.refused(at(n.into()), (&world.me(), port(n)), (&world.target(n), 4450));
    }
    story
}

fn hosts_of(world: &World, hosts: u32) -> Story {
    refusals(world, hosts, |n| n * 4_500)
}

fn hosts_within(world: &World, ms: u32) -> Story {
    refusals(world, 25, |n| n * i64::from(ms) / 24)
}

fn failed_ports(world: &World, ports: u16, at: impl Fn(i64) -> i64) -> Story {
    let mut story = Story::default();
    for n in 0..ports {
        story.refused(at(n.into()), (&world.me(), 30_000 + n), (&world.target(1), 2_000 + n));
    }
    story
}

fn failed_ports_of(world: &World, ports: u32) -> Story {
    failed_ports(world, ports as u16, |n| n * 7_000)
}

fn failed_ports_within(world: &World, ms: u32) -> Story {
    failed_ports(world, 15, |n| n * i64::from(ms) / 14)
}

/// Refused at once on ports of their own, so that only the hour counts.
fn spread(world: &World, targets: u32, at: impl Fn(i64) -> i64) -> Story {
    let mut story = Story::default();
    for n in 0..targets {
        story.refused(
            at(n.into()),
            (&world.me(), port(n)),
            (&world.target(n), 4_000 + n as u16),
        );
    }
    story
}

/// The first sixty patiently, the rest soon after.
fn spread_of(world: &World, targets: u32) -> Story {
    spread(world, targets, |n| n.min(60) * 50_000 + (n - 60).max(0) * 3_000)
}

fn spread_within(world: &World, ms: u32) -> Story {
    spread(world, 60, |n| n * i64::from(ms) / 59)
}

fn spread_beside_fine(world: &World, fine: u32) -> Story {
    let mut story = spread(world, 60, |n| 20_000 + n * 50_000);
    for n in 0..fine {
        story.talk(
            i64::from(n) * 1_000,
            (&world.me(), port(500 + n)),
            (&world.friend(n), 8444),
            10,
            10,
        );
    }
    story
}

/// Each source takes its turn.
fn many(world: &World, sources: u32, targets: u32, at: impl Fn(i64) -> i64) -> Story {
    let mut story = Story::default();
    for n in 0..targets {
        story.refused(
            at(n.into()),
            (&world.friend(n % sources), port(n)),
            (&world.target(n), 4450),
        );
    }
    story
}

fn net_from(world: &World, sources: u32) -> Story {
    many(world, sources, 20.max(sources), |n| n * 5_000)
}

fn net_over(world: &World, targets: u32) -> Story {
    many(world, 10, targets, |n| n * 5_000)
}

fn net_within(world: &World, ms: u32) -> Story {
    many(world, 10, 20, |n| n * i64::from(ms) / 19)
}

fn many_ports(world: &World, sources: u32, ports: u32) -> Story {
    let mut story = Story::default();
    for n in 0..ports {
        let at = i64::from(n) * 5_000;
        story.refused(
            at,
            (&world.friend(n % sources), 30_000),
            (&world.target(1), 2_000 + n as u16),
        );
    }
    story
}

fn host_from(world: &World, sources: u32) -> Story {
    many_ports(world, sources, 30)
}

fn host_over(world: &World, ports: u32) -> Story {
    many_ports(world, 5, ports)
}

fn one_port(world: &World, port: u32) -> Story {
    let mut story = Story::default();
    story.syn(0, (&world.me(), 30_000), (&world.target(1), port as u16));
    story
}

/// Log records at these times, then other traffic of the same host, and somebody else's last packet.
fn silence(world: &World, records: &[i64], until: i64) -> Story {
    let mut story = Story::default();
    for at in records {
        story.udp(*at, (&world.me(), 514), (&world.target(1), 514));
    }
    let last = records.iter().max().copied().unwrap_or(0);
    story.udp(last + 10, (&world.me(), 7_000), (&world.target(2), 7_000));
    story.udp(until, (&world.friend(1), 7_000), (&world.friend(2), 7_000));
    story
}

fn every(gap: i64, count: i64) -> Vec<i64> {
    (0..count).map(|n| n * gap).collect()
}

fn silent_until(world: &World, ms: u32) -> Story {
    silence(world, &every(10_000, 8), ms.into())
}

fn silent_after_records(world: &World, records: u32) -> Story {
    silence(world, &every(10_000, records.into()), 200_000)
}

/// Seven gaps around ten seconds whose median is ten seconds and whose MAD is the spread.
fn silent_with_spread(world: &World, spread: u32) -> Story {
    let spread = i64::from(spread);
    let mut records = vec![0];
    for off in [-spread, -spread, -spread, 0, spread, spread, spread] {
        records.push(records.last().expect("a record") + 10_000 + off);
    }
    silence(world, &records, 200_000)
}

fn silent_of_period(world: &World, ms: u32) -> Story {
    let period = i64::from(ms);
    silence(world, &every(period, 8), 7 * period + (5 * period).max(30_000) + 1)
}

fn silent_by_the_floor(world: &World, after: u32) -> Story {
    silence(world, &every(2_000, 8), 14_000 + i64::from(after))
}

/// A sweep whose last probe is at 1.5 s, then contact with one of its hosts.
fn contact_after(world: &World, ms: u32) -> Story {
    let mut story = sweep_by(world, |n| n * 100, 16);
    let at = 1_500 + i64::from(ms);
    story.talk(at, (&world.me(), 50_000), (&world.target(3), 9_999), 10, 10);
    story
}

fn fan_out(world: &World, hosts: u32, at: impl Fn(i64) -> i64) -> Story {
    let mut story = Story::default();
    for n in 0..hosts {
        story.talk(at(n.into()), (&world.me(), 50_000), (&world.target(n), 22), 10, 10);
    }
    story
}

fn fan_out_of(world: &World, hosts: u32) -> Story {
    fan_out(world, hosts, |n| n * 50_000)
}

fn fan_out_within(world: &World, ms: u32) -> Story {
    fan_out(world, 5, |n| n * i64::from(ms) / 4)
}

fn calls(world: &World, count: u32, out: impl Fn(u32) -> u32, at: impl Fn(i64) -> i64) -> Story {
    let mut story = Story::default();
    for n in 0..count {
        story.talk(
            at(n.into()),
            (&world.me(), port(n)),
            (&world.public(), 4444),
            out(n),
            100,
        );
    }
    story
}

fn calls_of(world: &World, count: u32) -> Story {
    calls(world, count, |_| 100, |n| n * 60_000)
}

fn calls_within(world: &World, ms: u32) -> Story {
    calls(world, 20, |_| 100, |n| n * i64::from(ms) / 19)
}

/// Sizes as uneven as can be, 15 of 30, over 1,140 s of so many: 40 + 15 + 30·1140/whole.
fn calls_covering(world: &World, whole: u32) -> Story {
    let mut story = calls(world, 20, |n| n % 2 * 200, |n| n * 60_000);
    story.udp(
        i64::from(whole) * 1_000,
        (&world.friend(1), 7_000),
        (&world.friend(2), 7_000),
    );
    story
}

fn sends(world: &World, parts: &'static [(u64, u64)], at: impl Fn(i64) -> i64) -> Story {
    let mut story = Story::default();
    for (n, (out, back)) in parts.iter().enumerate() {
        let (me, public) = (world.me(), world.public());
        story.act(at(n as i64), move |scene, at| {
            scene.flow(at, &me, &public, 8443, *out, *back, State::Answered);
        });
    }
    story
}

fn sent(world: &World, out: u32) -> Story {
    one_flow(world, out.into(), 0)
}

fn sent_against(world: &World, back: u32) -> Story {
    one_flow(world, 100 * MIB, back.into())
}

fn one_flow(world: &World, out: u64, back: u64) -> Story {
    let mut story = Story::default();
    let (me, public) = (world.me(), world.public());
    story.act(0, move |scene, at| {
        scene.flow(at, &me, &public, 8443, out, back, State::Answered);
    });
    story
}

fn sent_within(world: &World, ms: u32) -> Story {
    sends(world, &[(60 * MIB, 0), (60 * MIB, 0)], |n| n * i64::from(ms))
}

fn flood(world: &World, count: u16, answered: u16, at: impl Fn(i64) -> i64) -> Story {
    let mut story = Story::default();
    for n in 0..count {
        let (me, target) = ((world.me(), 10_000 + n), (world.target(1), 4450));
        if n < answered {
            story.answered(at(n.into()), (&me.0, me.1), (&target.0, target.1));
        } else {
            story.refused(at(n.into()), (&me.0, me.1), (&target.0, target.1));
        }
    }
    story
}

fn flood_of(world: &World, count: u32) -> Story {
    flood(world, count as u16, 0, |n| n * 5)
}

fn flood_answered(world: &World, answered: u32) -> Story {
    flood(world, 1_000, answered as u16, |n| n * 5)
}

fn flood_within(world: &World, ms: u32) -> Story {
    flood(world, 1_000, 0, |n| n * i64::from(ms) / 999)
}

fn flood_from_all(world: &World, count: u32) -> Story {
    let mut story = Story::default();
    for n in 0..count {
        story.syn(i64::from(n), (&world.friend(n), 1_000), (&world.target(1), 4450));
    }
    story
}

fn arps(world: &World, hosts: u32, repeats: u32, at: impl Fn(i64) -> i64) -> Story {
    let mut story = Story::default();
    for n in 0..hosts {
        for turn in 0..if n == 0 { repeats } else { 1 } {
            let arp = Arp {
                mac: [2, 0, 0, 0, 0, world.who as u8],
                sender: addr(&world.me()),
                target: addr(&world.target(n)),
            };
            story.act(at(n.into()) + i64::from(turn), move |scene, at| {
                scene.event(at, Body::Arp(arp));
            });
        }
    }
    story
}

fn asked(world: &World, hosts: u32) -> Story {
    arps(world, hosts, 1, |n| n * 100)
}

fn asked_again(world: &World, repeats: u32) -> Story {
    arps(world, 16, repeats, |n| n * 100)
}

fn asked_within(world: &World, ms: u32) -> Story {
    arps(world, 16, 1, |n| n * i64::from(ms) / 15)
}
