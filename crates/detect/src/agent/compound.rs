//! A command line in one call is several calls: each part is classified by its program (detect.md §9.1).

use super::destination::Destinations;
use super::feature::{Features, Knowledge};
use super::sensitivity::Sensitivity;
use super::strings::Text;

/// Parts of one command that are looked at.
const MAX_PARTS: usize = 16;
const COMMAND_KEYS: [&str; 7] = ["command", "cmd", "script", "code", "args", "argv", "input"];

const READERS: [&str; 8] = ["cat", "head", "tail", "strings", "less", "more", "tac", "nl"];
const OUTBOUND: [&str; 10] = [
    "curl", "wget", "nc", "ncat", "netcat", "scp", "rsync", "sftp", "ftp", "socat",
];
const ENCODING: [&str; 9] = [
    "base64", "base32", "xxd", "gzip", "bzip2", "xz", "zip", "tar", "openssl",
];
const DESTRUCTIVE: [&str; 4] = ["rm", "shred", "mkfs", "wipefs"];
const RECON: [&str; 17] = [
    "ls", "find", "id", "ps", "whoami", "uname", "env", "printenv", "netstat", "ss", "ifconfig", "ip", "nmap", "dig",
    "nslookup", "locate", "hostname",
];
const INSTALLERS: [&str; 7] = ["pip", "pip3", "npm", "gem", "cargo", "apt", "apt-get"];
const EXEC: [&str; 10] = [
    "sh", "bash", "zsh", "python", "python3", "perl", "ruby", "node", "sudo", "eval",
];
/// Programs in front of the one that matters.
const WRAPPERS: [&str; 6] = ["sudo", "env", "nohup", "time", "exec", "command"];

/// The parts of an exec tool's command, if it has more to say than its name.
pub(super) fn parts(texts: &[Text], knowledge: &Knowledge) -> Vec<Features> {
    let keyed = texts.iter().filter(|text| COMMAND_KEYS.contains(&text.key.as_str()));
    let commands: Vec<&Text> = keyed.collect();
    let commands = if commands.is_empty() {
        texts.iter().take(1).collect()
    } else {
        commands
    };
    let split = commands.into_iter().flat_map(|text| split(&text.text));
    split
        .take(MAX_PARTS)
        .filter_map(|part| classify(part, knowledge))
        .collect()
}

/// At `|`, `;`, `&&`, `||` and newlines.
fn split(command: &str) -> impl Iterator<Item = &str> {
    command
        .split(['|', ';', '&', '\n'])
        .map(str::trim)
        .filter(|part| !part.is_empty())
}

fn classify(part: &str, knowledge: &Knowledge) -> Option<Features> {
    let words: Vec<&str> = part
        .split_whitespace()
        .map(|word| word.trim_matches(['"', '\'', '(', ')', '`']))
        .collect();
    let wrapped = words
        .iter()
        .position(|word| !WRAPPERS.contains(&base(word)) && !word.contains('=') && !word.starts_with('-'));
    let at = wrapped.unwrap_or(0);
    let program = base(words.get(at)?);
    let arguments = words.get(at + 1..).unwrap_or_default();
    let is = |known: &[&str]| known.contains(&program);
    let installs = is(&INSTALLERS) && arguments.iter().any(|word| matches!(*word, "install" | "add" | "i"));
    let texts = [Text {
        key: String::new(),
        text: part.to_owned(),
    }];
    let content = super::content::Content::of(&texts);
    let mut features = Features {
        sensitivity: Sensitivity::of(is(&READERS), &texts),
        outbound: is(&OUTBOUND),
        exec: is(&EXEC) || words.first().is_some_and(|word| base(word) == "sudo"),
        recon: is(&RECON),
        destructive: is(&DESTRUCTIVE) || program.starts_with("mkfs.") || content.destructive,
        encoding: is(&ENCODING),
        install: installs,
        content,
        ..Features::default()
    };
    let destinations = if features.outbound {
        Destinations::of_command(arguments)
    } else {
        Destinations::default()
    };
    if features.install {
        let packages: Vec<&str> = arguments
            .iter()
            .copied()
            .filter(|word| !word.starts_with('-') && !matches!(*word, "install" | "add" | "i"))
            .collect();
        features.approve(&packages, knowledge);
    }
    features.scratch_only = features.destructive && super::content::only_scratch(arguments.iter().copied());
    features.complete(&texts, &destinations, knowledge);
    (!features.is_empty()).then_some(features)
}

fn base(word: &str) -> &str {
    word.rsplit('/').next().unwrap_or(word)
}
