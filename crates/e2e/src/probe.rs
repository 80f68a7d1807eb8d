//! The same questions to two machines: probe corpora (`fixtures/conformance/*.yaml`) and their answers.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::{Read, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as B64;
use regex::bytes::Regex;
use serde::Deserialize;

use crate::tools;

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Corpus {
    pub service: String,
    pub port: u16,
    /// Probes change state the next ones see, so they go one after the other.
    #[serde(default)]
    pub serial: bool,
    /// Silence that ends an answer.
    #[serde(default = "quiet")]
    pub quiet_ms: u64,
    /// The server speaks first, or may.
    #[serde(default = "yes")]
    pub greets: bool,
    /// Put on the machine before the first probe.
    #[serde(default)]
    pub files: Option<Files>,
    pub probes: Vec<Probe>,
    /// What may differ: nonces and times.
    #[serde(default)]
    pub mask: Vec<String>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Files {
    /// Time of change of each, as `touch -d` takes it.
    pub mtime: String,
    /// Path and text; of a folder, whose path ends in a slash, the mode.
    pub tree: BTreeMap<String, String>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Probe {
    pub name: String,
    /// Written one after the other, each after the answer to the one before.
    #[serde(default)]
    pub send: Vec<String>,
    /// A shell line instead; what it prints and its exit code are the answer.
    #[serde(default)]
    pub run: Option<String>,
    #[serde(default)]
    pub tls: bool,
    /// The lines of the answer come in any order.
    #[serde(default)]
    pub sort: bool,
    /// Known to be answered otherwise by ours.
    #[serde(default)]
    pub differs: bool,
}

/// Whom to ask.
#[derive(Clone, Debug)]
pub struct Subject {
    pub host: String,
    pub user: String,
    pub password: String,
    pub hostname: String,
}

/// Probe name → masked answer.
pub type Answers = BTreeMap<String, Vec<u8>>;

const ANSWER_LIMIT: usize = 1 << 20;
const PARALLEL: usize = 6;
const LONGEST_QUIET_MS: u64 = 6_000;

fn quiet() -> u64 {
    300
}

fn yes() -> bool {
    true
}

// === impl Corpus ===

impl Corpus {
    pub fn load(path: &Path) -> Result<Self> {
        let text = std::fs::read_to_string(path).with_context(|| path.display().to_string())?;
        serde_yaml::from_str(&text).with_context(|| path.display().to_string())
    }

    pub fn ask(&self, subject: &Subject) -> Result<Answers> {
        if let Some(files) = &self.files {
            files.put(subject)?;
        }
        let masks = self
            .mask
            .iter()
            .map(|mask| Ok(Regex::new(mask)?))
            .collect::<Result<Vec<_>>>()?;
        let lanes = if self.serial { 1 } else { PARALLEL };
        let answers: Result<Vec<Answers>> = std::thread::scope(|scope| {
            let lanes: Vec<_> = (0..lanes)
                .map(|lane| {
                    let masks = &masks;
                    scope.spawn(move || {
                        let mine = self.probes.iter().skip(lane).step_by(lanes);
                        mine.map(|probe| Ok((probe.name.clone(), self.one(probe, subject, masks)?)))
                            .collect::<Result<Answers>>()
                    })
                })
                .collect();
            lanes
                .into_iter()
                .map(|lane| lane.join().map_err(|_| anyhow::anyhow!("a probing thread died"))?)
                .collect()
        });
        Ok(answers?.into_iter().flatten().collect())
    }

    /// Those of the probes, or all where one changes what the next ones see, with more silence before an answer ends.
    pub fn slower(&self, times: u64, of: impl Fn(&str) -> bool) -> Self {
        let mut again = self.clone();
        again.quiet_ms = (again.quiet_ms * times).min(LONGEST_QUIET_MS.max(again.quiet_ms));
        if !self.serial {
            again.probes.retain(|probe| of(&probe.name));
        }
        again
    }

    fn one(&self, probe: &Probe, subject: &Subject, masks: &[Regex]) -> Result<Vec<u8>> {
        let asked = match &probe.run {
            Some(line) => run(&subject.fill(line, self.port)),
            None if probe.tls => self.over_tls(probe, subject),
            None => self.raw(probe, subject),
        };
        let mut answer = asked.with_context(|| format!("{}: {}", self.service, probe.name))?;
        for (what, mask) in [(&subject.hostname, "<hostname>"), (&subject.host, "<host>")] {
            answer = replace(&answer, what.as_bytes(), mask.as_bytes());
        }
        for mask in masks {
            answer = mask.replace_all(&answer, &b"<...>"[..]).into_owned();
        }
        if probe.sort {
            let mut lines: Vec<_> = answer.split_inclusive(|&b| b == b'\n').collect();
            lines.sort_unstable();
            answer = lines.concat();
        }
        Ok(answer)
    }

    fn raw(&self, probe: &Probe, subject: &Subject) -> Result<Vec<u8>> {
        let addr: SocketAddr = format!("{}:{}", subject.host, self.port).parse()?;
        let mut stream = TcpStream::connect_timeout(&addr, Duration::from_secs(5))?;
        stream.set_read_timeout(Some(Duration::from_millis(self.quiet_ms)))?;
        let mut answer = Vec::new();
        let mut open = !self.greets || self.hear(&mut stream, &mut answer)?;
        for step in &probe.send {
            if !open || stream.write_all(&bytes(&subject.fill(step, self.port))?).is_err() {
                break;
            }
            open = self.hear(&mut stream, &mut answer)?;
        }
        answer.extend_from_slice(if open { b"<open>" } else { b"<closed>" });
        Ok(answer)
    }

    /// Reads until quiet; false once the other side has closed.
    fn hear(&self, stream: &mut TcpStream, answer: &mut Vec<u8>) -> Result<bool> {
        let mut buffer = [0; 16384];
        while answer.len() < ANSWER_LIMIT {
            match stream.read(&mut buffer) {
                Ok(0) => return Ok(false),
                Ok(n) => answer.extend_from_slice(&buffer[..n]),
                Err(e) if matches!(e.kind(), std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut) => {
                    return Ok(true);
                }
                Err(e) if e.kind() == std::io::ErrorKind::ConnectionReset => return Ok(false),
                Err(e) => return Err(e.into()),
            }
        }
        Ok(true)
    }

    fn over_tls(&self, probe: &Probe, subject: &Subject) -> Result<Vec<u8>> {
        let mut child = Command::new("openssl")
            .args([
                "s_client",
                "-quiet",
                "-connect",
                &format!("{}:{}", subject.host, self.port),
            ])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .context("openssl s_client")?;
        let mut out = child.stdout.take().context("stdout is piped")?;
        let mut input = child.stdin.take().context("stdin is piped")?;
        let (say, heard) = mpsc::channel();
        std::thread::spawn(move || {
            let mut buffer = [0; 16384];
            while let Ok(n) = out.read(&mut buffer) {
                if n == 0 || say.send(buffer[..n].to_vec()).is_err() {
                    break;
                }
            }
        });
        let mut answer = Vec::new();
        let mut open = true;
        for step in &probe.send {
            if input
                .write_all(&bytes(&subject.fill(step, self.port))?)
                .and_then(|()| input.flush())
                .is_err()
            {
                break;
            }
            // A handshake may come before the first answer.
            let mut wait = Duration::from_millis(self.quiet_ms.max(1000));
            loop {
                match heard.recv_timeout(wait) {
                    Ok(piece) => answer.extend(piece),
                    Err(mpsc::RecvTimeoutError::Timeout) => break,
                    Err(mpsc::RecvTimeoutError::Disconnected) => {
                        open = false;
                        break;
                    }
                }
                wait = Duration::from_millis(self.quiet_ms);
            }
        }
        child.kill().ok();
        child.wait()?;
        answer.extend_from_slice(if open { b"<open>" } else { b"<closed>" });
        Ok(answer)
    }
}

// === impl Files ===

impl Files {
    /// Over the machine's own SSH, as root.
    fn put(&self, subject: &Subject) -> Result<()> {
        let mut script = String::from("set -e; umask 022\n");
        for (path, text) in &self.tree {
            if path.ends_with('/') {
                writeln!(script, "mkdir -p '{path}'; chmod {text} '{path}'")?;
            } else {
                writeln!(script, "mkdir -p \"$(dirname '{path}')\"")?;
                writeln!(script, "printf %b '{}' > '{path}'", octal(text))?;
            }
        }
        for path in self.tree.keys() {
            writeln!(script, "touch -d {} '{path}' \"$(dirname '{path}')\"", self.mtime)?;
        }
        let (host, root) = (&subject.host, crate::grid::ROOT_PASSWORD);
        let ssh = format!("sshpass -p {root} ssh {} root@{host} sh -s", crate::grid::SSH);
        tools::must(&format!("{ssh} <<'SCRIPT'\n{script}SCRIPT"))?;
        Ok(())
    }
}

/// For `printf %b`.
fn octal(text: &str) -> String {
    text.bytes().fold(String::new(), |mut out, byte| {
        // Writing to a String cannot fail.
        let _ = write!(out, "\\0{byte:03o}");
        out
    })
}

impl Subject {
    fn fill(&self, text: &str, port: u16) -> String {
        text.replace("{host}", &self.host)
            .replace("{port}", &port.to_string())
            .replace("{user}", &self.user)
            .replace("{password}", &self.password)
            .replace("{hostname}", &self.hostname)
            .replace("{fixtures}", &crate::grid::root().join("fixtures").to_string_lossy())
            .replace("{user64}", &B64.encode(&self.user))
            .replace("{password64}", &B64.encode(&self.password))
            .replace("{plain}", &B64.encode(format!("\0{}\0{}", self.user, self.password)))
    }
}

fn run(line: &str) -> Result<Vec<u8>> {
    // Any exit code is an answer, also the one that says that a program is missing: over there.
    Ok(tools::sh(&format!("{line}\necho \"<exit $?>\""))?.stdout)
}

fn bytes(step: &str) -> Result<Vec<u8>> {
    let Some(hex) = step.strip_prefix("hex:") else {
        return Ok(step.as_bytes().to_vec());
    };
    let digits: Vec<u8> = hex.bytes().filter(|b| !b.is_ascii_whitespace()).collect();
    if !digits.len().is_multiple_of(2) {
        bail!("odd number of hex digits in `{step}`");
    }
    digits
        .chunks(2)
        .map(|pair| Ok(u8::from_str_radix(std::str::from_utf8(pair)?, 16)?))
        .collect()
}

fn replace(text: &[u8], what: &[u8], with: &[u8]) -> Vec<u8> {
    if what.is_empty() {
        return text.to_vec();
    }
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.windows(what.len()).position(|window| window == what) {
        out.extend_from_slice(&rest[..at]);
        out.extend_from_slice(with);
        rest = &rest[at + what.len()..];
    }
    out.extend_from_slice(rest);
    out
}

/// What differs, for people, by the probe's name; empty when nothing does.
pub fn differences(genuine: &Answers, ours: &Answers) -> BTreeMap<String, String> {
    let differs = genuine.iter().filter(|(name, answer)| ours.get(*name) != Some(*answer));
    differs
        .map(|(name, answer)| {
            let mut text = String::new();
            let shown = |bytes: Option<&Vec<u8>>| bytes.map_or("(none)".into(), |b| excerpt(b, answer, ours.get(name)));
            let _ = write!(
                text,
                "{name}\n  genuine: {}\n  ours:    {}",
                shown(Some(answer)),
                shown(ours.get(name))
            );
            (name.clone(), text)
        })
        .collect()
}

/// The stretch around the first difference.
fn excerpt(bytes: &[u8], genuine: &[u8], ours: Option<&Vec<u8>>) -> String {
    let same = ours.map_or(0, |ours| genuine.iter().zip(ours).take_while(|(a, b)| a == b).count());
    let from = same.saturating_sub(40).min(bytes.len());
    let to = (same + 160).min(bytes.len());
    format!("...[{from}] {}", bytes[from..to].escape_ascii())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_that_differ_are_shown_around_the_first_difference() {
        let genuine = Answers::from([("greets".to_owned(), b"220 (vsFTPd 3.0.3)\r\n".to_vec())]);
        assert!(differences(&genuine, &genuine).is_empty());
        let ours = Answers::from([("greets".to_owned(), b"220 (vsFTPd 3.0.5)\r\n".to_vec())]);
        let shown = differences(&genuine, &ours);
        let greets = &shown["greets"];
        assert!(greets.contains("3.0.3") && greets.contains("3.0.5"), "{greets}");
    }

    #[test]
    fn hex_steps_are_bytes_and_odd_ones_an_error() {
        assert_eq!(bytes("hex:16 03 01").unwrap(), [0x16, 3, 1]);
        assert!(bytes("hex:123").is_err());
    }
}
