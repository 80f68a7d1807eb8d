//! What the product tells of itself and of the machine.

use super::bson::{Bson, Doc, document};
use super::server::{Server, Turn};
use super::store::Store;

/// `hello`, and `isMaster` as it was called before.
pub(super) fn hello(server: &Server, turn: &Turn<'_>, modern: bool, helps: bool) -> Doc {
    let mut hello = Doc::default();
    if helps {
        hello.set("helloOk", true);
    }
    hello.set(if modern { "isWritablePrimary" } else { "ismaster" }, true);
    hello.set(
        "topologyVersion",
        document! {"processId": Bson::Id(server.process), "counter": 0_i64},
    );
    hello.set("maxBsonObjectSize", 16_777_216);
    hello.set("maxMessageSizeBytes", 48_000_000);
    hello.set("maxWriteBatchSize", 100_000);
    hello.set("localTime", Bson::Date(turn.now));
    hello.set("logicalSessionTimeoutMinutes", 30);
    hello.set("connectionId", turn.client.id);
    hello.set("minWireVersion", 0);
    hello.set("maxWireVersion", server.release.wire());
    hello.set("readOnly", false);
    hello
}

pub(super) fn build_info(server: &Server) -> Doc {
    let release = &server.release;
    let numbers = release.numbers().into_iter().map(Bson::Int).chain([Bson::Int(0)]);
    document! {
        "version": &release.number, "gitVersion": &release.git, "modules": Vec::<Bson>::new(), "allocator": "tcmalloc",
        "javascriptEngine": "mozjs", "sysInfo": "deprecated", "versionArray": numbers.collect::<Vec<_>>(),
        "openssl": document! {"running": &release.openssl, "compiled": &release.openssl},
        "buildEnvironment": document! {
            "distmod": &release.distmod, "distarch": "x86_64", "cc": "/opt/mongodbtoolchain/v3/bin/gcc: gcc (GCC) 8.5.0",
            "ccflags": "-Werror -include mongo/platform/basic.h -fasynchronous-unwind-tables -ggdb -Wall -Wsign-compare \
                        -Wno-unknown-pragmas -Winvalid-pch -fno-omit-frame-pointer -fno-strict-aliasing -O2 -march=sandybridge",
            "cxx": "/opt/mongodbtoolchain/v3/bin/g++: g++ (GCC) 8.5.0", "cxxflags": "-Woverloaded-virtual -std=c++17",
            "linkflags": "-Wl,--fatal-warnings -pthread -Wl,-z,now -fuse-ld=gold -fstack-protector-strong",
            "target_arch": "x86_64", "target_os": "linux",
        },
        "bits": 64, "debug": false, "maxBsonObjectSize": 16_777_216,
        "storageEngines": vec!["devnull", "ephemeralForTest", "wiredTiger"],
    }
}

pub(super) fn host_info(server: &Server, turn: &Turn<'_>) -> Doc {
    document! {
        "system": document! {
            "currentTime": Bson::Date(turn.now), "hostname": format!("{}:27017", server.host), "cpuAddrSize": 64,
            "memSizeMB": server.memory, "memLimitMB": server.memory, "numCores": server.cores, "cpuArch": "x86_64", "numaEnabled": false,
        },
        "os": document! {"type": "Linux", "name": &server.system, "version": &server.kernel},
        "extra": document! {
            "versionString": format!("Linux version {}", server.kernel), "libcVersion": "2.36", "kernelVersion": &server.kernel,
            "pageSize": 4096_i64, "numPages": server.memory * 256, "maxOpenFiles": 64_000,
        },
    }
}

pub(super) fn command_line(server: &Server) -> Doc {
    let mut parsed = document! {
        "config": "/etc/mongod.conf", "net": document! {"bindIp": "0.0.0.0", "port": 27_017},
        "processManagement": document! {"timeZoneInfo": "/usr/share/zoneinfo"},
    };
    if server.password.is_some() {
        parsed.set("security", document! {"authorization": "enabled"});
    }
    parsed.set(
        "storage",
        document! {"dbPath": "/var/lib/mongodb", "journal": document! {"enabled": true}},
    );
    parsed.set(
        "systemLog",
        document! {"destination": "file", "logAppend": true, "path": "/var/log/mongodb/mongod.log"},
    );
    document! {"argv": vec!["/usr/bin/mongod", "--config", "/etc/mongod.conf"], "parsed": parsed}
}

