use super::*;
use crate::request::{Distros, Services};

#[test]
fn a_whole_file_is_read_as_it_is_meant() {
    let (fleet, found) = read(
        "# a lab\n[general]\nnet = 10.20.0.0/24\ngw: 10.20.0.1\ninterface\t=\teth1\nexclude = 10.20.0.50-99\ndns = 9.9.9.9, 10.20.0.1\n\
         site = AMS\nmutate_interval = 45\n\n[dc]\nArchetype = Linux-Server\nip = 10.20.0.14 ; fixed\nhostname = web17\n\n\
         [web]\r\namount = 2\r\nservices = SSH , http\rdistro = debian, kali\n\n[web.ssh]\npassword = a%b=c:d ;e\n; done\n",
    );
    assert_eq!(codes(&found), ["W_COMMENT_IN_VALUE"]);
    let general = &fleet.general;
    assert_eq!(general.net, Some("10.20.0.0/24".parse().unwrap()));
    assert_eq!(general.gw, Some("10.20.0.1".parse().unwrap()));
    assert_eq!(
        (general.interface.as_deref(), general.site.as_deref()),
        (Some("eth1"), Some("ams"))
    );
    assert_eq!(
        (general.mutate_interval, general.exclude.len(), general.resolvers.len()),
        (Some(45), 1, 2)
    );
    let names: Vec<_> = fleet.deckies.iter().map(|decky| decky.name.as_str()).collect();
    assert_eq!(names, ["dc", "web-01", "web-02"]);
    let [dc, web, _] = &fleet.deckies[..] else {
        panic!("three")
    };
    assert_eq!(
        (dc.archetype.as_deref(), &dc.services),
        (Some("linux-server"), &Services::Archetype)
    );
    assert_eq!(
        (dc.ip, dc.hostname.as_deref()),
        (Some("10.20.0.14".parse().unwrap()), Some("web17"))
    );
    assert_eq!(web.services, Services::Named(vec!["ssh".into(), "http".into()]));
    assert_eq!(web.distros, Distros::Named(vec!["debian".into(), "kali".into()]));
    assert_eq!(web.config["ssh"][0].value, "a%b=c:d ;e");
}

#[test]
fn a_section_with_a_dot_is_a_service_only_when_it_ends_with_one() {
    let (fleet, found) = read("[web.corp]\nservices = ssh\n[web.corp.SSH]\nuser = bob\n");
    assert_eq!(codes(&found), ["W_NAME"]);
    assert_eq!(fleet.deckies[0].name.as_str(), "web-corp");
    assert_eq!(fleet.deckies[0].config["ssh"][0].value, "bob");
}

#[test]
fn a_long_text_goes_on_in_deeper_lines() {
    let (fleet, found) = read(
        "[w]\nservices = http\n[w.http]\ncustom_body = <h1>\n  a = b\n\n  # no comment of the text\n  [c]\nserver_header = x\n",
    );
    assert!(found.is_empty(), "{found}");
    let config = &fleet.deckies[0].config["http"];
    assert_eq!(config[0].value, "<h1>\na = b\n\n[c]");
    assert_eq!(config[1].value, "x");
}

#[test]
fn settings_reach_their_section_and_no_namesake() {
    let (fleet, found) =
        read("[web]\namount = 2\nservices = http\n[web-proxy]\nservices = http\n[web.http]\nserver_header = a\n");
    assert!(found.is_empty(), "{found}");
    let set: Vec<_> = fleet
        .deckies
        .iter()
        .map(|decky| (decky.name.as_str(), decky.config.contains_key("http")))
        .collect();
    assert_eq!(set, [("web-01", true), ("web-02", true), ("web-proxy", false)]);
}

#[test]
fn a_members_own_setting_stands_above_its_groups() {
    for text in [
        "[w.ssh]\nuser = a\n[w-02.ssh]\nuser = b\n",
        "[w-02.ssh]\nuser = b\n[w.ssh]\nuser = a\n",
    ] {
        let (fleet, found) = read(&format!("[w]\namount = 2\nservices = ssh\n{text}"));
        assert!(found.is_empty(), "{found}");
        let users: Vec<_> = fleet
            .deckies
            .iter()
            .map(|decky| decky.config["ssh"].iter().map(|g| g.value.clone()).collect::<Vec<_>>())
            .collect();
        assert_eq!(users, [["a"], ["b"]]);
    }
}

#[test]
fn both_spellings_of_a_key_are_one_key() {
    let (fleet, found) = read("[a]\nnmap-os = Windows\nMUTATE-INTERVAL = 5\n");
    assert!(found.is_empty(), "{found}");
    assert_eq!(
        (fleet.deckies[0].nmap_os.as_deref(), fleet.deckies[0].mutate_interval),
        (Some("windows"), Some(5))
    );
    assert_eq!(
        codes(&read("[a]\nnmap-os = bsd\nnmap_os = bsd\n").1),
        ["E_DUPLICATE_KEY"]
    );
}

#[test]
fn flags_stand_above_the_file_only_when_given() {
    let text = "[general]\nmutate_interval = 45\nsite = ams\nip_strategy = scattered\n[a]\nmutate_interval = 7\n[b]\n";
    let intervals = |flag| {
        read(text)
            .0
            .request(Options::default(), flag)
            .deckies
            .iter()
            .map(|d| d.mutate_interval)
            .collect::<Vec<_>>()
    };
    assert_eq!(intervals(None), [Some(7), Some(45)]);
    assert_eq!(intervals(Some(9)), [Some(9), Some(9)]);
    let flags = Options {
        site: Some("nyc".into()),
        ..Options::default()
    };
    let options = read(text).0.request(flags, None).options;
    assert_eq!(
        (options.site.as_deref(), options.ip_strategy),
        (Some("nyc"), Some(crate::request::IpStrategy::Scattered))
    );
}
