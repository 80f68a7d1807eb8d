//! A copy of the server for each address: what one attacker writes, he finds again, and nobody else does.

use std::cell::RefCell;
use std::collections::HashMap;
use std::net::IpAddr;
use std::rc::Rc;

use sql::Cluster;

/// Addresses a copy is kept for; the one that was away longest goes first.
const MOST: usize = 256;

pub(in crate::services) struct Sources {
    base: Cluster,
    copies: HashMap<IpAddr, (Rc<RefCell<Cluster>>, u64)>,
    turn: u64,
}

// === impl Sources ===

impl Sources {
    pub(in crate::services) fn new(mut base: Cluster) -> Self {
        base.settle();
        Self {
            base,
            copies: HashMap::new(),
            turn: 0,
        }
    }

    pub(in crate::services) fn of(&mut self, source: IpAddr) -> Rc<RefCell<Cluster>> {
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
        let mut sources = Sources::new(Cluster::new());
        let (one, two) = (IpAddr::from([192, 0, 2, 1]), IpAddr::from([192, 0, 2, 2]));
        sources.of(one).borrow_mut().add_role("mine", None);
        assert!(sources.of(one).borrow().role("mine").is_some());
        assert!(sources.of(two).borrow().role("mine").is_none());
    }

    #[test]
    fn who_was_away_longest_is_forgotten_first() {
        let mut sources = Sources::new(Cluster::new());
        for n in 0..=MOST as u32 {
            sources
                .of(IpAddr::from(n.to_be_bytes()))
                .borrow_mut()
                .add_role("mine", None);
        }
        assert_eq!(sources.copies.len(), MOST);
        assert!(sources.of(IpAddr::from([0, 0, 0, 0])).borrow().role("mine").is_none());
    }
}
