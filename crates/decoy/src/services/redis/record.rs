//! What is told of a client's doings, as the core sees it; `session` makes events of it.

use super::client::ClientId;
use super::reply::Bytes;
use super::server::Server;

/// Arguments of a command that are told, and bytes of each.
pub(super) const ARGS: usize = 8;
pub(super) const ARG: usize = 256;

#[derive(Debug)]
pub(super) enum Record {
    Command {
        args: Vec<Bytes>,
        user: Option<Bytes>,
    },
    Login {
        user: Option<Bytes>,
        secret: Bytes,
        accepted: bool,
    },
    KeyWrite {
        key: Bytes,
        event: String,
        bytes: usize,
    },
    ConfigSet {
        name: String,
        value: Bytes,
        accepted: bool,
    },
    ReplicaOf {
        host: Bytes,
        port: u16,
    },
    Module {
        path: Bytes,
        args: Vec<Bytes>,
    },
    FileWrite {
        path: Bytes,
        bytes: Bytes,
        error: Option<String>,
    },
    Script {
        sha1: String,
        source: Bytes,
    },
    /// A value too long for the command's own record.
    Value {
        key: Bytes,
        bytes: Bytes,
    },
    Broken {
        reason: Bytes,
        data: Bytes,
    },
}

/// Tells of a command before it is carried out. Secrets go into logins only.
pub(super) fn of_command(server: &mut Server, id: ClientId, args: &[Bytes]) {
    let user = server.clients.get(&id).and_then(|client| client.user.clone());
    let name = args[0].to_ascii_lowercase();
    let secret = name == b"auth" || (name == b"hello" && args.iter().any(|arg| arg.eq_ignore_ascii_case(b"auth")));
    let told = if secret {
        &args[..1]
    } else {
        &args[..args.len().min(ARGS + 1)]
    };
    let told = told.iter().map(|arg| arg[..arg.len().min(ARG)].to_vec()).collect();
    if !secret && let Some((at, long)) = args.iter().enumerate().skip(2).find(|(_, arg)| arg.len() > ARG) {
        let key = args.get(1).filter(|_| at > 1).cloned().unwrap_or_default();
        server.record(
            id,
            Record::Value {
                key,
                bytes: long.clone(),
            },
        );
    }
    server.record(id, Record::Command { args: told, user });
}
