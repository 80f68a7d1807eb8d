//! SELECT, VALUES, TABLE, WITH and what joins them.

use super::{NO_ALIAS, Parser};
use crate::ast::{Alias, Body, Cte, Expr, From, Item, Join, Order, Query, Select, SetOp};
use crate::error::Error;
use crate::lex::Kind;

// === impl Parser ===

impl Parser<'_> {
    /// Whether a query comes next, brackets before it or not.
    pub(crate) fn begins_query(&self) -> bool {
        let mut by = 0;
        while matches!(self.ahead(by), Kind::Sign("(")) {
            by += 1;
        }
        ["select", "values", "with", "table"]
            .iter()
            .any(|word| self.is_word(by, word))
    }

    pub(crate) fn query(&mut self) -> Result<Query, Error> {
        self.nest(|parser| {
            let mut with = Vec::new();
            if parser.word("with") {
                let recursive = parser.word("recursive");
                loop {
                    with.push(parser.cte(recursive)?);
                    if !parser.sign(",") {
                        break;
                    }
                }
            }
            let body = parser.body(0)?;
            let mut query = Query {
                with,
                body,
                order: Vec::new(),
                limit: None,
                offset: None,
            };
            parser.tail(&mut query)?;
            Ok(query)
        })
    }

    fn cte(&mut self, recursive: bool) -> Result<Cte, Error> {
        let name = self.name()?;
        let columns = if matches!(self.kind(), Kind::Sign("(")) {
            self.names()?
        } else {
            Vec::new()
        };
        self.need_word("as")?;
        self.word("not");
        self.word("materialized");
        self.need_sign("(")?;
        let query = self.query()?;
        self.need_sign(")")?;
        Ok(Cte {
            name,
            columns,
            query,
            recursive,
        })
    }

    fn tail(&mut self, query: &mut Query) -> Result<(), Error> {
        if self.words(&["order", "by"]) {
            query.order = self.list(Self::order_item)?;
        }
        loop {
            if self.word("limit") {
                query.limit = if self.word("all") { None } else { Some(self.expr()?) };
                // `LIMIT 10, 5` begins after ten.
                if self.is_mysql() && self.sign(",") {
                    query.offset = query.limit.replace(self.expr()?);
                }
            } else if self.word("offset") {
                query.offset = Some(self.expr()?);
                let _ = self.word("rows") || self.word("row");
            } else if self.word("fetch") {
                let _ = self.word("first") || self.word("next");
                query.limit = if matches!(self.kind(), Kind::Number(_)) {
                    Some(self.expr()?)
                } else {
                    Some(Expr::Number("1".into()))
                };
                let _ = self.word("rows") || self.word("row");
                self.need_word("only")?;
            } else if self.is_word(0, "for") && (self.is_word(1, "update") || self.is_word(1, "share")) {
                self.advance();
                self.advance();
                let _ = self.word("nowait") || self.words(&["skip", "locked"]);
            } else if self.is_mysql() && self.words(&["lock", "in", "share", "mode"]) {
            } else {
                return Ok(());
            }
        }
    }

    pub(crate) fn order_item(&mut self) -> Result<Order, Error> {
        let expr = self.expr()?;
        let descending = self.word("desc");
        if !descending {
            self.word("asc");
        }
        let nulls_first = if self.words(&["nulls", "first"]) {
            Some(true)
        } else if self.words(&["nulls", "last"]) {
            Some(false)
        } else if self.is_mysql() {
            // NULL is less than anything.
            Some(!descending)
        } else {
            None
        };
        Ok(Order {
            expr,
            descending,
            nulls_first,
        })
    }

    /// INTERSECT binds more strongly than UNION and EXCEPT.
    fn body(&mut self, least: u8) -> Result<Body, Error> {
        let mut left = self.body_part()?;
        loop {
            let (op, strength) = match self.any_word() {
                Some("union") => (SetOp::Union, 1),
                Some("except") => (SetOp::Except, 1),
                Some("intersect") => (SetOp::Intersect, 2),
                _ => return Ok(left),
            };
            if strength <= least {
                return Ok(left);
            }
            self.advance();
            let all = self.word("all");
            if !all {
                self.word("distinct");
            }
            let at = self.tokens[(self.at + 1).min(self.tokens.len() - 1)].from;
            let right = self.nest(|parser| parser.body(strength))?;
            left = Body::Set {
                op,
                all,
                left: Box::new(left),
                right: Box::new(right),
                at,
            };
            self.higher()?;
        }
    }

    fn body_part(&mut self) -> Result<Body, Error> {
        if self.sign("(") {
            let query = self.query()?;
            self.need_sign(")")?;
            return Ok(Body::Query(Box::new(query)));
        }
        if self.word("values") {
            return Ok(Body::Values(self.list(Self::values_row)?));
        }
        if self.word("table") {
            let path = self.path()?;
            let select = Select {
                items: vec![Item::Star(None, path.at)],
                from: vec![From::Table(path, Alias::default())],
                ..Select::default()
            };
            return Ok(Body::Select(Box::new(select)));
        }
        self.need_word("select")?;
        Ok(Body::Select(Box::new(self.select()?)))
    }

    pub(crate) fn values_row(&mut self) -> Result<Vec<Expr>, Error> {
        self.need_sign("(")?;
        let row = self.list(Self::expr)?;
        self.need_sign(")")?;
        Ok(row)
    }

    fn select(&mut self) -> Result<Select, Error> {
        let mut select = Select::default();
        if self.is_mysql() {
            self.mysql_select_options();
        }
        if self.word("distinct") || (self.is_mysql() && self.word("distinctrow")) {
            if self.word("on") {
                self.need_sign("(")?;
                select.distinct_on = self.list(Self::expr)?;
                self.need_sign(")")?;
            } else {
                select.distinct = true;
            }
        } else {
            self.word("all");
        }
        let ends = matches!(self.kind(), Kind::End | Kind::Sign(";" | ")"));
        // MySQL gives nothing without being told what.
        let bare = ends
            || ["from", "where", "union", "into"]
                .iter()
                .any(|word| self.is_word(0, word));
        if self.is_mysql() || !bare {
            select.items = self.list(Self::item)?;
        }
        if self.is_mysql() && self.word("into") {
            self.mysql_into()?;
        } else if self.word("into") {
            let _ = self.word("temp") || self.word("temporary") || self.word("unlogged");
            self.word("table");
            select.into = Some(self.path()?);
        }
        if self.is_mysql() && self.words(&["from", "dual"]) {
        } else if self.word("from") {
            select.from = self.list(Self::source)?;
        }
        if self.word("where") {
            select.filter = Some(self.expr()?);
        }
        if self.words(&["group", "by"]) {
            select.group = self.list(Self::expr)?;
        }
        if self.word("having") {
            select.having = Some(self.expr()?);
        }
        Ok(select)
    }

    pub(crate) fn item(&mut self) -> Result<Item, Error> {
        let at = self.here();
        if self.op("*") {
            return Ok(Item::Star(None, at));
        }
        // `db.t.*` is `t.*`.
        if self.is_mysql()
            && matches!((self.ahead(1), self.ahead(3)), (Kind::Sign("."), Kind::Sign(".")))
            && matches!(self.ahead(4), Kind::Op(star) if star == "*")
        {
            self.advance();
            self.advance();
        }
        if let (Some(table), Kind::Sign("."), Kind::Op(star)) = (self.spelled(), self.ahead(1), self.ahead(2))
            && star == "*"
        {
            (0..3).for_each(|_| self.advance());
            return Ok(Item::Star(Some(table), at));
        }
        let expr = self.expr()?;
        if self.is_mysql() {
            let alias = self.mysql_alias(at, &expr)?;
            return Ok(Item::Expr(expr, alias));
        }
        let alias = if self.word("as") {
            Some(self.label()?)
        } else {
            self.bare_alias()
        };
        Ok(Item::Expr(expr, alias))
    }

    pub(crate) fn bare_alias(&mut self) -> Option<String> {
        match self.kind() {
            Kind::Word { text, quoted } if *quoted || !(self.is_reserved(text) || NO_ALIAS.contains(&&**text)) => {
                self.label().ok()
            }
            _ => None,
        }
    }

    pub(crate) fn source(&mut self) -> Result<From, Error> {
        let mut left = self.source_part()?;
        loop {
            let natural = self.word("natural");
            let kind = if self.words(&["cross", "join"]) {
                let right = self.source_part()?;
                left = join(left, right, Join::Inner, None);
                self.higher()?;
                continue;
            } else if self.word("left") {
                Join::Left
            } else if self.word("right") {
                Join::Right
            } else if self.word("full") {
                Join::Full
            } else if self.is_word(0, "inner") || self.is_word(0, "join") {
                self.word("inner");
                Join::Inner
            } else {
                return Ok(left);
            };
            self.word("outer");
            self.need_word("join")?;
            let right = self.nest(Self::source_part)?;
            // MySQL takes a join without a condition for all pairs.
            if self.is_mysql()
                && !natural
                && kind == Join::Inner
                && !["on", "using"].iter().any(|word| self.is_word(0, word))
            {
                left = join(left, right, Join::Inner, None);
                self.higher()?;
                continue;
            }
            let (mut on, mut using) = (None, Vec::new());
            if self.word("on") {
                on = Some(self.expr()?);
            } else if self.word("using") {
                using = self.names()?;
            } else if !natural {
                return Err(self.unexpected());
            }
            left = From::Join {
                left: Box::new(left),
                right: Box::new(right),
                kind,
                on,
                using,
                natural,
            };
            self.higher()?;
        }
    }

    fn source_part(&mut self) -> Result<From, Error> {
        let lateral = self.word("lateral");
        if matches!(self.kind(), Kind::Sign("(")) {
            if self.begins_query() {
                self.advance();
                let query = self.query()?;
                self.need_sign(")")?;
                let alias = self.alias()?;
                if alias.name.is_none() && self.dialect.is_mariadb() {
                    return Err(self.unexpected());
                }
                if alias.name.is_none() && !lateral {
                    return Err(self
                        .fail("42601", "subquery in FROM must have an alias", self.here())
                        .hint("For example, FROM (SELECT ...) [AS] foo."));
                }
                return Ok(From::Query(Box::new(query), alias));
            }
            self.advance();
            let inner = self.nest(Self::source)?;
            self.need_sign(")")?;
            return Ok(inner);
        }
        self.word("only");
        let path = self.path()?;
        if matches!(self.kind(), Kind::Sign("(")) {
            let call = self.called(path.name, path.schema, path.at)?;
            let ordinality = self.words(&["with", "ordinality"]);
            let alias = self.alias()?;
            return Ok(From::Call(call, alias, ordinality));
        }
        self.op("*");
        let alias = self.alias()?;
        if self.is_mysql() {
            self.mysql_index_hints()?;
        }
        Ok(From::Table(path, alias))
    }

    pub(crate) fn alias(&mut self) -> Result<Alias, Error> {
        let name = if self.word("as") {
            Some(self.name()?)
        } else {
            self.bare_alias()
        };
        let mut columns = Vec::new();
        if name.is_some() && self.sign("(") {
            loop {
                columns.push(self.name()?);
                if !matches!(self.kind(), Kind::Sign("," | ")")) {
                    self.type_name()?;
                }
                if !self.sign(",") {
                    break;
                }
            }
            self.need_sign(")")?;
        }
        Ok(Alias { name, columns })
    }
}

fn join(left: From, right: From, kind: Join, on: Option<Expr>) -> From {
    From::Join {
        left: Box::new(left),
        right: Box::new(right),
        kind,
        on,
        using: Vec::new(),
        natural: false,
    }
}
