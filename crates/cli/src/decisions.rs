//! `decnet decisions`: who may do what, until when, and why.

use store::{Action, Decision, Filter, Store};
use time::OffsetDateTime;
use uuid::Uuid;

use crate::args::{self, DecisionAction, DecisionsCommand, Whom};
use crate::context::Context;
use crate::exit::{Code, Coded as _, Failure, Result};
use crate::feed::clean;
use crate::output::{ago, say};
use crate::query::{all, since};
use crate::when;

/// Who decided what is decided here.
const BY: &str = "operator";

pub async fn decisions(cx: &Context, asked: &args::Decisions) -> Result {
    let store = cx.record().await?;
    match &asked.command {
        Some(DecisionsCommand::Add {
            whom,
            action,
            term,
            reason,
        }) => add(cx, &store, whom, *action, term.as_deref(), reason).await,
        Some(DecisionsCommand::Release { which }) => release(cx, &store, which).await,
        Some(DecisionsCommand::Flush) => {
            let ended = store.decisions().flush(OffsetDateTime::now_utc()).await;
            ended_as(cx, ended.or_exit(Code::Unreachable)?)
        }
        Some(DecisionsCommand::List) | None => list(cx, &store, asked).await,
    }
}

async fn list(cx: &Context, store: &Store, asked: &args::Decisions) -> Result {
    let now = OffsetDateTime::now_utc();
    let filter = Filter {
        since: since(&asked.recent)?,
        kind: asked.action.map(|action| Action::from(action).name().to_owned()),
        text: asked.about.clone(),
        ..Filter::default()
    };
    let rows = if asked.standing {
        let mut rows = store.decisions().standing(now).await.or_exit(Code::Unreachable)?;
        rows.retain(|row| {
            asked.action.is_none_or(|action| row.action == action.into())
                && asked.about.as_ref().is_none_or(|about| row.value == *about)
                && filter.since.is_none_or(|since| row.at >= since)
        });
        rows.reverse();
        rows.truncate(asked.recent.limit as usize);
        rows
    } else {
        all(asked.recent.limit, async |page| {
            store.decisions().list(&filter, &page).await
        })
        .await?
    };
    let header = ["DECISION", "WHEN", "ABOUT", "", "ACTION", "STANDS", "BY", "REASON"];
    let cells = |row: &Decision| {
        vec![
            row.id.to_string(),
            ago(row.at, now),
            row.scope.clone(),
            clean(&row.value),
            row.action.name().to_owned(),
            stands(row, now),
            clean(&row.by),
            clean(&row.reason),
        ]
    };
    cx.out.list(&rows, &header, cells, "nothing is decided")
}

fn stands(row: &Decision, now: OffsetDateTime) -> String {
    match (row.simulated, row.stands(now), row.until) {
        (true, ..) => "simulated".to_owned(),
        (_, false, _) => "no more".to_owned(),
        (_, true, None) => "until released".to_owned(),
        (_, true, Some(until)) => format!("{} min more", ((until - now).whole_seconds() + 59) / 60),
    }
}

async fn add(
    cx: &Context,
    store: &Store,
    whom: &Whom,
    action: DecisionAction,
    term: Option<&str>,
    reason: &str,
) -> Result {
    let now = OffsetDateTime::now_utc();
    let (scope, value) = match (whom.ip, &whom.agent, &whom.user) {
        (Some(ip), ..) => ("ip", ip.to_canonical().to_string()),
        (_, Some(agent), _) => ("agent", agent.clone()),
        (.., user) => ("user", user.clone().unwrap_or_default()),
    };
    let action = Action::from(action);
    if action == Action::Shunt && scope != "ip" {
        return Err(Failure::new(Code::Usage, "only an address can be led away: name it with --ip").into());
    }
    let until = match term {
        // As long after now as `WHEN` would be before it.
        Some(text) => Some(now + (now - when::parse(text, now)?)),
        None => None,
    };
    if until.is_some_and(|until| until <= now) {
        return Err(Failure::new(Code::Usage, "a decision that is over stands for nothing").into());
    }
    let decision = Decision {
        id: Uuid::now_v7(),
        at: now,
        scope: scope.to_owned(),
        value,
        action,
        reason: reason.to_owned(),
        rule: None,
        finding: None,
        until,
        by: BY.to_owned(),
        simulated: false,
        released_at: None,
    };
    store.decisions().add(&decision).await.or_exit(Code::Unreachable)?;
    if cx.out.json {
        return cx.out.value(&decision);
    }
    say!("{}", decision.id)
}

async fn release(cx: &Context, store: &Store, which: &str) -> Result {
    let ended = store.decisions().release(which, OffsetDateTime::now_utc()).await;
    match ended.or_exit(Code::Unreachable)? {
        0 => Err(Failure::new(Code::Invalid, format!("nothing stands about `{which}`"))
            .help("`decnet decisions --standing` lists what does")
            .into()),
        ended => ended_as(cx, ended),
    }
}

fn ended_as(cx: &Context, ended: u64) -> Result {
    if cx.out.json {
        return cx.out.value(&serde_json::json!({ "released": ended }));
    }
    say!("{ended} released")
}

impl From<DecisionAction> for Action {
    fn from(action: DecisionAction) -> Self {
        match action {
            DecisionAction::Allow => Self::Allow,
            DecisionAction::Flag => Self::Flag,
            DecisionAction::Block => Self::Block,
            DecisionAction::Shunt => Self::Shunt,
        }
    }
}
