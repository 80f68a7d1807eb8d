//! What Debian's package puts on a machine: folders, configuration, pid file.

use std::fs::{self, Permissions};
use std::io;
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::Path;

use model::machine::ServiceSpec;

use crate::machine::Machine;

const CONFIG: &str = "[mysqld]\npid-file                = /run/mysqld/mysqld.pid\nbasedir                 = /usr\n\
    bind-address            = 0.0.0.0\nexpire_logs_days        = 10\n\
    character-set-server  = utf8mb4\ncollation-server      = utf8mb4_general_ci\n";

pub(super) fn furnish(machine: &Machine, spec: &ServiceSpec) -> io::Result<()> {
    let owner = machine.account("mysql").map(|account| (account.uid, account.gid));
    let data = spec.text("data_directory").unwrap_or("/var/lib/mysql");
    for (folder, bits) in [
        (data.to_owned(), 0o755),
        (format!("{data}/mysql"), 0o700),
        (format!("{data}/performance_schema"), 0o700),
        (format!("{data}/sys"), 0o700),
        ("/run/mysqld".to_owned(), 0o755),
        ("/var/log/mysql".to_owned(), 0o750),
    ] {
        let folder = machine.path(&folder);
        fs::create_dir_all(&folder)?;
        give(&folder, owner, bits)?;
    }
    let config = machine.path("/etc/mysql/mariadb.conf.d");
    fs::create_dir_all(&config)?;
    let release = spec.text("version").unwrap_or("10.11.19-MariaDB");
    let files = [
        (format!("{data}/mysql_upgrade_info"), release.to_owned(), 0o660, owner),
        (
            "/run/mysqld/mysqld.pid".to_owned(),
            format!("{}\n", std::process::id()),
            0o660,
            owner,
        ),
        (
            "/etc/mysql/mariadb.conf.d/50-server.cnf".to_owned(),
            CONFIG.to_owned(),
            0o644,
            None,
        ),
        (
            "/etc/mysql/debian.cnf".to_owned(),
            "# THIS FILE IS OBSOLETE. STOP USING IT IF POSSIBLE.\n[client]\nhost     = localhost\nuser     = root\n"
                .to_owned(),
            0o600,
            None,
        ),
    ];
    for (path, text, bits, owner) in files {
        let file = machine.path(&path);
        // What was changed in the machine stays changed; the pid is another at each start.
        if !file.exists() || path.ends_with(".pid") {
            fs::write(&file, text)?;
            give(&file, owner, bits)?;
        }
    }
    Ok(())
}

fn give(path: &Path, owner: Option<(u32, u32)>, bits: u32) -> io::Result<()> {
    if let Some((uid, gid)) = owner {
        chown(path, Some(uid), Some(gid))?;
    }
    fs::set_permissions(path, Permissions::from_mode(bits))
}
