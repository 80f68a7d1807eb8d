//! The secret that webhooks are signed with: made once, kept in a file that only its owner reads.

use std::fmt;
use std::fs::OpenOptions;
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use rand::TryRngCore as _;

use crate::Error;

const LENGTH: usize = 32;

/// Hex digits in the file; never shown.
#[derive(Clone)]
pub(crate) struct Secret(Vec<u8>);

impl Secret {
    /// Reads the file, or makes it (mode 0600).
    pub(crate) fn at(path: &Path) -> Result<Self, Error> {
        let cannot = |source: io::Error| Error::File {
            path: path.to_owned(),
            source,
        };
        match std::fs::read_to_string(path) {
            Ok(text) => {
                let bytes = hex::decode(text.trim()).ok().filter(|bytes| bytes.len() >= LENGTH);
                let short = || io::Error::other("a secret is at least 64 hex digits; remove the file to have one made");
                bytes.map(Self).ok_or_else(short).map_err(cannot)
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let mut bytes = vec![0; LENGTH];
                let filled = rand::rngs::OsRng.try_fill_bytes(&mut bytes);
                filled.map_err(|error| cannot(io::Error::other(error)))?;
                let mut options = OpenOptions::new();
                let mut file = options
                    .write(true)
                    .create_new(true)
                    .mode(0o600)
                    .open(path)
                    .map_err(cannot)?;
                writeln!(file, "{}", hex::encode(&bytes)).map_err(cannot)?;
                Ok(Self(bytes))
            }
            Err(error) => Err(cannot(error)),
        }
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_made_once_and_a_short_one_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("webhook-secret");
        let made = Secret::at(&path).unwrap();
        assert_eq!(made.bytes(), Secret::at(&path).unwrap().bytes());
        assert_eq!(format!("{made:?}"), "Secret(..)");
        std::fs::write(&path, "abcd").unwrap();
        assert!(Secret::at(&path).is_err());
    }
}
