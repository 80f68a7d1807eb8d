//! Counting distinct elements in little room, byte for byte as Redis keeps it in a string (PFADD, PFCOUNT, PFMERGE):
//! 16384 registers, run lengths while they are few and six bits each afterwards; the estimate after Ertl, "New
//! cardinality estimation algorithms for HyperLogLog sketches", 2017.

use super::reply::Bytes;

const REGISTERS: usize = 1 << BITS;
const BITS: u32 = 14;
/// Of a hash, beside those that choose the register.
const RANKS: u32 = 64 - BITS;
const MAGIC: &[u8; 4] = b"HYLL";
const HEADER: usize = 16;
const DENSE: u8 = 0;
const SPARSE: u8 = 1;
const DENSE_LEN: usize = HEADER + REGISTERS * 6 / 8;
/// `hll-sparse-max-bytes`.
const SPARSE_MAX: usize = 3000;
/// The largest rank a run can say.
const SPARSE_RANK: u8 = 32;
const LONGEST_ZERO: usize = 64;
const LONGEST_VALUE: usize = 4;
const SEED: u64 = 0xadc8_3b19;

#[derive(Clone, Debug, PartialEq)]
pub(super) struct HyperLogLog {
    registers: Vec<u8>,
    dense: bool,
    /// The last estimate, while no register has changed.
    cached: Option<u64>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Broken {
    /// It is some other string.
    Other,
    /// It begins as one, and does not go on as one.
    Corrupt,
}

// === impl HyperLogLog ===

impl HyperLogLog {
    pub(super) fn new() -> Self {
        Self {
            registers: vec![0; REGISTERS],
            dense: false,
            cached: Some(0),
        }
    }

    pub(super) fn read(text: &[u8]) -> Result<Self, Broken> {
        let (header, body) = text.split_at_checked(HEADER).ok_or(Broken::Other)?;
        let encoding = header[4];
        if !header.starts_with(MAGIC) || encoding > SPARSE || (encoding == DENSE && text.len() != DENSE_LEN) {
            return Err(Broken::Other);
        }
        let dense = encoding == DENSE;
        let registers = if dense {
            unpack(body)
        } else {
            unfold(body).ok_or(Broken::Corrupt)?
        };
        let card = u64::from_le_bytes(header[8..].try_into().map_err(|_| Broken::Other)?);
        Ok(Self {
            registers,
            dense,
            cached: (card >> 63 == 0).then_some(card),
        })
    }

    pub(super) fn write(&self) -> Bytes {
        let body = if self.dense {
            pack(&self.registers)
        } else {
            fold(&self.registers)
        };
        let mut text = MAGIC.to_vec();
        text.extend_from_slice(&[if self.dense { DENSE } else { SPARSE }, 0, 0, 0]);
        text.extend_from_slice(&self.cached.unwrap_or(1 << 63).to_le_bytes());
        text.extend(body);
        text
    }

    /// True when it came to be another for it.
    pub(super) fn add(&mut self, element: &[u8]) -> bool {
        let hash = murmur(element);
        let register = (hash as usize) & (REGISTERS - 1);
        let rank = (hash >> BITS | 1 << RANKS).trailing_zeros() as u8 + 1;
        let grown = self.raise(register, rank);
        if grown {
            self.settle();
        }
        grown
    }

    pub(super) fn merge(&mut self, other: &Self) {
        self.dense |= other.dense;
        for (register, rank) in other.registers.iter().enumerate() {
            self.raise(register, *rank);
        }
        self.settle();
    }

    /// The next estimate is reckoned anew.
    pub(super) fn forget(&mut self) {
        self.cached = None;
    }

    pub(super) fn cached(&self) -> Option<u64> {
        self.cached
    }

    pub(super) fn count(&mut self) -> u64 {
        let count = self.estimate();
        self.cached = Some(count);
        count
    }

    pub(super) fn is_dense(&self) -> bool {
        self.dense
    }

    pub(super) fn make_dense(&mut self) {
        self.dense = true;
    }

    pub(super) fn registers(&self) -> &[u8] {
        &self.registers
    }

