//! How far a machine has been read: by what it says itself, never by clocks. Pure.

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

/// Boots remembered: lines of older ones that come again would count as new.
const BOOTS: usize = 32;
/// A larger jump is not a gap but a forgery: believing it would make all that follows look old.
const MAX_JUMP: u64 = 10_000_000;

/// Where reading a machine goes on.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Position {
    /// The container whose log it is; another one's is read from its beginning.
    pub(crate) container: String,
    /// When the engine took the last line, for asking it for what follows.
    #[serde(with = "time::serde::rfc3339::option", default)]
    pub(crate) at: Option<OffsetDateTime>,
    /// Last sequence number by boot, latest boot last.
    pub(crate) boots: Vec<(String, u64)>,
}

/// What a line's number says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    Next,
    /// Read before.
    Old,
    /// These two and what lies between were lost before we saw them.
    Gap {
        from: u64,
        to: u64,
    },
    Forged,
}

// === impl Position ===

impl Position {
    /// Whether the line of this number was read, and all it told is safe.
    pub fn has(&self, boot: &str, seq: u64) -> bool {
        self.last(boot) >= seq
    }

    pub(crate) fn judge(&self, boot: &str, seq: u64) -> Verdict {
        let last = self.last(boot);
        match seq.checked_sub(last) {
            None | Some(0) => Verdict::Old,
            Some(1) => Verdict::Next,
            Some(MAX_JUMP..) => Verdict::Forged,
            Some(_) => Verdict::Gap {
                from: last + 1,
                to: seq - 1,
            },
        }
    }

    pub(crate) fn advance(&mut self, boot: &str, seq: u64, at: OffsetDateTime) {
        self.at = Some(at);
        match self.boots.iter_mut().find(|(known, _)| known == boot) {
            Some((_, last)) => *last = seq,
            None => {
                if self.boots.len() == BOOTS {
                    self.boots.remove(0);
                }
                self.boots.push((boot.to_owned(), seq));
            }
        }
    }

    fn last(&self, boot: &str) -> u64 {
        self.boots
            .iter()
            .find(|(known, _)| known == boot)
            .map_or(0, |(_, last)| *last)
    }

    /// Another container took the machine's place: its log has nothing of what was read.
    pub(crate) fn enter(&mut self, container: &str) {
        if self.container != container {
            container.clone_into(&mut self.container);
            self.at = None;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use time::macros::datetime;

    const AT: OffsetDateTime = datetime!(2026-01-31 12:00 UTC);

    fn at(boot: &str, seq: u64) -> Position {
        let mut position = Position::default();
        position.advance(boot, seq, AT);
        position
    }

    #[test]
    fn lines_read_before_are_old_whatever_the_clock_says() {
        let mut position = at("a", 5);
        assert_eq!(position.judge("a", 5), Verdict::Old);
        assert_eq!(position.judge("a", 1), Verdict::Old);
        assert_eq!(position.judge("a", 6), Verdict::Next);
        assert!(position.has("a", 5) && !position.has("a", 6) && !position.has("b", 1));
        position.advance("b", 1, AT - time::Duration::days(1));
        assert_eq!(position.judge("a", 5), Verdict::Old, "the boot before is not forgotten");
        assert_eq!(position.judge("b", 2), Verdict::Next);
    }

    #[test]
    fn a_jump_names_what_is_missing() {
        assert_eq!(at("a", 5).judge("a", 9), Verdict::Gap { from: 6, to: 8 });
        assert_eq!(at("a", 5).judge("b", 3), Verdict::Gap { from: 1, to: 2 });
        assert_eq!(at("a", 5).judge("b", 1), Verdict::Next);
    }

    #[test]
    fn a_forged_number_cannot_make_the_rest_look_old() {
        assert_eq!(at("a", 5).judge("a", u64::MAX), Verdict::Forged);
    }

    #[test]
    fn boots_are_bounded_and_the_latest_stay() {
        let mut position = Position::default();
        (0..100).for_each(|n| position.advance(&format!("{n:08x}"), 1, AT));
        assert_eq!(position.boots.len(), BOOTS);
        assert_eq!(position.judge(&format!("{:08x}", 99), 1), Verdict::Old);
    }

    #[test]
    fn a_new_container_is_read_from_its_beginning_but_boots_are_remembered() {
        let mut position = at("a", 5);
        position.enter("x");
        assert_eq!((position.at, position.judge("a", 5)), (None, Verdict::Old));
        position.advance("b", 1, AT);
        position.enter("x");
        assert_eq!(position.at, Some(AT));
    }
}
