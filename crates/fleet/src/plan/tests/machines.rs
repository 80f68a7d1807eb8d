use std::collections::BTreeSet;

use model::fleet::{Driver, Egress, Limits};

use super::*;
use crate::plan::testing::{self, World, ip, running, wanted};
use crate::request::{Distros, Flags, Options, Request, Services};

#[test]
fn a_planned_decky_is_complete_but_for_its_keys() {
    let world = World::new();
    let planned = world.plan(vec![running("web-01", &["ssh", "https"])]).unwrap();
    assert!(planned.warnings.is_empty(), "{}", planned.warnings);
    let decky = &planned.fleet.deckies[0];
    assert_eq!((decky.name.as_str(), decky.ip), ("web-01", ip("10.20.0.3")));
    assert_eq!(
        (decky.distro.as_str(), decky.image.as_str()),
        ("debian", "debian:bookworm-slim")
    );
    assert_eq!(
        (
            decky.nmap_os.as_str(),
            decky.sysctls["net.ipv4.ip_default_ttl"].as_str()
        ),
        ("linux", "64")
    );
    assert_eq!(
        (decky.egress, decky.limits, decky.last_mutated),
        (Egress::Strict, Limits::default(), Some(testing::NOW))
    );
    let machine = &decky.machine;
    assert_eq!(
        (machine.generation, &machine.unlink[..], &machine.resolvers[..]),
        (1, &["/.dockerenv".to_owned()][..], &["10.20.0.1".to_owned()][..])
    );
    let slugs: Vec<_> = machine.services.iter().map(|service| service.slug.as_str()).collect();
    assert_eq!(slugs, ["ssh", "https"]);
    assert!(machine.services.iter().all(|service| service.text("product").is_some()));
    assert_eq!(machine.users.iter().map(|user| user.uid).collect::<Vec<_>>(), [0, 1000]);
    assert!(crate::identity::lacks_keys(decky));
}

#[test]
fn nothing_an_attacker_sees_gives_the_machine_away() {
    let world = World::new();
    let flags = Flags {
        count: 200,
        randomize_services: true,
        randomize_distros: true,
        ..Flags::default()
    };
    let options = Options {
        limit: 500,
        ..Options::default()
    };
    let planned = world
        .plan_request(&Request::from_flags(&flags, options, &BTreeSet::new()).unwrap())
        .unwrap();
    for decky in &planned.fleet.deckies {
        let mut machine = decky.machine.clone();
        machine.unlink.clear();
        // It is what it says it is.
        machine.services.retain(|service| service.slug != "docker_api");
        let text = serde_json::to_string(&machine).unwrap().to_lowercase();
        for tell in ["decky", "decnet", "honeypot", "docker"] {
            assert!(!text.contains(tell), "{tell} in {text}");
        }
    }
    let each = |of: fn(&DeckySpec) -> String| planned.fleet.deckies.iter().map(of).collect::<BTreeSet<_>>().len();
    assert_eq!(each(|decky| decky.ip.to_string()), 200);
    assert_eq!(each(|decky| decky.mac.clone()), 200);
    assert_eq!(each(|decky| decky.machine.hostname.to_lowercase()), 200);
    assert_eq!(each(|decky| decky.machine.seed.clone()), 200);
    assert!(each(|decky| decky.machine.users[0].password.clone()) > 20);
}

#[test]
fn names_and_cards_fit_the_archetype() {
    let world = World::new();
    let printer = Wanted {
        archetype: Some("printer".into()),
        services: Services::Archetype,
        ..wanted("p")
    };
    let planned = world.plan(vec![printer]).unwrap();
    let decky = &planned.fleet.deckies[0];
    assert!(decky.machine.hostname.contains("PRN"), "{}", decky.machine.hostname);
    assert!(
        decky.mac.starts_with("3c:d9:2b") || decky.mac.starts_with("00:80:77"),
        "{}",
        decky.mac
    );
    assert_eq!((decky.distro.as_str(), decky.nmap_os.as_str()), ("alpine", "embedded"));
    assert_eq!(decky.limits.memory_mib, 128, "a machine without a shell needs less");
    let windows = Wanted {
        nmap_os: Some("windows_server".into()),
        ..running("w", &["http"])
    };
    let planned = world.plan(vec![windows]).unwrap();
    assert!(planned.fleet.deckies[0].machine.hostname.len() <= 15);
    assert_eq!(planned.fleet.deckies[0].sysctls["net.ipv4.ip_default_ttl"], "128");
}

