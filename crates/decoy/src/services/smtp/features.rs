//! What a message tells of itself: its heads, what is attached, where it leads. No network, no clock.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use mail_parser::{Message, MessageParser, MessagePart, MimeHeaders as _};
use md5::{Digest as _, Md5};
use model::event::Fields;
use serde_json::{Value, json};
use sha2::Sha256;

const MAX_URLS: usize = 64;
const MAX_ATTACHMENTS: usize = 32;
/// Words that go into the hash of the likeness.
const MAX_WORDS: usize = 100_000;
const MIN_RUN: usize = 32;
const COMPOUND_FILE: &[u8] = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1";

/// Fields of the event `message_stored` that come from the message alone.
pub(super) fn of(bytes: &[u8]) -> Fields {
    let Some(parsed) = MessageParser::default()
        .parse(bytes)
        .filter(|parsed| !parsed.parts.is_empty())
    else {
        return Fields::from_iter([("attachment_count".to_owned(), 0.into())]);
    };
    let head = |name: &str, most: usize| -> Value {
        let raw = parsed
            .header_raw(name)
            .map(|value| value.trim().replace(['\r', '\n'], ""));
        raw.map(|text| text[..text.floor_char_boundary(most)].to_owned()).into()
    };
    let results = parsed.header_raw("Authentication-Results").unwrap_or_default();
    let attachments: Vec<Value> = parsed.attachments().take(MAX_ATTACHMENTS).map(attachment).collect();
    let texts: Vec<&str> = parsed.parts.iter().filter_map(text_of).collect();
    let urls = urls(&texts);
    let fields = json!({
        "subject": head("Subject", 512),
        "from_hdr": head("From", 256),
        "to_hdr": head("To", 512),
        "date_hdr": head("Date", 64),
        "message_id_hdr": head("Message-ID", 256),
        "content_type": head("Content-Type", 256),
        "return_path": head("Return-Path", 256),
        "x_mailer": head("X-Mailer", 256),
        "dkim_signed": parsed.header_raw("DKIM-Signature").is_some(),
        "spf_pass": results.to_ascii_lowercase().contains("spf=pass"),
        "attachment_count": attachments.len(),
        "attachments_json": Value::from(attachments).to_string(),
        "urls_json": Value::from(urls).to_string(),
        "body_simhash": simhash(&texts),
        "body_base64_bytes": longest_base64(body(&parsed, bytes)),
        "html_smuggling": parsed.parts.iter().any(smuggles),
    });
    match fields {
        Value::Object(fields) => fields.into_iter().collect(),
        _ => Fields::new(),
    }
}

fn body<'a>(parsed: &Message<'_>, bytes: &'a [u8]) -> &'a [u8] {
    let start = parsed.parts.first().map_or(0, |root| root.raw_body_offset() as usize);
    bytes.get(start..).unwrap_or_default()
}

fn text_of<'a>(part: &'a MessagePart<'_>) -> Option<&'a str> {
    part.is_text().then(|| part.text_contents()).flatten()
}

fn attachment(part: &MessagePart<'_>) -> Value {
    let bytes = part.contents();
    let kind = part.content_type().map(|kind| match &kind.c_subtype {
        Some(subtype) => format!("{}/{subtype}", kind.c_type),
        None => kind.c_type.to_string(),
    });
    let zip = bytes.starts_with(b"PK\x03\x04");
    let name = part.attachment_name().unwrap_or_default();
    json!({
        "filename": &name[..name.floor_char_boundary(255)],
        "content_type": kind,
        "size": bytes.len(),
        "sha256": hex::encode(Sha256::digest(bytes)),
        "macro_indicator": zip && holds(bytes, b"vbaProject.bin"),
        "encrypted": is_encrypted(bytes),
    })
}

/// By what archives and documents that may be locked begin with; of a zip, by the flag of its first file.
fn is_encrypted(bytes: &[u8]) -> bool {
    let archives: [&[u8]; 3] = [b"7z\xbc\xaf\x27\x1c", b"Rar!\x1a\x07", COMPOUND_FILE];
    let locked_zip = bytes.starts_with(b"PK\x03\x04") && bytes.get(6).is_some_and(|flags| flags & 1 == 1);
    locked_zip || archives.iter().any(|magic| bytes.starts_with(magic))
}

fn holds(bytes: &[u8], wanted: &[u8]) -> bool {
    bytes.windows(wanted.len()).any(|window| window == wanted)
}

fn urls(texts: &[&str]) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    for text in texts {
        let mut rest = *text;
        while let Some(at) = rest.find("http") {
            let begun = &rest[at..];
            let scheme = ["http://", "https://"]
                .iter()
                .find(|scheme| begun.starts_with(**scheme));
            let Some(scheme) = scheme else {
                rest = &begun[4..];
                continue;
            };
            let end = begun.find(|letter: char| letter.is_whitespace() || "<>\"'`".contains(letter));
            let (url, later) = begun.split_at(end.unwrap_or(begun.len()));
            let url = url.trim_end_matches(['.', ',', ';', ':', '!', '?', ')', ']', '}']);
            if url.len() > scheme.len() && !found.iter().any(|known| known == url) {
                found.push(url[..url.floor_char_boundary(512)].to_owned());
            }
            if found.len() == MAX_URLS {
                return found;
            }
            rest = later;
        }
    }
    found
}

