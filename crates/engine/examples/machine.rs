//! One machine on Docker, for trying a decoy by hand.
//!
//!     machine up NAME IMAGE DECOY SPEC.json   a machine on a bridge of its own, from a `MachineSpec`; prints its address
//!     machine down NAME                       removes it with everything that was made for it
#![allow(clippy::print_stdout)]

use std::error::Error;
use std::net::Ipv4Addr;
use std::path::Path;
use std::time::Duration;

use engine::containers::As;
use engine::wall::Wall;
use engine::{Containers, Docker, Images, Networks, Scope};
use model::Name;
use model::fleet::{DeckySpec, Driver, Egress, Limits, NetworkSpec};
use model::machine::MachineSpec;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    match args[..] {
        ["up", name, image, decoy, spec] => up(name, image, Path::new(decoy), Path::new(spec)).await,
        ["down", name] => down(name).await,
        _ => Err("machine up NAME IMAGE DECOY SPEC.json | machine down NAME".into()),
    }
}

async fn up(name: &str, image: &str, decoy: &Path, spec: &Path) -> Result<(), Box<dyn Error>> {
    let machine: MachineSpec = serde_json::from_slice(&std::fs::read(spec)?)?;
    let (docker, scope) = (Docker::connect().await?, Scope::named(name));
    let (containers, networks) = (
        Containers::new(docker.clone(), scope.clone()),
        Networks::new(docker.clone(), scope.clone()),
    );

    let subnet = networks.free_subnet().await?;
    let [a, b, c, _] = subnet.network().octets();
    let (gateway, ip) = (Ipv4Addr::new(a, b, c, 1), Ipv4Addr::new(a, b, c, 10));
    let lan = NetworkSpec {
        name: name.to_owned(),
        driver: Driver::Bridge,
        parent: None,
        subnet,
        gateway: Some(gateway),
    };
    let network = networks.ensure(&lan, false).await?.network;

    let decky = DeckySpec {
        name: Name::new(name)?,
        ip,
        mac: "f8:bc:12:4e:02:1a".to_owned(),
        distro: machine.distro.clone(),
        image: image.to_owned(),
        archetype: None,
        nmap_os: "linux".to_owned(),
        sysctls: Default::default(),
        machine,
        egress: Egress::Strict,
        limits: Limits::default(),
        mutate_interval: None,
        last_mutated: None,
    };
    let image = Images::new(docker, scope).with_decoy(image, decoy).await?;
    let sysctls = containers.sysctls(&decky.sysctls).await?;
    let id = containers.create(&decky, &image, name, &sysctls, As::Itself).await?;
    containers.start(&id, &decky.name).await?;
    let wall = Wall {
        egress: decky.egress,
        scope: vec![ip],
        never: networks.never(network.gateway).await?,
        calls_back: false,
    };
    containers.wall(&id, &decky.name, &wall).await?;
    containers.go(&id, &decky.name).await?;
    let ports = decky.machine.services.iter().flat_map(|service| service.ports.clone());
    let closed = containers
        .ready(&id, &decky.name, ports, Duration::from_secs(30))
        .await?;
    println!("{ip} is up; closed: {closed:?}; events: docker logs {name}");
    Ok(())
}

async fn down(name: &str) -> Result<(), Box<dyn Error>> {
    let (docker, scope) = (Docker::connect().await?, Scope::named(name));
    let (containers, images) = (
        Containers::new(docker.clone(), scope.clone()),
        Images::new(docker.clone(), scope.clone()),
    );
    for container in containers.list().await? {
        containers.remove(&container.id, &container.decky).await?;
    }
    Networks::new(docker, scope).remove().await?;
    for image in images.list().await? {
        images.remove(&image.id).await?;
    }
    Ok(())
}
