//! Tools as people use them, over a wire of the test's own: two network namespaces and a pair of links between them.
//! Needs root, and the tools.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddrV4, TcpListener};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use capture::live::{Config, Live};
use nix::sched::{CloneFlags, setns};
use serde_json::Value;
use wire::link::LinkType;
use wire::time::Time;
use wire::watch::{Deckies, Decky, Limits, Observation, Watch};

const DECKY: Ipv4Addr = Ipv4Addr::new(10, 98, 0, 2);
const PEER: Ipv4Addr = Ipv4Addr::new(10, 98, 0, 1);
/// What comes later than this after the last command is not waited for.
const SETTLE: Duration = Duration::from_millis(300);
const TOOL_LIMIT: &str = "30";

/// Two hosts with a wire between them, gone with it.
struct Wire {
    peer: String,
    decky: String,
}

/// What a client is answered with, by port.
const ANSWERS: [(u16, &[u8]); 3] = [(22, b"SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n"), (80, b""), (443, b"")];

// === impl Wire ===

impl Wire {
    fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let id = format!("{:x}{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let wire = Self {
            peer: format!("sna{id}"),
            decky: format!("snb{id}"),
        };
        for (name, address) in [(&wire.peer, PEER), (&wire.decky, DECKY)] {
            ip(&format!("netns add {name}"));
            ip(&format!("-n {name} link set lo up"));
            if address == PEER {
                continue;
            }
            ip(&format!(
                "link add w0 netns {} type veth peer name w0 netns {}",
                wire.peer, wire.decky
            ));
        }
        for (name, address) in [(&wire.peer, PEER), (&wire.decky, DECKY)] {
            // What the kernels tell their neighbours over IPv6 is not what these tests are about.
            let quiet = "echo 1 > /proc/sys/net/ipv6/conf/w0/disable_ipv6";
            let done = Command::new("ip")
                .args(["netns", "exec", name, "sh", "-c", quiet])
                .status();
            assert!(done.is_ok_and(|done| done.success()), "{quiet}");
            ip(&format!("-n {name} addr add {address}/24 dev w0"));
            ip(&format!("-n {name} link set w0 up"));
        }
        wire
    }

    /// Runs `commands` on the peer one after the other, and tells what the wire showed.
    fn shows(&self, commands: &[&str]) -> Vec<Observation> {
        let over = Arc::new(AtomicBool::new(false));
        let ready = Arc::new(std::sync::Barrier::new(2));
        let (stop, start, decky) = (Arc::clone(&over), Arc::clone(&ready), self.decky.clone());
        let watching = std::thread::spawn(move || {
            enter(&decky);
            let servers = listen();
            let mut config = Config::new("w0");
            config.hosts = Some(BTreeSet::from([DECKY]));
            let mut live = Live::open(&config).expect("a capture on the wire");
            start.wait();
            let seen = watch(&mut live, &stop);
            drop(servers);
            seen
        });
        ready.wait();
        for command in commands {
            // How it ends is the tool's own matter: nobody finishes what it begins.
            let ended = Command::new("ip")
                .args(["netns", "exec", &self.peer, "timeout", TOOL_LIMIT, "sh", "-c", command])
                .stdin(Stdio::null())
                .output()
                .expect("`ip` runs");
            let said = String::from_utf8_lossy(&ended.stderr);
            assert!(!said.contains("not found"), "{command}: {said}");
        }
        std::thread::sleep(SETTLE);
        over.store(true, Ordering::Relaxed);
        watching.join().expect("the watching thread")
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        for name in [&self.peer, &self.decky] {
            let _ = Command::new("ip").args(["netns", "del", name]).status();
        }
    }
}

fn ip(arguments: &str) {
    let ended = Command::new("ip")
        .args(arguments.split(' '))
        .status()
        .expect("`ip` is installed");
    assert!(ended.success(), "ip {arguments}");
}

fn enter(namespace: &str) {
    let there = File::open(format!("/run/netns/{namespace}")).unwrap();
    setns(there, CloneFlags::CLONE_NEWNET).unwrap();
}

