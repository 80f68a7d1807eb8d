//! The campaign fixtures.

use std::io;
use std::path::{Path, PathBuf};

use campaign::{Corpus, Load, Record};

/// The folder of the fixtures.
pub fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/campaigns")
}

/// A fixture by its name, without ending.
pub fn corpus(name: &str) -> Corpus {
    let file = folder().join(format!("{name}.yaml")).display().to_string();
    match campaign::load(&[file], &mut Disk) {
        Ok((corpus, warnings)) => {
            assert!(warnings.is_empty(), "{warnings}");
            corpus
        }
        Err(wrong) => panic!("{wrong}"),
    }
}

/// The rows of a fixture.
pub fn rows(name: &str, seed: u64) -> Vec<Record> {
    campaign::generate(&corpus(name), seed)
}

struct Disk;

impl Load for Disk {
    fn text(&mut self, name: &str, beside: Option<&str>) -> io::Result<(String, String)> {
        let path = match beside.and_then(|file| Path::new(file).parent()) {
            Some(folder) => folder.join(name),
            None => PathBuf::from(name),
        };
        Ok((path.display().to_string(), std::fs::read_to_string(&path)?))
    }
}
