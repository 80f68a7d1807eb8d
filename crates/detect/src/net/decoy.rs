//! Whoever touches a decoy has no business there (D1), and what was planted as bait comes back (D2).
//!
//! `decoy.touch`: an attempt on a decoy's address 60 (MITRE T1046), a login 80 (T1110), a command 95 (T1059).
//! `decoy.cred_reuse`: a credential seen on a decoy, or planted, used on a watched service; a canary triggered (T1078): 98.

use std::sync::Arc;

use crate::addr::Addr;
use crate::config::Config;
use crate::detector::{Cx, Detector};
use crate::event::{Body, Decoy, Event};
use crate::finding::{Part, Source, Target};
use crate::ledger::{Details, Match};
use crate::rule::{Confidence, Rule};
use crate::stage::Stage;
use crate::table::{Caps, Held, Table};

pub(crate) struct Touch {
    rule: Arc<Rule>,
}

pub(crate) struct CredentialReuse {
    rule: Arc<Rule>,
    bait: Vec<String>,
    /// User and secret that somebody tried on a decoy.
    seen: Table<(String, String), Seen>,
}

struct Seen;

/// How far somebody went.
struct Depth {
    confidence: i64,
    part: &'static str,
    technique: &'static str,
    stage: Stage,
}

const TOUCHED: Depth = Depth {
    confidence: 60,
    part: "touched",
    technique: "T1046",
    stage: Stage::Reconnaissance,
};
const LOGGED_IN: Depth = Depth {
    confidence: 80,
    part: "login",
    technique: "T1110",
    stage: Stage::CredentialAccess,
};
const COMMANDED: Depth = Depth {
    confidence: 95,
    part: "command",
    technique: "T1059",
    stage: Stage::Execution,
};
const REUSED: i64 = 98;
const CAPS: Caps = Caps {
    keys: 100_000,
    entries: 100_000,
};

pub(crate) fn make_touch(rule: Arc<Rule>, _: &Config) -> Box<dyn Detector> {
    Box::new(Touch { rule })
}

pub(crate) fn make_reuse(rule: Arc<Rule>, config: &Config) -> Box<dyn Detector> {
    let bait = config.honeytokens.iter().map(|token| token.to_lowercase()).collect();
    Box::new(CredentialReuse {
        rule,
        bait,
        seen: Table::new(CAPS),
    })
}

// === impl Touch ===

impl Detector for Touch {
    fn observe(&mut self, event: &Event, cx: &mut Cx<'_>) {
        let (src, name, target, depth) = match &event.body {
            Body::Attempt(attempt) if cx.world.is_decoy(attempt.dst) => {
                let target = Target {
                    ip: attempt.dst,
                    port: attempt.dport,
                };
                (attempt.src, cx.world.decoy_name(attempt.dst), Some(target), TOUCHED)
            }
            Body::Auth(auth) => match auth.dst.filter(|&dst| cx.world.is_decoy(dst)) {
                Some(dst) => (
                    auth.src,
                    cx.world.decoy_name(dst),
                    Some(Target { ip: dst, port: 0 }),
                    LOGGED_IN,
                ),
                None => return,
            },
            Body::Decoy(decoy) => {
                let target = decoy.dst.map(|ip| Target { ip, port: 0 });
                (decoy.src, decoy_name(decoy), target, Depth::of(&decoy.kind))
            }
            _ => return,
        };
        self.raise(event, src, &name, target, &depth, cx);
    }
}

impl Touch {
    fn raise(&self, event: &Event, src: Addr, name: &str, target: Option<Target>, depth: &Depth, cx: &mut Cx<'_>) {
        let hit = Match {
            key: format!("{src},{name}"),
            source: Source::Ip(src),
            at: event.at,
            confidence: Confidence::new(depth.confidence),
            count: 1,
            target,
        };
        cx.raise(&self.rule, hit, || Details {
            breakdown: vec![Part::new(depth.part, depth.confidence)],
            threshold: 1,
            mitre: Some(vec![depth.technique.to_owned()]),
            stage: Some(depth.stage),
            evidence: [("decoy".to_owned(), name.into())].into_iter().collect(),
            ..Details::default()
        });
    }
}

fn decoy_name(decoy: &Decoy) -> String {
    match (decoy.decoy.is_empty(), decoy.dst) {
        (true, Some(dst)) => dst.to_string(),
        _ => decoy.decoy.clone(),
    }
}

// === impl Depth ===

impl Depth {
    fn of(kind: &str) -> Self {
        match kind {
            "login" | "auth" | "login_attempt" => LOGGED_IN,
            "command" | "exec" | "shell" => COMMANDED,
            _ => TOUCHED,
        }
    }
}

// === impl CredentialReuse ===

impl Detector for CredentialReuse {
    fn observe(&mut self, event: &Event, cx: &mut Cx<'_>) {
        match &event.body {
            Body::Decoy(decoy) if !decoy.secret.is_empty() => {
                let credential = (decoy.user.to_lowercase(), decoy.secret.clone());
                self.seen.update(&credential, || Seen, |_| ());
            }
            Body::Auth(auth) if auth.dst.is_none_or(|dst| !cx.world.is_decoy(dst)) => {
                let planted = self
                    .bait
                    .iter()
                    .any(|bait| *bait == auth.user || *bait == auth.secret.to_lowercase());
                let tried =
                    !auth.secret.is_empty() && self.seen.peek(&(auth.user.clone(), auth.secret.clone())).is_some();
                if planted || tried {
                    let part = if planted {
                        "planted_credential"
                    } else {
                        "decoy_credential"
                    };
                    self.raise(event, auth.src, &auth.user, part, cx);
                }
            }
            Body::Auth(auth) if !auth.secret.is_empty() => {
                self.seen
                    .update(&(auth.user.clone(), auth.secret.clone()), || Seen, |_| ());
            }
            Body::Canary(canary) => self.raise(event, canary.src, &canary.token, "canary", cx),
            _ => {}
        }
    }

    fn evicted(&self) -> u64 {
        self.seen.evicted()
    }
}

impl CredentialReuse {
    fn raise(&self, event: &Event, src: Addr, what: &str, part: &str, cx: &mut Cx<'_>) {
        let hit = Match {
            key: format!("{src},{what}"),
            source: Source::Ip(src),
            at: event.at,
            confidence: Confidence::new(REUSED),
            count: 1,
            target: None,
        };
        cx.raise(&self.rule, hit, || Details {
            breakdown: vec![Part::new(part, REUSED)],
            threshold: 1,
            evidence: [("credential".to_owned(), what.into())].into_iter().collect(),
            ..Details::default()
        });
    }
}

impl Held for Seen {}