/// Servers that say their first word, hear one and hang up.
fn listen() -> Vec<Arc<AtomicBool>> {
    ANSWERS
        .iter()
        .map(|(port, answer)| {
            let listener = TcpListener::bind(SocketAddrV4::new(DECKY, *port)).unwrap();
            let alive = Arc::new(AtomicBool::new(true));
            std::thread::spawn(move || {
                for stream in listener.incoming() {
                    let Ok(mut stream) = stream else { continue };
                    std::thread::spawn(move || {
                        let _ = stream.set_read_timeout(Some(Duration::from_secs(1)));
                        let _ = stream.write_all(answer);
                        let mut heard = [0; 8_192];
                        // The second reading gives an SSH client time for its proposal.
                        let _ = stream.read(&mut heard).and_then(|_| stream.read(&mut heard));
                    });
                }
            });
            alive
        })
        .collect()
}

fn watch(live: &mut Live, over: &AtomicBool) -> Vec<Observation> {
    let mut deckies = Deckies::default();
    let decky = Arc::new(Decky {
        name: "web-01".to_owned(),
        hostname: None,
    });
    deckies.add(DECKY.into(), &decky);
    let mut watch = Watch::new(&Limits::default(), deckies);
    let mut seen = Vec::new();
    while !over.load(Ordering::Relaxed) {
        live.read(Duration::from_millis(50), |packet| {
            let link = LinkType::from_linktype(packet.link.into()).expect("Ethernet");
            watch.packet(Time(packet.at), link, packet.data, packet.length as usize, &mut seen);
        })
        .unwrap();
    }
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    watch.advance(Time(now.as_nanos() as u64), &mut seen);
    watch.finish(&mut seen);
    assert_eq!(live.counters().unwrap().dropped, 0);
    seen
}

/// Values of all observations of a kind.
fn of(seen: &[Observation], kind: &str) -> Vec<Value> {
    let those = seen.iter().filter(|one| one.kind() == kind);
    those.map(|one| serde_json::to_value(&one.details).unwrap()).collect()
}

fn texts(values: &[Value], field: &str) -> BTreeSet<String> {
    values
        .iter()
        .filter_map(|value| value[field].as_str().map(str::to_owned))
        .collect()
}

/// All that is told is the peer's doing, and the machine's; what it tells all its neighbours concerns none of them.
fn assert_attributed(seen: &[Observation]) {
    for one in seen {
        assert_eq!(one.source.0, PEER, "{one:?}");
        let decky = one.decky.as_ref().map(|decky| decky.name.as_str());
        let to_all = one.destination.0.is_multicast();
        assert_eq!(decky, (!to_all).then_some("web-01"), "{one:?}");
    }
}

#[test]
fn clients_are_known_by_what_they_say_first() {
    let wire = Wire::new();
    let seen = wire.shows(&[
        "curl -sk -m 2 https://10.98.0.2/",
        "curl -s -m 2 http://10.98.0.2/x",
        "openssl s_client -connect 10.98.0.2:443 -servername shop.test < /dev/null",
        "ssh -o BatchMode=yes -o ConnectTimeout=2 -o StrictHostKeyChecking=no root@10.98.0.2 true",
        "/usr/bin/python3 -c \"import requests; requests.get('http://10.98.0.2/y', timeout=2)\"",
        "/usr/bin/python3 -c \"import requests; requests.get('https://10.98.0.2/', timeout=2, verify=False)\"",
        "/usr/bin/python3 -c \"import paramiko; paramiko.Transport(('10.98.0.2', 22)).start_client(timeout=2)\"",
    ]);
    assert_attributed(&seen);
    let hellos = of(&seen, "tls_client_hello");
    assert!(hellos.iter().any(|hello| hello["sni"] == "shop.test"), "{hellos:#?}");
    let ja4 = texts(&hellos, "ja4");
    assert!(ja4.len() >= 3, "curl, openssl and python differ: {ja4:?}");
    assert!(ja4.iter().all(|ja4| ja4.starts_with("t13")), "{ja4:?}");
    let agents = texts(&of(&seen, "http_request_fingerprint"), "user_agent");
    assert!(agents.iter().any(|agent| agent.starts_with("curl/")), "{agents:?}");
    assert!(
        agents.iter().any(|agent| agent.starts_with("python-requests/")),
        "{agents:?}"
    );
    let banners = texts(&of(&seen, "ssh_client_banner"), "ssh_version");
    assert!(
        banners.iter().any(|banner| banner.starts_with("SSH-2.0-OpenSSH")),
        "{banners:?}"
    );
    assert!(
        banners.iter().any(|banner| banner.starts_with("SSH-2.0-paramiko")),
        "{banners:?}"
    );
    assert_eq!(
        texts(&of(&seen, "ssh_client_kex"), "hassh").len(),
        2,
        "OpenSSH and paramiko propose other things"
    );
    let syns = of(&seen, "tcp_syn_fingerprint");
    assert_eq!(
        texts(&syns, "os_guess"),
        BTreeSet::from(["linux".to_owned()]),
        "{syns:#?}"
    );
    let flows = of(&seen, "tcp_flow_timing");
    assert!(
        flows.iter().any(|flow| flow["handshake"] == "established"),
        "{flows:#?}"
    );
}

