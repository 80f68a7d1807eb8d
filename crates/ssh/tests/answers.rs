//! What is said to a client that does not behave is what sshd says to it: both are asked, and their answers compared.
#![allow(clippy::unwrap_used)]

mod genuine;
mod peer;
mod stand;

use std::process::Command;
use std::time::{Duration, Instant};

use genuine::Genuine;
use peer::{Peer, message, proposal, usual};
use ssh::HostKey;
use ssh::code::Put;
use ssh::message as msg;
use stand::Stand;

/// How far a client comes before it does what it should not.
#[derive(Clone, Copy, PartialEq, PartialOrd)]
enum Depth {
    Met,
    Keys,
    Login,
    In,
}

use Depth::{In, Keys, Login, Met};

type Act = fn(&mut Peer, &str, &HostKey);

/// Name, how far, what is done.
const PROBES: &[(&str, Depth, Act)] = &[
    ("nothing", Met, |_, _, _| {}),
    ("an oversized packet", Met, |peer, _, _| {
        peer.say_raw(b"\0\x04\0\x04\x04AAAAAAAAAAA")
    }),
    ("a packet of no length", Met, |peer, _, _| {
        peer.say_raw(b"\0\0\0\0\x04AAAAAAAAAAA")
    }),
    ("a packet that is not padded to blocks", Met, |peer, _, _| {
        peer.say_raw(b"\0\0\0\x0d\x04AAAAAAAAAAAAAAA");
    }),
    ("too little padding", Met, |peer, _, _| {
        peer.say_raw(b"\0\0\0\x0c\x03AAAAAAAAAAA")
    }),
    ("more padding than packet", Met, |peer, _, _| {
        peer.say_raw(b"\0\0\0\x0c\x0cAAAAAAAAAAA")
    }),
    ("a message number zero", Met, |peer, _, _| peer.say(&[0, 1, 2])),
    ("a message number of nobody's", Met, |peer, _, _| peer.say(&[200, 1, 2])),
    ("no exchange in common", Met, |peer, _, _| {
        peer.say(&proposal("x", "ssh-ed25519", "aes128-ctr", false))
    }),
    ("no key in common", Met, |peer, _, _| {
        peer.say(&proposal("curve25519-sha256", "x", "aes128-ctr", false))
    }),
    ("no cipher in common", Met, |peer, _, _| {
        peer.say(&proposal("curve25519-sha256", "ssh-ed25519", "x", false));
    }),
    ("half a proposal", Met, |peer, _, _| peer.say(&usual()[..60])),
    ("a login before keys", Met, |peer, _, _| {
        peer.say(&message(msg::USERAUTH_REQUEST, &["a", "b", "none"]))
    }),
    ("a service before keys", Met, |peer, _, _| {
        peer.say(&message(msg::SERVICE_REQUEST, &["ssh-userauth"]))
    }),
    ("a half before a proposal", Met, |peer, _, _| {
        peer.say(&message(msg::KEX_INIT, &["x"]))
    }),
    ("new keys at once", Met, |peer, _, _| peer.say(&[msg::NEWKEYS])),
    ("a remark first", Met, |peer, _, _| {
        peer.say(&message(msg::IGNORE, &["x"]));
        peer.say(&usual());
    }),
    ("a remark first, strictly", Met, |peer, _, _| {
        peer.say(&message(msg::IGNORE, &["x"]));
        let kex = "curve25519-sha256,kex-strict-c-v00@openssh.com";
        peer.say(&proposal(kex, "ssh-ed25519", "aes128-ctr", false));
    }),
    ("a remark between, strictly", Met, |peer, _, _| {
        let kex = "curve25519-sha256,kex-strict-c-v00@openssh.com";
        peer.say(&proposal(kex, "ssh-ed25519", "aes128-ctr", false));
        peer.say(&message(msg::IGNORE, &["x"]));
    }),
    ("a service between, strictly", Met, |peer, _, _| {
        let kex = "curve25519-sha256,kex-strict-c-v00@openssh.com";
        peer.say(&proposal(kex, "ssh-ed25519", "aes128-ctr", false));
        peer.say(&message(msg::SERVICE_REQUEST, &["x"]));
    }),
    ("two proposals", Met, |peer, _, _| {
        peer.say(&usual());
        peer.say(&usual());
    }),
    ("a wrong guess", Met, |peer, _, _| {
        peer.say(&proposal(
            "ecdh-sha2-nistp256,curve25519-sha256",
            "ssh-ed25519",
            "aes128-ctr",
            true,
        ));
        peer.say(&message(msg::KEX_INIT, &["what was guessed"]));
        peer.say(&message(msg::KEX_INIT, &["what was not"]));
    }),
    ("a half too short", Met, |peer, _, _| {
        peer.say(&usual());
        peer.say(&message(msg::KEX_INIT, &["short"]));
    }),
    ("a half of nothing", Met, |peer, _, _| {
        peer.say(&usual());
        peer.say(&message(msg::KEX_INIT, &[&"\0".repeat(32)]));
    }),
    ("a half and more", Met, |peer, _, _| {
        peer.say(&usual());
        peer.say(&message(msg::KEX_INIT, &[&"\x09".repeat(32), "more"]));
    }),
    ("a number of a group that is one", Met, |peer, _, _| {
        peer.say(&proposal(
            "diffie-hellman-group14-sha256",
            "ssh-ed25519",
            "aes128-ctr",
            false,
        ));
        peer.say(&message(msg::KEX_INIT, &["\x01"]));
    }),
    ("a group too small", Met, |peer, _, _| {
        peer.say(&proposal(
            "diffie-hellman-group-exchange-sha256",
            "ssh-ed25519",
            "aes128-ctr",
            false,
        ));
        let mut wish = vec![msg::GEX_REQUEST];
        [512, 1024, 1536].iter().for_each(|bits| wish.put_number(*bits));
        peer.say(&wish);
    }),
    ("a goodbye", Met, |peer, _, _| {
        peer.say(&[msg::DISCONNECT, 0, 0, 0, 11, 0, 0, 0, 0, 0, 0, 0, 0])
    }),
    ("nothing in keys", Keys, |_, _, _| {}),
    ("a changed packet", Keys, |peer, _, _| {
        peer.say_changed(&message(msg::SERVICE_REQUEST, &["ssh-userauth"]), 20);
    }),
    ("a changed length", Keys, |peer, _, _| {
        peer.say_changed(&message(msg::SERVICE_REQUEST, &["ssh-userauth"]), 0);
    }),
    ("another service", Keys, |peer, _, _| {
        peer.say(&message(msg::SERVICE_REQUEST, &["ssh-connection"]))
    }),
    ("a service and more", Keys, |peer, _, _| {
        peer.say(&message(msg::SERVICE_REQUEST, &["ssh-userauth", "x"]))
    }),
    ("a login without a service", Keys, |peer, _, _| {
        peer.say(&message(msg::USERAUTH_REQUEST, &["a", "ssh-connection", "none"]));
    }),
    ("a channel before a login", Keys, |peer, _, _| {
        peer.say(&wish("session", 0))
    }),
    ("a proposal before a login", Keys, |peer, _, _| peer.say(&usual())),
    ("a message nobody knows", Keys, |peer, _, _| peer.say(&[150, 1, 2, 3])),
    ("remarks", Keys, |peer, _, _| {
        peer.say(&message(msg::IGNORE, &["x"]));
        peer.say(&[msg::DEBUG, 1, 0, 0, 0, 0, 0, 0, 0, 0]);
        peer.say(&[msg::UNIMPLEMENTED, 0, 0, 0, 0]);
    }),
    ("a ping", Keys, |peer, _, _| peer.say(&message(192, &["x"]))),
    ("the ways in", Login, |peer, user, _| peer.say(&tries(user, "none"))),
    ("a way that is none", Login, |peer, user, _| {
        peer.say(&tries(user, "no-such-way"))
    }),
    ("by host", Login, |peer, user, _| peer.say(&tries(user, "hostbased"))),
    ("a change of name", Login, |peer, user, _| {
        peer.say(&tries(user, "none"));
        peer.say(&tries("another", "none"));
    }),
    ("half a try", Login, |peer, user, _| {
        peer.say(&message(msg::USERAUTH_REQUEST, &[user, "ssh-connection"]))
    }),
    ("none and more", Login, |peer, user, _| {
        peer.say(&message(msg::USERAUTH_REQUEST, &[user, "ssh-connection", "none", "x"]));
    }),
    ("a password that is cut off", Login, |peer, user, _| {
        let mut attempt = tries(user, "password");
        attempt.extend([0, 0, 0, 0, 9, b'x']);
        peer.say(&attempt);
    }),
    ("a key that is offered", Login, |peer, user, key| {
        peer.say(&offers(user, "ssh-ed25519", key))
    }),
    ("a key by another name", Login, |peer, user, key| {
        peer.say(&offers(user, "ecdsa-sha2-nistp256", key))
    }),
    ("a key by no name", Login, |peer, user, key| {
        peer.say(&offers(user, "no-such-key", key))
    }),
    ("a key that is not had", Login, |peer, user, key| {
        let mut attempt = peer.signed(user, key);
        *attempt.last_mut().unwrap() ^= 1;
        peer.say(&attempt);
    }),
    ("an answer to no question", Login, |peer, _, _| {
        peer.say(&[msg::USERAUTH_INFO_RESPONSE, 0, 0, 0, 0])
    }),
    ("the service once more", Login, |peer, _, _| {
        peer.say(&message(msg::SERVICE_REQUEST, &["ssh-userauth"]))
    }),
    ("a global request before coming in", Login, |peer, _, _| {
        peer.say(&asks("keepalive@openssh.com"))
    }),
    ("a request nobody knows", In, |peer, _, _| {
        peer.say(&asks("no-such@example.org"))
    }),
    ("a sign of life", In, |peer, _, _| {
        peer.say(&asks("keepalive@openssh.com"))
    }),
    ("no more sessions, and one more", In, |peer, _, _| {
        peer.say(&asks("no-more-sessions@openssh.com"));
        peer.say(&wish("session", 0));
    }),
    ("a proof of a key that is not ours", In, |peer, _, key| {
        let mut request = asks("hostkeys-prove-00@openssh.com");
        request.put_string(&key.blob);
        peer.say(&request);
    }),
    ("another login", In, |peer, user, _| peer.say(&tries(user, "none"))),
    ("another service within", In, |peer, _, _| {
        peer.say(&message(msg::SERVICE_REQUEST, &["ssh-userauth"]))
    }),
    ("a message nobody knows within", In, |peer, _, _| {
        peer.say(&[150, 1, 2, 3])
    }),
    ("a session", In, |peer, _, _| peer.say(&wish("session", 7))),
    ("eleven sessions", In, |peer, _, _| {
        (0..11).for_each(|id| peer.say(&wish("session", id)))
    }),
    ("a channel of no kind", In, |peer, _, _| {
        peer.say(&wish("no-such@example.org", 3))
    }),
    ("a session and more", In, |peer, _, _| {
        let mut wish = wish("session", 0);
        wish.push(1);
        peer.say(&wish);
    }),
    ("half a wish", In, |peer, _, _| {
        peer.say(&message(msg::CHANNEL_OPEN, &["session"]))
    }),
    ("bytes for no channel", In, |peer, _, _| {
        let mut data = vec![msg::CHANNEL_DATA, 0, 0, 0, 9];
        data.put_string(b"x");
        peer.say(&data);
    }),
    ("errors for no channel", In, |peer, _, _| {
        let mut data = vec![msg::CHANNEL_EXTENDED_DATA, 0, 0, 0, 9, 0, 0, 0, 1];
        data.put_string(b"x");
        peer.say(&data);
    }),
    ("an end for no channel", In, |peer, _, _| {
        peer.say(&[msg::CHANNEL_EOF, 0, 0, 0, 9])
    }),
    ("a close for no channel", In, |peer, _, _| {
        peer.say(&[msg::CHANNEL_CLOSE, 0, 0, 0, 9])
    }),
    ("a window for no channel", In, |peer, _, _| {
        peer.say(&[msg::CHANNEL_WINDOW_ADJUST, 0, 0, 0, 9, 0, 0, 0, 1]);
    }),
    ("a request of no channel", In, |peer, _, _| peer.say(&wants(9, "shell"))),
    ("a request of a session nobody knows", In, |peer, _, _| {
        peer.say(&wish("session", 7));
        peer.say(&wants(0, "no-such-request"));
    }),
    ("a session that is closed at once", In, |peer, _, _| {
        peer.say(&wish("session", 7));
        peer.say(&[msg::CHANNEL_CLOSE, 0, 0, 0, 0]);
    }),
    ("a variable that is not taken", In, |peer, _, _| {
        peer.say(&wish("session", 7));
        let mut request = wants(0, "env");
        request.put_string(b"PATH");
        request.put_string(b"/");
        peer.say(&request);
    }),
    ("a subsystem that is not there", In, |peer, _, _| {
        peer.say(&wish("session", 7));
        let mut request = wants(0, "subsystem");
        request.put_string(b"netconf");
        peer.say(&request);
    }),
    ("a command", In, |peer, _, _| {
        peer.say(&wish("session", 7));
        let mut request = wants(0, "exec");
        request.put_string(b"exec sleep 0.2");
        peer.say(&request);
    }),
    ("a command that fails", In, |peer, _, _| {
        peer.say(&wish("session", 7));
        let mut request = wants(0, "exec");
        request.put_string(b"sleep 0.1; echo out; sleep 0.1; echo err >&2; sleep 0.1; exit 3");
        peer.say(&request);
        peer.say(&[msg::CHANNEL_EOF, 0, 0, 0, 0]);
    }),
    ("a command that is killed", In, |peer, _, _| {
        peer.say(&wish("session", 7));
        let mut request = wants(0, "exec");
        request.put_string(b"sleep 0.1; kill -9 $$");
        peer.say(&request);
    }),
    ("a forward to where nobody listens", In, |peer, _, _| {
        let mut wish = wish("direct-tcpip", 5);
        wish.put_string(b"127.0.0.1");
        wish.put_number(1);
        wish.put_string(b"10.0.0.1");
        wish.put_number(2);
        peer.say(&wish);
    }),
    ("bytes without a program", In, |peer, _, _| {
        peer.say(&wish("session", 7));
        let mut data = vec![msg::CHANNEL_DATA, 0, 0, 0, 0];
        data.put_string(&[0; 30_000]);
        (0..9).for_each(|_| peer.say(&data));
    }),
    ("new keys within", In, |peer, _, _| peer.say(&[msg::NEWKEYS])),
    ("a proposal within", In, |peer, _, _| peer.say(&usual())),
    ("half of a proposal within", In, |peer, _, _| {
        peer.say(&usual());
        peer.say(&asks("keepalive@openssh.com"));
    }),
];

