//! Telnet, by the tools people use on it.
#![allow(clippy::unwrap_used)]

mod stand;

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use serde_json::json;
use stand::Stand;

/// One client, typing when it is asked.
struct Client(TcpStream);

impl Client {
    fn new(stand: &Stand) -> Self {
        let stream = TcpStream::connect(("127.0.0.1", stand.port)).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        Self(stream)
    }

    fn wait_for(&mut self, text: &str) -> Vec<u8> {
        let mut heard = Vec::new();
        while !heard.ends_with(text.as_bytes()) {
            let mut byte = [0];
            assert_ne!(
                self.0.read(&mut byte).unwrap(),
                0,
                "closed after {:?}",
                String::from_utf8_lossy(&heard)
            );
            heard.extend(byte);
        }
        heard
    }

    fn say(&mut self, bytes: &[u8]) {
        self.0.write_all(bytes).unwrap();
    }
}

fn telnet() -> Stand {
    Stand::new("telnet", json!({}))
}

#[test]
fn the_first_bytes_are_those_of_busybox() {
    let stand = telnet();
    std::fs::write(stand.root.path().join("etc/issue.net"), "Debian GNU/Linux 12\n").unwrap();
    let first = Client::new(&stand).wait_for("login: ");
    assert_eq!(
        first,
        b"\xff\xfd\x01\xff\xfd\x1f\xff\xfb\x01\xff\xfb\x03\r\r\nDebian GNU/Linux 12\r\n\rapp-web-03 login: "
    );
}

#[test]
fn a_login_gets_a_shell_on_a_terminal_of_its_size() {
    let stand = telnet();
    let mut client = Client::new(&stand);
    client.wait_for("login: ");
    client.say(b"\xff\xfb\x1f\xff\xfa\x1f\x00\x84\x00\x2b\xff\xf0root\r\0");
    client.wait_for("Password: ");
    client.say(b"toor\r\0");
    client.wait_for("# ");
    client.say(b"stty size; printf '\\377-'; echo\r\n");
    client.wait_for("43 132\r\n");
    let shown = client.wait_for("\n");
    assert_eq!(shown, b"\xff\xff-\r\n");
    client.say(b"exit\r\n");
    client.wait_for("logout\r\n");
    assert_eq!(client.0.read(&mut [0]).unwrap(), 0);
    let attempt = stand.told("auth_attempt", "outcome", "success");
    assert_eq!(
        (&attempt.fields["principal"], &attempt.fields["secret_printable"]),
        (&json!("root"), &json!("toor"))
    );
    assert_eq!(attempt.src.unwrap().ip.to_string(), "127.0.0.1");
    stand.told("telnet_opts", "cols", 132);
    stand.told("command", "command", "stty size; printf '\\377-'; echo");
    stand.told("session_end", "reason", "exit");
}

#[test]
fn a_wrong_password_is_told_and_asked_again() {
    let stand = telnet();
    let mut client = Client::new(&stand);
    client.wait_for("login: ");
    client.say(b"root\r\n");
    client.wait_for("Password: ");
    client.say(b"x\xff\xff\r\n");
    let said = client.wait_for("login: ");
    assert_eq!(said, b"\r\n\r\nLogin incorrect\r\napp-web-03 login: ");
    assert_eq!(
        stand.told("auth_attempt", "outcome", "failure").fields["secret_b64"],
        "eP8="
    );
}

#[test]
fn hydra_finds_the_password() {
    let stand = telnet();
    let line = "printf 'a\\ntoor\\nc\\n' >{root}/words; hydra -t 4 -l root -P {root}/words telnet://127.0.0.1:{port}";
    assert!(stand.sh(line).contains("login: root   password: toor"));
}

#[test]
fn nmap_takes_it_for_busybox() {
    let stand = telnet();
    let text = stand.sh("nmap -Pn -sV -p {port} 127.0.0.1");
    assert!(text.contains("BusyBox telnetd"), "{text}");
}
