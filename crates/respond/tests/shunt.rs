//! A real attacker's connections are led away by the kernel, and nobody else's. Each test has a host and an attacker in
//! network namespaces of their own, joined by a cable.
#![allow(clippy::unwrap_used)]

mod bed;

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use nix::sched::{CloneFlags, setns, unshare};
use store::Action;
use time::OffsetDateTime;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpListener;

use bed::{Bed, finding};

const HOST: &str = "203.0.113.1";
const EVE: &str = "203.0.113.7";
const BOB: &str = "203.0.113.8";
const SHUNT: &str = "{respond: isolate, isolate.enabled: true, isolate.dry_run: false";

#[test]
fn an_attackers_connections_end_in_the_tarpit_until_somebody_lets_it_be() {
    on_a_host(async |eve| {
        let service = serve("203.0.113.1:0", "real").await;
        let bed = Bed::new(&format!("{SHUNT}}}")).await;
        let before = eve.connect(EVE, service).unwrap();
        assert_eq!(said(&before), "real");

        bed.found(&finding("F-1", "critical", 95)).await;
        until(|| eve.hears(EVE, service) == " ", "the tarpit").await;
        assert_eq!(eve.hears(BOB, service), "real", "nobody else is led away");
        assert_eq!(eve.hears_of_old(before), "", "what stood before is cut");
        let standing = bed.store.decisions().standing(OffsetDateTime::now_utc()).await.unwrap();
        assert_eq!(
            (standing.len(), standing[0].action, standing[0].value.as_str()),
            (1, Action::Shunt, EVE)
        );
        let rest = standing[0].until.unwrap() - standing[0].at;
        assert_eq!(rest.whole_seconds(), 3600);

        assert_eq!(
            bed.store
                .decisions()
                .release(EVE, OffsetDateTime::now_utc())
                .await
                .unwrap(),
            1
        );
        until(|| eve.hears(EVE, service) == "real", "the service again").await;
        // Found once more it is let be: somebody has just decided that.
        bed.found(&finding("F-2", "critical", 98)).await;
        tokio::time::sleep(Duration::from_secs(3)).await;
        assert_eq!(eve.hears(EVE, service), "real");
        bed.stop().await;
        assert_eq!(rules(), "", "nothing is left behind");
    });
}

#[test]
fn a_decoy_takes_the_connections_where_that_is_wanted_and_time_ends_it() {
    on_a_host(async |eve| {
        run("ip", &["addr", "add", "198.51.100.9/32", "dev", "lo"]);
        let service = serve("203.0.113.1:0", "real").await;
        serve(&format!("198.51.100.9:{}", service.port()), "decoy").await;
        let settings = format!("{SHUNT}, isolate.mode: decoy, isolate.decoy: 198.51.100.9, isolate.ttl_seconds: 4}}");
        let bed = Bed::new(&settings).await;
        bed.found(&finding("F-1", "critical", 95)).await;
        until(|| eve.hears(EVE, service) == "decoy", "the decoy").await;
        until(|| eve.hears(EVE, service) == "real", "the service again").await;
        bed.stop().await;
    });
}

#[test]
fn a_restart_goes_on_leading_away_and_the_kernel_is_made_what_the_store_says() {
    on_a_host(async |eve| {
        let service = serve("203.0.113.1:0", "real").await;
        let bed = Bed::new(&format!("{SHUNT}, isolate.mode: drop}}")).await;
        bed.found(&finding("F-1", "critical", 95)).await;
        until(|| eve.hears(EVE, service).is_empty(), "silence").await;
        let bed = bed.restart().await;
        assert_eq!(eve.hears(EVE, service), "");
        assert_eq!(eve.hears(BOB, service), "real");
        bed.stop().await;
        assert_eq!(eve.hears(EVE, service), "real");
    });
}

#[test]
fn nothing_is_done_off_in_a_dry_run_or_on_what_can_be_sent_in_anothers_name() {
    on_a_host(async |eve| {
        let service = serve("203.0.113.1:0", "real").await;
        let mut spoofable = finding("F-1", "critical", 100);
        spoofable.detail["established"] = 0.into();
        let mut own = finding("F-2", "critical", 95);
        own.attacker_ip = HOST.parse().ok();
        for (settings, finding, simulated) in [
            ("{}", finding("F-1", "critical", 95), 0),
            (
                "{respond: isolate, isolate.enabled: true}",
                finding("F-1", "critical", 95),
                1,
            ),
            (&format!("{SHUNT}, simulate: true}}"), finding("F-1", "critical", 95), 1),
            (&format!("{SHUNT}}}"), spoofable, 0),
            (&format!("{SHUNT}}}"), own, 0),
            (
                &format!("{SHUNT}, never_isolate: 203.0.113.0/28}}"),
                finding("F-1", "critical", 95),
                0,
            ),
        ] {
            let bed = Bed::new(settings).await;
            bed.found(&finding).await;
            tokio::time::sleep(Duration::from_secs(3)).await;
            assert_eq!(eve.hears(EVE, service), "real", "{settings}");
            let decided = bed.store.decisions().standing(OffsetDateTime::now_utc()).await.unwrap();
            assert!(decided.iter().all(|decision| decision.simulated), "{settings}");
            assert_eq!(decided.len(), simulated, "{settings}");
            bed.stop().await;
        }
    });
}

