//! What LIST, NLST and STAT show of a directory.

use time::OffsetDateTime;

/// Alternatives in braces are followed this deep, and a pattern tried this often.
const MAX_DEPTH: usize = 8;
const MAX_TRIES: usize = 10_000;
/// Older than this, a date has a year instead of a time.
const RECENT: i64 = 182 * 24 * 60 * 60;

/// The argument of a listing, read.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Wanted {
    pub options: Vec<u8>,
    /// A directory, or a pattern, perhaps with directories before it.
    pub what: Vec<u8>,
}

#[derive(Clone, Debug)]
pub struct Entry {
    pub name: Vec<u8>,
    pub mode: u32,
    pub links: u64,
    pub uid: u32,
    pub gid: u32,
    pub size: u64,
    /// Seconds since the epoch.
    pub modified: i64,
    /// Of a symbolic link.
    pub target: Vec<u8>,
}

// === impl Wanted ===

impl Wanted {
    /// Options come first, in one word, or not at all.
    pub fn parse(arg: &[u8]) -> Self {
        match arg.strip_prefix(b"-") {
            Some(rest) => {
                let (options, what) = super::line::split(rest, b' ');
                Self {
                    options: options.to_vec(),
                    what: what.to_vec(),
                }
            }
            None => Self {
                options: Vec::new(),
                what: arg.to_vec(),
            },
        }
    }

    fn has(&self, option: u8) -> bool {
        self.options.contains(&option)
    }

    /// Whether an entry of that name is shown. `filter`: empty for all.
    pub fn shows(&self, name: &[u8], filter: &[u8]) -> bool {
        (self.has(b'a') || !name.starts_with(b".")) && (filter.is_empty() || matches(name, filter))
    }

    /// The lines, in order. `base`: what goes before the names of a short listing. `now`: seconds since the epoch.
    pub fn lines(&self, mut entries: Vec<Entry>, base: &[u8], full: bool, now: i64) -> Vec<u8> {
        let (by_time, reverse) = (self.has(b't'), self.has(b'r'));
        entries.sort_by(|a, b| {
            let order = if by_time {
                b.modified.cmp(&a.modified)
            } else {
                a.name.cmp(&b.name)
            };
            if reverse { order.reverse() } else { order }
        });
        let full = full || self.has(b'l');
        let mut out = Vec::new();
        for entry in &entries {
            if full {
                entry.write_details(&mut out, now);
            } else {
                out.extend(base);
            }
            out.extend(&entry.name);
            if full && !entry.target.is_empty() {
                out.extend(b" -> ");
                out.extend(&entry.target);
            }
            if self.has(b'F') && entry.mode & 0o170_000 == 0o040_000 {
                out.push(b'/');
            }
            out.extend(b"\r\n");
        }
        out
    }
}

// === impl Entry ===

impl Entry {
    fn write_details(&self, out: &mut Vec<u8>, now: i64) {
        let details = format!(
            "{} {:>4} {:<8} {:<8} {:>8} {} ",
            permissions(self.mode),
            self.links,
            self.uid,
            self.gid,
            self.size,
            date(self.modified, now)
        );
        out.extend(details.bytes());
    }
}

fn permissions(mode: u32) -> String {
    let kind = match mode & 0o170_000 {
        0o040_000 => 'd',
        0o120_000 => 'l',
        0o010_000 => 'p',
        0o140_000 => 's',
        0o020_000 => 'c',
        0o060_000 => 'b',
        0o100_000 => '-',
        _ => '?',
    };
    let mut text = String::from(kind);
    for (shift, special, set) in [(6, 0o4000, 's'), (3, 0o2000, 's'), (0, 0o1000, 't')] {
        let bits = mode >> shift;
        text.push(if bits & 4 != 0 { 'r' } else { '-' });
        text.push(if bits & 2 != 0 { 'w' } else { '-' });
        text.push(match (bits & 1 != 0, mode & special != 0) {
            (true, true) => set,
            (false, true) => set.to_ascii_uppercase(),
            (true, false) => 'x',
            (false, false) => '-',
        });
    }
    text
}

