//! Judges each call by what the same agent did before it.

use std::sync::Arc;

use serde::Serialize;

use super::compound;
use super::feature::{Features, Knowledge, texts};
use super::history::{History, Past};
use super::playbook::{Playbook, Step, built_in};
use super::score::{Now, Scored, score};
use crate::config::{Config, Mode};
use crate::event::{Call, Event};
use crate::finding::{Part, Source};
use crate::ledger::{Details, Ledger, Match};
use crate::rule::{Class, Confidence, Rule, Severity};
use crate::rules::Condition;
use crate::table::{Caps, Table};
use crate::text::clipped;
use crate::time::{Span, Time};

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Decision {
    Allow,
    Flag,
    Block,
}

/// What is said of one call.
#[derive(Clone, Debug, Serialize)]
pub struct Verdict {
    pub decision: Decision,
    pub confidence: Confidence,
    pub severity: Severity,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// What the decision would be outside observe mode.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub would: Option<Decision>,
    /// The surest first.
    pub findings: Vec<Chain>,
}

/// A playbook that the call completes.
#[derive(Clone, Debug, Serialize)]
pub struct Chain {
    pub rule: String,
    pub threat_type: String,
    pub category: String,
    pub confidence: Confidence,
    pub severity: Severity,
    pub breakdown: Vec<Part>,
    pub mitre: Vec<String>,
    pub stage: Option<crate::stage::Stage>,
    pub first_ts: Time,
    #[serde(skip)]
    place: usize,
}

/// A playbook that runs.
pub(crate) struct Known {
    pub(crate) playbook: Playbook,
    pub(crate) rule: Arc<Rule>,
    /// The rule's own, when it has one.
    pub(crate) cooldown: Option<Span>,
}

pub(crate) struct Checker {
    playbooks: Vec<Known>,
    /// What steps of playbooks want of a call's fields.
    conditions: Vec<Condition>,
    knowledge: Knowledge,
    agents: Table<String, History>,
}

const AGENTS: Caps = Caps {
    keys: 5_000,
    entries: usize::MAX,
};

// === impl Checker ===

impl Checker {
    /// With playbooks from rule files beside those built in.
    pub(crate) fn new(config: &Config, wanted: impl Fn(&Rule) -> bool, custom: impl Iterator<Item = Known>) -> Self {
        let built_in = built_in().map(|(playbook, rule)| Known {
            playbook,
            rule: Arc::new(rule),
            cooldown: None,
        });
        let mut playbooks: Vec<Known> = built_in
            .chain(custom)
            .filter(|known| config.playbooks && wanted(&known.rule))
            .collect();
        let mut conditions = Vec::new();
        for known in &mut playbooks {
            known.playbook.place(&mut conditions);
        }
        Self {
            playbooks,
            conditions,
            knowledge: Knowledge::new(config),
            agents: Table::new(AGENTS),
        }
    }

