//! Settings of the server, and those a session changed.

use std::sync::OnceLock;

use crate::cx::{Cx, State};
use crate::error::Error;

static SETTINGS: &str = include_str!("../../../../templates/services/postgres/settings.tsv");

/// Settings clients are told of, in the order the product first tells them.
pub const TOLD: [&str; 13] = [
    "application_name",
    "client_encoding",
    "DateStyle",
    "default_transaction_read_only",
    "in_hot_standby",
    "integer_datetimes",
    "IntervalStyle",
    "is_superuser",
    "server_encoding",
    "server_version",
    "session_authorization",
    "standard_conforming_strings",
    "TimeZone",
];

/// Names clients know encodings by, and the product's own.
const ENCODINGS: &[(&str, &str)] = &[
    ("utf8", "UTF8"),
    ("unicode", "UTF8"),
    ("latin1", "LATIN1"),
    ("iso88591", "LATIN1"),
    ("latin9", "LATIN9"),
    ("sqlascii", "SQL_ASCII"),
    ("win1252", "WIN1252"),
    ("win1251", "WIN1251"),
    ("win1250", "WIN1250"),
];

pub(crate) struct Setting {
    pub(crate) name: &'static str,
    /// As in `pg_settings`, in units of its own.
    pub(crate) value: &'static str,
    pub(crate) unit: &'static str,
    pub(crate) category: &'static str,
    pub(crate) description: &'static str,
    pub(crate) context: &'static str,
    pub(crate) kind: &'static str,
    pub(crate) source: &'static str,
    pub(crate) least: &'static str,
    pub(crate) most: &'static str,
    pub(crate) choices: &'static str,
    pub(crate) boot: &'static str,
}

pub(crate) fn all() -> &'static [Setting] {
    static ALL: OnceLock<Vec<Setting>> = OnceLock::new();
    ALL.get_or_init(|| SETTINGS.lines().filter_map(parse).collect())
}

fn parse(line: &'static str) -> Option<Setting> {
    let fields: Vec<&str> = line.split('\t').collect();
    let [
        name,
        value,
        unit,
        category,
        description,
        context,
        kind,
        source,
        least,
        most,
        choices,
        boot,
    ] = fields[..]
    else {
        return None;
    };
    Some(Setting {
        name,
        value,
        unit,
        category,
        description,
        context,
        kind,
        source,
        least,
        most,
        choices,
        boot,
    })
}

pub(crate) fn find(name: &str) -> Option<&'static Setting> {
    all().iter().find(|setting| setting.name.eq_ignore_ascii_case(name))
}

/// The value as SHOW gives it.
pub(crate) fn value(state: &State, name: &str) -> Option<String> {
    let lower = name.to_ascii_lowercase();
    if let Some(value) = state.settings.borrow().get(&lower) {
        return Some(value.clone());
    }
    let raw = plain(state, &lower)?;
    Some(find(&lower).map_or_else(|| raw.clone(), |setting| with_unit(&raw, setting)))
}

/// The value as `pg_settings` has it, before a session changes it.
pub(crate) fn plain(state: &State, name: &str) -> Option<String> {
    let persona = &state.persona;
    let locale = [
        "lc_collate",
        "lc_ctype",
        "lc_messages",
        "lc_monetary",
        "lc_numeric",
        "lc_time",
    ];
    Some(match name {
        "server_version" => persona.version.clone(),
        "server_version_num" => persona.number.to_string(),
        "data_directory" => persona.data_directory.clone(),
        "config_file" => format!("{}/postgresql.conf", persona.config_directory),
        "hba_file" => format!("{}/pg_hba.conf", persona.config_directory),
        "ident_file" => format!("{}/pg_ident.conf", persona.config_directory),
        "port" => persona.port.to_string(),
        name if locale.contains(&name) => persona.locale.clone(),
        name => find(name)?.value.to_owned(),
    })
}

fn with_unit(raw: &str, setting: &Setting) -> String {
    let Ok(number) = raw.parse::<i64>() else {
        return raw.to_owned();
    };
    let ladder: &[(&str, i64)] = match setting.unit {
        "8kB" => &[("GB", 131_072), ("MB", 128), ("kB", 0)],
        "kB" => &[("GB", 1 << 20), ("MB", 1 << 10), ("kB", 1)],
        "B" => &[("GB", 1 << 30), ("MB", 1 << 20), ("kB", 1 << 10), ("B", 1)],
        "MB" => &[("GB", 1 << 10), ("MB", 1)],
        "ms" => &[
            ("d", 86_400_000),
            ("h", 3_600_000),
            ("min", 60_000),
            ("s", 1000),
            ("ms", 1),
        ],
        "s" => &[("d", 86_400), ("h", 3600), ("min", 60), ("s", 1)],
        "min" => &[("d", 1440), ("h", 60), ("min", 1)],
        _ => return raw.to_owned(),
    };
    if number <= 0 {
        return raw.to_owned();
    }
    for (unit, size) in ladder {
        if *size == 0 {
            return format!("{}{unit}", number * 8);
        }
        if number % size == 0 {
            return format!("{}{unit}", number / size);
        }
    }
    raw.to_owned()
}

