//! The wall around one machine: what it may start towards the world (architecture.md §3, deploy.md §7.6).
//!
//! The rules live in the machine's own network namespace and are put there from outside, so root inside, who has no
//! capability over the network, can neither read nor change them. They stand before anything listens.

use std::fmt::Write as _;
use std::io::{self, Write as _};
use std::net::{IpAddr, Ipv4Addr};
use std::process::{Command, Stdio};

use model::fleet::{DeckySpec, Egress};
use model::machine::Proto;
use serde_json::{Value, json};

use crate::error::Error;
use crate::netns::NetNs;
use crate::resolver;

/// Netlink log group of the packets the wall stops.
pub(crate) const LOG_GROUP: u16 = 5;
/// Bytes of a stopped packet that are kept: enough for the largest IPv4 header, or IPv6's, and the ports.
pub(crate) const LOG_BYTES: u16 = 96;

/// Docker's resolver, present in every namespace of a network it made: names asked there leave through the daemon.
const EMBEDDED_RESOLVER: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 11);
/// Link-local, where clouds keep the metadata of the instance.
const METADATA: &str = "169.254.0.0/16";

/// Control port of FTP, and the port its server calls back from in active mode (RFC 959 §3.2).
const FTP: u16 = 21;
const FTP_DATA: u16 = 20;
/// Clients of FTP remembered, and for how long after the last answer to one.
const CALLERS: u32 = 1024;
const CALLERS_FOR: &str = "5m";

/// On packets that are to be swallowed on their way out. Setting one takes a capability nobody inside has.
const STOPPED_MARK: u32 = 1;
/// Sends stopped packets to loopback, which ignores frames that are not for it.
const SWALLOW: &str = "\
table netdev wall {
    chain swallow {
        type filter hook egress device \"eth0\" priority filter; policy accept;
        meta mark 1 fwd to \"lo\"
    }
}
";

/// How packets are stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stop {
    /// The sender believes they left, as if a firewall further on had dropped them.
    Quietly,
    /// The sender of a datagram is told "operation not permitted".
    Plainly,
}

/// What the rules of one machine follow from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wall {
    pub egress: Egress,
    /// Machines of the same scope: reachable under every profile.
    pub scope: Vec<Ipv4Addr>,
    /// The host's addresses and the gateway: reachable under none.
    pub never: Vec<IpAddr>,
    /// It serves FTP, which in active mode calls its client back.
    pub calls_back: bool,
}

// === impl Wall ===

impl Wall {
    pub(crate) fn around(spec: &DeckySpec, scope: &[Ipv4Addr], never: &[IpAddr]) -> Self {
        let mut ports = spec.machine.services.iter().flat_map(|service| &service.ports);
        Self {
            egress: spec.egress,
            scope: scope.to_vec(),
            never: never.to_vec(),
            calls_back: ports.any(|port| port.port == FTP && port.proto == Proto::Tcp),
        }
    }

    /// Builds the wall, or rebuilds one that stands; there is no moment without one in between.
    pub(crate) async fn raise(&self, decky: &str, namespace: &NetNs) -> Result<(), Error> {
        let (quiet, plain) = (self.rules(Stop::Quietly), self.rules(Stop::Plainly));
        let raised = namespace.visit(move || {
            // Before Linux 5.16 there is no hook to stop packets at quietly.
            nft(&quiet).or_else(|_| nft(&plain))?;
            if let Err(error) = resolver::evict() {
                tracing::debug!(%error, "the embedded resolver stays, behind the wall");
            }
            Ok(())
        });
        raised.await.map_err(|e| Error::Wall {
            decky: decky.to_owned(),
            reason: e.to_string(),
        })
    }

    /// The rules as one transaction of `nft`.
    ///
    /// Answers come first and also cover the kernel's own (a reset, an ICMP error), which no rule about connections
    /// sees: swallowing them would show that there is a wall. Nobody inside can forge them without raw sockets.
    pub(crate) fn rules(&self, stop: Stop) -> String {
        let never4 = self.never.iter().filter(|a| a.is_ipv4());
        let never6 = self.never.iter().filter(|a| a.is_ipv6());
        let mut text = String::from(
            "table inet wall\ndelete table inet wall\ntable netdev wall\ndelete table netdev wall\ntable inet wall {\n",
        );
        set(
            &mut text,
            "scope",
            "ipv4_addr",
            self.scope.iter().map(ToString::to_string),
        );
        set(
            &mut text,
            "never4",
            "ipv4_addr",
            never4.map(ToString::to_string).chain([METADATA.to_owned()]),
        );
        set(&mut text, "never6", "ipv6_addr", never6.map(ToString::to_string));
        let (mut remember, mut call_back) = (String::new(), String::new());
        if self.calls_back {
            let _ = writeln!(
                text,
                "    set callers {{ type ipv4_addr; flags dynamic,timeout; timeout {CALLERS_FOR}; size {CALLERS}; }}"
            );
            remember = format!("tcp sport {FTP} ct state established update @callers {{ ip daddr }}");
            call_back = format!("tcp sport {FTP_DATA} ip daddr @callers limit rate 2/second burst 60 packets accept");
        }
        let rest = match self.egress {
            Egress::Strict => "jump stopped",
            Egress::Open => "accept",
        };
        let (stop, swallow) = match stop {
            Stop::Quietly => (format!("counter meta mark set {STOPPED_MARK} accept"), SWALLOW),
            Stop::Plainly => ("counter drop".to_owned(), ""),
        };
        // Writing to a String cannot fail.
        let _ = write!(
            text,
            "\
    chain output {{
        type filter hook output priority filter; policy drop;
        {remember}
        ct state established,related accept
        tcp flags & rst == rst accept
        icmp type {{ echo-reply, destination-unreachable, time-exceeded }} accept
        icmpv6 type {{ echo-reply, destination-unreachable, packet-too-big, time-exceeded, parameter-problem }} accept
        icmpv6 type {{ nd-neighbor-solicit, nd-neighbor-advert }} accept
        ip daddr {EMBEDDED_RESOLVER} meta l4proto tcp reject with tcp reset
        ip daddr {EMBEDDED_RESOLVER} drop
        oifname lo accept
        ip daddr @never4 jump stopped
        ip6 daddr @never6 jump stopped
        ip daddr @scope accept
        {call_back}
        icmpv6 type {{ nd-router-solicit, mld-listener-report, mld2-listener-report }} drop
        ip protocol igmp drop
        {rest}
    }}
    chain stopped {{
        limit rate 200/second burst 400 packets log group {LOG_GROUP} snaplen {LOG_BYTES}
        {stop}
    }}
}}
{swallow}"
        );
        text
    }
}

