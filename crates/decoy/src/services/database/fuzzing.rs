//! What database servers under a fuzzer stand on.

use std::cell::Cell;

use sql::{FileError, Host};

/// A machine without files.
pub(in crate::services) struct Nowhere(Cell<u64>);

// === impl Nowhere ===

impl Nowhere {
    pub(in crate::services) fn new() -> Self {
        Self(Cell::new(7))
    }
}

impl Host for Nowhere {
    fn now(&self) -> i64 {
        1_700_000_000_000_000
    }

    fn random(&self) -> u64 {
        self.0
            .set(self.0.get().wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1));
        self.0.get()
    }

    fn read(&self, _: &str) -> Result<Vec<u8>, FileError> {
        Err(FileError::Missing)
    }

    fn write(&self, _: &str, _: &[u8]) -> Result<(), FileError> {
        Err(FileError::Denied)
    }

    fn list(&self, _: &str) -> Result<Vec<String>, FileError> {
        Ok(Vec::new())
    }
}
