//! The x87 `long double` that INCRBYFLOAT counts with: 64 bits of mantissa, shown with 17 decimals.

use std::cmp::Ordering;
use std::fmt;

/// Longest text that is read as a number.
const TEXT_MAX: usize = 255;
/// Decimal exponents beyond which there is only zero or infinity.
const EXPONENT_MAX: i32 = 5000;
const DECIMALS: u32 = 17;

#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct LongDouble {
    negative: bool,
    size: Size,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Size {
    Zero,
    /// `mantissa * 2^exponent`, the mantissa's highest bit set.
    Finite {
        mantissa: u64,
        exponent: i32,
    },
    Infinite,
}

// === impl LongDouble ===

impl LongDouble {
    pub(super) const ZERO: Self = Self {
        negative: false,
        size: Size::Zero,
    };

    /// A whole text as `strtold` reads it in decimal, or an infinity.
    pub(super) fn parse(text: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(text).ok().filter(|text| text.len() <= TEXT_MAX)?;
        let (negative, body) = match text.strip_prefix('-') {
            Some(body) => (true, body),
            None => (false, text.strip_prefix('+').unwrap_or(text)),
        };
        let lower = body.to_ascii_lowercase();
        if lower == "inf" || lower == "infinity" {
            return Some(Self {
                negative,
                size: Size::Infinite,
            });
        }
        let (mantissa, exponent) = lower.split_once('e').unwrap_or((&lower, "0"));
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let digits = [whole, fraction].concat();
        if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
            return None;
        }
        let unsigned = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
        if unsigned.is_empty() || !unsigned.bytes().all(|b| b.is_ascii_digit()) {
            return None;
        }
        let exponent = exponent.parse::<i32>().ok()?.checked_sub(fraction.len() as i32)?;
        Some(Self {
            negative,
            size: Size::of_decimal(&digits, exponent),
        })
    }

    pub(super) fn is_finite(self) -> bool {
        self.size != Size::Infinite
    }

    /// None when that is no number, or infinite.
    pub(super) fn plus(self, other: Self) -> Option<Self> {
        let (large, small) = if self.size.above(other.size) {
            (self, other)
        } else {
            (other, self)
        };
        let (mantissa, exponent) = match large.size {
            Size::Infinite => return None,
            Size::Zero => return Some(Self::ZERO),
            Size::Finite { mantissa, exponent } => (mantissa, exponent),
        };
        let Size::Finite {
            mantissa: less,
            exponent: lower,
        } = small.size
        else {
            return Some(large);
        };
        // Room for 63 bits below the last, the lowest of which stands for all that is lower still.
        let shift = (exponent - lower) as u32;
        let wide = u128::from(less) << 62;
        let aligned = if shift < 126 { wide >> shift } else { 0 };
        let lost = shift >= 126 || wide.trailing_zeros() < shift;
        let base = u128::from(mantissa) << 62;
        let sum = match (large.negative == small.negative, lost) {
            (true, lost) => (base + aligned) | u128::from(lost),
            (false, false) => base - aligned,
            (false, true) => (base - aligned - 1) | 1,
        };
        let size = Size::of_bits(sum, exponent - 62);
        Some(Self {
            negative: large.negative && size != Size::Zero,
            size,
        })
        .filter(|sum| sum.is_finite())
    }
}

impl fmt::Display for LongDouble {
    /// 17 decimals, without the zeros at the end.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = match self.size {
            Size::Zero => "0".to_owned(),
            Size::Infinite => "inf".to_owned(),
            Size::Finite { mantissa, exponent } => fixed(mantissa, exponent),
        };
        if self.negative && text != "0" {
            f.write_str("-")?;
        }
        f.write_str(&text)
    }
}

/// `mantissa * 2^exponent` with 17 decimals, rounded half to even, trimmed.
fn fixed(mantissa: u64, exponent: i32) -> String {
    let mut scaled = Big::from(mantissa);
    (0..DECIMALS).for_each(|_| scaled.times(10));
    if exponent >= 0 {
        scaled.shift_left(exponent as usize);
    } else {
        scaled.shift_right_rounding(exponent.unsigned_abs() as usize);
    }
    let digits = scaled.decimal();
    let digits = format!("{digits:0>width$}", width = DECIMALS as usize + 1);
    let (whole, fraction) = digits.split_at(digits.len() - DECIMALS as usize);
    super::number::trimmed(&format!("{whole}.{fraction}")).to_owned()
}

