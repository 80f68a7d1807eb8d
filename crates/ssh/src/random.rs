//! Where randomness comes from: the caller.

/// Gives bytes nobody can guess.
pub trait Random {
    fn fill(&mut self, bytes: &mut [u8]);
}

#[cfg(test)]
pub mod testing {
    /// Bytes that are not random at all.
    #[derive(Default)]
    pub struct Counting(u8);

    impl super::Random for Counting {
        fn fill(&mut self, bytes: &mut [u8]) {
            for byte in bytes {
                self.0 = self.0.wrapping_mul(5).wrapping_add(31);
                *byte = self.0;
            }
        }
    }
}
