//! The grid's own events through the detection engine, attacker by attacker.

mod read;

use std::time::Duration;

use bus::{Bus, Envelope, Pattern, Subject};
use detect::{Engine, Incident, Input, News, Setup, Span, Time};
use runtime::{Cx, Summary, Worker};
use serde::Serialize;
use store::{Filter, Finding, OriginFilter, Page, Store};
use time::OffsetDateTime;

use crate::Error;

/// Under which the place in the store is kept.
const CURSOR: &str = "detector";
/// Events before the place that are read again at the start, so that what was going on then goes on.
const WARM_UP: i64 = 50_000;
/// Between what happened and its row in the store; the wire gathers for a second before it tells.
const ON_THE_WAY: Span = Span::seconds(5);
const LAG: time::Duration = time::Duration::seconds(3);
const REVIEW_EVERY: time::Duration = time::Duration::minutes(5);
/// An event from further ahead is somebody's broken clock, and would close every window.
const AHEAD: time::Duration = time::Duration::hours(24);

/// The worker `detector`: every event an attacker caused, in the order of storing; what is found is stored, and then
/// told on the bus. Found again after a restart it is the same finding.
pub struct Detector {
    store: Store,
    engine: Engine,
    place: Option<i64>,
    reviewed: OffsetDateTime,
    found: u64,
    ahead: u64,
}

// === impl Detector ===

impl Detector {
    pub fn new(store: Store, setup: Setup) -> Self {
        Self {
            store,
            engine: Engine::live(setup, Input::Events).patient(ON_THE_WAY),
            place: None,
            reviewed: OffsetDateTime::UNIX_EPOCH,
            found: 0,
            ahead: 0,
        }
    }

    async fn place(&mut self) -> Result<i64, Error> {
        if let Some(place) = self.place {
            return Ok(place);
        }
        let place: i64 = self.store.cursors().get(CURSOR).await?.unwrap_or(0);
        Ok((place - WARM_UP).max(0))
    }
}

impl Worker for Detector {
    const NAME: &'static str = "detector";
    const WAKE: &'static [Pattern] = &[Pattern::fixed("logs.ingested")];
    /// What comes late is waited for two seconds: a wake is followed by a look soon after.
    const TICK: Duration = Duration::from_secs(3);
    type Error = Error;

    async fn work(&mut self, cx: &Cx) -> Result<Summary, Error> {
        let place = self.place().await?;
        let all = Filter {
            origin: OriginFilter::All,
            ..Filter::default()
        };
        let events = self.store.events().follow(place, &all, Page::MAX).await?;
        let now = OffsetDateTime::now_utc();
        for stored in &events {
            if stored.event.report.at > now + AHEAD {
                self.ahead += 1;
                continue;
            }
            read::feed(&mut self.engine, &stored.event);
        }
        let more = events.len() as u64 == Page::MAX;
        if !more {
            self.engine.tick(moment(now - LAG));
        }
        if now - self.reviewed > REVIEW_EVERY {
            self.engine.review(moment(now));
            self.reviewed = now;
        }
        let news = self.engine.news();
        self.found += tell(&self.store, &news, cx).await?;
        if let Some(last) = events.last() {
            self.place = Some(last.n);
            self.store.cursors().set(CURSOR, &last.n).await?;
        } else {
            self.place = Some(place);
        }
        let counters = self.engine.so_far();
        for (name, value) in [
            ("findings", self.found),
            ("late", counters.late),
            ("evicted", counters.evicted),
            ("allowed", counters.allowed),
            ("ahead", self.ahead),
        ] {
            cx.count(name, value);
        }
        Ok(Summary {
            done: events.len() as u64,
            left: u64::from(more),
        })
    }
}

/// Stores what is new and tells of it; returns how much that was.
pub(crate) async fn tell(store: &Store, news: &News, cx: &Cx) -> Result<u64, Error> {
    let findings: Vec<Finding> = news.findings.iter().map(stored).collect::<Result<_, _>>()?;
    let incidents: Vec<store::Incident> = news.incidents.iter().map(together).collect::<Result<_, _>>()?;
    // Who finds a finding finds its incident as well.
    store.incidents().put(&incidents).await?;
    let changed = store.findings().put(&findings).await?;
    for finding in findings.iter().filter(|finding| changed.contains(&finding.id)) {
        let subject = Subject::detect_finding(&finding.severity);
        publish(cx, subject, &finding.rule, &Told::of(finding)).await;
    }
    let touched = |incident: &&Incident| incident.findings.iter().any(|id| changed.contains(id));
    for incident in news.incidents.iter().filter(touched) {
        publish(cx, Ok(Subject::DETECT_INCIDENT), "incident", incident).await;
    }
    Ok(changed.len() as u64)
}

