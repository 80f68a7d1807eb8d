//! CONFIG.

use super::call::Call;
use crate::services::redis::number;
use crate::services::redis::record::Record;
use crate::services::redis::reply::{Answer, Bytes, Fault, OK, Reply};

pub(super) fn config(call: &mut Call<'_>) -> Answer {
    match (call.word(1).as_slice(), call.count()) {
        (b"help", 2) => call.help(),
        (b"get", 3..) => get(call),
        (b"set", 4..) if call.count().is_multiple_of(2) => set(call),
        (b"set", 4..) => Err(Fault::err("wrong number of arguments for 'config|set' command")),
        (b"resetstat", 2) => {
            call.server.stats.reset();
            Ok(OK)
        }
        (b"rewrite", 2) => match call.server.rewrite_config(call.id) {
            Ok(()) => Ok(OK),
            Err(error) => Err(Fault::err(format!("Rewriting config file: {error}"))),
        },
        _ => call.bad_subcommand(),
    }
}

fn get(call: &mut Call<'_>) -> Answer {
    let mut found: std::collections::BTreeMap<&'static str, Bytes> = Default::default();
    for pattern in &call.args[2..] {
        found.extend(call.server.config.matching(pattern));
    }
    Ok(Reply::Map(
        found
            .into_iter()
            .flat_map(|(name, value)| [Reply::bulk(name), Reply::Bulk(value)])
            .collect(),
    ))
}

