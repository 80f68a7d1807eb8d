//! What a maximum transmission unit says of the link it is of.

/// The kind of link that has this MTU (MSS + 40 over IPv4, MSS + 60 over IPv6).
pub const fn link_of_mtu(mtu: u16) -> Option<&'static str> {
    Some(match mtu {
        256 | 576 | 1006 => "dial-up",
        1280 => "ipv6-minimum",
        1300 | 1360 | 1380 | 1400 => "vpn",
        1420 => "wireguard",
        1412 | 1428 | 1432 | 1438 | 1440 => "tunnel",
        1450 => "vxlan",
        1476 => "gre",
        1480 => "ipip",
        1472 | 1454 | 1488 => "pppoe-vlan",
        1492 => "pppoe",
        1500 => "ethernet",
        4470 => "fddi",
        8991..=9216 => "jumbo",
        16_384 | 16_436 | 65_535 => "loopback",
        _ => return None,
    })
}