fn set(text: &mut String, name: &str, kind: &str, elements: impl Iterator<Item = String>) {
    let elements: Vec<String> = elements.collect();
    let _ = write!(text, "    set {name} {{ type {kind}; flags interval; auto-merge;");
    if !elements.is_empty() {
        let _ = write!(text, " elements = {{ {} }};", elements.join(", "));
    }
    text.push_str(" }\n");
}

/// Applies `rules` as one transaction in the namespace of the calling thread.
pub(crate) fn nft(rules: &str) -> io::Result<()> {
    run(&["-f", "-"], rules)
}

/// As [`nft`], for rules as JSON (libnftables-json(5)).
pub(crate) fn nft_json(commands: &[Value]) -> io::Result<()> {
    run(&["-j", "-f", "-"], &json!({ "nftables": commands }).to_string())
}

fn run(args: &[&str], rules: &str) -> io::Result<()> {
    let mut child = Command::new("nft")
        .args(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|e| match e.kind() {
            io::ErrorKind::NotFound => io::Error::other("`nft` is missing: install it with `apt-get install nftables`"),
            _ => e,
        })?;
    if let Some(mut stdin) = child.stdin.take() {
        stdin.write_all(rules.as_bytes())?;
    }
    let done = child.wait_with_output()?;
    if done.status.success() {
        return Ok(());
    }
    let stderr = String::from_utf8_lossy(&done.stderr);
    Err(io::Error::other(
        stderr.lines().next().unwrap_or("nft failed").to_owned(),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::netns;

    fn wall(egress: Egress) -> Wall {
        Wall {
            egress,
            scope: vec![Ipv4Addr::new(10, 9, 0, 2), Ipv4Addr::new(10, 9, 0, 3)],
            never: vec!["10.9.0.1".parse().unwrap(), "fd00::1".parse().unwrap()],
            calls_back: true,
        }
    }

    #[tokio::test]
    async fn the_kernel_takes_the_rules_of_every_profile_and_takes_them_again() {
        for egress in [Egress::Strict, Egress::Open] {
            let rules = wall(egress).rules(Stop::Plainly);
            netns::in_a_new_one(move || nft(&rules).and_then(|()| nft(&rules)))
                .await
                .unwrap();
        }
        let alone = Wall {
            egress: Egress::Strict,
            scope: Vec::new(),
            never: Vec::new(),
            calls_back: false,
        }
        .rules(Stop::Plainly);
        netns::in_a_new_one(move || nft(&alone)).await.unwrap();
    }

    #[test]
    fn the_forbidden_comes_before_the_scope_and_the_default_is_to_stop() {
        let rules = wall(Egress::Strict).rules(Stop::Quietly);
        let at = |needle: &str| rules.find(needle).unwrap_or_else(|| panic!("{needle} in {rules}"));
        assert!(at("ip daddr 127.0.0.11 drop") < at("oifname lo accept"));
        assert!(at("@never4 jump stopped") < at("@scope accept"));
        assert!(at("@never4 jump stopped") < at("tcp sport 20 ip daddr @callers"));
        assert!(at("policy drop") < at("established,related accept"));
        assert!(rules.contains("elements = { 10.9.0.1, 169.254.0.0/16 }"));
        assert!(!rules.contains("        accept\n"));
        assert!(wall(Egress::Open).rules(Stop::Quietly).contains("        accept\n"));
    }

    #[tokio::test]
    async fn a_rule_the_kernel_refuses_is_an_error_with_its_words() {
        let error = netns::in_a_new_one(|| nft("add rule inet nowhere output drop\n"))
            .await
            .unwrap_err();
        assert!(error.to_string().contains("No such file"), "{error}");
    }
}
