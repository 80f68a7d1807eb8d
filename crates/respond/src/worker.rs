//! The worker `responder`.

use std::collections::BTreeMap;
use std::time::Duration;

use bus::{Envelope, Pattern, Subject};
use futures_util::future::join_all;
use rand::Rng as _;
use runtime::{Cx, Runner};
use serde_json::json;
use store::{Decision, Delivery, Finding, Store};
use time::OffsetDateTime;
use tokio::time::{Instant, sleep};

use crate::alert::append;
use crate::channel::{Channel, Sent};
use crate::channels::Channels;

/// Decides who is told of what was found, tells them, and tells those again who were away.
pub struct Responder {
    store: Store,
    channels: Channels,
    /// Receivers that were told a moment ago and want to be left alone a while.
    resting: BTreeMap<String, Instant>,
    looked: Option<Instant>,
    forgot: Option<Instant>,
    /// Decisions up to here are on the bus.
    announced: OffsetDateTime,
}

const WAKE: Pattern = Pattern::fixed("detect.finding.*");
const TICK: Duration = Duration::from_secs(1);
/// Findings looked at in one pass.
const PASS: u64 = 200;
/// Between looks at this host's addresses, gateways and deckies.
const LOOK_EVERY: Duration = Duration::from_secs(60);
const FORGET_EVERY: Duration = Duration::from_secs(3600);
/// Settled tellings are remembered for so long.
const REMEMBERED: time::Duration = time::Duration::days(30);
/// Before the second try; doubled for each further one.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(300);

// === impl Responder ===

impl Responder {
    pub fn new(store: Store, channels: Channels) -> Self {
        Self {
            store,
            channels,
            resting: BTreeMap::new(),
            looked: None,
            forgot: None,
            announced: OffsetDateTime::now_utc(),
        }
    }
}

impl Runner for Responder {
    const NAME: &'static str = "responder";
    type Error = store::Error;

    async fn run(&mut self, cx: &Cx) -> Result<(), store::Error> {
        let mut news = cx.bus().subscribe(&WAKE).await.ok();
        while !cx.is_cancelled() {
            match self.pass(cx).await {
                Ok(()) => {}
                Err(error) if error.is_transient() => cx.fault(&error),
                Err(error) => return Err(error),
            }
            cx.alive();
            let heard = async {
                match &mut news {
                    Some(news) => news.next().await.is_some(),
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                () = cx.cancelled() => {}
                _ = heard => {}
                () = sleep(TICK) => {}
            }
        }
        if let Some(isolate) = &self.channels.isolate
            && let Err(error) = isolate.stop().await
        {
            cx.fault(&error);
        }
        Ok(())
    }
}

impl Responder {
    async fn pass(&mut self, cx: &Cx) -> Result<(), store::Error> {
        self.look_around(cx).await?;
        for finding in self.store.deliveries().unanswered(PASS).await? {
            self.plan(&finding, cx).await?;
        }
        let all = self.channels.all.clone();
        let awake = all.iter().filter(|channel| !self.rests(channel.name()));
        let told = join_all(awake.map(|channel| tell(&self.store, &self.channels, &**channel, cx))).await;
        for told in told {
            let (name, rest) = told?;
            if let Some(rest) = rest {
                self.resting.insert(name, Instant::now() + rest);
            }
        }
        self.announce(cx).await?;
        if let Some(isolate) = &self.channels.isolate
            && let Err(error) = isolate.reconcile(OffsetDateTime::now_utc()).await
        {
            cx.fault(&error);
        }
        Ok(())
    }

    async fn look_around(&mut self, cx: &Cx) -> Result<(), store::Error> {
        if is_due(&mut self.forgot, FORGET_EVERY) {
            let now = OffsetDateTime::now_utc();
            self.store.deliveries().forget(REMEMBERED, now).await?;
        }
        let Some(isolate) = &self.channels.isolate else {
            return Ok(());
        };
        if is_due(&mut self.looked, LOOK_EVERY) {
            isolate.look_around().await?;
            cx.alive();
        }
        Ok(())
    }

    async fn plan(&self, finding: &Finding, cx: &Cx) -> Result<(), store::Error> {
        let mut told = self.channels.told_of(finding);
        if self.channels.simulate {
            told.retain(|name| name == "isolate");
        }
        let full = self
            .store
            .deliveries()
            .plan(finding, &told, OffsetDateTime::now_utc())
            .await?;
        for name in full {
            cx.fault(&format!(
                "`{name}` is not told of {}: too many findings wait for it",
                finding.id
            ));
        }
        Ok(())
    }

