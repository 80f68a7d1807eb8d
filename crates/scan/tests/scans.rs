//! Files as they come: the lab's, packed ones, broken ones.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use detect::{Report, ScanOutcome, Setup};
use scan::lab::{SAMPLES, Sample};
use scan::{Error, Options, scan};

fn sample(name: &str) -> &'static Sample {
    SAMPLES.iter().find(|sample| sample.name == name).expect(name)
}

fn file(folder: &Path, name: &str, bytes: &[u8]) -> PathBuf {
    let path = folder.join(name);
    std::fs::write(&path, bytes).expect("a file");
    path
}

fn read(bytes: &[u8]) -> Result<Report, Error> {
    let folder = tempfile::tempdir().expect("a folder");
    scan(&file(folder.path(), "input", bytes), &Options::default())
}

fn code(bytes: &[u8]) -> &'static str {
    read(bytes).expect_err("an error").code()
}

#[test]
fn every_sample_of_the_lab_gets_its_verdict() {
    for sample in SAMPLES {
        let report = read(&sample.bytes()).unwrap_or_else(|error| panic!("{}: {error}", sample.name));
        let rules: Vec<&str> = report.findings.iter().map(|finding| finding.rule.as_str()).collect();
        assert_eq!(
            report.verdict == ScanOutcome::Alert,
            sample.alert,
            "{}: {rules:?}",
            sample.name
        );
        assert!(
            sample.rule.is_none_or(|rule| rules.contains(&rule)),
            "{}: {rules:?}",
            sample.name
        );
        assert!(
            report.complete && report.warnings.is_empty(),
            "{}: {:?}",
            sample.name,
            report.warnings
        );
    }
}

#[test]
fn the_lab_is_the_same_bytes_everywhere() {
    let length = |name: &str| sample(name).bytes().len();
    assert_eq!(length("attack_sweep.pcap"), 24 + 25 * (16 + 40));
    assert_eq!(length("port_scan.pcap"), 24 + 21 * (16 + 40));
    assert_eq!(length("normal_traffic.pcap"), 24 + 20 * (16 + 40));
    for sample in SAMPLES {
        assert_eq!(sample.bytes(), sample.bytes(), "{}", sample.name);
    }
}

#[test]
fn the_sweep_is_a_sweep_with_eighty_three_and_the_boundary_passes() {
    let report = read(&sample("attack_sweep.pcap").bytes()).expect("a report");
    let row = |name: &str| report.results.iter().find(|row| row.detection == name).expect("a row");
    assert_eq!((row("sweep").passed, row("sweep").confidence.value()), (false, 83));
    assert_eq!((row("boundary").passed, row("boundary").reason.clone()), (true, None));
    assert_eq!(report.results[0].detection, "sweep");
    assert_eq!(report.results[1].detection, "boundary");
    let report = read(&sample("port_scan.pcap").bytes()).expect("a report");
    let row = |name: &str| report.results.iter().find(|row| row.detection == name).expect("a row");
    assert!(row("sweep").passed && !row("boundary").passed);
    assert_eq!(row("boundary").mitre.as_deref(), Some("T1590"));
}

#[test]
fn the_same_input_gives_the_same_bytes() {
    let folder = tempfile::tempdir().expect("a folder");
    for sample in SAMPLES {
        let path = file(folder.path(), "input", &sample.bytes());
        let json = || serde_json::to_string(&scan(&path, &Options::default()).expect("a report")).expect("json");
        assert_eq!(json(), json(), "{}", sample.name);
    }
}

#[test]
fn packed_inputs_are_read_as_plain_ones() {
    let plain = sample("attack_sweep.pcap").bytes();
    let (first, second) = plain.split_at(300);
    let gzip = |bytes: &[u8]| {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(bytes).expect("packs");
        encoder.finish().expect("packs")
    };
    let members = [gzip(first), gzip(second)].concat();
    let zstd = ruzstd::encoding::compress_to_vec(plain.as_slice(), ruzstd::encoding::CompressionLevel::Fastest);
    for packed in [members.clone(), zstd] {
        let report = read(&packed).expect("a report");
        assert_eq!((report.verdict, report.complete), (ScanOutcome::Alert, true));
    }
    let log = gzip(&sample("brute_force.log").bytes());
    assert_eq!(read(&log).expect("a report").verdict, ScanOutcome::Alert);
    let cut = read(&members[..members.len() - 30]).expect("a part");
    assert!(
        !cut.complete && cut.warnings[0].starts_with("truncated_record"),
        "{:?}",
        cut.warnings
    );
}

