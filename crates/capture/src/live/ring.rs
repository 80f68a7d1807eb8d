//! Blocks of the kernel's ring, read: what `<linux/if_packet.h>` lays down for TPACKET_V3.

use super::link_type;
use crate::packet::Packet;

/// In a block: where its status, its number of packets and the first of them are written.
pub(super) const STATUS: usize = 8;
const PACKETS: usize = 12;
const FIRST: usize = 16;
/// In a packet's header: the way to the next, times, lengths, where its bytes begin, and the address behind it.
const NEXT: usize = 0;
const SECONDS: usize = 4;
const NANOS: usize = 8;
const CAPTURED: usize = 12;
const LENGTH: usize = 16;
const BYTES: usize = 24;
const ADDRESS: usize = 48;
/// In the address: what hardware it is, and which way the packet went.
const HARDWARE: usize = ADDRESS + 8;
const DIRECTION: usize = ADDRESS + 10;
const OUTGOING: u8 = 4;

/// Hands on every packet of a block; their number. `skip_outgoing` is for loopback, which shows each twice.
pub(super) fn packets(block: &[u8], skip_outgoing: bool, mut take: impl FnMut(Packet<'_>)) -> u64 {
    let count = u32_at(block, PACKETS);
    let mut at = u32_at(block, FIRST) as usize;
    let mut taken = 0;
    for _ in 0..count {
        let Some(header) = block.get(at..).filter(|header| header.len() > DIRECTION) else {
            break;
        };
        let start = usize::from(u16_at(header, BYTES));
        let captured = u32_at(header, CAPTURED) as usize;
        let is_wanted = !(skip_outgoing && header[DIRECTION] == OUTGOING);
        if let Some(data) = header.get(start..start + captured).filter(|_| is_wanted) {
            taken += 1;
            take(Packet {
                at: u64::from(u32_at(header, SECONDS)) * 1_000_000_000 + u64::from(u32_at(header, NANOS)),
                link: link_type(u16_at(header, HARDWARE)),
                interface: 0,
                length: u32_at(header, LENGTH),
                data,
            });
        }
        match u32_at(header, NEXT) {
            0 => break,
            next => at += next as usize,
        }
    }
    taken
}

fn u16_at(bytes: &[u8], at: usize) -> u16 {
    bytes
        .get(at..at + 2)
        .and_then(|raw| raw.try_into().ok())
        .map_or(0, u16::from_ne_bytes)
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    bytes
        .get(at..at + 4)
        .and_then(|raw| raw.try_into().ok())
        .map_or(0, u32::from_ne_bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_places_are_those_of_the_systems_headers() {
        use std::mem::offset_of;
        assert_eq!(offset_of!(libc::tpacket_block_desc, hdr), STATUS);
        assert_eq!(offset_of!(libc::tpacket_hdr_v1, num_pkts) + STATUS, PACKETS);
        assert_eq!(offset_of!(libc::tpacket_hdr_v1, offset_to_first_pkt) + STATUS, FIRST);
        assert_eq!(offset_of!(libc::tpacket3_hdr, tp_next_offset), NEXT);
        assert_eq!(offset_of!(libc::tpacket3_hdr, tp_sec), SECONDS);
        assert_eq!(offset_of!(libc::tpacket3_hdr, tp_nsec), NANOS);
        assert_eq!(offset_of!(libc::tpacket3_hdr, tp_snaplen), CAPTURED);
        assert_eq!(offset_of!(libc::tpacket3_hdr, tp_len), LENGTH);
        assert_eq!(offset_of!(libc::tpacket3_hdr, tp_mac), BYTES);
        assert_eq!(
            size_of::<libc::tpacket3_hdr>().next_multiple_of(libc::TPACKET_ALIGNMENT),
            ADDRESS
        );
        assert_eq!(offset_of!(libc::sockaddr_ll, sll_hatype) + ADDRESS, HARDWARE);
        assert_eq!(offset_of!(libc::sockaddr_ll, sll_pkttype) + ADDRESS, DIRECTION);
        assert_eq!(libc::PACKET_OUTGOING, OUTGOING);
    }

    #[test]
    fn a_block_that_lies_about_itself_is_read_as_far_as_it_goes() {
        let mut block = vec![0; 256];
        block[PACKETS..PACKETS + 4].copy_from_slice(&1_000_000_u32.to_ne_bytes());
        block[FIRST..FIRST + 4].copy_from_slice(&48_u32.to_ne_bytes());
        block[48 + NEXT..48 + NEXT + 4].copy_from_slice(&100_u32.to_ne_bytes());
        block[48 + CAPTURED..48 + CAPTURED + 4].copy_from_slice(&90_u32.to_ne_bytes());
        block[48 + BYTES..48 + BYTES + 2].copy_from_slice(&80_u16.to_ne_bytes());
        block[148 + CAPTURED..148 + CAPTURED + 4].copy_from_slice(&9_000_u32.to_ne_bytes());
        let mut lengths = Vec::new();
        assert_eq!(packets(&block, false, |packet| lengths.push(packet.data.len())), 1);
        assert_eq!(lengths, [90]);
    }
}
