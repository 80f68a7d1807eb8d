//! FETCH: what is asked of messages, and the answers.

use serde_json::json;
use time::OffsetDateTime;
use time::macros::format_description;

use super::args::Arg;
use super::messages::{MODSEQ, flags_text};
use super::{Done, Imap, bad_in, ok};
use crate::services::dovecot::mime::{self, Part};
use crate::services::mail::store::Flags;
use crate::services::mail::talk::Act;

/// Messages a command asks the text of that are told of one by one.
const MAX_TOLD: usize = 50;
/// Bytes of answers to one command.
const MAX_ANSWER: usize = 64 << 20;

#[derive(Clone, Debug, PartialEq, Eq)]
enum Item {
    Flags,
    Uid,
    Date,
    Size,
    Modseq,
    Envelope,
    Structure { extended: bool },
    Body(Body),
}

/// A piece of a message's text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Body {
    /// As the answer names it.
    label: String,
    path: Vec<usize>,
    section: Section,
    peek: bool,
    partial: Option<(usize, usize)>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
enum Section {
    #[default]
    All,
    Header,
    Text,
    Mime,
    Fields {
        names: Vec<String>,
        not: bool,
    },
}

// === impl Item ===

impl Item {
    fn parse(word: &str) -> Result<Vec<Self>, String> {
        let upper = word.to_ascii_uppercase();
        let body = |label: &str, section, peek| {
            vec![Self::Body(Body {
                label: label.to_owned(),
                section,
                peek,
                ..Body::default()
            })]
        };
        let fast = || vec![Self::Flags, Self::Date, Self::Size];
        Ok(match &upper[..] {
            "FLAGS" => vec![Self::Flags],
            "UID" => vec![Self::Uid],
            "INTERNALDATE" => vec![Self::Date],
            "RFC822.SIZE" => vec![Self::Size],
            "MODSEQ" => vec![Self::Modseq],
            "ENVELOPE" => vec![Self::Envelope],
            "BODY" => vec![Self::Structure { extended: false }],
            "BODYSTRUCTURE" => vec![Self::Structure { extended: true }],
            "FAST" => fast(),
            "ALL" => [fast(), vec![Self::Envelope]].concat(),
            "FULL" => [fast(), vec![Self::Envelope, Self::Structure { extended: false }]].concat(),
            "RFC822" => body("RFC822", Section::All, false),
            "RFC822.HEADER" => body("RFC822.HEADER", Section::Header, true),
            "RFC822.TEXT" => body("RFC822.TEXT", Section::Text, false),
            _ if upper.starts_with("BODY[") || upper.starts_with("BODY.PEEK[") => {
                vec![Self::Body(Body::parse(&upper)?)]
            }
            _ => return Err(format!("Unknown parameter: {upper}")),
        })
    }
}

// === impl Body ===

impl Body {
    /// `BODY.PEEK[1.HEADER.FIELDS (SUBJECT)]<0.10>`.
    fn parse(text: &str) -> Result<Self, String> {
        let invalid = || "Invalid BODY[..] parameter".to_owned();
        let (name, rest) = text.split_once('[').ok_or_else(invalid)?;
        let (inside, after) = rest.rsplit_once(']').ok_or_else(|| "Missing ']'".to_owned())?;
        let partial = match after {
            "" => None,
            _ => Some(partial(after).ok_or_else(|| "Invalid BODY[..] parameter: Missing '>'".to_owned())?),
        };
        let mut path = Vec::new();
        let mut section = inside;
        while let Some(number) = section
            .split('.')
            .next()
            .filter(|word| word.starts_with(|c: char| c.is_ascii_digit()))
        {
            path.push(number.parse().map_err(|_| invalid())?);
            section = section[number.len()..].trim_start_matches('.');
        }
        let section = match section {
            "" => Section::All,
            "HEADER" => Section::Header,
            "TEXT" => Section::Text,
            "MIME" if !path.is_empty() => Section::Mime,
            _ => {
                let not = section.starts_with("HEADER.FIELDS.NOT");
                let names = section
                    .strip_prefix("HEADER.FIELDS.NOT")
                    .or(section.strip_prefix("HEADER.FIELDS"));
                let names = names
                    .map(str::trim)
                    .and_then(|names| names.strip_prefix('(')?.strip_suffix(')'));
                let names = names.ok_or("Invalid BODY[..] section")?;
                let names = names
                    .split(' ')
                    .filter(|name| !name.is_empty())
                    .map(|name| name.trim_matches('"').to_owned());
                Section::Fields {
                    names: names.collect(),
                    not,
                }
            }
        };
        let start = partial.map_or(String::new(), |(start, _)| format!("<{start}>"));
        Ok(Self {
            label: format!("BODY[{inside}]{start}"),
            path,
            section,
            peek: name.ends_with(".PEEK"),
            partial,
        })
    }

