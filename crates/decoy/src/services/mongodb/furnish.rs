//! What the package puts on a machine: its folders and its configuration.

use std::fs::{self, Permissions};
use std::io;
use std::os::unix::fs::{PermissionsExt, chown};

use model::machine::ServiceSpec;

use crate::machine::Machine;

const CONFIG: &str = "/etc/mongod.conf";

pub(super) fn furnish(machine: &Machine, spec: &ServiceSpec) -> io::Result<()> {
    let owner = machine.account("mongodb").map(|account| (account.uid, account.gid));
    for folder in ["/var/lib/mongodb", "/var/log/mongodb"] {
        let folder = machine.path(folder);
        fs::create_dir_all(&folder)?;
        if let Some((uid, gid)) = owner {
            chown(&folder, Some(uid), Some(gid))?;
        }
        fs::set_permissions(&folder, Permissions::from_mode(0o755))?;
    }
    let mut text =
        "storage:\n  dbPath: /var/lib/mongodb\n  journal:\n    enabled: true\nsystemLog:\n  destination: file\n  \
                    logAppend: true\n  path: /var/log/mongodb/mongod.log\nnet:\n  port: 27017\n  bindIp: 0.0.0.0\n"
            .to_owned();
    if spec.text("auth") == Some("on") {
        text.push_str("security:\n  authorization: enabled\n");
    }
    let file = machine.path(CONFIG);
    // What was changed in the machine stays changed.
    if !file.exists() {
        fs::write(&file, text)?;
        fs::set_permissions(&file, Permissions::from_mode(0o644))?;
    }
    Ok(())
}
