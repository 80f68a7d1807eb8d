//! Findings in the making: cooldown, folding, merging, allowed rules (detect.md §4).

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;

use serde_json::{Map as JsonMap, Value};
use sha2::{Digest as _, Sha256};

use crate::addr::Addr;
use crate::config::Allow;
use crate::finding::{Finding, LIST, Narrative, Part, Source, Target};
use crate::grounds::Grounds;
use crate::rule::{Class, Confidence, Rule, Severity};
use crate::stage::Prediction;
use crate::table::Map;
use crate::time::{Span, Time};
use crate::window::MAX_ENTRIES;

/// Most findings of each class kept; more are only counted.
pub const MAX_FINDINGS: usize = 10_000;

/// A rule's condition holds.
pub(crate) struct Match {
    /// What the rule groups by, as text.
    pub(crate) key: String,
    pub(crate) source: Source,
    pub(crate) at: Time,
    pub(crate) confidence: Confidence,
    pub(crate) count: u64,
    /// What the newest event was aimed at.
    pub(crate) target: Option<Target>,
}

/// What is only needed when a finding is new or has grown.
#[derive(Default)]
pub(crate) struct Details {
    /// The oldest event that counts; the moment of the match when none is given.
    pub(crate) first: Option<Time>,
    pub(crate) breakdown: Vec<Part>,
    pub(crate) targets: Vec<Target>,
    pub(crate) window: Span,
    pub(crate) threshold: u64,
    pub(crate) triggered_rules: Vec<String>,
    pub(crate) evidence: JsonMap<String, Value>,
    /// In place of the rule's own.
    pub(crate) class: Option<Class>,
    pub(crate) category: Option<String>,
    pub(crate) mitre: Option<Vec<String>>,
    pub(crate) stage: Option<crate::stage::Stage>,
}

/// What became of a match.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Raised {
    New(usize),
    Folded(usize),
    Dropped,
}

pub(crate) struct Ledger {
    cooldown: Span,
    allow: Vec<Allow>,
    /// In the order they were opened; an index counts from the first ever opened.
    entries: VecDeque<Entry>,
    forgotten: usize,
    /// What was opened, or grew enough to be told again, since [`Ledger::news`].
    news: Vec<usize>,
    /// Rules with a new finding since [`Ledger::fresh`].
    fresh: Vec<Arc<Rule>>,
    open: Map<(String, String), usize>,
    by_source: Map<Source, Vec<usize>>,
    kept: [usize; 2],
    /// Findings beyond the cap, and matches an allowed rule would have made.
    pub(crate) overflow: u64,
    pub(crate) allowed: u64,
    /// What findings rest on.
    pub(crate) grounds: Grounds,
}

struct Entry {
    finding: Finding,
    rule: Arc<Rule>,
    targets: BTreeSet<Target>,
    cooldown: Span,
    /// Severity and count as they were last told.
    told: Option<(Severity, u64)>,
    /// It is among the news.
    is_news: bool,
}

/// A finding is told again when its count is so many times what was told.
const AGAIN: u64 = 10;
/// Findings of one source that are looked at together.
const TOGETHER: usize = 256;

// === impl Ledger ===

impl Ledger {
    pub(crate) fn new(cooldown: Span, allow: Vec<Allow>) -> Self {
        Self {
            cooldown,
            allow: allow.into_iter().filter(|allow| allow.rule.is_some()).collect(),
            entries: VecDeque::new(),
            forgotten: 0,
            news: Vec::new(),
            fresh: Vec::new(),
            open: Map::default(),
            by_source: Map::default(),
            kept: [0; 2],
            overflow: 0,
            allowed: 0,
            grounds: Grounds::default(),
        }
    }

    pub(crate) fn raise(&mut self, rule: &Arc<Rule>, hit: Match, details: impl FnOnce() -> Details) -> Raised {
        self.raise_for(rule, hit, None, details)
    }

