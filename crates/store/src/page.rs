//! Which rows, in what order, and where the next ones begin: the same for every listing.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use ipnet::IpNet;
use model::{Origin, Outcome};
use sea_orm::sea_query::{Expr, ExprTrait, Func, LikeExpr, Query, SimpleExpr};
use sea_orm::{ColumnTrait, Condition, EntityTrait, QueryFilter, QueryOrder, QuerySelect, Select, Value};
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

use crate::entity::attacker;
use crate::value::{addr, micros};
use crate::{Error, Result};

/// What a listing is narrowed to. Each listing uses the parts that mean something to it.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// Inclusive.
    pub since: Option<OffsetDateTime>,
    /// Exclusive.
    pub until: Option<OffsetDateTime>,
    /// An address is a network of one; [`Filter::network`] reads both.
    pub attacker: Option<IpNet>,
    pub decky: Option<String>,
    pub service: Option<String>,
    /// Kind of an event, mode of a session, kind of a secret.
    pub kind: Option<String>,
    /// Id of a connection or, for sessions, of one of its channels.
    pub session: Option<String>,
    /// Any case, anywhere in what the row says.
    pub text: Option<String>,
    /// Of credentials: those that ever succeeded, or ever failed.
    pub outcome: Option<Outcome>,
    /// Of events.
    pub origin: OriginFilter,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OriginFilter {
    #[default]
    Peers,
    Only(Origin),
    All,
}

/// A piece of a listing.
#[derive(Clone, Debug)]
pub struct Page {
    /// At most [`Page::MAX`].
    pub limit: u64,
    pub order: Order,
    /// From [`Listing::next`] of the page before, of the same filter and order.
    pub after: Option<Cursor>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Order {
    #[default]
    NewestFirst,
    OldestFirst,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Listing<T> {
    pub rows: Vec<T>,
    /// Absent when there are no more.
    pub next: Option<Cursor>,
}

/// A place in a listing, as text for those who hand it on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cursor {
    pub(crate) at: i64,
    pub(crate) tie: Tie,
}

/// What orders rows of the same moment: the row's key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Tie {
    Number(i64),
    Text(String),
    Bytes(Vec<u8>),
    Uuid(uuid::Uuid),
}

/// The columns a listing is ordered by.
#[derive(Clone, Copy)]
pub(crate) struct By<C> {
    pub(crate) at: C,
    pub(crate) tie: C,
}

// === impl Filter ===

impl Filter {
    /// `192.0.2.7`, `2001:db8::7`, `192.0.2.0/24`, `2001:db8::/32`.
    pub fn network(text: &str) -> Result<IpNet> {
        let net = IpNet::from_str(text).or_else(|_| IpAddr::from_str(text).map(|ip| IpNet::from(ip.to_canonical())));
        net.map_err(|_| Error::Value {
            what: "this filter",
            reason: format!("`{text}` is no address and no network"),
        })
    }

    pub(crate) fn time<C: ColumnTrait>(&self, column: C) -> Condition {
        Condition::all()
            .add_option(self.since.map(|since| column.gte(micros(since))))
            .add_option(self.until.map(|until| column.lt(micros(until))))
    }

    pub(crate) fn attacker<C: ColumnTrait>(&self, column: C) -> Option<SimpleExpr> {
        let net = self.attacker?;
        Some(match single(net) {
            Some(ip) => column.eq(ip.to_string()),
            None => {
                let known = Query::select()
                    .column(attacker::Column::Ip)
                    .from(attacker::Entity)
                    .cond_where(within(net))
                    .take();
                column.in_subquery(known)
            }
        })
    }
}

/// Addresses of the network among the attackers.
pub(crate) fn within(net: IpNet) -> Condition {
    Condition::all()
        .add(attacker::Column::Addr.gte(addr(net.network()).to_vec()))
        .add(attacker::Column::Addr.lte(addr(net.broadcast()).to_vec()))
}

/// The one address of the network, when it has but one.
pub(crate) fn single(net: IpNet) -> Option<IpAddr> {
    (net.prefix_len() == net.max_prefix_len()).then(|| net.addr())
}

pub(crate) fn is<C: ColumnTrait>(column: C, value: Option<&String>) -> Option<SimpleExpr> {
    value.map(|value| column.eq(value.as_str()))
}

/// Whether any of the columns holds the text, in any case.
pub(crate) fn contains<C: ColumnTrait>(columns: impl IntoIterator<Item = C>, text: &str) -> Condition {
    let escaped = text
        .to_lowercase()
        .replace('\\', "\\\\")
        .replace('%', "\\%")
        .replace('_', "\\_");
    let pattern = format!("%{escaped}%");
    columns.into_iter().fold(Condition::any(), |any, column| {
        let column = Expr::expr(Func::lower(Expr::col(column.as_column_ref())));
        any.add(column.like(LikeExpr::new(pattern.clone()).escape('\\')))
    })
}

// === impl Page ===

impl Page {
    pub const MAX: u64 = 1_000;

    pub fn newest(limit: u64) -> Self {
        Self {
            limit,
            ..Self::default()
        }
    }

