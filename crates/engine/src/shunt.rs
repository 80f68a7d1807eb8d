//! Sources led away from this host and what is behind it (detect.md §11): a table of the kernel's own, whose elements end
//! by themselves.
//!
//! What a source begins over TCP goes to a tarpit or a decoy; all else of it, and what stood before, is dropped.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use serde_json::{Value, json};

use crate::error::Error;
use crate::wall::nft_json;

const TABLE: &str = "decnet_shunt";
const FAMILY: &str = "inet";

/// The table; there is one a network namespace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shunt {
    pub to: Way,
    /// Most sources of each family; more are refused.
    pub max: u64,
}

/// Where to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Way {
    /// A port of this host, which nobody reaches otherwise.
    Port(u16),
    /// Another host; a source of a family without one is dropped.
    Host {
        v4: Option<Ipv4Addr>,
        v6: Option<Ipv6Addr>,
    },
    Drop,
}

// === impl Shunt ===

impl Shunt {
    /// Sets the table up anew, with these sources and how long each stays.
    pub async fn raise(&self, sources: &[(IpAddr, Duration)]) -> Result<(), Error> {
        let mut commands = self.table();
        commands.extend(sources.iter().map(|&(source, term)| element("add", source, Some(term))));
        apply(commands, "setting up the shunt").await
    }

    /// Leads a source away for so long, from now on.
    pub async fn add(&self, source: IpAddr, term: Duration) -> Result<(), Error> {
        let mut commands = vec![element("add", source, Some(term))];
        // What is there already keeps its end: taken out and put in again it gets the new one.
        commands.push(element("delete", source, None));
        commands.push(element("add", source, Some(term)));
        apply(commands, "leading a source away").await
    }

    /// Lets a source be. That it was not led away is no error.
    pub async fn remove(&self, source: IpAddr) -> Result<(), Error> {
        let there = element("add", source, Some(Duration::from_secs(1)));
        apply(vec![there, element("delete", source, None)], "letting a source be").await
    }

    /// Removes the table and all in it; that there is none is no error.
    pub async fn fell() -> Result<(), Error> {
        apply(vec![table("add"), table("delete")], "removing the shunt").await
    }

    fn table(&self) -> Vec<Value> {
        let mut commands = vec![table("add"), table("delete"), table("add")];
        for family in [V4, V6] {
            commands.push(json!({ "add": { "set": {
                "family": FAMILY, "table": TABLE, "name": family.set, "type": family.kind,
                "flags": ["timeout"], "size": self.max,
            } } }));
        }
        commands.push(chain("turn", "nat", "prerouting", -110));
        commands.push(chain("cut", "filter", "prerouting", -90));
        commands.push(chain("keep", "filter", "input", -10));
        for family in [V4, V6] {
            if let Some(turn) = self.turn(&family) {
                let tcp = json!({ "match": { "op": "==", "left": { "meta": { "key": "l4proto" } }, "right": "tcp" } });
                commands.push(rule(
                    "turn",
                    vec![family.is_source(), tcp, json!({ "counter": null }), turn],
                ));
            }
            let cut = vec![
                family.is_source(),
                not_turned(),
                json!({ "counter": null }),
                json!({ "drop": null }),
            ];
            commands.push(rule("cut", cut));
        }
        if let Way::Port(port) = self.to {
            let port = json!({ "match": {
                "op": "==", "left": { "payload": { "protocol": "tcp", "field": "dport" } }, "right": port,
            } });
            commands.push(rule("keep", vec![port, not_turned(), json!({ "drop": null })]));
        }
        commands
    }

    fn turn(&self, family: &Family) -> Option<Value> {
        match &self.to {
            Way::Port(port) => Some(json!({ "redirect": { "port": port } })),
            Way::Host { v4, .. } if family.protocol == "ip" => {
                v4.map(|host| json!({ "dnat": { "family": "ip", "addr": host } }))
            }
            Way::Host { v6, .. } => v6.map(|host| json!({ "dnat": { "family": "ip6", "addr": host } })),
            Way::Drop => None,
        }
    }
}

/// What differs between the two kinds of address.
struct Family {
    set: &'static str,
    kind: &'static str,
    protocol: &'static str,
}

