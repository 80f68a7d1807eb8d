//! What a terminal is shown between login and prompt.

use std::time::Duration;

use time::OffsetDateTime;
use tokio::io::AsyncReadExt;
use tokio::process::Command;

use crate::machine::login_records::LastLogin;
use crate::machine::{Account, Machine};

/// The scripts behind the message of the day have this long, and this much to say.
const PATIENCE: Duration = Duration::from_secs(3);
const MAX: u64 = 16 * 1024;

/// The account wants none of it.
pub fn hushed(machine: &Machine, account: &Account) -> bool {
    machine.path(&account.home).join(".hushlogin").exists()
}

/// The machine's message of the day: what its scripts say, then `/etc/motd`.
pub async fn of_the_day(machine: &Machine) -> Vec<u8> {
    let mut text = dynamic(machine).await.unwrap_or_default();
    let fixed = tokio::fs::read(machine.path("/etc/motd")).await.unwrap_or_default();
    text.extend_from_slice(&fixed[..fixed.len().min(MAX as usize)]);
    text
}

/// `Last login: Sat Nov 21 11:00:01 2026 from 192.0.2.7`, in UTC as the machine is.
pub fn last_login(last: &LastLogin) -> String {
    format!("Last login: {}{}", ctime(last.at), from(last))
}

/// `Last login: Sat Nov 21 11:00:01 UTC 2026 from 192.0.2.7 on pts/0`, as login's PAM tells it.
pub fn last_login_of_pam(last: &LastLogin) -> String {
    let at = ctime(last.at);
    let (time, year) = at.rsplit_once(' ').unwrap_or((&at, ""));
    format!("Last login: {time} UTC {year}{} on {}", from(last), last.line)
}

fn from(last: &LastLogin) -> String {
    if last.host.is_empty() {
        String::new()
    } else {
        format!(" from {}", last.host)
    }
}

/// `Sat Nov 21 11:00:01 2026`.
pub fn ctime(at: OffsetDateTime) -> String {
    let format = time::macros::format_description!(
        "[weekday repr:short] [month repr:short] [day padding:space] [hour]:[minute]:[second] [year]"
    );
    at.format(format).unwrap_or_default()
}

async fn dynamic(machine: &Machine) -> Option<Vec<u8>> {
    let folder = machine.path("/etc/update-motd.d");
    if !folder.is_dir() {
        return None;
    }
    let mut scripts: Vec<_> = std::fs::read_dir(folder)
        .ok()?
        .filter_map(|entry| Some(entry.ok()?.path()))
        .collect();
    scripts.sort();
    let mut text = Vec::new();
    for script in scripts {
        let run = async {
            let mut child = Command::new(&script)
                .env_clear()
                .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
                .stdin(std::process::Stdio::null())
                .stdout(std::process::Stdio::piped())
                .stderr(std::process::Stdio::null())
                .kill_on_drop(true)
                .spawn()
                .ok()?;
            child.stdout.take()?.take(MAX).read_to_end(&mut text).await.ok()?;
            child.wait().await.ok()
        };
        let _ = tokio::time::timeout(PATIENCE, run).await;
    }
    Some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_login_is_told_as_sshd_tells_it() {
        let last = LastLogin {
            at: OffsetDateTime::from_unix_timestamp(1_762_000_861).unwrap(),
            line: "pts/0".into(),
            host: "192.0.2.7".into(),
        };
        assert_eq!(last_login(&last), "Last login: Sat Nov  1 12:41:01 2025 from 192.0.2.7");
        let told = "Last login: Sat Nov  1 12:41:01 UTC 2025 from 192.0.2.7 on pts/0";
        assert_eq!(last_login_of_pam(&last), told);
    }
}
