//! `decnet credentials export`: answers to challenges as lines a password is guessed from offline (decoys.md §2.5).

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as B64;
use serde::Serialize;
use store::Credential;

use crate::args::{self, CredentialsExport};
use crate::context::Context;
use crate::exit::Result;
use crate::output::say;
use crate::query::{all, narrowed};

/// One answer as hashcat reads it.
#[derive(Debug, PartialEq, Serialize)]
struct Line {
    /// What `hashcat -m` is given.
    mode: u32,
    line: String,
    secret_kind: String,
    principal: Option<String>,
    service: String,
    decky: String,
    attacker_ip: String,
}

/// Why there is no line for a credential.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Without {
    /// It is the password itself, or a token.
    Clear,
    /// hashcat has no mode for it.
    Mode,
    /// What it answers was not kept, or cannot be written in such a line.
    Challenge,
}

pub async fn export(cx: &Context, asked: &CredentialsExport) -> Result {
    let args::ExportFormat::Hashcat = asked.format;
    let store = cx.record().await?;
    let filter = narrowed(&asked.filter)?;
    let rows = all(u32::MAX, async |page| store.credentials().list(&filter, &page).await).await?;
    let mut lines = Vec::new();
    let mut left_out: BTreeMap<(Without, &str), usize> = BTreeMap::new();
    for row in &rows {
        match line(row) {
            Ok((mode, text)) => lines.push(of(row, mode, text)),
            Err(why) => *left_out.entry((why, row.secret.secret_kind.as_ref())).or_default() += 1,
        }
    }
    lines.sort_by_key(|line| line.mode);
    let mut modes: BTreeMap<u32, usize> = BTreeMap::new();
    for line in &lines {
        *modes.entry(line.mode).or_default() += 1;
    }
    lines.retain(|line| asked.mode.is_none_or(|mode| mode == line.mode));
    if cx.out.json {
        cx.out.value(&lines)?;
    } else {
        for line in &lines {
            say!("{}", line.line)?;
        }
    }
    for (mode, count) in modes {
        cx.out.note(&format!("hashcat mode {mode}: {count}"));
    }
    for ((why, kind), count) in left_out {
        cx.out.note(&format!("{kind}: {count} without a line, {}", why.words()));
    }
    Ok(())
}

// === impl Without ===

impl Without {
    const fn words(self) -> &'static str {
        match self {
            Self::Clear => "as they are known in the clear (`decnet credentials` lists them)",
            Self::Mode => "as hashcat has no mode for them (`decnet credentials --json` has all parts)",
            Self::Challenge => "as what they answer is not known or has no place in such a line",
        }
    }
}

fn of(row: &Credential, mode: u32, line: String) -> Line {
    Line {
        mode,
        line,
        secret_kind: row.secret.secret_kind.to_string(),
        principal: row.principal.clone(),
        service: row.service.clone(),
        decky: row.decky.clone(),
        attacker_ip: row.attacker_ip.clone(),
    }
}

/// Mode and line of one credential.
fn line(row: &Credential) -> std::result::Result<(u32, String), Without> {
    let field = |name: &str| row.fields.get(name).and_then(|value| value.as_str());
    let secret = B64.decode(&row.secret.secret_b64).map_err(|_| Without::Challenge)?;
    let user = row.principal.as_deref().unwrap_or_default();
    let sized = |hex: &str, bytes: usize| hex.len() == bytes * 2 && hex.bytes().all(|byte| byte.is_ascii_hexdigit());
    let plain = |text: &str| !text.contains(['*', '$', '\n', '\r', '\0']);
    match row.secret.secret_kind.as_ref() {
        "mysql_native_password" => {
            let scramble = field("scramble_hex").filter(|hex| sized(hex, 20));
            let scramble = scramble.filter(|_| secret.len() == 20).ok_or(Without::Challenge)?;
            Ok((11_200, format!("$mysqlna${scramble}*{}", hex::encode(secret))))
        }
        "postgres_md5_challenge" => {
            let salt = field("salt_hex").filter(|hex| sized(hex, 4));
            let salt = salt.filter(|_| secret.len() == 16 && plain(user));
            let salt = salt.ok_or(Without::Challenge)?;
            Ok((11_100, format!("$postgres${user}*{salt}*{}", hex::encode(secret))))
        }
        "cram_md5" => {
            let challenge = field("challenge").ok_or(Without::Challenge)?;
            let answer = std::str::from_utf8(&secret).ok().filter(|digest| sized(digest, 16));
            let answer = format!("{user} {}", answer.ok_or(Without::Challenge)?);
            Ok((
                10_200,
                format!("$cram_md5${}${}", B64.encode(challenge), B64.encode(answer)),
            ))
        }
        "http_digest_md5" => digest(user, &secret, field),
        "plaintext" | "http_bearer" | "snmp_community" | "ssh_pubkey" | "x509_client" => Err(Without::Clear),
        _ => Err(Without::Mode),
    }
}

