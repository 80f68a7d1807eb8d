//! DEBUG.

use super::call::Call;
use crate::services::redis::client::Closing;
use crate::services::redis::number;
use crate::services::redis::reply::{Answer, Fault, OK, Reply};

/// What DEBUG PROTOCOL shows as a double.
const PROTOCOL_DOUBLE: f64 = 3141.0 / 1000.0;
/// Seconds DEBUG SLEEP holds everyone up at most.
const SLEEP_MAX: f64 = 60.0;

pub(super) fn debug(call: &mut Call<'_>) -> Answer {
    match (call.word(1).as_slice(), call.count()) {
        (b"help", 2) => call.help(),
        (b"sleep", 3) => sleep(call),
        (b"object", 3 | 4) => object(call),
        (b"sdslen", 3) => sds_len(call),
        (b"jmap", 2)
        | (b"quicklist-packed-threshold" | b"stringmatch-len" | b"set-active-expire" | b"log" | b"leak", 3..) => Ok(OK),
        (b"set-disable-deny-scripts" | b"config-rewrite-force-all" | b"replybuffer", 2..) => Ok(OK),
        (b"change-repl-id", 2) => Ok(OK),
        (b"error", 3) => Err(Fault::coded(call.arg(2))),
        (b"reload" | b"loadaof", 2..) => match call.server.write_snapshot(call.id) {
            true => Ok(OK),
            false => Err(Fault::err("Error trying to load the RDB dump, check server logs.")),
        },
        (b"segfault" | b"panic" | b"assert" | b"oom" | b"restart" | b"crash-and-recover", _) => crash(call),
        (b"digest", 2) => Ok(Reply::Line(call.server.digest().to_string().into_bytes())),
        (b"digest-value", 2..) => {
            let db = call.db_at();
            let digest = |key| {
                call.server
                    .digest_of(call.server.dbs[db].get(key))
                    .to_string()
                    .into_bytes()
            };
            Ok(Reply::Array(
                call.args[2..].iter().map(|key| Reply::Line(digest(key))).collect(),
            ))
        }
        (b"protocol", 3) => protocol(call),
        (b"listpack" | b"ziplist", 3) => {
            let there = call.exists(call.arg(2));
            if there {
                Ok(Reply::Status("Listpack structure printed on stdout"))
            } else {
                Err(Fault::err("no such key"))
            }
        }
        (b"htstats", 3 | 4) => table_stats(call),
        (b"populate", 3..=5) => populate(call),
        (b"stringmatch-len", _) => Ok(Reply::Int(0)),
        (b"structsize", 2) => Ok(Reply::Status(
            "bits:64 robj:16 dictentry:24 sdshdr5:1 sdshdr8:3 sdshdr16:5 sdshdr32:9 sdshdr64:17 ",
        )),
        _ => call.bad_subcommand(),
    }
}

fn sleep(call: &mut Call<'_>) -> Answer {
    // As `strtod` reads it: what is no number is no time.
    let seconds = number::float(call.arg(2)).unwrap_or(0.0).clamp(0.0, SLEEP_MAX);
    call.server.stalled = call.server.now + (seconds * 1e6) as i64;
    Ok(OK)
}

fn object(call: &mut Call<'_>) -> Answer {
    let key = call.arg(2);
    let seed = call.server.dbs[0].weight() as u64;
    let Some(item) = call.peek(key) else {
        return Err(Fault::err("no such key"));
    };
    let encoding = item.value.encoding();
    let serialized = crate::services::redis::rdb::dump(&item.value, true).len() - 11;
    let (lru, idle) = ((item.used / 1000) & 0xff_ffff, 0);
    // An address as an allocator would give it; constant for a key as long as nothing changes.
    let at = 0x7f00_0000_0000u64
        + (seed * 64 + key.iter().map(|b| u64::from(*b) * 131).sum::<u64>()) % 0xffff_ffff / 16 * 16;
    Ok(Reply::Line(
        format!("Value at:{at:#x} refcount:1 encoding:{encoding} serializedlength:{serialized} lru:{lru} lru_seconds_idle:{idle}")
            .into_bytes(),
    ))
}

