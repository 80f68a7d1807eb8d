//! What a rule file says of playbooks, and of who is told.

use super::file::{MAX_STEPS, Raw, RawStep};
use crate::agent::playbook::{Feature, Playbook, Step};
use crate::agent::score::PARTS;

/// Who can be told of a finding (detect.md §11).
const RESPONDERS: [&str; 5] = ["alert", "webhook", "mail", "syslog", "isolate"];

// === impl Raw ===

impl Raw {
    pub(super) fn playbook(&self) -> Result<Playbook, String> {
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
        let mut steps: Vec<_> = self.steps.iter().map(RawStep::features).collect::<Result<_, _>>()?;
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

    fn features(&self) -> Result<Step, String> {
        let foreign = !self.condition.is_null() || self.rule.is_some() || self.runs.is_some();
        if foreign || self.optional || self.not {
            return Err(
                "a playbook's step names a `feature`, or features in `all` or `any`, and nothing else".to_owned(),
            );
        }
        let read = |names: &[String]| names.iter().map(|name| feature(name)).collect::<Result<Vec<_>, _>>();
        match (&self.feature, self.all.as_slice(), self.any.as_slice()) {
            (Some(name), [], []) => Ok(Step::All(vec![feature(name)?].into())),
            (None, all @ [_, ..], []) => Ok(Step::All(read(all)?.into())),
            (None, [], any @ [_, ..]) => Ok(Step::Any(read(any)?.into())),
            _ => Err("a playbook's step names one of `feature`, `all`, `any`".to_owned()),
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
        let (kind, one) = name.split_once(':').unwrap_or((name, "-"));
        if !RESPONDERS.contains(&kind) || one.is_empty() {
            return Err(format!(
                "there is no responder `{name}`; there are {}",
                RESPONDERS.join(", ")
            ));
        }
    }
    Ok(names.to_vec())
}
