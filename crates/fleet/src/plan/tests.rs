use std::collections::BTreeSet;
use std::net::Ipv4Addr;

use model::fleet::{DeckySpec, Driver, Egress};
use proptest::prelude::*;

use super::testing::{World, ip, running, wanted};
use super::*;
use crate::coerce::Given;
use crate::request::{Distros, Flags, IpStrategy, Services, Wanted};

// === what a decky is ===

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

// === services and distros ===

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

// === addresses ===

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

// === planning again ===

#[test]
fn planning_again_changes_nothing() {
    let mut world = World::new();
    let request = || vec![wanted("a"), running("b", &["ssh", "ftp"])];
    let mut first = world.plan(request()).unwrap().fleet.deckies;
    first[0].machine.keys.ssh_rsa = "kept".into();
    first[0].machine.generation = 9;
    world.existing = first.clone();
    assert_eq!(world.plan(request()).unwrap().fleet.deckies, first);
}

#[test]
fn a_decky_stays_what_it_is_when_others_are_put_before_it() {
    let mut world = World::new();
    world.existing = world.plan(vec![wanted("m"), wanted("n")]).unwrap().fleet.deckies;
    let mut again = world
        .plan(vec![wanted("a"), wanted("m"), wanted("b"), wanted("n")])
        .unwrap()
        .fleet
        .deckies;
    again.retain(|decky| ["m", "n"].contains(&decky.name.as_str()));
    assert_eq!(again, world.existing);
}

#[test]
fn a_change_raises_the_generation_and_keeps_the_rest() {
    let mut world = World::new();
    world.existing = world.plan(vec![running("a", &["ssh"])]).unwrap().fleet.deckies;
    let before = world.existing[0].clone();
    let after = &world.plan(vec![running("a", &["ssh", "redis"])]).unwrap().fleet.deckies[0];
    assert_eq!(after.machine.generation, 2);
    assert_eq!(
        (after.ip, &after.mac, &after.machine.hostname),
        (before.ip, &before.mac, &before.machine.hostname)
    );
    assert_eq!(
        (&after.machine.users, &after.machine.seed),
        (&before.machine.users, &before.machine.seed)
    );
    assert_eq!(
        after.container_hash(),
        before.container_hash(),
        "a service more needs no new container"
    );
}

#[test]
fn what_conflicts_is_planned_anew() {
    let mut world = World::new();
    world.existing = world.plan(vec![running("a", &["ssh"])]).unwrap().fleet.deckies;
    let before = world.existing[0].clone();
    let taken = vec![
        running("a", &["ssh"]),
        Wanted {
            ip: Some(before.ip),
            ..wanted("b")
        },
    ];
    assert_ne!(world.plan(taken).unwrap().fleet.deckies[0].ip, before.ip);
    world.network.subnet = "10.30.0.0/24".parse().unwrap();
    assert!(
        world
            .network
            .subnet
            .contains(&world.plan(vec![running("a", &["ssh"])]).unwrap().fleet.deckies[0].ip)
    );
    let renamed = set(
        running("a", &["ssh"]),
        &[("ssh", "hostname", before.machine.hostname.as_str())],
    );
    let mut other = world.plan(vec![running("b", &["ssh"])]).unwrap().fleet.deckies;
    other[0].machine.hostname = before.machine.hostname.clone();
    world.existing = other;
    let planned = world.plan(vec![renamed, running("b", &["ssh"])]).unwrap().fleet.deckies;
    assert_ne!(planned[1].machine.hostname, before.machine.hostname);
    assert_eq!(planned[0].machine.hostname, before.machine.hostname);
}

#[test]
fn a_decky_of_another_kind_gets_another_name_and_card() {
    let mut world = World::new();
    let of = |archetype: &str| {
        vec![Wanted {
            archetype: Some(archetype.into()),
            services: Services::Archetype,
            ..wanted("a")
        }]
    };
    world.existing = world.plan(of("printer")).unwrap().fleet.deckies;
    let after = &world.plan(of("iot-device")).unwrap().fleet.deckies[0];
    assert_ne!(after.machine.hostname, world.existing[0].machine.hostname);
    assert_ne!(after.mac, world.existing[0].mac);
    assert_eq!(after.machine.seed, world.existing[0].machine.seed);
}

