//! Who may do what, until when, and why.

use sea_orm::sea_query::{Expr, ExprTrait};
use sea_orm::{
    ActiveValue::Set, ColumnTrait, Condition, EntityTrait, PaginatorTrait, QueryFilter, QueryOrder, TransactionTrait,
};
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use uuid::Uuid;

use crate::entity::decision::{ActiveModel, Column, Entity, Model};
use crate::page::{By, is};
use crate::value::{micros, moment};
use crate::{Cursor, Filter, Listing, Page, Result, Store};

#[derive(Clone, Copy, Debug)]
pub struct Decisions<'a> {
    pub(crate) store: &'a Store,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Decision {
    pub id: Uuid,
    #[serde(with = "time::serde::rfc3339")]
    pub at: OffsetDateTime,
    /// `ip`, `agent`, `user`.
    pub scope: String,
    pub value: String,
    pub action: Action,
    pub reason: String,
    /// The rule it follows from.
    pub rule: Option<String>,
    pub finding: Option<String>,
    /// Without one it stands until it is released.
    #[serde(with = "time::serde::rfc3339::option")]
    pub until: Option<OffsetDateTime>,
    /// A person, or what of the grid.
    pub by: String,
    /// It would have been done.
    pub simulated: bool,
    #[serde(with = "time::serde::rfc3339::option")]
    pub released_at: Option<OffsetDateTime>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Action {
    Allow,
    Flag,
    Block,
    /// Led away from where it wanted to go.
    Shunt,
}

// === impl Decisions ===

impl Decisions<'_> {
    /// Decides. What was decided before about the same, and still stands, ends with it.
    pub async fn add(&self, decision: &Decision) -> Result<()> {
        let writing = self.store.writer().begin().await?;
        Entity::update_many()
            .col_expr(Column::ReleasedAt, Expr::val(micros(decision.at)))
            .filter(Column::Scope.eq(&decision.scope))
            .filter(Column::Value.eq(&decision.value))
            .filter(Column::Simulated.eq(decision.simulated))
            .filter(standing(decision.at))
            .exec(&writing)
            .await?;
        Entity::insert(decision.row()).exec_without_returning(&writing).await?;
        writing.commit().await?;
        Ok(())
    }

    /// Notes something that was decided for one moment and does not stand.
    pub async fn note(&self, decisions: &[Decision]) -> Result<()> {
        for some in decisions.chunks(100) {
            Entity::insert_many(some.iter().map(Decision::row))
                .exec_without_returning(self.store.writer())
                .await?;
        }
        Ok(())
    }

    /// `kind` is an action, `service` a scope, `text` a value.
    pub async fn list(&self, filter: &Filter, page: &Page) -> Result<Listing<Decision>> {
        let narrowed = Condition::all()
            .add(filter.time(Column::At))
            .add_option(is(Column::Action, filter.kind.as_ref()))
            .add_option(is(Column::Scope, filter.service.as_ref()))
            .add_option(is(Column::Value, filter.text.as_ref()));
        let by = By {
            at: Column::At,
            tie: Column::Id,
        };
        let rows = page
            .of(Entity::find().filter(narrowed), by)
            .all(self.store.reader())
            .await?;
        let cursor = |row: &Model| Cursor::new(row.at, row.id);
        Listing::cut(page, rows, cursor).try_map(Decision::from_model)
    }

    /// What stands, oldest first.
    pub async fn standing(&self, now: OffsetDateTime) -> Result<Vec<Decision>> {
        let rows = Entity::find()
            .filter(standing(now))
            .order_by_asc(Column::At)
            .all(self.store.writer())
            .await?;
        rows.into_iter().map(Decision::from_model).collect()
    }

    /// Ends one that stands, by its id or by whom it is about. How many ended.
    pub async fn release(&self, id_or_value: &str, now: OffsetDateTime) -> Result<u64> {
        let named = match Uuid::parse_str(id_or_value) {
            Ok(id) => Column::Id.eq(id),
            Err(_) => Column::Value.eq(id_or_value),
        };
        self.end(Condition::all().add(named), now).await
    }

    /// Ends all that stand.
    pub async fn flush(&self, now: OffsetDateTime) -> Result<u64> {
        self.end(Condition::all(), now).await
    }

    /// Whether such a decision was released since, before its time: it is not made again at once.
    pub async fn was_released(&self, rule: &str, value: &str, since: OffsetDateTime) -> Result<bool> {
        let early = Condition::any()
            .add(Column::Until.is_null())
            .add(ExprTrait::lt(Expr::col(Column::ReleasedAt), Expr::col(Column::Until)));
        let released = Entity::find()
            .filter(Column::Rule.eq(rule))
            .filter(Column::Value.eq(value))
            .filter(Column::ReleasedAt.gte(micros(since)))
            .filter(early);
        Ok(released.count(self.store.writer()).await? > 0)
    }

    async fn end(&self, which: Condition, now: OffsetDateTime) -> Result<u64> {
        let done = Entity::update_many()
            .col_expr(Column::ReleasedAt, Expr::val(micros(now)))
            .filter(which)
            .filter(standing(now))
            .exec(self.store.writer())
            .await?;
        Ok(done.rows_affected)
    }
}

fn standing(now: OffsetDateTime) -> Condition {
    let unended = Condition::any()
        .add(Column::Until.is_null())
        .add(Column::Until.gt(micros(now)));
    Condition::all().add(Column::ReleasedAt.is_null()).add(unended)
}

// === impl Decision ===

impl Decision {
    pub fn stands(&self, now: OffsetDateTime) -> bool {
        self.released_at.is_none() && self.until.is_none_or(|until| until > now)
    }

    fn row(&self) -> ActiveModel {
        ActiveModel {
            id: Set(self.id),
            at: Set(micros(self.at)),
            scope: Set(self.scope.clone()),
            value: Set(self.value.clone()),
            action: Set(self.action.name().to_owned()),
            reason: Set(self.reason.clone()),
            rule: Set(self.rule.clone()),
            finding: Set(self.finding.clone()),
            until: Set(self.until.map(micros)),
            by: Set(self.by.clone()),
            simulated: Set(self.simulated),
            released_at: Set(self.released_at.map(micros)),
        }
    }

    fn from_model(row: Model) -> Result<Self> {
        let action = Action::parse(&row.action).ok_or_else(|| crate::Error::Corrupt {
            what: format!("the decision `{}`", row.id),
            reason: format!("`{}` is no action", row.action),
        })?;
        Ok(Self {
            id: row.id,
            at: moment(row.at),
            scope: row.scope,
            value: row.value,
            action,
            reason: row.reason,
            rule: row.rule,
            finding: row.finding,
            until: row.until.map(moment),
            by: row.by,
            simulated: row.simulated,
            released_at: row.released_at.map(moment),
        })
    }
}

// === impl Action ===

impl Action {
    pub fn name(self) -> &'static str {
        match self {
            Self::Allow => "allow",
            Self::Flag => "flag",
            Self::Block => "block",
            Self::Shunt => "shunt",
        }
    }

    fn parse(name: &str) -> Option<Self> {
        [Self::Allow, Self::Flag, Self::Block, Self::Shunt]
            .into_iter()
            .find(|action| action.name() == name)
    }
}
