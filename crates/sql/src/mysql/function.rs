//! Functions by MySQL's names; those of other names are the engine's own.

use md5::Digest as _;

use crate::cx::Act;
use crate::datetime::{DAY, EPOCH};
use crate::function::{ANY, Function, function, int_of, str_of};
use crate::types::Type;
use crate::value::Value;

use super::reckon::{
    apart, base64, before, both, client, coerce_bytes, crc32, formatted, keep, kept, load, mid, now, one, part, place,
    span, stamp, system, time, today, unbase64, xpath,
};
use super::{coerce, output, reckon};

const T: Type = Type::TEXT;
const I: Type = Type::INT8;
const F: Type = Type::FLOAT8;
const S: Type = Type::TIMESTAMP;
const B: Type = Type::BYTEA;
/// Bytes a call may put out.
const MOST: i64 = 1 << 20;

/// Functions of the engine that MySQL has too, by the same name and with the same meaning.
pub(crate) const SHARED: &[&str] = &[
    "abs",
    "acos",
    "asin",
    "atan",
    "atan2",
    "btrim",
    "ceil",
    "ceiling",
    "char_length",
    "character_length",
    "coalesce",
    "concat_ws",
    "cos",
    "cot",
    "degrees",
    "exp",
    "floor",
    "greatest",
    "least",
    "left",
    "ln",
    "lower",
    "lpad",
    "ltrim",
    "md5",
    "nullif",
    "octet_length",
    "pi",
    "position",
    "power",
    "radians",
    "replace",
    "reverse",
    "right",
    "round",
    "rpad",
    "rtrim",
    "sign",
    "sin",
    "sqrt",
    "substr",
    "substring",
    "tan",
    "upper",
];