/// SIP's form serves HTTP too: both are RFC 2617, only the method and the address differ.
fn digest<'a>(
    user: &str,
    secret: &[u8],
    field: impl Fn(&str) -> Option<&'a str>,
) -> std::result::Result<(u32, String), Without> {
    if !field("algorithm").is_none_or(|name| name.eq_ignore_ascii_case("MD5")) {
        return Err(Without::Mode);
    }
    let response = std::str::from_utf8(secret).ok().filter(|hex| hex.len() == 32);
    let response = response.ok_or(Without::Challenge)?;
    let qop = field("qop").unwrap_or("");
    if !matches!(qop, "" | "auth") {
        return Err(Without::Mode);
    }
    let need = |name| field(name).ok_or(Without::Challenge);
    let (realm, nonce, uri) = (need("realm")?, need("nonce")?, need("uri")?);
    let (cnonce, count) = (field("cnonce").unwrap_or(""), field("nc").unwrap_or(""));
    let method = field("http_method").unwrap_or("GET");
    let parts = [user, realm, method, uri, nonce, cnonce, count];
    if parts.iter().any(|part| part.contains(['*', '\n', '\r', '\0'])) {
        return Err(Without::Challenge);
    }
    Ok((
        11_400,
        format!("$sip$***{user}*{realm}*{method}**{uri}**{nonce}*{cnonce}*{count}*{qop}*MD5*{response}"),
    ))
}

#[cfg(test)]
mod tests {
    use model::{Fields, Secret};
    use serde_json::json;
    use time::OffsetDateTime;

    use super::*;

    fn credential(kind: &'static str, user: &str, secret: &[u8], fields: serde_json::Value) -> Credential {
        let serde_json::Value::Object(fields) = fields else {
            panic!("fields are an object")
        };
        Credential {
            attacker_ip: "192.0.2.7".into(),
            decky: "db-01".into(),
            service: "any".into(),
            principal: Some(user.into()),
            secret: Secret::of(kind, secret),
            secret_sha256: String::new(),
            fields: fields.into_iter().collect::<Fields>(),
            first_seen: OffsetDateTime::UNIX_EPOCH,
            last_seen: OffsetDateTime::UNIX_EPOCH,
            attempts: 1,
            successes: 0,
            failures: 1,
        }
    }

    #[test]
    fn each_kind_is_written_as_its_mode_is_read() {
        // hashcat's own examples of these modes, each of the password `hashcat`.
        let mysql = credential(
            "mysql_native_password",
            "root",
            &hex::decode("437e93572f18ae44d9e779160c2505271f85821d").unwrap(),
            json!({"scramble_hex": "1c24ab8d0ee94d70ab1f2e814d8f0948a14d10b9"}),
        );
        let postgres = credential(
            "postgres_md5_challenge",
            "postgres",
            &hex::decode("2091bb7d4725d1ca85e8de6ec349baf6").unwrap(),
            json!({"salt_hex": "f0784ea5"}),
        );
        let cram = credential(
            "cram_md5",
            "hashcat",
            b"44ebe4f82dbcbdd0d34bd6f5b6dc6a04",
            json!({"challenge": "<1234@example>"}),
        );
        assert_eq!(
            line(&mysql).unwrap(),
            (
                11_200,
                "$mysqlna$1c24ab8d0ee94d70ab1f2e814d8f0948a14d10b9*437e93572f18ae44d9e779160c2505271f85821d".into()
            )
        );
        assert_eq!(
            line(&postgres).unwrap(),
            (
                11_100,
                "$postgres$postgres*f0784ea5*2091bb7d4725d1ca85e8de6ec349baf6".into()
            )
        );
        let (mode, text) = line(&cram).unwrap();
        assert_eq!(mode, 10_200);
        assert!(
            text.starts_with("$cram_md5$PDEyMzRAZXhhbXBsZT4=$aGFzaGNhdCA0NGVi"),
            "{text}"
        );
    }

    #[test]
    fn an_http_digest_has_the_form_of_sip() {
        let fields = json!({"realm": "r", "nonce": "n", "uri": "/x", "qop": "auth", "nc": "00000001", "cnonce": "c",
            "http_method": "GET"});
        let answer = b"0123456789abcdef0123456789abcdef";
        let (mode, text) = line(&credential("http_digest_md5", "a", answer, fields)).unwrap();
        assert_eq!(mode, 11_400);
        assert_eq!(
            text,
            "$sip$***a*r*GET**/x**n*c*00000001*auth*MD5*0123456789abcdef0123456789abcdef"
        );
    }

    #[test]
    fn what_has_no_line_is_told_apart() {
        let none = json!({});
        for (kind, why) in [
            ("plaintext", Without::Clear),
            ("scram_sha256", Without::Mode),
            ("mysql_caching_sha2", Without::Mode),
            ("mysql_native_password", Without::Challenge),
        ] {
            assert_eq!(line(&credential(kind, "a", b"x", none.clone())), Err(why), "{kind}");
        }
        let odd = credential(
            "postgres_md5_challenge",
            "a*b",
            &[0; 16],
            json!({"salt_hex": "00000000"}),
        );
        assert_eq!(line(&odd), Err(Without::Challenge));
    }
}