fn tries(user: &str, method: &str) -> Vec<u8> {
    message(msg::USERAUTH_REQUEST, &[user, "ssh-connection", method])
}

fn offers(user: &str, algorithm: &str, key: &HostKey) -> Vec<u8> {
    let mut attempt = tries(user, "publickey");
    attempt.push(0);
    attempt.put_string(algorithm.as_bytes());
    attempt.put_string(&key.blob);
    attempt
}

fn asks(request: &str) -> Vec<u8> {
    let mut payload = message(msg::GLOBAL_REQUEST, &[request]);
    payload.push(1);
    payload
}

fn wish(kind: &str, id: u32) -> Vec<u8> {
    let mut payload = message(msg::CHANNEL_OPEN, &[kind]);
    [id, 1 << 20, 1 << 15]
        .iter()
        .for_each(|number| payload.put_number(*number));
    payload
}

fn wants(channel: u32, request: &str) -> Vec<u8> {
    let mut payload = vec![msg::CHANNEL_REQUEST];
    payload.put_number(channel);
    payload.put_string(request.as_bytes());
    payload.push(1);
    payload
}

fn ask(port: u16, depth: Depth, act: Act, user: &str, key: &HostKey) -> Vec<String> {
    let mut peer = Peer::meet(port);
    if depth >= Keys {
        peer.agree();
    }
    if depth >= Login {
        peer.ask_for_login();
    }
    if depth >= In {
        peer.log_in(user, key);
    }
    act(&mut peer, user, key);
    peer.rest()
}