fn sds_len(call: &mut Call<'_>) -> Answer {
    use crate::services::redis::value::Value;
    let key = call.arg(2);
    let Some(item) = call.peek(key) else {
        return Err(Fault::err("no such key"));
    };
    match &item.value {
        Value::Str(text) => {
            let (key, val) = (key.len(), text.bytes.len());
            let alloc = |len: usize| (len + 4).next_multiple_of(8);
            Ok(Reply::Line(
                format!(
                    "key_sds_len:{key}, key_sds_avail:0, key_zmalloc: {}, val_sds_len:{val}, val_sds_avail:0, val_zmalloc: {}",
                    alloc(key),
                    alloc(val)
                )
                .into_bytes(),
            ))
        }
        _ => Err(Fault::err("Not an sds encoded string.")),
    }
}

/// The product dies and systemd starts it again.
fn crash(call: &mut Call<'_>) -> Answer {
    for client in call.server.clients.values_mut() {
        client.closing = Closing::Now;
    }
    Ok(Reply::Silent)
}

fn table_stats(call: &mut Call<'_>) -> Answer {
    let at = number::integer(call.arg(2)).ok_or_else(Fault::not_an_integer)?;
    let db = usize::try_from(at).ok().and_then(|at| call.server.dbs.get(at));
    let db = db.ok_or_else(|| Fault::err("Out of range database"))?;
    let section = |size: usize, used: usize| match size {
        0 => "No stats available for empty dictionaries\n".to_owned(),
        _ => format!("Hash table 0 stats (main hash table):\n table size: {size}\n number of elements: {used}\n"),
    };
    let text = format!(
        "[Dictionary HT]\n{}\n[Expires HT]\n{}",
        section(db.buckets(), db.len()),
        section(0, db.volatile())
    );
    Ok(Reply::Text(text.into()))
}

fn populate(call: &mut Call<'_>) -> Answer {
    use crate::services::redis::value::Value;
    let count = call.positive(2)?.min(100_000);
    let prefix = if call.count() > 3 {
        call.arg(3).to_vec()
    } else {
        b"key".to_vec()
    };
    let size = if call.count() == 5 {
        call.positive(4)?.min(1 << 20)
    } else {
        0
    };
    for n in 0..count {
        if call.server.is_full() {
            break;
        }
        let key = [&prefix[..], format!(":{n}").as_bytes()].concat();
        if !call.exists(&key) {
            let mut value = format!("value:{n}").into_bytes();
            if size > 0 {
                value.resize(size, 0);
            }
            call.put(&key, Value::text(value));
            call.changed('$', "set", &key);
        }
    }
    Ok(OK)
}

fn protocol(call: &mut Call<'_>) -> Answer {
    Ok(match call.word(2).as_slice() {
        b"string" => Reply::bulk("Hello World"),
        b"integer" => Reply::Int(12345),
        b"double" => Reply::Double(PROTOCOL_DOUBLE),
        b"null" => Reply::Null,
        b"array" => Reply::Array((0..3).map(Reply::Int).collect()),
        b"set" => Reply::Set((0..3).map(Reply::Int).collect()),
        b"map" => Reply::Map((0..3).flat_map(|n| [Reply::Int(n), Reply::Bool(n == 1)]).collect()),
        b"true" => Reply::Bool(true),
        b"false" => Reply::Bool(false),
        b"verbatim" => Reply::Text(b"This is a verbatim\nstring".to_vec()),
        _ => {
            return Err(Fault::err(
                "Wrong protocol type name. Please use one of the following: string|integer|double|null|array|set|map|\
                 attrib|push|verbatim|true|false",
            ));
        }
    })
}
