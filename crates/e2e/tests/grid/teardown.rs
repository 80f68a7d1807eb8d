//! `decnet teardown --all` leaves the host as it was, whatever kind of grid stood on it.

use std::path::PathBuf;

use e2e::attacker::Attacker;
use e2e::grid::{Grid, SSH, grid, root};
use e2e::tools::must;

/// What the host has. Link-local addresses are left out: the kernel takes its time with them.
const LOOK: &str = "\
echo LINKS; ip -o link | awk -F': ' '{print $2}' | sed 's/@.*//' | sort; \
echo ADDRESSES; ip -o addr | awk '{print $2, $4}' | grep -v fe80: | sort; \
echo ROUTES; ip route show table all | grep -v fe80: | sort; \
echo NFT; nft list ruleset | sed 's/packets [0-9]* bytes [0-9]*//'; \
echo SYSCTLS; sysctl -a 2>/dev/null | grep -E 'ip_forward|bridge-nf|arp_(ignore|announce)' | grep -v veth | sort; \
echo NETWORKS; docker network ls --format '{{.Name}} {{.Driver}}' | sort; \
echo CONTAINERS; docker ps -a --format '{{.Names}}' | sort; \
echo IMAGES; docker images -a --format '{{.ID}} {{.Repository}}:{{.Tag}}' | sort; \
echo VOLUMES; docker volume ls -q | sort; \
echo NAMESPACES; ip netns list | sort; \
echo FILES; find /etc /var/lib /run -xdev -newer @mark@ -type f 2>/dev/null \
  | grep -vE '^/var/lib/docker/|^/run/docker|^/run/containerd|^/var/lib/containerd|/dockerd?.pid$' \
  | xargs -r grep -liE 'decnet|decky' 2>/dev/null | sort; \
find /tmp -xdev -path '@root@' -prune -o -newer @mark@ \\( -iname '*decnet*' -o -iname '*decky*' \\) -print 2>/dev/null | sort; true";

#[test]
fn a_subnet_another_network_has_is_refused() {
    take_the_grid_down();
    must("docker network rm e2e-taken >/dev/null 2>&1; docker network create --subnet 10.206.0.0/24 e2e-taken")
        .unwrap();
    let before = look();
    let second = Grid::at("state-taken");
    let args = "deploy --driver bridge --subnet 10.206.0.0/25 --deckies 1 --services ssh --distro debian --yes";
    let out = second.command(&args.split(' ').collect::<Vec<_>>()).output().unwrap();
    // The image was made, and waits for a better plan.
    second.decnet(&["teardown", "--all", "--yes"]).unwrap();
    let after = look();
    must("docker network rm e2e-taken").unwrap();
    assert_eq!(after, before);
    let said = String::from_utf8_lossy(&out.stderr).into_owned();
    assert_eq!(out.status.code(), Some(5), "{said}");
    assert!(said.contains("10.206.0.0") && said.contains("e2e-taken"), "{said}");
    assert_eq!(said.matches("error: ").count(), 1, "{said}");
}

#[test]
fn teardown_leaves_the_host_as_it_was() {
    take_the_grid_down();
    let before = look();
    assert!(!before.to_lowercase().contains("decnet"), "left behind:\n{before}");
    let second = Second::new("state-2");
    second
        .decnet("deploy --driver bridge --subnet 10.203.0.0/24 --deckies 2 --services ssh,http --distro debian --yes");
    assert_ne!(look(), before, "something was deployed");
    second.decnet("teardown --all --yes");
    assert_eq!(look(), before);
    second.has_only_its_record();
}

