use super::*;

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
        ("[a]\ncontainment = Open\n", "W_OPEN", 2),
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