    fn rests(&self, name: &str) -> bool {
        self.resting.get(name).is_some_and(|&until| until > Instant::now())
    }

    /// The store has them: a bus that is away loses a notice and nothing else.
    async fn announce(&mut self, cx: &Cx) -> Result<(), store::Error> {
        let standing = self.store.decisions().standing(OffsetDateTime::now_utc()).await?;
        for decision in standing.iter().filter(|decision| decision.at > self.announced) {
            if let Err(error) = publish(cx, decision).await {
                cx.fault(&error);
            }
        }
        self.announced = standing
            .iter()
            .map(|decision| decision.at)
            .fold(self.announced, OffsetDateTime::max);
        Ok(())
    }
}

async fn publish(cx: &Cx, decision: &Decision) -> Result<(), bus::Error> {
    let subject = Subject::detect_decision(decision.action.name())?;
    let envelope = Envelope::fresh("decision", decision)?;
    cx.bus().append(&subject, &envelope).await?;
    Ok(())
}

/// Tells one receiver what is due; returns how long it wants to be left alone now.
async fn tell(
    store: &Store,
    channels: &Channels,
    channel: &dyn Channel,
    cx: &Cx,
) -> Result<(String, Option<Duration>), store::Error> {
    let name = channel.name().to_owned();
    let due = store
        .deliveries()
        .due(&name, OffsetDateTime::now_utc(), channel.batch())
        .await?;
    if due.is_empty() {
        return Ok((name, None));
    }
    let sent = channel.send(&due).await;
    let went = sent.contains(&Sent::Done);
    for (delivery, sent) in due.iter().zip(sent) {
        settle(store, channels, channel, delivery, sent, cx).await?;
    }
    Ok((name, went.then(|| channel.pace())))
}

async fn settle(
    store: &Store,
    channels: &Channels,
    channel: &dyn Channel,
    delivery: &Delivery,
    sent: Sent,
    cx: &Cx,
) -> Result<(), store::Error> {
    let deliveries = store.deliveries();
    let error = match sent {
        Sent::Done => return deliveries.told(delivery).await,
        Sent::Later(error) if delivery.tries + 1 < channel.tries() => {
            cx.fault(&error);
            let again = OffsetDateTime::now_utc() + pause(delivery.tries);
            return deliveries.put_off(delivery, &error, again).await;
        }
        Sent::Later(error) => {
            cx.fault(&format!(
                "{} is not told of {}: {error}",
                channel.name(),
                delivery.finding.id
            ));
            bury(channels, delivery, &error, cx).await;
            error
        }
        Sent::Never(error) => {
            tracing::info!(to = channel.name(), finding = delivery.finding.id, error, "not done");
            error
        }
    };
    deliveries.give_up(delivery, &error).await
}

/// What nobody took is written down.
async fn bury(channels: &Channels, delivery: &Delivery, error: &str, cx: &Cx) {
    let line = json!({ "to": delivery.to, "error": error, "finding": delivery.finding.detail });
    let path = channels.dead_letters.clone();
    let written = tokio::task::spawn_blocking(move || append(&path, &[line])).await;
    if let Ok(Err(error)) = written {
        cx.fault(&format!("{}: {error}", channels.dead_letters.display()));
    }
}

/// Doubles with each try, and is up to half as long again, so that many do not come back at once.
fn pause(tries: u32) -> Duration {
    let pause = FIRST_PAUSE.saturating_mul(1 << tries.min(16)).min(LONGEST_PAUSE);
    pause.mul_f64(1.0 + rand::rng().random::<f64>() / 2.0)
}

fn is_due(last: &mut Option<Instant>, every: Duration) -> bool {
    let due = last.is_none_or(|last| last.elapsed() >= every);
    if due {
        *last = Some(Instant::now());
    }
    due
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_to_their_limit_and_are_never_all_the_same() {
        for (tries, least) in [(0, 1), (1, 2), (3, 8), (8, 256), (20, 300)] {
            let pause = pause(tries).as_secs_f64();
            assert!(
                (f64::from(least)..=1.5 * f64::from(least)).contains(&pause),
                "{tries}: {pause}"
            );
        }
    }
}