    fn of(&self, text: &[u8], whole: &Part) -> Vec<u8> {
        let bytes = self.whole_of(text, whole).unwrap_or_default();
        match self.partial {
            None => bytes,
            Some((start, count)) => {
                let start = start.min(bytes.len());
                bytes[start..start.saturating_add(count).min(bytes.len())].to_vec()
            }
        }
    }

    fn whole_of(&self, text: &[u8], whole: &Part) -> Option<Vec<u8>> {
        let part = whole.at(&self.path)?;
        // Of a part that is a message, head and text are that message's.
        let holder = if self.path.is_empty() {
            part
        } else {
            part.message.as_deref().unwrap_or(part)
        };
        let range = match &self.section {
            Section::All if self.path.is_empty() => part.head.start..part.body.end,
            Section::All => part.body.clone(),
            Section::Header => holder.head.clone(),
            Section::Text => holder.body.clone(),
            Section::Mime => part.head.clone(),
            Section::Fields { names, not } => {
                let head = &text[holder.head.clone()];
                let wanted = |line: &&[u8]| {
                    let name = line
                        .split(|&byte| byte == b':')
                        .next()
                        .unwrap_or_default()
                        .trim_ascii_end();
                    names.iter().any(|wanted| wanted.as_bytes().eq_ignore_ascii_case(name)) != *not
                };
                let lines: Vec<&[u8]> = mime::lines(head).filter(wanted).collect();
                return Some([&lines.concat()[..], b"\r\n"].concat());
            }
        };
        Some(text[range].to_vec())
    }
}

/// `<0.10>`.
fn partial(text: &str) -> Option<(usize, usize)> {
    let (start, count) = text.strip_prefix('<')?.strip_suffix('>')?.split_once('.')?;
    Some((start.parse().ok()?, count.parse().ok()?))
}

// === impl Imap ===

impl Imap {
    pub(super) fn fetch(&mut self, args: &[Arg], uid: bool) -> Done {
        let places = self.meant("FETCH", args, uid)?;
        let Some(wanted) = args.get(1) else {
            return Err(bad_in("FETCH", "Invalid arguments"));
        };
        let mut items = Vec::new();
        for word in wanted.all().iter().filter_map(Arg::string) {
            items.extend(Item::parse(&word).map_err(|error| bad_in("FETCH", &error))?);
        }
        if items.is_empty() {
            return Err(bad_in("FETCH", "FETCH list is empty"));
        }
        if uid && !items.contains(&Item::Uid) {
            items.insert(0, Item::Uid);
        }
        let texts = items.iter().any(|item| matches!(item, Item::Body(_)));
        if !texts {
            self.tell("fetch", json!({"items": shown(wanted), "messages": places.len()}));
        }
        let (mut told, mut sent) = (0, 0);
        for at in places {
            let Some((line, subject, id, number)) = self.fetch_one(at, &items) else {
                continue;
            };
            if texts && told < MAX_TOLD {
                told += 1;
                self.tell(
                    "fetch",
                    json!({"uid": number, "items": shown(wanted), "subject": subject, "message_id": id}),
                );
            }
            sent += line.len();
            self.acts.push(Act::Say(line));
            if sent > MAX_ANSWER {
                break;
            }
        }
        Ok(ok("Fetch completed"))
    }