#[test]
fn a_certificate_is_made_again_when_the_name_in_it_changes() {
    let mut world = World::new();
    world.existing = world.plan(vec![running("a", &["https"])]).unwrap().fleet.deckies;
    let keys = &mut world.existing[0].machine.keys;
    (keys.ssh_rsa, keys.tls_cert, keys.tls_key) = ("r".into(), "c".into(), "k".into());
    let keys = |config: &[(&str, &str, &str)]| {
        world
            .plan(vec![set(running("a", &["https"]), config)])
            .unwrap()
            .fleet
            .deckies[0]
            .machine
            .keys
            .clone()
    };
    assert_eq!(keys(&[]), world.existing[0].machine.keys);
    let renamed = keys(&[("https", "tls_cn", "www.corp.lan")]);
    assert_eq!(
        (&*renamed.ssh_rsa, &*renamed.tls_cert, &*renamed.tls_key),
        ("r", "", "")
    );
}

#[test]
fn a_certificate_the_operator_brings_is_used_until_it_is_taken_away() {
    let mut world = World::new();
    let key = rcgen::KeyPair::generate().unwrap();
    let cert = rcgen::CertificateParams::new(vec!["x".to_owned()])
        .unwrap()
        .self_signed(&key)
        .unwrap()
        .pem();
    let key = key.serialize_pem();
    let config: &[(&str, &str, &str)] = &[("https", "tls_cert", &cert), ("https", "tls_key", &key)];
    world.existing = world
        .plan(vec![set(running("a", &["https"]), config)])
        .unwrap()
        .fleet
        .deckies;
    let machine = &world.existing[0].machine;
    assert_eq!((&machine.keys.tls_cert, &machine.keys.tls_key), (&cert, &key));
    assert!(!machine.services[0].config.contains_key("tls_key"));
    assert_eq!(
        world.plan(vec![running("a", &["https"])]).unwrap().fleet.deckies[0]
            .machine
            .keys
            .tls_cert,
        ""
    );
    for half in [&config[..1], &config[1..], &[config[0], ("https", "tls_key", "no key")]] {
        let found = world.plan(vec![set(running("a", &["https"]), half)]).unwrap_err();
        assert_eq!(codes(&found), ["E_CONFIG_VALUE"]);
        assert!(!found.to_string().contains("PRIVATE"), "{found}");
    }
}

#[test]
fn an_additive_plan_leaves_the_others_alone() {
    let mut world = World::new();
    world.existing = world.plan(vec![wanted("a"), wanted("b")]).unwrap().fleet.deckies;
    let options = || Options {
        additive: true,
        ..Options::default()
    };
    let planned = world.plan_with(vec![wanted("c")], options()).unwrap().fleet.deckies;
    assert_eq!(planned[..2], world.existing[..]);
    assert_eq!(ips(&planned[2..]), ["10.20.0.5"]);
    let replaced = world.plan(vec![wanted("c")]).unwrap().fleet.deckies;
    assert_eq!(replaced.len(), 1);
    let taken = vec![Wanted {
        ip: Some(world.existing[0].ip),
        ..wanted("c")
    }];
    assert_eq!(
        codes(&world.plan_with(taken, options()).unwrap_err()),
        ["E_IP_DUPLICATE"]
    );
}

// === limits and names ===

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

// === helpers ===

fn codes(found: &Diagnostics) -> Vec<&'static str> {
    found.iter().map(|diagnostic| diagnostic.code).collect()
}

fn slugs(decky: &DeckySpec) -> Vec<&str> {
    decky
        .machine
        .services
        .iter()
        .map(|service| service.slug.as_str())
        .collect()
}

fn services_of(deckies: &[DeckySpec]) -> Vec<Vec<&str>> {
    deckies.iter().map(slugs).collect()
}

fn ips(deckies: &[DeckySpec]) -> Vec<String> {
    deckies.iter().map(|decky| decky.ip.to_string()).collect()
}

fn set(mut wanted: Wanted, config: &[(&str, &str, &str)]) -> Wanted {
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
fn on_port(catalogue: &Catalogue, slug: &str, port: u16) -> Catalogue {
    let mut service = catalogue.service(slug).unwrap().clone();
    service.ports[0].port = port;
    let source = crate::catalogue::Source {
        shown: "test.yaml".into(),
        text: serde_json::to_string(&service).unwrap(),
    };
    Catalogue::from_sources([(format!("services/{slug}/service.yaml"), source)].into()).unwrap()
}