    pub(crate) fn rules(&self) -> impl Iterator<Item = Arc<Rule>> + '_ {
        self.playbooks.iter().map(|known| known.rule.clone())
    }

    pub(crate) fn evicted(&self) -> u64 {
        self.agents.evicted()
    }

    /// Judges a call, then remembers it, blocked or not.
    pub(crate) fn check(&mut self, event: &Event, call: &Call, config: &Config, ledger: &mut Ledger) -> Verdict {
        let at = event.at;
        let texts = texts(&call.arguments);
        let mut whole = Features::of(call, &texts, &self.knowledge);
        whole.met = self.met(event);
        let mut parts = if whole.exec {
            compound::parts(&texts, &self.knowledge)
        } else {
            Vec::new()
        };
        // A part of a call has the call's fields.
        parts.iter_mut().for_each(|part| part.met = whole.met.clone());
        let window = Span(i64::try_from(config.playbook_window_ms.0).unwrap_or(i64::MAX / 2_000_000) * 1_000_000);
        let key = key(call, &config.correlate_by);
        let playbooks = &self.playbooks;
        let chains = self.agents.update(&key, History::default, |history| {
            history.expire(at, window);
            let high_risk = whole.is_high_risk() || parts.iter().any(Features::is_high_risk);
            let rates = history.rates(at, high_risk);
            let surprising = history.surprise.next(whole.symbol());
            let mut chains = Vec::new();
            // The call as a whole is judged before its parts become history.
            let now = Now {
                at,
                features: &whole,
                rates,
                surprising,
            };
            complete(playbooks, &history.calls.iter().collect::<Vec<_>>(), &now, &mut chains);
            for part in parts {
                let now = Now {
                    at,
                    features: &part,
                    rates,
                    surprising,
                };
                complete(playbooks, &history.calls.iter().collect::<Vec<_>>(), &now, &mut chains);
                history.record(at, part);
            }
            history.record(at, whole);
            chains
        });
        self.verdict(at, &key, call, chains, config, ledger)
    }

    fn met(&self, event: &Event) -> Arc<[u64]> {
        let mut met = vec![0; self.conditions.len().div_ceil(64)];
        for (place, condition) in self.conditions.iter().enumerate() {
            met[place / 64] |= u64::from(condition.is_met(event)) << (place % 64);
        }
        met.into()
    }

    fn verdict(
        &self,
        at: Time,
        key: &str,
        call: &Call,
        mut chains: Vec<Chain>,
        config: &Config,
        ledger: &mut Ledger,
    ) -> Verdict {
        chains.sort_by(|a, b| b.confidence.cmp(&a.confidence).then_with(|| a.rule.cmp(&b.rule)));
        for chain in &chains {
            self.raise(at, key, call, chain, ledger);
        }
        let Some(best) = chains.iter().find(|chain| self.decides(chain)) else {
            return Verdict {
                findings: chains,
                ..Verdict::allow()
            };
        };
        let confidence = best.confidence;
        let decision = match confidence.value() {
            value if value >= config.block_threshold.0 => Decision::Block,
            value if value >= config.flag_threshold.0 => Decision::Flag,
            _ => Decision::Allow,
        };
        let observed = config.playbook_mode == Mode::Observe && decision == Decision::Block;
        Verdict {
            decision: if observed { Decision::Flag } else { decision },
            would: observed.then_some(Decision::Block),
            confidence,
            severity: best.severity,
            reason: Some(format!(
                "{} detected (confidence {}%)",
                best.threat_type,
                confidence.value()
            )),
            findings: chains,
        }
    }

    /// Notices are told and decide nothing.
    fn decides(&self, chain: &Chain) -> bool {
        self.playbooks[chain.place].rule.class == Class::Detection
    }

    fn raise(&self, at: Time, key: &str, call: &Call, chain: &Chain, ledger: &mut Ledger) {
        let Known {
            playbook,
            rule,
            cooldown,
        } = &self.playbooks[chain.place];
        let hit = Match {
            key: key.to_owned(),
            source: Source::Agent(call.agent.clone()),
            at,
            confidence: chain.confidence,
            count: playbook.before.len() as u64 + 1,
            target: None,
        };
        ledger.raise_for(rule, hit, *cooldown, || Details {
            first: Some(chain.first_ts),
            breakdown: chain.breakdown.clone(),
            evidence: [("tool_name".to_owned(), clipped(&call.name).into())]
                .into_iter()
                .collect(),
            ..Details::default()
        });
    }
}

/// Agents never share chains; `session` and `tenant` widen or narrow what hangs together.
fn key(call: &Call, by: &str) -> String {
    match by {
        "session" if !call.session.is_empty() => format!("{}\n{}", call.agent, call.session),
        "tenant" if !call.tenant.is_empty() => format!("tenant\n{}", call.tenant),
        _ => call.agent.clone(),
    }
}

/// Adds every playbook that the call in hand completes; of one playbook only the surest.
fn complete(playbooks: &[Known], history: &[&Past], now: &Now<'_>, chains: &mut Vec<Chain>) {
    for (place, Known { playbook, rule, .. }) in playbooks.iter().enumerate() {
        if !playbook.last.is(now.features) {
            continue;
        }
        let Some(scored) = best(playbook, history, now) else {
            continue;
        };
        let held = chains.iter().position(|chain| chain.place == place);
        if held.is_some_and(|index| chains[index].confidence >= scored.confidence) {
            continue;
        }
        let chain = Chain {
            rule: rule.id.clone(),
            threat_type: rule.title.clone(),
            category: rule.category.clone(),
            confidence: scored.confidence,
            severity: rule.severity(scored.confidence),
            breakdown: scored.parts,
            mitre: rule.mitre.clone(),
            stage: rule.stage,
            first_ts: scored.first,
            place,
        };
        match held {
            Some(index) => chains[index] = chain,
            None => chains.push(chain),
        }
    }
}

/// The surest way to see the steps in what happened; of equals the newest.
fn best(playbook: &Playbook, history: &[&Past], now: &Now<'_>) -> Option<Scored> {
    let (first_step, middle) = playbook.before.split_first()?;
    let mut best: Option<Scored> = None;
    for start in (0..history.len())
        .rev()
        .filter(|&index| first_step.is(&history[index].features))
    {
        let Some(chain) = earliest(history, start, middle) else {
            continue;
        };
        let scored = score(playbook, &chain, now);
        if best.as_ref().is_none_or(|held| scored.confidence > held.confidence) {
            best = Some(scored);
        }
    }
    best
}

fn earliest<'a>(history: &[&'a Past], start: usize, middle: &[Step]) -> Option<Vec<&'a Past>> {
    let mut chain = vec![history[start]];
    let mut at = start;
    for step in middle {
        at = (at + 1..history.len()).find(|&index| step.is(&history[index].features))?;
        chain.push(history[at]);
    }
    Some(chain)
}

// === impl Verdict ===

impl Verdict {
    /// Nothing speaks against the call.
    pub fn allow() -> Self {
        Self {
            decision: Decision::Allow,
            confidence: Confidence::default(),
            severity: Severity::Low,
            reason: None,
            would: None,
            findings: Vec::new(),
        }
    }
}
