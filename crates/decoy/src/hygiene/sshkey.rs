//! The public half of an OpenSSH private key file (openssh-key-v1, `PROTOCOL.key` of OpenSSH).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as B64;

const MAGIC: &[u8] = b"openssh-key-v1\0";

/// The line of the `.pub` file.
pub fn public_line(pem: &str, comment: &str) -> Option<String> {
    let body: String = pem
        .lines()
        .map(str::trim)
        .filter(|line| !line.starts_with('-'))
        .collect();
    let bytes = B64.decode(body).ok()?;
    let rest = bytes.strip_prefix(MAGIC)?;
    let (_cipher, rest) = string(rest)?;
    let (_kdf, rest) = string(rest)?;
    let (_options, rest) = string(rest)?;
    let (blob, _) = string(rest.strip_prefix(&[0, 0, 0, 1])?)?;
    let (kind, _) = string(blob)?;
    Some(format!(
        "{} {} {comment}\n",
        std::str::from_utf8(kind).ok()?,
        B64.encode(blob)
    ))
}

fn string(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = bytes.split_first_chunk::<4>()?;
    rest.split_at_checked(u32::from_be_bytes(*length) as usize)
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// A key file of the right shape, its private half left out, and its public line.
    pub(in super::super) fn sample(comment: &str) -> (String, String) {
        let put = |out: &mut Vec<u8>, bytes: &[u8]| {
            out.extend_from_slice(&(bytes.len() as u32).to_be_bytes());
            out.extend_from_slice(bytes);
        };
        let mut blob = Vec::new();
        put(&mut blob, b"ssh-ed25519");
        put(&mut blob, &[7; 32]);
        let mut key = MAGIC.to_vec();
        [&b"none"[..], b"none", b""].iter().for_each(|text| put(&mut key, text));
        key.extend_from_slice(&[0, 0, 0, 1]);
        put(&mut key, &blob);
        let (dashes, name) = ("-".repeat(5), "OPENSSH PRIVATE KEY");
        let body = B64.encode(&key);
        let (first, second) = body.split_at(70);
        let pem = format!("{dashes}BEGIN {name}{dashes}\n{first}\n{second}\n{dashes}END {name}{dashes}\n");
        (pem, format!("ssh-ed25519 {} {comment}\n", B64.encode(&blob)))
    }

    #[test]
    fn the_public_line_is_taken_from_the_private_file() {
        let (pem, line) = sample("root@web-03");
        assert_eq!(public_line(&pem, "root@web-03"), Some(line));
    }

    #[test]
    fn what_is_no_key_file_has_no_public_line() {
        for bad in [
            "",
            "-----",
            "AAAA",
            "b3BlbnNzaC1rZXktdjEA",
            "b3BlbnNzaC1rZXktdjEA/////w==",
        ] {
            assert_eq!(public_line(bad, ""), None, "{bad}");
        }
    }
}
