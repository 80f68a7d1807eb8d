//! Networks on a real engine and a real kernel.
#![allow(clippy::unwrap_used)]

mod rig;

use std::net::{Ipv4Addr, TcpStream};
use std::sync::Mutex;

use engine::containers::As;
use engine::{Error, Kind, Networks, Scope};
use model::fleet::{Driver, NetworkSpec};
use rig::{Rig, run};

/// These tests compare the host before and after, so they take turns.
static HOST: Mutex<()> = Mutex::new(());

#[tokio::test]
#[allow(clippy::await_holding_lock)]
async fn a_network_is_made_once_reused_and_leaves_nothing_behind() {
    let _turn = HOST.lock().unwrap_or_else(|e| e.into_inner());
    let before = rig::host_state(&["eng", "10.213.", "10.214.", "dn-try"]);
    let rig = Rig::new("net", 31).await;
    let first = rig.networks.find().await.unwrap().unwrap();
    let again = rig.networks.ensure(&rig.lan(), false).await.unwrap();
    assert_eq!((again.network.id.as_str(), again.is_new), (first.id.as_str(), false));
    assert!(run("nft", &["list", "tables"]).contains("decnet_eng_net"));
    rig.end().await;
    assert_eq!(rig::host_state(&["eng", "10.213.", "10.214.", "dn-try"]), before);
}

#[tokio::test]
#[allow(clippy::await_holding_lock)]
async fn a_network_that_must_change_under_running_machines_is_refused_until_allowed() {
    let _turn = HOST.lock().unwrap_or_else(|e| e.into_inner());
    let rig = Rig::new("drift", 32).await;
    rig.up(&rig.spec("eng-drift", 5, &[80]), &rig.wall(&[])).await;
    let other = NetworkSpec {
        subnet: "10.213.132.0/24".parse().unwrap(),
        gateway: None,
        ..rig.lan()
    };
    let refused = rig.networks.ensure(&other, false).await.unwrap_err();
    assert_eq!(refused.kind(), Kind::Conflict);
    assert!(refused.to_string().contains("10.213.32.0/24") && refused.to_string().contains("10.213.132.0/24"));
    assert!(rig.networks.ensure(&other, true).await.unwrap().is_new);
    rig.end().await;
}

#[tokio::test]
#[allow(clippy::await_holding_lock)]
async fn a_taken_subnet_is_refused_by_the_name_of_what_takes_it() {
    let _turn = HOST.lock().unwrap_or_else(|e| e.into_inner());
    let rig = Rig::new("taken", 33).await;
    let other = Networks::new(rig.docker.clone(), Scope::named("eng-taken2"));
    let wanted = NetworkSpec {
        name: "eng-taken2".to_owned(),
        subnet: "10.213.33.128/25".parse().unwrap(),
        gateway: None,
        ..rig.lan()
    };
    let error = other.ensure(&wanted, false).await.unwrap_err();
    assert!(
        error
            .to_string()
            .contains("Docker's network eng-taken uses 10.213.33.0/24"),
        "{error}"
    );
    let docker0 = NetworkSpec {
        subnet: "172.17.9.0/24".parse().unwrap(),
        ..wanted.clone()
    };
    assert!(matches!(
        other.ensure(&docker0, false).await.unwrap_err(),
        Error::SubnetTaken { .. }
    ));
    let free = other.free_subnet().await.unwrap();
    let wanted = NetworkSpec { subnet: free, ..wanted };
    assert!(
        other.ensure(&wanted, false).await.unwrap().is_new,
        "a free subnet is free"
    );
    other.remove().await.unwrap();
    rig.end().await;
}

#[tokio::test]
#[allow(clippy::await_holding_lock)]
async fn machines_on_macvlan_are_reached_by_the_host_through_its_helper() {
    let _turn = HOST.lock().unwrap_or_else(|e| e.into_inner());
    let parent = Parent::new("engmv", "10.214.34.1/24");
    let before = rig::host_state(&["eng", "10.213.", "10.214.", "dn-try"]);
    let rig = Rig::new("macvlan", 34).await;
    rig.networks.remove().await.unwrap();
    let lan = parent.lan(Driver::Macvlan, "10.214.34.0/24");
    let made = rig
        .networks
        .ensure(
            &NetworkSpec {
                name: rig.network.clone(),
                ..lan.clone()
            },
            false,
        )
        .await
        .unwrap();
    assert_eq!(
        (made.network.driver.as_str(), made.network.parent.as_deref()),
        ("macvlan", Some("engmv0"))
    );

    let spec = rig::spec("eng-macvlan", Ipv4Addr::new(10, 214, 34, 7), &rig.base, &[80]);
    let up = rig.up(&spec, &rig.wall(&[])).await;
    for _ in 0..2 {
        rig.networks.reach(&made.network, &[up.ip]).await.unwrap();
    }
    TcpStream::connect((up.ip, 80)).unwrap();
    let row = run("ip", &["neighbour", "show", &up.ip.to_string()]);
    assert!(row.contains(&spec.mac), "{row}");

    rig.networks.reach(&made.network, &[]).await.unwrap();
    assert!(
        !run("ip", &["route"]).contains("10.214.34.7"),
        "the route goes with the decky"
    );
    rig.end().await;
    assert_eq!(rig::host_state(&["eng", "10.213.", "10.214.", "dn-try"]), before);
}

