//! Commands that took long.

use std::collections::VecDeque;

use super::reply::{Bytes, Reply};

/// What one entry shows of a command.
const ARGS: usize = 32;
const ARG: usize = 128;

#[derive(Default)]
pub(super) struct Slowlog {
    entries: VecDeque<Reply>,
    next: i64,
}

// === impl Slowlog ===

impl Slowlog {
    /// `at` in seconds since the epoch.
    pub(super) fn add(&mut self, at: i64, usec: i64, args: &[Bytes], addr: &str, name: &[u8], most: usize) {
        let shown = args.iter().take(ARGS).enumerate().map(|(n, arg)| match arg.len() {
            _ if args.len() > ARGS && n == ARGS - 1 => format!("... ({} more arguments)", args.len() - ARGS + 1).into(),
            len if len > ARG => [&arg[..ARG], format!("... ({} more bytes)", len - ARG).as_bytes()].concat(),
            _ => arg.clone(),
        });
        let args = Reply::Array(shown.map(Reply::Bulk).collect());
        let entry = vec![
            Reply::Int(self.next),
            Reply::Int(at),
            Reply::Int(usec),
            args,
            Reply::bulk(addr),
            Reply::bulk(name),
        ];
        self.entries.push_front(Reply::Array(entry));
        self.next += 1;
        self.entries.truncate(most);
    }

    pub(super) fn newest(&self, count: usize) -> Vec<Reply> {
        self.entries.iter().take(count).cloned().collect()
    }

    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    pub(super) fn clear(&mut self) {
        self.entries.clear();
    }
}
