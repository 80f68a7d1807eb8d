//! COMMAND, ACL, and what can be asked of single keys.

use super::call::Call;
use crate::services::redis::acl::CATEGORIES;
use crate::services::redis::glob;
use crate::services::redis::number;
use crate::services::redis::reply::{Answer, Bytes, Fault, OK, Reply};
use crate::services::redis::table::Table;

pub(super) fn command(call: &mut Call<'_>) -> Answer {
    let table = call.server.table;
    let names = |from: usize| {
        call.args[from..]
            .iter()
            .map(|name| String::from_utf8_lossy(name).to_ascii_lowercase())
    };
    match (call.word(1).as_slice(), call.count()) {
        (_, 1) => Ok(every_info(table)),
        (b"help", 2) => call.help(),
        (b"count", 2) => Ok(Reply::int(table.commands().count())),
        (b"info", 2) => Ok(every_info(table)),
        (b"info", _) => Ok(Reply::Array(
            names(2)
                .map(|name| table.info(&name).unwrap_or(Reply::NullArray))
                .collect(),
        )),
        (b"docs", 2) => {
            let all = table
                .commands()
                .filter_map(|facts| Some([Reply::bulk(&facts.name), table.docs(&facts.name)?]));
            Ok(Reply::Map(all.flatten().collect()))
        }
        (b"docs", _) => {
            let shown = names(2).filter_map(|name| Some([Reply::bulk(&name), table.docs(&name)?]));
            Ok(Reply::Map(shown.flatten().collect()))
        }
        (b"list", _) => list(call),
        (b"getkeys", 3..) => get_keys(call, false),
        (b"getkeysandflags", 3..) => get_keys(call, true),
        _ => call.bad_subcommand(),
    }
}

pub(super) fn acl(call: &mut Call<'_>) -> Answer {
    match (call.word(1).as_slice(), call.count()) {
        (b"help", 2) => call.help(),
        (b"whoami", 2) => {
            let user = call.client()?.user.clone();
            Ok(Reply::maybe(user))
        }
        (b"users", 2) => Ok(Reply::Array(
            call.server.acl.users().map(|(name, _)| Reply::bulk(name)).collect(),
        )),
        (b"list", 2) => Ok(Reply::Array(
            call.server
                .acl
                .users()
                .map(|(name, user)| Reply::Bulk(user.line(name)))
                .collect(),
        )),
        (b"cat", 2) => Ok(Reply::Array(Reply::bulks(CATEGORIES))),
        (b"cat", 3) => category(call),
        (b"getuser", 3) => get_user(call),
        (b"setuser", 3..) => {
            let table = call.server.table;
            let (name, rules) = (call.arg(2), &call.args[3..]);
            if name.iter().any(|b| matches!(b, b' ' | 0)) {
                return Err(Fault::err("Usernames can't contain spaces or null characters"));
            }
            call.server
                .acl
                .set(name, rules, |command| table.facts(command).is_some())?;
            Ok(OK)
        }
        (b"deluser", 3..) => {
            if call.args[2..].iter().any(|name| name == b"default") {
                return Err(Fault::err("The 'default' user cannot be removed"));
            }
            Ok(Reply::int(
                call.args[2..]
                    .iter()
                    .filter(|name| call.server.acl.delete(name))
                    .count(),
            ))
        }
        (b"genpass", 2 | 3) => generate_password(call),
        (b"log", 2 | 3) => match call.count() {
            3 if call.is(2, "reset") => Ok(OK),
            3 => call.int(2).map(|_| Reply::Array(Vec::new())),
            _ => Ok(Reply::Array(Vec::new())),
        },
        (b"load" | b"save", 2) => Err(Fault::err(
            "This Redis instance is not configured to use an ACL file. You may want to specify users via the ACL \
             SETUSER command and then issue a CONFIG REWRITE (assuming you have a Redis configuration file set) in \
             order to store users in the Redis configuration.",
        )),
        (b"dryrun", 4..) => dry_run(call),
        _ => call.bad_subcommand(),
    }
}

