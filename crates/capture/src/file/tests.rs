use std::io::{Cursor, Write as _};

use proptest::prelude::*;

use super::*;
use crate::packet::link;
use crate::write::Writer;

/// Everything a reader gives: packets as (time, link, interface, length, bytes), and how it ended.
type Read = (Vec<(u64, u16, u32, u32, Vec<u8>)>, Option<Error>);

fn read(bytes: &[u8]) -> Read {
    let mut packets = Vec::new();
    let mut reader = match Reader::new(Box::new(Cursor::new(bytes.to_vec()))) {
        Ok(reader) => reader,
        Err(error) => return (packets, Some(error)),
    };
    loop {
        match reader.next_packet() {
            Ok(Some(packet)) => packets.push((
                packet.at,
                packet.link,
                packet.interface,
                packet.length,
                packet.data.to_vec(),
            )),
            Ok(None) => return (packets, None),
            Err(error) => {
                assert!(
                    matches!(reader.next_packet(), Ok(None)),
                    "after an error there is no more"
                );
                return (packets, Some(error));
            }
        }
    }
}

fn said(bytes: &[u8]) -> String {
    read(bytes).1.map(|error| error.to_string()).unwrap_or_default()
}

fn packet(at: u64, data: &[u8]) -> Packet<'_> {
    Packet {
        at,
        link: link::ETHERNET,
        interface: 0,
        length: data.len() as u32,
        data,
    }
}

