//! On a pair of links in a network namespace of the test's own: needs root and `ip`.

use std::net::{SocketAddrV4, UdpSocket};
use std::process::Command;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use nix::sched::{CloneFlags, unshare};

use super::*;

const NEAR: &str = "cap0";
const FAR: &str = "cap1";
const HOST: Ipv4Addr = Ipv4Addr::new(10, 99, 0, 2);
const OTHER: Ipv4Addr = Ipv4Addr::new(10, 99, 0, 3);
const DEADLINE: Duration = Duration::from_secs(10);

/// Runs the test on a thread of its own, in a namespace of its own that has the two links.
fn on_a_wire(test: impl FnOnce() + Send + 'static) {
    let thread = std::thread::spawn(move || {
        unshare(CloneFlags::CLONE_NEWNET).expect("root may make a network namespace");
        ip(&format!("link add {NEAR} type veth peer name {FAR}"));
        for link in [NEAR, FAR] {
            // Else the kernel's own IPv6 would be on the wire too.
            std::fs::write(format!("/proc/sys/net/ipv6/conf/{link}/disable_ipv6"), "1").unwrap();
            ip(&format!("link set {link} up"));
        }
        ip(&format!("addr add 10.99.0.1/24 dev {NEAR}"));
        for host in [HOST, OTHER] {
            ip(&format!(
                "neigh add {host} lladdr 02:00:00:00:00:02 dev {NEAR} nud permanent"
            ));
        }
        test();
    });
    thread.join().expect("the test's thread");
}

fn ip(arguments: &str) {
    let ended = Command::new("ip")
        .args(arguments.split(' '))
        .status()
        .expect("`ip` is installed");
    assert!(ended.success(), "ip {arguments}");
}

fn send(from: &UdpSocket, to: Ipv4Addr, payload: &[u8]) {
    from.send_to(payload, SocketAddrV4::new(to, 9)).unwrap();
}

fn sender(from: Ipv4Addr) -> UdpSocket {
    UdpSocket::bind(SocketAddrV4::new(from, 0)).unwrap()
}

fn config() -> Config {
    let mut config = Config::new(FAR);
    config.hosts = Some(BTreeSet::from([HOST]));
    config.ring = 4 << 20;
    config
}

/// The last byte of each packet that comes until `count` are there.
fn receive(live: &mut Live, count: usize) -> Vec<u8> {
    let (mut seen, end) = (Vec::new(), Instant::now() + DEADLINE);
    while seen.len() < count && Instant::now() < end {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
        let patience = Duration::from_millis(100);
        live.read(patience, |packet| {
            let age = now.as_nanos().abs_diff(u128::from(packet.at));
            assert!(age < 60_000_000_000, "the time is the kernel's, and today's");
            assert_eq!(packet.link, link::ETHERNET);
            seen.push(packet.data[packet.data.len() - 1]);
        })
        .unwrap();
    }
    seen
}

#[test]
fn packets_of_the_hosts_come_with_the_kernels_time_and_others_do_not_come() {
    on_a_wire(|| {
        let mut live = Live::open(&config()).unwrap();
        assert_eq!(live.way(), "af_packet");
        let socket = sender(Ipv4Addr::new(10, 99, 0, 1));
        send(&socket, OTHER, b"1");
        send(&socket, HOST, b"2");
        assert_eq!(receive(&mut live, 1), b"2");
        live.watch(&BTreeSet::from([OTHER])).unwrap();
        send(&socket, HOST, b"3");
        send(&socket, OTHER, b"4");
        assert_eq!(receive(&mut live, 1), b"4");
        let counters = live.counters().unwrap();
        assert_eq!((counters.taken, counters.seen, counters.dropped), (2, 2, 0));
    });
}

#[test]
fn libpcap_does_the_same_where_it_has_to() {
    on_a_wire(|| {
        let filter = config().filter();
        let libpcap = Libpcap::open(FAR, 4_096, 4 << 20, &filter).expect("libpcap0.8 is installed");
        let mut live = Live {
            config: Config::new(FAR.to_owned()),
            way: Way::Libpcap(libpcap),
            counters: Counters::default(),
        };
        let socket = sender(Ipv4Addr::new(10, 99, 0, 1));
        send(&socket, OTHER, b"1");
        send(&socket, HOST, b"2");
        assert_eq!(receive(&mut live, 1), b"2");
        assert_eq!(live.counters().unwrap().dropped, 0);
    });
}

#[test]
fn what_is_lost_while_nobody_reads_is_counted() {
    on_a_wire(|| {
        let mut config = config();
        config.ring = 256 << 10;
        let mut live = Live::open(&config).unwrap();
        let socket = sender(Ipv4Addr::new(10, 99, 0, 1));
        let sent = 5_000;
        (0..sent).for_each(|_| send(&socket, HOST, &[0; 1_000]));
        let end = Instant::now() + DEADLINE;
        while live.counters().unwrap().seen < sent && Instant::now() < end {
            std::thread::yield_now();
        }
        while live.read(Duration::from_millis(50), |_| {}).unwrap() > 0 {}
        let counters = live.counters().unwrap();
        assert_eq!(counters.seen, sent);
        assert!(counters.dropped > 0, "{counters:?}");
        assert_eq!(counters.taken + counters.dropped, counters.seen, "{counters:?}");
    });
}

#[test]
fn sockets_of_a_group_share_the_peers_between_them() {
    on_a_wire(|| {
        let mut config = config();
        config.group = Some(77);
        let mut both = [Live::open(&config).unwrap(), Live::open(&config).unwrap()];
        let peers: Vec<_> = (10..42_u8).collect();
        for &peer in &peers {
            ip(&format!("addr add 10.99.0.{peer}/24 dev {NEAR}"));
        }
        for &peer in &peers {
            let socket = sender(Ipv4Addr::new(10, 99, 0, peer));
            (0..4).for_each(|_| send(&socket, HOST, &[peer]));
        }
        let mut of = [BTreeSet::new(), BTreeSet::new()];
        let (mut count, end) = (0, Instant::now() + DEADLINE);
        while count < peers.len() * 4 && Instant::now() < end {
            for (live, of) in both.iter_mut().zip(&mut of) {
                let took = live.read(Duration::from_millis(30), |packet| {
                    of.insert(packet.data[packet.data.len() - 1]);
                });
                count += took.unwrap() as usize;
            }
        }
        assert_eq!(count, peers.len() * 4);
        assert!(of[0].is_disjoint(&of[1]), "{of:?}");
        assert!(!of[0].is_empty() && !of[1].is_empty(), "{of:?}");
    });
}

#[test]
fn an_interface_that_is_not_there_is_said_by_name() {
    on_a_wire(|| {
        let error = Live::open(&Config::new("nowhere0")).unwrap_err();
        assert_eq!(
            error.to_string(),
            "cannot capture on `nowhere0`: there is no such interface; `ip link` lists them"
        );
        let mut live = Live::open(&config()).unwrap();
        ip(&format!("link del {FAR}"));
        let end = Instant::now() + DEADLINE;
        let error = loop {
            match live.read(Duration::from_millis(50), |_| {}) {
                Err(error) => break error,
                Ok(_) => assert!(Instant::now() < end, "an interface that has gone ends the capture"),
            }
        };
        assert!(error.to_string().starts_with("capturing on `cap1` stopped"), "{error}");
    });
}
