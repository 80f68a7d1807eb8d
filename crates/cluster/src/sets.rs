//! Disjoint sets that remember what their members claim.

/// Union by size with halved paths (Tarjan 1975); each set carries the union of its members' claims.
#[derive(Clone, Debug, Default)]
pub(crate) struct Sets {
    parent: Vec<u32>,
    size: Vec<u32>,
    claims: Vec<u8>,
}

// === impl Sets ===

impl Sets {
    pub(crate) fn new(n: usize) -> Self {
        let mut sets = Self::default();
        sets.grow(n);
        sets
    }

    /// Makes room for `n` members, the new ones alone.
    pub(crate) fn grow(&mut self, n: usize) {
        self.parent.extend(self.parent.len() as u32..n as u32);
        self.size.resize(n, 1);
        self.claims.resize(n, 0);
    }

    /// Takes a member out of whatever it was in. All members of that set must be reset together.
    pub(crate) fn reset(&mut self, member: u32, claims: u8) {
        self.parent[member as usize] = member;
        self.size[member as usize] = 1;
        self.claims[member as usize] = claims;
    }

    pub(crate) fn find(&mut self, member: u32) -> u32 {
        let mut at = member;
        loop {
            let up = self.parent[at as usize];
            if up == at {
                return at;
            }
            let above = self.parent[up as usize];
            self.parent[at as usize] = above;
            at = above;
        }
    }

    /// Joins the two sets; false when they are one already.
    pub(crate) fn join(&mut self, a: u32, b: u32) -> bool {
        let (a, b) = (self.find(a), self.find(b));
        if a == b {
            return false;
        }
        let (low, high) = if self.size[a as usize] < self.size[b as usize] {
            (a, b)
        } else {
            (b, a)
        };
        self.parent[low as usize] = high;
        self.size[high as usize] += self.size[low as usize];
        self.claims[high as usize] |= self.claims[low as usize];
        true
    }

    /// Members of the set that `member` is in.
    pub(crate) fn size(&mut self, member: u32) -> usize {
        let root = self.find(member);
        self.size[root as usize] as usize
    }

    pub(crate) fn claims(&mut self, member: u32) -> u8 {
        let root = self.find(member);
        self.claims[root as usize]
    }
}