    /// The rows of this page, fetched with one more to know whether there is a next page.
    pub(crate) fn of<E: EntityTrait>(&self, select: Select<E>, by: By<E::Column>) -> Select<E> {
        let descending = self.order == Order::NewestFirst;
        let order = if descending {
            sea_orm::Order::Desc
        } else {
            sea_orm::Order::Asc
        };
        let after = self.after.as_ref().map(|cursor| {
            let place = Expr::tuple([by.at.into_expr(), by.tie.into_expr()]);
            let bound = Expr::tuple([Expr::val(cursor.at), Expr::val(cursor.tie.value())]);
            if descending { place.lt(bound) } else { place.gt(bound) }
        });
        select
            .filter(Condition::all().add_option(after))
            .order_by(by.at, order.clone())
            .order_by(by.tie, order)
            .limit(self.rows() + 1)
    }

    pub(crate) fn rows(&self) -> u64 {
        std::cmp::min(self.limit, Self::MAX)
    }
}

impl Default for Page {
    fn default() -> Self {
        Self {
            limit: 100,
            order: Order::default(),
            after: None,
        }
    }
}

// === impl Listing ===

impl<T> Listing<T> {
    /// From rows of a query that asked for one more than the page holds.
    pub(crate) fn cut(page: &Page, mut rows: Vec<T>, cursor: impl Fn(&T) -> Cursor) -> Self {
        let room = usize::try_from(page.rows()).unwrap_or(usize::MAX);
        let more = rows.len() > room;
        rows.truncate(room);
        let next = rows.last().filter(|_| more).map(cursor);
        Self { rows, next }
    }

    pub(crate) fn map<U>(self, row: impl Fn(T) -> U) -> Listing<U> {
        let rows = self.rows.into_iter().map(row).collect();
        Listing { rows, next: self.next }
    }

    pub(crate) fn try_map<U>(self, row: impl Fn(T) -> Result<U>) -> Result<Listing<U>> {
        let rows = self.rows.into_iter().map(row).collect::<Result<_>>()?;
        Ok(Listing { rows, next: self.next })
    }
}

// === impl Cursor ===

impl Cursor {
    pub(crate) fn new(at: i64, tie: impl Into<Tie>) -> Self {
        Self { at, tie: tie.into() }
    }
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.tie {
            Tie::Number(n) => write!(f, "{}.n{n}", self.at),
            Tie::Text(text) => write!(f, "{}.t{text}", self.at),
            Tie::Bytes(bytes) => write!(f, "{}.x{}", self.at, hex::encode(bytes)),
            Tie::Uuid(uuid) => write!(f, "{}.u{uuid}", self.at),
        }
    }
}

impl FromStr for Cursor {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let read = || {
            let (at, tie) = text.split_once('.')?;
            let tie = match tie.split_at_checked(1)? {
                ("n", number) => Tie::Number(number.parse().ok()?),
                ("t", text) => Tie::Text(text.to_owned()),
                ("x", digits) => Tie::Bytes(hex::decode(digits).ok()?),
                ("u", uuid) => Tie::Uuid(uuid.parse().ok()?),
                _ => return None,
            };
            Some(Self {
                at: at.parse().ok()?,
                tie,
            })
        };
        read().ok_or_else(|| Error::Cursor { given: text.to_owned() })
    }
}

impl Serialize for Cursor {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Cursor {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        String::deserialize(deserializer)?
            .parse()
            .map_err(serde::de::Error::custom)
    }
}

// === impl Tie ===

impl Tie {
    pub(crate) fn value(&self) -> Value {
        match self {
            Self::Number(n) => (*n).into(),
            Self::Text(text) => text.as_str().into(),
            Self::Bytes(bytes) => bytes.clone().into(),
            Self::Uuid(uuid) => (*uuid).into(),
        }
    }
}

impl From<i64> for Tie {
    fn from(n: i64) -> Self {
        Self::Number(n)
    }
}

impl From<&str> for Tie {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<&Vec<u8>> for Tie {
    fn from(bytes: &Vec<u8>) -> Self {
        Self::Bytes(bytes.clone())
    }
}

impl From<uuid::Uuid> for Tie {
    fn from(uuid: uuid::Uuid) -> Self {
        Self::Uuid(uuid)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_survives_being_text() {
        let uuid = uuid::Uuid::from_u128(7);
        for cursor in [
            Cursor::new(-5, 42),
            Cursor::new(1, "2001:db8::1.x"),
            Cursor::new(2, &vec![0, 255]),
            Cursor::new(3, uuid),
        ] {
            assert_eq!(cursor.to_string().parse::<Cursor>().unwrap(), cursor);
        }
        for bad in ["", "1", "1.", "1.n", "x.n1", "1.q5", "1.x0", "1.é"] {
            assert!(bad.parse::<Cursor>().is_err(), "{bad}");
        }
    }

    #[test]
    fn a_filter_takes_an_address_or_a_network() {
        assert_eq!(
            single(Filter::network("::ffff:192.0.2.7").unwrap())
                .unwrap()
                .to_string(),
            "192.0.2.7"
        );
        assert_eq!(single(Filter::network("192.0.2.0/24").unwrap()), None);
        assert!(Filter::network("attacker").is_err());
    }
}
