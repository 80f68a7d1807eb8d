use model::{Event, Fields, Origin};
use serde_json::json;
use store::{Attacker, Footprint, OsEvidence};
use time::Duration;
use uuid::Uuid;

use crate::backend::Bed;
use crate::sample::{NOON, connect, event};

const EVE: &str = "192.0.2.7";
const LINUX: &str = "4:64:0:1460:mss*44,7:mss,sok,ts,nop,ws:df,id+:0";
const WINDOWS: &str = "4:128:0:1460:mss*44,8:mss,nop,ws,nop,nop,sok:df,id+,ecn:0";

crate::contract! {
    a_syn_becomes_the_attackers_tcp_fingerprint
    values_are_kept_as_a_set_with_when_and_where_they_were_shown
    what_was_seen_is_the_same_however_its_events_arrive
    an_unknown_label_never_overwrites_a_known_one
    flows_add_up_and_the_least_round_trip_stays
    deckies_own_events_feed_the_same_sets_and_count_once_with_the_wires
    a_deckys_own_record_of_a_hello_is_fingerprinted
    what_drills_the_grid_and_deckies_themselves_show_is_nobodys
    only_a_completed_handshake_proves_an_address
    values_nobody_should_send_do_no_harm
}

async fn a_syn_becomes_the_attackers_tcp_fingerprint(bed: &Bed) {
    store(bed, &[syn(1, "web-01", json!({})), syn(2, "web-01", json!({}))]).await;
    let seen = footprint(bed).await;
    let tcp = seen.tcp_fingerprint.unwrap();
    assert_eq!(tcp.flat["window"], 64240);
    assert_eq!(tcp.flat["options_sig"], "M,S,T,N,W");
    assert_eq!(tcp.flat["ipid_class"], "incremental");
    assert_eq!(tcp.flat["context"], "syn");
    assert_eq!((tcp.passive.unwrap()["mss"].clone(), tcp.active), (json!(1460), None));
    let os = seen.os_guess.unwrap();
    assert_eq!(
        (os.label.as_str(), os.by, os.share),
        ("Linux 4.x-6.x", OsEvidence::Signature, 1.0)
    );
    assert_eq!((os.votes[0].count, os.votes[0].weight), (2, 1.8));
    assert_eq!(
        (seen.hop_distance, seen.link_type.as_deref()),
        (Some(12), Some("Ethernet"))
    );
    assert_eq!(seen.stacks[0].value, LINUX);
    assert_eq!(seen.stacks[0].detail["stack_hash"], "8e3bc6c1a64099de5791490442106dc2");
}

async fn values_are_kept_as_a_set_with_when_and_where_they_were_shown(bed: &Bed) {
    store(
        bed,
        &[hello(1, "web-01", "aa", "t13d"), hello(2, "web-02", "bb", "t13d")],
    )
    .await;
    store(bed, &[hello(3, "web-01", "aa", "t13d")]).await;
    let seen = footprint(bed).await;
    let ja3: Vec<_> = seen
        .ja3
        .iter()
        .map(|shown| (shown.value.as_str(), shown.count))
        .collect();
    assert_eq!(ja3, [("aa", 2), ("bb", 1)]);
    assert_eq!(seen.ja4.len(), 1);
    let ja4 = &seen.ja4[0];
    assert_eq!(
        (ja4.count, ja4.first_seen, ja4.last_seen),
        (3, NOON + Duration::seconds(1), NOON + Duration::seconds(3))
    );
    assert_eq!(ja4.deckies.iter().collect::<Vec<_>>(), ["web-01", "web-02"]);
    assert_eq!(ja4.ports.iter().copied().collect::<Vec<_>>(), [22]);
}

async fn what_was_seen_is_the_same_however_its_events_arrive(bed: &Bed) {
    let windows = json!({"stack_sig": WINDOWS, "os_label": "Windows", "os_flavor": "10/11", "os_confidence": "0.9"});
    let mut events = vec![
        syn(1, "web-01", json!({})),
        syn(2, "web-02", json!({})),
        syn(3, "web-01", windows),
        hello(4, "web-01", "aa", "t13d"),
    ];
    store(bed, &events).await;
    let once = footprint(bed).await;
    store(bed, &events).await; // Again, whole.
    store(bed, &events[1..2]).await; // And in part.
    assert_eq!(footprint(bed).await, once);
    assert_eq!(once.stacks.len(), 2);
    assert_eq!(once.os_guess.as_ref().unwrap().label, "Linux 4.x-6.x");

    let other = "192.0.2.8";
    events.rotate_left(3);
    for (n, event) in events.iter().enumerate() {
        let mut event = event.clone();
        event.report.id = model::EventId(Uuid::from_u128(900 + n as u128));
        event.report.src.as_mut().unwrap().ip = other.parse().unwrap();
        store(bed, &[event]).await; // One by one, in another order.
    }
    let mut apart = bed.store.attackers().footprint(other.parse().unwrap()).await.unwrap();
    apart.tcp_fingerprint.clone_from(&once.tcp_fingerprint);
    assert_eq!(apart, once);
}

