use serde_json::json;

use crate::lab::{Lab, answer};

const DROP: [&str; 3] = [
    "add table inet t",
    "add chain inet t i { type filter hook input priority 0 ; }",
    "add rule inet t i udp dport 1-65535 drop",
];

#[tokio::test]
async fn a_linux_neighbour_complains_about_a_closed_port_and_quotes_it_whole() {
    let lab = Lab::new().await;
    let turned = lab.ask(lab.peer, &["icmp_error"], &[]).await;
    let found = answer(&turned, "icmp_error");
    assert_eq!(found.fields["icmp_matrix"], "P...");
    assert_eq!(found.fields["port_unreachable"], 1);
    let detail = &found.fields["port_unreachable_detail"];
    assert_eq!(
        (&detail["from_target"], &detail["icmp_code"]),
        (&json!(true), &json!(3))
    );
    // Header, UDP header and the 32 bytes of ours.
    assert_eq!(
        (&detail["echo_len"], &detail["quote_changed"]),
        (&json!(60), &json!([]))
    );
    // A neighbour has no router that could say it.
    assert_eq!(found.fields["time_exceeded_detail"]["sent"], false);
    let again = answer(&lab.ask(lab.peer, &["icmp_error"], &[]).await, "icmp_error");
    assert_eq!(again.hash, found.hash);
}

#[tokio::test]
async fn silence_is_an_answer_of_its_own() {
    let lab = Lab::new().await;
    let loud = answer(&lab.ask(lab.peer, &["icmp_error"], &[]).await, "icmp_error");
    for rule in DROP {
        lab.run("nft", &rule.split(' ').collect::<Vec<_>>());
    }
    let turned = lab.ask(lab.peer, &["icmp_error"], &[]).await;
    let silent = answer(&turned, "icmp_error");
    assert_eq!(silent.fields["icmp_matrix"], "....");
    assert_eq!(silent.fields["icmp_fp_hash_v1"], "10f08da12c7b395c1e64c7091f9ba12f");
    assert_ne!(silent.hash, loud.hash);
    assert_eq!(turned.rotated.len(), 1);
}

#[tokio::test]
async fn a_linux_neighbour_complains_over_ipv6_in_three_ways() {
    let lab = Lab::new().await;
    let turned = lab.ask(lab.peer6, &["icmp6_error", "icmp_error"], &[]).await;
    let found = answer(&turned, "icmp6_error");
    assert_eq!(found.fields["icmp6_matrix"], "U.NB");
    assert_eq!(found.fields["unknown_option_detail"]["icmp_code"], 2);
    assert!(!turned.probes.iter().any(|row| row.probe == "icmp_error"));
}

#[tokio::test]
async fn a_neighbours_link_local_address_is_found_by_its_hardware_address() {
    let lab = Lab::new().await;
    // As an attacker does, it has talked to this host.
    let _ = lab.inside("nc", &["-z", "-w1", &lab.here.to_string(), "9"]).status();
    let turned = lab.ask(lab.peer, &["ipv6_leak"], &[]).await;
    let found = answer(&turned, "ipv6_leak");
    let out = lab
        .inside("ip", &["-6", "-o", "addr", "show", "dev", "eth0", "scope", "link"])
        .stdout(std::process::Stdio::piped())
        .output();
    let shown = String::from_utf8(out.unwrap().stdout).unwrap();
    assert!(shown.contains(found.fields["ipv6_addr"].as_str().unwrap()), "{shown}");
    assert_eq!(
        (&found.fields["iid_kind"], &found.fields["vector"]),
        (&json!("eui64"), &json!("active_echo"))
    );
}
