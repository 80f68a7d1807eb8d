//! Rows of a plan.

use std::cmp::Ordering;
use std::collections::{HashMap, HashSet};
use std::rc::Rc;

use crate::aggregate;
use crate::ast::{Join, SetOp};
use crate::catalog;
use crate::cx::Cx;
use crate::error::Error;
use crate::eval::{Env, all, eval};
use crate::plan::{Body, Common, Group, Node, Plan, Select, Sort, Source, SourceKind};
use crate::store::{Row, weight};
use crate::value::Value;

/// Turns of a recursive query.
const MOST_TURNS: usize = 10_000;

pub(crate) fn rows(cx: &Cx<'_>, plan: &Plan, env: Option<&Env<'_>>) -> Result<Vec<Row>, Error> {
    for common in &plan.with {
        fill(cx, common, env)?;
    }
    let mut rows = match &plan.body {
        Body::Select(select) => selected(cx, select, env)?,
        Body::Values(lines) => {
            let none = Env { row: &[], up: env };
            let rows = lines.iter().map(|line| Ok(all(cx, line, &none)?.into()));
            rows.collect::<Result<Vec<Row>, Error>>()?
        }
        Body::Query(plan) => self::rows(cx, plan, env)?,
        Body::Set { op, all, left, right } => {
            let (left, right) = (self::rows(cx, left, env)?, self::rows(cx, right, env)?);
            joined(*op, *all, left, right)
        }
    };
    if !plan.order.is_empty() {
        rows.sort_by(|a, b| compare(&plan.order, a, b));
    }
    if let Body::Select(select) = &plan.body {
        if !select.distinct_on.is_empty() {
            let mut seen = HashSet::new();
            rows.retain(|row| seen.insert(key(select.distinct_on.iter().filter_map(|at| row.get(*at)))));
        }
        if select.out.len() > select.seen {
            rows = rows.iter().map(|row| row[..select.seen].into()).collect();
        }
    }
    cut(cx, plan, rows, env)
}

fn cut(cx: &Cx<'_>, plan: &Plan, mut rows: Vec<Row>, env: Option<&Env<'_>>) -> Result<Vec<Row>, Error> {
    let none = Env { row: &[], up: env };
    let count = |node: &Node, what: &str| -> Result<Option<usize>, Error> {
        match eval(cx, node, &none)?.as_int() {
            None => Ok(None),
            Some(n) => usize::try_from(n).map(Some).map_err(|_| {
                Error::new("2201W", format!("{what} must not be negative")).raised(
                    "nodeLimit.c",
                    403,
                    "recompute_limits",
                )
            }),
        }
    };
    if let Some(offset) = &plan.offset
        && let Some(offset) = count(offset, "OFFSET")?
    {
        rows.drain(..offset.min(rows.len()));
    }
    if let Some(limit) = &plan.limit
        && let Some(limit) = count(limit, "LIMIT")?
    {
        rows.truncate(limit);
    }
    Ok(rows)
}

/// Which of two rows comes first.
pub(crate) fn compare(sorts: &[Sort], a: &[Value], b: &[Value]) -> Ordering {
    let nulls = |sort: &Sort| {
        if sort.nulls_first {
            Ordering::Less
        } else {
            Ordering::Greater
        }
    };
    let mut orders = sorts.iter().map(|sort| {
        let (a, b) = (&a[sort.at], &b[sort.at]);
        match (a.is_null(), b.is_null()) {
            (true, true) => Ordering::Equal,
            (true, false) => nulls(sort),
            (false, true) => nulls(sort).reverse(),
            (false, false) if sort.descending => b.order(a),
            (false, false) => a.order(b),
        }
    });
    orders.find(|order| order.is_ne()).unwrap_or(Ordering::Equal)
}

/// Equal rows give equal bytes.
pub(crate) fn key<'a>(values: impl IntoIterator<Item = &'a Value>) -> Vec<u8> {
    let mut bytes = Vec::new();
    values.into_iter().for_each(|value| value.key(&mut bytes));
    bytes
}

