//! What Apache finds for a request: Debian's configuration, the default handler, its filters.

use std::fs::File;
use std::io::{self, Read};

use super::super::act::{Content, Link, Turn};
use super::super::range::{self, Ranges};
use super::super::site::{Kind, Seen, Site};
use super::super::{date, mime, pack};
use super::listing::{self, Entry};
use super::reply::{Reply, absolute, signature};
use super::request::Request;
use super::{line, url};

const ALLOWED: &str = "GET,POST,OPTIONS,HEAD";
/// Names and paths the file system would not take.
const MAX_NAME: usize = 255;
const MAX_PATH: usize = 4096;
/// What `mod_deflate` leaves alone: its own words would be longer.
const MAX_UNPACKED: u64 = 68;
/// The kinds `deflate.conf` names.
const PACKED: [&str; 10] = [
    "text/html",
    "text/plain",
    "text/xml",
    "text/css",
    "text/javascript",
    "application/x-javascript",
    "application/javascript",
    "application/ecmascript",
    "application/rss+xml",
    "application/xml",
];

/// How a request ends.
pub(super) enum Found {
    /// By a handler, which first reads the body.
    Reply(Box<Reply>),
    /// By a handler, with the page for a status; the methods it would have taken.
    Refused(u16, Option<&'static str>),
    /// Before any handler.
    Early(u16, Option<&'static str>),
    Moved(Vec<u8>),
}

/// Where the way through the folders ended.
enum Place {
    Folder(Vec<u8>),
    File(Vec<u8>, Seen),
    /// More of the name follows than there is.
    Missing,
}

pub(super) fn find(request: &Request, link: &Link, turn: &Turn<'_>) -> Found {
    let url = &request.line.url;
    let path = match &url.path {
        Some(path) => path.as_slice(),
        None if request.is("OPTIONS") => b"*",
        None => b"/",
    };
    if path == b"*" {
        return Found::Reply(Box::new(Reply::new(200).with("Content-Length", "0")));
    }
    let uri = match url::normalise(path) {
        Ok(uri) => uri,
        Err(status) => return Found::Early(status, None),
    };
    if request.is("TRACE") {
        return Found::Early(405, Some(""));
    }
    if is_below(&uri, b"/server-status") {
        return Found::Early(403, None);
    }
    match walk(&uri, turn.site) {
        Err(status) => Found::Early(status, None),
        Ok(Place::Folder(folder)) => in_folder(&uri, &folder, request, link, turn),
        Ok(place) => handle(place, request, turn),
    }
}

fn is_below(uri: &[u8], folder: &[u8]) -> bool {
    uri.strip_prefix(folder)
        .is_some_and(|rest| matches!(rest.first(), None | Some(b'/')))
}

/// Goes down folder by folder.
fn walk(uri: &[u8], site: &Site) -> Result<Place, u16> {
    let mut place = match uri.strip_prefix(b"/icons/") {
        Some(_) => b"/usr/share/apache2/icons".to_vec(),
        None => site.persona.docroot.clone().into_bytes(),
    };
    let rest = uri
        .strip_prefix(b"/icons")
        .filter(|rest| rest.starts_with(b"/"))
        .unwrap_or(uri);
    if place.len() + rest.len() > MAX_PATH {
        return Err(403);
    }
    let mut segments = rest
        .split(|byte| *byte == b'/')
        .filter(|segment| !segment.is_empty())
        .peekable();
    while let Some(segment) = segments.next() {
        if segment.len() > MAX_NAME {
            return Err(403);
        }
        place.push(b'/');
        place.extend_from_slice(segment);
        let seen = match site.files.look(&place) {
            Ok(seen) if seen.kind == Kind::Folder => continue,
            Ok(seen) => Some(seen),
            Err(error) if is_missing(&error) && !site.files.is_link(&place) => None,
            Err(_) => return Err(403),
        };
        // `<FilesMatch "^\.ht">`, there or not.
        if segment.starts_with(b".ht") {
            return Err(403);
        }
        let whole = segments.peek().is_none() && !uri.ends_with(b"/");
        return Ok(match seen {
            Some(seen) if whole => Place::File(place, seen),
            _ => Place::Missing,
        });
    }
    Ok(Place::Folder(place))
}

fn is_missing(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
}

/// `mod_dir`, then `mod_autoindex`.
fn in_folder(uri: &[u8], folder: &[u8], request: &Request, link: &Link, turn: &Turn<'_>) -> Found {
    let query = request.line.url.query.as_deref();
    if !uri.ends_with(b"/") {
        let mut location = absolute(&(url::escape(uri) + "/"), request, link, turn);
        if let Some(query) = query {
            location.push(b'?');
            location.extend_from_slice(query);
        }
        return Found::Moved(location);
    }
    let mut forbidden = false;
    for name in &turn.site.persona.index {
        let candidate = [folder, b"/", name.as_bytes()].concat();
        match turn.site.files.look(&candidate) {
            Ok(seen) if seen.kind == Kind::File => return handle(Place::File(candidate, seen), request, turn),
            Ok(_) => {}
            Err(error) => forbidden |= !is_missing(&error),
        }
    }
    let listed = request.is("GET") || request.is("HEAD");
    if forbidden || (listed && uri.starts_with(b"/icons/")) {
        return Found::Early(403, None);
    }
    if !listed {
        return handle(Place::Folder(folder.to_vec()), request, turn);
    }
    match turn.site.files.list(folder) {
        Ok(entries) => list(uri, query, entries, request, link, turn),
        Err(_) => Found::Refused(403, None),
    }
}

fn list(
    uri: &[u8],
    query: Option<&[u8]>,
    entries: Vec<(Vec<u8>, Seen)>,
    request: &Request,
    link: &Link,
    turn: &Turn<'_>,
) -> Found {
    let usable = entries.into_iter().filter(|(_, seen)| seen.kind != Kind::Other);
    let entries = usable.map(|(name, seen)| Entry { name, seen }).collect();
    let (doctype, signature) = (&turn.site.persona.listing_doctype, signature(request, link, turn));
    let page = listing::draw(uri, query.unwrap_or_default(), entries, doctype, &signature);
    let mut reply = Reply {
        content_type: Some("text/html;charset=UTF-8".to_owned()),
        ..Reply::new(200)
    };
    if !request.is("HEAD") {
        reply = fill(reply.with("Vary", "Accept-Encoding"), page, request);
    }
    Found::Reply(Box::new(reply))
}

/// The body, packed when that is wanted, and its length.
fn fill(mut reply: Reply, body: Vec<u8>, request: &Request) -> Reply {
    let packed = wants_packed(request).then(|| pack::apache(&body)).flatten();
    if packed.is_some() {
        reply = reply.with("Content-Encoding", "gzip");
    }
    let body = packed.unwrap_or(body);
    reply = reply.with("Content-Length", body.len().to_string());
    reply.content = Content::Bytes(body);
    reply
}

/// The default handler.
fn handle(place: Place, request: &Request, turn: &Turn<'_>) -> Found {
    if ["GET", "HEAD", "POST"].iter().any(|method| request.is(method)) {
        let Place::File(path, seen) = place else {
            return Found::Refused(404, None);
        };
        return match turn.site.files.open(&path) {
            Ok((file, _)) if seen.kind == Kind::File => {
                Found::Reply(Box::new(file_reply(&path, file, seen, request, turn)))
            }
            _ => Found::Refused(403, None),
        };
    }
    if !line::is_known(&request.line.method) {
        return Found::Refused(501, Some(ALLOWED));
    }
    if !request.is("OPTIONS") {
        return Found::Refused(405, Some(ALLOWED));
    }
    let kind = match &place {
        Place::File(path, _) => mime::apache(path).map(str::to_owned),
        Place::Folder(_) => Some("httpd/unix-directory".to_owned()),
        Place::Missing => None,
    };
    let reply = Reply::new(200).with("Allow", ALLOWED).with("Content-Length", "0");
    Found::Reply(Box::new(Reply {
        content_type: kind,
        ..reply
    }))
}

fn file_reply(path: &[u8], file: File, seen: Seen, request: &Request, turn: &Turn<'_>) -> Reply {
    let fresh = turn.now.unix_timestamp_nanos() / 1000 - i128::from(seen.mtime_us) <= 1_000_000;
    let weak = if fresh { "W/" } else { "" };
    let etag = format!("{weak}\"{:x}-{:x}\"", seen.size, seen.mtime_us);
    let kind = mime::apache(path);
    let headers = |etag: &str| {
        Reply::new(200)
            .with("Last-Modified", date::format_unix(seen.mtime))
            .with("ETag", etag)
            .with("Accept-Ranges", "bytes")
    };
    match condition(request, &etag, seen.mtime, turn.now.unix_timestamp()) {
        Some(304) => {
            return Reply {
                status: 304,
                ..headers(&etag)
            };
        }
        Some(status) => {
            return Reply {
                status,
                content_type: kind.map(str::to_owned),
                ..headers(&etag).with("Content-Length", "0")
            };
        }
        None => {}
    }
    let packable = seen.size > MAX_UNPACKED && kind.is_some_and(|kind| PACKED.contains(&kind));
    let packed = (packable && wants_packed(request))
        .then(|| read(&file, seen.size))
        .flatten();
    let mut reply = match packed.and_then(|text| pack::apache(&text)) {
        Some(packed) => {
            let tag = etag.strip_suffix('"').unwrap_or(&etag);
            let reply = headers(&format!("{tag}-gzip\""))
                .with("Vary", "Accept-Encoding")
                .with("Content-Encoding", "gzip");
            let mut reply = reply.with("Content-Length", packed.len().to_string());
            reply.content = Content::Bytes(packed);
            reply
        }
        None => {
            let mut reply = headers(&etag).with("Content-Length", seen.size.to_string());
            if packable {
                reply = reply.with("Vary", "Accept-Encoding");
            }
            reply.content = Content::File(file, seen.size);
            reply
        }
    };
    reply.content_type = kind.map(str::to_owned);
    ranges(reply, &etag, seen.mtime, request, turn)
}

fn read(file: &File, size: u64) -> Option<Vec<u8>> {
    let mut text = Vec::new();
    let whole = size <= pack::MAX_PACKED && file.take(size).read_to_end(&mut text).is_ok();
    (whole && text.len() as u64 == size).then_some(text)
}

fn wants_packed(request: &Request) -> bool {
    let accepted = request.header(b"accept-encoding").unwrap_or_default();
    accepted.split(|byte| *byte == b',').any(|coding| {
        let mut parts = coding.split(|byte| *byte == b';').map(<[u8]>::trim_ascii);
        let named = parts.next().is_some_and(|name| name.eq_ignore_ascii_case(b"gzip"));
        let never = parts.next().is_some_and(|q| q.len() >= 3 && b"q=0.000".starts_with(q));
        named && !never
    })
}

/// 304 or 412, when the request's conditions say so.
fn condition(request: &Request, etag: &str, mtime: i64, now: i64) -> Option<u16> {
    let reads = request.is("GET") || request.is("HEAD");
    if request
        .header(b"if-match")
        .is_some_and(|tags| !has_tag(&tags, etag, false))
    {
        return Some(412);
    }
    let unmodified = request.header(b"if-unmodified-since");
    if unmodified
        .as_deref()
        .and_then(date::parse)
        .is_some_and(|since| mtime > since)
    {
        return Some(412);
    }
    let mut known = None;
    if let Some(tags) = request.header(b"if-none-match") {
        let weak = reads && request.header(b"range").is_none();
        known = Some(has_tag(&tags, etag, weak));
        if known == Some(true) && !reads {
            return Some(412);
        }
    }
    if let Some(since) = request.header(b"if-modified-since") {
        let same = date::parse(&since).is_some_and(|since| since >= mtime && since <= now);
        known = Some(known.unwrap_or(true) && same);
    }
    let ranged = request.header(b"if-range").is_some() && request.header(b"range").is_some();
    (known == Some(true) && reads && unmodified.is_none() && !ranged).then_some(304)
}

fn has_tag(tags: &[u8], etag: &str, weak: bool) -> bool {
    let plain = |tag: &[u8]| tag.strip_prefix(b"W/").unwrap_or(tag).to_vec();
    tags.starts_with(b"*")
        || tags
            .split(|byte| *byte == b',')
            .map(<[u8]>::trim_ascii)
            .any(|tag| match weak {
                true => plain(tag) == plain(etag.as_bytes()),
                false => tag == etag.as_bytes() && !tag.starts_with(b"W/"),
            })
}

fn ranges(mut reply: Reply, etag: &str, mtime: i64, request: &Request, turn: &Turn<'_>) -> Reply {
    let size = match &reply.content {
        Content::File(_, size) => *size,
        Content::Bytes(bytes) => bytes.len() as u64,
        _ => 0,
    };
    let Some(range) = request
        .header(b"range")
        .filter(|_| size > 0 && request.line.version >= 10)
    else {
        return reply;
    };
    let current = request
        .header(b"if-range")
        .is_none_or(|condition| match condition.starts_with(b"\"") {
            true => condition == etag.as_bytes(),
            false => date::parse(&condition) == Some(mtime) && turn.now.unix_timestamp() >= mtime + 60,
        });
    match range::apache(&range, size) {
        Ranges::Some(ranges) if current => partial(&mut reply, size, &ranges, turn),
        Ranges::Unsatisfiable if current => reply.status = 416,
        _ => {}
    }
    reply
}

fn partial(reply: &mut Reply, size: u64, ranges: &[(u64, u64)], turn: &Turn<'_>) {
    reply.status = 206;
    let mut parts: Vec<(Vec<u8>, u64, u64)> = Vec::new();
    let mut end = Vec::new();
    if let [(start, len)] = *ranges {
        parts.push((Vec::new(), start, len));
        // What was packed is counted last.
        let counted = reply.headers.iter().position(|(name, _)| *name == "Content-Length");
        let packed = matches!(reply.content, Content::Bytes(_));
        let place = counted.filter(|_| packed).unwrap_or(reply.headers.len());
        reply.headers.insert(
            place,
            (
                "Content-Range",
                format!("bytes {start}-{}/{size}", start + len - 1).into_bytes(),
            ),
        );
    } else {
        let boundary = &turn.site.boundary;
        let kind = reply
            .content_type
            .replace(format!("multipart/byteranges; boundary={boundary}"));
        let kind = kind.map(|kind| format!("Content-type: {kind}\r\n")).unwrap_or_default();
        for &(start, len) in ranges {
            let last = start + len - 1;
            let head = format!("\r\n--{boundary}\r\n{kind}Content-range: bytes {start}-{last}/{size}\r\n\r\n");
            parts.push((head.into_bytes(), start, len));
        }
        end = format!("\r\n--{boundary}--\r\n").into_bytes();
    }
    let sizes = parts.iter().map(|(head, _, len)| head.len() as u64 + len);
    let total = sizes.sum::<u64>() + end.len() as u64;
    for (name, value) in &mut reply.headers {
        if *name == "Content-Length" {
            *value = total.to_string().into_bytes();
        }
    }
    reply.content = match std::mem::take(&mut reply.content) {
        Content::File(file, _) => Content::Pieces { file, parts, end },
        Content::Bytes(bytes) => {
            let piece = |(head, first, len): &(Vec<u8>, u64, u64)| {
                let piece = bytes.get(*first as usize..(first + len) as usize).unwrap_or_default();
                [head, piece].concat()
            };
            Content::Bytes([parts.iter().flat_map(piece).collect(), end].concat())
        }
        other => other,
    };
}
