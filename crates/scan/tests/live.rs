//! A link of the test's own, in a network namespace of its own: needs root and `ip`.

use std::net::{SocketAddr, TcpStream};
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use detect::Setup;
use nix::sched::{CloneFlags, unshare};
use scan::live::{interface, watch};

const DEADLINE: Duration = Duration::from_secs(30);

fn ip(arguments: &str) {
    let ended = Command::new("ip")
        .args(arguments.split(' '))
        .status()
        .expect("`ip` is there");
    assert!(ended.success(), "ip {arguments}");
}

#[test]
fn a_sweep_is_told_while_it_goes_on() {
    let thread = std::thread::spawn(|| {
        unshare(CloneFlags::CLONE_NEWNET).expect("root may make a network namespace");
        ip("link add near type veth peer name far");
        ip("link set near up");
        ip("link set far up");
        ip("addr add 10.99.0.1/24 dev near");
        for n in 10..40 {
            ip(&format!(
                "neigh add 10.99.0.{n} lladdr 02:00:00:00:00:02 dev near nud permanent"
            ));
        }
        let stop = AtomicBool::new(false);
        std::thread::scope(|scope| {
            let watching = scope.spawn(|| {
                let mut rules = Vec::new();
                let began = Instant::now();
                let watched = watch("far", Setup::default(), &stop, |news| {
                    rules.extend(news.findings.into_iter().map(|finding| finding.rule));
                    !rules.iter().any(|rule| rule == "net.sweep") && began.elapsed() < DEADLINE
                });
                stop.store(true, Ordering::Relaxed);
                (watched.expect("watched"), rules)
            });
            // Nobody answers: each try is one SYN on the wire, and they are as regular as a clock. Those that were made
            // before the other side looked are made again from another port.
            while !stop.load(Ordering::Relaxed) {
                for n in 10..40 {
                    let target = SocketAddr::from(([10, 99, 0, n], 4450));
                    let _ = TcpStream::connect_timeout(&target, Duration::from_millis(20));
                }
            }
            let (watched, rules) = watching.join().expect("the watch");
            assert!(rules.iter().any(|rule| rule == "net.sweep"), "{rules:?}");
            assert!(watched.packets_analysed > 15 && watched.packets_analysed <= watched.packets_total);
        });
    });
    thread.join().expect("the namespace's thread");
}

#[test]
fn an_interface_is_known_by_name_or_number_and_the_loopback_is_nobodys_choice() {
    assert_eq!(interface(Some("lo")).expect("there"), "lo");
    assert_eq!(interface(Some("1")).expect("there"), "lo");
    let error = interface(Some("nowhere0")).expect_err("not there");
    assert_eq!(error.code(), "no_interface");
    if let Ok(first) = interface(None) {
        assert_ne!(first, "lo");
    }
}