#[tokio::test]
#[allow(clippy::await_holding_lock)]
async fn what_the_kernel_or_the_host_lacks_is_said_before_anything_is_made() {
    let _turn = HOST.lock().unwrap_or_else(|e| e.into_inner());
    let parent = Parent::new("engpf", "10.214.35.1/24");
    let rig = Rig::new("preflight", 35).await;
    rig.networks.remove().await.unwrap();
    let before = rig::host_state(&["eng", "10.213.", "10.214.", "dn-try"]);
    let ask = async |lan: NetworkSpec| rig.networks.ensure(&lan, false).await;

    let missing = NetworkSpec {
        parent: Some("nic9".to_owned()),
        ..parent.lan(Driver::Macvlan, "10.214.35.0/24")
    };
    assert!(matches!(ask(missing).await.unwrap_err(), Error::NoSuchLink { .. }));
    let outside = NetworkSpec {
        gateway: Some(Ipv4Addr::new(10, 9, 9, 9)),
        ..parent.lan(Driver::Macvlan, "10.214.35.0/24")
    };
    assert!(matches!(ask(outside).await.unwrap_err(), Error::GatewayOutside { .. }));
    // A kernel with ipvlan takes it; one without says so before Docker would fail at the first start.
    match ask(parent.lan(Driver::Ipvlan, "10.214.35.0/24")).await {
        Ok(made) => assert_eq!(made.network.driver, "ipvlan"),
        Err(error) => assert!(error.to_string().contains("this kernel has no ipvlan"), "{error}"),
    }
    rig.networks.remove().await.unwrap();
    assert_eq!(rig::host_state(&["eng", "10.213.", "10.214.", "dn-try"]), before);
    rig.end().await;
}

#[tokio::test]
#[allow(clippy::await_holding_lock)]
async fn addresses_that_answer_on_the_segment_are_found() {
    let _turn = HOST.lock().unwrap_or_else(|e| e.into_inner());
    let rig = Rig::new("probe", 36).await;
    let up = rig.up(&rig.spec("eng-probe", 5, &[80]), &rig.wall(&[])).await;
    let bridge = format!("br-{}", &rig.networks.find().await.unwrap().unwrap().id[..12]);
    let candidates = [Ipv4Addr::new(10, 213, 36, 4), up.ip, Ipv4Addr::new(10, 213, 36, 6)];
    assert_eq!(rig.networks.answering(&bridge, &candidates).await.unwrap(), [up.ip]);
    rig.end().await;
}

#[tokio::test]
#[allow(clippy::await_holding_lock)]
async fn machines_on_a_bridge_start_nothing_towards_the_host_even_without_their_own_wall() {
    let _turn = HOST.lock().unwrap_or_else(|e| e.into_inner());
    let rig = Rig::new("hostwall", 37).await;
    let spec = rig.spec("eng-hostwall", 5, &[80]);
    let image = rig.images.with_decoy(&rig.base, &rig::machine()).await.unwrap();
    let id = rig
        .containers
        .create(&spec, &image, &rig.network, &spec.sysctls, As::Itself)
        .await
        .unwrap();
    rig.containers.start(&id, &spec.name).await.unwrap();
    let up = rig::Up {
        id,
        name: spec.name.clone(),
        ip: spec.ip,
    };
    let on_host = std::net::TcpListener::bind((rig.gateway, 0)).unwrap();
    let host = on_host.local_addr().unwrap().to_string();
    assert_eq!(rig.inside(&up, &["tcp", &host]).await, "TimedOut");
    rig.end().await;
}

/// One end of a virtual cable as the host's network card; gone when dropped.
struct Parent(String);

impl Parent {
    fn new(name: &str, address: &str) -> Self {
        let (near, far) = (format!("{name}0"), format!("{name}1"));
        let _ = std::process::Command::new("ip").args(["link", "del", &near]).output();
        run("ip", &["link", "add", &near, "type", "veth", "peer", "name", &far]);
        for end in [&near, &far] {
            run("ip", &["link", "set", end, "up"]);
        }
        run("ip", &["address", "add", address, "dev", &near]);
        Self(near)
    }

    fn lan(&self, driver: Driver, subnet: &str) -> NetworkSpec {
        NetworkSpec {
            name: format!("{}-lan", self.0),
            driver,
            parent: Some(self.0.clone()),
            subnet: subnet.parse().unwrap(),
            gateway: None,
        }
    }
}

impl Drop for Parent {
    fn drop(&mut self) {
        let _ = std::process::Command::new("ip").args(["link", "del", &self.0]).output();
    }
}
