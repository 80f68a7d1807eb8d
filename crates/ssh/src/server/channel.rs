//! One channel's windows and ends (RFC 4254 §5).

/// OpenSSH's `CHAN_SES_WINDOW_DEFAULT` and `CHAN_TCP_WINDOW_DEFAULT`.
pub(super) const WINDOW: u32 = 64 * 32 * 1024;
/// The most we take in one message.
pub(super) const PACKET: u32 = 32 * 1024;

pub(super) struct Channel {
    /// The peer's number of it.
    pub(super) peer: u32,
    /// A session's, which gets its window when a program starts.
    pub(super) session: bool,
    pub(super) stage: Stage,
    /// What the peer takes.
    pub(super) outgoing: u32,
    pub(super) largest: u32,
    /// What we take.
    incoming: u32,
    consumed: u32,
    /// The peer said that no more bytes will come.
    pub(super) ended: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    /// The caller has not decided.
    Wanted,
    /// A session without a program.
    Idle,
    Open,
    /// We said that we have done with it.
    Left,
}

// === impl Channel ===

impl Channel {
    pub(super) fn new(peer: u32, session: bool, outgoing: u32, largest: u32) -> Self {
        Self {
            peer,
            session,
            stage: Stage::Wanted,
            outgoing,
            largest,
            incoming: 0,
            consumed: 0,
            ended: false,
        }
    }

    /// The window a peer is told of when the channel is there.
    pub(super) fn confirm(&mut self) -> u32 {
        (self.stage, self.incoming) = match self.session {
            true => (Stage::Idle, 0),
            false => (Stage::Open, WINDOW),
        };
        self.incoming
    }

    /// A program starts: what the window grows by.
    pub(super) fn start(&mut self) -> u32 {
        self.stage = Stage::Open;
        self.incoming += WINDOW;
        WINDOW
    }

    /// Takes so many bytes of the peer; beyond its window they are not heard, as with OpenSSH.
    pub(super) fn take(&mut self, bytes: usize) -> bool {
        let left = u32::try_from(bytes)
            .ok()
            .and_then(|bytes| self.incoming.checked_sub(bytes));
        self.incoming = left.unwrap_or(self.incoming);
        left.is_some()
    }

    /// The caller has done with so many bytes: what the window grows by, if it is time.
    pub(super) fn consume(&mut self, bytes: usize) -> Option<u32> {
        self.consumed = self.consumed.saturating_add(u32::try_from(bytes).ok()?);
        let used = WINDOW.saturating_sub(self.incoming);
        let due = used > PACKET * 3 || self.incoming < WINDOW / 2;
        let grows = self.stage == Stage::Open && !self.ended && due && self.consumed > 0;
        grows.then(|| {
            self.incoming += self.consumed;
            std::mem::take(&mut self.consumed)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_holds_what_it_holds_and_grows_when_it_was_used() {
        let mut channel = Channel::new(0, true, 0, 0);
        assert_eq!(channel.confirm(), 0);
        assert_eq!(channel.start(), WINDOW);
        assert!(channel.take(WINDOW as usize) && !channel.take(1));
        assert_eq!(channel.consume(1000), Some(1000));
        assert!(channel.take(1000) && !channel.take(1));
        channel.ended = true;
        assert_eq!(channel.consume(5000), None);
    }

    #[test]
    fn little_is_not_told_at_once() {
        let mut channel = Channel::new(0, false, 0, 0);
        assert_eq!(channel.confirm(), WINDOW);
        assert!(channel.take(1000));
        assert_eq!(channel.consume(1000), None);
        assert!(channel.take(3 * PACKET as usize));
        assert_eq!(channel.consume(0), Some(1000));
    }
}
