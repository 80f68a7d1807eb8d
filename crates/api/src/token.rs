//! The bearer token: made once, kept in a file that only its owner reads, compared without telling how much fits.

use std::fmt;
use std::fs::OpenOptions;
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use rand::TryRngCore as _;
use sha2::{Digest as _, Sha256};

use crate::Error;

/// Bytes of a token; twice as many hex digits.
const LENGTH: usize = 32;

/// Whoever says it may use the API. Only its digest is held, and nothing of it is ever shown.
#[derive(Clone)]
pub struct Token {
    digest: [u8; 32],
}

// === impl Token ===

impl Token {
    /// Reads the file, or makes it (mode 0600) with a new token.
    ///
    /// # Errors
    /// When the file cannot be read or made, or holds something else.
    pub fn at(path: &Path) -> Result<Self, Error> {
        let cannot = |source: io::Error| Error::Token {
            path: path.to_owned(),
            source,
        };
        match std::fs::read_to_string(path) {
            Ok(text) => Self::read(text.trim()).ok_or_else(|| Error::NoToken(path.to_owned())),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let mut bytes = [0; LENGTH];
                rand::rngs::OsRng
                    .try_fill_bytes(&mut bytes)
                    .map_err(|error| cannot(io::Error::other(error)))?;
                let text = hex::encode(bytes);
                let mut file = OpenOptions::new()
                    .write(true)
                    .create_new(true)
                    .mode(0o600)
                    .open(path)
                    .map_err(cannot)?;
                writeln!(file, "{text}").map_err(cannot)?;
                Ok(Self::of(&text))
            }
            Err(error) => Err(cannot(error)),
        }
    }

    /// Compares digests: where two texts part is not to be learnt from how long it takes.
    pub(crate) fn is(&self, said: &str) -> bool {
        let other = Self::of(said).digest;
        let apart = self.digest.iter().zip(other).fold(0, |sum, (a, b)| sum | (a ^ b));
        apart == 0
    }

    fn read(text: &str) -> Option<Self> {
        let fits = text.len() == 2 * LENGTH && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        fits.then(|| Self::of(text))
    }

    fn of(text: &str) -> Self {
        Self {
            digest: Sha256::digest(text).into(),
        }
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt as _;

    #[test]
    fn a_token_is_made_once_for_its_owner_alone_and_never_shown() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("api-token");
        let made = Token::at(&path).expect("made");
        let text = std::fs::read_to_string(&path).expect("there");
        let mode = std::fs::metadata(&path).expect("there").permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        assert!(made.is(text.trim()) && Token::at(&path).expect("read").is(text.trim()));
        assert!(!made.is("") && !made.is(&text.trim()[1..]));
        assert_eq!(format!("{made:?}"), "Token(..)");
    }

    #[test]
    fn a_file_that_holds_something_else_is_no_token() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("api-token");
        for text in ["", "secret", &"g".repeat(64)] {
            std::fs::write(&path, text).expect("written");
            assert!(matches!(Token::at(&path), Err(Error::NoToken(_))), "{text}");
        }
    }
}
