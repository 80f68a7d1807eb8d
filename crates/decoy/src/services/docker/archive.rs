//! Files in and out of containers, which are files of the machine.

use std::fs::{self, Metadata, Permissions};
use std::io::Write;
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt, symlink};
use std::path::{Component, Path, PathBuf};
use std::time::UNIX_EPOCH;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as B64;
use serde_json::json;
use time::OffsetDateTime;

use super::perform;
use super::record::{Record, short};
use super::reply;
use super::session::Docker;
use super::tar::{self, Kind, Member};
use crate::conn::Log;
use crate::services::containers::Ground;
use crate::services::golang::json::Object;
use crate::services::golang::{Reply, Request, Talk, Then};

/// Bytes and members of one archive that go out.
const MOST_SENT: u64 = 32 << 20;
const MOST_MEMBERS: usize = 4096;

/// Of a path: what it is, and with `whole` all that is in it.
pub(super) async fn send(docker: &Docker, talk: &mut Talk, request: &Request, path: &str, whole: bool) -> Then {
    let name = container_of(request);
    let place = inside(&docker.ground, path);
    let found = fs::symlink_metadata(&place);
    talk.tell(vec![Record::new(
        "file_read",
        json!({"path": short(path), "container": short(&name), "found": found.is_ok()}),
    )]);
    let Ok(found) = found else {
        return missing(docker, talk, request, path, &name).await;
    };
    let head = reply::with_headers(&docker.store.borrow(), Reply::new(200, ""))
        .with("X-Docker-Container-Path-Stat", described(&place, &found));
    let reply = match whole {
        false => head,
        true => {
            let mut archive = Vec::new();
            let top = place
                .file_name()
                .map_or("/".to_owned(), |name| name.to_string_lossy().into_owned());
            let mut left = (MOST_SENT, MOST_MEMBERS);
            pack(&mut archive, &place, &top, &mut left);
            tar::finish(&mut archive);
            Reply {
                body: archive,
                ..head.with("Content-Type", "application/x-tar")
            }
        }
    };
    perform::send(talk, request, &reply).await
}

/// Takes an archive apart in a folder, and keeps what was in it.
pub(super) async fn receive(docker: &Docker, talk: &mut Talk, request: &Request, path: &str) -> Then {
    let name = container_of(request);
    let place = inside(&docker.ground, path);
    let Ok(found) = fs::metadata(&place) else {
        return missing(docker, talk, request, path, &name).await;
    };
    let fault = |status, text: String| reply::error(&docker.store.borrow(), None, (status, text));
    if !found.is_dir() {
        let reply = fault(400, "extraction point is not a directory".to_owned());
        return perform::send(talk, request, &reply).await;
    }
    let sha256 = talk.log.capture(
        &request.body,
        &format!("{}/archive.tar", path.trim_end_matches('/')),
        "upload",
        Some("root"),
    );
    talk.tell(vec![Record::new("upload", json!({
        "path": short(path), "container": short(&name), "sha256": sha256, "size": request.body.len(), "cut": request.cut,
    }))]);
    let reply = match tar::read(&request.body) {
        Some(members) => {
            members
                .iter()
                .for_each(|member| unpack(&docker.ground, &talk.log, &place, member));
            reply::plain(&docker.store.borrow(), 200, "")
        }
        None => fault(
            500,
            "Error processing tar file(exit status 1): archive/tar: invalid tar header".to_owned(),
        ),
    };
    perform::send(talk, request, &reply).await
}

/// Puts one member where it belongs below a folder; the file itself is kept by its hash.
pub(super) fn unpack(ground: &Ground, log: &Log, folder: &Path, member: &Member<'_>) {
    let place = below(folder, &member.name);
    if place == folder {
        return;
    }
    if let Some(parent) = place.parent() {
        let _ = fs::create_dir_all(parent);
    }
    // What cannot be written is kept all the same.
    match member.kind {
        Kind::File => {
            ground.lookout.uploading(&place);
            let _ = fs::remove_file(&place);
            let written = fs::File::create(&place).and_then(|mut file| file.write_all(member.bytes));
            if written.is_ok() {
                let _ = fs::set_permissions(&place, Permissions::from_mode(member.mode));
            }
            log.capture(member.bytes, &place.to_string_lossy(), "upload", Some("root"));
            ground.lookout.uploaded(&place);
        }
        Kind::Folder => {
            let _ = fs::create_dir_all(&place);
        }
        Kind::Symlink => {
            let _ = fs::remove_file(&place);
            let _ = symlink(&member.link, &place);
        }
        Kind::Link => {
            let _ = fs::hard_link(below(folder, &member.link), &place);
        }
        Kind::Other => {}
    }
}

