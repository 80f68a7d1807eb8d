//! One machine on a real engine: what it is given, and the wall around it.

#![allow(clippy::unwrap_used)]

mod rig;

use std::io::Read as _;
use std::net::{TcpListener, TcpStream};
use std::time::Duration;

use engine::Error;
use engine::containers::As;
use model::fleet::Egress;
use rig::Rig;
use tokio::sync::mpsc;

#[tokio::test]
async fn a_machine_has_the_address_name_and_limits_of_its_spec() {
    let rig = Rig::new("given", 11).await;
    let spec = rig.spec("eng-given", 5, &[80]);
    let up = rig.up(&spec, &rig.wall(&[])).await;

    let mac = rig.inside(&up, &["cat", "/sys/class/net/eth0/address"]).await;
    assert_eq!(mac, spec.mac);
    assert_eq!(rig.inside(&up, &["cat", "/proc/sys/kernel/hostname"]).await, "web-17");
    assert_eq!(
        rig.inside(&up, &["cat", "/proc/sys/net/ipv4/ip_default_ttl"]).await,
        "128"
    );
    assert_eq!(
        rig.inside(&up, &["cat", "/proc/sys/net/ipv4/ip_unprivileged_port_start"])
            .await,
        "0"
    );
    // CHOWN DAC_OVERRIDE FOWNER FSETID KILL SETGID SETUID NET_BIND_SERVICE SYS_CHROOT AUDIT_WRITE
    let status = rig.inside(&up, &["cat", "/proc/self/status"]).await;
    assert!(status.contains("CapBnd:\t00000000200404fb"), "{status}");

    let seen = rig
        .raw
        .inspect_container(&up.id, None::<bollard::query_parameters::InspectContainerOptions>)
        .await;
    let host = seen.unwrap().host_config.unwrap();
    assert_eq!((host.memory, host.memory_swap), (Some(384 << 20), Some(384 << 20)));
    assert_eq!((host.pids_limit, host.nano_cpus), (Some(256), Some(500_000_000)));
    assert_eq!(host.ipc_mode.as_deref(), Some("private"));
    let listed = rig.containers.list().await.unwrap();
    assert_eq!(listed.len(), 1);
    assert_eq!(
        (listed[0].spec_hash.clone(), listed[0].ip),
        (spec.spec_hash(), Some(spec.ip))
    );
    rig.end().await;
}

#[tokio::test]
async fn the_vendor_address_is_what_others_see_on_the_wire() {
    let rig = Rig::new("wire", 12).await;
    let spec = rig.spec("eng-wire", 5, &[80]);
    let up = rig.up(&spec, &rig.wall(&[])).await;
    TcpStream::connect((up.ip, 80)).unwrap();
    let neighbours = std::fs::read_to_string("/proc/net/arp").unwrap();
    let row = neighbours
        .lines()
        .find(|row| row.starts_with(&format!("{} ", up.ip)))
        .unwrap();
    assert!(row.contains(&spec.mac), "{row}");
    rig.end().await;
}

#[tokio::test]
async fn nothing_listens_before_the_wall_stands() {
    let rig = Rig::new("order", 13).await;
    let spec = rig.spec("eng-order", 5, &[80]);
    let image = rig.images.with_decoy(&rig.base, &rig::machine()).await.unwrap();
    let sysctls = rig.containers.sysctls(&spec.sysctls).await.unwrap();
    let id = rig
        .containers
        .create(&spec, &image, &rig.network, &sysctls, As::Itself)
        .await
        .unwrap();
    rig.containers.start(&id, &spec.name).await.unwrap();
    let ports = || spec.machine.services[0].ports.iter().copied();
    let closed = rig
        .containers
        .ready(&id, &spec.name, ports(), Duration::from_millis(300))
        .await
        .unwrap();
    assert_eq!(closed.len(), 1);
    rig.containers.wall(&id, &spec.name, &rig.wall(&[])).await.unwrap();
    rig.containers.go(&id, &spec.name).await.unwrap();
    assert!(
        rig.containers
            .ready(&id, &spec.name, ports(), rig::DEADLINE)
            .await
            .unwrap()
            .is_empty()
    );
    rig.end().await;
}