pub(super) fn object(call: &mut Call<'_>) -> Answer {
    if call.is(1, "help") && call.count() == 2 {
        return call.help();
    }
    let lfu = call.server.config.get("maxmemory-policy").ends_with(b"-lfu");
    let now = call.now_ms();
    let (word, key) = (call.word(1), call.arg(2));
    let item = call.peek(key);
    let Some(item) = item else {
        return Ok(Reply::Null);
    };
    match word.as_slice() {
        b"encoding" => Ok(Reply::bulk(item.value.encoding())),
        b"refcount" => {
            let shared = item.value.encoding() == "int"
                && matches!(&item.value, crate::services::redis::value::Value::Str(text) if number::integer(&text.bytes).is_some_and(|n| (0..10_000).contains(&n)));
            Ok(Reply::Int(if shared { i64::from(i32::MAX) } else { 1 }))
        }
        b"idletime" if lfu => Err(Fault::err(
            "An LFU maxmemory policy is selected, idle time not tracked. Please note that when switching between \
             policies at runtime LRU and LFU data will take some time to adjust.",
        )),
        b"idletime" => Ok(Reply::Int((now - item.used) / 1000)),
        b"freq" if !lfu => Err(Fault::err(
            "An LFU maxmemory policy is not selected, access frequency not tracked. Please note that when switching \
             between policies at runtime LRU and LFU data will take some time to adjust.",
        )),
        b"freq" => Ok(Reply::Int(5)),
        _ => call.bad_subcommand(),
    }
}

fn every_info(table: &Table) -> Reply {
    Reply::Array(table.commands().filter_map(|facts| table.info(&facts.name)).collect())
}

fn list(call: &mut Call<'_>) -> Answer {
    let table = call.server.table;
    let shown: Vec<&str> = match (call.count(), call.word(2).as_slice(), call.word(3).as_slice()) {
        (2, ..) => table.commands().map(|facts| facts.name.as_str()).collect(),
        (5, b"filterby", b"aclcat") => {
            let wanted = String::from_utf8_lossy(&call.word(4)).into_owned();
            let held = table.every().filter(|facts| facts.categories.contains(&wanted));
            held.map(|facts| facts.name.as_str()).collect()
        }
        (5, b"filterby", b"pattern") => {
            let matching = table
                .every()
                .filter(|facts| glob::matches_nocase(call.arg(4), facts.name.as_bytes()));
            matching.map(|facts| facts.name.as_str()).collect()
        }
        (5, b"filterby", b"module") => Vec::new(),
        _ => return Err(Fault::syntax()),
    };
    Ok(Reply::Array(Reply::bulks(shown)))
}

fn get_keys(call: &mut Call<'_>, flags: bool) -> Answer {
    let args = &call.args[2..];
    let name = String::from_utf8_lossy(&args[0]).to_ascii_lowercase();
    let facts = call
        .server
        .table
        .facts(&name)
        .ok_or_else(|| Fault::err("Invalid command specified"))?;
    if facts.keys.0 == 0 && !facts.has("movablekeys") {
        return Err(Fault::err("The command has no key arguments"));
    }
    if !facts.fits(args.len()) {
        return Err(Fault::err("Invalid number of arguments specified for command"));
    }
    let keys = match facts.keys.0 {
        0 => movable_keys(&name, args),
        _ => facts.fixed_keys(args),
    };
    if keys.is_empty() {
        return Err(Fault::err("Invalid arguments specified for command"));
    }
    let access = match (facts.has("write"), facts.name.as_str()) {
        (true, "set" | "mset" | "setex" | "hset" | "hmset") => ["OW", "update"],
        (true, _) => ["RW", "update"],
        (false, _) => ["RO", "access"],
    };
    let shown = keys.into_iter().map(|key| match flags {
        false => Reply::bulk(key),
        true => Reply::Array(vec![
            Reply::bulk(key),
            Reply::Set(access.iter().map(|flag| Reply::Status(flag)).collect()),
        ]),
    });
    Ok(Reply::Array(shown.collect()))
}

