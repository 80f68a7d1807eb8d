//! What installing the product puts on the machine.

use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::{Duration, SystemTime};

use model::machine::ServiceSpec;

use super::persona::Persona;
use crate::machine::Machine;

/// The pages products come with, by the name personas give them.
const PAGES: [(&str, &str); 3] = [
    (
        "nginx-615",
        include_str!("../../../../../templates/services/http/nginx-615.html"),
    ),
    (
        "nginx-612",
        include_str!("../../../../../templates/services/http/nginx-612.html"),
    ),
    (
        "apache-debian",
        include_str!("../../../../../templates/services/http/apache-debian.html"),
    ),
];
/// The product was installed so long ago, and up to as much again, by the machine's seed.
const INSTALLED: Duration = Duration::from_secs(40 * 86_400);

/// Puts the product's page where it looks for it. A page that is there stays as it is.
pub(super) fn furnish(machine: &Machine, spec: &ServiceSpec) -> io::Result<()> {
    let persona = Persona::of(spec).map_err(io::Error::other)?;
    let Some((path, name)) = persona.page else {
        return Ok(());
    };
    let text = PAGES.iter().find(|(known, _)| *known == name).map(|(_, text)| *text);
    let text = text.ok_or_else(|| io::Error::other(format!("no page is called `{name}`")))?;
    let path = machine.path(&path);
    let Some(folder) = path.parent() else { return Ok(()) };
    let installed = installed(machine);
    make_folders(folder, installed)?;
    match OpenOptions::new().write(true).create_new(true).open(&path) {
        Ok(mut file) => {
            file.write_all(text.as_bytes())?;
            file.set_permissions(Permissions::from_mode(0o644))?;
            file.set_modified(installed)?;
            File::open(folder)?.set_modified(installed)
        }
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(error),
    }
}

fn make_folders(folder: &Path, installed: SystemTime) -> io::Result<()> {
    if folder.is_dir() {
        return Ok(());
    }
    if let Some(parent) = folder.parent() {
        make_folders(parent, installed)?;
    }
    fs::create_dir(folder)?;
    fs::set_permissions(folder, Permissions::from_mode(0o755))?;
    File::open(folder)?.set_modified(installed)
}

/// When this machine's web server was installed: some weeks before the machine was first seen.
fn installed(machine: &Machine) -> SystemTime {
    let draw = machine.draw("web/installed");
    let spread = u32::from_be_bytes([draw[0], draw[1], draw[2], draw[3]]);
    let nanos = u32::from_be_bytes([draw[4], draw[5], draw[6], draw[7]]) % 1_000_000_000;
    let made = fs::metadata(machine.path("/etc/machine-id")).and_then(|made| made.modified());
    let back = INSTALLED + INSTALLED.mul_f64(f64::from(spread) / f64::from(u32::MAX));
    let at = made.unwrap_or_else(|_| SystemTime::now()) - back;
    at + Duration::from_nanos(nanos.into())
}
