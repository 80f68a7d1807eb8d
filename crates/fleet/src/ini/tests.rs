use proptest::prelude::*;

use super::*;
use crate::plan::testing::{self, World};
use crate::request::{Distros, Services};

// === grammar ===

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

// === every row of what can be wrong ===

#[test]
fn every_error_has_its_code_its_line_and_a_way_out() {
    let rows: &[(&str, &str, &[usize])] = &[
        ("", "E_EMPTY", &[]),
        (" \n\t\n", "E_EMPTY", &[]),
        ("# nothing\n", "E_NO_SECTIONS", &[]),
        ("[general]\nnet = 10.0.0.0/24\n", "E_NO_DECKIES", &[]),
        ("services = ssh\n", "E_SYNTAX", &[1]),
        ("[a]\n[b\nservices = ssh\n", "E_SYNTAX", &[2]),
        ("[a] services = ssh\n[b]\n", "E_SYNTAX", &[1]),
        ("[]\n[b]\n", "E_SYNTAX", &[1]),
        ("[a]\n= 1\n", "E_SYNTAX", &[2]),
        ("[a]\nip\n", "E_KEY_NO_VALUE", &[2]),
        ("[a]\n[b]\n[a]\n", "E_DUPLICATE_SECTION", &[1, 3]),
        ("[a]\nip = 10.20.0.5\nip = 10.20.0.6\n", "E_DUPLICATE_KEY", &[2, 3]),
        ("[DEFAULT]\nip = 10.20.0.5\n[a]\n", "E_RESERVED_SECTION", &[1]),
        ("[web corp]\n", "E_NAME", &[1]),
        ("[-]\n", "E_NAME", &[1]),
        ("[web_a]\n[Web.A]\n", "E_NAME_TAKEN", &[1, 2]),
        ("[a]\namount = 2\n[a-02]\n", "E_NAME_TAKEN", &[1, 3]),
        ("[a]\namount = 101\n", "E_AMOUNT", &[2]),
        ("[a]\namount = 0\n", "E_AMOUNT", &[2]),
        ("[a]\namount = -1\n", "E_AMOUNT", &[2]),
        ("[a]\namount = potato\n", "E_AMOUNT", &[2]),
        ("[a]\namount = 2\nip = 10.20.0.5\n", "E_AMOUNT_SINGLE", &[3, 2]),
        ("[a]\namount = 2\nhostname = x\n", "E_AMOUNT_SINGLE", &[3, 2]),
        ("[a]\nip = 999.1.1.1\n", "E_IP_SYNTAX", &[2]),
        ("[a]\nip = ::1\n", "E_IP_SYNTAX", &[2]),
        ("[a]\nmutate_interval = 0\n", "E_INTERVAL", &[2]),
        ("[general]\nmutate_interval = soon\n[a]\n", "E_INTERVAL", &[2]),
        ("[a]\ncontainment = sinkhole\n", "E_CONTAINMENT", &[2]),
        ("[a]\ncontainment = none\n", "E_CONTAINMENT", &[2]),
        ("[general]\nnet = 10.0.0/24\n[a]\n", "E_NET", &[2]),
        ("[general]\nnet = fe80::/64\n[a]\n", "E_NET", &[2]),
        ("[general]\ngw = router\n[a]\n", "E_IP_SYNTAX", &[2]),
        ("[general]\nexclude = 10.0.0.9-3\n[a]\n", "E_EXCLUDE", &[2]),
        ("[general]\nip_strategy = wild\n[a]\n", "E_IP_STRATEGY", &[2]),
        ("[general]\nsite = decnet\n[a]\n", "E_SITE", &[2]),
        ("[general]\ndomain = a b\n[a]\n", "E_DOMAIN", &[2]),
        ("[custom-x]\nbinary = i\nports = 80, http\n[a]\n", "E_PORT", &[3]),
        ("[custom-x]\nbinary = i\nports = 0\n[a]\n", "E_PORT", &[3]),
        ("[custom-x]\nbinary = i\nexec = a \"b\n[a]\n", "E_EXEC", &[3]),
        ("[custom-x]\nports = 80\n[a]\n", "E_CUSTOM_IMAGE", &[1]),
        ("[custom-ssh]\nbinary = i\n[a]\n", "E_CUSTOM_NAME", &[1]),
        (
            "[custom-x]\nbinary = i\n[a]\nservices = ssh, x\n",
            "E_CUSTOM_NOT_BUILT",
            &[4, 1],
        ),
        // Told by the plan, with the same places.
        ("[a]\nservices = shh\n", "E_SERVICE", &[2]),
        ("[a]\nservices = ssh,smb\n", "E_SERVICE_NOT_BUILT", &[2]),
        ("[a]\nservices = sniffer\n", "E_SERVICE_SINGLETON", &[2]),
        ("[a]\narchetype = mainframe\n", "E_ARCHETYPE", &[2]),
        ("[a]\narchetype = voip-server\n", "E_ARCHETYPE_NOT_BUILT", &[2]),
        ("[a]\nnmap_os = plan9\n", "E_OS", &[2]),
        ("[a]\ndistro = slackware\n", "E_DISTRO", &[2]),
        ("[a]\nip = 10.21.0.5\n", "E_IP_OUTSIDE", &[2]),
        ("[a]\nip = 10.20.0.0\n", "E_IP_NETWORK", &[2]),
        ("[a]\nip = 10.20.0.255\n", "E_IP_BROADCAST", &[2]),
        ("[a]\nip = 10.20.0.1\n", "E_IP_GATEWAY", &[2]),
        ("[a]\nip = 10.20.0.2\n", "E_IP_HOST", &[2]),
        ("[a]\nip = 10.20.0.9\n[b]\n\nip=10.20.0.9\n", "E_IP_DUPLICATE", &[2, 5]),
        ("[a]\nhostname = my decky\n", "E_HOSTNAME", &[2]),
        ("[a]\nhostname = x\n[b]\nhostname = X\n", "E_HOSTNAME_TAKEN", &[2, 4]),
        ("[a]\nmac = 00:50:56\n", "E_MAC", &[2]),
        (
            "[a]\nmac = 00:50:56:01:02:03\n[b]\nmac = 00-50-56-01-02-03\n",
            "E_MAC_TAKEN",
            &[2, 4],
        ),
        (
            "[a]\nservices = http\n[a.http]\nfake_app = joomla\n",
            "E_CONFIG_VALUE",
            &[4],
        ),
        (
            "[a]\nservices = http\n[a.http]\nresponse_code = ok\n",
            "E_CONFIG_VALUE",
            &[4],
        ),
        (
            "[a]\nservices = redis\n[a.redis]\nversion = 6\nredis_version = 7\n",
            "E_CONFIG_TWICE",
            &[5, 4],
        ),
        (
            "[a]\nservices = ssh, telnet\n[a.ssh]\npassword = x\n[a.telnet]\npassword = y\n",
            "E_CONFIG_CONFLICT",
            &[4, 6],
        ),
        ("[a]\nservices = ssh\n[a.ssh]\nusers = bob\n", "E_CONFIG_VALUE", &[4]),
    ];
    for (text, code, lines) in rows {
        let found = judged(text);
        let errors: Vec<_> = found.iter().filter(|diagnostic| diagnostic.is_error()).collect();
        assert_eq!(
            errors.iter().map(|d| d.code).collect::<Vec<_>>(),
            [*code],
            "{text:?}: {found}"
        );
        let at: Vec<usize> = errors[0].places.iter().filter_map(|place| place.line).collect();
        assert_eq!(at, *lines, "{text:?}: {found}");
        assert!(errors[0].help.is_some(), "{text:?}");
        assert!(errors[0].places.iter().all(|place| place.file == "lab.ini"), "{text:?}");
    }
}

