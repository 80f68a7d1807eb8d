//! Tar archives, read and written.

const BLOCK: usize = 512;
/// Members of one archive that are looked at.
const MOST: usize = 20_000;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Member<'a> {
    pub name: String,
    pub kind: Kind,
    pub mode: u32,
    pub link: String,
    pub bytes: &'a [u8],
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    File,
    Folder,
    Symlink,
    Link,
    Other,
}

/// All members, as far as the archive is whole; none when it is no archive.
pub(super) fn read(archive: &[u8]) -> Option<Vec<Member<'_>>> {
    let mut members = Vec::new();
    let (mut at, mut long_name, mut long_link) = (0, None, None);
    while let Some(head) = archive.get(at..at + BLOCK).filter(|_| members.len() < MOST) {
        if head.iter().all(|byte| *byte == 0) {
            break;
        }
        if !checks(head) {
            return (!members.is_empty()).then_some(members);
        }
        let size = octal(&head[124..136])?;
        let start = at + BLOCK;
        let end = start.checked_add(usize::try_from(size).ok()?)?;
        let bytes = archive.get(start..end.min(archive.len())).unwrap_or_default();
        at = start + (end - start).div_ceil(BLOCK) * BLOCK;
        let kind = match head[156] {
            b'L' => {
                long_name = Some(text(bytes));
                continue;
            }
            b'K' => {
                long_link = Some(text(bytes));
                continue;
            }
            b'x' => {
                pax(bytes, &mut long_name, &mut long_link);
                continue;
            }
            b'g' => continue,
            b'0' | 0 | b'7' => Kind::File,
            b'1' => Kind::Link,
            b'2' => Kind::Symlink,
            b'5' => Kind::Folder,
            _ => Kind::Other,
        };
        let prefix = if &head[257..262] == b"ustar" {
            text(&head[345..500])
        } else {
            String::new()
        };
        let short = text(&head[..100]);
        let short = if prefix.is_empty() {
            short
        } else {
            format!("{prefix}/{short}")
        };
        members.push(Member {
            name: long_name.take().unwrap_or(short),
            kind,
            mode: octal(&head[100..108]).unwrap_or(0o644) as u32 & 0o7777,
            link: long_link.take().unwrap_or_else(|| text(&head[157..257])),
            bytes: if kind == Kind::File { bytes } else { &[] },
        });
    }
    (!members.is_empty() || archive.iter().all(|byte| *byte == 0)).then_some(members)
}

/// Appends a member; `seconds` since 1970.
pub(super) fn write(out: &mut Vec<u8>, member: &Member<'_>, seconds: u64) {
    if member.name.len() > 100 {
        let name = Member {
            name: "././@LongLink".to_owned(),
            kind: Kind::File,
            mode: 0,
            link: String::new(),
            bytes: member.name.as_bytes(),
        };
        block(out, &name, b'L', 0);
    }
    let kind = match member.kind {
        Kind::File | Kind::Other => b'0',
        Kind::Link => b'1',
        Kind::Symlink => b'2',
        Kind::Folder => b'5',
    };
    block(out, member, kind, seconds);
}

/// The two empty blocks an archive ends with.
pub(super) fn finish(out: &mut Vec<u8>) {
    out.resize(out.len() + 2 * BLOCK, 0);
}

fn block(out: &mut Vec<u8>, member: &Member<'_>, kind: u8, seconds: u64) {
    let mut head = [0u8; BLOCK];
    let mut put = |at: usize, bytes: &[u8], most: usize| {
        let some = bytes.len().min(most);
        head[at..at + some].copy_from_slice(&bytes[..some]);
    };
    put(0, member.name.as_bytes(), 100);
    put(100, format!("{:07o}", member.mode).as_bytes(), 7);
    put(108, b"0000000", 7);
    put(116, b"0000000", 7);
    put(124, format!("{:011o}", member.bytes.len()).as_bytes(), 11);
    put(136, format!("{seconds:011o}").as_bytes(), 11);
    put(148, b"        ", 8);
    put(156, &[kind], 1);
    put(157, member.link.as_bytes(), 100);
    put(257, b"ustar\x0000", 8);
    put(265, b"root", 4);
    put(297, b"root", 4);
    let sum: u32 = head.iter().map(|byte| u32::from(*byte)).sum();
    head[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    out.extend_from_slice(&head);
    out.extend_from_slice(member.bytes);
    out.resize(out.len().div_ceil(BLOCK) * BLOCK, 0);
}

fn checks(head: &[u8]) -> bool {
    let sum: u64 = head
        .iter()
        .enumerate()
        .map(|(at, byte)| if (148..156).contains(&at) { 32 } else { u64::from(*byte) })
        .sum();
    octal(&head[148..156]) == Some(sum)
}

fn octal(field: &[u8]) -> Option<u64> {
    let digits: Vec<u8> = field
        .iter()
        .copied()
        .skip_while(|byte| *byte == b' ')
        .take_while(|byte| (b'0'..=b'7').contains(byte))
        .collect();
    u64::from_str_radix(std::str::from_utf8(&digits).ok()?, 8).ok()
}

fn text(field: &[u8]) -> String {
    let end = field.iter().position(|byte| *byte == 0).unwrap_or(field.len());
    String::from_utf8_lossy(&field[..end]).into_owned()
}

/// `length key=value\n`, again and again.
fn pax(bytes: &[u8], name: &mut Option<String>, link: &mut Option<String>) {
    let records = String::from_utf8_lossy(bytes);
    for record in records.lines() {
        let Some((key, value)) = record.split_once(' ').and_then(|(_, rest)| rest.split_once('=')) else {
            continue;
        };
        match key {
            "path" => *name = Some(value.to_owned()),
            "linkpath" => *link = Some(value.to_owned()),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_again() {
        let long = "x".repeat(150);
        let members = [
            ("etc/passwd", Kind::File, &b"root"[..]),
            ("tmp", Kind::Folder, b""),
            (&long, Kind::File, b""),
        ];
        let members = members.map(|(name, kind, bytes)| Member {
            name: name.to_owned(),
            kind,
            mode: 0o755,
            link: String::new(),
            bytes,
        });
        let mut archive = Vec::new();
        members.iter().for_each(|member| write(&mut archive, member, 9));
        finish(&mut archive);
        assert_eq!(read(&archive).unwrap(), members);
    }

    #[test]
    fn what_is_no_archive_is_none_and_half_a_file_is_what_is_there() {
        assert_eq!(read(b"not a tar"), None);
        assert_eq!(read(&[7; 2048]), None);
        let mut archive = Vec::new();
        let member = Member {
            name: "a".into(),
            kind: Kind::File,
            mode: 0o644,
            link: String::new(),
            bytes: &[1; 600],
        };
        write(&mut archive, &member, 0);
        assert_eq!(read(&archive[..700]).unwrap()[0].bytes.len(), 188);
    }
}