#[test]
fn what_cannot_be_read_has_a_name() {
    let pcap = sample("attack_sweep.pcap").bytes();
    assert_eq!(code(b""), "empty_file");
    assert_eq!(code(&pcap[..10]), "truncated_header");
    assert_eq!(code(&[0x0a, 0x0d, 0x0d, 0x0a, 0x1c]), "truncated_header");
    assert_eq!(code(b"\x7fELF and more of it"), "bad_magic");
    assert_eq!(code(b"hello\nworld\n"), "bad_magic");
    let folder = tempfile::tempdir().expect("a folder");
    let error = |path: &Path| scan(path, &Options::default()).expect_err("an error").code();
    assert_eq!(error(folder.path()), "is_directory");
    assert_eq!(error(&folder.path().join("nothing")), "not_found");
    let mut other = pcap.clone();
    other[20..24].copy_from_slice(&147u32.to_le_bytes());
    assert_eq!(code(&other), "unsupported_linktype");
}

#[test]
fn a_header_alone_is_clear_and_says_so() {
    let header = &sample("attack_sweep.pcap").bytes()[..24];
    let report = read(header).expect("a report");
    assert_eq!(
        (report.verdict, report.warnings.as_slice()),
        (ScanOutcome::Clear, &["no_packets".to_owned()][..])
    );
    let folder = tempfile::tempdir().expect("a folder");
    let strict = Options {
        strict: true,
        ..Options::default()
    };
    assert_eq!(
        scan(&file(folder.path(), "x", header), &strict)
            .expect_err("strict")
            .code(),
        "strict"
    );
}

#[test]
fn a_cut_or_broken_capture_is_read_as_far_as_it_goes() {
    let pcap = sample("attack_sweep.pcap").bytes();
    let record = 16 + 40;
    for cut in [24 + 20 * record + 5, 24 + 20 * record + 30] {
        let report = read(&pcap[..cut]).expect("a part");
        assert!(
            !report.complete && report.warnings[0].starts_with("truncated_record"),
            "{:?}",
            report.warnings
        );
        assert_eq!((report.verdict, report.findings[0].count), (ScanOutcome::Alert, 20));
    }
    let mut broken = pcap.clone();
    broken[24 + 20 * record + 8..][..4].copy_from_slice(&u32::MAX.to_le_bytes());
    let report = read(&broken).expect("a part");
    assert!(
        !report.complete && report.warnings[0].starts_with("corrupt_record"),
        "{:?}",
        report.warnings
    );
    let mut at_once = pcap;
    at_once[24 + 8..][..4].copy_from_slice(&u32::MAX.to_le_bytes());
    assert_eq!(code(&at_once), "corrupt_capture");
}

#[test]
fn malformed_packets_are_counted_and_the_rest_is_judged() {
    let mut pcap = sample("attack_sweep.pcap").bytes();
    let record = 16 + 40;
    // An IP header shorter than there can be, in the first packet only.
    pcap[24 + 16] = 0x41;
    let report = read(&pcap).expect("a report");
    assert_eq!((report.counters.malformed, report.findings[0].count), (1, 24));
    for at in (24..pcap.len()).step_by(7) {
        let mut hostile = pcap.clone();
        hostile[at] ^= 0xff;
        let _ = read(&hostile);
        let _ = read(&hostile[..at]);
    }
    assert!(pcap.len() > record);
}

#[test]
fn bad_lines_are_counted_and_long_ones_are_no_trouble() {
    let mut log = sample("dos_flood.log").bytes();
    log.extend(b"not a line\n");
    log.extend(vec![b'x'; 200_000]);
    log.extend(b"\n\xff\xfe\n");
    let report = read(&log).expect("a report");
    assert_eq!(report.verdict, ScanOutcome::Alert);
    let json = serde_json::to_value(&report).expect("json");
    assert_eq!(
        (json["lines_total"].as_u64(), json["lines_bad"].as_u64()),
        (Some(323), Some(3))
    );
}

#[test]
fn calls_are_judged_one_by_one() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = file(folder.path(), "calls", &sample("agent_chains.jsonl").bytes());
    let mut decisions = Vec::new();
    let (any, bad) = scan::replay(&path, Setup::default(), |checked| {
        decisions.push(checked.verdict.decision)
    })
    .expect("calls");
    assert!(any && bad == 0);
    assert_eq!(decisions[..2], [detect::Decision::Allow, detect::Decision::Block]);
    let path = file(folder.path(), "calm", &sample("agent_normal.jsonl").bytes());
    assert!(!scan::replay(&path, Setup::default(), |_| ()).expect("calls").0);
}
