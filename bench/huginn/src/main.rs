//! `huginn-bench CAPTURE`: how long huginn-net takes over a capture that lies in memory, packet by packet as its own
//! benches do; prints packets, seconds and how many packets gave something. Reading and writing are not measured.

use std::time::Instant;

use huginn_net::{Database, HuginnNet};

const HEADER: usize = 24;
const RECORD: usize = 16;
const CONNECTIONS: usize = 131_072;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let path = std::env::args().nth(1).ok_or("usage: huginn-bench CAPTURE")?;
    let bytes = std::fs::read(path)?;
    let mut packets = Vec::new();
    let mut rest = bytes.get(HEADER..).ok_or("no capture")?;
    while let Some(header) = rest.get(..RECORD) {
        let length = u32::from_le_bytes(header[8..12].try_into()?) as usize;
        packets.push(rest.get(RECORD..RECORD + length).ok_or("a cut capture")?);
        rest = &rest[RECORD + length..];
    }
    let database = Database::load_default()?;
    let mut huginn = HuginnNet::new(Some(&database), CONNECTIONS, None)?;
    let began = Instant::now();
    let mut found = 0_u64;
    for packet in &packets {
        let seen = huginn.analyze_tcp(packet);
        found += u64::from(seen.tcp_syn.is_some() || seen.http_request.is_some() || seen.tls_client.is_some());
    }
    println!("{} {:.3} {found}", packets.len(), began.elapsed().as_secs_f64());
    Ok(())
}
