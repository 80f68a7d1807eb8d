//! Scripts and functions, kept and told of, and carried out as far as they are plain ([`script`]).

use sha1::{Digest as _, Sha1};

use super::call::Call;
use crate::services::redis::record::Record;
use crate::services::redis::reply::{Answer, Bytes, Fault, OK, Reply};
use crate::services::redis::script::{self, Given, Stop};

/// Scripts that are kept, and bytes of each; more make the oldest names go.
const MAX_SCRIPTS: usize = 1000;
const MAX_KEPT: usize = 64 << 10;

pub(super) fn eval(call: &mut Call<'_>) -> Answer {
    let keys = keys(call)?;
    let source = call.arg(1).to_vec();
    let sha = keep(call, &source);
    evaluate(call, &source, &sha, keys)
}

pub(super) fn evalsha(call: &mut Call<'_>) -> Answer {
    let keys = keys(call)?;
    let sha = String::from_utf8_lossy(&call.word(1)).into_owned();
    match call.server.scripts.get(&sha).cloned() {
        Some(source) => evaluate(call, &source, &sha, keys),
        None => Err(Fault::coded("NOSCRIPT No matching script. Please use EVAL.")),
    }
}

pub(super) fn script(call: &mut Call<'_>) -> Answer {
    match (call.word(1).as_slice(), call.count()) {
        (b"help", 2) => call.help(),
        (b"load", 3) => {
            let source = call.arg(2).to_vec();
            Ok(Reply::bulk(keep(call, &source)))
        }
        (b"exists", 3..) => {
            let known = |sha: &Bytes| {
                let sha = String::from_utf8_lossy(sha).to_ascii_lowercase();
                Reply::Int(call.server.scripts.contains_key(&sha).into())
            };
            Ok(Reply::Array(call.args[2..].iter().map(known).collect()))
        }
        (b"flush", 2 | 3) if call.count() == 2 || call.is(2, "sync") || call.is(2, "async") => {
            call.server.scripts.clear();
            Ok(OK)
        }
        (b"flush", 2 | 3) => Err(Fault::err("SCRIPT FLUSH only support SYNC|ASYNC option")),
        (b"kill", 2) => Err(not_busy()),
        (b"debug", 3) if ["no", "yes", "sync"].iter().any(|mode| call.is(2, mode)) => Ok(OK),
        (b"debug", 3) => Err(Fault::err("Use SCRIPT DEBUG YES/SYNC/NO")),
        _ => call.bad_subcommand(),
    }
}

pub(super) fn function(call: &mut Call<'_>) -> Answer {
    match (call.word(1).as_slice(), call.count()) {
        (b"help", 2) => call.help(),
        (b"list", _) => Ok(Reply::Array(Vec::new())),
        (b"stats", 2) => {
            let counts = vec![
                Reply::bulk("libraries_count"),
                Reply::Int(0),
                Reply::bulk("functions_count"),
                Reply::Int(0),
            ];
            let engines = Reply::Map(vec![Reply::bulk("LUA"), Reply::Map(counts)]);
            Ok(Reply::Map(vec![
                Reply::bulk("running_script"),
                Reply::Null,
                Reply::bulk("engines"),
                engines,
            ]))
        }
        (b"load", 3 | 4) => load(call),
        (b"flush", 2 | 3) if call.count() == 2 || call.is(2, "sync") || call.is(2, "async") => Ok(OK),
        (b"flush", 2 | 3) => Err(Fault::err("FUNCTION FLUSH only supports SYNC|ASYNC option")),
        (b"kill", 2) => Err(not_busy()),
        (b"delete", 3) => Err(Fault::err("Library not found")),
        (b"dump", 2) => Ok(Reply::bulk(EMPTY_DUMP)),
        (b"restore", 3 | 4) if call.arg(2) == EMPTY_DUMP => Ok(OK),
        (b"restore", 3 | 4) => Err(Fault::err("DUMP payload version or checksum are wrong")),
        _ => call.bad_subcommand(),
    }
}

pub(super) fn fcall(_: &mut Call<'_>) -> Answer {
    Err(Fault::err("Function not found"))
}

/// What FUNCTION DUMP gives when there are none.
const EMPTY_DUMP: &[u8] = b"\n\0]\x9b\\@\x0f\x7f\xa2\xda";

