use super::*;
use crate::plan::testing::{World, running, wanted};
use crate::request::{Options, Services};

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
