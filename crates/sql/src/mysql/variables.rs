//! Variables of the server and the session.

use std::sync::OnceLock;

use crate::cx::State;
use crate::error::Error;

static VARIABLES: &str = include_str!("../../../../templates/services/mysql/variables.tsv");
static STATUS: &str = include_str!("../../../../templates/services/mysql/status.tsv");

/// What only MariaDB has begins with one of these.
const MARIADB: [&str; 9] = [
    "aria_",
    "wsrep_",
    "gtid_slave",
    "gtid_strict",
    "feedback_",
    "column_compression",
    "thread_pool",
    "in_predicate",
    "encrypt_",
];
const SQL_MODE: &str = "STRICT_TRANS_TABLES,ERROR_FOR_DIVISION_BY_ZERO,NO_AUTO_CREATE_USER,NO_ENGINE_SUBSTITUTION";
const SQL_MODE_8: &str = "ONLY_FULL_GROUP_BY,STRICT_TRANS_TABLES,NO_ZERO_IN_DATE,NO_ZERO_DATE,ERROR_FOR_DIVISION_BY_ZERO,NO_ENGINE_SUBSTITUTION";

fn pairs(text: &'static str) -> Vec<(&'static str, &'static str)> {
    text.lines()
        .map(|line| line.split_once('\t').unwrap_or((line, "")))
        .collect()
}

fn listed() -> &'static [(&'static str, &'static str)] {
    static ALL: OnceLock<Vec<(&str, &str)>> = OnceLock::new();
    ALL.get_or_init(|| pairs(VARIABLES))
}

/// Those the machine or the release gives.
fn own(state: &State) -> Vec<(&'static str, String)> {
    let persona = &state.persona;
    let mariadb = persona.dialect.is_mariadb();
    let release = persona.version.split('-').next().unwrap_or_default().to_owned();
    let data = format!("{}/", persona.data_directory);
    let host = &persona.hostname;
    let mut all = vec![
        ("datadir", data.clone()),
        ("general_log_file", format!("{host}.log")),
        ("have_ssl", if mariadb { "DISABLED" } else { "YES" }.into()),
        ("hostname", host.clone()),
        ("innodb_version", release),
        ("last_insert_id", state.last_inserted.get().to_string()),
        (
            "log_error",
            if mariadb { "" } else { "/var/log/mysql/error.log" }.into(),
        ),
        ("log_slow_query_file", format!("{host}-slow.log")),
        ("pid_file", "/run/mysqld/mysqld.pid".into()),
        ("port", persona.port.to_string()),
        ("pseudo_thread_id", persona.pid.to_string()),
        ("slow_query_log_file", format!("{host}-slow.log")),
        ("socket", "/run/mysqld/mysqld.sock".into()),
        ("sql_mode", if mariadb { SQL_MODE } else { SQL_MODE_8 }.into()),
        (
            "timestamp",
            format!("{}.000000", super::output::unix(state.began.get())),
        ),
        ("version", persona.version.clone()),
        ("version_comment", persona.built.clone()),
        ("version_compile_machine", "x86_64".into()),
        (
            "version_compile_os",
            if mariadb { "debian-linux-gnu" } else { "Linux" }.into(),
        ),
    ];
    if mariadb {
        all.push(("aria_log_dir_path", data));
        all.push(("version_ssl_library", "OpenSSL 3.0.17 1 Jul 2025".into()));
    } else {
        all.extend([
            ("authentication_policy", "*,,".to_owned()),
            ("caching_sha2_password_auto_generate_rsa_keys", "ON".to_owned()),
            ("caching_sha2_password_public_key_path", "public_key.pem".to_owned()),
            ("default_authentication_plugin", "caching_sha2_password".to_owned()),
            ("secure_file_priv", String::new()),
        ]);
    }
    all
}

/// All variables by name, as this session has them.
pub(crate) fn all(state: &State) -> Vec<(String, String)> {
    let mariadb = state.persona.dialect.is_mariadb();
    let own = own(state);
    let changed = state.settings.borrow();
    let kept = listed().iter().filter(|(name, _)| {
        (mariadb || !MARIADB.iter().any(|prefix| name.starts_with(prefix)))
            && !own.iter().any(|(known, _)| known == name)
    });
    let mut all: Vec<(String, String)> = kept
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect();
    all.extend(own.iter().map(|(name, value)| ((*name).to_owned(), value.clone())));
    for (name, value) in &mut all {
        if let Some(set) = changed.get(name) {
            value.clone_from(set);
        }
    }
    all.sort();
    all
}

pub(crate) fn value(state: &State, name: &str) -> Option<String> {
    let name = bare(name);
    all(state)
        .into_iter()
        .find(|(known, _)| *known == name)
        .map(|(_, value)| value)
}

/// The name without its scope.
pub(crate) fn bare(name: &str) -> String {
    let name = name.trim_start_matches('@').to_ascii_lowercase();
    let scopes = ["global.", "session.", "local."];
    let scope = scopes.iter().find_map(|scope| name.strip_prefix(scope));
    scope.unwrap_or(&name).to_owned()
}

pub(crate) fn set(state: &State, name: &str, value: Option<String>) -> Result<(), Error> {
    let name = bare(name);
    if self::value(state, &name).is_none() {
        return Err(unknown(&name));
    }
    let fixed = [
        "version",
        "hostname",
        "datadir",
        "port",
        "socket",
        "pid_file",
        "basedir",
        "innodb_version",
    ];
    if fixed.contains(&name.as_str()) || name.starts_with("version_") {
        return Err(super::error::refuse(
            1238,
            format!("Variable '{name}' is a read only variable"),
        ));
    }
    let mut settings = state.settings.borrow_mut();
    match value {
        None => _ = settings.remove(&name),
        Some(value) => {
            let value = match value.as_str() {
                "1" | "on" | "true" if is_switch(&name) => "ON".to_owned(),
                "0" | "off" | "false" if is_switch(&name) => "OFF".to_owned(),
                _ => value,
            };
            _ = settings.insert(name, value);
        }
    }
    Ok(())
}

fn is_switch(name: &str) -> bool {
    listed()
        .iter()
        .any(|(known, value)| *known == name && matches!(*value, "ON" | "OFF"))
}

pub(crate) fn unknown(name: &str) -> Error {
    super::error::refuse(1193, format!("Unknown system variable '{name}'"))
}

/// Counters as `SHOW STATUS` has them.
pub(crate) fn status(state: &State, now: i64) -> Vec<(String, String)> {
    let up = (now - state.persona.started) / 1_000_000;
    let counted = |name: &str, value: &str| match name {
        "Uptime" | "Uptime_since_flush_status" => up.max(1).to_string(),
        "Threads_connected" => "1".to_owned(),
        "Connections" | "Max_used_connections" => state.persona.pid.to_string(),
        "Questions" | "Queries" => (i64::from(state.persona.pid) * 7 + up / 3).to_string(),
        _ => value.to_owned(),
    };
    pairs(STATUS)
        .into_iter()
        .map(|(name, value)| (name.to_owned(), counted(name, value)))
        .collect()
}
