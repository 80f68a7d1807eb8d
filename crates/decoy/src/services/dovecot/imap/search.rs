//! SEARCH, SORT and THREAD.

use serde_json::json;
use time::Date;

use super::args::{Arg, set};
use super::folders::{calendar_day, letter_of};
use super::{Done, Imap, Selected, bad_in, ok};
use crate::services::dovecot::mime;

/// How deep conditions lie in each other, and how many there are.
const MAX_DEPTH: usize = 16;
const MAX_KEYS: usize = 200;

#[derive(Clone, Debug, PartialEq)]
enum Key {
    All,
    Flag(char, bool),
    Keyword(String, bool),
    Recent(bool),
    New,
    Numbers(Vec<(u32, u32)>),
    Uids(Vec<(u32, u32)>),
    Header(String, String),
    Body(String),
    Text(String),
    Larger(u64),
    Smaller(u64),
    Came(Order, Date),
    Sent(Order, Date),
    Not(Box<Key>),
    Or(Box<Key>, Box<Key>),
    Every(Vec<Key>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Order {
    Before,
    On,
    Since,
}

struct Reader<'a> {
    args: std::slice::Iter<'a, Arg>,
    room: usize,
    last: u32,
    last_uid: u32,
}

// === impl Reader ===

impl Reader<'_> {
    fn word(&mut self, name: &str) -> Result<String, String> {
        let word = self.args.next().and_then(Arg::string);
        word.ok_or_else(|| format!("Missing parameter for argument {name}"))
    }

    fn date(&mut self, name: &str) -> Result<Date, String> {
        let word = self.word(name)?;
        calendar_day(&word).ok_or_else(|| "Invalid search date parameter".to_owned())
    }

    fn number(&mut self, name: &str) -> Result<u64, String> {
        self.word(name)?
            .parse()
            .map_err(|_| "Invalid search size parameter".to_owned())
    }

    fn every(&mut self, depth: usize) -> Result<Key, String> {
        let mut keys = Vec::new();
        while self.args.len() > 0 {
            keys.push(self.key(depth)?);
        }
        if keys.is_empty() {
            return Err("Missing search parameters".into());
        }
        Ok(Key::Every(keys))
    }

    fn key(&mut self, depth: usize) -> Result<Key, String> {
        self.room = self.room.checked_sub(1).ok_or("Too many search arguments")?;
        let word = match self.args.next() {
            None => return Err("Missing search parameters".into()),
            Some(_) if depth > MAX_DEPTH => return Err("Too many levels".into()),
            Some(Arg::List(inner)) => {
                let (room, last, last_uid) = (self.room, self.last, self.last_uid);
                let mut reader = Reader {
                    args: inner.iter(),
                    room,
                    last,
                    last_uid,
                };
                let key = reader.every(depth + 1)?;
                self.room = reader.room;
                return Ok(key);
            }
            Some(arg) => arg.upper().unwrap_or_default(),
        };
        let name = &word[..];
        Ok(match name {
            "ALL" => Key::All,
            "ANSWERED" | "FLAGGED" | "DELETED" | "SEEN" | "DRAFT" => Key::Flag(flag(name), true),
            "UNANSWERED" | "UNFLAGGED" | "UNDELETED" | "UNSEEN" | "UNDRAFT" => Key::Flag(flag(&name[2..]), false),
            "RECENT" => Key::Recent(true),
            "OLD" => Key::Recent(false),
            "NEW" => Key::New,
            "KEYWORD" => Key::Keyword(self.word(name)?, true),
            "UNKEYWORD" => Key::Keyword(self.word(name)?, false),
            "FROM" | "TO" | "CC" | "BCC" | "SUBJECT" => Key::Header(name.to_owned(), self.word(name)?.to_lowercase()),
            "HEADER" => Key::Header(self.word(name)?, self.word(name)?.to_lowercase()),
            "BODY" => Key::Body(self.word(name)?.to_lowercase()),
            "TEXT" => Key::Text(self.word(name)?.to_lowercase()),
            "LARGER" => Key::Larger(self.number(name)?),
            "SMALLER" => Key::Smaller(self.number(name)?),
            "BEFORE" => Key::Came(Order::Before, self.date(name)?),
            "ON" => Key::Came(Order::On, self.date(name)?),
            "SINCE" => Key::Came(Order::Since, self.date(name)?),
            "SENTBEFORE" => Key::Sent(Order::Before, self.date(name)?),
            "SENTON" => Key::Sent(Order::On, self.date(name)?),
            "SENTSINCE" => Key::Sent(Order::Since, self.date(name)?),
            "UID" => {
                let text = self.word(name)?;
                Key::Uids(set(&text, self.last_uid).ok_or("Invalid UID messageset")?)
            }
            "NOT" => Key::Not(Box::new(self.key(depth + 1)?)),
            "OR" => Key::Or(Box::new(self.key(depth + 1)?), Box::new(self.key(depth + 1)?)),
            _ => match set(name, self.last) {
                Some(ranges) => Key::Numbers(ranges),
                None => return Err(format!("Unknown argument {name}")),
            },
        })
    }
}

