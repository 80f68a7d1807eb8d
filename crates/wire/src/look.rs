//! What the bytes of a stream come to, so far.

/// What a reader of a growing stream found at its start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Look<T> {
    /// Not enough to tell; ask again with more.
    More,
    Found(T),
    /// Something else, whatever follows.
    Other,
}

// === impl Look ===

impl<T> Look<T> {
    pub fn found(self) -> Option<T> {
        match self {
            Self::Found(found) => Some(found),
            Self::More | Self::Other => None,
        }
    }

    pub fn map<U>(self, with: impl FnOnce(T) -> U) -> Look<U> {
        match self {
            Self::More => Look::More,
            Self::Found(found) => Look::Found(with(found)),
            Self::Other => Look::Other,
        }
    }
}
