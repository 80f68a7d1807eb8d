//! A copy of what a server holds for each address: what one attacker writes, he finds again, and nobody else does.

use std::cell::RefCell;
use std::collections::HashMap;
use std::net::IpAddr;
use std::rc::Rc;

/// Addresses a copy is kept for; the one that was away longest goes first.
const MOST: usize = 256;

pub(in crate::services) struct Sources<T> {
    base: T,
    copies: HashMap<IpAddr, (Rc<RefCell<T>>, u64)>,
    turn: u64,
}

// === impl Sources ===

impl<T: Clone> Sources<T> {
    pub(in crate::services) fn new(base: T) -> Self {
        Self {
            base,
            copies: HashMap::new(),
            turn: 0,
        }
    }

    pub(in crate::services) fn of(&mut self, source: IpAddr) -> Rc<RefCell<T>> {
        self.turn += 1;
        if !self.copies.contains_key(&source) && self.copies.len() >= MOST {
            // One in use stays with those who use it.
            let oldest = self.copies.iter().min_by_key(|(_, (_, turn))| *turn).map(|(ip, _)| *ip);
            oldest.map(|ip| self.copies.remove(&ip));
        }
        let turn = self.turn;
        let copy = self
            .copies
            .entry(source)
            .or_insert_with(|| (Rc::new(RefCell::new(self.base.clone())), turn));
        copy.1 = turn;
        copy.0.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_address_has_a_copy_of_its_own_and_finds_it_again() {
        let mut sources = Sources::new(vec!["bait"]);
        let (one, two) = (IpAddr::from([192, 0, 2, 1]), IpAddr::from([192, 0, 2, 2]));
        sources.of(one).borrow_mut().push("mine");
        assert_eq!(*sources.of(one).borrow(), ["bait", "mine"]);
        assert_eq!(*sources.of(two).borrow(), ["bait"]);
    }

    #[test]
    fn who_was_away_longest_is_forgotten_first() {
        let mut sources = Sources::new(Vec::new());
        for n in 0..=MOST as u32 {
            sources.of(IpAddr::from(n.to_be_bytes())).borrow_mut().push(n);
        }
        assert_eq!(sources.copies.len(), MOST);
        assert!(sources.of(IpAddr::from([0, 0, 0, 0])).borrow().is_empty());
    }
}