fn flag(name: &str) -> char {
    letter_of(&format!("\\{name}")).unwrap_or('S')
}

// === impl Key ===

impl Key {
    fn fits(&self, selected: &mut Selected, at: usize) -> bool {
        match self {
            Self::All => true,
            Self::Flag(letter, has) => selected.folder.messages[at].flags.has(*letter) == *has,
            Self::Keyword(name, has) => {
                let letter = selected
                    .keywords
                    .iter()
                    .zip('a'..='z')
                    .find(|(known, _)| known.eq_ignore_ascii_case(name));
                letter.is_some_and(|(_, letter)| selected.folder.messages[at].flags.has(letter)) == *has
            }
            Self::Recent(recent) => selected.folder.messages[at].recent == *recent,
            Self::New => selected.folder.messages[at].recent && !selected.folder.messages[at].flags.has('S'),
            Self::Numbers(ranges) => within(ranges, at as u32 + 1),
            Self::Uids(ranges) => within(ranges, selected.folder.messages[at].uid),
            Self::Header(name, wanted) => {
                let text = selected.folder.read(at).unwrap_or_default();
                mime::header(&text, name).is_some_and(|value| value.to_lowercase().contains(wanted))
            }
            Self::Body(wanted) => {
                let text = selected.folder.read(at).unwrap_or_default();
                let body = text
                    .windows(4)
                    .position(|four| four == b"\r\n\r\n")
                    .map_or(text.len(), |at| at + 4);
                contains(&text[body..], wanted)
            }
            Self::Text(wanted) => contains(&selected.folder.read(at).unwrap_or_default(), wanted),
            Self::Larger(size) => selected.folder.size(at) > *size,
            Self::Smaller(size) => selected.folder.size(at) < *size,
            Self::Came(order, date) => order.fits(selected.folder.date(at).date(), *date),
            Self::Sent(order, date) => {
                let text = selected.folder.read(at).unwrap_or_default();
                sent(&text).is_some_and(|sent| order.fits(sent, *date))
            }
            Self::Not(key) => !key.fits(selected, at),
            Self::Or(one, other) => one.fits(selected, at) || other.fits(selected, at),
            Self::Every(keys) => keys.iter().all(|key| key.fits(selected, at)),
        }
    }
}

// === impl Order ===

impl Order {
    fn fits(self, date: Date, limit: Date) -> bool {
        match self {
            Self::Before => date < limit,
            Self::On => date == limit,
            Self::Since => date >= limit,
        }
    }
}

fn within(ranges: &[(u32, u32)], number: u32) -> bool {
    ranges.iter().any(|&(from, to)| (from..=to).contains(&number))
}

fn contains(text: &[u8], wanted: &str) -> bool {
    String::from_utf8_lossy(text).to_lowercase().contains(wanted)
}

/// The day of `Mon, 06 Nov 2023 10:00:00 +0100`.
fn sent(text: &[u8]) -> Option<Date> {
    let value = mime::header(text, "Date")?;
    let words: Vec<&str> = value.split([' ', ',']).filter(|word| !word.is_empty()).collect();
    let first = usize::from(words.first()?.starts_with(|letter: char| letter.is_ascii_alphabetic()));
    let [day, month, year] = words.get(first..first + 3)? else {
        return None;
    };
    calendar_day(&format!("{day}-{month}-{year}"))
}

// === impl Imap ===

