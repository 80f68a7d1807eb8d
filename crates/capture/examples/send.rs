//! Sends the packets of a capture from an interface to a station, again and again, at a steady rate:
//! `send INTERFACE MAC FILE RATE SECONDS`.
//!
//! Prints how many it sent a second: fewer than asked for is what this machine can make.

#![allow(clippy::print_stdout, reason = "an answer for a script")]

use std::io;
use std::os::fd::AsRawFd as _;
use std::path::Path;
use std::time::{Duration, Instant};

use nix::ifaddrs::getifaddrs;
use nix::sys::socket::{AddressFamily, LinkAddr, MsgFlags, SockFlag, SockType, bind, send, socket};

/// Packets kept in memory and sent in turn.
const KEPT: usize = 500_000;
/// Packets between two looks at the clock.
const BURST: u64 = 32;

fn main() -> io::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [interface, station, file, rate, seconds] = arguments.as_slice() else {
        return Err(io::Error::other("usage: send INTERFACE MAC FILE RATE SECONDS"));
    };
    let number = |text: &String| text.parse::<u64>().map_err(io::Error::other);
    let (rate, seconds) = (number(rate)?, number(seconds)?);
    let packets = packets(Path::new(file), mac(station)?)?;
    let socket = socket(AddressFamily::Packet, SockType::Raw, SockFlag::empty(), None)?;
    bind(socket.as_raw_fd(), &link(interface)?)?;
    let (began, end) = (Instant::now(), Duration::from_secs(seconds));
    let mut sent = 0;
    for packet in packets.iter().cycle() {
        if sent % BURST == 0 {
            let due = Duration::from_nanos(sent * 1_000_000_000 / rate);
            while began.elapsed() < due {
                std::hint::spin_loop();
            }
            if began.elapsed() >= end {
                break;
            }
        }
        // A full queue is waited for by the kernel; a packet it refuses is one that was not sent.
        send(socket.as_raw_fd(), packet, MsgFlags::empty())?;
        sent += 1;
    }
    println!("{sent} {:.0}", sent as f64 / began.elapsed().as_secs_f64());
    Ok(())
}

fn packets(file: &Path, station: [u8; 6]) -> io::Result<Vec<Vec<u8>>> {
    let mut capture = capture::Reader::open(file).map_err(io::Error::other)?;
    let mut packets = Vec::new();
    while packets.len() < KEPT
        && let Some(packet) = capture.next_packet().map_err(io::Error::other)?
    {
        let mut frame = packet.data.to_vec();
        if let Some(to) = frame.get_mut(..6) {
            to.copy_from_slice(&station);
        }
        packets.push(frame);
    }
    Ok(packets)
}

fn mac(text: &str) -> io::Result<[u8; 6]> {
    let bytes: Result<Vec<u8>, _> = text.split(':').map(|byte| u8::from_str_radix(byte, 16)).collect();
    let bytes = bytes.map_err(io::Error::other)?;
    bytes
        .try_into()
        .map_err(|_| io::Error::other(format!("{text} is no MAC address")))
}

fn link(interface: &str) -> io::Result<LinkAddr> {
    let addresses = getifaddrs()?.filter(|address| address.interface_name == interface);
    addresses
        .filter_map(|address| address.address?.as_link_addr().copied())
        .next()
        .ok_or_else(|| io::Error::other(format!("there is no interface `{interface}`")))
}