fn joined(op: SetOp, all: bool, left: Vec<Row>, right: Vec<Row>) -> Vec<Row> {
    let mut counts: HashMap<Vec<u8>, usize> = HashMap::new();
    if op != SetOp::Union {
        right
            .iter()
            .for_each(|row| *counts.entry(key(row.iter())).or_default() += 1);
    }
    let mut rows: Vec<Row> = match op {
        SetOp::Union => left.into_iter().chain(right).collect(),
        _ => {
            let mut rows = left;
            rows.retain(|row| {
                let left = counts.get_mut(&key(row.iter())).filter(|count| **count > 0);
                let found = left.is_some();
                if let (true, Some(count)) = (all, left) {
                    *count -= 1;
                }
                found == (op == SetOp::Intersect)
            });
            rows
        }
    };
    if !all {
        let mut seen = HashSet::new();
        rows.retain(|row| seen.insert(key(row.iter())));
    }
    rows
}

fn fill(cx: &Cx<'_>, common: &Common, env: Option<&Env<'_>>) -> Result<(), Error> {
    let Some(plan) = common.plan.borrow().clone() else {
        return Ok(());
    };
    let mut found = rows(cx, &plan, env)?;
    let step = common.step.borrow().clone();
    if let Some((step, every)) = step {
        let mut seen: HashSet<_> = found.iter().map(|row| key(row.iter())).collect();
        let mut new = found.clone();
        for _ in 0..MOST_TURNS {
            if new.is_empty() {
                break;
            }
            *common.rows.borrow_mut() = Rc::new(new);
            new = rows(cx, &step, env)?;
            if !every {
                new.retain(|row| seen.insert(key(row.iter())));
            }
            cx.hold(new.iter().map(|row| weight(row)).sum())?;
            found.extend(new.iter().cloned());
        }
    }
    *common.rows.borrow_mut() = Rc::new(found);
    Ok(())
}

fn selected(cx: &Cx<'_>, select: &Select, env: Option<&Env<'_>>) -> Result<Vec<Row>, Error> {
    let mut found: Vec<Vec<Value>> = vec![Vec::new()];
    for (at, source) in select.from.iter().enumerate() {
        let filters: Vec<_> = select
            .filters
            .iter()
            .filter(|(needs, _)| *needs == at + 1)
            .map(|(_, node)| node)
            .collect();
        found = beside(cx, found, source, &filters, env)?;
    }
    let rest = select
        .filters
        .iter()
        .filter(|(needs, _)| *needs == 0)
        .map(|(_, node)| node);
    for filter in rest {
        found = kept(cx, found, filter, env)?;
    }
    if let Some(group) = &select.group {
        found = grouped(cx, group, &found, env)?;
    }
    let mut rows: Vec<Row> = Vec::with_capacity(found.len());
    let sets = select.out.iter().any(|(_, set)| *set);
    for row in &found {
        let env = Env { row, up: env };
        if sets {
            spread(cx, select, &env, &mut rows)?;
        } else {
            let out: Result<Row, Error> = select.out.iter().map(|(node, _)| eval(cx, node, &env)).collect();
            rows.push(out?);
        }
        cx.step(1)?;
        if let Some(last) = rows.last() {
            cx.hold(weight(last))?;
        }
    }
    if select.distinct {
        let mut seen = HashSet::new();
        rows.retain(|row| seen.insert(key(row[..select.seen].iter())));
    }
    Ok(rows)
}

fn kept(
    cx: &Cx<'_>,
    mut rows: Vec<Vec<Value>>,
    filter: &Node,
    env: Option<&Env<'_>>,
) -> Result<Vec<Vec<Value>>, Error> {
    let mut failed = None;
    rows.retain(|row| match eval(cx, filter, &Env { row, up: env }) {
        Ok(value) => value.is_true(),
        Err(error) => {
            failed.get_or_insert(error);
            false
        }
    });
    failed.map_or(Ok(rows), Err)
}

/// A row for each item of the longest set put out.
fn spread(cx: &Cx<'_>, select: &Select, env: &Env<'_>, rows: &mut Vec<Row>) -> Result<(), Error> {
    let out: Vec<Value> = select
        .out
        .iter()
        .map(|(node, _)| eval(cx, node, env))
        .collect::<Result<_, _>>()?;
    let sets = out.iter().zip(&select.out).filter(|(_, (_, set))| *set);
    let most = sets.map(|(value, _)| value.items().len()).max().unwrap_or(0);
    for at in 0..most {
        cx.step(1)?;
        let row = out.iter().zip(&select.out).map(|(value, (_, set))| match set {
            true => value.items().get(at).cloned().unwrap_or(Value::Null),
            false => value.clone(),
        });
        rows.push(row.collect());
    }
    Ok(())
}

