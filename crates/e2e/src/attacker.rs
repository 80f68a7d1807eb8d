//! Hosts of their own beside the grid, as network namespaces: attackers whose address is not this host's.

use std::time::Duration;

use anyhow::Result;

use crate::tools::{self, Ran};

pub struct Attacker {
    name: &'static str,
    pub address: &'static str,
}

// === impl Attacker ===

impl Attacker {
    /// On the grid's own bridge.
    pub fn on_the_bridge() -> Result<Self> {
        let bridge = tools::must("docker network inspect -f '{{.Id}}' decnet_lan")?;
        let bridge = bridge.get(..12).unwrap_or_default();
        let attacker = Self {
            name: "e2e-attacker",
            address: "10.201.0.77",
        };
        attacker.enter("e2e-att0")?;
        tools::must(&format!("ip link set e2e-att0 master br-{bridge} up"))?;
        Ok(attacker)
    }

    /// On a network that a link of this host is part of: what a macvlan grid has beside it.
    pub fn on_a_lan(link: &'static str, host: &str) -> Result<Self> {
        let attacker = Self {
            name: "e2e-lan",
            address: "10.205.0.66",
        };
        attacker.enter(link)?;
        tools::must(&format!("ip addr add {host} dev {link} && ip link set {link} up"))?;
        Ok(attacker)
    }

    fn enter(&self, link: &str) -> Result<()> {
        let Self { name, address } = self;
        tools::must(&format!(
            "ip netns del {name} 2>/dev/null; ip link del {link} 2>/dev/null; \
             ip netns add {name} && ip link add {link} type veth peer name eth0 netns {name} && \
             ip -n {name} addr add {address}/24 dev eth0 && ip -n {name} link set eth0 up && ip -n {name} link set lo up"
        ))?;
        Ok(())
    }

    /// Runs a shell line there.
    pub fn sh(&self, line: &str) -> Result<Ran> {
        tools::sh_within(&self.there(line), Duration::from_secs(120))
    }

    /// Runs a shell line there that must succeed.
    pub fn must(&self, line: &str) -> Result<String> {
        tools::must(&self.there(line))
    }

    fn there(&self, line: &str) -> String {
        format!("ip netns exec {} bash -c '{}'", self.name, line.replace('\'', r"'\''"))
    }
}

impl Drop for Attacker {
    fn drop(&mut self) {
        // The link goes with its namespace. Whoever comes next removes what is still there.
        let _ = tools::sh(&format!("ip netns del {}", self.name));
    }
}