#[test]
fn every_warning_has_its_code_its_line_and_a_way_out() {
    let rows: &[(&str, &str, usize)] = &[
        ("[a]\nservices=ssh,,http,\n", "W_SERVICE_EMPTY", 2),
        ("[a]\nservices=ssh,SSH\n", "W_SERVICE_TWICE", 2),
        ("[a]\nservice=ssh\n", "W_KEY", 2),
        ("[general]\nnetwork = 1\n[a]\n", "W_KEY", 2),
        ("[general]\nlog_target = 10.0.0.9:514\n[a]\n", "W_DEPRECATED", 2),
        ("[general]\nnet = 10.20.0.7/24\n[a]\n", "W_NET", 2),
        ("[a]\narchetype =\n", "W_EMPTY", 2),
        ("[a]\npublished_ports = 80\n", "W_PUBLISHED_PORTS", 2),
        ("[Web_1]\n", "W_NAME", 1),
        ("[a]\nservices = ssh\n[b.ssh]\nuser = x\n", "W_SUBSECTION_ORPHAN", 3),
        ("[a]\nservices = ssh\n[a.http]\nfake_app = none\n", "W_CONFIG_UNUSED", 4),
        (
            "[a]\nservices = ssh\n[a.smb]\nworkgroup = x\n",
            "W_SERVICE_NOT_BUILT",
            3,
        ),
        ("[a]\nservices = ssh\n[a.ssh]\npasword = x\n", "W_CONFIG_KEY", 4),
        (
            "[a]\nservices = ssh\n[a.ssh]\nuser = bob ; x\n",
            "W_COMMENT_IN_VALUE",
            4,
        ),
        ("[a]\narchetype = file-server\n", "W_ARCHETYPE_PARTIAL", 2),
        (
            "[custom-x]\nbinary = i\nexec = a b\nports = 80, 53/udp\n[a]\n",
            "W_CUSTOM_NOT_BUILT",
            1,
        ),
    ];
    for (text, code, line) in rows {
        let found = judged(text);
        let warnings: Vec<_> = found.iter().filter(|d| !d.is_error()).collect();
        assert_eq!(
            warnings.iter().map(|d| d.code).collect::<Vec<_>>(),
            [*code],
            "{text:?}: {found}"
        );
        assert_eq!(warnings[0].places[0].line, Some(*line), "{text:?}");
        assert!(warnings[0].help.is_some(), "{text:?}");
    }
}