// === helpers ===

/// The attacker's machine: a process that holds its namespace.
struct Eve(Child);

impl Eve {
    /// Waits at most two seconds.
    fn connect(&self, from: &str, to: SocketAddr) -> Option<TcpStream> {
        let namespace = File::open(format!("/proc/{}/ns/net", self.0.id())).unwrap();
        let from: SocketAddr = format!("{from}:0").parse().unwrap();
        std::thread::spawn(move || {
            setns(namespace, CloneFlags::CLONE_NEWNET).unwrap();
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .unwrap();
            runtime.block_on(async {
                let socket = tokio::net::TcpSocket::new_v4().unwrap();
                socket.bind(from).unwrap();
                let connected = tokio::time::timeout(Duration::from_secs(2), socket.connect(to)).await;
                let stream = connected.ok()?.ok()?.into_std().unwrap();
                stream.set_nonblocking(false).unwrap();
                Some(stream)
            })
        })
        .join()
        .unwrap()
    }

    fn hears(&self, from: &str, to: SocketAddr) -> String {
        self.connect(from, to).map(|stream| said(&stream)).unwrap_or_default()
    }

    fn hears_of_old(&self, mut stream: TcpStream) -> String {
        stream.write_all(b"more\n").unwrap();
        said(&stream)
    }
}

impl Drop for Eve {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// What comes within two seconds.
fn said(mut stream: &TcpStream) -> String {
    stream.set_read_timeout(Some(Duration::from_secs(2))).unwrap();
    let mut bytes = [0; 64];
    let length = stream.read(&mut bytes).unwrap_or(0);
    String::from_utf8_lossy(&bytes[..length]).into_owned()
}

/// Says a word to everybody who connects, and again to everybody who says something.
async fn serve(on: &str, word: &'static str) -> SocketAddr {
    let listener = TcpListener::bind(on).await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let mut asked = [0; 64];
                while stream.write_all(word.as_bytes()).await.is_ok() {
                    match tokio::io::AsyncReadExt::read(&mut stream, &mut asked).await {
                        Ok(1..) => {}
                        _ => break,
                    }
                }
            });
        }
    });
    address
}

async fn until(mut holds: impl FnMut() -> bool, what: &str) {
    let patience = Instant::now() + Duration::from_secs(20);
    // What is asked waits on its own thread's time: the host must go on meanwhile.
    while !tokio::task::block_in_place(&mut holds) {
        assert!(Instant::now() < patience, "{what} is not reached");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

fn on_a_host(test: impl AsyncFnOnce(Eve) + Send + 'static) {
    let done = std::thread::spawn(move || {
        unshare(CloneFlags::CLONE_NEWNET).unwrap();
        let eve = Command::new("unshare")
            .args(["-n", "sleep", "600"])
            .stdin(Stdio::null())
            .spawn()
            .unwrap();
        let pid = eve.id().to_string();
        let eve = Eve(eve);
        let there = format!("/proc/{pid}/ns/net");
        let ours = std::fs::read_link("/proc/thread-self/ns/net").unwrap();
        // Until the other program has left our namespace there are not two.
        while std::fs::read_link(&there).unwrap() == ours {
            std::thread::sleep(Duration::from_millis(10));
        }
        run("ip", &["link", "set", "lo", "up"]);
        run(
            "ip",
            &[
                "link", "add", "cable", "type", "veth", "peer", "name", "cable", "netns", &pid,
            ],
        );
        run("ip", &["addr", "add", "203.0.113.1/24", "dev", "cable"]);
        run("ip", &["link", "set", "cable", "up"]);
        let inside = |args: &[&str]| run("nsenter", &[&["-t", &pid, "-n", "ip"], args].concat());
        inside(&["addr", "add", "203.0.113.7/24", "dev", "cable"]);
        inside(&["addr", "add", "203.0.113.8/24", "dev", "cable"]);
        inside(&["link", "set", "cable", "up"]);
        // Threads of the runtime are made by this one and so are on this host.
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(test(eve));
    });
    done.join().unwrap();
}

fn rules() -> String {
    let listed = Command::new("nft").args(["list", "ruleset"]).output().unwrap();
    String::from_utf8(listed.stdout).unwrap()
}

fn run(program: &str, args: &[&str]) {
    let done = Command::new(program).args(args).output().unwrap();
    assert!(
        done.status.success(),
        "{program} {args:?}: {}",
        String::from_utf8_lossy(&done.stderr)
    );
}