#[tokio::test]
async fn the_wall_lets_answers_and_neighbours_through_and_nothing_else() {
    let rig = Rig::new("wall", 14).await;
    let (a, b, c) = (
        rig.spec("eng-wall-a", 5, &[80]),
        rig.spec("eng-wall-b", 6, &[80]),
        rig.spec("eng-wall-c", 7, &[80]),
    );
    let wall = rig.wall(&[a.ip, b.ip]);
    let (a, b, c) = (
        rig.up(&a, &wall).await,
        rig.up(&b, &wall).await,
        rig.up(&c, &rig.wall(&[])).await,
    );
    let on_host = TcpListener::bind((rig.gateway, 0)).unwrap();
    let host = on_host.local_addr().unwrap().to_string();

    assert_eq!(greeting(&a), "hello");
    assert_eq!(rig.inside(&a, &["tcp", &format!("{}:80", b.ip)]).await, "open hello");
    assert_eq!(rig.inside(&a, &["tcp", "127.0.0.1:80"]).await, "open hello");
    assert_eq!(rig.inside(&a, &["tcp", &format!("{}:80", a.ip)]).await, "open hello");
    for stopped in [
        format!("{}:80", c.ip),
        host,
        "198.51.100.1:443".to_owned(),
        "169.254.169.254:80".to_owned(),
    ] {
        assert_eq!(rig.inside(&a, &["tcp", &stopped]).await, "TimedOut", "{stopped}");
    }
    assert_eq!(
        rig.inside(&a, &["udp", "198.51.100.1:53"]).await,
        "sent",
        "as if it was lost further on"
    );
    assert_eq!(rig.inside(&a, &["tcp", "127.0.0.11:53"]).await, "ConnectionRefused");
    assert_eq!(rig.inside(&a, &["udp", "127.0.0.11:53"]).await, "PermissionDenied");
    // The kernel's own answer to a port nobody listens on.
    assert_eq!(
        TcpStream::connect((a.ip, 81)).unwrap_err().kind(),
        std::io::ErrorKind::ConnectionRefused
    );
    rig.end().await;
}

#[tokio::test]
async fn a_machine_shows_no_socket_but_its_own() {
    let rig = Rig::new("ghost", 18).await;
    let up = rig.up(&rig.spec("eng-ghost", 5, &[80]), &rig.wall(&[])).await;
    for (table, rows) in [("tcp", 2), ("udp", 1)] {
        let table = rig.inside(&up, &["cat", &format!("/proc/net/{table}")]).await;
        assert_eq!(table.lines().count(), rows, "{table}");
    }
    rig.end().await;
}

#[tokio::test]
async fn an_open_machine_still_does_not_reach_the_host() {
    let rig = Rig::new("open", 15).await;
    let spec = rig.spec("eng-open", 5, &[80]);
    let other = rig.spec("eng-other", 6, &[80]);
    let up = rig
        .up(
            &spec,
            &engine::wall::Wall {
                egress: Egress::Open,
                ..rig.wall(&[])
            },
        )
        .await;
    let other = rig.up(&other, &rig.wall(&[])).await;
    let on_host = TcpListener::bind((rig.gateway, 0)).unwrap();
    assert_eq!(
        rig.inside(&up, &["tcp", &format!("{}:80", other.ip)]).await,
        "open hello"
    );
    assert_eq!(
        rig.inside(&up, &["tcp", &on_host.local_addr().unwrap().to_string()])
            .await,
        "TimedOut"
    );
    rig.end().await;
}

#[tokio::test]
async fn what_the_wall_stops_is_told_once_for_each_destination() {
    let rig = Rig::new("told", 16).await;
    let spec = rig.spec("eng-told", 5, &[80]);
    let up = rig.up(&spec, &rig.wall(&[])).await;
    let (tell, mut told) = mpsc::channel(16);
    let watch = rig.containers.watch(&up.id, &up.name, tell).await.unwrap();
    rig.inside(&up, &["udp", "198.51.100.7:4444", "3"]).await;
    let mut packets = 0;
    // A window may end between two packets: then they are two events.
    while packets < 3 {
        let (name, blocked) = tokio::time::timeout(rig::DEADLINE, told.recv()).await.unwrap().unwrap();
        assert_eq!(name, up.name);
        assert_eq!(
            (blocked.proto.as_ref(), blocked.dst_ip.to_string().as_str()),
            ("udp", "198.51.100.7")
        );
        assert_eq!(blocked.dst_port, 4444);
        packets += blocked.packets;
    }
    assert_eq!(packets, 3);
    drop(watch);
    assert!(
        tokio::time::timeout(rig::DEADLINE, told.recv())
            .await
            .unwrap()
            .is_none(),
        "the watch ends when dropped"
    );
    rig.end().await;
}

#[tokio::test]
async fn a_new_spec_takes_force_without_a_restart_and_a_refused_one_is_an_error() {
    let rig = Rig::new("sync", 17).await;
    let mut spec = rig.spec("eng-sync", 5, &[80]);
    let up = rig.up(&spec, &rig.wall(&[])).await;
    spec.machine.generation = 2;
    spec.machine.services[0].ports[0].port = 8080;
    rig.containers.sync(&up.id, &up.name, &spec.machine).await.unwrap();
    let ports = spec.machine.services[0].ports.iter().copied();
    assert!(
        rig.containers
            .ready(&up.id, &up.name, ports, rig::DEADLINE)
            .await
            .unwrap()
            .is_empty()
    );

    spec.machine.generation = 3;
    spec.machine.hostname = "refuse".to_owned();
    let refused = rig.containers.sync(&up.id, &up.name, &spec.machine).await.unwrap_err();
    assert!(
        matches!(&refused, Error::Refused { reason, .. } if reason == "no such thing"),
        "{refused}"
    );
    rig.end().await;
}

fn greeting(up: &rig::Up) -> String {
    let mut stream = TcpStream::connect((up.ip, 80)).unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    text
}