    /// As `raise`, with the rule's own cooldown.
    pub(crate) fn raise_for(
        &mut self,
        rule: &Arc<Rule>,
        hit: Match,
        cooldown: Option<Span>,
        details: impl FnOnce() -> Details,
    ) -> Raised {
        let grounded = self.grounds.are_sure(rule, &hit);
        if self.is_allowed(rule, &hit) {
            self.allowed += 1;
            return Raised::Dropped;
        }
        if let Some(index) = self.open_of(rule, &hit) {
            self.fold(index, &hit, details);
            self.ground(index, hit.confidence, grounded);
            return Raised::Folded(index);
        }
        let stronger = rule
            .rank
            .zip(hit.source.ip())
            .and_then(|(rank, ip)| self.ranked_before(ip, rank, hit.at));
        if let Some(index) = stronger {
            self.note(index, rule, hit.at);
            return Raised::Folded(index);
        }
        let confidence = hit.confidence;
        let raised = self.open_new(rule, hit, cooldown.unwrap_or(self.cooldown), details());
        if let Raised::New(index) = raised {
            self.ground(index, confidence, grounded);
        }
        raised
    }

    fn ground(&mut self, index: usize, confidence: Confidence, grounded: bool) {
        if let Some(finding) = self.get_mut(index).filter(|_| grounded) {
            finding.established = finding.established.max(confidence);
        }
    }

    pub(crate) fn get_mut(&mut self, index: usize) -> Option<&mut Finding> {
        let place = index.checked_sub(self.forgotten)?;
        self.entries.get_mut(place).map(|entry| &mut entry.finding)
    }

    /// Findings of one source, oldest first.
    pub(crate) fn of(&self, source: &Source) -> impl Iterator<Item = &Finding> {
        let indices = self.by_source.get(source).map_or(&[][..], Vec::as_slice);
        indices
            .iter()
            .filter_map(|&index| self.entry(index))
            .map(|entry| &entry.finding)
    }

    /// Rules that have a new finding since this was last asked.
    pub(crate) fn fresh(&mut self) -> Vec<Arc<Rule>> {
        std::mem::take(&mut self.fresh)
    }

    /// Findings that are new, or whose severity rose or count grew tenfold since they were told (detect.md §4), each
    /// with the latest others of its source.
    pub(crate) fn news(&mut self) -> Vec<(String, Vec<Finding>)> {
        let news = std::mem::take(&mut self.news);
        let mut told = Vec::new();
        for index in news {
            let Some(entry) = self.entry_mut(index) else { continue };
            entry.is_news = false;
            entry.told = Some((entry.finding.severity, entry.finding.count));
            let finding = entry.finding.clone();
            let id = finding.id.clone();
            let mut beside: Vec<Finding> = Vec::new();
            if finding.source != Source::Many {
                let skipped = self.of(&finding.source).count().saturating_sub(TOGETHER);
                let latest = self.of(&finding.source).skip(skipped);
                beside.extend(latest.filter(|other| other.id != id).cloned());
            }
            beside.push(finding);
            told.push((id, beside));
        }
        told
    }

    /// Findings ever opened.
    pub(crate) fn made(&self) -> usize {
        self.forgotten + self.entries.len()
    }

    /// Lets go of findings that nothing has been added to since then, oldest first.
    pub(crate) fn forget(&mut self, before: Time) {
        while self
            .entries
            .front()
            .is_some_and(|entry| !entry.is_news && entry.finding.last_ts < before)
        {
            self.forget_first();
        }
    }

    fn forget_first(&mut self) {
        let Some(entry) = self.entries.pop_front() else { return };
        let (index, finding) = (self.forgotten, entry.finding);
        self.forgotten += 1;
        self.kept[finding.class as usize] = self.kept[finding.class as usize].saturating_sub(1);
        let key = (finding.rule, finding.key);
        if self.open.get(&key) == Some(&index) {
            self.open.remove(&key);
        }
        if let Some(indices) = self.by_source.get_mut(&finding.source) {
            indices.retain(|&other| other != index);
            if indices.is_empty() {
                self.by_source.remove(&finding.source);
            }
        }
    }

    fn entry(&self, index: usize) -> Option<&Entry> {
        self.entries.get(index.checked_sub(self.forgotten)?)
    }

    fn entry_mut(&mut self, index: usize) -> Option<&mut Entry> {
        self.entries.get_mut(index.checked_sub(self.forgotten)?)
    }