/// What the bus is told: facts and the id; the whole of it lies in the store.
#[derive(Serialize)]
struct Told<'a> {
    id: &'a str,
    rule: &'a str,
    class: &'a str,
    severity: &'a str,
    confidence: u8,
    source: &'a str,
    attacker_ip: Option<std::net::IpAddr>,
    stage: Option<&'a str>,
    mitre: &'a [String],
    reason: &'a str,
    #[serde(with = "time::serde::rfc3339")]
    first_at: OffsetDateTime,
    #[serde(with = "time::serde::rfc3339")]
    last_at: OffsetDateTime,
}

impl<'a> Told<'a> {
    fn of(finding: &'a Finding) -> Self {
        Self {
            id: &finding.id,
            rule: &finding.rule,
            class: &finding.class,
            severity: &finding.severity,
            confidence: finding.confidence,
            source: &finding.source,
            attacker_ip: finding.attacker_ip,
            stage: finding.stage.as_deref(),
            mitre: &finding.mitre,
            reason: &finding.reason,
            first_at: finding.first_at,
            last_at: finding.last_at,
        }
    }
}

/// The store has it already: a bus that is away loses a notice and nothing else.
async fn publish(cx: &Cx, subject: Result<Subject, bus::SubjectError>, kind: &str, payload: &impl Serialize) {
    let told = async |bus: &Bus| -> Result<(), Error> {
        let subject = subject.map_err(bus::Error::from)?;
        let envelope = Envelope::fresh(kind, payload).map_err(bus::Error::from)?;
        bus.append(&subject, &envelope).await?;
        Ok(())
    };
    if let Err(error) = told(cx.bus()).await {
        cx.fault(&error);
    }
}

/// A finding as the store keeps it.
pub fn stored(finding: &detect::Finding) -> Result<Finding, Error> {
    let class = match finding.class {
        detect::Class::Notice => "notice",
        detect::Class::Detection => "detection",
    };
    let source = finding.source.parts().map(|(_, value)| value);
    Ok(Finding {
        id: finding.id.clone(),
        rule: finding.rule.clone(),
        class: class.to_owned(),
        severity: finding.severity.name().to_owned(),
        confidence: finding.confidence.value(),
        source: source.unwrap_or_default(),
        attacker_ip: finding.source.ip().map(detect::Addr::ip),
        stage: finding.stage.map(|stage| stage.name().to_owned()),
        mitre: finding.mitre.clone(),
        reason: finding.reason(),
        first_at: when(finding.first_ts),
        last_at: when(finding.last_ts),
        acknowledged_at: None,
        detail: serde_json::to_value(finding)?,
    })
}

/// An incident as the store keeps it.
fn together(incident: &Incident) -> Result<store::Incident, Error> {
    let (scope, source) = incident.entity.parts().unwrap_or_default();
    Ok(store::Incident {
        id: incident.id.clone(),
        scope: scope.to_owned(),
        source,
        attacker_ip: incident.entity.ip().map(detect::Addr::ip),
        score: incident.score.value(),
        severity: incident.severity.name().to_owned(),
        stages: incident.stages.iter().map(|stage| stage.name().to_owned()).collect(),
        findings: incident.findings.clone(),
        first_at: when(incident.first_ts),
        last_at: when(incident.last_ts),
        detail: serde_json::to_value(incident)?,
    })
}

fn moment(at: OffsetDateTime) -> Time {
    Time(i64::try_from(at.unix_timestamp_nanos()).unwrap_or(i64::MAX))
}

fn when(at: Time) -> OffsetDateTime {
    OffsetDateTime::from_unix_timestamp_nanos(at.0.into()).unwrap_or(OffsetDateTime::UNIX_EPOCH)
}