fn grouped(cx: &Cx<'_>, group: &Group, rows: &[Vec<Value>], env: Option<&Env<'_>>) -> Result<Vec<Vec<Value>>, Error> {
    let mut places: HashMap<Vec<u8>, usize> = HashMap::new();
    let mut groups: Vec<(Vec<Value>, Vec<&[Value]>)> = Vec::new();
    if group.keys.is_empty() {
        groups.push((Vec::new(), rows.iter().map(Vec::as_slice).collect()));
    } else {
        for row in rows {
            let keys = all(cx, &group.keys, &Env { row, up: env })?;
            let place = *places.entry(key(keys.iter())).or_insert(groups.len());
            if place == groups.len() {
                groups.push((keys, Vec::new()));
            }
            groups[place].1.push(row);
        }
    }
    let mut found = Vec::with_capacity(groups.len());
    for (mut row, members) in groups {
        for aggregate in &group.aggregates {
            row.push(aggregate::reckon(cx, aggregate, &members, env)?);
        }
        let wanted = match &group.having {
            None => true,
            Some(having) => eval(cx, having, &Env { row: &row, up: env })?.is_true(),
        };
        if wanted {
            found.push(row);
        }
    }
    Ok(found)
}

/// Each row with each row of the source beside it, where the filters hold.
pub(crate) fn beside(
    cx: &Cx<'_>,
    left: Vec<Vec<Value>>,
    source: &Source,
    filters: &[&Node],
    env: Option<&Env<'_>>,
) -> Result<Vec<Vec<Value>>, Error> {
    // A join is put on row by row, so that filters on its first table come early.
    if let SourceKind::Join {
        left: first,
        right,
        kind: kind @ (Join::Inner | Join::Left),
        on,
    } = &source.kind
    {
        let (early, late): (Vec<&Node>, Vec<&Node>) = filters.iter().partition(|filter| {
            let mut last = 0;
            filter.visit(0, &mut |at| last = last.max(at + 1));
            last <= first.start + first.width
        });
        let found = beside(cx, left, first, &early, env)?;
        let mut found = matched(cx, found, right, *kind, on.as_ref(), env)?;
        for filter in late {
            found = kept(cx, found, filter, env)?;
        }
        return Ok(found);
    }
    let conditions = filters.iter().map(|filter| (*filter).clone()).collect::<Vec<_>>();
    let on = (!conditions.is_empty()).then_some(Node::And(conditions));
    matched(cx, left, source, Join::Inner, on.as_ref(), env)
}

