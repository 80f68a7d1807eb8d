//! CLIENT: the clients of the server.

use super::call::Call;
use super::connection::check_name;
use crate::services::redis::client::{Client, ClientId, Closing, Mute, Tracking};
use crate::services::redis::number;
use crate::services::redis::reply::{Answer, Fault, OK, Reply};
use crate::services::redis::server::Pause;

pub(super) fn client(call: &mut Call<'_>) -> Answer {
    match (call.word(1).as_slice(), call.count()) {
        (b"help", 2) => call.help(),
        (b"id", 2) => Ok(Reply::Int(call.id as i64)),
        (b"info", 2) => {
            let now = call.server.now;
            let line = call.client()?.line(now);
            Ok(Reply::Text(format!("{line}\n").into()))
        }
        (b"list", _) => list(call),
        (b"getname", 2) => {
            let name = call.client()?.name.clone();
            Ok(if name.is_empty() {
                Reply::Null
            } else {
                Reply::Bulk(name)
            })
        }
        (b"setname", 3) => {
            call.client()?.name = check_name(call.arg(2))?;
            Ok(OK)
        }
        (b"reply", 3) => reply(call),
        (b"no-evict", 3) => {
            call.client()?.no_evict = on_off(call, 2)?;
            Ok(OK)
        }
        (b"kill", _) => kill(call),
        (b"unblock", 3 | 4) => unblock(call),
        (b"pause", 3 | 4) => pause(call),
        (b"unpause", 2) => {
            call.server.paused = None;
            Ok(OK)
        }
        (b"tracking", 3..) => tracking(call),
        (b"trackinginfo", 2) => tracking_info(call),
        (b"getredir", 2) => {
            let tracking = call.client()?.tracking.clone();
            Ok(Reply::Int(tracking.map_or(-1, |tracking| tracking.redirect as i64)))
        }
        (b"caching", 3) => caching(call),
        _ => call.bad_subcommand(),
    }
}

fn list(call: &mut Call<'_>) -> Answer {
    let now = call.server.now;
    let kind = match (call.count(), call.word(2).as_slice()) {
        (2, _) => None,
        (4, b"type") => Some(client_type(call, 3)?),
        (4.., b"id") => {
            let ids = call.args[3..].iter().map(|id| number::integer(id).filter(|id| *id > 0));
            let ids: Option<Vec<i64>> = ids.collect();
            let ids = ids.ok_or_else(|| Fault::err("Invalid client ID"))?;
            let shown = ids.iter().filter_map(|id| call.server.clients.get(&(*id as ClientId)));
            return Ok(Reply::Text(
                shown.map(|client| client.line(now) + "\n").collect::<String>().into(),
            ));
        }
        _ => return Err(Fault::syntax()),
    };
    let shown = call
        .server
        .clients
        .values()
        .filter(|client| kind.is_none_or(|kind| kind == Kind::of(client)));
    Ok(Reply::Text(
        shown.map(|client| client.line(now) + "\n").collect::<String>().into(),
    ))
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Normal,
    Pubsub,
    /// Masters and replicas: there are none.
    Other,
}

impl Kind {
    fn of(client: &Client) -> Self {
        if client.is_subscriber() {
            Self::Pubsub
        } else {
            Self::Normal
        }
    }
}

fn client_type(call: &Call<'_>, at: usize) -> Result<Kind, Fault> {
    match call.word(at).as_slice() {
        b"normal" => Ok(Kind::Normal),
        b"pubsub" => Ok(Kind::Pubsub),
        b"replica" | b"slave" | b"master" => Ok(Kind::Other),
        _ => Err(Fault::err([b"Unknown client type '", call.arg(at), b"'"].concat())),
    }
}

fn reply(call: &mut Call<'_>) -> Answer {
    let word = call.word(2);
    let client = call.client()?;
    match word.as_slice() {
        b"on" => {
            client.mute = Mute::No;
            Ok(OK)
        }
        b"off" => {
            client.mute = Mute::Off;
            Ok(Reply::Silent)
        }
        b"skip" => {
            if client.mute != Mute::Off {
                client.mute = Mute::Next;
            }
            Ok(Reply::Silent)
        }
        _ => Err(Fault::syntax()),
    }
}

