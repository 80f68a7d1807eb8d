//! The signature file: its own, others', and what is found in it.

mod common;

use common::{Syn, capture, over_ipv6, read, stack};
use wire::{
    link::LinkType,
    packet::{Net, Packet, Transport},
    stack::{Context, Database, Quality, Quirks, Signature},
};

const LINUX: &str = "4500003c1234400034063676cb007107c000020ac93a00161122334400000000a002faf05f040000020405b40402080a0001e2400000000001030307";
const WINDOWS: &str =
    "450200340777400073060238cb007108c000020ac3500d3ddeadbeef0000000080c2faf007210000020405b40103030801010402";
const MACOS: &str = "4500004000004000390643a4cb007109c000020ac03001bb0badf00d00000000b002ffff7b400000020405b4010303060101080a000000010000000004020000";

#[test]
fn our_own_file_is_read_to_its_end() {
    let text = include_str!("../../../templates/fingerprints/tcp.fp");
    let signatures = text
        .lines()
        .filter(|line| line.starts_with("sig ") && line.contains(':'))
        .count();
    assert_eq!(Database::parse(text).map(|database| database.len()), Ok(signatures));
    assert_eq!(Database::builtin().len(), signatures);
}

#[test]
fn the_known_systems_are_found() {
    let table = [
        (LINUX, "Linux 4.x to 6.x", Quality::Specific, (64, 12)),
        // Its asking for congestion notification is what a router may have done.
        (
            WINDOWS,
            "Windows 10, 11 or Server 2016 and newer",
            Quality::Fuzzy,
            (128, 13),
        ),
        (MACOS, "macOS or iOS", Quality::Specific, (64, 7)),
    ];
    for (packet, name, quality, (ttl, distance)) in table {
        let found = find(&hex::decode(packet).unwrap()).unwrap();
        assert_eq!(
            (found.0.as_str(), found.1, found.2, found.3),
            (name, quality, ttl, distance)
        );
    }
}

#[test]
fn every_capture_is_of_what_made_it() {
    let table = [
        ("linux", "Linux 6.18, large receive buffers"),
        ("linux-v6", "Linux 6.18, large receive buffers"),
        ("linux-plain", "Linux without timestamps"),
        ("linux-bare", "Linux without TCP extensions"),
        ("nmap-connect", "Linux 6.18, large receive buffers"),
        ("nmap-connect-v6", "Linux 6.18, large receive buffers"),
        ("nmap-syn", "nmap half-open scan"),
        ("nmap-syn-v6", "nmap half-open scan"),
        ("masscan", "masscan"),
        ("masscan-v6", "masscan"),
        ("zmap-2.1", "ZMap before 4.0"),
        ("hping", "hping 3"),
        ("scapy", "scapy"),
        ("scapy-v6", "scapy"),
    ];
    for (name, expected) in table {
        for signature in signatures(name, Context::Syn) {
            let found = Database::builtin()
                .find(&signature, Context::Syn)
                .unwrap_or_else(|| panic!("{name}: {}", signature.stack_sig()));
            assert_eq!(
                (found.label.full_name().as_str(), found.quality),
                (expected, Quality::Specific),
                "{name}"
            );
        }
    }
}

#[test]
fn every_probe_of_nmap_for_operating_systems_is_known() {
    let names: Vec<String> = signatures("nmap-os", Context::Syn)
        .iter()
        .filter_map(|signature| Database::builtin().find(signature, Context::Syn))
        .map(|found| found.label.full_name())
        .collect();
    assert_eq!(
        names
            .iter()
            .filter(|name| *name == "nmap operating system probe")
            .count(),
        12,
        "{names:?}"
    );
}

#[test]
fn answers_are_held_against_answers() {
    let context = Context::SynAck { peer_mss: Some(1460) };
    for name in ["linux", "linux-v6", "linux-plain", "linux-bare"] {
        let answers = signatures(name, context);
        assert!(!answers.is_empty());
        for signature in answers {
            let found = Database::builtin().find(&signature, context).unwrap();
            assert_eq!(
                found.label.full_name(),
                "Linux 4.x and newer",
                "{name}: {}",
                signature.stack_sig()
            );
        }
    }
}

