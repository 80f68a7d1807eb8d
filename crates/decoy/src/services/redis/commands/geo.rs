//! Places kept in sorted sets, and looking for those near another.

use super::call::Call;
use super::zsets;
use crate::services::redis::geohash::{Place, Shape};
use crate::services::redis::number;
use crate::services::redis::reply::{Answer, Bytes, Fault, Reply};
use crate::services::redis::value::Value;
use crate::services::redis::zset::{ScoreEnd, Zset};

pub(super) fn geoadd(call: &mut Call<'_>) -> Answer {
    let mut at = 2;
    let (mut only_new, mut only_old) = (false, false);
    while at < call.count() {
        match call.word(at).as_slice() {
            b"nx" => only_new = true,
            b"xx" => only_old = true,
            b"ch" => {}
            _ => break,
        }
        at += 1;
    }
    let (options, places) = (&call.args[..at], &call.args[at..]);
    if places.is_empty() || !places.len().is_multiple_of(3) || (only_new && only_old) {
        return Err(Fault::syntax());
    }
    let mut args = options.to_vec();
    for place in places.chunks(3) {
        let score = place_of(&place[0], &place[1])?.score();
        args.extend([score.to_string().into_bytes(), place[2].clone()]);
    }
    zsets::zadd(&mut Call::new(call.server, call.id, &args))
}

pub(super) fn geopos(call: &mut Call<'_>) -> Answer {
    each(call, Reply::NullArray, coordinates)
}

pub(super) fn geohash(call: &mut Call<'_>) -> Answer {
    each(call, Reply::Null, |place| Reply::bulk(place.letters()))
}

pub(super) fn geodist(call: &mut Call<'_>) -> Answer {
    let unit = match call.count() {
        4 => 1.0,
        5 => unit(call.arg(4))?,
        _ => return Err(Fault::syntax()),
    };
    let (one, other) = (call.arg(2), call.arg(3));
    let places = call.read::<Zset>(call.arg(1))?.and_then(|zset| {
        let place = |member| zset.score(member).map(|score| Place::of_score(score as u64));
        Some((place(one)?, place(other)?))
    });
    Ok(places.map_or(Reply::Null, |(one, other)| metres(one.distance(other), unit)))
}

pub(super) fn georadius(call: &mut Call<'_>) -> Answer {
    by_radius(call, true)
}

pub(super) fn georadius_ro(call: &mut Call<'_>) -> Answer {
    by_radius(call, false)
}

pub(super) fn georadiusbymember(call: &mut Call<'_>) -> Answer {
    by_member(call, true)
}

pub(super) fn georadiusbymember_ro(call: &mut Call<'_>) -> Answer {
    by_member(call, false)
}

pub(super) fn geosearch(call: &mut Call<'_>) -> Answer {
    call.read::<Zset>(call.arg(1))?;
    let query = Query::read(call, 2, Manner::Search, None)?;
    query.answer(call, call.arg(1), None)
}

pub(super) fn geosearchstore(call: &mut Call<'_>) -> Answer {
    call.read::<Zset>(call.arg(2))?;
    let query = Query::read(call, 3, Manner::SearchStore, None)?;
    let to = call.arg(1).to_vec();
    query.answer(call, call.arg(2), Some((&to, "geosearchstore")))
}

fn by_radius(call: &mut Call<'_>, stores: bool) -> Answer {
    call.read::<Zset>(call.arg(1))?;
    let middle = place_of(call.arg(2), call.arg(3))?;
    let (radius, unit) = (length(call.arg(4), "radius")?, unit(call.arg(5))?);
    let given = (Some(middle), Shape::Circle { radius: radius * unit }, unit);
    radius_answer(call, 6, stores, given)
}

fn by_member(call: &mut Call<'_>, stores: bool) -> Answer {
    let member = call.arg(2);
    let middle = match call.read::<Zset>(call.arg(1))? {
        None => None,
        Some(zset) => Some(place_of_member(zset, member)?),
    };
    let (radius, unit) = (length(call.arg(3), "radius")?, unit(call.arg(4))?);
    let given = (middle, Shape::Circle { radius: radius * unit }, unit);
    radius_answer(call, 5, stores, given)
}

fn radius_answer(call: &mut Call<'_>, from: usize, stores: bool, given: (Option<Place>, Shape, f64)) -> Answer {
    let manner = if stores { Manner::Radius } else { Manner::RadiusReadOnly };
    let query = Query::read(call, from, manner, Some(given))?;
    let to = query.to.clone();
    let to = to.as_deref().map(|to| (to, "georadiusstore"));
    query.answer(call, call.arg(1), to)
}

/// Which of the commands asks: they take different words.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Manner {
    Radius,
    RadiusReadOnly,
    Search,
    SearchStore,
}