#[test]
fn two_deckies_at_one_address_are_shown_as_they_stand_in_the_file() {
    let found = judged("[web-01]\nip = 10.20.0.14\n\n[db-01]\nip = 10.20.0.14\n");
    assert_eq!(
        found.to_string(),
        "error: decky `web-01` and decky `db-01` both ask for 10.20.0.14\n  \
         --> lab.ini:2  ip = 10.20.0.14\n  \
         --> lab.ini:5  ip = 10.20.0.14\n  \
         help: remove one `ip =` line to have an address allocated"
    );
}

#[test]
fn all_that_is_wrong_is_told_at_once_in_the_order_of_the_file() {
    let found = read("[a]\nip = x\namount = 0\nnonsense\n[a]\n[b c]\n").1;
    assert_eq!(
        codes(&found),
        [
            "E_DUPLICATE_SECTION",
            "E_IP_SYNTAX",
            "E_AMOUNT",
            "E_KEY_NO_VALUE",
            "E_NAME"
        ]
    );
}

#[test]
fn a_settings_section_of_a_decky_that_could_not_be_read_is_not_blamed_too() {
    assert_eq!(codes(&read("[web corp]\n[web corp.ssh]\nuser = x\n").1), ["E_NAME"]);
}

#[test]
fn no_message_holds_a_secret() {
    for text in [
        "[a]\nservices = ssh\n[a.ssh]\npassword = hunter2\npassword = hunter2\n",
        "[a]\nservices = ssh\n[a.ssh]\npasword = hunter2\n",
        "[a]\nservices = ssh\n[a.ssh]\nhunter2\n",
        "[a]\nservices = ssh\n[a.ssh]\nusers = a:hunter2,a:hunter2\n",
        "[a]\nservices = ssh\n[a.ssh]\npassword = hunter2 # x\n",
        "[a]\nservices = https\n[a.https]\ntls_key = hunter2\n",
        "[a]\nservices = https\n[a.https]\ntls_key = b64:hunter2\n",
    ] {
        let found = judged(text);
        assert!(!found.is_empty() && !found.to_string().contains("hunter2"), "{found}");
        assert!(!serde_json::to_string(&found).unwrap().contains("hunter2"));
        assert!(!format!("{:?}", read(text).0).contains("hunter2"), "{text}");
    }
}

#[test]
fn a_misspelt_key_names_the_nearest() {
    assert!(
        judged("[a]\nservies = ssh\n")
            .to_string()
            .contains("did you mean `services`?")
    );
}

// === limits ===

#[test]
fn the_size_limit_is_exact_and_holds_everywhere() {
    let text = |size: usize| format!("[a]\n#{}", "x".repeat(size - 5));
    assert!(read(&text(MAX_SIZE)).1.is_empty());
    assert_eq!(codes(&read(&text(MAX_SIZE + 1)).1), ["E_TOO_LARGE"]);
}

#[test]
fn a_file_of_bytes_is_told_apart_from_text() {
    let catalogue = testing::catalogue();
    let (_, found) = parse_bytes(b"[a]\nhostname = \xff\n", "lab.ini", &catalogue);
    assert_eq!(
        (codes(&found), found.iter().next().unwrap().places[0].line),
        (vec!["E_NOT_TEXT"], Some(2))
    );
}