/// Deckies on a real network, each with a MAC of its own, attacked by another host of that network.
#[test]
fn deckies_of_a_macvlan_grid_are_attacked_from_the_network_they_are_on() {
    take_the_grid_down();
    let attacker = Attacker::on_a_lan("e2e-lan0", "10.205.0.1/24").unwrap();
    let before = look();
    let grid = Grid::at("state-macvlan");
    let plan = grid.state.join("lan.ini");
    std::fs::write(&plan, LAN).unwrap();
    let plan = plan.to_str().unwrap();
    grid.decnet(&["deploy", "--interface", "e2e-lan0", "--config", plan, "--yes"])
        .unwrap();
    grid.start_workers().unwrap();
    let scan = attacker.must("nmap -n -sV -p 22,80,81 10.205.0.20").unwrap();
    for word in ["OpenSSH", "nginx", "81/tcp closed"] {
        assert!(scan.contains(word), "{word} in {scan}");
    }
    let whoami = format!("sshpass -p sunflower9 ssh {SSH} kim@10.205.0.20 'id -un; cat /sys/class/net/eth0/address'");
    let inside = attacker.must(&whoami).unwrap();
    let seen = attacker.must("ip neigh show 10.205.0.20").unwrap();
    let (who, mac) = inside.trim().split_once('\n').unwrap();
    assert_eq!(who, "kim");
    assert!(
        seen.contains(mac) && !mac.starts_with("02:42"),
        "{mac} inside, outside {seen}"
    );
    assert_ne!(
        attacker
            .sh("timeout 3 bash -c 'echo > /dev/tcp/10.205.0.20/81'")
            .unwrap()
            .code,
        0
    );
    for (kind, word) in [("auth_attempt", "sunflower9"), ("request", "/"), ("command", "id -un")] {
        grid.event("lan-web", kind, |event| {
            event["src"]["ip"] == attacker.address && event["fields"].to_string().contains(word)
        })
        .unwrap();
    }
    let hops = grid.json(&["drill", "--json"]).unwrap();
    assert!(hops.as_array().unwrap().iter().all(|hop| hop["ok"] == true), "{hops}");
    let escape = format!(
        "sshpass -p toor-e2e ssh {SSH} root@10.205.0.20 'for to in 10.205.0.1 10.205.0.66; do timeout 2 bash -c \"echo > /dev/tcp/$to/9\" 2>/dev/null; echo $?; done'"
    );
    assert_eq!(
        attacker.must(&escape).unwrap(),
        "124\n124\n",
        "the host and the rest of the network are out of reach"
    );
    grid.stop_workers().unwrap();
    grid.decnet(&["teardown", "--all", "--yes"]).unwrap();
    assert_eq!(look(), before);
}

const LAN: &str = "\
[general]
net = 10.205.0.0/24

[lan-web]
ip = 10.205.0.20
services = ssh, http
distro = debian

[lan-web.ssh]
users = root:toor-e2e, kim:sunflower9
[lan-web.http]
persona = nginx
";

fn take_the_grid_down() {
    let grid = grid();
    // An image made from one of ours would keep it.
    must(
        "docker ps -aq --filter name=e2e-genuine | xargs -r docker rm -f >/dev/null; \
         docker images -q e2e-genuine | xargs -r docker rmi -f >/dev/null",
    )
    .unwrap();
    if grid.has_workers() {
        grid.stop_workers().unwrap();
    }
    grid.decnet(&["teardown", "--all", "--yes"]).unwrap();
    std::fs::write(mark(), "").unwrap();
}

fn mark() -> PathBuf {
    root().join("target/e2e/mark")
}

fn look() -> String {
    let root = root().canonicalize().unwrap();
    let look = LOOK
        .replace("@mark@", mark().to_str().unwrap())
        .replace("@root@", root.to_str().unwrap());
    must(&look).unwrap()
}

/// A grid with a state folder of its own.
struct Second(Grid);

// === impl Second ===

impl Second {
    fn new(name: &str) -> Self {
        Self(Grid::at(name))
    }

    fn decnet(&self, args: &str) {
        self.0.decnet(&args.split(' ').collect::<Vec<_>>()).unwrap();
    }

    fn has_only_its_record(&self) {
        let left = must(&format!(
            "find {} -type f -printf '%P\n' | sort",
            self.0.state.display()
        ))
        .unwrap();
        let record = ["decnet.db", "artifacts/", "images/"];
        let strays: Vec<_> = left
            .lines()
            .filter(|file| !record.iter().any(|kept| file.starts_with(kept)))
            .collect();
        assert!(strays.is_empty(), "{strays:?}");
    }
}