#[derive(Default)]
struct Query {
    /// None when the key is not there to tell.
    middle: Option<Place>,
    shape: Option<Shape>,
    unit: f64,
    with_distance: bool,
    with_score: bool,
    with_place: bool,
    /// Whether the farthest come first.
    order: Option<bool>,
    count: Option<usize>,
    any: bool,
    to: Option<Bytes>,
    store_distance: bool,
}

struct Found {
    member: Bytes,
    score: f64,
    place: Place,
    distance: f64,
}

// === impl Query ===

impl Query {
    fn read(
        call: &mut Call<'_>,
        from: usize,
        manner: Manner,
        given: Option<(Option<Place>, Shape, f64)>,
    ) -> Result<Self, Fault> {
        let mut query = Self::default();
        let key = call.arg(if manner == Manner::SearchStore { 2 } else { 1 });
        let searches = matches!(manner, Manner::Search | Manner::SearchStore);
        let (mut at, mut has_middle) = (from, false);
        if let Some((middle, shape, unit)) = given {
            (query.middle, query.shape, query.unit, has_middle) = (middle, Some(shape), unit, true);
        }
        while at < call.count() {
            let left = call.count() - at - 1;
            match call.word(at).as_slice() {
                b"withdist" => query.with_distance = true,
                b"withhash" => query.with_score = true,
                b"withcoord" => query.with_place = true,
                b"any" => query.any = true,
                b"asc" => query.order = Some(false),
                b"desc" => query.order = Some(true),
                b"count" if left >= 1 => {
                    let count = usize::try_from(call.int(at + 1)?).ok().filter(|count| *count > 0);
                    query.count = Some(count.ok_or_else(|| Fault::err("COUNT must be > 0"))?);
                    at += 1;
                }
                word @ (b"store" | b"storedist") if manner == Manner::Radius && left >= 1 => {
                    query.store_distance = word == b"storedist";
                    query.to = Some(call.arg(at + 1).to_vec());
                    at += 1;
                }
                b"storedist" if manner == Manner::SearchStore => query.store_distance = true,
                b"frommember" if searches && left >= 1 && !has_middle => {
                    let member = call.arg(at + 1);
                    if let Some(zset) = call.read::<Zset>(key)? {
                        query.middle = Some(place_of_member(zset, member)?);
                    }
                    has_middle = true;
                    at += 1;
                }
                b"fromlonlat" if searches && left >= 2 && !has_middle => {
                    query.middle = Some(place_of(call.arg(at + 1), call.arg(at + 2))?);
                    has_middle = true;
                    at += 2;
                }
                b"byradius" if searches && left >= 2 && query.shape.is_none() => {
                    let radius = length(call.arg(at + 1), "radius")?;
                    query.unit = unit(call.arg(at + 2))?;
                    query.shape = Some(Shape::Circle {
                        radius: radius * query.unit,
                    });
                    at += 2;
                }
                b"bybox" if searches && left >= 3 && query.shape.is_none() => {
                    let (width, height) = (
                        number_of(call.arg(at + 1), "width")?,
                        number_of(call.arg(at + 2), "height")?,
                    );
                    if width < 0.0 || height < 0.0 {
                        return Err(Fault::err("height or width cannot be negative"));
                    }
                    query.unit = unit(call.arg(at + 3))?;
                    query.shape = Some(Shape::Box {
                        width: width * query.unit,
                        height: height * query.unit,
                    });
                    at += 3;
                }
                _ => return Err(Fault::syntax()),
            }
            at += 1;
        }
        query.check(manner, has_middle, call.arg(0))?;
        Ok(query)
    }

    fn check(&self, manner: Manner, has_middle: bool, name: &[u8]) -> Result<(), Fault> {
        let shows = self.with_distance || self.with_score || self.with_place;
        if shows && (self.to.is_some() || manner == Manner::SearchStore) {
            let who = match manner {
                Manner::SearchStore => "GEOSEARCHSTORE",
                _ => "STORE option in GEORADIUS",
            };
            return Err(Fault::err(format!(
                "{who} is not compatible with WITHDIST, WITHHASH and WITHCOORD options"
            )));
        }
        if !has_middle {
            let text = b"exactly one of FROMMEMBER or FROMLONLAT can be specified for ";
            return Err(Fault::err([&text[..], name].concat()));
        }
        if self.shape.is_none() {
            let text = b"exactly one of BYRADIUS and BYBOX can be specified for ";
            return Err(Fault::err([&text[..], name].concat()));
        }
        if self.any && self.count.is_none() {
            return Err(Fault::err("the ANY argument requires COUNT argument"));
        }
        Ok(())
    }

    /// Says what was found, or keeps it under a key: its name, and the event that tells of it.
    fn answer(&self, call: &mut Call<'_>, key: &[u8], to: Option<(&[u8], &str)>) -> Answer {
        let found = self.found(call, key)?;
        match to {
            None => Ok(Reply::Array(found.iter().map(|found| self.shown(found)).collect())),
            Some((to, _)) if found.is_empty() => {
                call.delete(to, "del");
                Ok(Reply::Int(0))
            }
            Some((to, event)) => self.store(call, found, to, event),
        }
    }