fn set(call: &mut Call<'_>) -> Answer {
    let mut wanted: Vec<(String, &'static str, Bytes)> = Vec::new();
    for pair in call.args[2..].chunks(2) {
        let given = String::from_utf8_lossy(&pair[0]).into_owned();
        if !call.server.config.knows(&given) {
            return Err(Fault::err(format!(
                "Unknown option or number of arguments for CONFIG SET - '{given}'"
            )));
        }
        let name = call.server.config.canonical(&given);
        let refusal = match () {
            () if call.server.config.is_fixed(name) => Some("can't set immutable config"),
            () if is_protected(name) && !call.server.config.flag("enable-protected-configs") => {
                Some("can't set protected config")
            }
            () if wanted.iter().any(|(_, held, _)| *held == name) => Some("duplicate parameter"),
            () => None,
        };
        if let Some(refusal) = refusal {
            tell(call, &given, &pair[1], false);
            return Err(refused(&given, refusal));
        }
        wanted.push((given, name, pair[1].clone()));
    }
    for (given, name, value) in wanted {
        let accepted = call
            .server
            .config
            .check(name, &value)
            .and_then(|value| special(call, name, value));
        tell(call, &given, &value, accepted.is_ok());
        match accepted {
            Ok(value) => call.server.config.put(name, value),
            Err(refusal) => return Err(refused(&given, &refusal)),
        }
    }
    Ok(OK)
}

fn refused(name: &str, why: &str) -> Fault {
    Fault::err(format!(
        "CONFIG SET failed (possibly related to argument '{name}') - {why}"
    ))
}

fn tell(call: &mut Call<'_>, name: &str, value: &[u8], accepted: bool) {
    let record = Record::ConfigSet {
        name: name.to_owned(),
        value: value.to_vec(),
        accepted,
    };
    call.server.record(call.id, record);
}

fn is_protected(name: &str) -> bool {
    matches!(
        name,
        "dir" | "dbfilename" | "appenddirname" | "appendfilename" | "logfile" | "unixsocket" | "pidfile"
    )
}

/// Directives that are more than a value of their kind: what they hold then, or why not.
fn special(call: &mut Call<'_>, name: &str, value: Bytes) -> Result<Bytes, String> {
    match name {
        "dir" => call.server.disk.enter(&value),
        "dbfilename" if value.contains(&b'/') => Err("dbfilename can't be a path, just a filename".into()),
        "requirepass" => {
            call.server.acl.require(&value);
            Ok(value)
        }
        "save" => save_points(&value).ok_or_else(|| "Invalid save parameters".into()),
        "notify-keyspace-events" => {
            event_classes(&value).ok_or_else(|| "Invalid event class character. Use 'Ag$lshzxeKEtmdn'.".into())
        }
        "client-output-buffer-limit" => output_limits(call.server.config.get(name), &value),
        "oom-score-adj-values" => {
            let numbers: Vec<_> = value.split(|&b| b == b' ').filter(|text| !text.is_empty()).collect();
            match numbers.len() {
                3 if numbers
                    .iter()
                    .all(|text| number::integer(text).is_some_and(|n| (-2000..=2000).contains(&n))) =>
                {
                    Ok(value)
                }
                3 => Err("Invalid oom-score-adj-values, elements must be between -2000 and 2000.".into()),
                _ => Err("wrong number of arguments".into()),
            }
        }
        "latency-tracking-info-percentiles" => {
            let sound = |text: &[u8]| number::float(text).is_some_and(|p| (0.0..=100.0).contains(&p));
            match value.split(|&b| b == b' ').filter(|text| !text.is_empty()).all(sound) {
                true => Ok(value),
                false => Err("Invalid latency-tracking-info-percentiles parameters".into()),
            }
        }
        "cluster-announce-hostname"
            if value
                .iter()
                .any(|b| !(b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.'))) =>
        {
            Err("Hostnames may only contain alphanumeric characters, hyphens or dots".into())
        }
        "bind" if !is_bindable(&value) => Err("Failed to bind to specified addresses.".into()),
        "port" | "tls-port" if value != call.server.config.get(name) => {
            Err("Unable to listen on this port. Check server logs.".into())
        }
        "hz" => Ok(number::integer(&value)
            .unwrap_or(10)
            .clamp(1, 500)
            .to_string()
            .into_bytes()),
        _ => Ok(value),
    }
}

fn save_points(value: &[u8]) -> Option<Bytes> {
    let numbers: Vec<&[u8]> = value.split(|&b| b == b' ').filter(|text| !text.is_empty()).collect();
    let sound = numbers.iter().enumerate().all(|(at, text)| {
        let n = number::integer(text);
        n.is_some_and(|n| if at % 2 == 0 { n >= 1 } else { n >= 0 })
    });
    (sound && numbers.len().is_multiple_of(2)).then(|| numbers.join(&b' '))
}

fn event_classes(value: &[u8]) -> Option<Bytes> {
    if !value.iter().all(|b| b"Ag$lshzxeKEtmdn".contains(b)) {
        return None;
    }
    let has = |b: u8| value.contains(&b);
    let all = b"g$lshzxetd";
    let mut shown = match has(b'A') || all.iter().all(|b| has(*b)) {
        true => b"A".to_vec(),
        false => all.iter().copied().filter(|b| has(*b)).collect(),
    };
    shown.extend(b"KEmn".iter().filter(|b| has(**b)));
    Some(shown)
}

fn output_limits(current: &[u8], value: &[u8]) -> Result<Bytes, String> {
    let words: Vec<&[u8]> = value.split(|&b| b == b' ').filter(|text| !text.is_empty()).collect();
    if !words.len().is_multiple_of(4) || words.is_empty() {
        return Err("Wrong number of arguments in buffer limit configuration.".into());
    }
    let mut rows: Vec<Bytes> = current.split(|&b| b == b' ').map(<[u8]>::to_vec).collect();
    for row in words.chunks(4) {
        let class: &[u8] = match row[0].to_ascii_lowercase().as_slice() {
            b"normal" => b"normal",
            b"slave" | b"replica" => b"slave",
            b"pubsub" => b"pubsub",
            _ => return Err("Invalid client class specified in buffer limit configuration.".into()),
        };
        let numbers = (
            number::memory(row[1]),
            number::memory(row[2]),
            number::integer(row[3]).filter(|n| *n >= 0),
        );
        let (Some(hard), Some(soft), Some(seconds)) = numbers else {
            return Err("Error in hard, soft or soft_seconds setting in buffer limit configuration.".into());
        };
        if let Some(at) = rows.iter().position(|word| word == class) {
            for (n, text) in [hard.to_string(), soft.to_string(), seconds.to_string()]
                .into_iter()
                .enumerate()
            {
                if let Some(word) = rows.get_mut(at + 1 + n) {
                    *word = text.into_bytes();
                }
            }
        }
    }
    Ok(rows.join(&b' '))
}

fn is_bindable(value: &[u8]) -> bool {
    let text = String::from_utf8_lossy(value);
    text.split_ascii_whitespace().all(|addr| {
        matches!(
            addr.trim_start_matches('-'),
            "*" | "0.0.0.0" | "::" | "::*" | "127.0.0.1" | "::1"
        )
    })
}
