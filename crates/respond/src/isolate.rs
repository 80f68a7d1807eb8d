//! Sources led away: decided here, kept in the store, and made so in the kernel by comparing the two.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::time::Duration;

use detect::{Config, config};
use engine::shunt::Way;
use engine::{Shunt, surroundings};
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use store::{Action, Decision, Delivery, Store};
use time::OffsetDateTime;
use tokio::sync::Mutex;
use uuid::Uuid;

use crate::Error;
use crate::channel::{Channel, Sent};
use crate::policy::Policy;
use crate::tarpit::Tarpit;

pub(crate) struct Isolate {
    store: Store,
    policy: Mutex<Policy>,
    way: Way,
    tarpit_port: u16,
    max: u64,
    ttl: time::Duration,
    /// Nothing is done but noted.
    dry_run: bool,
    kernel: Mutex<Option<Kernel>>,
}

/// The kernel's table as we made it.
struct Kernel {
    shunt: Shunt,
    led: BTreeMap<IpAddr, OffsetDateTime>,
    _tarpit: Option<Tarpit>,
}

const NAME: &str = "isolate";
const TRIES: u32 = 5;
/// What somebody released is not decided again for so long.
const GRACE: time::Duration = time::Duration::hours(24);
/// Without an end a source is led away for this long at a time.
const LONG: time::Duration = time::Duration::days(1);

// === impl Isolate ===

impl Isolate {
    pub(crate) fn new(config: &Config, store: Store) -> Result<Self, Error> {
        let way = match config.isolate_mode {
            config::Way::Tarpit => Way::Port(0),
            config::Way::Drop => Way::Drop,
            config::Way::Decoy => decoy(&config.isolate_decoy)?,
        };
        Ok(Self {
            store,
            policy: Mutex::new(Policy::new(config)),
            way,
            tarpit_port: config.isolate_port,
            max: config.isolate_max.0,
            ttl: time::Duration::nanoseconds(config.isolate_ttl.0),
            dry_run: config.isolate_dry_run || config.simulate,
            kernel: Mutex::new(None),
        })
    }

    /// Reads anew what must stay reachable.
    pub(crate) async fn look_around(&self) -> Result<(), store::Error> {
        let mut vital = surroundings::vital().unwrap_or_default();
        for decky in self.store.deckies().list().await? {
            vital.insert(decky.spec.ip.into());
        }
        self.policy.lock().await.protect(vital);
        Ok(())
    }

    /// Makes the kernel's table what the store says; on the first call it is set up.
    pub(crate) async fn reconcile(&self, now: OffsetDateTime) -> Result<(), String> {
        if self.dry_run {
            return Ok(());
        }
        let wanted = self.wanted(now).await.map_err(|error| error.to_string())?;
        let mut kernel = self.kernel.lock().await;
        match kernel.as_mut() {
            None => *kernel = Some(self.raise(&wanted, now).await?),
            Some(kernel) => kernel.follow(wanted, now).await?,
        }
        Ok(())
    }

    /// Leaves nothing in the kernel.
    pub(crate) async fn stop(&self) -> Result<(), String> {
        if self.kernel.lock().await.take().is_some() {
            Shunt::fell().await.map_err(|error| error.to_string())?;
        }
        Ok(())
    }

    async fn raise(&self, wanted: &BTreeMap<IpAddr, OffsetDateTime>, now: OffsetDateTime) -> Result<Kernel, String> {
        let (to, tarpit) = match &self.way {
            Way::Port(_) => {
                let tarpit = Tarpit::on(self.tarpit_port).await;
                let tarpit =
                    tarpit.map_err(|error| format!("the tarpit cannot listen on {}: {error}", self.tarpit_port))?;
                (Way::Port(tarpit.port()), Some(tarpit))
            }
            way => (way.clone(), None),
        };
        let shunt = Shunt { to, max: self.max };
        let sources: Vec<_> = wanted
            .iter()
            .map(|(&address, &until)| (address, left(until, now)))
            .collect();
        shunt.raise(&sources).await.map_err(|error| error.to_string())?;
        Ok(Kernel {
            shunt,
            led: wanted.clone(),
            _tarpit: tarpit,
        })
    }