impl Imap {
    pub(super) fn search(&mut self, tag: &str, name: &str, args: &[Arg], uid: bool) -> Done {
        let mut args = args;
        let mut results: Option<Vec<String>> = None;
        let mut order = Vec::new();
        match name {
            "SEARCH" => {
                if let [word, Arg::List(wanted), rest @ ..] = args
                    && word.upper().is_some_and(|word| word == "RETURN")
                {
                    results = Some(wanted.iter().filter_map(Arg::upper).collect());
                    args = rest;
                }
                if let [word, _, rest @ ..] = args
                    && word.upper().is_some_and(|word| word == "CHARSET")
                {
                    args = rest;
                }
            }
            _ => {
                let [how, _, rest @ ..] = args else {
                    return Err(bad_in(name, "Missing or invalid sort program"));
                };
                order = how.all().iter().filter_map(Arg::upper).collect();
                args = rest;
            }
        }
        let places = self.found(name, args)?;
        self.tell("search", json!({"criteria": shown(args), "found": places.len()}));
        let Some(selected) = &mut self.selected else {
            return Ok(ok("Search completed"));
        };
        let places = sorted(selected, places, &order);
        let number = |at: &usize| {
            if uid {
                selected.folder.messages[*at].uid
            } else {
                *at as u32 + 1
            }
        };
        let numbers: Vec<u32> = places.iter().map(number).collect();
        let words: Vec<String> = numbers.iter().map(u32::to_string).collect();
        match (results, name) {
            (Some(results), _) => self.say(extended(tag, &results, &numbers, uid)),
            (None, "THREAD") => {
                let threads: String = words.iter().map(|word| format!("({word})")).collect();
                self.say(format!("* THREAD {threads}").trim_end());
            }
            _ => self.say(format!("* {name} {}", words.join(" ")).trim_end()),
        }
        Ok(ok(match name {
            "SEARCH" => "Search completed",
            "SORT" => "Sort completed",
            _ => "Thread completed",
        }))
    }

    fn found(&mut self, name: &str, args: &[Arg]) -> Result<Vec<usize>, super::Reply> {
        let Some(selected) = &mut self.selected else {
            return Ok(Vec::new());
        };
        let messages = &selected.folder.messages;
        let mut reader = Reader {
            args: args.iter(),
            room: MAX_KEYS,
            last: messages.len() as u32,
            last_uid: messages.last().map_or(0, |message| message.uid),
        };
        let key = reader.every(0).map_err(|error| bad_in(name, &error))?;
        Ok((0..messages.len()).filter(|&at| key.fits(selected, at)).collect())
    }
}

/// By what SORT names first.
fn sorted(selected: &mut Selected, places: Vec<usize>, order: &[String]) -> Vec<usize> {
    let reverse = order.first().is_some_and(|word| word == "REVERSE");
    let Some(by) = order.get(usize::from(reverse)) else {
        return places;
    };
    let mut keyed: Vec<(String, usize)> = places
        .into_iter()
        .map(|at| {
            let key = match &by[..] {
                "ARRIVAL" | "DATE" | "REFERENCES" | "REFS" => {
                    format!("{:020}", selected.folder.date(at).unix_timestamp())
                }
                "SIZE" => format!("{:020}", selected.folder.size(at)),
                "FROM" | "TO" | "CC" | "SUBJECT" | "ORDEREDSUBJECT" => {
                    let name = if by == "ORDEREDSUBJECT" { "SUBJECT" } else { by };
                    let text = selected.folder.read(at).unwrap_or_default();
                    let value = mime::header(&text, name).unwrap_or_default().to_lowercase();
                    value.trim_start_matches("re: ").to_owned()
                }
                _ => String::new(),
            };
            (key, at)
        })
        .collect();
    keyed.sort();
    if reverse {
        keyed.reverse();
    }
    keyed.into_iter().map(|(_, at)| at).collect()
}

/// The answer of RFC 4731.
fn extended(tag: &str, results: &[String], numbers: &[u32], uid: bool) -> String {
    let asked = |name: &str| results.iter().any(|word| word == name);
    let mut text = format!("* ESEARCH (TAG \"{tag}\"){}", if uid { " UID" } else { "" });
    if let (Some(least), Some(most)) = (numbers.iter().min(), numbers.iter().max()) {
        if asked("MIN") {
            text.push_str(&format!(" MIN {least}"));
        }
        if asked("MAX") {
            text.push_str(&format!(" MAX {most}"));
        }
        if asked("ALL") || results.is_empty() {
            let words: Vec<String> = numbers.iter().map(u32::to_string).collect();
            text.push_str(&format!(" ALL {}", words.join(",")));
        }
    }
    if asked("COUNT") {
        text.push_str(&format!(" COUNT {}", numbers.len()));
    }
    text
}

fn shown(args: &[Arg]) -> String {
    let words: Vec<String> = args
        .iter()
        .flat_map(|arg| arg.all().iter().filter_map(Arg::string))
        .collect();
    let text = words.join(" ");
    text[..text.floor_char_boundary(256)].to_owned()
}