#[test]
fn scanners_are_named_by_the_packets_they_make() {
    for (command, names) in [
        ("nmap -n -Pn -sS -p 1-40 10.98.0.2", &["nmap_syn"][..]),
        ("nmap -n -Pn -sT -p 1-100 10.98.0.2", &["nmap_connect"]),
        ("nmap -n -Pn -O -p 22,80,443,9 10.98.0.2", &["nmap_os"]),
        (
            "masscan 10.98.0.2 -p 1-60 --rate 500 --wait 0 -e w0 --router-mac $(ip neigh show 10.98.0.2 | cut -d' ' -f5)",
            &["masscan"],
        ),
        ("hping3 -S -c 6 -i u20000 -p ++1 10.98.0.2", &["hping"]),
        (
            "/usr/bin/python3 -c \"from scapy.all import IP, TCP, send; \
             send([IP(dst='10.98.0.2') / TCP(dport=port) for port in (80, 443)], iface='w0', verbose=0)\"",
            &["scapy"],
        ),
    ] {
        let wire = Wire::new();
        let seen = wire.shows(&["curl -s -m 1 http://10.98.0.2/", command]);
        assert_attributed(&seen);
        let mut found = texts(&of(&seen, "tcp_syn_fingerprint"), "scanner");
        found.extend(texts(&of(&seen, "scanner_detected"), "scanner"));
        for name in names {
            assert!(found.contains(*name), "{command}: {found:?}");
        }
    }
}

#[test]
fn every_closed_port_of_a_scan_is_told_once_and_so_are_open_ones_that_were_let_go_of() {
    for (scan, cut_off) in [("-sS", &[22][..]), ("-sT", &[])] {
        let wire = Wire::new();
        let seen = wire.shows(&[&format!("nmap -n -Pn {scan} --max-retries 0 -p 1-79 10.98.0.2")]);
        assert_attributed(&seen);
        let told = of(&seen, "port_tries");
        let ports = |field: &str| -> Vec<u64> {
            let lists = told.iter().flat_map(|tries| tries[field].as_array().unwrap());
            let mut ports: Vec<u64> = lists.map(|pair| pair[0].as_u64().unwrap()).collect();
            ports.sort_unstable();
            ports
        };
        let closed: Vec<u64> = (1..=79).filter(|&port| port != 22).collect();
        assert_eq!(ports("refused"), closed, "{scan}");
        assert_eq!(ports("cut_off"), cut_off, "{scan}");
    }
}

#[test]
fn forged_identifications_are_classed_as_they_were_forged() {
    let wire = Wire::new();
    let seen = wire.shows(&["hping3 -S -c 8 -i u20000 -N 4242 -p 80 10.98.0.2"]);
    let classes = texts(&of(&seen, "tcp_syn_fingerprint"), "ipid_class");
    assert_eq!(classes, BTreeSet::from(["unknown".to_owned(), "constant".to_owned()]));

    let wire = Wire::new();
    let send = "for n in 1 2 3 4 5 6 7 8; do hping3 -S -c 1 -N $((1000 + n)) -s $((3000 + n)) -p 80 10.98.0.2; done";
    let seen = wire.shows(&[send]);
    let classes = texts(&of(&seen, "tcp_syn_fingerprint"), "ipid_class");
    assert_eq!(
        classes,
        BTreeSet::from(["unknown".to_owned(), "incremental".to_owned()])
    );
}
