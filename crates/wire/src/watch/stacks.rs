//! What follows from a signature alone, worked out once: most SYNs are of few stacks.

use std::sync::Arc;

use crate::{
    lru::Lru,
    stack::{Context, Database, Match, Signature},
};

/// A signature in the words that events have for it, and the system it is of.
#[derive(Debug)]
pub struct Stack {
    pub window_mult: String,
    pub options_sig: String,
    pub olayout: String,
    pub opt_kinds: String,
    pub quirks: String,
    pub stack_sig: String,
    pub stack_hash: String,
    pub link_type: Option<&'static str>,
    /// By the signature file.
    pub os: Option<Match<'static>>,
}

#[derive(Debug)]
pub(super) struct Stacks(Lru<Signature, Arc<Stack>>);

/// Signatures remembered: those of systems and tools are fewer, at all the TTLs they come with.
const REMEMBERED: usize = 4_096;

// === impl Stack ===

impl From<&Signature> for Stack {
    fn from(signature: &Signature) -> Self {
        let (stack_sig, stack_hash) = signature.stack_sig_and_hash();
        Self {
            window_mult: signature.window.to_string(),
            options_sig: signature.kinds.letters().to_string(),
            olayout: signature.layout().to_string(),
            opt_kinds: signature.kinds.decimals().to_string(),
            quirks: signature.quirks.to_string(),
            stack_sig,
            stack_hash,
            link_type: Database::builtin().link_of(signature),
            os: Database::builtin().find(signature, Context::Syn),
        }
    }
}

// === impl Stacks ===

impl Stacks {
    pub(super) fn new() -> Self {
        Self(Lru::new(REMEMBERED))
    }

    pub(super) fn of(&mut self, signature: &Signature) -> Arc<Stack> {
        let used = self.0.entry(*signature, || Arc::new(signature.into()));
        Arc::clone(used.value)
    }
}