#[test]
fn a_specific_signature_goes_before_a_generic_one_and_that_before_a_fuzzy_one() {
    let database = Database::parse(
        "[tcp:request]\n\
         label = g:unix:Any:\n\
         sig = *:64:0:*:*,*:mss,sok,ts,nop,ws:df,id+:0\n\
         label = s:unix:Fuzzy:\n\
         sig = *:128:0:*:*,*:mss,sok,ts,nop,ws:df,id+:0\n\
         label = s:unix:Exact:\n\
         sig = *:64:0:*:mss*44,7:mss,sok,ts,nop,ws:df,id+:0\n",
    )
    .unwrap();
    let name = |syn: Syn| {
        let bytes = syn.bytes();
        let found = database.find(&signature(&bytes), Context::Syn)?;
        Some((found.label.name.clone(), found.quality))
    };
    assert_eq!(name(Syn::default()), Some(("Exact".to_owned(), Quality::Specific)));
    assert_eq!(
        name(Syn {
            window: 1000,
            ..Syn::default()
        }),
        Some(("Any".to_owned(), Quality::Generic))
    );
    assert_eq!(
        name(Syn {
            window: 1000,
            ttl: 120,
            ..Syn::default()
        }),
        Some(("Fuzzy".to_owned(), Quality::Specific))
    );
    assert_eq!(
        name(Syn {
            window: 1000,
            ttl: 200,
            ..Syn::default()
        }),
        Some(("Any".to_owned(), Quality::Fuzzy))
    );
    assert_eq!(
        name(Syn {
            options: vec![2, 4, 5, 180],
            ..Syn::default()
        }),
        None
    );
}

#[test]
fn a_router_may_take_dont_fragment_away_but_may_not_add_anything_else() {
    let taken = Syn {
        dont_fragment: false,
        ..Syn::default()
    }
    .bytes();
    let signature = signature(&taken);
    let found = Database::builtin().find(&signature, Context::Syn).unwrap();
    assert_eq!(
        (found.quality, found.missing),
        (Quality::Fuzzy, Quirks::DF | Quirks::ID_SET)
    );
    assert_eq!(found.quality.name(), "fuzzy");
    let mut urgent = Syn::default().bytes();
    urgent[33] |= 0x20;
    assert!(find(&urgent).is_none());
}

#[test]
fn a_ttl_that_no_path_explains_makes_a_match_fuzzy() {
    let at = |ttl: u8| find(&Syn { ttl, ..Syn::default() }.bytes()).map(|found| (found.1, found.2, found.3));
    assert_eq!(at(64), Some((Quality::Specific, 64, 0)));
    assert_eq!(at(29), Some((Quality::Specific, 64, 35)));
    assert_eq!(at(28), Some((Quality::Fuzzy, 32, 4)));
    assert_eq!(at(65), Some((Quality::Fuzzy, 128, 63)));
}

#[test]
fn a_program_is_never_found_by_a_near_miss() {
    let bare = Syn {
        dont_fragment: false,
        options: Vec::new(),
        window: 1024,
        ttl: 250,
        ..Syn::default()
    };
    assert_eq!(find(&bare.bytes()).map(|found| found.0), Some("masscan".to_owned()));
    assert_eq!(find(&Syn { ttl: 64, ..bare }.bytes()), None);
}

#[test]
fn over_ipv6_what_only_ipv4_has_does_not_count() {
    let database =
        Database::parse("[tcp:request]\nlabel = s:unix:X:\nsig = *:64:0:*:mss*44,7:mss,sok,ts,nop,ws:df,id+:0")
            .unwrap();
    let bytes = over_ipv6(&Syn::default().bytes());
    assert!(
        database
            .find(&signature(&bytes), Context::Syn)
            .is_some_and(|found| found.quality == Quality::Specific)
    );
}

#[test]
fn the_link_is_told_by_the_mss() {
    let link = |mss: u16, v6: bool| {
        let [high, low] = mss.to_be_bytes();
        let bytes = Syn {
            options: vec![2, 4, high, low],
            ..Syn::default()
        }
        .bytes();
        let bytes = if v6 { over_ipv6(&bytes) } else { bytes };
        Database::builtin().link_of(&signature(&bytes))
    };
    assert_eq!(
        [1460, 1452, 1380, 8960, 1111].map(|mss| link(mss, false)),
        [Some("ethernet"), Some("pppoe"), Some("wireguard"), Some("jumbo"), None]
    );
    assert_eq!(
        [1440, 1360, 1220].map(|mss| link(mss, true)),
        [Some("ethernet"), Some("wireguard"), Some("ipv6-minimum")]
    );
}