async fn an_unknown_label_never_overwrites_a_known_one(bed: &Bed) {
    store(
        bed,
        &[
            syn(1, "web-01", json!({"ipid_class": "unknown", "isn_class": "unknown"})),
            syn(2, "web-01", json!({"ipid_class": "constant", "isn_class": "random"})),
            syn(
                3,
                "web-01",
                json!({"ipid_class": "incremental", "isn_class": "unknown"}),
            ),
            syn(4, "web-01", json!({"ipid_class": "unknown", "isn_class": "unknown"})),
        ],
    )
    .await;
    let seen = footprint(bed).await;
    assert_eq!(seen.ipid_class.as_deref(), Some("incremental"));
    assert_eq!(seen.isn_class.as_deref(), Some("random"));
}

async fn flows_add_up_and_the_least_round_trip_stays(bed: &Bed) {
    let flow = |n, fields| made(n, "web-01", "tcp_flow_timing", fields);
    store(
        bed,
        &[flow(
            1,
            json!({"retransmits": 2, "client_rtt_ms": 41.5, "uptime_s": 1000}),
        )],
    )
    .await;
    store(
        bed,
        &[flow(
            2,
            json!({"retransmits": "3", "client_rtt_ms": "40.25", "flows": 7}),
        )],
    )
    .await;
    store(
        bed,
        &[flow(
            3,
            json!({"retransmits": 0, "client_rtt_ms": 99, "uptime_s": 1060}),
        )],
    )
    .await;
    let seen = footprint(bed).await;
    assert_eq!(
        (seen.flows, seen.retransmit_count, seen.client_rtt_ms),
        (9, 5, Some(40.25))
    );
    let uptime = seen.uptime.unwrap();
    assert_eq!((uptime.seconds, uptime.at), (1060, NOON + Duration::seconds(3)));
}

async fn deckies_own_events_feed_the_same_sets_and_count_once_with_the_wires(bed: &Bed) {
    let of_wire = |n, kind, fields| {
        let mut event = made(n, "web-01", kind, fields);
        event.report.service = "sniffer".into();
        event
    };
    store(
        bed,
        &[
            made(1, "web-01", "client_banner", json!({"ssh_version": "SSH-2.0-Go"})),
            of_wire(2, "ssh_client_banner", json!({"ssh_version": "SSH-2.0-Go"})),
            made(7, "web-01", "client_banner", json!({"ssh_version": "SSH-2.0-Go"})),
            made(
                3,
                "web-01",
                "hassh",
                json!({"hassh": "ec73", "kex": "curve25519-sha256,x"}),
            ),
            of_wire(
                4,
                "ssh_client_kex",
                json!({"hassh": "ec73", "kex_algorithms": "curve25519-sha256,x"}),
            ),
            of_wire(5, "host_change", json!({"reasons": ["ttl", "mtu"]})),
            of_wire(6, "tcp_flow_timing", json!({"scanner": "masscan"})),
        ],
    )
    .await;
    let seen = footprint(bed).await;
    let counts = |shown: &[store::Shown]| {
        shown
            .iter()
            .map(|one| (one.value.clone(), one.count))
            .collect::<Vec<_>>()
    };
    assert_eq!(counts(&seen.ssh_client_banners), [("SSH-2.0-Go".into(), 2)]);
    assert_eq!(counts(&seen.hassh_client), [("ec73".into(), 1)]);
    assert_eq!(counts(&seen.kex_order_raw), [("curve25519-sha256,x".into(), 1)]);
    assert_eq!(
        counts(&seen.host_change_reasons),
        [("mtu".into(), 1), ("ttl".into(), 1)]
    );
    assert_eq!(counts(&seen.scanner_tools), [("masscan".into(), 1)]);
}

async fn a_deckys_own_record_of_a_hello_is_fingerprinted(bed: &Bed) {
    let hello = "FgMBAMQBAADAAwMAAQIDBAUGBwgJCgsMDQ4PEBESExQVFhcYGRobHB0eHwAACgoKEwETAsArwC8BAACNCgoAAAAAAAsACQAABmEudGVzd\
        AAXAAD/AQABAAAKAAgABgoKAB0AFwALAAIBAAAjAAAAEAAOAAwCaDIIaHR0cC8xLjEADQAKAAgEAwgEBAEFAwAtAAIBAQArAAcGCgoDBA\
        MDADMAJgAkAB0AIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f";
    let tls = |n, hello: &str| {
        made(
            n,
            "web-01",
            "tls",
            json!({"outcome": "success", "client_hello_b64": hello}),
        )
    };
    store(bed, &[tls(1, hello), tls(2, "FgMBAMQ="), tls(3, "no base64!")]).await;
    let seen = footprint(bed).await;
    let values = |shown: &[store::Shown]| shown.iter().map(|one| one.value.clone()).collect::<Vec<_>>();
    assert_eq!(values(&seen.ja3), ["f93b2aeb1f1db20a908d1b8ddfdfaed1"]);
    assert_eq!(values(&seen.ja4), ["t13d0411h2_e00fd9ffaebd_9ea680a096c6"]);
}

