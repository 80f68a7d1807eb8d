use serde::{Serialize, Serializer};

/// Ports of a machine that a source tried and had nothing of.
#[derive(Clone, Debug)]
pub struct PortTries {
    pub tries: Vec<Tried>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tried {
    pub port: u16,
    /// How long before the last of them.
    pub ms_before: u64,
    /// The port is closed; else the source cut off what it had asked for.
    pub refused: bool,
}

// === impl PortTries ===

impl PortTries {
    pub(crate) fn of(tries: impl Iterator<Item = Tried>) -> Self {
        Self { tries: tries.collect() }
    }
}

impl Serialize for PortTries {
    /// `refused` and `cut_off`, lists of `[port, ms_before]`.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        use serde::ser::SerializeMap as _;
        let list = |refused| -> Vec<(u16, u64)> {
            let those = self.tries.iter().filter(|tried| tried.refused == refused);
            those.map(|tried| (tried.port, tried.ms_before)).collect()
        };
        let mut map = serializer.serialize_map(Some(2))?;
        map.serialize_entry("refused", &list(true))?;
        map.serialize_entry("cut_off", &list(false))?;
        map.end()
    }
}
