use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;
use crate::plan::testing::{World, ip, running, wanted};
use crate::request::{Flags, IpStrategy, Options, Request, Services};

#[test]
fn an_archetype_goes_without_what_is_not_built_and_says_so() {
    let world = World::new();
    let of = |archetype: &str| {
        world.plan(vec![Wanted {
            archetype: Some(archetype.into()),
            services: Services::Archetype,
            ..wanted("a")
        }])
    };
    let planned = of("file-server").unwrap();
    assert_eq!(codes(&planned.warnings), ["W_ARCHETYPE_PARTIAL"]);
    assert!(
        planned.warnings.to_string().contains("goes without smb"),
        "{}",
        planned.warnings
    );
    assert_eq!(slugs(&planned.fleet.deckies[0]), ["ftp", "ssh"]);
    let found = of("voip-server").unwrap_err();
    assert_eq!(codes(&found), ["E_ARCHETYPE_NOT_BUILT"]);
    assert!(
        found.to_string().contains("(sip)") && found.to_string().contains("linux-server"),
        "{found}"
    );
    assert_eq!(codes(&of("mainframe").unwrap_err()), ["E_ARCHETYPE"]);
}

#[test]
fn unknown_unbuilt_and_clashing_services_are_refused_by_name() {
    let mut world = World::new();
    let refused = |world: &World, services: &[&str]| world.plan(vec![running("a", services)]).unwrap_err();
    assert_eq!(codes(&refused(&world, &["shh"])), ["E_SERVICE"]);
    assert!(refused(&world, &["shh"]).to_string().contains("did you mean `ssh`?"));
    assert_eq!(codes(&refused(&world, &["smb"])), ["E_SERVICE_NOT_BUILT"]);
    assert_eq!(codes(&refused(&world, &["sniffer"])), ["E_SERVICE_SINGLETON"]);
    assert_eq!(codes(&refused(&world, &[])), ["E_NO_SERVICES"]);
    assert_eq!(
        codes(&world.plan(vec![running("a", &["ssh", "SSH"])]).unwrap().warnings),
        ["W_SERVICE_TWICE"]
    );
    world.catalogue = on_port(&world.catalogue, "redis", 80);
    let found = refused(&world, &["http", "redis"]);
    assert_eq!(codes(&found), ["E_PORT_CONFLICT"]);
    assert!(
        found.to_string().contains("`http` and `redis` both need port 80/tcp"),
        "{found}"
    );
}

#[test]
fn distros_are_dealt_in_turn_from_the_list_the_archetype_or_all() {
    let world = World::new();
    let distros = |flags: Flags| -> Vec<String> {
        let request = Request::from_flags(&Flags { count: 4, ..flags }, Options::default(), &BTreeSet::new()).unwrap();
        world
            .plan_request(&request)
            .unwrap()
            .fleet
            .deckies
            .into_iter()
            .map(|decky| decky.distro)
            .collect()
    };
    let named = Flags {
        services: vec!["ssh".into()],
        distros: vec!["kali".into(), "arch".into()],
        ..Flags::default()
    };
    assert_eq!(distros(named), ["kali", "arch", "kali", "arch"]);
    let archetype = Flags {
        archetype: Some("web-server".into()),
        ..Flags::default()
    };
    assert_eq!(distros(archetype), ["debian", "ubuntu22", "ubuntu20", "debian"]);
    let all = Flags {
        services: vec!["ssh".into()],
        ..Flags::default()
    };
    assert_eq!(distros(all), ["debian", "ubuntu22", "ubuntu20", "rocky9"]);
}

#[test]
fn a_seed_makes_the_same_draws_and_another_seed_others() {
    let world = World::new();
    let drawn = |seed| {
        let flags = Flags {
            count: 8,
            randomize_services: true,
            randomize_distros: true,
            ..Flags::default()
        };
        let options = Options {
            seed,
            ..Options::default()
        };
        let planned = world
            .plan_request(&Request::from_flags(&flags, options, &BTreeSet::new()).unwrap())
            .unwrap();
        planned.fleet
    };
    assert_eq!(drawn(Some(1)), drawn(Some(1)));
    assert_eq!(drawn(None), drawn(None));
    assert_ne!(
        services_of(&drawn(Some(1)).deckies),
        services_of(&drawn(Some(2)).deckies)
    );
    let identities = |seed| {
        drawn(seed)
            .deckies
            .into_iter()
            .map(|decky| decky.machine.seed)
            .collect::<Vec<_>>()
    };
    assert_eq!(
        identities(Some(1)),
        identities(Some(2)),
        "a seed people may guess makes no identity"
    );
}

#[test]
fn draws_do_not_repeat_a_set_while_another_is_to_be_had() {
    let world = World::new();
    let planned = world.plan((0..8).map(|n| wanted(&format!("d{n}"))).collect()).unwrap();
    let sets: BTreeSet<_> = services_of(&planned.fleet.deckies).into_iter().collect();
    assert_eq!(sets.len(), 8);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn whatever_is_drawn_holds_no_conflict_no_singleton_and_no_number_twice(seed: u64, count in 1usize..60, scattered: bool) {
        let world = World::new();
        let ip_strategy = if scattered { IpStrategy::Scattered } else { IpStrategy::Sequential };
        let options = Options { seed: Some(seed), limit: 500, ip_strategy: Some(ip_strategy), ..Options::default() };
        let flags = Flags { count, randomize_services: true, randomize_distros: true, ..Flags::default() };
        let request = Request::from_flags(&flags, options, &BTreeSet::new()).unwrap();
        let deckies = world.plan_request(&request).unwrap().fleet.deckies;
        for decky in &deckies {
            let ports: Vec<_> = decky.machine.services.iter().flat_map(|s| s.ports.iter().map(|p| (p.port, p.proto))).collect();
            prop_assert_eq!(ports.iter().collect::<BTreeSet<_>>().len(), ports.len());
            prop_assert!((1..=3).contains(&decky.machine.services.len()));
            prop_assert!(slugs(decky).iter().all(|slug| world.catalogue.service(slug).is_ok()));
            prop_assert!(world.network.subnet.contains(&decky.ip) && decky.ip != ip("10.20.0.1") && decky.ip != ip("10.20.0.2"));
        }
        prop_assert_eq!(ips(&deckies).iter().collect::<BTreeSet<_>>().len(), count);
        prop_assert_eq!(world.plan_request(&request).unwrap().fleet.deckies, deckies);
    }
}