fn date(modified: i64, now: i64) -> String {
    let at = OffsetDateTime::from_unix_timestamp(modified).unwrap_or(OffsetDateTime::UNIX_EPOCH);
    let month = &at.month().to_string()[..3];
    if modified > now || now.saturating_sub(modified) > RECENT {
        format!("{month} {:02}  {:04}", at.day(), at.year())
    } else {
        format!("{month} {:02} {:02}:{:02}", at.day(), at.hour(), at.minute())
    }
}

/// Whether the name fits the pattern: `*`, `?` and `{one,other}`.
pub fn matches(name: &[u8], pattern: &[u8]) -> bool {
    let mut tries = MAX_TRIES;
    fits(name, pattern, MAX_DEPTH, &mut tries)
}

fn fits(mut name: &[u8], mut pattern: &[u8], depth: usize, tries: &mut usize) -> bool {
    loop {
        let Some(left) = tries.checked_sub(1) else { return false };
        *tries = left;
        let Some((&first, rest)) = pattern.split_first() else {
            return name.is_empty();
        };
        match first {
            b'*' => {
                return (0..=name.len()).any(|at| fits(&name[at..], rest, depth, tries));
            }
            b'{' if depth > 0 && rest.contains(&b'}') => {
                let end = rest.iter().position(|&b| b == b'}').unwrap_or(0);
                let mut choices = rest[..end].split(|&b| b == b',');
                return choices.any(|choice| fits(name, &[choice, &rest[end + 1..]].concat(), depth - 1, tries));
            }
            _ => match name.split_first() {
                Some((&byte, after)) if first == b'?' || byte == first => (name, pattern) = (after, rest),
                _ => return false,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(name: &str, mode: u32, modified: i64) -> Entry {
        Entry {
            name: name.into(),
            mode,
            links: 1,
            uid: 1000,
            gid: 1000,
            size: 16,
            modified,
            target: Vec::new(),
        }
    }

    #[test]
    fn a_line_is_as_the_product_writes_it() {
        let now = 1_795_261_500; // 2026-11-21 11:45
        let old = entry("old", 0o104_711, now - RECENT - 1);
        let link = Entry {
            target: "usr/bin".into(),
            ..entry("bin", 0o120_777, now)
        };
        let lines = Wanted::default().lines(vec![old, link], b"", true, now);
        assert_eq!(
            String::from_utf8(lines).unwrap(),
            "lrwxrwxrwx    1 1000     1000           16 Nov 21 11:45 bin -> usr/bin\r\n\
             -rws--x--x    1 1000     1000           16 May 23  2026 old\r\n"
        );
    }

    #[test]
    fn patterns_know_stars_questions_and_braces() {
        for (name, pattern, fit) in [
            ("a.txt", "*.txt", true),
            ("a.txt", "?.txt", true),
            ("a.txt", "{b,a}*.txt", true),
            ("a.txt", "[a].txt", false),
            ("a.txt", "a.tx", false),
            ("ab", "{a,b", false),
            ("", "*", true),
        ] {
            assert_eq!(matches(name.as_bytes(), pattern.as_bytes()), fit, "{name} {pattern}");
        }
    }

    #[test]
    fn a_pattern_made_to_keep_us_busy_gives_up() {
        assert!(!matches(
            &[b'a'; 200],
            "*a".repeat(60)
                .as_bytes()
                .iter()
                .chain(b"b")
                .copied()
                .collect::<Vec<_>>()
                .as_slice()
        ));
        matches(b"x", "{a,b}".repeat(500).as_bytes());
    }

    #[test]
    fn options_are_the_first_word_only() {
        let wanted = Wanted::parse(b"-la dir -x");
        assert_eq!((&wanted.options[..], &wanted.what[..]), (&b"la"[..], &b"dir -x"[..]));
        assert!(wanted.shows(b".x", b"") && !Wanted::parse(b"").shows(b".x", b""));
    }
}