/// Keys whose number is an argument of its own.
fn movable_keys<'a>(name: &str, args: &'a [Bytes]) -> Vec<&'a Bytes> {
    let at = match name {
        "eval" | "evalsha" | "eval_ro" | "evalsha_ro" | "fcall" | "fcall_ro" | "blmpop" | "bzmpop" => 2,
        "xread" | "xreadgroup" => {
            let streams = args.iter().position(|arg| arg.eq_ignore_ascii_case(b"streams"));
            let rest = streams.map_or(&[][..], |at| &args[at + 1..]);
            return rest[..rest.len() / 2].iter().collect();
        }
        _ => 1,
    };
    let count = args
        .get(at)
        .and_then(|arg| number::integer(arg))
        .unwrap_or(0)
        .clamp(0, args.len() as i64) as usize;
    args.iter().skip(at + 1).take(count).collect()
}

fn category(call: &mut Call<'_>) -> Answer {
    let wanted = String::from_utf8_lossy(&call.word(2)).into_owned();
    if !CATEGORIES.contains(&wanted.as_str()) {
        return Err(Fault::err([b"Unknown category '", call.arg(2), b"'"].concat()));
    }
    let held = call
        .server
        .table
        .every()
        .filter(|facts| facts.categories.contains(&wanted));
    Ok(Reply::Array(held.map(|facts| Reply::bulk(&facts.name)).collect()))
}

fn get_user(call: &mut Call<'_>) -> Answer {
    let Some(user) = call.server.acl.user(call.arg(2)) else {
        return Ok(Reply::Null);
    };
    let mut flags = vec![Reply::bulk(if user.on { "on" } else { "off" })];
    if user.nopass {
        flags.push(Reply::bulk("nopass"));
    }
    Ok(Reply::Map(vec![
        Reply::bulk("flags"),
        Reply::Set(flags),
        Reply::bulk("passwords"),
        Reply::Array(Reply::bulks(&user.passwords)),
        Reply::bulk("commands"),
        Reply::bulk(user.commands()),
        Reply::bulk("keys"),
        Reply::Bulk(user.keys()),
        Reply::bulk("channels"),
        Reply::Bulk(user.channels()),
        Reply::bulk("selectors"),
        Reply::Array(Vec::new()),
    ]))
}

fn generate_password(call: &mut Call<'_>) -> Answer {
    let bits = if call.count() == 3 { call.int(2)? } else { 256 };
    if !(1..=4096).contains(&bits) {
        return Err(Fault::err(
            "ACL GENPASS argument must be the number of bits for the output password, a positive number up to 4096",
        ));
    }
    let digits = (bits as usize).div_ceil(4);
    let text: String = (0..digits.div_ceil(16))
        .map(|_| format!("{:016x}", call.random()))
        .collect();
    Ok(Reply::bulk(&text[..digits]))
}

fn dry_run(call: &mut Call<'_>) -> Answer {
    let name = call.arg(2);
    let user = call
        .server
        .acl
        .user(name)
        .ok_or_else(|| Fault::err([b"User '", name, b"' not found"].concat()))?;
    let command = String::from_utf8_lossy(&call.word(3)).into_owned();
    let unknown = || Fault::err([b"Command '", call.arg(3), b"' not found"].concat());
    let facts = call.server.table.facts(&command).ok_or_else(unknown)?;
    if !facts.fits(call.count() - 3) {
        return Err(Fault::err(format!("wrong number of arguments for '{command}' command")));
    }
    let who = String::from_utf8_lossy(name);
    if !user.may_run(facts) {
        return Ok(Reply::bulk(format!(
            "User {who} has no permissions to run the '{command}' command"
        )));
    }
    if let Some(key) = facts
        .fixed_keys(&call.args[3..])
        .into_iter()
        .find(|key| !user.may_touch(key))
    {
        let key = String::from_utf8_lossy(key);
        return Ok(Reply::bulk(format!(
            "User {who} has no permissions to access the '{key}' key"
        )));
    }
    Ok(OK)
}
