//! What a query was understood to mean: names are places, types are known.

use std::cell::RefCell;
use std::rc::Rc;

use crate::ast::{Join, SetOp};
use crate::cx::Cx;
use crate::error::Error;
use crate::store::Row;
use crate::types::Type;
use crate::value::Value;

pub(crate) type Apply = fn(&Cx<'_>, &[Value]) -> Result<Value, Error>;

#[derive(Clone)]
pub(crate) enum Node {
    Const(Value),
    /// A column of the row at hand, or of that of a query further out.
    Column {
        up: usize,
        at: usize,
    },
    Param(usize),
    Call {
        apply: Apply,
        strict: bool,
        args: Vec<Self>,
    },
    And(Vec<Self>),
    Or(Vec<Self>),
    Not(Box<Self>),
    IsNull(Box<Self>, bool),
    IsBool(Box<Self>, Option<bool>, bool),
    Distinct(Box<Self>, Box<Self>, bool),
    Case {
        whens: Vec<(Self, Self)>,
        otherwise: Box<Self>,
    },
    Coalesce(Vec<Self>),
    Cast {
        inner: Box<Self>,
        from: Type,
        to: Type,
        modifier: i32,
        explicit: bool,
    },
    In(Box<Self>, Vec<Self>, bool),
    /// `left op ANY (array)`.
    Quantified {
        apply: Apply,
        left: Box<Self>,
        array: Box<Self>,
        all: bool,
    },
    Scalar(Rc<Plan>),
    Exists(Rc<Plan>),
    ArrayOf(Rc<Plan>),
    InQuery(Box<Self>, Rc<Plan>, bool),
    Array(Vec<Self>),
    Row(Vec<Self>),
    Index {
        array: Box<Self>,
        at: Box<Self>,
        first: i64,
    },
    Slice {
        array: Box<Self>,
        low: Option<Box<Self>>,
        high: Option<Box<Self>>,
    },
    /// A column's next default.
    Next(u32),
}

/// A column of a result.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Column {
    pub name: String,
    pub ty: Type,
    pub modifier: i32,
    /// Number of the table it comes from and its place there from one; zeros when it is reckoned.
    pub table: u32,
    pub place: i16,
}

pub(crate) struct Plan {
    pub(crate) columns: Vec<Column>,
    pub(crate) body: Body,
    /// Over the row that was put out, and beyond it what is only sorted by.
    pub(crate) order: Vec<Sort>,
    pub(crate) limit: Option<Node>,
    pub(crate) offset: Option<Node>,
    /// What WITH names, put in place before the rest; and whose result is kept here.
    pub(crate) with: Vec<Rc<Common>>,
}

pub(crate) struct Common {
    pub(crate) plan: RefCell<Option<Rc<Plan>>>,
    /// What a recursive one goes on from; none for others.
    pub(crate) step: RefCell<Option<(Rc<Plan>, bool)>>,
    pub(crate) rows: RefCell<Rc<Vec<Row>>>,
}

#[derive(Clone)]
pub(crate) struct Sort {
    pub(crate) at: usize,
    pub(crate) descending: bool,
    pub(crate) nulls_first: bool,
}

pub(crate) enum Body {
    Select(Box<Select>),
    Values(Vec<Vec<Node>>),
    Set {
        op: SetOp,
        all: bool,
        left: Rc<Plan>,
        right: Rc<Plan>,
    },
    Query(Rc<Plan>),
}

pub(crate) struct Select {
    pub(crate) from: Vec<Source>,
    /// Conditions, each with how many of the sources it needs.
    pub(crate) filters: Vec<(usize, Node)>,
    pub(crate) group: Option<Group>,
    /// What is put out, hidden columns to sort by after the rest; whether it is a set.
    pub(crate) out: Vec<(Node, bool)>,
    /// How many of them are seen.
    pub(crate) seen: usize,
    pub(crate) distinct: bool,
    /// Places of what DISTINCT ON looks at.
    pub(crate) distinct_on: Vec<usize>,
}

pub(crate) struct Group {
    pub(crate) keys: Vec<Node>,
    pub(crate) aggregates: Vec<Aggregate>,
    pub(crate) having: Option<Node>,
}

pub(crate) struct Aggregate {
    pub(crate) kind: crate::aggregate::Kind,
    pub(crate) args: Vec<Node>,
    pub(crate) distinct: bool,
    pub(crate) order: Vec<(Node, bool)>,
    pub(crate) filter: Option<Node>,
}

/// Something rows come from; `start` is the place of its first column.
pub(crate) struct Source {
    pub(crate) start: usize,
    pub(crate) width: usize,
    pub(crate) kind: SourceKind,
}

