//! What most commands begin with: the catalogue, the store, the engine.

use std::path::Path;

use fleet::{Catalogue, Diagnostics};
use intel::Asns;
use store::Store;

use crate::args::Global;
use crate::exit::{Code, Coded as _, Failure, Result};
use crate::output::{Output, tell};

/// Arguments that count everywhere, and how to answer.
pub struct Context {
    pub global: Global,
    pub out: Output,
}

// === impl Context ===

impl Context {
    pub fn new(global: Global) -> Self {
        let out = Output::of(&global);
        Self { global, out }
    }

    pub fn state_dir(&self) -> &Path {
        &self.global.state_dir
    }

    pub fn catalogue(&self) -> Result<Catalogue> {
        let read = match &self.global.templates {
            Some(dir) => Catalogue::with_overrides(dir),
            None => Catalogue::builtin(),
        };
        read.map_err(|found| refused(&found, ""))
    }

    /// The networks addresses belong to, as far as this machine has files that tell; without them nothing is amiss.
    pub fn asns(&self) -> Asns {
        let directory = self.state_dir().join("asn");
        match Asns::load(&directory) {
            Ok((asns, read)) => {
                if read.skipped > 0 {
                    let (lines, place) = (read.skipped, directory.display());
                    self.out
                        .note(&format!("warning: {lines} lines in {place} name no network"));
                }
                asns
            }
            Err(error) => {
                self.out.note(&format!("warning: {error}; addresses have no networks"));
                Asns::default()
            }
        }
    }

    /// Opens the database, making it when there is none.
    pub async fn store(&self) -> Result<Store> {
        if self.global.database.is_none() {
            let dir = self.state_dir();
            std::fs::create_dir_all(dir).map_err(|error| {
                Failure::new(
                    Code::Unreachable,
                    format!("cannot use {} as state folder: {error}", dir.display()),
                )
                .help("run as root, or name a folder of yours with --state-dir")
            })?;
        }
        Store::open(&self.global.database_url())
            .await
            .or_exit(Code::Unreachable)
    }

    /// Opens the database of a grid that is there; a question about nothing should not make a file.
    pub async fn record(&self) -> Result<Store> {
        let file = self.state_dir().join("decnet.db");
        if self.global.database.is_none() && !file.exists() {
            let what = format!("there is no grid yet: {} does not exist", file.display());
            return Err(Failure::new(Code::Invalid, what)
                .help("`decnet up` makes one; --state-dir names another")
                .into());
        }
        self.store().await
    }
}

/// An input that was refused: everything that is wrong with it, and whether anything was changed.
pub fn refused(found: &Diagnostics, ending: &str) -> anyhow::Error {
    let mut text = found.to_string();
    if !ending.is_empty() {
        text = format!("{}\n{ending}", text.trim_end());
    }
    tell(format_args!("{}\n", text.trim_end()));
    Failure::new(Code::Invalid, "").into()
}
