use proptest::prelude::*;

use super::*;

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