fn written(packets: &[Packet<'_>]) -> Vec<u8> {
    let mut writer = Writer::new(Vec::new(), link::ETHERNET).unwrap();
    packets.iter().for_each(|packet| writer.write(packet).unwrap());
    writer.finish().unwrap()
}

/// A pcap of one packet `abc` at 1.5 s after 7 s, in either order, of either unit.
fn pcap(big: bool, nanos: bool) -> Vec<u8> {
    let magic: u32 = if nanos { 0xa1b2_3c4d } else { 0xa1b2_c3d4 };
    let part = if nanos { 500_000_000 } else { 500_000 };
    let words = [magic, 0x0004_0002, 0, 0, 65_535, 1, 7, part, 3, 60];
    let mut bytes: Vec<u8> = words
        .iter()
        .flat_map(|word: &u32| if big { word.to_be_bytes() } else { word.to_le_bytes() })
        .collect();
    bytes.extend_from_slice(b"abc");
    bytes
}

/// A pcapng block, little or big.
fn block(big: bool, kind: u32, body: &[u8]) -> Vec<u8> {
    let length = (12 + body.len().next_multiple_of(4)) as u32;
    let word = |word: u32| if big { word.to_be_bytes() } else { word.to_le_bytes() };
    let mut bytes = [word(kind), word(length)].concat();
    bytes.extend_from_slice(body);
    bytes.resize(length as usize - 4, 0);
    bytes.extend_from_slice(&word(length));
    bytes
}

fn words(big: bool, words: &[u32]) -> Vec<u8> {
    words
        .iter()
        .flat_map(|word| if big { word.to_be_bytes() } else { word.to_le_bytes() })
        .collect()
}

fn section(big: bool) -> Vec<u8> {
    let version = if big { 0x0001_0000 } else { 1 };
    block(
        big,
        pcapng::SECTION,
        &words(big, &[0x1a2b_3c4d, version, u32::MAX, u32::MAX]),
    )
}

fn interface(big: bool, link: u16, options: &[u8]) -> Vec<u8> {
    let link = if big { u32::from(link) << 16 } else { u32::from(link) };
    let mut body = words(big, &[link, 0]);
    body.extend_from_slice(options);
    block(big, 1, &body)
}

fn enhanced(big: bool, interface: u32, ticks: u64, data: &[u8]) -> Vec<u8> {
    let length = data.len() as u32;
    let mut body = words(
        big,
        &[interface, (ticks >> 32) as u32, ticks as u32, length, length + 1],
    );
    body.extend_from_slice(data);
    block(big, 6, &body)
}

#[test]
fn pcap_is_read_in_both_orders_and_units() {
    for (big, nanos) in [(false, false), (false, true), (true, false), (true, true)] {
        let (packets, error) = read(&pcap(big, nanos));
        assert_eq!(packets, [(7_500_000_000, 1, 0, 60, b"abc".to_vec())], "{big} {nanos}");
        assert!(error.is_none());
    }
}

#[test]
fn what_is_written_is_read_again() {
    let large = vec![7; 200_000];
    let packets = [
        packet(1, b""),
        packet(1_700_000_000_123_456_789, b"abc"),
        packet(3, &large),
    ];
    let (read, error) = read(&written(&packets));
    assert!(error.is_none());
    assert_eq!(read.len(), 3);
    assert_eq!((read[1].0, &read[1].4[..]), (1_700_000_000_123_456_789, &b"abc"[..]));
    assert_eq!(read[2].4, large);
}

#[test]
fn pcapng_has_sections_of_either_order_and_interfaces_with_units_of_their_own() {
    let nanos = [9, 0, 1, 0, 9, 0, 0, 0, 14, 0, 8, 0, 5, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    let binary = [0, 9, 0, 1, 0x8a, 0, 0, 0];
    let capture = [
        section(false),
        interface(false, 1, &[]),
        interface(false, 101, &nanos),
        block(false, 4, b"names"),
        enhanced(false, 1, 2_000_000_001, b"abc"),
        block(false, 5, &[0; 12]),
        enhanced(false, 0, 3_000_001, b"defgh"),
        section(true),
        interface(true, 1, &binary),
        block(true, 0x4bad, &[1; 400]),
        enhanced(true, 0, 1024 + 512, b"i"),
    ]
    .concat();
    let (packets, error) = read(&capture);
    assert!(error.is_none(), "{error:?}");
    assert_eq!(
        packets,
        [
            (7_000_000_001, 101, 1, 4, b"abc".to_vec()),
            (3_000_001_000, 1, 0, 6, b"defgh".to_vec()),
            (1_500_000_000, 1, 0, 2, b"i".to_vec()),
        ]
    );
}

#[test]
fn simple_and_obsolete_packets_are_read_too() {
    let mut obsolete = words(false, &[0, 0, 5_000_000, 2, 2]);
    obsolete.extend_from_slice(b"xy");
    let mut simple = words(false, &[3]);
    simple.extend_from_slice(b"abc");
    let capture = [
        section(false),
        interface(false, 1, &[]),
        block(false, 2, &obsolete),
        block(false, 3, &simple),
    ]
    .concat();
    let (packets, error) = read(&capture);
    assert!(error.is_none(), "{error:?}");
    assert_eq!(
        packets,
        [
            (5_000_000_000, 1, 0, 2, b"xy".to_vec()),
            (5_000_000_000, 1, 0, 3, b"abc".to_vec())
        ]
    );
}

#[test]
fn packed_captures_are_unpacked_whatever_they_are_called() {
    let plain = written(&[packet(1, b"one"), packet(2, b"two")]);
    let (first, second) = plain.split_at(30);
    let member = |bytes: &[u8]| {
        let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        packer.write_all(bytes).unwrap();
        packer.finish().unwrap()
    };
    let gzip = [member(first), member(second)].concat();
    let level = ruzstd::encoding::CompressionLevel::Fastest;
    let frame = |bytes: &[u8]| ruzstd::encoding::compress_to_vec(bytes, level);
    let zstd = [frame(first), frame(second)].concat();
    for packed in [&gzip, &zstd] {
        let (packets, error) = read(packed);
        assert!(error.is_none(), "{error:?}");
        assert_eq!(packets.len(), 2);
    }
    let (packets, error) = read(&gzip[..gzip.len() - 12]);
    assert!(packets.len() <= 1);
    assert!(
        matches!(error, Some(Error::Read { .. } | Error::Truncated { .. })),
        "{error:?}"
    );
}

#[test]
fn what_is_no_capture_is_said_with_what_it_begins_with() {
    assert_eq!(said(b""), "neither pcap nor pcapng: the file is empty");
    assert_eq!(
        said(b"GET / HTTP/1.1\r\n"),
        "neither pcap nor pcapng: it begins with 47 45 54 20 2f 20 48 54"
    );
    assert_eq!(
        said(&pcap(false, false)[..9]),
        "neither pcap nor pcapng: its header ends after 9 of 24 bytes"
    );
}

#[test]
fn a_capture_that_is_cut_off_gives_what_is_whole_and_says_where_it_ends() {
    let whole = written(&[packet(1, &[0; 60]), packet(2, &[0; 60])]);
    let (packets, error) = read(&whole[..whole.len() - 10]);
    assert_eq!(packets.len(), 1);
    assert_eq!(
        error.unwrap().to_string(),
        "cut off at byte 100, 50 bytes into a packet of 60: 1 whole packets before it were read"
    );
    assert_eq!(
        said(&whole[..107]),
        "cut off at byte 100, 7 bytes into a record's header of 16: 1 whole packets before it were read"
    );
}

#[test]
fn a_length_no_packet_has_is_said_and_nothing_is_taken_for_it() {
    let mut broken = written(&[packet(1, &[0; 60]), packet(2, &[0; 60])]);
    broken[108..112].copy_from_slice(&u32::MAX.to_le_bytes());
    let (packets, error) = read(&broken);
    assert_eq!(packets.len(), 1);
    assert_eq!(
        error.unwrap().to_string(),
        "broken at byte 100, a packet of 4294967295 bytes, more than the 262144 a capture can hold of one: 1 packets \
         before it were read"
    );
}

#[test]
fn blocks_that_cannot_be_are_said_by_what_is_wrong_with_them() {
    let begun = [section(false), interface(false, 1, &[])].concat();
    let after = |more: &[u8]| said(&[&begun[..], more].concat());
    let mut unlike = enhanced(false, 0, 1, b"abcd");
    let end = unlike.len() - 4;
    unlike[end..].copy_from_slice(&[9, 0, 0, 0]);
    let mut too_much = enhanced(false, 0, 1, b"abcd");
    too_much[20..24].copy_from_slice(&5_000_u32.to_le_bytes());
    for (block, expected) in [
        (unlike, "a block (type 0x6) of 36 bytes that ends as one of 9"),
        (too_much, "a packet of 5000 bytes in a block of 36"),
        (
            enhanced(false, 3, 1, b""),
            "a packet of interface 3, and 1 are described",
        ),
        (words(false, &[6, 0, 0]), "a block (type 0x6) of 0 bytes"),
        (
            words(false, &[6, 0xffff_fffc, 0]),
            "a block (type 0x6) of 4294967292 bytes",
        ),
        (
            words(false, &[0x0a0d_0d0a, 28, 5]),
            "a section whose byte order mark is 0x00000005",
        ),
        (
            words(false, &[77, 0xffff_fffc, 0]),
            "within a block of 4294967292 bytes (type 0x4d)",
        ),
    ] {
        let said = after(&block);
        assert!(said.contains(expected), "{said}");
        assert!(said.contains("at byte 48"), "{said}");
    }
}

#[test]
fn packets_cut_by_the_capture_keep_the_length_they_had() {
    let mut cut = packet(1, &[0; 64]);
    cut.length = 1_500;
    let (packets, error) = read(&written(&[cut]));
    assert!(error.is_none());
    assert_eq!((packets[0].3, packets[0].4.len()), (1_500, 64));
}

proptest! {
    #[test]
    fn whatever_is_done_to_a_capture_reading_it_ends_without_a_panic(
        of in 0..3_usize,
        flips in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..8),
        keep in any::<prop::sample::Index>(),
    ) {
        let mut bytes = match of {
            0 => written(&[packet(1, &[1; 60]), packet(2, &[2; 1_400]), packet(3, &[3; 9])]),
            1 => pcap(true, false),
            _ => [section(true), interface(true, 1, &[0, 9, 0, 1, 6, 0, 0, 0]), enhanced(true, 0, 5, b"abc"),
                block(true, 3, &[0, 0, 0, 2, 1, 2])].concat(),
        };
        for (at, with) in flips {
            let at = at.index(bytes.len());
            bytes[at] ^= with;
        }
        bytes.truncate(keep.index(bytes.len() + 1));
        let (packets, _) = read(&bytes);
        prop_assert!(packets.iter().map(|packet| packet.4.len()).sum::<usize>() <= bytes.len());
    }

    #[test]
    fn any_bytes_at_all_are_read_to_an_end(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        read(&bytes);
    }
}
