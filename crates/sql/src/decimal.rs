//! `numeric`, of up to 38 digits.

use std::cmp::Ordering;
use std::fmt;

#[derive(Clone, Copy, Debug)]
pub struct Decimal {
    digits: i128,
    /// How many of the digits are behind the point.
    scale: u32,
}

const MOST_SCALE: u32 = 36;
/// Digits a quotient has at least.
const QUOTIENT: i32 = 16;

fn ten(power: u32) -> Option<i128> {
    10i128.checked_pow(power)
}

// === impl Decimal ===

impl Decimal {
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (body, exponent) = match text.split_once(['e', 'E']) {
            Some((body, exponent)) => (body, exponent.parse::<i32>().ok()?),
            None => (text, 0),
        };
        let (sign, body) = match body.strip_prefix('-') {
            Some(rest) => (-1, rest),
            None => (1, body.strip_prefix('+').unwrap_or(body)),
        };
        let (whole, part) = body.split_once('.').unwrap_or((body, ""));
        let all: String = whole.chars().chain(part.chars()).collect();
        if all.is_empty() || !all.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        let mut digits = all.parse::<i128>().ok()?.checked_mul(sign)?;
        let mut scale = i32::try_from(part.len()).ok()?.checked_sub(exponent)?;
        if scale < 0 {
            digits = digits.checked_mul(ten(scale.unsigned_abs())?)?;
            scale = 0;
        }
        let scale = scale.unsigned_abs();
        (scale <= MOST_SCALE).then_some(Self { digits, scale })
    }

    pub(crate) fn float(value: f64) -> Option<Self> {
        Self::parse(&format!("{value}"))
    }

    pub(crate) fn to_float(self) -> f64 {
        self.to_string().parse().unwrap_or(0.0)
    }

    /// The nearest whole number.
    pub(crate) fn to_int(self) -> Option<i64> {
        i64::try_from(self.round(0)?.digits).ok()
    }

    pub(crate) fn scale(self) -> u32 {
        self.scale
    }

    pub(crate) fn is_zero(self) -> bool {
        self.digits == 0
    }

    pub(crate) fn is_negative(self) -> bool {
        self.digits < 0
    }

    fn scaled(self, scale: u32) -> Option<i128> {
        self.digits.checked_mul(ten(scale.checked_sub(self.scale)?)?)
    }

    fn pair(self, other: Self) -> Option<(i128, i128, u32)> {
        let scale = self.scale.max(other.scale);
        Some((self.scaled(scale)?, other.scaled(scale)?, scale))
    }

    pub(crate) fn add(self, other: Self) -> Option<Self> {
        let (left, right, scale) = self.pair(other)?;
        Some(Self {
            digits: left.checked_add(right)?,
            scale,
        })
    }

    pub(crate) fn neg(self) -> Self {
        Self {
            digits: self.digits.saturating_neg(),
            ..self
        }
    }

    pub(crate) fn mul(self, other: Self) -> Option<Self> {
        let scale = self.scale + other.scale;
        let product = Self {
            digits: self.digits.checked_mul(other.digits)?,
            scale,
        };
        if scale > MOST_SCALE {
            product.round(MOST_SCALE)
        } else {
            Some(product)
        }
    }

    /// None where there is no room for it; the divisor is not zero.
    pub(crate) fn div(self, other: Self) -> Option<Self> {
        let (one, first_one) = self.weight();
        let (two, first_two) = other.weight();
        let weight = one - two - i32::from(first_one <= first_two);
        let wanted = (QUOTIENT - weight * 4).max(0).unsigned_abs();
        let scale = wanted.max(self.scale).max(other.scale).min(MOST_SCALE);
        // One digit more than wanted decides how the last is rounded.
        let mut extra = scale + 1 + other.scale;
        extra = extra.checked_sub(self.scale)?;
        let digits = self.digits.checked_mul(ten(extra)?)?.checked_div(other.digits)?;
        Self {
            digits,
            scale: scale + 1,
        }
        .round(scale)
    }

    pub(crate) fn rem(self, other: Self) -> Option<Self> {
        let (left, right, scale) = self.pair(other)?;
        Some(Self {
            digits: left.checked_rem(right)?,
            scale,
        })
    }

    /// Place and value of the first digit, counting by ten thousands.
    fn weight(self) -> (i32, i128) {
        let mut rest = self.digits.unsigned_abs() as i128;
        let mut groups = -i32::try_from(self.scale.div_ceil(4)).unwrap_or(0);
        rest = rest.saturating_mul(ten((4 - self.scale % 4) % 4).unwrap_or(1));
        while rest >= 10_000 {
            rest /= 10_000;
            groups += 1;
        }
        (groups, rest)
    }

    /// Half goes away from zero.
    pub(crate) fn round(self, scale: u32) -> Option<Self> {
        if scale >= self.scale {
            return Some(Self {
                digits: self.scaled(scale.min(MOST_SCALE))?,
                scale: scale.min(MOST_SCALE),
            });
        }
        let unit = ten(self.scale - scale)?;
        let (whole, rest) = (self.digits / unit, self.digits % unit);
        let up = i128::from(rest.abs() * 2 >= unit) * rest.signum();
        Some(Self {
            digits: whole + up,
            scale,
        })
    }

    pub(crate) fn trunc(self, scale: u32) -> Option<Self> {
        if scale >= self.scale {
            return self.round(scale);
        }
        Some(Self {
            digits: self.digits / ten(self.scale - scale)?,
            scale,
        })
    }

    pub(crate) fn floor(self) -> Option<Self> {
        let cut = self.trunc(0)?;
        if self.is_negative() && cut != self {
            cut.add(Self::from(-1))
        } else {
            Some(cut)
        }
    }

    /// Digits before the point.
    pub(crate) fn whole_digits(self) -> usize {
        let whole = ten(self.scale).map_or(0, |unit| self.digits.abs() / unit);
        if whole == 0 { 0 } else { whole.to_string().len() }
    }
}

