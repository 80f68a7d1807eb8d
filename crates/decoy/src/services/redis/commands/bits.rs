//! Strings as rows of bits.

use super::call::{Call, clip};
use super::strings::within_limit;
use crate::services::redis::number;
use crate::services::redis::reply::{Answer, Bytes, Fault, Reply};
use crate::services::redis::value::{Text, Value};

pub(super) fn setbit(call: &mut Call<'_>) -> Answer {
    let offset = bit_offset(call, call.arg(2), 1)?;
    let on = match call.arg(3) {
        b"0" => false,
        b"1" => true,
        _ => return Err(Fault::err("bit is not an integer or out of range")),
    };
    let key = call.arg(1);
    let text = call.edit_or::<Text>(key, |_| Value::text(""))?;
    let old = bit(&text.bytes, offset);
    put_bit(text, offset, on);
    call.changed('$', "setbit", key);
    Ok(Reply::Int(old.into()))
}

pub(super) fn getbit(call: &mut Call<'_>) -> Answer {
    let offset = bit_offset(call, call.arg(2), 1)?;
    Ok(Reply::Int(
        call.read::<Text>(call.arg(1))?
            .is_some_and(|text| bit(&text.bytes, offset))
            .into(),
    ))
}

pub(super) fn bitcount(call: &mut Call<'_>) -> Answer {
    let range = match call.count() {
        2 => None,
        4 => Some((call.int(2)?, call.int(3)?, false)),
        5 => Some((call.int(2)?, call.int(3)?, by_bits(call, 4)?)),
        _ => return Err(Fault::syntax()),
    };
    let Some(text) = call.read::<Text>(call.arg(1))? else {
        return Ok(Reply::Int(0));
    };
    let bits = bits_of(range, text.bytes.len());
    Ok(Reply::int(bits.filter(|at| bit(&text.bytes, *at)).count()))
}

pub(super) fn bitpos(call: &mut Call<'_>) -> Answer {
    let wanted = match call.int(2)? {
        0 => false,
        1 => true,
        _ => return Err(Fault::err("The bit argument must be 1 or 0.")),
    };
    let end_given = call.count() > 4;
    let range = match call.count() {
        3 => None,
        4 => Some((call.int(3)?, -1, false)),
        5 => Some((call.int(3)?, call.int(4)?, false)),
        6 => Some((call.int(3)?, call.int(4)?, by_bits(call, 5)?)),
        _ => return Err(Fault::syntax()),
    };
    let Some(text) = call.read::<Text>(call.arg(1))? else {
        return Ok(Reply::Int(if wanted { -1 } else { 0 }));
    };
    let mut bits = bits_of(range, text.bytes.len());
    let (empty, end) = (bits.clone().next().is_none(), bits.end);
    Ok(Reply::Int(match bits.find(|at| bit(&text.bytes, *at) == wanted) {
        Some(at) => at as i64,
        // Beyond the end everything is zero, unless an end was named.
        None if !wanted && !end_given && !empty => end as i64,
        None => -1,
    }))
}

pub(super) fn bitop(call: &mut Call<'_>) -> Answer {
    let how: fn(u8, u8) -> u8 = match call.word(1).as_slice() {
        b"and" => |a, b| a & b,
        b"or" => |a, b| a | b,
        b"xor" => |a, b| a ^ b,
        b"not" if call.count() != 4 => return Err(Fault::err("BITOP NOT must be called with a single source key.")),
        b"not" => |a, _| !a,
        _ => return Err(Fault::syntax()),
    };
    let to = call.arg(2);
    let mut texts = Vec::new();
    for key in &call.args[3..] {
        texts.push(call.read::<Text>(key)?.map_or(Bytes::new(), |text| text.bytes.clone()));
    }
    let len = texts.iter().map(Vec::len).max().unwrap_or(0);
    texts.iter_mut().for_each(|text| text.resize(len, 0));
    let mut result = texts[0].clone();
    if texts.len() == 1 && call.is(1, "not") {
        result.iter_mut().for_each(|b| *b = !*b);
    }
    for text in &texts[1..] {
        result.iter_mut().zip(text).for_each(|(a, b)| *a = how(*a, *b));
    }
    if len == 0 {
        call.delete(to, "del");
    } else {
        call.put(
            to,
            Value::Str(Text {
                bytes: result,
                grown: true,
            }),
        );
        call.changed('$', "set", to);
    }
    Ok(Reply::int(len))
}

pub(super) fn bitfield(call: &mut Call<'_>) -> Answer {
    fields(call, false)
}

pub(super) fn bitfield_ro(call: &mut Call<'_>) -> Answer {
    fields(call, true)
}

/// A number of so many bits.
#[derive(Clone, Copy)]
struct Width {
    signed: bool,
    bits: u32,
}

#[derive(Clone, Copy)]
enum Overflow {
    Wrap,
    Sat,
    Fail,
}

#[derive(Clone, Copy)]
enum Op {
    Get,
    Set(i64),
    Incr(i64),
}

