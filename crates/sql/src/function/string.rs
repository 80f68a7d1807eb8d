//! Text.

use md5::Digest as _;
use sha2::{Sha224, Sha256, Sha384, Sha512};

use super::encode::{decode, encode};
use super::quote::{quote_ident, quote_literal};
use super::{ANY, Function, function, int_of, str_of};
use crate::cx::Cx;
use crate::error::Error;
use crate::pattern;
use crate::text;
use crate::types::Type;
use crate::value::Value;

const T: Type = Type::TEXT;
const I: Type = Type::INT4;
pub(super) const B: Type = Type::BYTEA;

/// Bytes a call may put out.
const MOST: usize = 16 << 20;

pub(super) const TABLE: &[Function] = &[
    function("length", &[T], I, |_, a| Ok(str_of(a, 0).chars().count().into())),
    function("length", &[B], I, |_, a| Ok(bytes(a, 0).len().into())),
    function("char_length", &[T], I, |_, a| Ok(str_of(a, 0).chars().count().into())),
    function("character_length", &[T], I, |_, a| {
        Ok(str_of(a, 0).chars().count().into())
    }),
    function("octet_length", &[T], I, |_, a| Ok(str_of(a, 0).len().into())),
    function("octet_length", &[B], I, |_, a| Ok(bytes(a, 0).len().into())),
    function("bit_length", &[T], I, |_, a| Ok((str_of(a, 0).len() * 8).into())),
    function("lower", &[T], T, |_, a| Ok(str_of(a, 0).to_lowercase().into())),
    function("upper", &[T], T, |_, a| Ok(str_of(a, 0).to_uppercase().into())),
    function("initcap", &[T], T, |_, a| Ok(initcap(str_of(a, 0)).into())),
    function("substring", &[T, I], T, |_, a| {
        Ok(slice(str_of(a, 0), int_of(a, 1), None).into())
    }),
    function("substring", &[T, I, I], T, cut),
    function("substring", &[T, T], T, found),
    function("substr", &[T, I], T, |_, a| {
        Ok(slice(str_of(a, 0), int_of(a, 1), None).into())
    }),
    function("substr", &[T, I, I], T, cut),
    function("left", &[T, I], T, |_, a| {
        Ok(side(str_of(a, 0), int_of(a, 1), true).into())
    }),
    function("right", &[T, I], T, |_, a| {
        Ok(side(str_of(a, 0), int_of(a, 1), false).into())
    }),
    function("replace", &[T, T, T], T, |cx, a| {
        if str_of(a, 1).is_empty() {
            return Ok(a[0].clone());
        }
        let growth = str_of(a, 0).matches(str_of(a, 1)).count() * str_of(a, 2).len();
        cx.hold(growth)?;
        Ok(str_of(a, 0).replace(str_of(a, 1), str_of(a, 2)).into())
    }),
    function(
        "strpos",
        &[T, T],
        I,
        |_, a| Ok(place(str_of(a, 0), str_of(a, 1)).into()),
    ),
    function("position", &[T, T], I, |_, a| {
        Ok(place(str_of(a, 0), str_of(a, 1)).into())
    }),
    function("starts_with", &[T, T], Type::BOOL, |_, a| {
        Ok(str_of(a, 0).starts_with(str_of(a, 1)).into())
    }),
    function("concat", &[ANY], T, |cx, a| Ok(joined(cx, a, "").into()))
        .variadic()
        .lenient(),
    function("concat_ws", &[T, ANY], T, |cx, a| match &a[0] {
        Value::Null => Ok(Value::Null),
        _ => Ok(joined(cx, &a[1..], str_of(a, 0)).into()),
    })
    .variadic()
    .lenient(),
    function("repeat", &[T, I], T, |cx, a| {
        let times = usize::try_from(int_of(a, 1)).unwrap_or(0);
        let size = times.saturating_mul(str_of(a, 0).len());
        cx.hold(size)?;
        Ok(str_of(a, 0).repeat(if size > MOST { 0 } else { times }).into())
    }),
    function("btrim", &[T], T, |_, a| Ok(str_of(a, 0).trim_matches(' ').into())),
    function("ltrim", &[T], T, |_, a| Ok(str_of(a, 0).trim_start_matches(' ').into())),
    function("rtrim", &[T], T, |_, a| Ok(str_of(a, 0).trim_end_matches(' ').into())),
    function("btrim", &[T, T], T, |_, a| {
        Ok(str_of(a, 0).trim_matches(|c| str_of(a, 1).contains(c)).into())
    }),
    function("ltrim", &[T, T], T, |_, a| {
        Ok(str_of(a, 0).trim_start_matches(|c| str_of(a, 1).contains(c)).into())
    }),
    function("rtrim", &[T, T], T, |_, a| {
        Ok(str_of(a, 0).trim_end_matches(|c| str_of(a, 1).contains(c)).into())
    }),
    function("lpad", &[T, I], T, |cx, a| {
        pad(cx, str_of(a, 0), int_of(a, 1), " ", true)
    }),
    function("rpad", &[T, I], T, |cx, a| {
        pad(cx, str_of(a, 0), int_of(a, 1), " ", false)
    }),
    function("lpad", &[T, I, T], T, |cx, a| {
        pad(cx, str_of(a, 0), int_of(a, 1), str_of(a, 2), true)
    }),
    function("rpad", &[T, I, T], T, |cx, a| {
        pad(cx, str_of(a, 0), int_of(a, 1), str_of(a, 2), false)
    }),
    function("reverse", &[T], T, |_, a| {
        Ok(str_of(a, 0).chars().rev().collect::<String>().into())
    }),
    function("split_part", &[T, T, I], T, |_, a| {
        let parts: Vec<&str> = str_of(a, 0).split(str_of(a, 1)).collect();
        let n = int_of(a, 2);
        let at = if n < 0 { parts.len() as i64 + n } else { n - 1 };
        Ok(usize::try_from(at)
            .ok()
            .and_then(|at| parts.get(at))
            .map_or("", |part| part)
            .into())
    }),
    function("ascii", &[T], I, |_, a| {
        Ok(Value::Int(
            str_of(a, 0).chars().next().map_or(0, |c| i64::from(u32::from(c))),
        ))
    }),
    function("chr", &[I], T, |_, a| {
        match u32::try_from(int_of(a, 0)).ok().and_then(char::from_u32) {
            Some('\0') | None => {
                Err(Error::new("54000", "null character not permitted").raised("oracle_compat.c", 1008, "chr"))
            }
            Some(c) => Ok(String::from(c).into()),
        }
    }),
    function("md5", &[T], T, |_, a| {
        Ok(hex::encode(md5::Md5::digest(str_of(a, 0).as_bytes())).into())
    }),
    function("md5", &[B], T, |_, a| {
        Ok(hex::encode(md5::Md5::digest(bytes(a, 0))).into())
    }),
    function("sha224", &[B], B, |_, a| {
        Ok(Value::Bytes(Sha224::digest(bytes(a, 0)).to_vec().into()))
    }),
    function("sha256", &[B], B, |_, a| {
        Ok(Value::Bytes(Sha256::digest(bytes(a, 0)).to_vec().into()))
    }),
    function("sha384", &[B], B, |_, a| {
        Ok(Value::Bytes(Sha384::digest(bytes(a, 0)).to_vec().into()))
    }),
    function("sha512", &[B], B, |_, a| {
        Ok(Value::Bytes(Sha512::digest(bytes(a, 0)).to_vec().into()))
    }),
    function("encode", &[B, T], T, encode),
    function("decode", &[T, T], B, decode),
    function("convert_from", &[B, T], T, |_, a| {
        match std::str::from_utf8(bytes(a, 0)) {
            Ok(text) => Ok(text.into()),
            Err(error) => {
                let bad = bytes(a, 0)[error.valid_up_to()];
                let message = format!("invalid byte sequence for encoding \"UTF8\": 0x{bad:02x}");
                Err(Error::new("22021", message).raised("mbutils.c", 1798, "report_invalid_encoding_int"))
            }
        }
    }),
    function("convert_to", &[T, T], B, |_, a| {
        Ok(Value::Bytes(str_of(a, 0).as_bytes().into()))
    }),
    function("quote_ident", &[T], T, |_, a| Ok(quote_ident(str_of(a, 0)).into())),
    function("quote_literal", &[ANY], T, |cx, a| {
        Ok(quote_literal(&joined(cx, &a[..1], "")).into())
    }),
    function("quote_nullable", &[ANY], T, |cx, a| match &a[0] {
        Value::Null => Ok("NULL".into()),
        _ => Ok(quote_literal(&joined(cx, &a[..1], "")).into()),
    })
    .lenient(),
    function("translate", &[T, T, T], T, |_, a| {
        let to: Vec<char> = str_of(a, 2).chars().collect();
        let turned = str_of(a, 0)
            .chars()
            .filter_map(|c| match str_of(a, 1).chars().position(|from| from == c) {
                None => Some(c),
                Some(at) => to.get(at).copied(),
            });
        Ok(turned.collect::<String>().into())
    }),
    function("to_hex", &[Type::INT8], T, |_, a| {
        Ok(format!("{:x}", int_of(a, 0)).into())
    }),
    function(
        "to_hex",
        &[I],
        T,
        |_, a| Ok(format!("{:x}", int_of(a, 0) as i32).into()),
    ),
    function("regexp_replace", &[T, T, T], T, |cx, a| replaced(cx, a, "")),
    function("regexp_replace", &[T, T, T, T], T, |cx, a| {
        replaced(cx, a, str_of(a, 3))
    }),
    function("regexp_match", &[T, T], Type::TEXT_ARRAY, |cx, a| {
        Ok(groups(cx, str_of(a, 0), str_of(a, 1))?.map_or(Value::Null, |found| Value::Array(found.into())))
    }),
    function("regexp_matches", &[T, T], Type::TEXT_ARRAY, |cx, a| {
        let found = groups(cx, str_of(a, 0), str_of(a, 1))?;
        Ok(Value::Array(
            found.into_iter().map(|found| Value::Array(found.into())).collect(),
        ))
    })
    .set(),
    function("format", &[T, ANY], T, format_of).variadic().lenient(),
];