#[test]
fn a_file_that_asks_for_a_million_deckies_is_cut_short_and_refused() {
    let text = |sections: usize| {
        (0..sections)
            .map(|n| format!("[a{n}]\namount=100\n"))
            .collect::<String>()
    };
    assert_eq!(codes(&read(&text(20_000)).1), ["E_TOO_LARGE"]);
    let text = text(2_000);
    let (fleet, _) = read(&text);
    assert_eq!(fleet.deckies.len(), Options::MAX_LIMIT + 1);
    assert!(codes(&judged(&text)).contains(&"E_LIMIT"));
}

#[test]
fn lists_and_values_too_long_to_be_meant_are_refused() {
    let list = "ssh,".repeat(101);
    assert!(codes(&read(&format!("[a]\nservices = {list}\n")).1).contains(&"E_LIST"));
    let long = "x".repeat(crate::coerce::MAX_VALUE + 1);
    let found = read(&format!("[a]\nservices = http\n[a.http]\ncustom_body = {long}\n")).1;
    assert_eq!(codes(&found), ["E_CONFIG_VALUE"]);
    let keys: String = (0..30_000).map(|n| format!("k{n}=1\n")).collect();
    let (fleet, found) = read(&format!("[a]\namount = 100\nservices = http\n[a.http]\n{keys}"));
    assert_eq!(found.len(), Diagnostics::MAX + 1);
    assert!(fleet.deckies.iter().all(|decky| decky.config["http"].is_empty()));
}

#[test]
fn amounts_are_numbered_from_one() {
    let names = |amount: usize| -> Vec<String> {
        read(&format!("[g]\namount = {amount}\n"))
            .0
            .deckies
            .iter()
            .map(|decky| decky.name.to_string())
            .collect()
    };
    assert_eq!(names(1), ["g"]);
    assert_eq!(names(5), ["g-01", "g-02", "g-03", "g-04", "g-05"]);
    assert_eq!((names(100).len(), names(100)[99].as_str()), (100, "g-100"));
}

proptest! {
    #[test]
    fn no_text_makes_the_reader_panic(text in "\\PC{0,300}") {
        judged(&text);
    }

    #[test]
    fn no_mangled_file_makes_the_reader_panic(
        lines in prop::collection::vec(prop::sample::select(LINES), 0..30),
        noise in "[\\[\\]=:;#., \t\r\n%a-z0-9é\u{0}]{0,60}",
        at in 0usize..30,
    ) {
        let mut lines: Vec<String> = lines.into_iter().map(str::to_owned).collect();
        lines.insert(at.min(lines.len()), noise);
        let found = judged(&lines.join("\n"));
        prop_assert!(found.iter().all(|diagnostic| diagnostic.help.is_some() || diagnostic.code == "E_MANY"));
    }

    #[test]
    fn no_bytes_make_the_reader_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let world = World::new();
        parse_bytes(&bytes, "lab.ini", &world.catalogue);
    }
}

const LINES: &[&str] = &[
    "[general]",
    "[a]",
    "[b]",
    "[a.ssh]",
    "[b.http]",
    "[custom-x]",
    "[DEFAULT]",
    "[a.x]",
    "net = 10.20.0.0/24",
    "ip = 10.20.0.5",
    "amount = 3",
    "services = ssh, http",
    "services = x",
    "archetype = file-server",
    "  password = x",
    "    deeper",
    "password = y",
    "users = a:b,c:d",
    "exec = 'a b",
    "ports = 1,2",
    "",
    "# note",
    "binary = i",
    "hostname = h",
    "tls_key = b64:AA==",
    "nmap-os = bsd",
];

// === helpers ===

fn read(text: &str) -> (IniFleet, Diagnostics) {
    parse(text, "lab.ini", &testing::catalogue())
}

/// What reading and planning say together, as `--check` does.
fn judged(text: &str) -> Diagnostics {
    let world = World::new();
    let (fleet, mut found) = parse(text, "lab.ini", &world.catalogue);
    if found
        .iter()
        .any(|d| ["E_EMPTY", "E_NO_SECTIONS", "E_NO_DECKIES", "E_NAME", "E_SYNTAX"].contains(&d.code))
    {
        return found;
    }
    match world.plan_request(&fleet.request(Options::default(), None)) {
        Ok(planned) => found.extend(planned.warnings),
        Err(more) => found.extend(more),
    }
    found
}

fn codes(found: &Diagnostics) -> Vec<&'static str> {
    found.iter().map(|diagnostic| diagnostic.code).collect()
}