    /// The answer, and what the message calls itself.
    #[allow(clippy::type_complexity, reason = "used once, above")]
    fn fetch_one(&mut self, at: usize, items: &[Item]) -> Option<(Vec<u8>, Option<String>, Option<String>, u32)> {
        let selected = self.selected.as_mut()?;
        let needs = |item: &Item| matches!(item, Item::Envelope | Item::Structure { .. } | Item::Body(_));
        let text = match items.iter().any(needs) {
            true => selected.folder.read(at).ok()?,
            false => Vec::new(),
        };
        let part = Part::parse(&text);
        let seen = items.iter().any(|item| matches!(item, Item::Body(body) if !body.peek));
        let newly_seen = seen && !selected.read_only && !selected.folder.messages[at].flags.has('S');
        if newly_seen {
            let letters = selected.folder.messages[at].flags.letters().chain(['S']);
            let flags = Flags::of(letters);
            let _ = selected.folder.set_flags(at, flags);
            if let Some(known) = selected.known.get_mut(at) {
                known.1 = selected.folder.messages[at].flags.clone();
            }
        }
        let mut out = format!("* {} FETCH (", at + 1).into_bytes();
        let flags = Item::Flags;
        let also = (newly_seen && !items.contains(&Item::Flags)).then_some(&flags);
        for (index, item) in items.iter().chain(also).enumerate() {
            if index > 0 {
                out.push(b' ');
            }
            match item {
                Item::Flags => {
                    let flags = flags_text(&selected.folder.messages[at], &selected.keywords);
                    out.extend(format!("FLAGS ({flags})").bytes());
                }
                Item::Uid => out.extend(format!("UID {}", selected.folder.messages[at].uid).bytes()),
                Item::Date => out.extend(format!("INTERNALDATE \"{}\"", date_text(selected.folder.date(at))).bytes()),
                Item::Size => out.extend(format!("RFC822.SIZE {}", selected.folder.size(at)).bytes()),
                Item::Modseq => out.extend(format!("MODSEQ ({MODSEQ})").bytes()),
                Item::Envelope => out.extend([b"ENVELOPE ", &mime::envelope(&text[part.head.clone()])[..]].concat()),
                Item::Structure { extended } => {
                    out.extend_from_slice(if *extended { b"BODYSTRUCTURE " } else { b"BODY " });
                    out.extend(part.structure(&text, *extended));
                }
                Item::Body(body) => {
                    let bytes = body.of(&text, &part);
                    out.extend(format!("{} {{{}}}\r\n", body.label, bytes.len()).bytes());
                    out.extend(bytes);
                }
            }
        }
        out.extend_from_slice(b")\r\n");
        let head = |name| mime::header(&text, name).map(|value| value[..value.floor_char_boundary(256)].to_owned());
        Some((
            out,
            head("Subject"),
            head("Message-ID"),
            selected.folder.messages[at].uid,
        ))
    }
}

fn shown(wanted: &Arg) -> String {
    let words: Vec<String> = wanted.all().iter().filter_map(Arg::string).collect();
    let text = words.join(" ");
    text[..text.floor_char_boundary(256)].to_owned()
}

/// `07-Nov-2023 12:00:00 +0000`.
fn date_text(date: OffsetDateTime) -> String {
    let form = format_description!("[day]-[month repr:short]-[year] [hour]:[minute]:[second] +0000");
    date.format(form).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_of_a_message_are_named_and_cut_as_asked() {
        let text = b"Subject: x\r\nFrom: a@b\r\n\r\nbody\r\n";
        let part = Part::parse(text);
        let piece = |word: &str| {
            let items = Item::parse(word).unwrap();
            let Item::Body(body) = &items[0] else {
                panic!("{items:?}")
            };
            (body.label.clone(), String::from_utf8(body.of(text, &part)).unwrap())
        };
        assert_eq!(piece("body[]<2.4>"), ("BODY[]<2>".into(), "bjec".into()));
        assert_eq!(piece("body.peek[text]").1, "body\r\n");
        assert_eq!(piece("body[1]").1, "body\r\n");
        assert_eq!(piece("body[9]").1, "");
        assert_eq!(
            piece("body.peek[header.fields (subject)]"),
            ("BODY[HEADER.FIELDS (SUBJECT)]".into(), "Subject: x\r\n\r\n".into())
        );
        assert_eq!(piece("body[header.fields.not (subject)]").1, "From: a@b\r\n\r\n");
        for odd in ["foo", "body[x]", "body[", "body[]<x>"] {
            assert!(Item::parse(odd).is_err(), "{odd}");
        }
    }
}