/// `getLog`: the shell asks for what to warn of when it comes in.
pub(super) fn log(server: &Server, which: &str) -> Option<Doc> {
    let line = |id: i32, text: &str| {
        let at = stamp(server.started);
        format!(
            "{{\"t\":{{\"$date\":\"{}\"}},\"s\":\"W\",  \"c\":\"CONTROL\",  \"id\":{id},   \"ctx\":\"initandlisten\",\"msg\":\"{text}\",\
             \"tags\":[\"startupWarnings\"]}}\n",
            at
        )
    };
    match which {
        "*" => Some(document! {"names": vec!["global", "startupWarnings"]}),
        "global" => Some(document! {"totalLinesWritten": 0, "log": Vec::<Bson>::new()}),
        "startupWarnings" => {
            let open = line(
                22120,
                "Access control is not enabled for the database. Read and write access to data and configuration is unrestricted",
            );
            let lines: Vec<Bson> = if server.password.is_some() {
                Vec::new()
            } else {
                vec![open.into()]
            };
            Some(document! {"totalLinesWritten": lines.len() as i32, "log": lines})
        }
        _ => None,
    }
}

pub(super) fn server_status(server: &Server, store: &Store, turn: &Turn<'_>) -> Doc {
    let up = (turn.now - server.started).max(0);
    let collections: usize = store
        .databases()
        .keys()
        .map(|database| store.collections(database).count())
        .sum();
    let counted = |rate: i64| up / rate;
    document! {
        "host": &server.host, "version": &server.release.number, "process": "mongod", "pid": i64::from(server.pid),
        "uptime": (up / 1000) as f64, "uptimeMillis": up, "uptimeEstimate": up / 1000, "localTime": Bson::Date(turn.now),
        "asserts": document! {"regular": 0, "warning": 0, "msg": 0, "user": (counted(900_000) % 500) as i32, "rollovers": 0},
        "connections": document! {
            "current": 3, "available": 51_197, "totalCreated": turn.client.id, "active": 1, "exhaustIsMaster": 0, "awaitingTopologyChanges": 0,
        },
        "extra_info": document! {"note": "fields vary by platform", "page_faults": counted(3_600_000)},
        "globalLock": document! {
            "totalTime": up * 1000, "currentQueue": document! {"total": 0, "readers": 0, "writers": 0},
            "activeClients": document! {"total": 0, "readers": 0, "writers": 0},
        },
        "network": document! {
            "bytesIn": counted(9), "bytesOut": counted(4), "physicalBytesIn": counted(9), "physicalBytesOut": counted(4),
            "numRequests": counted(2_000),
        },
        "opcounters": document! {
            "insert": counted(60_000), "query": counted(20_000), "update": counted(50_000), "delete": counted(900_000),
            "getmore": counted(600_000), "command": counted(2_500),
        },
        "storageEngine": document! {
            "name": "wiredTiger", "supportsCommittedReads": true, "oldestRequiredTimestampForCrashRecovery": Bson::Timestamp(0),
            "supportsPendingDrops": true, "dropPendingIdents": 0_i64, "supportsSnapshotReadConcern": true, "readOnly": false, "persistent": true,
            "backupCursorOpen": false,
        },
        "catalogStats": document! {"collections": collections as i32, "capped": 0, "timeseries": 0, "views": 0},
        "mem": document! {"bits": 64, "resident": 90 + (up / 3_600_000 % 60) as i32, "virtual": 1510, "supported": true},
    }
}

/// `2024-05-06T07:08:09.123+00:00`
fn stamp(at: i64) -> String {
    let whole = time::OffsetDateTime::from_unix_timestamp(at.div_euclid(1000));
    let whole = whole.unwrap_or(time::OffsetDateTime::UNIX_EPOCH);
    let (date, time) = (whole.date(), whole.time());
    format!(
        "{date}T{:02}:{:02}:{:02}.{:03}+00:00",
        time.hour(),
        time.minute(),
        time.second(),
        at.rem_euclid(1000)
    )
}