pub(crate) const TABLE: &[Function] = &[
    function("@", &[T], T, |cx, a| Ok(kept(cx, str_of(a, 0)))),
    function("@=", &[T, ANY], T, |cx, a| {
        keep(cx, str_of(a, 0), a[1].clone());
        Ok(coerce::words(&a[1]))
    })
    .lenient(),
    function("@@", &[T], T, system),
    function("@binary", &[T], B, |_, a| {
        Ok(Value::Bytes(str_of(a, 0).as_bytes().into()))
    }),
    function("@interval", &[T, T], Type::INTERVAL, |_, a| {
        Ok(span(str_of(a, 0), str_of(a, 1)))
    }),
    function("version", &[], T, |cx, _| Ok(cx.state.persona.version.as_str().into())),
    function("database", &[], T, |cx, _| Ok(cx.state.schema.borrow().clone().into())),
    function("schema", &[], T, |cx, _| Ok(cx.state.schema.borrow().clone().into())),
    function("user", &[], T, |cx, _| Ok(client(cx).into())),
    function("session_user", &[], T, |cx, _| Ok(client(cx).into())),
    function("system_user", &[], T, |cx, _| Ok(client(cx).into())),
    function("current_user", &[], T, |cx, _| {
        Ok(format!("{}@%", super::grants::user(cx)).into())
    }),
    function("current_role", &[], T, |_, _| Ok(Value::Null)),
    function("connection_id", &[], I, |cx, _| Ok(cx.state.persona.pid.into())),
    function("last_insert_id", &[], I, |cx, _| {
        Ok(cx.state.last_inserted.get().into())
    }),
    function("row_count", &[], I, |cx, _| Ok(cx.state.changed.get().into())),
    function("found_rows", &[], I, |cx, _| Ok(cx.state.found.get().into())),
    function("charset", &[ANY], T, |cx, _| {
        Ok(reckon::connection(cx, "character_set_connection"))
    })
    .lenient(),
    function("collation", &[ANY], T, |cx, _| {
        Ok(reckon::connection(cx, "collation_connection"))
    })
    .lenient(),
    function("now", &[], S, |cx, _| Ok(now(cx))),
    function("now", &[I], S, |cx, _| Ok(Value::Stamp(cx.state.began.get()))),
    function("sysdate", &[], S, |cx, _| Ok(now(cx))),
    function("current_timestamp", &[], S, |cx, _| Ok(now(cx))),
    function("localtime", &[], S, |cx, _| Ok(now(cx))),
    function("localtimestamp", &[], S, |cx, _| Ok(now(cx))),
    function("utc_timestamp", &[], S, |cx, _| Ok(now(cx))),
    function("curdate", &[], Type::DATE, |cx, _| Ok(today(cx))),
    function("current_date", &[], Type::DATE, |cx, _| Ok(today(cx))),
    function("utc_date", &[], Type::DATE, |cx, _| Ok(today(cx))),
    function("curtime", &[], Type::TIME, |cx, _| Ok(time(cx))),
    function("current_time", &[], Type::TIME, |cx, _| Ok(time(cx))),
    function("utc_time", &[], Type::TIME, |cx, _| Ok(time(cx))),
    function("unix_timestamp", &[], I, |cx, _| {
        Ok(output::unix(cx.state.began.get()).into())
    }),
    function("unix_timestamp", &[S], I, |_, a| {
        Ok(stamp(a, 0).map(output::unix).into())
    }),
    function("from_unixtime", &[I], S, |_, a| {
        Ok(Value::Stamp(
            int_of(a, 0).saturating_sub(EPOCH).saturating_mul(1_000_000),
        ))
    }),
    function("date", &[S], Type::DATE, |_, a| {
        Ok(stamp(a, 0).map_or(Value::Null, |at| Value::Date(at.div_euclid(DAY))))
    }),
    function("year", &[S], I, |_, a| Ok(part(a, |(year, ..), _| year))),
    function("month", &[S], I, |_, a| Ok(part(a, |(_, month, _), _| month.into()))),
    function("day", &[S], I, |_, a| Ok(part(a, |(.., day), _| day.into()))),
    function("dayofmonth", &[S], I, |_, a| Ok(part(a, |(.., day), _| day.into()))),
    function("hour", &[S], I, |_, a| Ok(part(a, |_, seconds| seconds / 3600))),
    function("minute", &[S], I, |_, a| Ok(part(a, |_, seconds| seconds / 60 % 60))),
    function("second", &[S], I, |_, a| Ok(part(a, |_, seconds| seconds % 60))),
    function("datediff", &[S, S], I, |_, a| {
        let days = |at: i64| at.div_euclid(DAY);
        Ok(stamp(a, 0).zip(stamp(a, 1)).map(|(a, b)| days(a) - days(b)).into())
    }),
    function("timestampdiff", &[T, S, S], I, |_, a| {
        Ok(apart(str_of(a, 0), stamp(a, 1), stamp(a, 2)))
    }),
    function("date_format", &[S, T], T, |_, a| {
        Ok(formatted(stamp(a, 0), str_of(a, 1)))
    }),
    function("concat", &[T], T, |cx, a| {
        if a.iter().any(Value::is_null) {
            return Ok(Value::Null);
        }
        let all: Vec<&str> = (0..a.len()).map(|at| str_of(a, at)).collect();
        cx.hold(all.iter().map(|text| text.len()).sum())?;
        Ok(all.concat().into())
    })
    .variadic(),
    function("length", &[T], I, |_, a| Ok(str_of(a, 0).len().into())),
    function("bit_length", &[T], I, |_, a| Ok((str_of(a, 0).len() * 8).into())),
    function("lcase", &[T], T, |_, a| Ok(str_of(a, 0).to_lowercase().into())),
    function("ucase", &[T], T, |_, a| Ok(str_of(a, 0).to_uppercase().into())),
    function("mid", &[T, I], T, |_, a| Ok(mid(a, None))),
    function("mid", &[T, I, I], T, |_, a| Ok(mid(a, Some(int_of(a, 2))))),
    function("substr", &[T, I], T, |_, a| Ok(mid(a, None))),
    function("substr", &[T, I, I], T, |_, a| Ok(mid(a, Some(int_of(a, 2))))),
    function("substring", &[T, I], T, |_, a| Ok(mid(a, None))),
    function("substring", &[T, I, I], T, |_, a| Ok(mid(a, Some(int_of(a, 2))))),
    function("substring_index", &[T, T, I], T, |_, a| {
        Ok(before(str_of(a, 0), str_of(a, 1), int_of(a, 2)))
    }),
    function("instr", &[T, T], I, |_, a| Ok(place(str_of(a, 0), str_of(a, 1)))),
    function("locate", &[T, T], I, |_, a| Ok(place(str_of(a, 1), str_of(a, 0)))),
    function("repeat", &[T, I], T, |cx, a| {
        let count = int_of(a, 1).clamp(0, MOST);
        let size = count.saturating_mul(str_of(a, 0).len() as i64);
        if size > MOST {
            return Ok(Value::Null);
        }
        cx.hold(size as usize)?;
        Ok(str_of(a, 0).repeat(count as usize).into())
    }),
    function("space", &[I], T, |_, a| {
        Ok(" ".repeat(int_of(a, 0).clamp(0, MOST) as usize).into())
    }),
    function("strcmp", &[T, T], I, |_, a| {
        let order = str_of(a, 0).to_lowercase().cmp(&str_of(a, 1).to_lowercase());
        Ok(Value::Int(order as i64))
    }),
    function("ascii", &[T], I, |_, a| {
        Ok(Value::Int(str_of(a, 0).bytes().next().unwrap_or(0).into()))
    }),
    function("ord", &[T], I, |_, a| {
        let first = str_of(a, 0).chars().next().map(String::from).unwrap_or_default();
        Ok(Value::Int(
            first.bytes().fold(0, |sum, byte| sum << 8 | i64::from(byte)),
        ))
    }),
    function("char", &[I], T, |_, a| {
        let bytes: Vec<u8> = (0..a.len()).map(|at| int_of(a, at) as u8).collect();
        Ok(String::from_utf8_lossy(&bytes).into_owned().into())
    })
    .variadic(),
    function("elt", &[I, T], T, |_, a| {
        let at = usize::try_from(int_of(a, 0)).unwrap_or(0);
        Ok(a.get(at).filter(|_| at > 0).cloned().unwrap_or(Value::Null))
    })
    .variadic()
    .lenient(),
    function("field", &[T, T], I, |_, a| {
        let found = a.iter().skip(1).position(|one| one.order(&a[0]).is_eq());
        Ok(found.map_or(0, |at| at as i64 + 1).into())
    })
    .variadic()
    .lenient(),
    function("quote", &[T], T, |_, a| {
        let text = str_of(a, 0).replace('\\', "\\\\").replace('\'', "\\'");
        Ok(format!("'{text}'").into())
    }),
    function("hex", &[ANY], T, |_, a| {
        Ok(match &a[0] {
            Value::Int(n) => format!("{n:X}").into(),
            value => coerce_bytes(value).map(hex::encode_upper).into(),
        })
    }),
    function("unhex", &[T], B, |_, a| {
        let digits = str_of(a, 0);
        let even = if digits.len() % 2 == 1 {
            format!("0{digits}")
        } else {
            digits.to_owned()
        };
        Ok(hex::decode(even).map_or(Value::Null, |bytes| Value::Bytes(bytes.into())))
    }),
    function("bin", &[I], T, |_, a| Ok(format!("{:b}", int_of(a, 0)).into())),
    function("to_base64", &[ANY], T, |_, a| {
        Ok(coerce_bytes(&a[0]).map(|bytes| base64(&bytes)).into())
    }),
    function("from_base64", &[T], B, |_, a| {
        Ok(unbase64(str_of(a, 0)).map_or(Value::Null, |bytes| Value::Bytes(bytes.into())))
    }),
    function("sha1", &[ANY], T, |_, a| {
        Ok(coerce_bytes(&a[0])
            .map(|bytes| hex::encode(sha1::Sha1::digest(bytes)))
            .into())
    }),
    function("sha", &[ANY], T, |_, a| {
        Ok(coerce_bytes(&a[0])
            .map(|bytes| hex::encode(sha1::Sha1::digest(bytes)))
            .into())
    }),
    function("sha2", &[ANY, I], T, |_, a| {
        let bytes = coerce_bytes(&a[0]).unwrap_or_default();
        Ok(match int_of(a, 1) {
            0 | 256 => hex::encode(sha2::Sha256::digest(bytes)).into(),
            224 => hex::encode(sha2::Sha224::digest(bytes)).into(),
            384 => hex::encode(sha2::Sha384::digest(bytes)).into(),
            512 => hex::encode(sha2::Sha512::digest(bytes)).into(),
            _ => Value::Null,
        })
    }),
    function("password", &[T], T, |_, a| {
        Ok(super::native_hash(str_of(a, 0).as_bytes()).into())
    }),
    function("uuid", &[], T, |cx, _| {
        let (a, b) = (cx.host.random(), cx.host.random());
        let (low, mid, top) = (a as u32, (a >> 32) as u16, (a >> 48) as u16 & 0xfff);
        Ok(format!(
            "{low:08x}-{mid:04x}-1{top:03x}-{:04x}-{:012x}",
            0x8000 | (b >> 50) as u16,
            b & 0xffff_ffff_ffff
        )
        .into())
    }),
    function("rand", &[], F, |cx, _| {
        Ok(Value::Float((cx.host.random() >> 11) as f64 / (1u64 << 53) as f64))
    }),
    function("rand", &[I], F, |_, a| {
        let mixed = (int_of(a, 0) as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ 0x1234_5678;
        Ok(Value::Float((mixed >> 11) as f64 / (1u64 << 53) as f64))
    }),
    function("pow", &[F, F], F, |_, a| Ok(both(a, f64::powf))),
    function("mod", &[F, F], F, |_, a| Ok(both(a, |a, b| a % b))),
    function("log", &[F], F, |_, a| Ok(one(a, f64::ln))),
    function("log2", &[F], F, |_, a| Ok(one(a, f64::log2))),
    function("log10", &[F], F, |_, a| Ok(one(a, f64::log10))),
    function("truncate", &[F, I], F, |_, a| {
        let by = 10f64.powi(i32::try_from(int_of(a, 1)).unwrap_or(0).clamp(-15, 15));
        Ok(one(a, |n| (n * by).trunc() / by))
    }),
    function("crc32", &[T], I, |_, a| {
        Ok(Value::Int(crc32(str_of(a, 0).as_bytes()).into()))
    }),
    function("inet_aton", &[T], I, |_, a| {
        Ok(str_of(a, 0).parse::<std::net::Ipv4Addr>().ok().map(u32::from).into())
    }),
    function("inet_ntoa", &[I], T, |_, a| {
        Ok(u32::try_from(int_of(a, 0))
            .ok()
            .map(|n| std::net::Ipv4Addr::from(n).to_string())
            .into())
    }),
    function("isnull", &[ANY], Type::BOOL, |_, a| Ok(a[0].is_null().into())).lenient(),
    function("sleep", &[F], I, |cx, a| {
        cx.act(Act::Sleep(coerce::number(&a[0]).unwrap_or(0.0)));
        Ok(Value::Int(0))
    }),
    function("benchmark", &[I, ANY], I, |cx, a| {
        // About what a simple expression takes.
        cx.act(Act::Sleep((int_of(a, 0) as f64 / 12_000_000.0).min(30.0)));
        Ok(Value::Int(0))
    })
    .lenient(),
    function("get_lock", &[T, F], I, |_, _| Ok(Value::Int(1))),
    function("release_lock", &[T], I, |_, _| Ok(Value::Int(1))),
    function("is_free_lock", &[T], I, |_, _| Ok(Value::Int(1))),
    function("load_file", &[T], B, |cx, a| Ok(load(cx, str_of(a, 0)))),
    function("extractvalue", &[T, T], T, |_, a| xpath(str_of(a, 1))),
    function("updatexml", &[T, T, T], T, |_, a| xpath(str_of(a, 1))),
    function("json_valid", &[T], I, |_, _| Ok(Value::Int(1))),
];