/// Whether a client is meant.
type Test = Box<dyn Fn(&Client) -> bool>;

fn kill(call: &mut Call<'_>) -> Answer {
    let me = call.id;
    if call.count() == 3 {
        let addr = String::from_utf8_lossy(call.arg(2)).into_owned();
        let found = call
            .server
            .clients
            .values()
            .find(|client| client.addr.to_string() == addr)
            .map(|client| client.id);
        let id = found.ok_or_else(|| Fault::err("No such client"))?;
        close(call, id, me);
        return Ok(OK);
    }
    if call.count() < 4 || call.count() % 2 == 1 {
        return Err(Fault::syntax());
    }
    let (mut tests, mut skip_me): (Vec<Test>, bool) = (Vec::new(), true);
    for at in (2..call.count()).step_by(2) {
        let value = String::from_utf8_lossy(call.arg(at + 1)).into_owned();
        match call.word(at).as_slice() {
            b"id" => {
                let wrong = || Fault::err("client-id should be greater than 0");
                let id = number::integer(call.arg(at + 1))
                    .filter(|id| *id > 0)
                    .ok_or_else(wrong)? as ClientId;
                tests.push(Box::new(move |client| client.id == id));
            }
            b"type" => {
                let kind = client_type(call, at + 1)?;
                tests.push(Box::new(move |client| Kind::of(client) == kind));
            }
            b"addr" => tests.push(Box::new(move |client| client.addr.to_string() == value)),
            b"laddr" => tests.push(Box::new(move |client| client.laddr.to_string() == value)),
            b"user" => {
                if call.server.acl.user(value.as_bytes()).is_none() {
                    return Err(Fault::err(format!("No such user '{value}'")));
                }
                tests.push(Box::new(move |client| client.user.as_deref() == Some(value.as_bytes())));
            }
            b"skipme" => match value.to_ascii_lowercase().as_str() {
                "yes" => skip_me = true,
                "no" => skip_me = false,
                _ => return Err(Fault::syntax()),
            },
            _ => return Err(Fault::syntax()),
        }
    }
    let doomed = call
        .server
        .clients
        .values()
        .filter(|client| tests.iter().all(|test| test(client)));
    let doomed: Vec<ClientId> = doomed
        .map(|client| client.id)
        .filter(|id| !(skip_me && *id == me))
        .collect();
    doomed.iter().for_each(|id| close(call, *id, me));
    Ok(Reply::int(doomed.len()))
}

fn close(call: &mut Call<'_>, id: ClientId, me: ClientId) {
    if let Some(client) = call.server.client(id) {
        client.closing = if id == me { Closing::AfterReply } else { Closing::Now };
    }
}

fn unblock(call: &mut Call<'_>) -> Answer {
    let fault = match (call.count(), call.word(3).as_slice()) {
        (3, _) | (4, b"timeout") => None,
        (4, b"error") => Some(Reply::Error(b"UNBLOCKED client unblocked via CLIENT UNBLOCK".to_vec())),
        _ => return Err(Fault::err("CLIENT UNBLOCK reason should be TIMEOUT or ERROR")),
    };
    let id = call.int(2)?;
    let client = call.server.client(id as ClientId);
    let Some((client, blocked)) = client.and_then(|client| client.blocked.take().map(|blocked| (client, blocked)))
    else {
        return Ok(Reply::Int(0));
    };
    client.answer(&fault.unwrap_or(blocked.on_timeout));
    Ok(Reply::Int(1))
}

fn pause(call: &mut Call<'_>) -> Answer {
    let writes_only = match (call.count(), call.word(3).as_slice()) {
        (3, _) | (4, b"all") => false,
        (4, b"write") => true,
        _ => return Err(Fault::err("CLIENT PAUSE mode must be WRITE or ALL")),
    };
    let ms = number::integer(call.arg(2)).ok_or_else(|| Fault::err("timeout is not an integer or out of range"))?;
    if ms < 0 {
        return Err(Fault::err("timeout is negative"));
    }
    let until = call.server.now.saturating_add(ms.saturating_mul(1000));
    call.server.paused = Some(Pause { until, writes_only });
    Ok(OK)
}

