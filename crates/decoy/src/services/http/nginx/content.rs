//! What nginx finds for a request: the phases of its stock configuration, and its filters.

use std::fs::File;
use std::io::{self, Read};

use super::super::act::Content;
use super::super::persona::Layout;
use super::super::range::{self, Ranges};
use super::super::site::{Kind, Seen, Site};
use super::super::{date, mime, pack};
use super::reply::Reply;
use super::request::Request;

/// `client_max_body_size`.
const MAX_BODY: u64 = 1 << 20;
/// `gzip_min_length`.
const MIN_PACKED: u64 = 20;

/// How a request ends.
pub(super) enum Found {
    Reply(Box<Reply>),
    /// The page nginx makes up for that status.
    Status(u16),
    /// That page, and no more is taken from the peer although it was promised.
    Fatal(u16),
    /// A folder was asked for without its slash.
    Folder(Vec<u8>),
    Unsatisfiable(u64),
}

pub(super) fn find(request: &Request, site: &Site) -> Found {
    if request.length.is_some_and(|length| length > MAX_BODY) {
        return Found::Status(413);
    }
    if site.persona.layout == Layout::Nothing {
        return Found::Status(404);
    }
    let mut uri = request.uri.clone();
    // At most once: the index of a folder is looked for as a name of its own.
    for _ in 0..2 {
        if site.persona.layout == Layout::Debian && !exists(&uri, site) {
            return Found::Status(404);
        }
        if !uri.ends_with(b"/") {
            return file(&uri, request, site);
        }
        if !["GET", "HEAD", "POST"].iter().any(|method| request.is(method)) {
            return Found::Status(405);
        }
        match index(&uri, site) {
            Ok(Some(found)) => uri = found,
            Ok(None) => return Found::Status(403),
            Err(status) => return Found::Status(status),
        }
    }
    Found::Status(500)
}

/// `try_files $uri $uri/ =404`.
fn exists(uri: &[u8], site: &Site) -> bool {
    let seen = site.files.look(&path(uri, site));
    seen.is_ok_and(|seen| seen.kind == Kind::Folder || !uri.ends_with(b"/"))
}

/// The index file of a folder; an error when the folder itself cannot be looked into.
fn index(uri: &[u8], site: &Site) -> Result<Option<Vec<u8>>, u16> {
    for (n, name) in site.persona.index.iter().enumerate() {
        let candidate = [uri, name.as_bytes()].concat();
        match site.files.look(&path(&candidate, site)) {
            Ok(_) => return Ok(Some(candidate)),
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => return Err(403),
            Err(_) if n == 0 => {
                let folder = site.files.look(&path(uri, site)).map(|seen| seen.kind);
                match folder {
                    Ok(Kind::Folder) => {}
                    Ok(_) => return Err(404),
                    Err(error) => return Err(status_of(&error)),
                }
            }
            Err(_) => {}
        }
    }
    Ok(None)
}

fn file(uri: &[u8], request: &Request, site: &Site) -> Found {
    if !["GET", "HEAD", "POST"].iter().any(|method| request.is(method)) {
        return Found::Status(405);
    }
    let path = path(uri, site);
    match site.files.look(&path) {
        Ok(seen) if seen.kind == Kind::Folder => {
            return match site.files.may_open(&path) {
                Ok(()) => Found::Folder(location(uri, request.query.as_deref())),
                Err(error) => Found::Status(status_of(&error)),
            };
        }
        Ok(seen) if seen.kind == Kind::Other => return Found::Status(404),
        Ok(_) => {}
        Err(error) => return Found::Status(status_of(&error)),
    }
    match site.files.open(&path) {
        Ok(_) if request.is("POST") => Found::Status(405),
        Ok((file, seen)) => filter(uri, file, seen, request, site),
        Err(error) => Found::Status(status_of(&error)),
    }
}

fn status_of(error: &io::Error) -> u16 {
    match error.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory | io::ErrorKind::InvalidFilename => 404,
        io::ErrorKind::PermissionDenied => 403,
        _ => 500,
    }
}

fn path(uri: &[u8], site: &Site) -> Vec<u8> {
    [site.persona.docroot.as_bytes(), uri].concat()
}

/// Where a folder without its slash is sent to.
fn location(uri: &[u8], query: Option<&[u8]>) -> Vec<u8> {
    let mut location = Vec::with_capacity(uri.len() + 1);
    for &byte in uri {
        match byte {
            0..=0x20 | b'#' | b'%' | b'?' | b'"' | b'<' | b'>' | b'\\' | b'^' | b'`' | b'{'..=b'}' | 0x7f.. => {
                location.extend_from_slice(format!("%{byte:02X}").as_bytes());
            }
            _ => location.push(byte),
        }
    }
    location.push(b'/');
    if let Some(query) = query.filter(|query| !query.is_empty()) {
        location.push(b'?');
        location.extend_from_slice(query);
    }
    location
}

/// Conditions, packing, ranges: in that order.
fn filter(uri: &[u8], file: File, seen: Seen, request: &Request, site: &Site) -> Found {
    let etag = format!("\"{:x}-{:x}\"", seen.mtime, seen.size);
    let mut reply = Reply {
        content_type: Some(mime::nginx(uri).to_owned()),
        length: Some(seen.size),
        last_modified: Some(seen.mtime),
        others: vec![("ETag", etag.clone())],
        ..Reply::new(200)
    };
    if !may_send(request, &etag, seen.mtime) {
        return Found::Fatal(412);
    }
    if is_known(request, &etag, seen.mtime) {
        reply.status = 304;
        (reply.content_type, reply.length) = (None, None);
        return Found::Reply(Box::new(reply));
    }
    if packs(&reply, request)
        && let Some(packed) = read(&file, seen.size).and_then(|text| pack::nginx(&text))
    {
        reply.others = vec![("ETag", format!("W/{etag}")), ("Content-Encoding", "gzip".to_owned())];
        reply.length = None;
        reply.chunked = !request.is("HEAD");
        reply.content = Content::Bytes(packed);
        return Found::Reply(Box::new(reply));
    }
    match ranges(request, &etag, seen) {
        Ranges::Unsatisfiable => return Found::Unsatisfiable(seen.size),
        Ranges::Some(ranges) => partial(&mut reply, file, seen.size, &ranges, site),
        Ranges::Whole => {
            if request.version >= 1000 {
                reply.others.push(("Accept-Ranges", "bytes".to_owned()));
            }
            reply.content = Content::File(file, seen.size);
        }
    }
    Found::Reply(Box::new(reply))
}