/// Where a path of a container lies on the machine.
pub(super) fn inside(ground: &Ground, path: &str) -> PathBuf {
    below(&ground.machine.path("/"), path)
}

/// Never above that folder.
fn below(folder: &Path, path: &str) -> PathBuf {
    let mut place = folder.to_owned();
    for part in Path::new(path).components() {
        match part {
            Component::Normal(name) => place.push(name),
            Component::ParentDir if place != folder => {
                place.pop();
            }
            _ => {}
        }
    }
    place
}

/// The container a path of the API names.
fn container_of(request: &Request) -> String {
    let mut parts = request
        .parts()
        .0
        .split('/')
        .skip_while(|part| *part != "containers")
        .skip(1);
    parts.next().unwrap_or_default().to_owned()
}

async fn missing(docker: &Docker, talk: &mut Talk, request: &Request, path: &str, name: &str) -> Then {
    let fault = (404, format!("Could not find the file {path} in container {name}"));
    let reply = reply::error(&docker.store.borrow(), None, fault);
    perform::send(talk, request, &reply).await
}

/// `X-Docker-Container-Path-Stat`.
fn described(place: &Path, found: &Metadata) -> String {
    let kind = found.file_type();
    let mut mode = found.mode() & 0o777;
    let mut set = |is: bool, bit: u32| mode |= if is { 1 << bit } else { 0 };
    set(kind.is_dir(), 31);
    set(kind.is_symlink(), 27);
    set(kind.is_block_device() || kind.is_char_device(), 26);
    set(kind.is_char_device(), 21);
    set(kind.is_fifo(), 25);
    set(kind.is_socket(), 24);
    set(found.mode() & 0o4000 > 0, 23);
    set(found.mode() & 0o2000 > 0, 22);
    set(found.mode() & 0o1000 > 0, 20);
    let at = OffsetDateTime::from_unix_timestamp(found.mtime()).unwrap_or(OffsetDateTime::UNIX_EPOCH);
    let link = fs::read_link(place).map_or(String::new(), |link| link.to_string_lossy().into_owned());
    let json = Object::new()
        .put(
            "name",
            place
                .file_name()
                .map_or("/".to_owned(), |name| name.to_string_lossy().into_owned()),
        )
        .put("size", found.len())
        .put("mode", mode)
        .put("mtime", super::time::seconds(at))
        .put("linkTarget", link)
        .end();
    B64.encode(json)
}

/// A file or a folder with all that is in it, as far as there is room; devices and the kernel's own files stay.
fn pack(archive: &mut Vec<u8>, place: &Path, name: &str, left: &mut (u64, usize)) {
    let Ok(found) = fs::symlink_metadata(place) else { return };
    if left.1 == 0 || found.len() > left.0 {
        return;
    }
    left.1 -= 1;
    let seconds = found
        .modified()
        .ok()
        .and_then(|at| at.duration_since(UNIX_EPOCH).ok())
        .map_or(0, |since| since.as_secs());
    let mut member = Member {
        name: name.to_owned(),
        kind: Kind::File,
        mode: found.mode() & 0o7777,
        link: String::new(),
        bytes: &[],
    };
    if found.is_dir() {
        member.kind = Kind::Folder;
        member.name.push('/');
        tar::write(archive, &member, seconds);
        let kernel = matches!(place.to_str(), Some("/proc" | "/sys" | "/dev"));
        let mut entries: Vec<_> = fs::read_dir(place)
            .into_iter()
            .flatten()
            .flatten()
            .filter(|_| !kernel)
            .collect();
        entries.sort_by_key(fs::DirEntry::file_name);
        for entry in entries {
            let inner = format!("{}/{}", name.trim_end_matches('/'), entry.file_name().to_string_lossy());
            pack(archive, &entry.path(), &inner, left);
        }
    } else if found.is_symlink() {
        member.kind = Kind::Symlink;
        member.link = fs::read_link(place).map_or(String::new(), |link| link.to_string_lossy().into_owned());
        tar::write(archive, &member, seconds);
    } else if found.is_file() {
        let Ok(bytes) = fs::read(place) else { return };
        left.0 = left.0.saturating_sub(bytes.len() as u64);
        tar::write(
            archive,
            &Member {
                bytes: &bytes,
                ..member
            },
            seconds,
        );
    }
}