fn tracking(call: &mut Call<'_>) -> Answer {
    let mut wanted = Tracking::default();
    let mut at = 3;
    while at < call.count() {
        match call.word(at).as_slice() {
            b"redirect" if at + 1 < call.count() => {
                at += 1;
                let id = call.int(at)?;
                let there = call.server.clients.contains_key(&(id as ClientId));
                if !there {
                    return Err(Fault::err("The client ID you want redirect to does not exist"));
                }
                wanted.redirect = id as ClientId;
            }
            b"bcast" => wanted.bcast = true,
            b"optin" => wanted.optin = true,
            b"optout" => wanted.optout = true,
            b"noloop" => wanted.noloop = true,
            b"prefix" if at + 1 < call.count() => {
                at += 1;
                wanted.prefixes.push(call.arg(at).to_vec());
            }
            _ => return Err(Fault::syntax()),
        }
        at += 1;
    }
    let on = on_off(call, 2)?;
    if !on {
        call.client()?.tracking = None;
        return Ok(OK);
    }
    if !wanted.prefixes.is_empty() && !wanted.bcast {
        return Err(Fault::err("PREFIX option requires BCAST mode to be enabled"));
    }
    if wanted.bcast && (wanted.optin || wanted.optout) {
        return Err(Fault::err("OPTIN and OPTOUT are not compatible with BCAST"));
    }
    if wanted.optin && wanted.optout {
        return Err(Fault::err("You can't use both OPTIN and OPTOUT"));
    }
    call.client()?.tracking = Some(wanted);
    Ok(OK)
}

fn tracking_info(call: &mut Call<'_>) -> Answer {
    let tracking = call.client()?.tracking.clone();
    let mut flags = vec![Reply::bulk(if tracking.is_some() { "on" } else { "off" })];
    let known = |tracking: &Tracking| {
        [
            (tracking.bcast, "bcast"),
            (tracking.optin, "optin"),
            (tracking.optout, "optout"),
            (tracking.noloop, "noloop"),
        ]
    };
    let set = tracking.iter().flat_map(known).filter(|(on, _)| *on);
    flags.extend(set.map(|(_, name)| Reply::bulk(name)));
    let redirect = tracking.as_ref().map_or(-1, |tracking| tracking.redirect as i64);
    let prefixes = tracking
        .iter()
        .flat_map(|tracking| &tracking.prefixes)
        .map(Reply::bulk)
        .collect();
    Ok(Reply::Map(vec![
        Reply::bulk("flags"),
        Reply::Set(flags),
        Reply::bulk("redirect"),
        Reply::Int(redirect),
        Reply::bulk("prefixes"),
        Reply::Array(prefixes),
    ]))
}

fn caching(call: &mut Call<'_>) -> Answer {
    let word = call.word(2);
    let Some(tracking) = call.client()?.tracking.clone() else {
        return Err(Fault::err(
            "CLIENT CACHING can be called only when the client is in tracking mode with OPTIN or OPTOUT mode enabled",
        ));
    };
    match word.as_slice() {
        b"yes" if tracking.optin => Ok(OK),
        b"yes" => Err(Fault::err(
            "CLIENT CACHING YES is only valid when tracking is enabled in OPTIN mode.",
        )),
        b"no" if tracking.optout => Ok(OK),
        b"no" => Err(Fault::err(
            "CLIENT CACHING NO is only valid when tracking is enabled in OPTOUT mode.",
        )),
        _ => Err(Fault::syntax()),
    }
}

fn on_off(call: &Call<'_>, at: usize) -> Result<bool, Fault> {
    match call.word(at).as_slice() {
        b"on" => Ok(true),
        b"off" => Ok(false),
        _ => Err(Fault::syntax()),
    }
}
