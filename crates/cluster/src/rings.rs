//! The members of disjoint sets, each set a ring through one list.

use std::collections::HashMap;

use crate::sets::Sets;

/// Each member's next; the last leads to the first.
#[derive(Debug, Default)]
pub(crate) struct Rings {
    next: Vec<u32>,
}

// === impl Rings ===

impl Rings {
    /// Makes room for `n` members, the new ones alone.
    pub(crate) fn grow(&mut self, n: usize) {
        self.next.extend(self.next.len() as u32..n as u32);
    }

    /// Everybody in the set of a member, beginning with it.
    pub(crate) fn of(&self, member: u32) -> impl Iterator<Item = u32> {
        let after = move |at: &u32| Some(self.next[*at as usize]).filter(|&next| next != member);
        std::iter::successors(Some(member), after)
    }

    /// Makes the rings of these members anew. They must be all there are of the sets they are in, now and before.
    pub(crate) fn rebuild(&mut self, members: &[u32], sets: &mut Sets) {
        let mut first: HashMap<u32, u32> = HashMap::new();
        for &member in members {
            let root = sets.find(member);
            match first.get(&root) {
                Some(&known) => {
                    self.next[member as usize] = self.next[known as usize];
                    self.next[known as usize] = member;
                }
                None => {
                    self.next[member as usize] = member;
                    first.insert(root, member);
                }
            }
        }
    }
}
