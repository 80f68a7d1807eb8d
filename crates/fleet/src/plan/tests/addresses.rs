use std::collections::BTreeSet;
use std::net::Ipv4Addr;

use model::fleet::Driver;

use super::*;
use crate::plan::testing::{World, ip, wanted};
use crate::request::{IpStrategy, Options};

#[test]
fn addresses_go_up_from_the_first_and_skip_what_is_not_ours() {
    let mut world = World::new();
    world.taken = BTreeSet::from([ip("10.20.0.4")]);
    let options = || Options {
        exclude: vec!["10.20.0.6-8".parse().unwrap()],
        ..Options::default()
    };
    let deckies = || {
        vec![
            wanted("a"),
            Wanted {
                ip: Some(ip("10.20.0.3")),
                ..wanted("b")
            },
            wanted("c"),
        ]
    };
    let planned = world.plan_with(deckies(), options()).unwrap();
    assert_eq!(ips(&planned.fleet.deckies), ["10.20.0.5", "10.20.0.3", "10.20.0.9"]);
    let from = Options {
        ip_start: Some(ip("10.20.0.100")),
        ..options()
    };
    assert_eq!(
        ips(&world.plan_with(deckies(), from).unwrap().fleet.deckies),
        ["10.20.0.100", "10.20.0.3", "10.20.0.101"]
    );
    let outside = Options {
        ip_start: Some(ip("10.21.0.1")),
        ..options()
    };
    assert_eq!(codes(&world.plan_with(deckies(), outside).unwrap_err()), ["E_IP_START"]);
}

#[test]
fn a_subnet_too_small_says_how_many_were_found() {
    let world = World::new().subnet("10.20.0.0/30");
    let found = world.plan(vec![wanted("a")]).unwrap_err();
    assert_eq!(codes(&found), ["E_IP_SHORTAGE"]);
    assert!(
        found
            .to_string()
            .contains("10.20.0.0/30 has 0 free addresses of the 1 needed"),
        "{found}"
    );
    let found = World::new().subnet("10.20.0.0/31").plan(vec![wanted("a")]).unwrap_err();
    assert_eq!(codes(&found), ["E_SUBNET_SMALL"]);
}

#[test]
fn a_bridge_without_a_gateway_leaves_the_first_address_to_it() {
    let mut world = World::new();
    (world.network.driver, world.network.gateway) = (Driver::Bridge, None);
    world.host.clear();
    assert_eq!(
        ips(&world.plan(vec![wanted("a")]).unwrap().fleet.deckies),
        ["10.20.0.2"]
    );
}

#[test]
fn every_wrong_address_is_told_with_its_own_code() {
    let mut world = World::new();
    world.taken = BTreeSet::from([ip("10.20.0.50")]);
    for (asked, code) in [
        ("10.21.0.5", "E_IP_OUTSIDE"),
        ("10.20.0.0", "E_IP_NETWORK"),
        ("10.20.0.255", "E_IP_BROADCAST"),
        ("10.20.0.1", "E_IP_GATEWAY"),
        ("10.20.0.2", "E_IP_HOST"),
        ("10.20.0.50", "E_IP_ANSWERS"),
    ] {
        let at = || {
            vec![Wanted {
                ip: Some(ip(asked)),
                ..wanted("a")
            }]
        };
        let found = world.plan(at()).unwrap_err();
        assert_eq!(codes(&found), [code], "{asked}");
        assert!(found.iter().all(|diagnostic| diagnostic.help.is_some()));
        let forced = world.plan_with(
            at(),
            Options {
                force_ip: true,
                ..Options::default()
            },
        );
        assert_eq!(forced.is_ok(), code == "E_IP_ANSWERS", "{asked}");
    }
    let both = ["a", "b"]
        .map(|name| Wanted {
            ip: Some(ip("10.20.0.9")),
            ..wanted(name)
        })
        .to_vec();
    assert_eq!(codes(&world.plan(both).unwrap_err()), ["E_IP_DUPLICATE"]);
}

#[test]
fn scattered_addresses_do_not_move_when_others_come_and_go() {
    let world = World::new();
    let plan = |names: &[&str]| {
        let options = Options {
            ip_strategy: Some(IpStrategy::Scattered),
            ..Options::default()
        };
        let planned = world
            .plan_with(names.iter().map(|name| wanted(name)).collect(), options)
            .unwrap();
        planned
            .fleet
            .deckies
            .into_iter()
            .map(|decky| (decky.name.to_string(), decky.ip))
            .collect::<Vec<_>>()
    };
    let (few, many) = (plan(&["b"]), plan(&["a", "b", "c"]));
    assert!(many.contains(&few[0]), "{few:?} {many:?}");
    let mut sorted: Vec<Ipv4Addr> = many.iter().map(|(_, ip)| *ip).collect();
    sorted.sort();
    assert!(
        sorted
            .windows(2)
            .any(|pair| u32::from(pair[1]) - u32::from(pair[0]) > 2),
        "{sorted:?}"
    );
}
