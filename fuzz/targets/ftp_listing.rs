//! What FTP shows of names and times that anybody may have chosen.
#![cfg_attr(feature = "libfuzzer", no_main)]

use decoy::services::ftp::listing::{Entry, Wanted, matches};
use decoy::services::ftp::reply::Reply;

fuzz::target!(run);

fn run(data: &[u8]) {
    let mut fields = data.split(|byte| *byte == b'\n');
    let wanted = Wanted::parse(fields.next().unwrap_or_default());
    let now = fields.next().map_or(0, number) as i64;
    let entries: Vec<Entry> = fields
        .map(|name| Entry {
            name: name.to_vec(),
            mode: number(name) as u32,
            links: number(name),
            uid: 0,
            gid: 0,
            size: number(name),
            modified: number(name) as i64,
            target: name.get(1..3).unwrap_or_default().to_vec(),
        })
        .collect();
    for entry in &entries {
        wanted.shows(&entry.name, &wanted.what);
        matches(&entry.name, &wanted.what);
        Reply::path(&entry.name, "created");
    }
    let count = entries.len();
    let lines = wanted.lines(entries, b"dir/", false, now);
    assert_eq!(lines.windows(2).filter(|end| end == b"\r\n").count().min(count), count);
    Reply::status_of(&lines);
}

fn number(text: &[u8]) -> u64 {
    text.iter()
        .fold(0, |sum: u64, byte| sum.wrapping_mul(251).wrapping_add(u64::from(*byte)))
}