/// 64 bits that are alike where the words are: 16 hex digits.
fn simhash(texts: &[&str]) -> String {
    let mut sums = [0_i32; 64];
    let words = texts
        .iter()
        .flat_map(|text| text.split(|letter: char| !letter.is_alphanumeric()));
    for word in words.filter(|word| !word.is_empty()).take(MAX_WORDS) {
        let digest = Md5::digest(word.to_lowercase().as_bytes());
        for (bit, sum) in sums.iter_mut().enumerate() {
            let set = digest[bit / 8] >> (7 - bit % 8) & 1 == 1;
            *sum += if set { 1 } else { -1 };
        }
    }
    let bits = sums.iter().fold(0_u64, |bits, &sum| bits << 1 | u64::from(sum > 0));
    format!("{bits:016x}")
}

/// Bytes that the longest run of base64 comes to.
fn longest_base64(body: &[u8]) -> usize {
    let is_digit = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/');
    let mut longest = 0;
    let (mut run, mut ended, mut newlines) = (Vec::new(), false, 0);
    for byte in body.iter().chain(b" ") {
        // An empty line parts what comes before it from what comes after.
        newlines = if byte.is_ascii_whitespace() {
            newlines + u32::from(*byte == b'\n')
        } else {
            0
        };
        match byte {
            _ if is_digit(byte) && !ended => run.push(*byte),
            b'\r' | b'\n' if !run.is_empty() && !ended && newlines < 2 => {}
            b'=' if !run.is_empty() => ended = true,
            _ => {
                let whole = &run[..run.len() - usize::from(run.len() % 4 == 1)];
                if whole.len() >= MIN_RUN && whole.len() * 3 / 4 > longest {
                    longest = decoded(whole).max(longest);
                }
                run.clear();
                ended = false;
                if is_digit(byte) {
                    run.push(*byte);
                }
            }
        }
    }
    longest
}

fn decoded(run: &[u8]) -> usize {
    let spare = run.len() % 4;
    let whole = STANDARD_NO_PAD.decode(&run[..run.len() - spare]);
    whole.map_or(0, |bytes| bytes.len() + (spare * 3) / 4)
}

/// A page that builds a file out of its own script and has it saved.
fn smuggles(part: &MessagePart<'_>) -> bool {
    if !part.is_text_html() {
        return false;
    }
    let page = part.text_contents().unwrap_or_default().to_ascii_lowercase();
    let saves = page.contains("download") && (page.contains("<a") || page.contains("createelement"));
    let builds = ["new blob", "uint8array", "createobjecturl"]
        .iter()
        .any(|word| page.contains(word));
    saves && builds && page.contains("<script")
}

#[cfg(test)]
mod tests {
    use super::*;

    const MAIL: &str = "From: Kim <kim@a.example>\r\nTo: bo@b.example\r\nSubject: =?utf-8?q?hi?=\r\nMessage-ID: <1@a>\r\n\
        DKIM-Signature: v=1\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=x\r\n\r\n\
        --x\r\nContent-Type: text/plain\r\n\r\nSee https://a.example/one, and http://b.example/two.\r\n\
        --x\r\nContent-Type: text/html\r\n\r\n<script>new Blob([1])</script><a download=\"x\" href=\"https://a.example/one\">\r\n\
        --x\r\nContent-Type: application/zip; name=a.zip\r\nContent-Disposition: attachment; filename=a.zip\r\n\
        Content-Transfer-Encoding: base64\r\n\r\nUEsDBBQAAQAAAHZiYVByb2plY3QuYmlu\r\n--x--\r\n";

    #[test]
    fn heads_attachments_and_links_are_told() {
        let fields = of(MAIL.as_bytes());
        assert_eq!(fields["from_hdr"], "Kim <kim@a.example>");
        assert_eq!(fields["subject"], "=?utf-8?q?hi?=");
        assert_eq!(fields["dkim_signed"], true);
        assert_eq!(
            fields["urls_json"],
            "[\"https://a.example/one\",\"http://b.example/two\"]"
        );
        assert_eq!(fields["attachment_count"], 1);
        let attached: Value = serde_json::from_str(fields["attachments_json"].as_str().unwrap()).unwrap();
        assert_eq!(attached[0]["filename"], "a.zip");
        assert_eq!(attached[0]["size"], 24);
        assert_eq!(
            (&attached[0]["encrypted"], &attached[0]["macro_indicator"]),
            (&json!(true), &json!(true))
        );
        assert_eq!(fields["html_smuggling"], true);
        assert_eq!(fields["body_base64_bytes"], 24);
    }

    #[test]
    fn nothing_at_all_is_told_of_as_such() {
        for bytes in [&b""[..], b"\r\n", b"\xff\xfe\0", b"Subject: x", b"no head\r\n\r\nbody"] {
            let fields = of(bytes);
            assert_eq!(fields["attachment_count"], 0, "{}", bytes.escape_ascii());
            assert_ne!(fields.get("html_smuggling"), Some(&json!(true)));
        }
    }

    #[test]
    fn likeness_shows_in_the_hash() {
        let far = |a: &str, b: &str| {
            let hash = |text| u64::from_str_radix(&simhash(&[text]), 16).unwrap();
            (hash(a) ^ hash(b)).count_ones()
        };
        let text = "your parcel is waiting please confirm the address and pay the small fee today";
        assert_eq!(far(text, &text.to_uppercase()), 0);
        let near = far(text, &text.replace("today", "tomorrow"));
        assert!(
            near < far(text, "quarterly figures attached for review before the board meets"),
            "{near}"
        );
    }
}