    /// The runs of a sparse one, as PFDEBUG DECODE words them.
    pub(super) fn runs(&self) -> String {
        let words = runs(&self.registers).into_iter().map(|(rank, len)| match (rank, len) {
            (0, 0..=LONGEST_ZERO) => format!("z:{len}"),
            (0, _) => format!("Z:{len}"),
            (rank, len) => format!("v:{rank},{len}"),
        });
        words.collect::<Vec<_>>().join(" ")
    }

    fn raise(&mut self, register: usize, rank: u8) -> bool {
        let Some(held) = self.registers.get_mut(register).filter(|held| **held < rank) else {
            return false;
        };
        *held = rank;
        self.cached = None;
        true
    }

    /// Goes over to six bits a register once runs do not do any more.
    fn settle(&mut self) {
        self.dense = self.dense
            || self.registers.iter().any(|rank| *rank > SPARSE_RANK)
            || HEADER + fold(&self.registers).len() > SPARSE_MAX;
    }

    fn estimate(&self) -> u64 {
        let mut of_rank = [0_u32; 64];
        for rank in &self.registers {
            of_rank[usize::from(*rank & 63)] += 1;
        }
        let m = REGISTERS as f64;
        let last = RANKS as usize + 1;
        let mut z = m * tau((m - f64::from(of_rank[last])) / m);
        for rank in (1..last).rev() {
            z = (z + f64::from(of_rank[rank])) * 0.5;
        }
        z += m * sigma(f64::from(of_rank[0]) / m);
        (0.5 / std::f64::consts::LN_2 * m * m / z).round() as u64
    }
}

fn sigma(mut x: f64) -> f64 {
    if x == 1.0 {
        return f64::INFINITY;
    }
    let (mut y, mut z) = (1.0, x);
    loop {
        x *= x;
        let before = z;
        z += x * y;
        y += y;
        if before == z {
            return z;
        }
    }
}

fn tau(mut x: f64) -> f64 {
    if x == 0.0 || x == 1.0 {
        return 0.0;
    }
    let (mut y, mut z) = (1.0, 1.0 - x);
    loop {
        x = x.sqrt();
        let before = z;
        y *= 0.5;
        z -= (1.0 - x).powi(2) * y;
        if before == z {
            return z / 3.0;
        }
    }
}

/// Six bits a register, the lowest first.
fn pack(registers: &[u8]) -> Bytes {
    let mut body = vec![0; DENSE_LEN - HEADER];
    for (at, rank) in registers.iter().enumerate() {
        let (byte, shift) = (at * 6 / 8, at * 6 % 8);
        let bits = u16::from(*rank) << shift;
        body[byte] |= bits as u8;
        if let Some(next) = body.get_mut(byte + 1) {
            *next |= (bits >> 8) as u8;
        }
    }
    body
}

fn unpack(body: &[u8]) -> Vec<u8> {
    let register = |at: usize| {
        let (byte, shift) = (at * 6 / 8, at * 6 % 8);
        let next = body.get(byte + 1).copied().unwrap_or(0);
        (u16::from_le_bytes([body[byte], next]) >> shift) as u8 & 63
    };
    (0..REGISTERS).map(register).collect()
}

/// Ranks and how many registers in a row have them, no run longer than one opcode can say.
fn runs(registers: &[u8]) -> Vec<(u8, usize)> {
    let mut runs: Vec<(u8, usize)> = Vec::new();
    for rank in registers {
        match runs.last_mut() {
            Some((held, len)) if held == rank && (*rank == 0 || *len < LONGEST_VALUE) => *len += 1,
            _ => runs.push((*rank, 1)),
        }
    }
    runs
}

fn fold(registers: &[u8]) -> Bytes {
    let mut body = Bytes::new();
    for (rank, len) in runs(registers) {
        let len = len - 1;
        match rank {
            0 if len < LONGEST_ZERO => body.push(len as u8),
            0 => body.extend_from_slice(&[0x40 | (len >> 8) as u8, len as u8]),
            rank => body.push(0x80 | (rank - 1) << 2 | len as u8),
        }
    }
    body
}

fn unfold(body: &[u8]) -> Option<Vec<u8>> {
    let mut registers = Vec::with_capacity(REGISTERS);
    let mut rest = body.iter();
    while let Some(&first) = rest.next() {
        let (rank, len) = match first >> 6 {
            0 => (0, usize::from(first) + 1),
            1 => (0, (usize::from(first & 0x3f) << 8 | usize::from(*rest.next()?)) + 1),
            _ => ((first >> 2 & 0x1f) + 1, usize::from(first & 3) + 1),
        };
        if registers.len() + len > REGISTERS {
            return None;
        }
        registers.resize(registers.len() + len, rank);
    }
    (registers.len() == REGISTERS).then_some(registers)
}

/// MurmurHash64A.
fn murmur(bytes: &[u8]) -> u64 {
    const M: u64 = 0xc6a4_a793_5bd1_e995;
    let mut hash = SEED ^ (bytes.len() as u64).wrapping_mul(M);
    let (words, tail) = bytes.as_chunks::<8>();
    for word in words {
        let mut k = u64::from_le_bytes(*word).wrapping_mul(M);
        k = (k ^ k >> 47).wrapping_mul(M);
        hash = (hash ^ k).wrapping_mul(M);
    }
    if !tail.is_empty() {
        let mut last = [0; 8];
        last[..tail.len()].copy_from_slice(tail);
        hash = (hash ^ u64::from_le_bytes(last)).wrapping_mul(M);
    }
    hash = (hash ^ hash >> 47).wrapping_mul(M);
    hash ^ hash >> 47
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `PFADD h a b c d e f` and `GET h` of Redis 7.0.15.
    const SIX: &[u8] = b"HYLL\x01\0\0\0\0\0\0\0\0\0\0\x80Fm\x80V\x0c\x80Dv\x80P\xb1\x84I\x8c\x80Bm\x80BZ";

    fn of(elements: impl IntoIterator<Item = String>) -> HyperLogLog {
        let mut made = HyperLogLog::new();
        for element in elements {
            made.add(element.as_bytes());
        }
        made
    }

    #[test]
    fn six_elements_lie_in_the_string_as_in_the_genuine_one() {
        let mut six = of(["a", "b", "c", "d", "e", "f"].map(String::from));
        assert_eq!(six.write().escape_ascii().to_string(), SIX.escape_ascii().to_string());
        assert_eq!(
            six.runs(),
            "Z:1646 v:1,1 Z:5645 v:1,1 Z:1143 v:1,1 Z:4274 v:2,1 Z:2445 v:1,1 Z:622 v:1,1 Z:603"
        );
        assert_eq!((six.cached(), six.count(), six.cached()), (None, 6, Some(6)));
        assert!(!six.add(b"a"));
    }

    #[test]
    fn many_elements_take_six_bits_a_register_and_are_counted_within_one_in_a_hundred() {
        let mut many = of((0..20_000).map(|n| n.to_string()));
        assert!(many.is_dense() && many.write().len() == DENSE_LEN);
        assert!((19_800..=20_200).contains(&many.count()), "{}", many.count());
        assert_eq!(HyperLogLog::read(&many.write()).unwrap(), many);
    }

    #[test]
    fn what_is_merged_counts_what_either_had() {
        let mut both = of((0..50).map(|n| n.to_string()));
        both.merge(&of((25..75).map(|n| n.to_string())));
        assert_eq!(both.count(), of((0..75).map(|n| n.to_string())).count());
    }

    #[test]
    fn other_strings_and_cut_ones_are_refused() {
        assert_eq!(HyperLogLog::read(b"hello"), Err(Broken::Other));
        assert_eq!(HyperLogLog::read(&SIX[..SIX.len() - 1]), Err(Broken::Corrupt));
        assert_eq!(HyperLogLog::read(&[SIX, b"\xff"].concat()), Err(Broken::Corrupt));
        assert_eq!(HyperLogLog::read(b"HYLL\0\0\0\0\0\0\0\0\0\0\0\0"), Err(Broken::Other));
    }
}