pub(crate) enum SourceKind {
    Table(u32),
    Catalog(&'static crate::catalog::Listed),
    Query(Rc<Plan>),
    Common(Rc<Common>),
    /// The call, whether what it gives are rows of several columns, and whether they are counted.
    Call {
        node: Node,
        set: bool,
        several: bool,
        counted: bool,
    },
    Join {
        left: Box<Source>,
        right: Box<Source>,
        kind: Join,
        on: Option<Node>,
    },
}

// === impl Source ===

impl Source {
    /// Whether its rows may depend on those before it.
    pub(crate) fn is_lateral(&self) -> bool {
        matches!(self.kind, SourceKind::Call { .. } | SourceKind::Query(_))
    }
}

// === impl Node ===

impl Node {
    /// Calls `visit` with every column of the row at hand that is used.
    pub(crate) fn visit(&self, depth: usize, visit: &mut dyn FnMut(usize)) {
        match self {
            Self::Column { up, at } if *up == depth => visit(*at),
            Self::Const(_) | Self::Column { .. } | Self::Param(_) | Self::Next(_) => {}
            Self::Call { args, .. }
            | Self::And(args)
            | Self::Or(args)
            | Self::Coalesce(args)
            | Self::Array(args)
            | Self::Row(args) => args.iter().for_each(|arg| arg.visit(depth, visit)),
            Self::Not(inner) | Self::IsNull(inner, _) | Self::IsBool(inner, ..) | Self::Cast { inner, .. } => {
                inner.visit(depth, visit);
            }
            Self::Distinct(left, right, _) => {
                left.visit(depth, visit);
                right.visit(depth, visit);
            }
            Self::Case { whens, otherwise } => {
                for (condition, value) in whens {
                    condition.visit(depth, visit);
                    value.visit(depth, visit);
                }
                otherwise.visit(depth, visit);
            }
            Self::In(left, all, _) => {
                left.visit(depth, visit);
                all.iter().for_each(|one| one.visit(depth, visit));
            }
            Self::Quantified { left, array, .. } => {
                left.visit(depth, visit);
                array.visit(depth, visit);
            }
            Self::Index { array, at, .. } => {
                array.visit(depth, visit);
                at.visit(depth, visit);
            }
            Self::Slice { array, low, high } => {
                array.visit(depth, visit);
                [low, high]
                    .into_iter()
                    .flatten()
                    .for_each(|node| node.visit(depth, visit));
            }
            Self::InQuery(left, plan, _) => {
                left.visit(depth, visit);
                plan.visit(depth + 1, visit);
            }
            Self::Scalar(plan) | Self::Exists(plan) | Self::ArrayOf(plan) => plan.visit(depth + 1, visit),
        }
    }
}

// === impl Plan ===

impl Plan {
    fn visit(&self, depth: usize, visit: &mut dyn FnMut(usize)) {
        [&self.limit, &self.offset]
            .into_iter()
            .flatten()
            .for_each(|node| node.visit(depth, visit));
        for common in &self.with {
            if let Some(plan) = &*common.plan.borrow() {
                plan.visit(depth, visit);
            }
        }
        match &self.body {
            Body::Values(rows) => rows.iter().flatten().for_each(|node| node.visit(depth, visit)),
            Body::Set { left, right, .. } => {
                left.visit(depth, visit);
                right.visit(depth, visit);
            }
            Body::Query(plan) => plan.visit(depth, visit),
            Body::Select(select) => {
                select.from.iter().for_each(|source| source.visit(depth, visit));
                select.filters.iter().for_each(|(_, node)| node.visit(depth, visit));
                if let Some(group) = &select.group {
                    group.keys.iter().for_each(|node| node.visit(depth, visit));
                    for aggregate in &group.aggregates {
                        aggregate.args.iter().for_each(|node| node.visit(depth, visit));
                    }
                }
                select.out.iter().for_each(|(node, _)| node.visit(depth, visit));
            }
        }
    }
}

impl Source {
    fn visit(&self, depth: usize, visit: &mut dyn FnMut(usize)) {
        match &self.kind {
            SourceKind::Query(plan) => plan.visit(depth + 1, visit),
            SourceKind::Call { node, .. } => node.visit(depth, visit),
            SourceKind::Join { left, right, on, .. } => {
                left.visit(depth, visit);
                right.visit(depth, visit);
                if let Some(on) = on {
                    on.visit(depth, visit);
                }
            }
            SourceKind::Table(_) | SourceKind::Catalog(_) | SourceKind::Common(_) => {}
        }
    }
}
