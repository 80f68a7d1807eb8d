//! Packets whose fingerprints are known, over IPv4 and, header for header, over IPv6.

mod common;

use common::{over_ipv6, read};
use wire::{
    packet::{Net, Packet, Transport},
    stack::{Context, Signature, coarse_os, hop_distance, initial_ttl},
};

struct Vector {
    name: &'static str,
    hex: &'static str,
    ttl: (u8, u8, u8),
    window: u16,
    mss: Option<u16>,
    scale: Option<u8>,
    letters: &'static str,
    tos: (u8, u8, u8),
    coarse: &'static str,
    stack_sig: &'static str,
    stack_hash: Option<&'static str>,
}

const LINUX: Vector = Vector {
    name: "Linux",
    hex: "4500003c1234400034063676cb007107c000020ac93a00161122334400000000a002faf05f040000020405b40402080a0001e2400000000001030307",
    ttl: (52, 64, 12),
    window: 64240,
    mss: Some(1460),
    scale: Some(7),
    letters: "M,S,T,N,W",
    tos: (0, 0, 0),
    coarse: "linux",
    stack_sig: "4:64:0:1460:mss*44,7:mss,sok,ts,nop,ws:df,id+:0",
    stack_hash: Some("8e3bc6c1a64099de5791490442106dc2"),
};

const WINDOWS: Vector = Vector {
    name: "Windows 11, asking for ECN",
    hex: "450200340777400073060238cb007108c000020ac3500d3ddeadbeef0000000080c2faf007210000020405b40103030801010402",
    ttl: (115, 128, 13),
    window: 64240,
    mss: Some(1460),
    scale: Some(8),
    letters: "M,N,W,N,N,S",
    tos: (2, 0, 2),
    coarse: "windows",
    stack_sig: "4:128:0:1460:mss*44,8:mss,nop,ws,nop,nop,sok:df,id+,ecn:0",
    stack_hash: Some("c5fa5e2b3db39fa1c53387317cb9c455"),
};

const MACOS: Vector = Vector {
    name: "macOS",
    hex: "4500004000004000390643a4cb007109c000020ac03001bb0badf00d00000000b002ffff7b400000020405b4010303060101080a000000010000000004020000",
    ttl: (57, 64, 7),
    window: 65535,
    mss: Some(1460),
    scale: Some(6),
    letters: "M,N,W,N,N,T,S,E",
    tos: (0, 0, 0),
    coarse: "macos_ios",
    stack_sig: "4:64:0:1460:65535,6:mss,nop,ws,nop,nop,ts,sok,eol+1:df:0",
    stack_hash: Some("a68c1f945321f96a0b483b15e189af4f"),
};

const NMAP: Vector = Vector {
    name: "nmap -sS",
    hex: "4500002cbeef00003006cdc7cb00710ac000020a9cbb0050a1b2c3d40000000060020400937e0000020405b4",
    ttl: (48, 64, 16),
    window: 1024,
    mss: Some(1460),
    scale: None,
    letters: "M",
    tos: (0, 0, 0),
    coarse: "unknown",
    stack_sig: "4:64:0:1460:1024,0:mss::0",
    stack_hash: None,
};

const ZMAP: Vector = Vector {
    name: "ZMap of old",
    hex: "4500002cd4310000f406f483cb00710bc000020a947b01bb7788aa55000000006002ffffe1fb0000020405b4",
    ttl: (244, 255, 11),
    window: 65535,
    mss: Some(1460),
    scale: None,
    letters: "M",
    tos: (0, 0, 0),
    coarse: "embedded",
    stack_sig: "4:255:0:1460:65535,0:mss::0",
    stack_hash: None,
};

const MIRAI: Vector = Vector {
    name: "a scanner of the Mirai family",
    hex: "4500002c303900002e065e7ccb00710cc000020a5ba00017c000020a000000006002390843450000020405b4",
    ttl: (46, 64, 18),
    window: 14600,
    mss: Some(1460),
    scale: None,
    letters: "M",
    tos: (0, 0, 0),
    coarse: "unknown",
    stack_sig: "4:64:0:1460:mss*10,0:mss::0",
    stack_hash: None,
};