pub(crate) fn unknown(name: &str) -> Error {
    Error::new("42704", format!("unrecognized configuration parameter \"{name}\"")).raised("guc.c", 5734, "find_option")
}

/// Changes it for the session; none is its default.
pub(crate) fn set(cx: &Cx<'_>, name: &str, value: Option<&str>) -> Result<(), Error> {
    let lower = name.to_ascii_lowercase();
    let Some(value) = value else {
        cx.state.settings.borrow_mut().remove(&lower);
        return Ok(());
    };
    let checked = checked(cx, &lower, value)?;
    cx.state.settings.borrow_mut().insert(lower, checked);
    Ok(())
}

fn checked(cx: &Cx<'_>, name: &str, value: &str) -> Result<String, Error> {
    let invalid = || {
        Error::new("22023", format!("invalid value for parameter \"{name}\": \"{value}\"")).raised(
            "guc.c",
            12_053,
            "call_string_check_hook",
        )
    };
    let Some(setting) = find(name) else {
        if matches!(name, "role" | "session_authorization") {
            return Ok(value.to_owned());
        }
        return if name.contains('.') {
            Ok(value.to_owned())
        } else {
            Err(unknown(name))
        };
    };
    let name = setting.name;
    let refused = |why: &str| {
        Error::new("55P02", format!("parameter \"{name}\" cannot be changed{why}")).raised(
            "guc.c",
            7590,
            "set_config_option_ext",
        )
    };
    match setting.context {
        "internal" => return Err(refused("")),
        "postmaster" => return Err(refused(" without restarting the server")),
        "sighup" => return Err(refused(" now")),
        "superuser" if !cx.is_superuser() => {
            let message = format!("permission denied to set parameter \"{name}\"");
            return Err(Error::new("42501", message).raised("guc.c", 7720, "set_config_option_ext"));
        }
        _ => {}
    }
    let lower = value.to_ascii_lowercase();
    Ok(match setting.kind {
        "bool" => match lower.as_str() {
            "on" | "true" | "yes" | "1" | "t" | "y" => "on".into(),
            "off" | "false" | "no" | "0" | "f" | "n" => "off".into(),
            _ => {
                let message = format!("parameter \"{name}\" requires a Boolean value");
                return Err(Error::new("22023", message).raised("guc.c", 7265, "parse_and_validate_value"));
            }
        },
        "integer" | "real" => {
            let number = value.trim_end_matches(|c: char| c.is_alphabetic() || c == ' ');
            if number.parse::<f64>().is_err() {
                return Err(invalid().raised("guc.c", 7285, "parse_and_validate_value"));
            }
            if number == value {
                with_unit(value, setting)
            } else {
                value.to_owned()
            }
        }
        "enum" if !setting.choices.split(',').any(|choice| choice == lower) => {
            let boolean = ["on", "off", "true", "false", "0", "1"].contains(&lower.as_str());
            if !boolean {
                let hint = format!("Available values: {}.", setting.choices.replace(',', ", "));
                return Err(invalid().hint(hint).raised("guc.c", 7395, "parse_and_validate_value"));
            }
            lower
        }
        "enum" => lower,
        _ if name == "client_encoding" => {
            let plain: String = lower.chars().filter(char::is_ascii_alphanumeric).collect();
            let found = ENCODINGS.iter().find(|(known, _)| *known == plain);
            found.ok_or_else(invalid)?.1.into()
        }
        _ if name == "DateStyle" => date_style(&lower),
        _ => value.to_owned(),
    })
}

fn date_style(value: &str) -> String {
    let style = ["iso", "german", "sql", "postgres"]
        .iter()
        .find(|style| value.contains(**style));
    let style = match style {
        Some(&"german") => "German",
        Some(&"sql") => "SQL",
        Some(&"postgres") => "Postgres",
        _ => "ISO",
    };
    let order = match value {
        value if value.contains("ymd") => "YMD",
        value if value.contains("dmy") || (style == "German" && !value.contains("mdy")) => "DMY",
        _ => "MDY",
    };
    format!("{style}, {order}")
}
