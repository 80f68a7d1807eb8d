use crate::lab::{Lab, answer};

fn listen(lab: &mut Lab) {
    lab.serve(80, "nc", &["-lk", "80"]);
}

#[tokio::test]
async fn a_linux_host_is_seen_as_one_and_its_numbers_as_they_are() {
    let mut lab = Lab::new().await;
    listen(&mut lab);
    let found = lab.answer("tcpfp", 80).await;
    let raw = found.fields["tcpfp_raw"].as_str().unwrap();
    // Its window is no multiple of our MSS but of what fits a segment beside the timestamp.
    assert!(raw.starts_with("v2:4:64:0:1460:mss*"), "{raw}");
    assert!(raw.contains(":mss,sok,ts,nop,ws:df"), "{raw}");
    assert_eq!(found.fields["options_order"], "M,S,T,N,W");
    assert_eq!((&found.fields["ttl"], &found.fields["df_bit"]), (&64.into(), &1.into()));
    assert_eq!(
        (&found.fields["ipid_class"], &found.fields["isn_class"]),
        (&"zero".into(), &"random".into())
    );
    assert_eq!(found.fields["isn_samples"], 4);
    assert_eq!(found.fields["stacks_seen"], 1);
}

#[tokio::test]
async fn the_hash_stays_while_the_stack_does_and_changes_with_it() {
    let mut lab = Lab::new().await;
    listen(&mut lab);
    let first = lab.answer("tcpfp", 80).await.hash.unwrap();
    // From further away.
    lab.run("sysctl", &["-qw", "net.ipv4.ip_default_ttl=57"]);
    assert_eq!(lab.answer("tcpfp", 80).await.hash.unwrap(), first);
    lab.run("sysctl", &["-qw", "net.ipv4.tcp_timestamps=0"]);
    let turned = lab.ask(lab.peer, &["tcpfp"], &[80]).await;
    assert_eq!(turned.rotated.len(), 1);
    assert_eq!(turned.rotated[0].old_hash, first);
    assert_eq!(answer(&turned, "tcpfp").fields["options_order"], "M,N,N,S,N,W");
}

#[tokio::test]
async fn the_same_host_is_seen_over_ipv6() {
    let mut lab = Lab::new().await;
    lab.serve(80, "nc", &["-6", "-lk", "80"]);
    let turned = lab.ask(lab.peer6, &["tcpfp"], &[80]).await;
    let found = answer(&turned, "tcpfp");
    assert!(
        found.fields["tcpfp_raw"]
            .as_str()
            .unwrap()
            .starts_with("v2:6:64:0:1440:"),
        "{found:#?}"
    );
    assert!(!found.fields.contains_key("ipid_class"));
}

#[tokio::test]
async fn open_closed_and_silent_ports_are_told_apart() {
    let mut lab = Lab::new().await;
    listen(&mut lab);
    for rule in [
        "add table ip t",
        "add chain ip t i { type filter hook input priority 0 ; }",
        "add rule ip t i tcp dport 443 drop",
    ] {
        lab.run("nft", &rule.split(' ').collect::<Vec<_>>());
    }
    let turned = lab.ask(lab.peer, &["tcpfp"], &[80, 81, 443]).await;
    let scan = answer(&turned, "ports");
    assert_eq!(scan.fields["open"], serde_json::json!([80]));
    assert_eq!((&scan.fields["closed"], &scan.fields["silent"]), (&1.into(), &1.into()));
    // And how a closed port says so stands with the stack.
    assert_eq!(answer(&turned, "tcpfp").fields["rst_ack"], true);
}