// === impl Size ===

impl Size {
    fn above(self, other: Self) -> bool {
        let rank = |size: Self| match size {
            Self::Zero => (0, 0, 0),
            Self::Finite { mantissa, exponent } => (1, exponent, mantissa),
            Self::Infinite => (2, 0, 0),
        };
        rank(self) > rank(other)
    }

    /// `bits * 2^exponent`, rounded half to even; the lowest bit of a longer one stands for all below.
    fn of_bits(bits: u128, exponent: i32) -> Self {
        if bits == 0 {
            return Self::Zero;
        }
        let excess = 64 - bits.leading_zeros() as i32;
        if excess <= 0 {
            return Self::Finite {
                mantissa: (bits as u64) << -excess,
                exponent: exponent + excess,
            };
        }
        let (kept, rest, half) = (bits >> excess, bits & ((1 << excess) - 1), 1u128 << (excess - 1));
        let up = match rest.cmp(&half) {
            Ordering::Greater => true,
            Ordering::Equal => kept & 1 == 1,
            Ordering::Less => false,
        };
        match (kept as u64).checked_add(u64::from(up)) {
            Some(mantissa) => Self::Finite {
                mantissa,
                exponent: exponent + excess,
            },
            None => Self::Finite {
                mantissa: 1 << 63,
                exponent: exponent + excess + 1,
            },
        }
    }

    /// `digits * 10^exponent`.
    fn of_decimal(digits: &str, exponent: i32) -> Self {
        let digits = digits.trim_start_matches('0');
        if digits.is_empty() || exponent < -EXPONENT_MAX {
            return Self::Zero;
        }
        if exponent > EXPONENT_MAX {
            return Self::Infinite;
        }
        let mut above = Big::from(0);
        for digit in digits.bytes() {
            above.times(10);
            above.plus(u32::from(digit - b'0'));
        }
        let mut below = Big::from(1);
        for _ in 0..exponent.unsigned_abs() {
            if exponent > 0 { above.times(10) } else { below.times(10) }
        }
        // The quotient to 66 bits and more, then one bit for the remainder.
        let scale = 68 + below.bits() as i32 - above.bits() as i32;
        if scale >= 0 {
            above.shift_left(scale as usize)
        } else {
            below.shift_left(scale.unsigned_abs() as usize)
        }
        let (quotient, exact) = above.over(below);
        match Self::of_bits(quotient << 1 | u128::from(!exact), -scale - 1) {
            Self::Finite { exponent, .. } if exponent > 16_383 - 63 => Self::Infinite,
            size => size,
        }
    }
}

/// A natural number of any size, lowest 32 bits first.
struct Big(Vec<u32>);

// === impl Big ===

impl From<u64> for Big {
    fn from(n: u64) -> Self {
        let mut big = Self(vec![n as u32, (n >> 32) as u32]);
        big.trim();
        big
    }
}

impl Big {
    fn trim(&mut self) {
        while self.0.last() == Some(&0) {
            self.0.pop();
        }
    }

    fn bits(&self) -> usize {
        self.0
            .last()
            .map_or(0, |top| self.0.len() * 32 - top.leading_zeros() as usize)
    }

    fn times(&mut self, factor: u32) {
        let mut carry = 0;
        for limb in &mut self.0 {
            let product = u64::from(*limb) * u64::from(factor) + carry;
            (*limb, carry) = (product as u32, product >> 32);
        }
        if carry > 0 {
            self.0.push(carry as u32);
        }
    }

    fn plus(&mut self, n: u32) {
        let mut carry = n;
        for limb in &mut self.0 {
            let (sum, over) = limb.overflowing_add(carry);
            *limb = sum;
            carry = u32::from(over);
            if carry == 0 {
                return;
            }
        }
        if carry > 0 {
            self.0.push(carry);
        }
    }