    async fn wanted(&self, now: OffsetDateTime) -> Result<BTreeMap<IpAddr, OffsetDateTime>, store::Error> {
        let standing = self.store.decisions().standing(now).await?;
        let policy = self.policy.lock().await;
        let shunts = standing
            .into_iter()
            .filter(|decision| decision.action == Action::Shunt && decision.scope == "ip" && !decision.simulated);
        let led = shunts.filter_map(|decision| {
            let address = decision.value.parse::<IpAddr>().ok()?.to_canonical();
            policy.may_be_led(address).ok()?;
            Some((address, decision.until.unwrap_or(now + LONG)))
        });
        Ok(led.take(usize::try_from(self.max).unwrap_or(usize::MAX)).collect())
    }

    async fn decide(&self, delivery: &Delivery, now: OffsetDateTime) -> Result<Sent, store::Error> {
        let finding = &delivery.finding;
        let address = match self.policy.lock().await.judge(finding) {
            Ok(address) => address,
            Err(refusal) => return Ok(Sent::Never(refusal.to_string())),
        };
        let decisions = self.store.decisions();
        let value = address.to_string();
        if decisions.was_released(&finding.rule, &value, now - GRACE).await? {
            return Ok(Sent::Never("somebody let it be within the last day".to_owned()));
        }
        let standing = decisions.standing(now).await?;
        let led: BTreeSet<&str> = standing
            .iter()
            .filter(|decision| decision.action == Action::Shunt)
            .map(|decision| decision.value.as_str())
            .collect();
        if led.len() as u64 >= self.max && !led.contains(value.as_str()) {
            return Ok(Sent::Later(format!("{} sources are led away already", led.len())));
        }
        let decision = Decision {
            id: Uuid::now_v7(),
            at: now,
            scope: "ip".to_owned(),
            value,
            action: Action::Shunt,
            reason: finding.reason.clone(),
            rule: Some(finding.rule.clone()),
            finding: Some(finding.id.clone()),
            until: Some(now + self.ttl),
            by: NAME.to_owned(),
            simulated: self.dry_run,
            released_at: None,
        };
        decisions.add(&decision).await?;
        Ok(Sent::Done)
    }
}

impl Channel for Isolate {
    fn name(&self) -> &str {
        NAME
    }

    fn tries(&self) -> u32 {
        TRIES
    }

    fn send<'a>(&'a self, due: &'a [Delivery]) -> BoxFuture<'a, Vec<Sent>> {
        async move {
            let mut sent = Vec::with_capacity(due.len());
            for delivery in due {
                let decided = self.decide(delivery, OffsetDateTime::now_utc()).await;
                sent.push(decided.unwrap_or_else(|error| Sent::Later(error.to_string())));
            }
            sent
        }
        .boxed()
    }
}

// === impl Kernel ===

impl Kernel {
    async fn follow(&mut self, wanted: BTreeMap<IpAddr, OffsetDateTime>, now: OffsetDateTime) -> Result<(), String> {
        // An element whose time is up is gone by itself.
        self.led.retain(|_, until| *until > now);
        let gone: Vec<IpAddr> = self
            .led
            .keys()
            .filter(|address| !wanted.contains_key(address))
            .copied()
            .collect();
        for address in gone {
            self.shunt.remove(address).await.map_err(|error| error.to_string())?;
            self.led.remove(&address);
        }
        for (address, until) in wanted {
            if self.led.get(&address) != Some(&until) {
                let term = left(until, now);
                self.shunt.add(address, term).await.map_err(|error| error.to_string())?;
                self.led.insert(address, until);
            }
        }
        Ok(())
    }
}

fn left(until: OffsetDateTime, now: OffsetDateTime) -> Duration {
    Duration::try_from(until - now).unwrap_or_default()
}

fn decoy(addresses: &[IpAddr]) -> Result<Way, Error> {
    let (mut v4, mut v6) = (None, None);
    for address in addresses {
        match address {
            IpAddr::V4(address) => v4 = v4.or(Some(*address)),
            IpAddr::V6(address) => v6 = v6.or(Some(*address)),
        }
    }
    if addresses.is_empty() {
        let what = "`isolate.mode: decoy` needs a decoy's address in `isolate.decoy`";
        return Err(Error::Isolate(what.to_owned()));
    }
    Ok(Way::Host { v4, v6 })
}
