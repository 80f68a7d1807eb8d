//! Bytes as text: base64, hex and escapes.

use super::str_of;
use super::string::{B, bytes};
use crate::cx::Cx;
use crate::error::Error;
use crate::text;
use crate::value::Value;

const BASE64: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

fn unknown_encoding(name: &str) -> Error {
    Error::new("22023", format!("unrecognized encoding: \"{name}\"")).raised("encode.c", 56, "binary_encode")
}

/// Base64 in lines of 76.
pub(super) fn encode(_: &Cx<'_>, args: &[Value]) -> Result<Value, Error> {
    let data = bytes(args, 0);
    match str_of(args, 1) {
        "hex" => Ok(hex::encode(data).into()),
        "escape" => {
            let shown = data.iter().map(|byte| match byte {
                b'\\' => "\\\\".to_owned(),
                0 | 0x80.. => format!("\\{byte:03o}"),
                byte => char::from(*byte).to_string(),
            });
            Ok(shown.collect::<String>().into())
        }
        "base64" => {
            let mut out = String::new();
            for (n, chunk) in data.chunks(3).enumerate() {
                if n > 0 && n % 19 == 0 {
                    out.push('\n');
                }
                let word =
                    chunk.iter().fold(0u32, |word, byte| word << 8 | u32::from(*byte)) << (8 * (3 - chunk.len()));
                for at in 0..4 {
                    let digit = BASE64[(word >> (18 - 6 * at) & 63) as usize];
                    out.push(if at <= chunk.len() { digit.into() } else { '=' });
                }
            }
            Ok(out.into())
        }
        other => Err(unknown_encoding(other)),
    }
}

pub(super) fn decode(cx: &Cx<'_>, args: &[Value]) -> Result<Value, Error> {
    let given = str_of(args, 0);
    match str_of(args, 1) {
        "hex" => {
            let plain: String = given.chars().filter(|c| !c.is_whitespace()).collect();
            let data = hex::decode(&plain).map_err(|_| {
                let odd = plain.chars().find(|c| !c.is_ascii_hexdigit());
                match odd {
                    Some(c) => Error::new("22023", format!("invalid hexadecimal digit: \"{c}\"")),
                    None => Error::new("22023", "invalid hexadecimal data: odd number of digits"),
                }
            })?;
            Ok(Value::Bytes(data.into()))
        }
        "base64" => {
            let (mut out, mut word, mut bits) = (Vec::new(), 0u32, 0);
            for c in given.bytes().filter(|c| !c.is_ascii_whitespace() && *c != b'=') {
                let digit = BASE64.iter().position(|known| *known == c).ok_or_else(|| {
                    let c = char::from(c);
                    Error::new(
                        "22023",
                        format!("invalid symbol \"{c}\" found while decoding base64 sequence"),
                    )
                    .raised("encode.c", 374, "pg_base64_decode")
                })?;
                word = word << 6 | digit as u32;
                bits += 6;
                if bits >= 8 {
                    bits -= 8;
                    out.push((word >> bits) as u8);
                }
            }
            Ok(Value::Bytes(out.into()))
        }
        "escape" => text::input(B, given, cx),
        other => Err(unknown_encoding(other)),
    }
}
