//! By what it names and touches, the phase a line belongs to.

use super::{cut, name, pieces};
use crate::Phase;

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