const MASSCAN: Vector = Vector {
    name: "masscan",
    hex: "45000028130d0000ee06bbaacb00710dc000020aee4800165a5a1111000000005002040054000000",
    ttl: (238, 255, 17),
    window: 1024,
    mss: None,
    scale: None,
    letters: "",
    tos: (0, 0, 0),
    coarse: "embedded",
    stack_sig: "4:255:0:0:1024,0:::0",
    stack_hash: None,
};

const ALL: [Vector; 7] = [LINUX, WINDOWS, MACOS, NMAP, ZMAP, MIRAI, MASSCAN];

#[test]
fn every_known_syn_has_its_known_values() {
    for vector in ALL {
        let bytes = hex::decode(vector.hex).unwrap();
        let Packet {
            net: Net::Ip(ip, Transport::Tcp(tcp)),
            fault: None,
            ..
        } = read(&bytes)
        else {
            panic!("{}: no TCP", vector.name)
        };
        let options = tcp.options();
        let signature = Signature::of(&ip, &tcp, Context::Syn);
        let name = vector.name;
        assert_eq!(
            (ip.ttl, initial_ttl(ip.ttl), hop_distance(ip.ttl)),
            vector.ttl,
            "{name}"
        );
        assert_eq!(tcp.window, vector.window, "{name}");
        assert_eq!(options.mss, vector.mss, "{name}");
        assert_eq!(options.window_scale, vector.scale, "{name}");
        assert_eq!(options.kinds.letters().to_string(), vector.letters, "{name}");
        assert_eq!((ip.tos, ip.dscp(), ip.ecn()), vector.tos, "{name}");
        assert_eq!(coarse_os(&signature, &options), vector.coarse, "{name}");
        assert_eq!(signature.stack_sig(), vector.stack_sig, "{name}");
        if let Some(hash) = vector.stack_hash {
            assert_eq!(signature.stack_hash(), hash, "{name}");
        }
    }
}

#[test]
fn the_same_syn_over_ipv6_has_the_same_signature_less_what_ipv4_alone_has() {
    for vector in ALL {
        let bytes = over_ipv6(&hex::decode(vector.hex).unwrap());
        let Packet {
            net: Net::Ip(ip, Transport::Tcp(tcp)),
            fault: None,
            ..
        } = read(&bytes)
        else {
            panic!("{}: no TCP", vector.name)
        };
        let expected = vector
            .stack_sig
            .replacen("4:", "6:", 1)
            .replace(":df,id+,ecn:", ":ecn:")
            .replace(":df,id+:", "::")
            .replace(":df:", "::");
        assert_eq!(
            Signature::of(&ip, &tcp, Context::Syn).stack_sig(),
            expected,
            "{}",
            vector.name
        );
        assert_eq!(ip.ttl, vector.ttl.0);
        assert_eq!(ip.tos, vector.tos.0);
    }
}

#[test]
fn option_kinds_are_written_in_wire_order() {
    for (vector, kinds) in [
        (LINUX, "2-4-8-1-3"),
        (WINDOWS, "2-1-3-1-1-4"),
        (MACOS, "2-1-3-1-1-8-4-0"),
        (MASSCAN, ""),
    ] {
        let bytes = hex::decode(vector.hex).unwrap();
        let Net::Ip(_, Transport::Tcp(tcp)) = read(&bytes).net else {
            panic!()
        };
        assert_eq!(tcp.options().kinds.decimals().to_string(), kinds);
    }
}

#[test]
fn hops_are_counted_from_the_next_usual_ttl_and_never_above_64() {
    let table = [
        (52, 64, 12),
        (115, 128, 13),
        (64, 64, 0),
        (33, 64, 31),
        (32, 32, 0),
        (129, 255, 64),
        (244, 255, 11),
    ];
    for (observed, initial, distance) in table {
        assert_eq!(
            (initial_ttl(observed), hop_distance(observed)),
            (initial, distance),
            "TTL {observed}"
        );
    }
    assert_eq!((initial_ttl(0), hop_distance(0)), (32, 32));
    assert_eq!((initial_ttl(255), hop_distance(255)), (255, 0));
}

#[test]
fn the_tos_byte_splits_into_dscp_and_ecn() {
    let mut bytes = hex::decode(LINUX.hex).unwrap();
    bytes[1] = 0x2a;
    let Net::Ip(ip, _) = read(&bytes).net else { panic!() };
    assert_eq!((ip.tos, ip.dscp(), ip.ecn()), (42, 10, 2));
}
