//! A window of evidence, with what may yet become evidence held back beside it.

use std::hash::Hash;

use crate::addr::Net;
use crate::finding::Target;
use crate::table::Map;
use crate::time::Time;
use crate::window::{MAX_ENTRIES, Window};
use crate::world::{ALL_IS_SCANNED, Worth};

/// What attempts of one source say about its looking around.
pub(crate) struct Evidence<T> {
    pub(crate) window: Window<T>,
    /// Visits to busy public ports: nothing in themselves.
    held: Vec<(Time, Net, T)>,
}

impl<T> Default for Evidence<T> {
    fn default() -> Self {
        Self {
            window: Window::default(),
            held: Vec::new(),
        }
    }
}

// === impl Evidence ===

impl<T: Copy + Eq + Hash> Evidence<T> {
    /// Takes in an item worth `worth`, forgetting what is older than `oldest`. True if there is new evidence.
    pub(crate) fn add(&mut self, at: Time, net: Net, item: T, worth: Worth, oldest: Time) -> bool {
        self.window.expire(oldest);
        self.held.retain(|(held, ..)| *held >= oldest);
        match worth {
            Worth::Nothing => return false,
            Worth::IfNetIsScanned => {
                if self.held.len() < MAX_ENTRIES {
                    self.held.push((at, net, item));
                }
                return false;
            }
            Worth::NetIsScanned => self.release(|held| held == net),
            Worth::Evidence => {}
        }
        self.window.push(at, item);
        true
    }

    pub(crate) fn entries(&self) -> usize {
        self.window.len() + self.held.len()
    }

    fn release(&mut self, wanted: impl Fn(Net) -> bool) {
        let window = &mut self.window;
        self.held.retain(|&(at, net, item)| {
            let released = wanted(net);
            if released {
                window.push(at, item);
            }
            !released
        });
    }
}

impl Evidence<Target> {
    /// A source in touch with very many hosts is not browsing: what was held back is evidence, too. True if there was.
    pub(crate) fn release_if_many(&mut self) -> bool {
        if self.held.is_empty() || self.entries() <= ALL_IS_SCANNED {
            return false;
        }
        let mut hosts = Map::default();
        let held = self.held.iter().map(|(_, _, target)| *target);
        for target in held.chain(self.window.iter().map(|(_, target)| target)) {
            hosts.insert(target.ip, ());
        }
        let many = hosts.len() > ALL_IS_SCANNED;
        if many {
            self.release(|_| true);
        }
        many
    }
}