/// Where two lists of messages part.
fn apart(ours: &[String], theirs: &[String]) -> String {
    let same = ours
        .iter()
        .zip(theirs)
        .take_while(|(ours, theirs)| ours == theirs)
        .count();
    format!(
        "  after {same}: ours {:#?}\n  sshd {:#?}",
        &ours[same..],
        &theirs[same..]
    )
}

#[test]
fn whatever_a_client_does_the_answer_is_that_of_sshd() {
    let line = |port| Peer::meet(port).banner().to_owned();
    let bare = Stand::new("OpenSSH_0.0", None);
    let genuine = Genuine::new(&bare);
    let version = line(genuine.port).trim_start_matches("SSH-2.0-").to_owned();
    drop(genuine);
    let stand = Stand::new(&version, None);
    let path = stand.folder.path().join("user");
    let made = Command::new("ssh-keygen")
        .args(["-q", "-t", "ed25519", "-N", "", "-f"])
        .arg(&path)
        .status();
    assert!(made.unwrap().success());
    let key = HostKey::parse(&std::fs::read_to_string(&path).unwrap()).unwrap();
    let genuine = Genuine::new(&stand);
    let user = String::from_utf8(Command::new("id").arg("-un").output().unwrap().stdout).unwrap();
    let user = user.trim();
    assert_eq!(line(stand.port), line(genuine.port));

    let started = Instant::now();
    let differences: Vec<String> = std::thread::scope(|scope| {
        let (key, stand, genuine) = (&key, &stand, &genuine);
        let lanes: Vec<_> = (0..8)
            .map(|lane| {
                scope.spawn(move || {
                    let mine = PROBES.iter().skip(lane).step_by(8);
                    mine.filter_map(|&(name, depth, act)| {
                        let ours = ask(stand.port, depth, act, user, key);
                        let theirs = ask(genuine.port, depth, act, user, key);
                        (ours != theirs).then(|| format!("{name}:\n{}", apart(&ours, &theirs)))
                    })
                    .collect::<Vec<_>>()
                })
            })
            .collect();
        lanes.into_iter().flat_map(|lane| lane.join().unwrap()).collect()
    });
    assert!(started.elapsed() < Duration::from_secs(120));
    assert!(
        differences.is_empty(),
        "{} of {} differ\n{}",
        differences.len(),
        PROBES.len(),
        differences.join("\n")
    );
}