pub(super) fn bytes(args: &[Value], at: usize) -> &[u8] {
    match args.get(at) {
        Some(Value::Bytes(bytes)) => bytes,
        _ => &[],
    }
}

fn joined(cx: &Cx<'_>, args: &[Value], between: &str) -> String {
    let shown = args
        .iter()
        .filter(|arg| !arg.is_null())
        .map(|arg| text::output(Type::TEXT, arg, cx));
    shown.collect::<Vec<_>>().join(between)
}

fn initcap(text: &str) -> String {
    let mut within = false;
    let turned = text.chars().map(|c| {
        let turned = if within {
            c.to_lowercase().to_string()
        } else {
            c.to_uppercase().to_string()
        };
        within = c.is_alphanumeric();
        turned
    });
    turned.collect()
}

/// Characters from a place counted from one, which may lie before the text.
fn slice(text: &str, from: i64, count: Option<i64>) -> String {
    let start = from.max(1);
    let end = count.map_or(i64::MAX, |count| from.saturating_add(count));
    let take = usize::try_from(end.saturating_sub(start)).unwrap_or(0);
    let skip = usize::try_from(start - 1).unwrap_or(usize::MAX);
    text.chars().skip(skip).take(take).collect()
}

fn cut(_: &Cx<'_>, args: &[Value]) -> Result<Value, Error> {
    let count = int_of(args, 2);
    if count < 0 {
        return Err(Error::new("22011", "negative substring length not allowed").raised(
            "varlena.c",
            900,
            "text_substring",
        ));
    }
    Ok(slice(str_of(args, 0), int_of(args, 1), Some(count)).into())
}

