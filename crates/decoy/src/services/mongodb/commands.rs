//! The commands: which there are, who may give them, what they come to.

use super::bson::{Bson, Doc, document};
use super::documents;
use super::filter::Fault;
use super::info;
use super::login;
use super::record::Record;
use super::server::{Server, Turn};
use super::store::Store;
use super::wire::{Said, Way};

/// What whoever is not known may ask.
const OPEN: [&str; 15] = [
    "hello",
    "ismaster",
    "isMaster",
    "ping",
    "buildInfo",
    "buildinfo",
    "whatsmyuri",
    "connectionStatus",
    "saslStart",
    "saslContinue",
    "logout",
    "getnonce",
    "authenticate",
    "endSessions",
    "getLastError",
];
/// What is left of the older messages, since 5.1.
const QUERIED: [&str; 3] = ["hello", "ismaster", "isMaster"];
/// Bytes of a document that are told.
const TOLD: usize = 1500;

/// Answers a command.
pub(super) fn run(server: &Server, store: &mut Store, said: &Said, turn: &mut Turn<'_>) -> Doc {
    let name = said.command.0.first().map_or("", |(name, _)| name.as_str());
    let answer = allowed(server, said, name, turn).and_then(|()| one(server, store, said, name, turn));
    match answer {
        Ok(answer) => answer.with("ok", 1.0),
        Err(fault) => document! {"ok": 0.0, "errmsg": fault.text, "code": fault.code, "codeName": fault.name},
    }
}

fn allowed(server: &Server, said: &Said, name: &str, turn: &Turn<'_>) -> Result<(), Fault> {
    if matches!(said.way, Way::Query | Way::Find) && server.release.major() >= 6 && !QUERIED.contains(&name) {
        let text = format!(
            "Unsupported OP_QUERY command: {name}. The client driver may require an upgrade. For more details see \
             https://dochub.mongodb.org/core/legacy-opcode-removal"
        );
        return Err(Fault::new(352, "UnsupportedOpQueryCommand", text));
    }
    if server.password.is_some() && turn.client.user.is_none() && !OPEN.contains(&name) {
        let text = format!("command {name} requires authentication");
        return Err(Fault::new(13, "Unauthorized", text));
    }
    Ok(())
}

fn one(server: &Server, store: &mut Store, said: &Said, name: &str, turn: &mut Turn<'_>) -> Result<Doc, Fault> {
    let (command, database) = (&said.command, said.database.as_str());
    let admin = |name: &str| {
        if database == "admin" {
            return Ok(());
        }
        Err(Fault::new(
            13,
            "Unauthorized",
            format!("{name} may only be run against the admin database."),
        ))
    };
    Ok(match name {
        "hello" | "isMaster" | "ismaster" => return greet(server, command, name, turn),
        "ping"
        | "endSessions"
        | "refreshSessions"
        | "killSessions"
        | "logout"
        | "setFeatureCompatibilityVersion"
        | "fsync"
        | "killCursors"
        | "getLastError"
        | "getlasterror"
        | "abortTransaction"
        | "commitTransaction" => {
            if name == "logout" {
                turn.client.user = None;
            }
            Doc::default()
        }
        "startSession" => {
            document! {"id": document! {"id": Bson::Binary(4, turn.uuid().to_vec())}, "timeoutMinutes": 30}
        }
        "buildInfo" | "buildinfo" => info::build_info(server),
        "serverStatus" => info::server_status(server, store, turn),
        "hostInfo" => {
            admin(name)?;
            info::host_info(server, turn)
        }
        "getCmdLineOpts" => {
            admin(name)?;
            info::command_line(server)
        }
        "getLog" => {
            admin(name)?;
            let which = command.text("getLog").unwrap_or_default();
            info::log(server, which)
                .ok_or_else(|| Fault::new(96, "OperationFailed", format!("no RamLog named: {which}")))?
        }
        "getParameter" => get_parameter(server, command)?,
        "whatsmyuri" => document! {"you": &turn.client.address},
        "connectionStatus" => connection(turn),
        "usersInfo" => document! {"users": users(server)},
        "rolesInfo" => document! {"roles": Vec::<Bson>::new()},
        "saslStart" => login::start(server, command, database, turn)?,
        "saslContinue" => login::proceed(command, turn)?,
        "getnonce" if server.release.major() < 5 => login::nonce(turn),
        "authenticate" => return Err(login::authenticate(command, database, turn)),
        "replSetGetStatus" => return Err(Fault::new(76, "NoReplicationEnabled", "not running with --replSet")),
        "replSetGetConfig" => return Err(Fault::new(76, "NoReplicationEnabled", "not running with --replSet")),
        "listDatabases" => {
            admin(name)?;
            list_databases(store, command)
        }
        "top" | "features" => Doc::default(),
        "currentOp" => document! {"inprog": Vec::<Bson>::new()},
        "dbStats" | "dbstats" => database_stats(store, database),
        "collStats" | "collstats" => collection_stats(store, database, command.text(name).unwrap_or_default()),
        "eval" | "$eval" | "mapReduce" | "mapreduce" => {
            let text = command.json().to_string();
            turn.records.push(Record::Command {
                name: name.to_owned(),
                text,
            });
            return Err(unknown(name));
        }
        _ => match documents::run(store, said, name, turn) {
            Some(answer) => return answer,
            None => {
                let text = command.json().to_string();
                turn.records.push(Record::Command {
                    name: name.to_owned(),
                    text: text[..text.floor_char_boundary(TOLD)].to_owned(),
                });
                return Err(unknown(name));
            }
        },
    })
}

