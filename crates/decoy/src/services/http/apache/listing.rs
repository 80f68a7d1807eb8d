//! The list of a folder, as `mod_autoindex` draws it with Debian's options.

use std::cmp::Ordering;

use time::OffsetDateTime;

use super::super::mime;
use super::super::site::{Kind, Seen};
use super::url::{escape, html};

/// One name in a folder.
pub(super) struct Entry {
    pub name: Vec<u8>,
    pub seen: Seen,
}

/// `AddIcon` of Debian's `autoindex.conf`, in its order: the first that fits counts.
const ICONS: [(&str, &[&str]); 19] = [
    ("binary", &[".bin", ".exe"]),
    ("binhex", &[".hqx"]),
    ("tar", &[".tar"]),
    ("world2", &[".wrl", ".wrl.gz", ".vrml", ".vrm", ".iv"]),
    ("compressed", &[".Z", ".z", ".tgz", ".gz", ".zip"]),
    ("a", &[".ps", ".ai", ".eps"]),
    ("layout", &[".html", ".shtml", ".htm", ".pdf"]),
    ("text", &[".txt"]),
    ("c", &[".c"]),
    ("p", &[".pl", ".py"]),
    ("f", &[".for"]),
    ("dvi", &[".dvi"]),
    ("uuencoded", &[".uu"]),
    ("script", &[".conf", ".sh", ".shar", ".csh", ".ksh", ".tcl"]),
    ("tex", &[".tex"]),
    ("bomb", &["/core"]),
    ("sound2", &[".ogg"]),
    ("movie", &[".ogm"]),
    ("hand.right", &["README"]),
];
const KINDS: [(&str, &str, &str); 4] = [
    ("text/", "text", "TXT"),
    ("image/", "image2", "IMG"),
    ("audio/", "sound2", "SND"),
    ("video/", "movie", "VID"),
];
const COLUMNS: [(char, &str); 4] = [
    ('N', "Name"),
    ('M', "Last modified"),
    ('S', "Size"),
    ('D', "Description"),
];
const RULE: &str = "   <tr><th colspan=\"5\"><hr></th></tr>\n";

/// Column and direction asked for by a query: `C=S;O=D`.
fn order(query: &[u8]) -> (char, bool) {
    let (mut column, mut falling) = ('N', false);
    for part in query.split(|byte| matches!(byte, b'&' | b';')) {
        match part {
            [b'C', b'=', key @ (b'N' | b'M' | b'S' | b'D')] => column = *key as char,
            [b'O', b'=', way @ (b'A' | b'D')] => falling = *way == b'D',
            [b'F' | b'V', b'=', b'0'..=b'2'] | [b'P', b'=', ..] => {}
            _ => break,
        }
    }
    (column, falling)
}

/// Draws the list of `uri`, which ends in a slash.
pub(super) fn draw(uri: &[u8], query: &[u8], mut entries: Vec<Entry>, doctype: &str, signature: &str) -> Vec<u8> {
    let (column, falling) = order(query);
    entries.retain(|entry| !is_ignored(&entry.name));
    entries.sort_by(|a, b| {
        let order = compare(a, b, column);
        if falling { order.reverse() } else { order }
    });
    let end = uri.iter().rposition(|byte| *byte != b'/').map_or(1, |at| at + 1);
    let title = html(&uri[..end]);
    let mut page = format!("{doctype}\n<html>\n <head>\n  <title>Index of ").into_bytes();
    page.extend_from_slice(&title);
    page.extend_from_slice(b"</title>\n </head>\n <body>\n<h1>Index of ");
    page.extend_from_slice(&title);
    page.extend_from_slice(
        b"</h1>\n  <table>\n   <tr><th valign=\"top\"><img src=\"/icons/blank.gif\" alt=\"[ICO]\"></th>",
    );
    for (key, name) in COLUMNS {
        let way = if key == column && !falling { 'D' } else { 'A' };
        page.extend_from_slice(format!("<th><a href=\"?C={key};O={way}\">{name}</a></th>").as_bytes());
    }
    page.extend_from_slice(b"</tr>\n");
    page.extend_from_slice(RULE.as_bytes());
    if uri != b"/" {
        page.extend_from_slice(&parent(uri));
    }
    for entry in &entries {
        page.extend_from_slice(&row(entry));
    }
    page.extend_from_slice(format!("{RULE}</table>\n{signature}</body></html>\n").as_bytes());
    page
}

fn parent(uri: &[u8]) -> Vec<u8> {
    let inner = &uri[..uri.len() - 1];
    let end = inner.iter().rposition(|byte| *byte == b'/').map_or(0, |at| at + 1);
    let link = escape(&uri[..end]);
    format!(
        "<tr><td valign=\"top\"><img src=\"/icons/back.gif\" alt=\"[PARENTDIR]\"></td><td><a href=\"{link}\">Parent \
         Directory</a></td><td>&nbsp;</td><td align=\"right\">  - </td><td>&nbsp;</td></tr>\n"
    )
    .into_bytes()
}

