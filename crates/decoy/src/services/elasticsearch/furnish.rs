//! What the package puts on a machine: its folders and its configuration.

use std::fs::{self, Permissions};
use std::io;
use std::os::unix::fs::{PermissionsExt, chown};

use model::machine::ServiceSpec;

use crate::machine::Machine;

const CONFIG: &str = "/etc/elasticsearch/elasticsearch.yml";
const FOLDERS: [&str; 4] = [
    "/etc/elasticsearch",
    "/var/lib/elasticsearch",
    "/var/lib/elasticsearch/nodes/0",
    "/var/log/elasticsearch",
];

pub(super) fn furnish(machine: &Machine, spec: &ServiceSpec) -> io::Result<()> {
    let owner = machine
        .account("elasticsearch")
        .map(|account| (account.uid, account.gid));
    for folder in FOLDERS {
        let folder = machine.path(folder);
        fs::create_dir_all(&folder)?;
        if let Some((uid, gid)) = owner {
            chown(&folder, Some(uid), Some(gid))?;
        }
        fs::set_permissions(&folder, Permissions::from_mode(0o750))?;
    }
    let secure = spec.text("security") == Some("on");
    let text = format!(
        "path.data: /var/lib/elasticsearch\npath.logs: /var/log/elasticsearch\nnetwork.host: 0.0.0.0\n\
         discovery.type: single-node\nxpack.security.enabled: {secure}\n"
    );
    let file = machine.path(CONFIG);
    // What was changed in the machine stays changed.
    if !file.exists() {
        fs::write(&file, text)?;
        fs::set_permissions(&file, Permissions::from_mode(0o660))?;
    }
    Ok(())
}