const V4: Family = Family {
    set: "led4",
    kind: "ipv4_addr",
    protocol: "ip",
};
const V6: Family = Family {
    set: "led6",
    kind: "ipv6_addr",
    protocol: "ip6",
};

impl Family {
    fn is_source(&self) -> Value {
        let source = json!({ "payload": { "protocol": self.protocol, "field": "saddr" } });
        json!({ "match": { "op": "==", "left": source, "right": format!("@{}", self.set) } })
    }
}

fn table(verb: &str) -> Value {
    json!({ verb: { "table": { "family": FAMILY, "name": TABLE } } })
}

fn chain(name: &str, kind: &str, hook: &str, priority: i32) -> Value {
    json!({ "add": { "chain": {
        "family": FAMILY, "table": TABLE, "name": name, "type": kind, "hook": hook, "prio": priority, "policy": "accept",
    } } })
}

fn rule(chain: &str, expr: Vec<Value>) -> Value {
    json!({ "add": { "rule": { "family": FAMILY, "table": TABLE, "chain": chain, "expr": expr } } })
}

/// Its connection goes where it was meant to go.
fn not_turned() -> Value {
    let status = json!({ "&": [{ "ct": { "key": "status" } }, "dnat"] });
    json!({ "match": { "op": "!=", "left": status, "right": "dnat" } })
}

fn element(verb: &str, source: IpAddr, term: Option<Duration>) -> Value {
    let source = source.to_canonical();
    let family = if source.is_ipv4() { V4 } else { V6 };
    let held = match term {
        Some(term) => json!({ "elem": { "val": source, "timeout": term.as_secs().max(1) } }),
        None => json!(source),
    };
    json!({ verb: { "element": { "family": FAMILY, "table": TABLE, "name": family.set, "elem": [held] } } })
}

async fn apply(commands: Vec<Value>, doing: &'static str) -> Result<(), Error> {
    let ran = tokio::task::spawn_blocking(move || nft_json(&commands)).await;
    ran.unwrap_or_else(|error| Err(std::io::Error::other(error)))
        .map_err(Error::io(doing.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::netns;

    const EVE: &str = "192.0.2.7";
    const EVE6: &str = "2001:db8::7";

    #[tokio::test]
    async fn the_kernel_takes_every_way_twice_and_an_element_ends_by_itself() {
        for to in [
            Way::Port(7777),
            Way::Host {
                v4: Some(Ipv4Addr::new(10, 0, 0, 9)),
                v6: None,
            },
            Way::Drop,
        ] {
            let shunt = Shunt { to, max: 16 };
            let (eve, eve6) = (EVE.parse().unwrap(), EVE6.parse().unwrap());
            let table = shunt.table();
            let listed = netns::in_a_new_one(move || {
                nft_json(&table)?;
                nft_json(&table)?;
                nft_json(&[
                    element("add", eve, Some(Duration::from_secs(1))),
                    element("add", eve6, Some(Duration::from_secs(600))),
                ])?;
                std::thread::sleep(Duration::from_secs(2));
                std::process::Command::new("nft").args(["list", "ruleset"]).output()
            });
            let listed = String::from_utf8(listed.await.unwrap().stdout).unwrap();
            assert!(listed.contains(EVE6) && !listed.contains(EVE), "{listed}");
        }
    }

    #[tokio::test]
    async fn what_was_never_led_away_can_be_let_be_and_nothing_is_left_behind() {
        let shunt = Shunt {
            to: Way::Port(7777),
            max: 16,
        };
        let eve: IpAddr = EVE.parse().unwrap();
        let table_there = shunt.table();
        let left = netns::in_a_new_one(move || {
            nft_json(&table_there)?;
            nft_json(&[
                element("add", eve, Some(Duration::from_secs(1))),
                element("delete", eve, None),
            ])?;
            nft_json(&[table("add"), table("delete")])?;
            nft_json(&[table("add"), table("delete")])?;
            std::process::Command::new("nft").args(["list", "ruleset"]).output()
        });
        assert!(left.await.unwrap().stdout.is_empty());
    }
}
