//! `decnet teardown --all` leaves the host as it was.

use e2e::grid::{grid, root};
use e2e::tools::must;

const LOOK: &str = "\
echo LINKS; ip -o link | awk -F': ' '{print $2}' | grep -v '^veth' | sort; \
echo ADDRESSES; ip -o addr | awk '{print $2, $4}' | grep -v '^veth' | sort; \
echo ROUTES; ip route | sort; \
echo NFT; nft list tables | grep -i decnet; \
echo NETWORKS; docker network ls --format '{{.Name}} {{.Driver}}' | sort; \
echo CONTAINERS; docker ps -a --format '{{.Names}}' | grep -v '^e2e-genuine' | sort; \
echo IMAGES; docker images --filter label=decnet.managed=true -q; \
echo NAMESPACES; ip netns list | sort; true";

#[test]
fn teardown_leaves_the_host_as_it_was() {
    grid();
    must("docker rm -f e2e-genuine-nginx e2e-genuine-apache 2>/dev/null || true").unwrap();
    grid().kill_workers().unwrap();
    grid().decnet(&["teardown", "--all", "--yes"]).unwrap();
    let before = must(LOOK).unwrap();
    assert!(!before.to_lowercase().contains("decnet"), "left behind:\n{before}");
    let state = root().join("target/e2e/state-2");
    let _ = std::fs::remove_dir_all(&state);
    let decnet = |args: &str| {
        must(&format!(
            "DECNET_STATE_DIR={} {} {args}",
            state.display(),
            e2e::grid::binary().display()
        ))
        .unwrap()
    };
    decnet("deploy --driver bridge --subnet 10.203.0.0/24 --deckies 2 --services ssh,http --distro debian --yes");
    assert_ne!(must(LOOK).unwrap(), before, "something was deployed");
    decnet("teardown --all --yes");
    assert_eq!(must(LOOK).unwrap(), before);
    let left = must(&format!("find {} -type f -printf '%P\\n' | sort", state.display())).unwrap();
    let record = ["decnet.db", "artifacts/", "images/"];
    let strays: Vec<_> = left
        .lines()
        .filter(|file| !record.iter().any(|kept| file.starts_with(kept)))
        .collect();
    assert!(strays.is_empty(), "{strays:?}");
}