fn matched(
    cx: &Cx<'_>,
    left: Vec<Vec<Value>>,
    right: &Source,
    kind: Join,
    on: Option<&Node>,
    env: Option<&Env<'_>>,
) -> Result<Vec<Vec<Value>>, Error> {
    let mut found = Vec::new();
    let lateral = right.is_lateral();
    let fixed = if lateral {
        Vec::new()
    } else {
        chunks(cx, right, &[], env)?
    };
    let index = on
        .and_then(|on| equality(on, right))
        .filter(|_| !lateral && left.len() > 1);
    let mut by_key: HashMap<Vec<u8>, Vec<usize>> = HashMap::new();
    if let Some((_, mine)) = &index {
        for (at, chunk) in fixed.iter().enumerate() {
            let row: Vec<Value> = std::iter::repeat_n(Value::Null, right.start)
                .chain(chunk.iter().cloned())
                .collect();
            let value = eval(cx, mine, &Env { row: &row, up: env })?;
            by_key.entry(key([&value])).or_default().push(at);
        }
    }
    let mut used = vec![false; fixed.len()];
    for row in &left {
        let fresh;
        let (chunks, places): (&[Row], Option<&[usize]>) = match &index {
            Some((theirs, _)) => {
                let value = eval(cx, theirs, &Env { row, up: env })?;
                (&fixed, Some(by_key.get(&key([&value])).map_or(&[], Vec::as_slice)))
            }
            None if lateral => {
                fresh = self::chunks(cx, right, row, env)?;
                (&fresh, None)
            }
            None => (&fixed, None),
        };
        let mut any = false;
        let count = places.map_or(chunks.len(), <[usize]>::len);
        for n in 0..count {
            let at = places.map_or(n, |places| places[n]);
            cx.step(1)?;
            let mut whole = row.clone();
            whole.extend(chunks[at].iter().cloned());
            let holds = match on {
                None => true,
                Some(on) => eval(cx, on, &Env { row: &whole, up: env })?.is_true(),
            };
            if holds {
                any = true;
                if let Some(used) = used.get_mut(at) {
                    *used = true;
                }
                cx.hold(whole.len() * size_of::<Value>())?;
                found.push(whole);
            }
        }
        if !any && matches!(kind, Join::Left | Join::Full) {
            let mut whole = row.clone();
            whole.extend(std::iter::repeat_n(Value::Null, right.width));
            found.push(whole);
        }
    }
    if matches!(kind, Join::Right | Join::Full) {
        for (chunk, _) in fixed.iter().zip(&used).filter(|(_, used)| !**used) {
            found.push(
                std::iter::repeat_n(Value::Null, right.start)
                    .chain(chunk.iter().cloned())
                    .collect(),
            );
        }
    }
    Ok(found)
}

/// Both sides of an equation between what comes before the source and the source itself.
fn equality(on: &Node, right: &Source) -> Option<(Node, Node)> {
    let parts = match on {
        Node::And(parts) => parts.as_slice(),
        one => std::slice::from_ref(one),
    };
    parts.iter().find_map(|part| {
        let Node::Call { apply, args, .. } = part else {
            return None;
        };
        let [one, two] = args.as_slice() else { return None };
        if !std::ptr::fn_addr_eq(*apply, crate::operator::EQUAL) {
            return None;
        }
        let side = |node: &Node| {
            let (mut before, mut within) = (false, false);
            node.visit(0, &mut |at| {
                let inside = (right.start..right.start + right.width).contains(&at);
                within |= inside;
                before |= !inside;
            });
            (before, within)
        };
        match (side(one), side(two)) {
            ((true, false), (false, true)) => Some((one.clone(), two.clone())),
            ((false, true), (true, false)) => Some((two.clone(), one.clone())),
            _ => None,
        }
    })
}

/// Rows of a source without what is before them.
fn chunks(cx: &Cx<'_>, source: &Source, before: &[Value], env: Option<&Env<'_>>) -> Result<Vec<Row>, Error> {
    match &source.kind {
        SourceKind::Table(oid) => catalog::table_rows(cx, *oid),
        SourceKind::Catalog(listed) => catalog::rows(cx, listed),
        SourceKind::Query(plan) => rows(cx, plan, Some(&Env { row: before, up: env })),
        SourceKind::Common(common) => Ok(common.rows.borrow().to_vec()),
        SourceKind::Call {
            node,
            set,
            several,
            counted,
        } => {
            let value = eval(cx, node, &Env { row: before, up: env })?;
            let items: Vec<Value> = if *set { value.items().to_vec() } else { vec![value] };
            let rows = items.into_iter().enumerate().map(|(n, item)| {
                let mut row = match item {
                    Value::Row(items) if *several => items.to_vec(),
                    item => vec![item],
                };
                if *counted {
                    row.push(Value::Int(n as i64 + 1));
                }
                row.into()
            });
            Ok(rows.collect())
        }
        SourceKind::Join { left, right, kind, on } => {
            let pad: Vec<Value> = vec![Value::Null; source.start];
            let first = match left.kind {
                SourceKind::Join { .. } => chunks(cx, left, &[], env)?
                    .into_iter()
                    .map(|chunk| pad.iter().cloned().chain(chunk.iter().cloned()).collect())
                    .collect(),
                _ => beside(cx, vec![pad], left, &[], env)?,
            };
            let found = matched(cx, first, right, *kind, on.as_ref(), env)?;
            Ok(found.into_iter().map(|row| row[source.start..].into()).collect())
        }
    }
}