impl From<i64> for Decimal {
    fn from(value: i64) -> Self {
        Self {
            digits: value.into(),
            scale: 0,
        }
    }
}

impl fmt::Display for Decimal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scale = self.scale as usize;
        let digits = format!("{:0>width$}", self.digits.unsigned_abs(), width = scale + 1);
        let (whole, part) = digits.split_at(digits.len() - scale);
        let sign = if self.digits < 0 { "-" } else { "" };
        let point = if scale > 0 { "." } else { "" };
        write!(f, "{sign}{whole}{point}{part}")
    }
}

impl PartialEq for Decimal {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Decimal {}

impl PartialOrd for Decimal {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Decimal {
    fn cmp(&self, other: &Self) -> Ordering {
        match self.pair(*other) {
            Some((left, right, _)) => left.cmp(&right),
            None => self.to_float().total_cmp(&other.to_float()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> Decimal {
        Decimal::parse(text).unwrap()
    }

    /// What PostgreSQL 15 gives for them.
    #[test]
    fn quotients_have_the_products_digits() {
        for (left, right, quotient) in [
            ("1", "3", "0.33333333333333333333"),
            ("10", "3", "3.3333333333333333"),
            ("100000", "7", "14285.714285714286"),
            ("19.50", "2", "9.7500000000000000"),
            ("7", "2", "3.5000000000000000"),
        ] {
            assert_eq!(of(left).div(of(right)).unwrap().to_string(), quotient, "{left}/{right}");
        }
    }

    #[test]
    fn halves_are_rounded_away_from_zero() {
        assert_eq!(of("2.5").round(0).unwrap().to_string(), "3");
        assert_eq!(of("-2.5").round(0).unwrap().to_string(), "-3");
        assert_eq!(of("-2.5").floor().unwrap().to_string(), "-3");
        assert_eq!(of("1.005").round(2).unwrap().to_string(), "1.01");
        assert_eq!(of("1e3").to_string(), "1000");
        assert_eq!(of("-0.05").to_string(), "-0.05");
    }
}