async fn what_drills_the_grid_and_deckies_themselves_show_is_nobodys(bed: &Bed) {
    let mut internal = syn(1, "web-01", json!({}));
    internal.report.origin = Origin::Internal;
    let outbound = made(2, "web-01", "tls_outbound", json!({"ja3": "aa"}));
    let hello = made(
        3,
        "web-01",
        "tls_client_hello",
        json!({"ja3": "aa", "role": "outbound"}),
    );
    let drill = bed.store.drills().begin(EVE.parse().unwrap()).await.unwrap();
    let mut of_drill = syn(4, "web-01", json!({}));
    of_drill.report.at = drill.started_at + Duration::seconds(1);
    store(bed, &[internal, outbound, hello, of_drill]).await;
    assert_eq!(footprint(bed).await, Footprint::default());
    assert_eq!(attacker(bed).await, None);
}

async fn only_a_completed_handshake_proves_an_address(bed: &Bed) {
    store(
        bed,
        &[
            syn(1, "web-01", json!({})),
            made(2, "web-01", "tcp_flow_timing", json!({"handshake": "half_open"})),
            made(3, "web-01", "connect", json!({"proto": "udp"})),
        ],
    )
    .await;
    let seen = attacker(bed).await.unwrap();
    assert_eq!((seen.handshakes, seen.events), (0, 3));
    store(
        bed,
        &[
            connect(4, EVE, "web-01"),
            made(5, "web-01", "tcp_flow_timing", json!({"handshake": "established"})),
        ],
    )
    .await;
    assert_eq!(attacker(bed).await.unwrap().handshakes, 2);
}

async fn values_nobody_should_send_do_no_harm(bed: &Bed) {
    let long = "x".repeat(100_000);
    store(
        bed,
        &[
            syn(
                1,
                "web-01",
                json!({"ttl": 1e300, "hop_distance": -4, "os_confidence": "NaN", "window": [1], "os_label": long}),
            ),
            made(
                2,
                "web-01",
                "client_banner",
                json!({"ssh_version": format!("SSH-2.0-\u{0}{long}")}),
            ),
            made(
                3,
                "web-01",
                "tcp_flow_timing",
                json!({"retransmits": -1, "flows": 1e308, "client_rtt_ms": -5, "uptime_s": 1e20}),
            ),
            made(4, "web-01", "tls_client_hello", json!({"ja3": {"a": 1}, "ja4": ""})),
        ],
    )
    .await;
    let seen = footprint(bed).await;
    assert!(seen.ssh_client_banners[0].value.len() < 5_000);
    assert_eq!(
        (seen.hop_distance, seen.retransmit_count, seen.client_rtt_ms),
        (None, 0, None)
    );
    assert_eq!((seen.ja3.len(), seen.ja4.len(), seen.uptime), (0, 0, None));
}

async fn store(bed: &Bed, events: &[Event]) {
    bed.store.ingest(events).await.unwrap();
}

async fn footprint(bed: &Bed) -> Footprint {
    bed.store.attackers().footprint(EVE.parse().unwrap()).await.unwrap()
}

async fn attacker(bed: &Bed) -> Option<Attacker> {
    bed.store.attackers().get(EVE.parse().unwrap()).await.unwrap()
}

fn made(n: u64, decky: &str, kind: &'static str, fields: serde_json::Value) -> Event {
    let fields: Fields = serde_json::from_value(fields).unwrap();
    event(n, EVE, decky, kind, fields)
}

/// A SYN as the sniffer tells of it, some of its fields others.
fn syn(n: u64, decky: &str, others: serde_json::Value) -> Event {
    let mut fields = json!({
        "ttl": 52, "initial_ttl": 64, "hop_distance": 12, "window": 64240, "mss": 1460, "wscale": 7,
        "options_sig": "M,S,T,N,W", "has_sack": true, "has_timestamps": true, "tos": 0, "dscp": 0, "ecn": 0,
        "ipid_class": "incremental", "isn_class": "unknown", "os_guess": "linux", "os_label": "Linux",
        "os_flavor": "4.x-6.x", "os_confidence": 0.9, "link_type": "Ethernet", "stack_sig": LINUX,
        "stack_hash": "8e3bc6c1a64099de5791490442106dc2",
    });
    fields
        .as_object_mut()
        .unwrap()
        .extend(others.as_object().unwrap().clone());
    made(n, decky, "tcp_syn_fingerprint", fields)
}

fn hello(n: u64, decky: &str, ja3: &str, ja4: &str) -> Event {
    made(
        n,
        decky,
        "tls_client_hello",
        json!({"ja3": ja3, "ja4": ja4, "sni": "a.test"}),
    )
}
