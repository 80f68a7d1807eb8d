//! Values the unit tests share.

use std::net::Ipv4Addr;

use model::Name;
use model::fleet::{DeckySpec, Driver, Egress, FleetSpec, Limits, NetworkSpec};
use model::machine::{Keys, MachineSpec, Port, ServiceSpec, User};

/// A decky at 10.1.0.`last_byte` with one service on port 80.
pub(crate) fn spec(name: &str, last_byte: u8) -> DeckySpec {
    DeckySpec {
        name: Name::new(name).unwrap(),
        ip: Ipv4Addr::new(10, 1, 0, last_byte),
        mac: format!("f8:bc:12:00:00:{last_byte:02x}"),
        distro: "debian".to_owned(),
        image: "debian:bookworm-slim".to_owned(),
        archetype: None,
        nmap_os: "linux".to_owned(),
        sysctls: Default::default(),
        machine: MachineSpec {
            generation: 1,
            hostname: name.to_owned(),
            domain: String::new(),
            distro: "debian".to_owned(),
            seed: "00".repeat(32),
            users: vec![User {
                name: "root".to_owned(),
                password: String::new(),
                uid: 0,
                sudo: false,
            }],
            keys: Keys::default(),
            services: vec![ServiceSpec {
                slug: "http".to_owned(),
                ports: vec![Port {
                    port: 80,
                    proto: Default::default(),
                    tls: false,
                }],
                config: Default::default(),
                persona: Default::default(),
            }],
            unlink: Vec::new(),
            resolvers: Vec::new(),
        },
        egress: Egress::Strict,
        limits: Limits::default(),
        mutate_interval: None,
        last_mutated: None,
    }
}

/// These deckies on a bridge of 10.1.0.0/24.
pub(crate) fn fleet(deckies: &[DeckySpec]) -> FleetSpec {
    let network = NetworkSpec {
        name: "lan".to_owned(),
        driver: Driver::Bridge,
        parent: None,
        subnet: "10.1.0.0/24".parse().unwrap(),
        gateway: Some(Ipv4Addr::new(10, 1, 0, 1)),
    };
    FleetSpec {
        network,
        deckies: deckies.to_vec(),
    }
}
