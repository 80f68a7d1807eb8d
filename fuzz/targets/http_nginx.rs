//! A conversation with Nginx over some files, whole and in pieces.
#![cfg_attr(feature = "libfuzzer", no_main)]

use std::path::PathBuf;
use std::sync::LazyLock;

use decoy::services::http::fuzzing::{Product, conversation};

fuzz::target!(run);

static ROOT: LazyLock<PathBuf> = LazyLock::new(fuzz::document_root);

fn run(data: &[u8]) {
    conversation(Product::Nginx, &ROOT, &fuzz::pieces(data));
}