    fn shift_left(&mut self, by: usize) {
        let (limbs, bits) = (by / 32, by % 32);
        if bits > 0 {
            self.times(1 << bits);
        }
        if !self.0.is_empty() {
            self.0.splice(0..0, std::iter::repeat_n(0, limbs));
        }
    }

    fn bit(&self, at: usize) -> bool {
        self.0.get(at / 32).is_some_and(|limb| limb >> (at % 32) & 1 == 1)
    }

    fn shift_right(&mut self, by: usize) {
        self.0.drain(..(by / 32).min(self.0.len()));
        let bits = by % 32;
        if bits > 0 {
            for at in 0..self.0.len() {
                let above = self.0.get(at + 1).copied().unwrap_or(0);
                self.0[at] = self.0[at] >> bits | above << (32 - bits);
            }
        }
        self.trim();
    }

    /// Half to even.
    fn shift_right_rounding(&mut self, by: usize) {
        let half = self.bit(by - 1);
        let rest = (0..by - 1).any(|at| self.bit(at));
        self.shift_right(by);
        if half && (rest || self.bit(0)) {
            self.plus(1);
        }
    }

    fn cmp(&self, other: &Self) -> Ordering {
        self.0
            .len()
            .cmp(&other.0.len())
            .then_with(|| self.0.iter().rev().cmp(other.0.iter().rev()))
    }

    /// `other` must not be larger.
    fn minus(&mut self, other: &Self) {
        let mut borrow = 0;
        for (at, limb) in self.0.iter_mut().enumerate() {
            let taken = u64::from(other.0.get(at).copied().unwrap_or(0)) + borrow;
            borrow = u64::from(u64::from(*limb) < taken);
            *limb = (u64::from(*limb) + (borrow << 32) - taken) as u32;
        }
        self.trim();
    }

    /// The quotient, which must fit, and whether nothing was left.
    fn over(mut self, mut by: Self) -> (u128, bool) {
        let steps = self.bits().saturating_sub(by.bits()) + 1;
        by.shift_left(steps - 1);
        let mut quotient = 0;
        for _ in 0..steps {
            quotient <<= 1;
            if self.cmp(&by) != Ordering::Less {
                self.minus(&by);
                quotient |= 1;
            }
            by.shift_right(1);
        }
        (quotient, self.0.is_empty())
    }

    fn decimal(mut self) -> String {
        let mut groups = Vec::new();
        while !self.0.is_empty() {
            let mut rest = 0;
            for limb in self.0.iter_mut().rev() {
                let n = rest << 32 | u64::from(*limb);
                (*limb, rest) = ((n / 1_000_000_000) as u32, n % 1_000_000_000);
            }
            self.trim();
            groups.push(rest);
        }
        let mut text = groups.pop().map_or("0".to_owned(), |first| first.to_string());
        groups
            .iter()
            .rev()
            .for_each(|group| text.push_str(&format!("{group:09}")));
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sum(a: &str, b: &str) -> String {
        LongDouble::parse(a.as_bytes())
            .unwrap()
            .plus(LongDouble::parse(b.as_bytes()).unwrap())
            .unwrap()
            .to_string()
    }

    #[test]
    fn sums_are_those_of_the_x87() {
        // The right-hand sides are what redis-server 7.0.15 on amd64 answers to INCRBYFLOAT.
        assert_eq!(sum("0.1", "0.2"), "0.3");
        assert_eq!(sum("10.50", "0.1"), "10.6");
        assert_eq!(sum("5.0e3", "2.0e2"), "5200");
        assert_eq!(sum("-1", "1"), "0");
        assert_eq!(sum("3", "-5.5"), "-2.5");
        assert_eq!(sum("1e20", "1"), "100000000000000000000");
        assert_eq!(sum("0.00000000000000001", "0"), "0.00000000000000001");
    }

    #[test]
    fn what_is_no_number_is_none() {
        for bad in ["", "abc", "1x", " 1", "1e", "--1", "nan", "0x10p"] {
            assert_eq!(LongDouble::parse(bad.as_bytes()), None, "{bad}");
        }
        let infinite = LongDouble::parse(b"inf").unwrap();
        assert_eq!(infinite.plus(LongDouble::ZERO), None);
        assert_eq!(LongDouble::parse(b"1e5000").map(LongDouble::is_finite), Some(false));
    }
}