fn row(entry: &Entry) -> Vec<u8> {
    let folder = entry.seen.kind == Kind::Folder;
    let mut name = entry.name.clone();
    if folder {
        name.push(b'/');
    }
    let (icon, alt) = if folder { ("folder", "DIR") } else { icon(&entry.name) };
    let at = OffsetDateTime::from_unix_timestamp(entry.seen.mtime).unwrap_or(OffsetDateTime::UNIX_EPOCH);
    let (day, month) = (at.day(), u8::from(at.month()));
    let size = if folder {
        "  - ".to_owned()
    } else {
        size(entry.seen.size)
    };
    let before = format!(
        "<tr><td valign=\"top\"><img src=\"/icons/{icon}.gif\" alt=\"[{alt}]\"></td><td><a href=\"{}\">",
        escape(&name)
    );
    let after = format!(
        "</a></td><td align=\"right\">{}-{month:02}-{day:02} {:02}:{:02}  </td><td align=\"right\">{size}</td>\
         <td>&nbsp;</td></tr>\n",
        at.year(),
        at.hour(),
        at.minute()
    );
    [before.as_bytes(), &html(&name), after.as_bytes()].concat()
}

fn icon(name: &[u8]) -> (&'static str, &'static str) {
    let kind = mime::apache(name).unwrap_or_default();
    if let Some((_, icon, alt)) = KINDS.iter().find(|(prefix, _, _)| kind.starts_with(prefix)) {
        return (icon, alt);
    }
    let path = [b"/", name].concat();
    let fits = |(_, ends): &&(&str, &[&str])| ends.iter().any(|end| path.ends_with(end.as_bytes()));
    ICONS
        .iter()
        .find(fits)
        .map_or(("unknown", "   "), |(icon, _)| (icon, "   "))
}

/// `IndexIgnore .??* *~ *# RCS CVS *,v *,t`, and what the server would not give out.
fn is_ignored(name: &[u8]) -> bool {
    (name.starts_with(b".") && name.len() > 2)
        || [&b"~"[..], b"#", b",v", b",t"].iter().any(|end| name.ends_with(end))
        || name == b"RCS"
        || name == b"CVS"
}

/// Four characters, as the Apache runtime writes sizes.
fn size(bytes: u64) -> String {
    if bytes < 973 {
        return format!("{bytes:3} ");
    }
    let mut size = bytes;
    for unit in "KMGTPE".chars() {
        let rest = size & 1023;
        size >>= 10;
        if size >= 973 {
            continue;
        }
        if size < 9 || (size == 9 && rest < 973) {
            let tenths = (rest * 5 + 256) / 512;
            let (whole, tenths) = if tenths >= 10 { (size + 1, 0) } else { (size, tenths) };
            return format!("{whole}.{tenths}{unit}");
        }
        return format!("{:3}{unit}", size + u64::from(rest >= 512));
    }
    "****".to_owned()
}

fn compare(a: &Entry, b: &Entry, column: char) -> Ordering {
    let own_size = |entry: &Entry| {
        if entry.seen.kind == Kind::Folder {
            -1
        } else {
            entry.seen.size as i64
        }
    };
    let by_column = match column {
        'M' => a.seen.mtime_us.cmp(&b.seen.mtime_us),
        'S' => own_size(a).cmp(&own_size(b)),
        _ => Ordering::Equal,
    };
    by_column
        .then_with(|| natural(&a.name, &b.name))
        .then_with(|| a.name.cmp(&b.name))
}

/// Names in the order of their versions: runs of digits count as numbers.
fn natural(a: &[u8], b: &[u8]) -> Ordering {
    let (mut a, mut b) = (a, b);
    while let (Some(&x), Some(&y)) = (a.first(), b.first()) {
        if x.is_ascii_digit() && y.is_ascii_digit() {
            let (left, right) = (digits(a), digits(b));
            let value = |run: &[u8]| run.iter().position(|digit| *digit != b'0').map_or(run.len(), |at| at);
            let (left_value, right_value) = (&left[value(left)..], &right[value(right)..]);
            let order = left_value
                .len()
                .cmp(&right_value.len())
                .then_with(|| left_value.cmp(right_value));
            if order != Ordering::Equal {
                return order;
            }
            (a, b) = (&a[left.len()..], &b[right.len()..]);
        } else if x != y {
            return x.cmp(&y);
        } else {
            (a, b) = (&a[1..], &b[1..]);
        }
    }
    a.len().cmp(&b.len())
}

fn digits(text: &[u8]) -> &[u8] {
    let end = text
        .iter()
        .position(|byte| !byte.is_ascii_digit())
        .unwrap_or(text.len());
    &text[..end]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_take_four_characters() {
        let sizes = [
            (0, "  0 "),
            (972, "972 "),
            (973, "1.0K"),
            (10_701, " 10K"),
            (1 << 20, "1.0M"),
            (u64::MAX, " 16E"),
        ];
        for (bytes, wanted) in sizes {
            assert_eq!(size(bytes), wanted, "{bytes}");
        }
    }

    #[test]
    fn names_are_in_the_order_of_their_versions() {
        let mut names = ["a10", "a9", "a", "b1.2", "b1.10"];
        names.sort_by(|a, b| natural(a.as_bytes(), b.as_bytes()));
        assert_eq!(names, ["a", "a9", "a10", "b1.2", "b1.10"]);
    }
}