fn side(text: &str, count: i64, left: bool) -> String {
    let all = text.chars().count() as i64;
    let count = if count < 0 {
        (all + count).max(0)
    } else {
        count.min(all)
    } as usize;
    if left {
        text.chars().take(count).collect()
    } else {
        text.chars().skip(all as usize - count).collect()
    }
}

fn place(text: &str, what: &str) -> i64 {
    text.find(what).map_or(0, |at| text[..at].chars().count() as i64 + 1)
}

fn pad(cx: &Cx<'_>, text: &str, to: i64, with: &str, left: bool) -> Result<Value, Error> {
    let to = usize::try_from(to).unwrap_or(0);
    cx.hold(to)?;
    let have = text.chars().count();
    if have >= to || with.is_empty() {
        return Ok(text.chars().take(to).collect::<String>().into());
    }
    let filling: String = with.chars().cycle().take(to - have).collect();
    Ok(if left {
        filling + text
    } else {
        text.to_owned() + &filling
    }
    .into())
}

fn found(cx: &Cx<'_>, args: &[Value]) -> Result<Value, Error> {
    let text = str_of(args, 0);
    let Some(marks) = pattern::compile(str_of(args, 1), false)?.find(text, cx)? else {
        return Ok(Value::Null);
    };
    let wanted = if marks.len() > 1 { marks[1] } else { marks[0] };
    Ok(wanted
        .map(|(from, to)| text.chars().skip(from).take(to - from).collect::<String>())
        .into())
}

