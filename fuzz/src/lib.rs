//! Fuzz targets of every parser of strangers' bytes, and the replay of what fuzzing found.
//!
//! A target is a file in `targets/`, a line in `Cargo.toml` and a word in `targets/mod.rs`. Its corpus is kept small,
//! as text, in `corpora/`. `./x fuzz` runs them with cargo-fuzz; `cargo test -p fuzz` runs each over its
//! corpus with the ordinary toolchain.
#![forbid(unsafe_code)]

pub mod corpus;

use std::collections::hash_map::DefaultHasher;
use std::fs;
use std::hash::{Hash as _, Hasher as _};
use std::path::{Path, PathBuf};

use model::machine::MachineSpec;

/// Makes a function of bytes a target: libFuzzer's when cargo-fuzz builds it, else one that replays its corpus.
#[macro_export]
macro_rules! target {
    ($run:ident) => {
        #[cfg(feature = "libfuzzer")]
        libfuzzer_sys::fuzz_target!(|data: &[u8]| $run(data));

        #[cfg(not(feature = "libfuzzer"))]
        pub(crate) fn main() {
            $crate::corpus::replay(module_path!(), $run);
        }
    };
}

/// The bytes in pieces, cut where a hash of the bytes says: the same bytes always come in the same pieces.
pub fn pieces(bytes: &[u8]) -> Vec<&[u8]> {
    let mut hasher = DefaultHasher::new();
    bytes.hash(&mut hasher);
    let mut cuts = hasher.finish() | 1;
    let (mut pieces, mut rest) = (Vec::new(), bytes);
    while !rest.is_empty() {
        // Mostly short ones, now and then a long one.
        cuts = cuts.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        let most = if cuts >> 60 == 0 { 1024 } else { 7 };
        let (piece, later) = rest.split_at(rest.len().min(1 + (cuts >> 33) as usize % most));
        pieces.push(piece);
        rest = later;
    }
    pieces
}

/// The root of a machine with a small web site, made anew.
///
/// # Panics
/// When it cannot be made.
pub fn document_root() -> PathBuf {
    let root = folder("site");
    for (path, text) in [
        ("var/www/html/index.html", "<h1>hello</h1>\n"),
        ("var/www/html/a/b.txt", "0123456789"),
        ("var/www/html/a b/%.css", "x { }"),
        ("var/www/html/empty", ""),
    ] {
        put(&root.join(path), text);
    }
    root
}

/// Holds a conversation over a mailbox of two messages, whole and in pieces: what is said is the same.
///
/// # Panics
/// When it is not, or the mailbox cannot be made.
#[cfg(feature = "machine")]
pub fn mailbox(name: &str, data: &[u8], talk: impl Fn(bool) -> Box<dyn decoy::services::mail::talk::Talk>) {
    let whole = held(name, &[data], &talk);
    let cut = held(name, &pieces(data), &talk);
    assert_eq!(cut.escape_ascii().to_string(), whole.escape_ascii().to_string());
}

#[cfg(feature = "machine")]
fn held(name: &str, pieces: &[&[u8]], talk: &impl Fn(bool) -> Box<dyn decoy::services::mail::talk::Talk>) -> Vec<u8> {
    use decoy::services::mail::store::Store;
    use decoy::services::mail::talk::Act;
    let root = folder(name);
    let _ = fs::remove_dir_all(&root);
    put(
        &root.join("dovecot-uidlist"),
        "3 V1700000000 N3 G00\n1 :1.app\n2 :2.app\n",
    );
    put(&root.join("cur/1.app:2,S"), "Subject: one\nFrom: a@b\n\nhello\n.\n");
    put(
        &root.join("new/2.app"),
        "Content-Type: multipart/mixed; boundary=b\n\n--b\n\nx\n--b--\n",
    );
    for file in ["cur/1.app:2,S", "new/2.app"] {
        let dated = fs::File::open(root.join(file)).and_then(|file| file.set_modified(std::time::UNIX_EPOCH));
        dated.unwrap_or_else(|error| panic!("{file}: {error}"));
    }
    let (mut talk, mut said) = (talk(false), Vec::new());
    let mut acts = std::collections::VecDeque::from(talk.greeting());
    // Nothing more at the end, so that the greeting is heard where nothing is said.
    for piece in pieces.iter().copied().chain([&b""[..]]) {
        acts.extend(talk.received(piece));
        while let Some(act) = acts.pop_front() {
            match act {
                Act::Say(bytes) => said.extend(bytes),
                // A password with an x in it is wrong.
                Act::LogIn(attempt) => {
                    let login = (!attempt.password.contains(&b'x')).then(|| Store::open(root.clone(), "app"));
                    acts.extend(talk.answered(login.map(|store| ("kim".to_owned(), store))));
                }
                Act::Secure | Act::Close => return said,
                Act::Tell(..) | Act::Keep(..) => {}
            }
        }
        assert!(said.len() < 64 << 20);
    }
    said
}

/// The root of a machine that writes down who logs in, made anew.
///
/// # Panics
/// When it cannot be made.
pub fn machine_root() -> PathBuf {
    let root = folder("machine");
    put(&root.join("etc/passwd"), "root:x:0:0:root:/root:/bin/bash\n");
    for path in ["run/utmp", "var/log/wtmp", "var/log/btmp", "var/log/lastlog"] {
        put(&root.join(path), "");
    }
    root
}

/// Of a machine without services.
///
/// # Panics
/// When specs have come to look otherwise.
pub fn machine_spec() -> MachineSpec {
    let spec = serde_json::json!({
        "generation": 1, "hostname": "web-01", "distro": "debian", "seed": "ab".repeat(32),
        "users": [], "keys": {}, "services": [],
    });
    serde_json::from_value(spec).unwrap_or_else(|error| panic!("{error}"))
}

/// Kept until the process ends, and after; in the system's folder for such.
fn folder(name: &str) -> PathBuf {
    let folder = std::env::temp_dir().join(format!("fuzz-{name}-{}", std::process::id()));
    fs::create_dir_all(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    folder
}

fn put(path: &Path, text: &str) {
    let made = path
        .parent()
        .map_or(Ok(()), fs::create_dir_all)
        .and_then(|()| fs::write(path, text));
    made.unwrap_or_else(|error| panic!("{}: {error}", path.display()));
}

#[cfg(test)]
extern crate self as fuzz;

#[cfg(test)]
#[path = "../targets/mod.rs"]
mod targets;