#[test]
fn two_services_of_one_machine_claim_one_product() {
    let world = World::new();
    for n in 0..20 {
        let planned = world.plan(vec![running(&format!("w{n}"), &["http", "https"])]).unwrap();
        let services = &planned.fleet.deckies[0].machine.services;
        assert_eq!(services[0].persona["id"], services[1].persona["id"]);
    }
}

#[test]
fn the_operators_accounts_become_the_machines_and_leave_the_service() {
    let world = World::new();
    let planned = world
        .plan(vec![set(
            running("a", &["ssh", "telnet"]),
            &[
                ("ssh", "password", "hunter2"),
                ("telnet", "password", "hunter2"),
                ("ssh", "users", "bob:b"),
            ],
        )])
        .unwrap();
    let machine = &planned.fleet.deckies[0].machine;
    assert_eq!(machine.users[0].password, "hunter2");
    assert_eq!(
        (machine.users[2].name.as_str(), machine.users[2].password.as_str()),
        ("bob", "b")
    );
    assert!(machine.services.iter().all(|service| service.config.is_empty()));
    let found = world
        .plan(vec![set(
            running("a", &["ssh", "telnet"]),
            &[("ssh", "password", "x"), ("telnet", "password", "y")],
        )])
        .unwrap_err();
    assert_eq!(codes(&found), ["E_CONFIG_CONFLICT"]);
}

#[test]
fn settings_of_a_service_the_decky_does_not_run_are_named_and_ignored() {
    let world = World::new();
    let planned = world
        .plan(vec![set(running("a", &["ssh"]), &[("redis", "version", "6")])])
        .unwrap();
    assert_eq!(codes(&planned.warnings), ["W_CONFIG_UNUSED"]);
}

#[test]
fn more_than_the_limit_needs_insisting() {
    let world = World::new();
    let many = || (0..11).map(|n| wanted(&format!("d{n}"))).collect::<Vec<_>>();
    assert_eq!(codes(&world.plan(many()).unwrap_err()), ["E_LIMIT"]);
    assert!(
        world
            .plan_with(
                many(),
                Options {
                    limit: Options::MAX_LIMIT,
                    ..Options::default()
                }
            )
            .is_ok()
    );
    assert_eq!(codes(&world.plan(Vec::new()).unwrap_err()), ["E_NO_DECKIES"]);
}

#[test]
fn names_and_cards_asked_for_twice_or_wrongly_are_told() {
    let world = World::new();
    let two = |change: fn(&mut Wanted)| {
        let mut both = vec![wanted("a"), wanted("b")];
        both.iter_mut().for_each(change);
        codes(&world.plan(both).unwrap_err())
    };
    assert_eq!(two(|w| w.hostname = Some("web17".into())), ["E_HOSTNAME_TAKEN"]);
    assert_eq!(two(|w| w.mac = Some("00:50:56:01:02:03".into())), ["E_MAC_TAKEN"]);
    let one = |change: fn(&mut Wanted)| {
        let mut one = wanted("a");
        change(&mut one);
        codes(&world.plan(vec![one]).unwrap_err())
    };
    assert_eq!(one(|w| w.hostname = Some("Decky-3".into())), ["E_HOSTNAME"]);
    assert_eq!(one(|w| w.hostname = Some("no name".into())), ["E_HOSTNAME"]);
    assert_eq!(
        one(|w| (w.hostname, w.nmap_os) = (Some("much-too-long-for-it".into()), Some("windows".into()))),
        ["E_HOSTNAME"]
    );
    assert_eq!(one(|w| w.mac = Some("01:00:5e:00:00:01".into())), ["E_MAC"]);
    assert_eq!(one(|w| w.nmap_os = Some("plan9".into())), ["E_OS"]);
    assert_eq!(
        one(|w| w.distros = Distros::Named(vec!["slackware".into()])),
        ["E_DISTRO"]
    );
    let named = Wanted {
        hostname: Some("web17.corp.lan".into()),
        ..wanted("a")
    };
    let machine = world.plan(vec![named]).unwrap().fleet.deckies.remove(0).machine;
    assert_eq!(
        (machine.hostname.as_str(), machine.domain.as_str()),
        ("web17", "corp.lan")
    );
}

#[test]
fn ipvlan_is_warned_of_once() {
    let mut world = World::new();
    world.network.driver = Driver::Ipvlan;
    assert_eq!(
        codes(&world.plan(vec![wanted("a"), wanted("b")]).unwrap().warnings),
        ["W_IPVLAN"]
    );
}