fn fields(call: &mut Call<'_>, read_only: bool) -> Answer {
    let (mut ops, mut overflow, mut at) = (Vec::new(), Overflow::Wrap, 2);
    while at < call.count() {
        let more = call.count() - at - 1;
        let (set, incr) = (call.is(at, "set"), call.is(at, "incrby"));
        if call.is(at, "overflow") && more >= 1 {
            overflow = match call.word(at + 1).as_slice() {
                b"wrap" => Overflow::Wrap,
                b"sat" => Overflow::Sat,
                b"fail" => Overflow::Fail,
                _ => return Err(Fault::err("Invalid OVERFLOW type specified")),
            };
            at += 2;
            continue;
        }
        if !(call.is(at, "get") && more >= 2 || (set || incr) && more >= 3) {
            return Err(Fault::syntax());
        }
        let width = Width::read(call.arg(at + 1))?;
        let offset = bit_offset(call, call.arg(at + 2), width.bits)?;
        let op = match () {
            () if set => Op::Set(call.int(at + 3)?),
            () if incr => Op::Incr(call.int(at + 3)?),
            () => Op::Get,
        };
        if read_only && !matches!(op, Op::Get) {
            return Err(Fault::err("BITFIELD_RO only supports the GET subcommand"));
        }
        ops.push((op, width, offset, overflow));
        at += if matches!(op, Op::Get) { 3 } else { 4 };
    }
    let key = call.arg(1);
    let mut text = call.read::<Text>(key)?.cloned().unwrap_or_default();
    let (mut replies, mut wrote) = (Vec::new(), false);
    for (op, width, offset, overflow) in ops {
        let old = width.get(&text.bytes, offset);
        let (new, shown) = match op {
            Op::Get => (None, Some(old)),
            Op::Set(value) => (width.fit(value.into(), overflow), Some(old)),
            Op::Incr(by) => {
                let sum = width.fit(old + i128::from(by), overflow);
                (sum, sum)
            }
        };
        if let Some(new) = new {
            width.put(&mut text, offset, new);
            wrote = true;
        }
        let refused = matches!(op, Op::Set(_)) && new.is_none();
        replies.push(
            shown
                .filter(|_| !refused)
                .map_or(Reply::Null, |value| Reply::Int(value as i64)),
        );
    }
    if wrote {
        let now = call.now_ms();
        let expires = call.peek(key).and_then(|item| item.expires);
        call.db()
            .put(key, Value::Str(Text { grown: true, ..text }), expires, now);
        call.changed('$', "setbit", key);
    }
    Ok(Reply::Array(replies))
}

// === impl Width ===

impl Width {
    fn read(text: &[u8]) -> Result<Self, Fault> {
        let wrong = || {
            Fault::err("Invalid bitfield type. Use something like i16 u8. Note that u64 is not supported but i64 is.")
        };
        let (kind, bits) = text.split_first().ok_or_else(wrong)?;
        let (signed, most) = match kind {
            b'i' => (true, 64),
            b'u' => (false, 63),
            _ => return Err(wrong()),
        };
        let bits = number::integer(bits)
            .filter(|bits| (1..=most).contains(bits))
            .ok_or_else(wrong)?;
        Ok(Self {
            signed,
            bits: bits as u32,
        })
    }

    fn bounds(self) -> (i128, i128) {
        match self.signed {
            true => (-(1 << (self.bits - 1)), (1 << (self.bits - 1)) - 1),
            false => (0, (1 << self.bits) - 1),
        }
    }

    fn get(self, bytes: &[u8], offset: usize) -> i128 {
        let raw = (0..self.bits as usize).fold(0i128, |value, n| value << 1 | i128::from(bit(bytes, offset + n)));
        if self.signed && raw >> (self.bits - 1) == 1 {
            raw - (1 << self.bits)
        } else {
            raw
        }
    }

    fn fit(self, value: i128, overflow: Overflow) -> Option<i128> {
        let (low, high) = self.bounds();
        if (low..=high).contains(&value) {
            return Some(value);
        }
        match overflow {
            Overflow::Fail => None,
            Overflow::Sat => Some(value.clamp(low, high)),
            Overflow::Wrap => Some((value - low).rem_euclid(1 << self.bits) + low),
        }
    }

    fn put(self, text: &mut Text, offset: usize, value: i128) {
        for n in 0..self.bits {
            put_bit(text, offset + n as usize, value >> (self.bits - 1 - n) & 1 == 1);
        }
    }
}

fn bit(bytes: &[u8], at: usize) -> bool {
    bytes.get(at / 8).is_some_and(|byte| byte >> (7 - at % 8) & 1 == 1)
}

fn put_bit(text: &mut Text, at: usize, on: bool) {
    if text.bytes.len() <= at / 8 {
        text.bytes.resize(at / 8 + 1, 0);
    }
    let mask = 1 << (7 - at % 8);
    if on {
        text.bytes[at / 8] |= mask
    } else {
        text.bytes[at / 8] &= !mask
    }
    text.grown = true;
}

/// An offset in bits, or with `#` in fields of that width.
fn bit_offset(call: &Call<'_>, text: &[u8], width: u32) -> Result<usize, Fault> {
    let wrong = || Fault::err("bit offset is not an integer or out of range");
    let (digits, factor) = match text
        .strip_prefix(b"#")
        .filter(|_| !call.is(0, "setbit") && !call.is(0, "getbit"))
    {
        Some(digits) => (digits, i64::from(width)),
        None => (text, 1),
    };
    let offset = number::integer(digits)
        .and_then(|n| n.checked_mul(factor))
        .filter(|n| *n >= 0)
        .ok_or_else(wrong)?;
    let offset = usize::try_from(offset).map_err(|_| wrong())?;
    within_limit(offset / 8, call.server.config.number("proto-max-bulk-len") as usize - 1).map_err(|_| wrong())?;
    Ok(offset)
}

fn by_bits(call: &Call<'_>, at: usize) -> Result<bool, Fault> {
    match call.word(at).as_slice() {
        b"bit" => Ok(true),
        b"byte" => Ok(false),
        _ => Err(Fault::syntax()),
    }
}

fn bits_of(range: Option<(i64, i64, bool)>, bytes: usize) -> std::ops::Range<usize> {
    match range {
        None => 0..bytes * 8,
        Some((start, stop, true)) => clip(start, stop, bytes * 8).unwrap_or(0..0),
        Some((start, stop, false)) => clip(start, stop, bytes).map_or(0..0, |range| range.start * 8..range.end * 8),
    }
}