#[test]
fn what_other_files_of_the_format_have_is_read_or_read_over() {
    let database = Database::parse(
        "; a comment\nclasses = win,unix\n\n[mtu]\nlabel = Slow\nsig = 576\n[tcp:request]\n\
         label = s:!:Tool:x\nsys = @unix,Windows\nsig = *:64-:0:*:%8192,*:mss,?99,eol+2::*\n\
         [http:request]\nua_os = Linux\nlabel = s:!:Browser:\nsig = 1:Host:Cookie:Mozilla\n\
         [tcp:response]\nlabel = s:unix:Y:\nsig = 4:52+12:0:1460:mtu*4,0:mss:df:+\n",
    );
    assert_eq!(database.map(|database| database.len()), Ok(2));
}

#[test]
fn a_bad_file_is_refused_with_the_line_and_what_is_wrong_with_it() {
    let table = [
        (
            "what is this",
            "line 1: neither a section, a comment nor `name = value`",
        ),
        (
            "[tcp:requests]",
            "line 1: `[tcp:requests]` is no section; there are tcp:request, tcp:response, mtu, http:request and http:response",
        ),
        ("label = s:unix:X:", "line 1: `label` belongs into a section"),
        (
            "[tcp:request]\n\nsig = *:64:0:*:*,*:mss::0",
            "line 3: a signature without a label above it",
        ),
        (
            "[tcp:request]\nlabel = x:unix:X:",
            "line 2: label `x:unix:X:` is not `s|g:class:name:flavor`",
        ),
        (
            "[tcp:request]\nlabel = s:unix:X:\nsig = 4:64:0",
            "line 3: a signature has eight fields, version:ttl:option length:mss:window,scale:options:quirks:payload, this has 3",
        ),
        (
            "[tcp:request]\nlabel = s:unix:X:\nsig = 5:64:0:*:*,*:mss::0",
            "line 3: version `5` is neither 4, 6 nor *",
        ),
        (
            "[tcp:request]\nlabel = s:unix:X:\nsig = 4:300:0:*:*,*:mss::0",
            "line 3: TTL `300` is not of 1 to 255, with - or +distance behind it or nothing",
        ),
        (
            "[tcp:request]\nlabel = s:unix:X:\nsig = 4:64:0:*:big,*:mss::0",
            "line 3: window `big` is neither a number, mss*n, mtu*n, %n nor *, with a comma and the scale behind it",
        ),
        (
            "[tcp:request]\nlabel = s:unix:X:\nsig = 4:64:0:*:*,*:mss,eol+1,nop::0",
            "line 3: options after eol",
        ),
        (
            "[tcp:request]\nlabel = s:unix:X:\nsig = 4:64:0:*:*,*:mss:odd:0",
            "line 3: there is no quirk `odd`",
        ),
        (
            "[tcp:request]\nlabel = s:unix:X:\nsig = 4:64:0:*:*,*:mss::1",
            "line 3: payload `1` is neither 0, + nor *",
        ),
        ("[mtu]\nlabel = X\nsig = many", "line 3: MTU `many` is no number"),
    ];
    for (text, message) in table {
        assert_eq!(Database::parse(text).unwrap_err().to_string(), message);
    }
    let origin = Database::parse(";@ {\"from\": 1}").unwrap_err().to_string();
    assert!(
        origin.starts_with("line 1: `;@` is not followed by JSON with source, date and confirmations:"),
        "{origin}"
    );
}

fn signature(bytes: &[u8]) -> Signature {
    let Net::Ip(ip, Transport::Tcp(tcp)) = read(bytes).net else {
        panic!("no TCP")
    };
    stack(&ip, &tcp).1
}

/// Name, quality, initial TTL and distance.
fn find(bytes: &[u8]) -> Option<(String, Quality, u8, u8)> {
    let found = Database::builtin().find(&signature(bytes), Context::Syn)?;
    Some((
        found.label.full_name(),
        found.quality,
        found.initial_ttl,
        found.distance,
    ))
}

/// Of the SYNs, or the answers, in a capture.
fn signatures(name: &str, context: Context) -> Vec<Signature> {
    let mut all = Vec::new();
    for (_, bytes) in capture(name) {
        let packet = Packet::read(LinkType::Ethernet, &bytes, bytes.len());
        let Ok(Packet {
            net: Net::Ip(ip, Transport::Tcp(tcp)),
            ..
        }) = packet
        else {
            continue;
        };
        let wanted = if context == Context::Syn {
            tcp.flags.opens()
        } else {
            tcp.flags.answers()
        };
        if wanted {
            all.push(Signature::of(&ip, &tcp, context));
        }
    }
    all
}
