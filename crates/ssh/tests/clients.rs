//! Real clients log in, by every algorithm they have, and run something.
#![allow(clippy::unwrap_used)]

mod stand;

use ssh::{Event, cipher, exchange, mac};
use stand::Stand;

const BOOKWORM: &str = "OpenSSH_9.2p1 Debian-2+deb12u7";
const OPTIONS: &str = "-o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o LogLevel=ERROR";

/// `ssh` of the machine with a password and options, up to the host.
fn client(options: &str) -> String {
    format!("sshpass -p {{password}} ssh {OPTIONS} {options} -p {{port}} kim@127.0.0.1")
}

/// Logs in, and moves bytes both ways.
fn works(stand: &Stand, options: &str) {
    let line = format!(
        "head -c 100000 /dev/zero | {} 'wc -c; echo oops >&2' 2>&1",
        client(options)
    );
    let text = stand.must(&line);
    // Two streams come in any order.
    let lines = text.lines().collect::<std::collections::BTreeSet<_>>();
    assert_eq!(lines, ["100000", "oops"].into(), "{options}");
}

#[test]
fn openssh_agrees_on_every_key_exchange() {
    // mlkem768 is newer than Debian's client.
    let stand = Stand::new("OpenSSH_7.4", None);
    let modern = Stand::new(BOOKWORM, None);
    let known = stand.must("ssh -Q kex");
    let mut tried = 0;
    for method in exchange::METHODS.iter().filter(|method| known.contains(method.name)) {
        let old = ssh::release::of("OpenSSH_7.4").kex.contains(&method.name);
        works(
            if old { &stand } else { &modern },
            &format!("-o KexAlgorithms={}", method.name),
        );
        tried += 1;
    }
    assert!(tried >= 14, "{tried}");
}

#[test]
fn openssh_agrees_on_every_cipher_and_code() {
    let stand = Stand::new(BOOKWORM, None);
    for cipher in cipher::KINDS {
        works(&stand, &format!("-c {}", cipher.name));
    }
    for code in mac::KINDS {
        works(&stand, &format!("-c aes256-ctr -m {}", code.name));
    }
}

#[test]
fn openssh_verifies_every_key_of_ours() {
    let stand = Stand::new(BOOKWORM, None);
    for key in ["rsa-sha2-512", "rsa-sha2-256", "ecdsa-sha2-nistp256", "ssh-ed25519"] {
        works(&stand, &format!("-o HostKeyAlgorithms={key}"));
    }
    works(&Stand::new("OpenSSH_7.4", None), "-o HostKeyAlgorithms=ssh-rsa");
}

#[test]
fn openssh_comes_in_by_every_way() {
    let stand = Stand::new(BOOKWORM, None);
    for kind in ["rsa", "ecdsa", "ed25519", "ecdsa -b 384", "ecdsa -b 521"] {
        let line = format!(
            "rm -f {{folder}}/k; ssh-keygen -q -t {kind} -N '' -f {{folder}}/k; \
             ssh {OPTIONS} -o BatchMode=yes -i {{folder}}/k -p {{port}} kim@127.0.0.1 echo in"
        );
        assert_eq!(stand.must(&line), "in\n", "{kind}");
    }
    works(&stand, "-o PreferredAuthentications=keyboard-interactive");
    works(&stand, "-o PreferredAuthentications=password");
    let wrong = client("-o NumberOfPasswordPrompts=1").replace("{password}", "wrong");
    assert_eq!(stand.run(&format!("{wrong} id")).status.code(), Some(5));
}

#[test]
fn keys_are_renewed_by_either_side_while_bytes_flow() {
    let line = |options: &str| {
        format!(
            "head -c 2000000 /dev/urandom >{{folder}}/b; {} cat <{{folder}}/b | cmp - {{folder}}/b && echo same",
            client(options)
        )
    };
    let plain = Stand::new(BOOKWORM, None);
    for cipher in ["chacha20-poly1305@openssh.com", "aes128-ctr", "aes256-gcm@openssh.com"] {
        assert_eq!(plain.must(&line(&format!("-c {cipher} -o RekeyLimit=100K"))), "same\n");
    }
    let ours = Stand::new(BOOKWORM, Some(100_000));
    assert_eq!(ours.must(&line("")), "same\n");
    assert_eq!(ours.must(&line("-C -c aes192-ctr -o RekeyLimit=150K")), "same\n");
}