    fn found(&self, call: &mut Call<'_>, key: &[u8]) -> Result<Vec<Found>, Fault> {
        let (Some(zset), Some(middle), Some(shape)) = (call.read::<Zset>(key)?, self.middle, self.shape) else {
            return Ok(Vec::new());
        };
        let end = |score: u64, open| ScoreEnd {
            score: score as f64,
            open,
        };
        let ranked = shape
            .scores(middle)
            .into_iter()
            .flat_map(|(low, high)| zset.between(end(low, false), end(high, true)));
        let near = ranked.filter_map(|ranked| {
            let place = Place::of_score(ranked.score as u64);
            Some(Found {
                member: ranked.member.clone(),
                score: ranked.score,
                place,
                distance: shape.holds(middle, place)?,
            })
        });
        let count = self.count.unwrap_or(usize::MAX);
        let mut found: Vec<Found> = near.take(if self.any { count } else { usize::MAX }).collect();
        // The nearest of all, when only some are wanted.
        let order = self.order.or((self.count.is_some() && !self.any).then_some(false));
        if let Some(farthest_first) = order {
            found.sort_by(|a, b| {
                let order = a.distance.total_cmp(&b.distance);
                if farthest_first { order.reverse() } else { order }
            });
        }
        found.truncate(count);
        Ok(found)
    }

    fn shown(&self, found: &Found) -> Reply {
        let member = Reply::bulk(&found.member);
        if !(self.with_distance || self.with_score || self.with_place) {
            return member;
        }
        let mut parts = vec![member];
        if self.with_distance {
            parts.push(metres(found.distance, self.unit));
        }
        if self.with_score {
            parts.push(Reply::Int(found.score as i64));
        }
        if self.with_place {
            parts.push(coordinates(found.place));
        }
        Reply::Array(parts)
    }

    fn store(&self, call: &mut Call<'_>, found: Vec<Found>, to: &[u8], event: &str) -> Answer {
        let (seed, small) = (call.random(), call.small("zset"));
        let mut zset = Zset::new(seed);
        let count = found.len();
        for found in found {
            let score = if self.store_distance {
                found.distance / self.unit
            } else {
                found.score
            };
            zset.insert(found.member, score, small);
        }
        call.put(to, Value::Zset(zset));
        call.changed('z', event, to);
        Ok(Reply::int(count))
    }
}

/// An answer for each member, or what stands for one that is not there.
fn each(call: &mut Call<'_>, missing: Reply, of: impl Fn(Place) -> Reply) -> Answer {
    let members = &call.args[2..];
    let zset = call.read::<Zset>(call.arg(1))?;
    let answer = |member: &Bytes| {
        let score = zset.and_then(|zset| zset.score(member));
        score.map_or(missing.clone(), |score| of(Place::of_score(score as u64)))
    };
    Ok(Reply::Array(members.iter().map(answer).collect()))
}

fn coordinates(place: Place) -> Reply {
    let decimal = |degrees: f64| {
        let text = format!("{degrees:.17}");
        Reply::Decimal(text.trim_end_matches('0').trim_end_matches('.').into())
    };
    Reply::Array(vec![decimal(place.lon), decimal(place.lat)])
}

fn metres(distance: f64, unit: f64) -> Reply {
    Reply::bulk(format!("{:.4}", distance / unit))
}

fn place_of(lon: &[u8], lat: &[u8]) -> Result<Place, Fault> {
    let degrees = |text| number::float(text).ok_or_else(|| Fault::err("value is not a valid float"));
    let place = Place {
        lon: degrees(lon)?,
        lat: degrees(lat)?,
    };
    if !place.is_on_the_map() {
        let (lon, lat) = (place.lon, place.lat);
        return Err(Fault::err(format!("invalid longitude,latitude pair {lon:.6},{lat:.6}")));
    }
    Ok(place)
}

fn place_of_member(zset: &Zset, member: &[u8]) -> Result<Place, Fault> {
    let score = zset.score(member);
    let score = score.ok_or_else(|| Fault::err("could not decode requested zset member"))?;
    Ok(Place::of_score(score as u64))
}

fn length(text: &[u8], what: &str) -> Result<f64, Fault> {
    let length = number_of(text, what)?;
    if length < 0.0 {
        return Err(Fault::err(format!("{what} cannot be negative")));
    }
    Ok(length)
}

fn number_of(text: &[u8], what: &str) -> Result<f64, Fault> {
    number::float(text).ok_or_else(|| Fault::err(format!("need numeric {what}")))
}

/// Metres in one of it.
fn unit(text: &[u8]) -> Result<f64, Fault> {
    match text.to_ascii_lowercase().as_slice() {
        b"m" => Ok(1.0),
        b"km" => Ok(1000.0),
        b"ft" => Ok(0.3048),
        b"mi" => Ok(1609.34),
        _ => Err(Fault::err("unsupported unit provided. please use M, KM, FT, MI")),
    }
}
