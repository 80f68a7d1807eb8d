//! `decnet fingerprint` over captures that are broken: what is wrong is said, what could be read is told.
#![allow(clippy::unwrap_used, reason = "tests")]

use std::process::Command;

/// A SYN of Linux in an Ethernet frame (fingerprint.md §18, V1).
const SYN: &str = "02000000000102000000000208004500003c1234400034063676cb007107c000020ac93a00161122334400000000a002faf05f040000020405b40402080a0001e2400000000001030307";

struct Said {
    code: Option<i32>,
    /// Lines of JSON.
    told: Vec<serde_json::Value>,
    errors: String,
}

fn fingerprint(capture: &[u8]) -> Said {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("broken.pcap");
    std::fs::write(&file, capture).unwrap();
    let ended = Command::new(env!("CARGO_BIN_EXE_decnet"))
        .args(["fingerprint", "--json", "--file"])
        .arg(&file)
        .output()
        .unwrap();
    let lines = String::from_utf8(ended.stdout).unwrap();
    Said {
        code: ended.status.code(),
        told: lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect(),
        errors: String::from_utf8(ended.stderr).unwrap(),
    }
}

fn syn() -> Vec<u8> {
    (0..SYN.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&SYN[at..at + 2], 16).unwrap())
        .collect()
}

fn head(magic: u32, snaplen: u32) -> Vec<u8> {
    [magic, 0x0004_0002, 0, 0, snaplen, 1]
        .map(u32::to_le_bytes)
        .as_flattened()
        .to_vec()
}

/// A record that says so many bytes were kept of so many.
fn record(data: &[u8], kept: u32, length: u32) -> Vec<u8> {
    let head = [1_769_860_800, 0, kept, length].map(u32::to_le_bytes);
    [head.as_flattened(), data].concat()
}

fn whole(data: &[u8]) -> Vec<u8> {
    record(data, data.len() as u32, data.len() as u32)
}

fn good() -> Vec<u8> {
    [head(0xa1b2_c3d4, 65_535), whole(&syn())].concat()
}

fn systems(said: &Said) -> Vec<&str> {
    let syns = said.told.iter().filter(|line| line["kind"] == "tcp_syn_fingerprint");
    syns.map(|line| line["values"]["os_guess"].as_str().unwrap()).collect()
}

#[test]
fn a_capture_that_breaks_off_or_goes_wrong_gives_what_came_before() {
    let cut = [good(), whole(&syn())[..40].to_vec()].concat();
    let headless = [good(), vec![1, 2, 3]].concat();
    let giant = [good(), record(&syn(), u32::MAX, u32::MAX)].concat();
    let pcapng: Vec<u8> = [0x0a0d_0d0a_u32, 28, 0x1a2b_3c4d, 1, u32::MAX, u32::MAX, 28, 6, 7]
        .map(u32::to_le_bytes)
        .as_flattened()
        .to_vec();
    for (name, capture, code, lines) in [
        ("cut in a packet", cut, 4, 1),
        ("cut in a head", headless, 4, 1),
        ("a giant length", giant, 4, 1),
        ("a block that cannot be", pcapng, 1, 0),
    ] {
        let said = fingerprint(&capture);
        assert_eq!(said.code, Some(code), "{name}: {}", said.errors);
        assert_eq!(systems(&said), vec!["linux"; lines], "{name}");
        assert!(said.errors.contains("broken.pcap"), "{name}: {}", said.errors);
        let help = if lines > 0 {
            "what could be read is above"
        } else {
            "captures are pcap or pcapng"
        };
        assert!(said.errors.contains(help), "{name}: {}", said.errors);
    }
}

#[test]
fn what_is_no_capture_is_refused_with_what_would_be_one() {
    let wrong_magic = [head(0xdead_beef, 65_535), whole(&syn())].concat();
    for (name, capture) in [
        ("wrong magic", wrong_magic),
        ("empty", Vec::new()),
        ("two bytes", vec![0xd4, 0xc3]),
        ("text", b"no capture at all, but a letter\n".to_vec()),
    ] {
        let said = fingerprint(&capture);
        assert_eq!((said.code, said.told.len()), (Some(1), 0), "{name}: {}", said.errors);
        assert!(
            said.errors.contains("captures are pcap or pcapng"),
            "{name}: {}",
            said.errors
        );
    }
}

#[test]
fn packets_that_were_cut_short_or_are_malformed_are_read_as_far_as_they_go() {
    let short = [head(0xa1b2_c3d4, 64), record(&syn()[..64], 64, syn().len() as u32)].concat();
    let said = fingerprint(&short);
    assert_eq!(said.code, Some(0), "{}", said.errors);
    let values = &said.told[0]["values"];
    assert_eq!((&values["mss"], &values["window"]), (&1460.into(), &64_240.into()));
    assert!(
        !values["quirks"].as_str().unwrap().contains("bad"),
        "what the capture cut is no fault"
    );

    let (mut past_end, mut endless) = (syn(), syn());
    past_end[55] = 200;
    endless[59] = 0;
    for options in [past_end, endless] {
        let said = fingerprint(&[head(0xa1b2_c3d4, 65_535), whole(&options)].concat());
        assert_eq!((said.code, said.told.len()), (Some(0), 1), "{}", said.errors);
        let quirks = &said.told[0]["values"]["quirks"];
        assert!(quirks.as_str().unwrap().contains("bad"), "{quirks}");
    }

    let (mut offset, mut header) = (syn(), syn());
    offset[46] = 0xf0;
    header[14] = 0x41;
    let said = fingerprint(&[good(), whole(&offset), whole(&header), whole(&syn()[..20])].concat());
    assert_eq!((said.code, systems(&said)[0]), (Some(0), "linux"), "{}", said.errors);
    assert!(
        said.errors.contains("4 packets, 3 could not be read"),
        "{}",
        said.errors
    );
}