fn groups(cx: &Cx<'_>, text: &str, pattern: &str) -> Result<Option<Vec<Value>>, Error> {
    let Some(marks) = pattern::compile(pattern, false)?.find(text, cx)? else {
        return Ok(None);
    };
    let wanted = if marks.len() > 1 { &marks[1..] } else { &marks[..] };
    let found = wanted.iter().map(|mark| {
        mark.map(|(from, to)| text.chars().skip(from).take(to - from).collect::<String>())
            .into()
    });
    Ok(Some(found.collect()))
}

fn replaced(cx: &Cx<'_>, args: &[Value], flags: &str) -> Result<Value, Error> {
    let pattern = pattern::compile(str_of(args, 1), flags.contains('i'))?;
    let chars: Vec<char> = str_of(args, 0).chars().collect();
    let (mut out, mut from) = (String::new(), 0);
    while from <= chars.len() {
        let Some(marks) = pattern.find_from(&chars, from, cx)? else {
            break;
        };
        let Some((start, end)) = marks[0] else { break };
        out.extend(&chars[from..start]);
        let mut with = str_of(args, 2).chars();
        while let Some(c) = with.next() {
            match (c, c == '\\') {
                (_, true) => match with.next() {
                    Some('&') => out.extend(&chars[start..end]),
                    Some(c) if c.is_ascii_digit() => {
                        let at = c as usize - '0' as usize;
                        if let Some((from, to)) = marks.get(at).copied().flatten() {
                            out.extend(&chars[from..to]);
                        }
                    }
                    other => out.extend(other),
                },
                (c, false) => out.push(c),
            }
        }
        cx.hold(out.len())?;
        from = end;
        if start == end {
            out.extend(chars.get(end));
            from += 1;
        }
        if !flags.contains('g') {
            break;
        }
    }
    out.extend(chars.get(from.min(chars.len())..).unwrap_or(&[]));
    Ok(out.into())
}

fn format_of(cx: &Cx<'_>, args: &[Value]) -> Result<Value, Error> {
    let (mut out, mut next) = (String::new(), 1);
    let mut chars = str_of(args, 0).chars();
    while let Some(c) = chars.next() {
        if c != '%' {
            out.push(c);
            continue;
        }
        let kind = chars.next();
        if kind == Some('%') {
            out.push('%');
            continue;
        }
        let Some(arg) = args.get(next) else {
            return Err(Error::new("22023", "too few arguments for format()").raised("varlena.c", 5788, "text_format"));
        };
        next += 1;
        let shown = joined(cx, std::slice::from_ref(arg), "");
        match kind {
            Some('s') => out.push_str(&shown),
            Some('I') => out.push_str(&quote_ident(&shown)),
            Some('L') if arg.is_null() => out.push_str("NULL"),
            Some('L') => out.push_str(&quote_literal(&shown)),
            other => {
                let shown = other.map(String::from).unwrap_or_default();
                let message = format!("unrecognized format() type specifier \"{shown}\"");
                return Err(Error::new("22023", message).raised("varlena.c", 5804, "text_format"));
            }
        }
    }
    Ok(out.into())
}
