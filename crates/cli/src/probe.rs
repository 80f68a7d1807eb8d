//! `decnet probe`: asking attackers' machines back.

use ipnet::IpNet;
use prober::policy::Rules;
use prober::{Config, Limits, Prober, Turned};
use runtime::Crew;
use store::{Filter, Probe, Store};
use time::{Duration, OffsetDateTime};

use crate::args;
use crate::context::Context;
use crate::crew;
use crate::exit::{Code, Coded as _, Failure, Result};
use crate::feed::clean;
use crate::grid;
use crate::output::{ago, say};
use crate::query::all;

/// Rows of the account that are shown.
const SHOWN: u32 = 200;

pub async fn probe(cx: &Context, asked: &args::Probe) -> Result {
    if asked.audit {
        return audit(cx, asked).await;
    }
    let mut config = config(&asked.probing, &asked.only)?;
    grid::need_root()?;
    let Some(ip) = asked.ip else {
        return worker(cx, config).await;
    };
    let store = cx.record().await?;
    // Who names an address wants it asked.
    config.rules.consent = true;
    let bus = crew::bus(cx, "probe").await?;
    let turned = Prober::new(store, config)
        .turn(ip, &bus)
        .await
        .or_exit(Code::Unreachable)?;
    bus.close().await;
    show(cx, &turned)
}

/// Starts the worker, where the operator consents to it.
pub fn join(crew: &mut Crew, store: &Store, config: Config) {
    if config.rules.consent {
        let store = store.clone();
        crew.worker(move || Prober::new(store.clone(), config.clone()));
    }
}

/// What the command line and the environment ask for.
pub fn config(asked: &args::Probing, only: &[String]) -> Result<Config> {
    let nets = |list: &[String]| list.iter().map(|net| network(net)).collect::<Result<Vec<_>>>();
    let config = Config {
        rules: Rules {
            consent: asked.consent,
            allow: nets(&asked.allow)?,
            deny: nets(&asked.deny)?,
            own: Vec::new(),
            cooldown: Duration::minutes(asked.cooldown.into()),
        },
        limits: Limits {
            targets_per_s: asked.rate,
            sockets: asked.sockets.into(),
            source: asked.source,
            ports: prober::ports_of(std::env::vars()).or_exit(Code::Usage)?,
            ..Limits::default()
        },
        only: only.iter().cloned().collect(),
        ..Config::default()
    };
    config.check().or_exit(Code::Usage)?;
    Ok(config)
}

async fn worker(cx: &Context, config: Config) -> Result {
    if !config.rules.consent {
        return Err(Failure::new(Code::Usage, "nobody is asked back without your consent")
            .help("say --consent if you may probe the machines that attack you, or name one address")
            .into());
    }
    crew::need_nats(cx)?;
    let store = cx.store().await?;
    let bus = crew::bus(cx, "probe").await?;
    let mut crew = Crew::new(bus.clone(), store::LOCAL);
    join(&mut crew, &store, config);
    crew::run(cx, "probe", crew, bus).await
}

async fn audit(cx: &Context, asked: &args::Probe) -> Result {
    let store = cx.record().await?;
    let filter = Filter {
        attacker: asked.ip.map(Into::into),
        ..Filter::default()
    };
    let rows = all(SHOWN, async |page| store.probes().list(&filter, &page).await).await?;
    let now = OffsetDateTime::now_utc();
    let header = ["WHEN", "TARGET", "PROBE", "PORT", "OUTCOME", "REASON OR HASH"];
    let cells = |row: &Probe| {
        vec![
            ago(row.at, now),
            row.attacker_ip.to_string(),
            row.probe.clone(),
            row.port.map_or_else(|| "-".to_owned(), |port| port.to_string()),
            row.outcome.as_str().to_owned(),
            clean(row.reason.as_deref().or(row.hash.as_deref()).unwrap_or("-")),
        ]
    };
    cx.out.list(
        &rows,
        &header,
        cells,
        "nobody was asked yet: `decnet probe IP`, or `decnet up --consent`",
    )
}

fn show(cx: &Context, turned: &Turned) -> Result {
    if cx.out.json {
        cx.out.value(turned)?;
    } else if turned.refused.is_none() {
        for probe in &turned.probes {
            say!("{}", line(probe))?;
        }
        for rotation in &turned.rotated {
            let port = rotation.port.map(|port| format!(" on port {port}")).unwrap_or_default();
            say!("changed: {}{port} was {}", rotation.probe_type, rotation.old_hash)?;
        }
    }
    match &turned.refused {
        None => Ok(()),
        Some(reason) => Err(
            Failure::new(Code::Conflict, format!("{} is not asked: {reason}", turned.ip))
                .help("`--probe-allow CIDR` vouches for a network; `decnet probe --audit` shows what was refused")
                .into(),
        ),
    }
}

/// One probe for a person. What servers say is shown with nothing in it that moves the terminal.
pub fn line(probe: &Probe) -> String {
    let port = probe.port.map(|port| format!(":{port}")).unwrap_or_default();
    let said = probe.reason.as_deref().or(probe.hash.as_deref()).unwrap_or_default();
    let of = |name: &str| probe.fields.get(name).and_then(|value| value.as_str()).map(clean);
    let more = [
        "ssh_banner",
        "tcpfp_raw",
        "subject_cn",
        "icmp_matrix",
        "icmp6_matrix",
        "ipv6_addr",
    ]
    .iter()
    .find_map(|name| of(name))
    .or_else(|| probe.fields.get("open").map(|open| format!("open {open}")))
    .unwrap_or_default();
    let head = format!("{}{port}", probe.probe);
    format!("{head:<22} {:<9} {} {more}", probe.outcome.as_str(), clean(said))
        .trim_end()
        .to_owned()
}

fn network(text: &str) -> Result<IpNet> {
    Filter::network(text).or_exit(Code::Usage)
}
