//! sshd's `MaxStartups 10:30:100`: how many may be connected without having logged in.

use std::cell::Cell;
use std::rc::Rc;

const BEGIN: u32 = 10;
const RATE: u32 = 30;
const FULL: u32 = 100;

#[derive(Default)]
pub struct Startups(Cell<u32>);

/// Held by a connection until somebody logs in on it.
pub struct Seat(Rc<Startups>);

// === impl Startups ===

impl Startups {
    pub fn admit(startups: &Rc<Self>) -> Option<Seat> {
        let dice = u32::from(uuid::Uuid::new_v4().into_bytes()[0]) * 100 / 256;
        if dropped(startups.0.get(), dice) {
            return None;
        }
        startups.0.set(startups.0.get() + 1);
        Some(Seat(startups.clone()))
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.0.0.set(self.0.0.get() - 1);
    }
}

/// From `BEGIN` on some are dropped, more and more up to `FULL`; `dice` is one of 0 to 99.
fn dropped(startups: u32, dice: u32) -> bool {
    match startups {
        ..BEGIN => false,
        FULL.. => true,
        _ => dice < (100 - RATE) * (startups - BEGIN) / (FULL - BEGIN) + RATE,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_more_are_waiting_the_fewer_are_let_in() {
        assert!(!dropped(9, 0));
        assert!(dropped(10, 29) && !dropped(10, 30));
        assert!(dropped(55, 64) && !dropped(55, 65));
        assert!(dropped(100, 99));
    }

    #[test]
    fn a_seat_is_free_again_when_its_holder_logs_in() {
        let startups = Rc::new(Startups::default());
        let seats: Vec<_> = (0..10).filter_map(|_| Startups::admit(&startups)).collect();
        assert_eq!((seats.len(), startups.0.get()), (10, 10));
        drop(seats);
        assert_eq!(startups.0.get(), 0);
    }
}
