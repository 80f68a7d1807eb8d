//! Kinds of files, by the end of their names, from the tables the products come with.

use std::collections::HashMap;
use std::sync::LazyLock;

static NGINX: LazyLock<Table> =
    LazyLock::new(|| read(include_str!("../../../../../templates/services/http/nginx.types")));
static DEBIAN: LazyLock<Table> =
    LazyLock::new(|| read(include_str!("../../../../../templates/services/http/debian.types")));

type Table = HashMap<&'static [u8], &'static str>;

/// nginx's `mime.types`: by the last extension, which counts in lower case.
pub(super) fn nginx(name: &[u8]) -> &'static str {
    let kind = extensions(name).last();
    let kind = kind.and_then(|extension| NGINX.get(extension.to_ascii_lowercase().as_slice()));
    kind.copied().unwrap_or("application/octet-stream")
}

/// Apache's: the system's `/etc/mime.types`, and what Debian adds. The last extension that is known counts.
pub(super) fn apache(name: &[u8]) -> Option<&'static str> {
    let known = extensions(name).filter_map(|extension| match extension.to_ascii_lowercase().as_slice() {
        b"gz" | b"tgz" => Some("application/x-gzip"),
        b"z" => Some("application/x-compress"),
        b"bz2" => Some("application/x-bzip2"),
        b"es" | b"tr" => None,
        extension => DEBIAN.get(extension).copied(),
    });
    known.last()
}

/// What stands between and after the dots of a file's name, the first part left out.
pub(super) fn extensions(path: &[u8]) -> impl Iterator<Item = &[u8]> {
    let name = path.rsplit(|byte| *byte == b'/').next().unwrap_or_default();
    name.split(|byte| *byte == b'.').skip(1)
}

/// Lines of a type and the extensions it has.
fn read(text: &'static str) -> Table {
    let mut table = Table::new();
    for line in text.lines() {
        let mut words = line.split_ascii_whitespace();
        let Some(kind) = words.next() else { continue };
        table.extend(words.map(|extension| (extension.as_bytes(), kind)));
    }
    table
}