/// Tells of a library; none can be made, as if it registered nothing.
fn load(call: &mut Call<'_>) -> Answer {
    let at = call.count() - 1;
    if at == 3 && !call.is(2, "replace") {
        return Err(Fault::err([b"Unknown option given: ", call.arg(2)].concat()));
    }
    let source = call.arg(at).to_vec();
    let first = source.split(|byte| *byte == b'\n').next().unwrap_or_default();
    let Some(head) = first.strip_prefix(b"#!") else {
        return Err(Fault::err("Missing library metadata"));
    };
    tell(call, &source, &hash(&source));
    let mut words = head.split(|byte| *byte == b' ').filter(|word| !word.is_empty());
    let engine = words.next().unwrap_or_default();
    if !engine.eq_ignore_ascii_case(b"lua") || !words.any(|word| word.starts_with(b"name=")) {
        return Err(Fault::err("Invalid library metadata"));
    }
    Err(Fault::err("No functions registered"))
}

/// How many arguments are keys.
fn keys(call: &Call<'_>) -> Result<usize, Fault> {
    let keys = call.int(2)?;
    if keys > call.count() as i64 - 3 {
        return Err(Fault::err("Number of keys can't be greater than number of args"));
    }
    usize::try_from(keys).map_err(|_| Fault::err("Number of keys can't be negative"))
}

fn evaluate(call: &mut Call<'_>, source: &[u8], sha: &str, keys: usize) -> Answer {
    tell(call, source, sha);
    let (keys, argv) = call.args[3..].split_at(keys);
    let only_reads = call.word(0).ends_with(b"_ro");
    let outcome = script::run(source, &Given { keys, argv }, &mut |words| {
        within(call, &words, only_reads)
    });
    let (text, line) = match outcome {
        Err(Stop::NotPlain) => return Ok(Reply::Null),
        Ok(reply) => return Ok(reply),
        Err(Stop::Absent(name, line)) => {
            let text =
                format!("ERR user_script:{line}: Script attempted to access nonexistent global variable '{name}'");
            (text.into_bytes(), line)
        }
        Err(Stop::Fault(fault, line)) => (fault.0, line),
    };
    Err(Fault::coded(
        [&text[..], format!(" script: {sha}, on @user_script:{line}.").as_bytes()].concat(),
    ))
}

/// A command of a script.
fn within(call: &mut Call<'_>, words: &[Bytes], only_reads: bool) -> Reply {
    let refused = |text: &str| Reply::Error(format!("ERR {text}").into_bytes());
    let Some(name) = words
        .first()
        .map(|name| String::from_utf8_lossy(name).to_ascii_lowercase())
    else {
        return refused("Please specify at least one argument for this redis lib call");
    };
    match call.server.table.facts(&name) {
        None => return refused("Unknown Redis command called from script"),
        Some(facts) if !facts.fits(words.len()) => {
            return refused("Wrong number of args calling Redis command from script");
        }
        Some(facts) if facts.has("noscript") || facts.has("blocking") => {
            return refused("This Redis command is not allowed from script");
        }
        Some(facts) if only_reads && facts.has("write") => {
            return refused("Write commands are not allowed from read-only scripts.");
        }
        Some(_) => {}
    }
    match call.server.permit(call.id, words) {
        Ok(facts) => call.server.call(call.id, facts, words),
        Err(fault) => Reply::Error(fault.0),
    }
}

/// Keeps a script for EVALSHA; its name.
fn keep(call: &mut Call<'_>, source: &[u8]) -> String {
    let sha = hash(source);
    let scripts = &mut call.server.scripts;
    if source.len() <= MAX_KEPT {
        if scripts.len() >= MAX_SCRIPTS {
            scripts.pop_first();
        }
        scripts.insert(sha.clone(), source.to_vec());
    }
    sha
}

fn tell(call: &mut Call<'_>, source: &[u8], sha: &str) {
    let record = Record::Script {
        sha1: sha.to_owned(),
        source: source.to_vec(),
    };
    call.server.record(call.id, record);
}

fn hash(source: &[u8]) -> String {
    hex::encode(Sha1::digest(source))
}

fn not_busy() -> Fault {
    Fault::coded("NOTBUSY No scripts in execution right now.")
}