fn unknown(name: &str) -> Fault {
    Fault::new(59, "CommandNotFound", format!("no such command: '{name}'"))
}

/// `hello`, with what a driver says of itself and how it begins to log in.
fn greet(server: &Server, command: &Doc, name: &str, turn: &mut Turn<'_>) -> Result<Doc, Fault> {
    if let Some(meta) = command.doc("client").filter(|_| !turn.client.is_told) {
        turn.client.is_told = true;
        turn.records.push(Record::Meta(meta.json()));
    }
    let mut hello = info::hello(server, turn, name == "hello", command.flag("helloOk"));
    if let Some(user) = command.text("saslSupportedMechs") {
        let known = server.password.is_some() && user == "admin.admin";
        if known {
            hello.set("saslSupportedMechs", vec!["SCRAM-SHA-1", "SCRAM-SHA-256"]);
        }
    }
    let begun = command.doc("speculativeAuthenticate");
    if let Some(step) = begun.and_then(|begun| login::speculate(server, begun, turn)) {
        hello.set("speculativeAuthenticate", step);
    }
    Ok(hello)
}

fn get_parameter(server: &Server, command: &Doc) -> Result<Doc, Fault> {
    if command.flag("featureCompatibilityVersion") {
        return Ok(document! {"featureCompatibilityVersion": document! {"version": server.release.series()}});
    }
    if command.flag("authenticationMechanisms") {
        return Ok(document! {"authenticationMechanisms": vec!["MONGODB-X509", "SCRAM-SHA-1", "SCRAM-SHA-256"]});
    }
    Err(Fault::new(72, "InvalidOptions", "no option found to get"))
}

fn connection(turn: &Turn<'_>) -> Doc {
    let user = turn.client.user.as_ref();
    let users: Vec<Doc> = user
        .map(|(user, database)| document! {"user": user, "db": database})
        .into_iter()
        .collect();
    let roles: Vec<Doc> = user
        .map(|_| document! {"role": "root", "db": "admin"})
        .into_iter()
        .collect();
    document! {"authInfo": document! {"authenticatedUsers": users, "authenticatedUserRoles": roles}}
}

fn users(server: &Server) -> Vec<Doc> {
    let admin = || {
        document! {
            "_id": "admin.admin", "user": "admin", "db": "admin", "roles": vec![document! {"role": "root", "db": "admin"}],
            "mechanisms": vec!["SCRAM-SHA-1", "SCRAM-SHA-256"],
        }
    };
    server.password.is_some().then(admin).into_iter().collect()
}

fn list_databases(store: &Store, command: &Doc) -> Doc {
    let all = store.databases();
    let names_only = command.flag("nameOnly");
    let each = all.iter().map(|(name, size)| {
        if names_only {
            return document! {"name": *name};
        }
        document! {"name": *name, "sizeOnDisk": *size as f64, "empty": false}
    });
    let listed = document! {"databases": each.collect::<Vec<_>>()};
    if names_only {
        return listed;
    }
    let total: usize = all.values().sum();
    listed
        .with("totalSize", total as f64)
        .with("totalSizeMb", (total >> 20) as i64)
}

fn database_stats(store: &Store, database: &str) -> Doc {
    let all = || store.collections(database).map(|(_, collection)| collection);
    let objects: usize = all().map(|collection| collection.docs.len()).sum();
    let bytes: usize = all().map(|collection| collection.bytes()).sum();
    let indexes: usize = all().map(|collection| collection.indexes.len()).sum();
    document! {
        "db": database, "collections": all().count() as i32, "views": 0, "objects": objects as i32,
        "avgObjSize": bytes as f64 / objects.max(1) as f64, "dataSize": bytes as f64,
        "storageSize": all().map(|collection| collection.size()).sum::<usize>() as f64, "indexes": indexes as i32,
        "indexSize": (indexes * 20_480) as f64, "scaleFactor": 1.0,
    }
}

fn collection_stats(store: &Store, database: &str, name: &str) -> Doc {
    let found = store.get(database, name);
    let (count, bytes) = found.map_or((0, 0), |found| (found.docs.len(), found.bytes()));
    document! {
        "ns": format!("{database}.{name}"), "size": bytes as i32, "count": count as i32,
        "avgObjSize": (bytes / count.max(1)) as i32, "storageSize": found.map_or(0, super::store::Collection::size) as i32,
        "capped": false, "nindexes": found.map_or(0, |found| found.indexes.len()) as i32, "scaleFactor": 1,
    }
}