fn read(file: &File, size: u64) -> Option<Vec<u8>> {
    let mut text = Vec::new();
    let whole = size <= pack::MAX_PACKED && file.take(size).read_to_end(&mut text).is_ok();
    (whole && text.len() as u64 == size).then_some(text)
}

/// `If-Unmodified-Since` and `If-Match` hold.
fn may_send(request: &Request, etag: &str, mtime: i64) -> bool {
    let unmodified = request.header(b"if-unmodified-since");
    let matches = request.header(b"if-match");
    unmodified.is_none_or(|since| date::parse(since).is_some_and(|since| since >= mtime))
        && matches.is_none_or(|tags| has_tag(tags, etag, false))
}

/// `If-Modified-Since` and `If-None-Match` say the peer has it.
fn is_known(request: &Request, etag: &str, mtime: i64) -> bool {
    let since = request.header(b"if-modified-since");
    let tags = request.header(b"if-none-match");
    (since.is_some() || tags.is_some())
        && since.is_none_or(|since| date::parse(since) == Some(mtime))
        && tags.is_none_or(|tags| has_tag(tags, etag, true))
}

fn has_tag(tags: &[u8], etag: &str, weak: bool) -> bool {
    tags == b"*"
        || tags.split(|byte| *byte == b',').any(|tag| {
            let tag = tag.trim_ascii();
            tag.strip_prefix(b"W/").filter(|_| weak).unwrap_or(tag) == etag.as_bytes()
        })
}

/// Whether the answer is packed: `gzip on`, only HTML, not through proxies.
pub(super) fn packs(reply: &Reply, request: &Request) -> bool {
    let accepted = request.header(b"accept-encoding").is_some_and(accepts_gzip);
    accepted
        && matches!(reply.status, 200 | 403 | 404)
        && reply.content_type.as_deref() == Some("text/html")
        && reply.length.is_none_or(|length| length >= MIN_PACKED)
        && request.version >= 1001
        && request.header(b"via").is_none()
}

fn accepts_gzip(accepted: &[u8]) -> bool {
    let accepted = accepted.to_ascii_lowercase();
    let mut from = 0;
    while let Some(at) = accepted[from..].windows(4).position(|part| part == b"gzip") {
        let (start, after) = (from + at, from + at + 4);
        if start == 0 || matches!(accepted[start - 1], b',' | b' ') {
            return wants(&accepted[after..]);
        }
        from = after;
    }
    false
}

/// What follows `gzip`: nothing, another coding, or a quality that is not 0.
fn wants(rest: &[u8]) -> bool {
    let rest = rest.split(|byte| *byte == b',').next().unwrap_or_default().trim_ascii();
    let Some(quality) = rest.strip_prefix(b";") else {
        return rest.is_empty();
    };
    match quality.trim_ascii_start().strip_prefix(b"q=") {
        Some(q) => q.first() == Some(&b'1') || (q.starts_with(b"0.") && q[2..].iter().any(|digit| *digit != b'0')),
        None => quality.trim_ascii().is_empty(),
    }
}

fn ranges(request: &Request, etag: &str, seen: Seen) -> Ranges {
    let Some(range) = request.header(b"range").filter(|_| request.version >= 1000) else {
        return Ranges::Whole;
    };
    let current = request
        .header(b"if-range")
        .is_none_or(|condition| match condition.ends_with(b"\"") {
            true => condition == etag.as_bytes(),
            false => date::parse(condition) == Some(seen.mtime),
        });
    if current {
        range::nginx(range, seen.size)
    } else {
        Ranges::Whole
    }
}

fn partial(reply: &mut Reply, file: File, size: u64, ranges: &[(u64, u64)], site: &Site) {
    reply.status = 206;
    if let [(start, len)] = *ranges {
        reply.length = Some(len);
        let range = format!("bytes {start}-{}/{size}", start + len - 1);
        reply.others.push(("Content-Range", range));
        reply.content = Content::Pieces {
            file,
            parts: vec![(Vec::new(), start, len)],
            end: Vec::new(),
        };
        return;
    }
    let boundary = format!("{:020}", site.next_number());
    let kind = reply
        .content_type
        .replace(format!("multipart/byteranges; boundary={boundary}"));
    let kind = kind.unwrap_or_default();
    let part = |&(start, len): &(u64, u64)| {
        let last = start + len - 1;
        let before =
            format!("\r\n--{boundary}\r\nContent-Type: {kind}\r\nContent-Range: bytes {start}-{last}/{size}\r\n\r\n");
        (before.into_bytes(), start, len)
    };
    let parts: Vec<_> = ranges.iter().map(part).collect();
    let end = format!("\r\n--{boundary}--\r\n").into_bytes();
    let sizes = parts.iter().map(|(before, _, len)| before.len() as u64 + len);
    reply.length = Some(sizes.sum::<u64>() + end.len() as u64);
    reply.content = Content::Pieces { file, parts, end };
}
