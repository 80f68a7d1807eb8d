//! What Debian's package puts on a machine: folders, configuration, log, pid file.

use std::fs::{self, Permissions};
use std::io;
use std::os::unix::fs::{PermissionsExt, chown};

use model::machine::ServiceSpec;

use crate::machine::Machine;

/// Of Debian's configuration what differs from an empty one, comments left out.
static CONFIG: &str = include_str!("../../../../../templates/services/redis/redis.conf");

pub(super) fn furnish(machine: &Machine, spec: &ServiceSpec) -> io::Result<()> {
    let owner = machine.account("redis").map(|account| (account.uid, account.gid));
    for (path, bits) in [
        ("/etc/redis", 0o2770),
        ("/var/lib/redis", 0o750),
        ("/var/log/redis", 0o2750),
        ("/run/redis", 0o2755),
    ] {
        let folder = machine.path(path);
        fs::create_dir_all(&folder)?;
        give(&folder, owner, bits)?;
    }
    let mut config = CONFIG.to_owned();
    for option in [
        "enable-protected-configs",
        "enable-debug-command",
        "enable-module-command",
    ] {
        if spec.flag(&option.replace('-', "_")) == Some(true) {
            config.push_str(&format!("{option} yes\n"));
        }
    }
    if let Some(password) = spec.text("password").filter(|password| !password.is_empty()) {
        config.push_str(&format!("requirepass {password}\n"));
    }
    for (path, text, bits) in [
        ("/etc/redis/redis.conf", config, 0o640),
        ("/var/log/redis/redis-server.log", String::new(), 0o660),
        (
            "/run/redis/redis-server.pid",
            format!("{}\n", std::process::id()),
            0o644,
        ),
    ] {
        let file = machine.path(path);
        // What was changed in the machine stays changed; the pid is another at each start.
        if !file.exists() || path.ends_with(".pid") {
            fs::write(&file, text)?;
            give(&file, owner, bits)?;
        }
    }
    Ok(())
}

fn give(path: &std::path::Path, owner: Option<(u32, u32)>, bits: u32) -> io::Result<()> {
    if let Some((uid, gid)) = owner {
        chown(path, Some(uid), Some(gid))?;
    }
    fs::set_permissions(path, Permissions::from_mode(bits))
}
