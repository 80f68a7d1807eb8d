//! Names and passwords in requests (decoys.md §2.5): from headers, else from the body.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as B64;
use model::Secret;
use serde_json::Value;

use super::head::{Head, cut, text};

const PRINCIPALS: [&str; 10] = [
    "username",
    "user",
    "email",
    "login",
    "userid",
    "account",
    "log",
    "user_login",
    "uname",
    "pma_username",
];
const SECRETS: [&str; 8] = [
    "password",
    "pass",
    "pwd",
    "passwd",
    "passwort",
    "mot_de_passe",
    "user_password",
    "pma_password",
];
/// Fields of a form, and levels of a JSON text, that are looked at.
const MAX_FIELDS: usize = 500;
const MAX_DEPTH: usize = 8;

/// One try found in a request.
#[derive(Debug)]
pub(super) struct Tried {
    pub method: &'static str,
    pub principal: Option<String>,
    pub secret: Secret,
    /// What is needed to test a guess, by field name.
    pub extra: Vec<(&'static str, String)>,
}

/// What the request tries; `body` is what was kept of it.
pub(super) fn tried(head: &Head<'_>, body: &[u8]) -> Option<Tried> {
    let authorization = head
        .header("authorization")
        .or_else(|| head.header("proxy-authorization"));
    authorization
        .and_then(|value| in_header(head, value))
        .or_else(|| in_body(head, body))
}

fn in_header(head: &Head<'_>, value: &[u8]) -> Option<Tried> {
    let (scheme, rest) = cut(value, b' ')?;
    let rest = rest.trim_ascii();
    match scheme.to_ascii_lowercase().as_slice() {
        b"basic" => {
            let decoded = B64.decode(rest).unwrap_or_else(|_| rest.to_vec());
            let (user, password) = cut(&decoded, b':').unwrap_or((&decoded, b""));
            Some(plain("basic", Some(text(user)), password))
        }
        b"digest" => Some(digest(head, &text(rest))),
        _ => Some(Tried {
            method: "bearer",
            principal: None,
            secret: Secret::of("http_bearer", rest),
            extra: vec![("scheme", text(scheme))],
        }),
    }
}

fn plain(method: &'static str, principal: Option<String>, password: &[u8]) -> Tried {
    Tried {
        method,
        principal,
        secret: Secret::plaintext(password),
        extra: Vec::new(),
    }
}

/// RFC 7616: `name="value", name=value`.
fn digest(head: &Head<'_>, text_of: &str) -> Tried {
    let mut fields: Vec<(String, String)> = Vec::new();
    let mut rest = text_of;
    while let Some((name, after)) = rest.split_once('=').filter(|_| fields.len() < MAX_FIELDS) {
        let after = after.trim_start();
        let (value, left) = match after.strip_prefix('"') {
            Some(quoted) => quoted.split_once('"').unwrap_or((quoted, "")),
            None => after.split_once(',').unwrap_or((after, "")),
        };
        let name = name.trim_matches([' ', ',', '\t']).to_ascii_lowercase();
        fields.push((name, value.trim().to_owned()));
        rest = left;
    }
    let field = |wanted: &str| {
        fields
            .iter()
            .find(|(name, _)| name == wanted)
            .map(|(_, value)| value.clone())
    };
    let names = ["realm", "nonce", "uri", "qop", "nc", "cnonce", "algorithm", "opaque"];
    let mut extra: Vec<_> = names.iter().filter_map(|name| Some((*name, field(name)?))).collect();
    extra.push(("http_method", text(head.method)));
    Tried {
        method: "digest",
        principal: field("username"),
        secret: Secret::of("http_digest_md5", field("response").unwrap_or_default().as_bytes()),
        extra,
    }
}

fn in_body(head: &Head<'_>, body: &[u8]) -> Option<Tried> {
    let kind = text(head.header("content-type")?).to_ascii_lowercase();
    let fields = match kind.split(';').next().unwrap_or_default().trim() {
        "application/x-www-form-urlencoded" => form(body),
        "multipart/form-data" => multipart(body, &boundary(head)?),
        "application/json" => json(body),
        "text/xml" | "application/xml" => return xml_rpc(body),
        _ => return None,
    };
    let find = |names: &[&str]| {
        let mut known = names.iter();
        known.find_map(|name| fields.iter().find(|(field, _)| field.eq_ignore_ascii_case(name)))
    };
    let (_, secret) = find(&SECRETS)?;
    let principal = find(&PRINCIPALS).map(|(_, value)| text(value));
    Some(plain("form", principal, secret))
}

type FormFields = Vec<(String, Vec<u8>)>;

fn form(body: &[u8]) -> FormFields {
    let pairs = body.split(|byte| *byte == b'&').take(MAX_FIELDS);
    let pairs = pairs.map(|pair| cut(pair, b'=').unwrap_or((pair, b"")));
    pairs
        .map(|(name, value)| (text(&unescape(name)), unescape(value)))
        .collect()
}

pub(in crate::services) fn unescape(text: &[u8]) -> Vec<u8> {
    let mut plain = Vec::with_capacity(text.len());
    let mut at = 0;
    while at < text.len() {
        let digits = text
            .get(at + 1..at + 3)
            .and_then(|digits| std::str::from_utf8(digits).ok());
        let escaped = digits.and_then(|digits| u8::from_str_radix(digits, 16).ok());
        match (text[at], escaped) {
            (b'%', Some(byte)) => {
                plain.push(byte);
                at += 2;
            }
            (b'+', _) => plain.push(b' '),
            (byte, _) => plain.push(byte),
        }
        at += 1;
    }
    plain
}

fn boundary(head: &Head<'_>) -> Option<Vec<u8>> {
    let kind = head.header("content-type")?;
    let at = kind
        .to_ascii_lowercase()
        .windows(9)
        .position(|part| part == b"boundary=")?;
    let rest = &kind[at + 9..];
    let end = rest.iter().position(|byte| *byte == b';').unwrap_or(rest.len());
    let name = rest[..end].trim_ascii();
    let name = name
        .strip_prefix(b"\"")
        .and_then(|name| name.strip_suffix(b"\""))
        .unwrap_or(name);
    (!name.is_empty()).then(|| [b"--", name].concat())
}

fn multipart(body: &[u8], boundary: &[u8]) -> FormFields {
    let mut fields = FormFields::new();
    let mut rest = body;
    while let Some(at) = find(rest, boundary).filter(|_| fields.len() < MAX_FIELDS) {
        rest = &rest[at + boundary.len()..];
        let part = &rest[..find(rest, boundary).unwrap_or(rest.len())];
        let Some(blank) = find(part, b"\r\n\r\n") else { continue };
        let (head, value) = (text(&part[..blank]), &part[blank + 4..]);
        let name = head.split_once("name=\"").and_then(|(_, rest)| rest.split_once('"'));
        if let Some((name, _)) = name {
            fields.push((name.to_owned(), value.strip_suffix(b"\r\n").unwrap_or(value).to_vec()));
        }
    }
    fields
}

fn find(text: &[u8], part: &[u8]) -> Option<usize> {
    text.windows(part.len()).position(|window| window == part)
}

/// All texts in it by their keys, those of nested objects (GraphQL variables, say) too.
fn json(body: &[u8]) -> FormFields {
    let mut fields = FormFields::new();
    if let Ok(value) = serde_json::from_slice(body) {
        collect(&value, 0, &mut fields);
    }
    fields
}

fn collect(value: &Value, depth: usize, fields: &mut FormFields) {
    if depth == MAX_DEPTH || fields.len() >= MAX_FIELDS {
        return;
    }
    match value {
        Value::Object(members) => {
            for (key, member) in members {
                match member {
                    Value::String(text) => fields.push((key.clone(), text.clone().into_bytes())),
                    Value::Number(number) => fields.push((key.clone(), number.to_string().into_bytes())),
                    _ => collect(member, depth + 1, fields),
                }
            }
        }
        Value::Array(items) => items.iter().for_each(|item| collect(item, depth + 1, fields)),
        _ => {}
    }
}

/// WordPress's `wp.getUsersBlogs` and its like: the first two strings are name and password.
fn xml_rpc(body: &[u8]) -> Option<Tried> {
    let body = text(body);
    body.find("<methodName>wp.")
        .or_else(|| body.find("<methodName>metaWeblog."))?;
    let mut values = body.split("<param>").skip(1).filter_map(|param| {
        let (_, value) = param.split_once("<value>")?;
        let (value, _) = value.split_once("</value>")?;
        let value = value.trim();
        let value = value.strip_prefix("<string>").unwrap_or(value);
        Some(value.strip_suffix("</string>").unwrap_or(value).to_owned())
    });
    let (user, password) = (values.next()?, values.next()?);
    Some(plain("xmlrpc", Some(user), password.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pair(head: &str, body: &str) -> (Option<String>, String) {
        let head = Head::parse(head.as_bytes()).unwrap();
        let found = tried(&head, body.as_bytes()).unwrap();
        (
            found.principal,
            String::from_utf8(found.secret.bytes().unwrap()).unwrap(),
        )
    }

    #[test]
    fn every_way_of_sending_a_password_is_seen() {
        let both = (Some("admin".to_owned()), "s3 cret".to_owned());
        for (head, body) in [
            ("GET / HTTP/1.1\r\nAuthorization: Basic YWRtaW46czMgY3JldA==\r\n", ""),
            (
                "POST / HTTP/1.1\r\nContent-Type: application/x-www-form-urlencoded\r\n",
                "a=1&log=admin&Pwd=s3%20cret",
            ),
            (
                "POST / HTTP/1.1\r\nContent-Type: application/json; charset=utf-8\r\n",
                r#"{"variables":{"email":"admin","password":"s3 cret"}}"#,
            ),
            (
                "POST / HTTP/1.1\r\nContent-Type: multipart/form-data; boundary=xx\r\n",
                "--xx\r\nContent-Disposition: form-data; name=\"uname\"\r\n\r\nadmin\r\n\
                 --xx\r\nContent-Disposition: form-data; name=\"pass\"\r\n\r\ns3 cret\r\n--xx--\r\n",
            ),
            (
                "POST /xmlrpc.php HTTP/1.1\r\nContent-Type: text/xml\r\n",
                "<methodCall><methodName>wp.getUsersBlogs</methodName><params><param><value>admin</value></param>\
                 <param><value><string>s3 cret</string></value></param></params></methodCall>",
            ),
        ] {
            assert_eq!(pair(head, body), both, "{head}");
        }
    }

    #[test]
    fn a_digest_comes_with_all_that_is_needed_to_test_a_guess() {
        let head = Head::parse(
            b"GET /x HTTP/1.1\r\nAuthorization: Digest username=\"a\", realm=\"r, s\", nonce=\"n\", uri=\"/x\", qop=auth, \
              nc=00000001, cnonce=\"c\", response=\"0123\"\r\n",
        )
        .unwrap();
        let found = tried(&head, b"").unwrap();
        assert_eq!(found.principal.as_deref(), Some("a"));
        assert_eq!(found.secret.secret_kind, "http_digest_md5");
        assert_eq!(found.extra[0], ("realm", "r, s".to_owned()));
        assert!(
            found.extra.contains(&("qop", "auth".to_owned()))
                && found.extra.contains(&("http_method", "GET".to_owned()))
        );
    }

    #[test]
    fn a_token_is_a_bearer_whatever_the_scheme_is_called() {
        let head = Head::parse(b"GET / HTTP/1.1\r\nAuthorization: Token abc\r\n").unwrap();
        let found = tried(&head, b"").unwrap();
        assert_eq!(
            (found.method, found.secret.secret_kind.as_ref()),
            ("bearer", "http_bearer")
        );
    }

    #[test]
    fn a_request_without_password_tries_nothing() {
        let head = Head::parse(b"POST / HTTP/1.1\r\nContent-Type: application/x-www-form-urlencoded\r\n").unwrap();
        assert!(tried(&head, b"user=admin&q=1").is_none());
        assert!(tried(&head, b"\xff%zz&=%").is_none());
    }
}
