//! What a rule file says of playbooks, and of who is told.

use super::condition::{Condition, Lists};
use super::file::{MAX_STEPS, Raw, RawStep};
use crate::agent::playbook::{Feature, Playbook, Step};
use crate::agent::score::PARTS;
use crate::config::{RESPONDERS, Responder};
use crate::event::Kind;

// === impl Raw ===

impl Raw {
    pub(super) fn playbook(&self, lists: Lists<'_>) -> Result<Playbook, String> {
        if self.steps.len() < 2 || self.steps.len() > MAX_STEPS {
            return Err(format!("a playbook has 2 to {MAX_STEPS} steps"));
        }
        let foreign = !self.condition.is_null() || !self.except.is_null() || !self.group_by.is_empty();
        if foreign || !self.emit.adjust.is_empty() || self.emit.confidence.is_some() {
            let instead = "its steps are features, its confidence `base` and `parts`";
            return Err(format!(
                "a playbook takes no where, except, group_by, confidence or adjust: {instead}"
            ));
        }
        for part in self.parts.keys() {
            if !PARTS.iter().any(|(known, _)| known == part) {
                let known: Vec<&str> = PARTS.iter().map(|(known, _)| *known).collect();
                return Err(format!("there is no part `{part}`; there are {}", known.join(", ")));
            }
        }
        let base = self.base.ok_or("`base` is missing")?;
        if !(0..=100).contains(&base) {
            return Err("`base` must be from 0 to 100".to_owned());
        }
        let mut steps: Vec<_> = self
            .steps
            .iter()
            .map(|step| step.features(lists))
            .collect::<Result<_, _>>()?;
        let last = steps.pop().ok_or("a playbook has steps")?;
        Ok(Playbook {
            before: steps.into(),
            last,
            base,
            parts: self.parts.clone(),
        })
    }
}

// === impl RawStep ===

impl RawStep {
    pub(super) fn names_features(&self) -> bool {
        self.feature.is_some() || !self.all.is_empty() || !self.any.is_empty()
    }

    fn features(&self, lists: Lists<'_>) -> Result<Step, String> {
        let wanted = "a playbook's step names a `feature`, or features in `all` or `any`, and what its fields are in \
            `where`, or one of these, and nothing else";
        if self.rule.is_some() || self.runs.is_some() || self.optional || self.not {
            return Err(wanted.to_owned());
        }
        let read = |names: &[String]| names.iter().map(|name| feature(name)).collect::<Result<Vec<_>, _>>();
        let step = match (&self.feature, self.all.as_slice(), self.any.as_slice()) {
            (Some(name), [], []) => Some(Step::All(vec![feature(name)?].into())),
            (None, all @ [_, ..], []) => Some(Step::All(read(all)?.into())),
            (None, [], any @ [_, ..]) => Some(Step::Any(read(any)?.into())),
            (None, [], []) => None,
            _ => return Err("a playbook's step names one of `feature`, `all`, `any`".to_owned()),
        };
        match (step, self.condition.is_null()) {
            (Some(step), true) => Ok(step),
            (None, true) => Err(wanted.to_owned()),
            (step, false) => Ok(Step::Where {
                step: step.map(Box::new),
                condition: self.of_calls(lists)?,
                place: 0,
            }),
        }
    }

    /// A condition that can hold for a tool call.
    fn of_calls(&self, lists: Lists<'_>) -> Result<Condition, String> {
        let condition = Condition::read(&self.condition, lists)?;
        match condition.kinds() {
            Some(kinds) if !kinds.contains(&Kind::ToolCall) => {
                Err("a playbook's step looks at fields of calls, `tool.name` and such".to_owned())
            }
            _ => Ok(condition),
        }
    }
}

fn feature(name: &str) -> Result<Feature, String> {
    Feature::parse(name).ok_or_else(|| {
        let known: Vec<&str> = Feature::NAMES.iter().map(|(known, _)| *known).collect();
        format!("there is no feature `{name}`; there are {}", known.join(", "))
    })
}

/// `alert`, or a responder that may be one of several, `webhook:soc`.
pub(super) fn responders(names: &[String]) -> Result<Vec<String>, String> {
    for name in names {
        if Responder::parse(name).is_none() {
            return Err(format!(
                "there is no responder `{name}`; there are {}",
                RESPONDERS.join(", ")
            ));
        }
    }
    Ok(names.to_vec())
}
