//! Accounts and what they may do.

use super::error::refuse;
use crate::catalog::Rows;
use crate::cx::Cx;
use crate::error::Error;
use crate::store::Role;
use crate::value::Value;

/// What there is to be allowed, as the product lists it.
const PRIVILEGES: &[&str] = &[
    "SELECT",
    "INSERT",
    "UPDATE",
    "DELETE",
    "CREATE",
    "DROP",
    "RELOAD",
    "SHUTDOWN",
    "PROCESS",
    "FILE",
    "REFERENCES",
    "INDEX",
    "ALTER",
    "SHOW DATABASES",
    "SUPER",
    "CREATE TEMPORARY TABLES",
    "LOCK TABLES",
    "REPLICATION SLAVE",
    "CREATE VIEW",
    "SHOW VIEW",
    "CREATE ROUTINE",
    "ALTER ROUTINE",
    "CREATE USER",
    "EVENT",
    "TRIGGER",
];

pub(super) fn user(cx: &Cx<'_>) -> String {
    cx.cluster
        .borrow()
        .role_name(cx.state.user.get())
        .unwrap_or("")
        .to_owned()
}

/// Databases a role owns.
fn owned(cx: &Cx<'_>, role: u32) -> Vec<String> {
    cx.with_database(|database| {
        let own = database
            .schemas
            .iter()
            .filter(|schema| schema.owner == role && schema.oid > crate::store::INFORMATION_SCHEMA);
        own.map(|schema| schema.name.clone()).collect()
    })
    .unwrap_or_default()
}

/// `SHOW GRANTS`: its column and its lines; none when there is no such account.
pub(super) fn of(cx: &Cx<'_>, name: Option<&str>) -> Option<(String, Vec<String>)> {
    let name = name.map_or_else(|| user(cx), str::to_owned);
    let role = cx.cluster.borrow().role(&name).cloned()?;
    let title = format!("Grants for {name}@%");
    let hash = role.password.as_deref().filter(|hash| hash.starts_with('*'));
    let kept = match hash {
        Some(hash) if cx.state.persona.dialect.is_mariadb() => format!(" IDENTIFIED BY PASSWORD '{hash}'"),
        _ => String::new(),
    };
    if role.superuser {
        return Some((
            title,
            vec![format!(
                "GRANT ALL PRIVILEGES ON *.* TO `{name}`@`%`{kept} WITH GRANT OPTION"
            )],
        ));
    }
    let mut lines = vec![format!("GRANT USAGE ON *.* TO `{name}`@`%`{kept}")];
    lines.extend(
        owned(cx, role.oid)
            .iter()
            .map(|schema| format!("GRANT ALL PRIVILEGES ON `{schema}`.* TO `{name}`@`%`")),
    );
    Some((title, lines))
}

fn roles(cx: &Cx<'_>) -> Vec<Role> {
    let all = cx.cluster.borrow().roles.clone();
    let superuser = cx.is_superuser();
    all.into_iter()
        .filter(|role| superuser || role.oid == cx.state.user.get())
        .collect()
}

pub(super) fn user_privileges(cx: &Cx<'_>, rows: &mut Rows<'_>) {
    for role in roles(cx) {
        let grantee = format!("'{}'@'%'", role.name);
        let held: &[&str] = if role.superuser { PRIVILEGES } else { &["USAGE"] };
        for privilege in held {
            rows.add([
                ("GRANTEE", grantee.as_str().into()),
                ("TABLE_CATALOG", "def".into()),
                ("PRIVILEGE_TYPE", (*privilege).into()),
                ("IS_GRANTABLE", if role.superuser { "YES" } else { "NO" }.into()),
            ]);
        }
    }
}

pub(super) fn schema_privileges(cx: &Cx<'_>, rows: &mut Rows<'_>) {
    for role in roles(cx).into_iter().filter(|role| !role.superuser) {
        for schema in owned(cx, role.oid) {
            for privilege in PRIVILEGES.iter().take(6) {
                rows.add([
                    ("GRANTEE", format!("'{}'@'%'", role.name).into()),
                    ("TABLE_CATALOG", "def".into()),
                    ("TABLE_SCHEMA", schema.as_str().into()),
                    ("PRIVILEGE_TYPE", (*privilege).into()),
                    ("IS_GRANTABLE", "NO".into()),
                ]);
            }
        }
    }
}

/// The server's own tables of accounts.
pub(super) fn accounts(cx: &Cx<'_>, rows: &mut Rows<'_>) {
    let table = rows.listed.name;
    for role in roles(cx) {
        let hash = role.password.clone().unwrap_or_default();
        if table == "db" {
            for schema in owned(cx, role.oid).into_iter().filter(|_| !role.superuser) {
                let named = [
                    ("Host", "%".into()),
                    ("Db", schema.into()),
                    ("User", role.name.as_str().into()),
                ];
                rows.add_flagged(named, |name| name.ends_with("_priv"), "Y".into());
            }
            continue;
        }
        let named = [
            ("Host", Value::text("%")),
            ("User", role.name.as_str().into()),
            ("Password", hash.as_str().into()),
            ("plugin", "mysql_native_password".into()),
            ("authentication_string", hash.as_str().into()),
            (
                "Priv",
                format!(
                    "{{\"access\":{},\"plugin\":\"mysql_native_password\",\"authentication_string\":\"{hash}\"}}",
                    if role.superuser { 549_755_813_887u64 } else { 0 }
                )
                .into(),
            ),
        ];
        let flag = if role.superuser { "Y" } else { "N" };
        rows.add_flagged(named, |name| name.ends_with("_priv"), flag.into());
    }
}

/// Why a table of the server's own is not changed; none where it is refused as any other is.
pub(crate) fn fixed(cx: &Cx<'_>, listed: &crate::catalog::Listed) -> Option<Error> {
    match (listed.schema, listed.kind) {
        ("information_schema", _) => Some(access(cx, listed.schema)),
        ("mysql", "v") => Some(refuse(
            1356,
            format!(
                "View 'mysql.{}' references invalid table(s) or column(s) or function(s) or definer/invoker of view lack rights to use them",
                listed.name
            ),
        )),
        _ => None,
    }
}

pub(super) fn access(cx: &Cx<'_>, name: &str) -> Error {
    refuse(
        1044,
        format!("Access denied for user '{}'@'%' to database '{name}'", user(cx)),
    )
}