#[test]
fn openssh_compresses_copies_and_shares_a_connection() {
    let stand = Stand::new(BOOKWORM, None);
    works(&stand, "-C");
    let copy = format!("echo payload >{{folder}}/f; sshpass -p {{password}} scp {OPTIONS}");
    stand.must(&format!(
        "{copy} -P {{port}} {{folder}}/f kim@127.0.0.1:{{folder}}/sftp; {copy} -O -C -P {{port}} {{folder}}/f \
         kim@127.0.0.1:{{folder}}/scp; cmp {{folder}}/f {{folder}}/sftp && cmp {{folder}}/f {{folder}}/scp"
    ));
    let shared = format!(
        "{} -M -S {{folder}}/ctl -N & until [ -S {{folder}}/ctl ]; do sleep 0.1; done; \
         for n in 1 2 3; do ssh -S {{folder}}/ctl x \"sleep 0.3; echo $n\" & done; wait %2 %3 %4; \
         ssh -S {{folder}}/ctl -O exit x 2>/dev/null; wait",
        client("")
    );
    let mut lines: Vec<_> = stand.must(&shared).lines().map(str::to_owned).collect();
    lines.sort();
    assert_eq!(lines, ["1", "2", "3"]);
}

#[test]
fn a_program_without_a_reader_holds_up_nobody_else() {
    let stand = Stand::new(BOOKWORM, None);
    let line = format!("{} 'yes | head -c 20000000' | (sleep 1; wc -c)", client(""));
    assert_eq!(stand.must(&line), "20000000\n");
}

#[test]
fn dropbear_and_putty_come_in() {
    let stand = Stand::new(BOOKWORM, None);
    assert_eq!(
        stand.must("DROPBEAR_PASSWORD={password} dbclient -y -y -p {port} kim@127.0.0.1 'echo in' 2>/dev/null"),
        "in\n"
    );
    let putty = "print=$(ssh-keygen -lf {folder}/ed25519 | cut -d' ' -f2); \
                 HOME={folder} plink -batch -hostkey $print -P {port} -pw {password} kim@127.0.0.1 'echo in'";
    assert_eq!(stand.must(putty), "in\n");
}

#[test]
fn libssh2_and_paramiko_come_in() {
    let stand = Stand::new(BOOKWORM, None);
    stand.must("echo payload >{folder}/f");
    let fetched = "curl -sk -u kim:{password} sftp://127.0.0.1:{port}{folder}/f";
    assert_eq!(stand.must(fetched), "payload\n");
    let script = "import paramiko; c = paramiko.SSHClient(); c.set_missing_host_key_policy(paramiko.AutoAddPolicy()); \
                  c.connect('127.0.0.1', {port}, 'kim', '{password}', look_for_keys=False, allow_agent=False); \
                  print(c.exec_command('echo in')[1].read().decode(), end='')";
    assert_eq!(stand.must(&format!("/usr/bin/python3 -c \"{script}\"")), "in\n");
}

#[test]
fn what_a_client_proposes_and_asks_for_is_told() {
    let stand = Stand::new(BOOKWORM, None);
    stand.must(&format!(
        "{} -W 192.0.2.1:80 2>/dev/null; LANG=C.UTF-8 {} true",
        client(""),
        client("-tt -o SendEnv=LANG -R 7777:localhost:22")
    ));
    let events = stand.events();
    let told = |wanted: &dyn Fn(&Event) -> bool| assert!(events.iter().any(wanted), "{events:?}");
    told(&|event| matches!(event, Event::Identified(line) if line.starts_with(b"SSH-2.0-OpenSSH_")));
    told(&|event| matches!(event, Event::Proposed(payload) if payload[0] == 20));
    told(&|event| matches!(event, Event::Forward { port: 7777, .. }));
    told(&|event| {
        matches!(
            event,
            Event::Opening {
                opening: ssh::Opening::DirectTcp { port: 80, .. },
                ..
            }
        )
    });
    told(&|event| {
        matches!(
            event,
            Event::Requested {
                request: ssh::Request::Terminal(_),
                ..
            }
        )
    });
    told(
        &|event| matches!(event, Event::Requested { request: ssh::Request::Variable { name, .. }, .. } if name == "LANG"),
    );
}