    /// A finding was opened or has grown.
    fn grew(&mut self, index: usize) {
        let Some(entry) = self.entry_mut(index) else { return };
        let (severity, count) = (entry.finding.severity, entry.finding.count);
        let worth_telling = entry
            .told
            .is_none_or(|(before, counted)| severity > before || count >= counted.saturating_mul(AGAIN));
        if worth_telling && !std::mem::replace(&mut entry.is_news, true) {
            self.news.push(index);
        }
    }

    /// The latest looking-around of a source that was still going on at or after `since`.
    pub(crate) fn recon(&self, source: Addr, since: Time) -> Option<Recon<'_>> {
        let indices = self.by_source.get(&Source::Ip(source))?;
        let recon = indices
            .iter()
            .filter_map(|&index| self.entry(index))
            .filter(|entry| entry.rule.recon);
        let latest = recon
            .filter(|entry| entry.finding.last_ts >= since)
            .max_by_key(|entry| entry.finding.last_ts)?;
        Some(Recon {
            began: latest.finding.first_ts,
            last: latest.finding.last_ts,
            targets: &latest.targets,
        })
    }

    /// An open finding of a source by a scan rule that goes before those of `rank`.
    pub(crate) fn ranked_before(&self, source: Addr, rank: u8, at: Time) -> Option<usize> {
        let indices = self.by_source.get(&Source::Ip(source))?;
        let known = indices.iter().filter_map(|&index| Some((index, self.entry(index)?)));
        let open = known.filter(|(_, entry)| entry.is_open(at));
        let ranked = open.filter_map(|(index, entry)| Some((entry.rule.rank?, index)));
        ranked.filter(|(other, _)| *other < rank).min().map(|(_, index)| index)
    }

    /// A weaker rule saw the same as an open finding.
    pub(crate) fn note(&mut self, index: usize, rule: &Rule, at: Time) {
        let Some(finding) = self.get_mut(index) else { return };
        if !finding.also_matched.contains(&rule.id) {
            finding.also_matched.push(rule.id.clone());
        }
        finding.last_ts = finding.last_ts.max(at);
    }

    /// A detection that has this address as source or target, touched in the given time.
    pub(crate) fn involves(&self, addr: Addr, from: Time, to: Time, except: &str) -> bool {
        self.entries.iter().any(|entry| {
            let finding = &entry.finding;
            finding.class == Class::Detection
                && finding.rule != except
                && finding.last_ts >= from
                && finding.trigger_ts <= to
                && (finding.source == Source::Ip(addr) || entry.targets.iter().any(|target| target.ip == addr))
        })
    }

    pub(crate) fn into_findings(self) -> Vec<(Finding, Arc<Rule>)> {
        self.entries
            .into_iter()
            .map(|entry| (entry.finding, entry.rule))
            .collect()
    }

    fn is_allowed(&self, rule: &Rule, hit: &Match) -> bool {
        self.allow.iter().any(|allow| {
            let named = allow
                .rule
                .as_deref()
                .is_some_and(|id| id.eq_ignore_ascii_case(&rule.id));
            let current = allow.until.is_none_or(|until| hit.at <= until);
            let net = allow
                .net
                .is_none_or(|net| hit.source.ip().is_some_and(|addr| net.contains(&addr.ip())));
            let agent = allow
                .agent
                .as_ref()
                .is_none_or(|id| hit.source == Source::Agent(id.clone()));
            let user = allow
                .user
                .as_ref()
                .is_none_or(|name| hit.source == Source::User(name.clone()));
            named && current && net && agent && user
        })
    }

    fn open_of(&self, rule: &Rule, hit: &Match) -> Option<usize> {
        let index = *self.open.get(&(rule.id.clone(), hit.key.clone()))?;
        self.entry(index)?.is_open(hit.at).then_some(index)
    }

    fn fold(&mut self, index: usize, hit: &Match, details: impl FnOnce() -> Details) {
        let Some(entry) = self.entry_mut(index) else { return };
        let finding = &mut entry.finding;
        finding.suppressed += 1;
        finding.last_ts = finding.last_ts.max(hit.at);
        if hit.count > finding.count || hit.confidence > finding.confidence {
            let details = details();
            finding.count = finding.count.max(hit.count);
            if hit.confidence >= finding.confidence {
                finding.confidence = hit.confidence;
                finding.breakdown = details.breakdown;
                finding.triggered_rules = details.triggered_rules;
                finding.evidence = details.evidence;
                finding.class = finding.class.max(details.class.unwrap_or(entry.rule.class));
                finding.severity = entry.rule.severity(finding.confidence);
                if let Some(mitre) = details.mitre {
                    finding.mitre = mitre;
                }
                if let Some(stage) = details.stage {
                    finding.stage = Some(stage);
                }
            }
            entry.add_targets(details.targets);
        }
        entry.add_targets(hit.target);
        self.grew(index);
    }

    fn open_new(&mut self, rule: &Arc<Rule>, hit: Match, cooldown: Span, details: Details) -> Raised {
        let class = details.class.unwrap_or(rule.class);
        if self.kept[class as usize] >= MAX_FINDINGS {
            self.overflow += 1;
            return Raised::Dropped;
        }
        self.kept[class as usize] += 1;
        let first = details.first.unwrap_or(hit.at).min(hit.at);
        let stage = details.stage.or(rule.stage);
        let finding = Finding {
            id: id(&rule.id, &hit.key, first),
            rule: rule.id.clone(),
            threat_type: rule.title.clone(),
            class,
            severity: rule.severity(hit.confidence),
            category: details.category.unwrap_or_else(|| rule.category.clone()),
            confidence: hit.confidence,
            confidence_at_trigger: hit.confidence,
            established: Confidence::default(),
            breakdown: details.breakdown,
            mitre: details.mitre.unwrap_or_else(|| rule.mitre.clone()),
            stage,
            predicted_next: stage.map_or_else(Prediction::unknown, |stage| Prediction::after(stage, &[])),
            source: hit.source.clone(),
            targets: Vec::new(),
            target_count: 0,
            count: hit.count,
            window_seconds: details.window.as_seconds(),
            threshold: details.threshold,
            first_ts: first,
            trigger_ts: hit.at,
            last_ts: hit.at,
            also_matched: Vec::new(),
            superseded_by: None,
            triggered_rules: details.triggered_rules,
            suppressed: 0,
            evidence: details.evidence,
            mitigation: rule.mitigation.clone(),
            decision: "allow",
            respond: rule.respond.clone(),
            narrative: Narrative::default(),
            trace: Vec::new(),
            key: hit.key.clone(),
            detection: rule.detection.clone(),
        };
        let mut entry = Entry {
            finding,
            rule: rule.clone(),
            targets: BTreeSet::new(),
            cooldown,
            told: None,
            is_news: false,
        };
        entry.add_targets(details.targets);
        entry.add_targets(hit.target);
        let index = self.forgotten + self.entries.len();
        self.entries.push_back(entry);
        self.fresh.push(rule.clone());
        self.open.insert((rule.id.clone(), hit.key), index);
        self.by_source.entry(hit.source).or_default().push(index);
        self.grew(index);
        Raised::New(index)
    }
}

/// What is known of a source that looks around.
pub(crate) struct Recon<'a> {
    pub(crate) began: Time,
    pub(crate) last: Time,
    targets: &'a BTreeSet<Target>,
}

impl Recon<'_> {
    pub(crate) fn looked_at(&self, addr: Addr) -> bool {
        self.targets
            .range(
                Target { ip: addr, port: 0 }..=Target {
                    ip: addr,
                    port: u16::MAX,
                },
            )
            .next()
            .is_some()
    }
}

// === impl Entry ===

impl Entry {
    fn is_open(&self, at: Time) -> bool {
        at.since(self.finding.trigger_ts) <= self.cooldown
    }

    fn add_targets(&mut self, targets: impl IntoIterator<Item = Target>) {
        for target in targets {
            if self.targets.len() < MAX_ENTRIES && self.targets.insert(target) {
                if self.finding.targets.len() < LIST {
                    self.finding.targets.push(target);
                }
                self.finding.target_count = self.targets.len();
            }
        }
    }
}

fn id(rule: &str, key: &str, first: Time) -> String {
    let digest = Sha256::digest(format!("{rule}\n{key}\n{first}"));
    format!("F-{}", hex::encode(&digest[..8]))
}
