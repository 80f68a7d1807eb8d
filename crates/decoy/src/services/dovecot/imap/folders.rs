//! Commands about folders: what there is, looking into one, making and removing them, bringing messages.

use serde_json::json;
use time::{Date, OffsetDateTime, PrimitiveDateTime, Time, UtcOffset};

use super::args::Arg;
use super::{Done, Imap, Reply, Selected, TIME, bad_in, messages, no, ok};
use crate::services::mail::store::{Flags, SYSTEM};
use crate::services::mail::talk::Act;

/// Names that say what a folder is for (RFC 6154).
const USES: [(&str, &str); 5] = [
    ("Drafts", "\\Drafts"),
    ("Junk", "\\Junk"),
    ("Sent", "\\Sent"),
    ("Sent Messages", "\\Sent"),
    ("Trash", "\\Trash"),
];
const MONTHS: [&str; 12] = [
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
];

/// What LIST is asked to say beside names.
#[derive(Default)]
struct Wanted {
    subscribed: bool,
    special: bool,
    extended: bool,
    children: bool,
    status: Option<Vec<Arg>>,
}

fn is_inbox(name: &str) -> bool {
    name.eq_ignore_ascii_case("INBOX")
}

fn missing(name: &str) -> Reply {
    no(format!("Mailbox doesn't exist: {name}"))
}

/// A name as answers show it.
fn shown(name: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_graphic() && !b"(){%*\"\\]".contains(&byte);
    if !name.is_empty() && name.bytes().all(plain) {
        return name.to_owned();
    }
    format!("\"{}\"", name.replace('\\', "\\\\").replace('"', "\\\""))
}

// === impl Imap ===

impl Imap {
    pub(super) fn folder_command(&mut self, name: &str, args: &[Arg]) -> Done {
        match name {
            "LIST" => self.list(args),
            "LSUB" => self.lsub(args),
            "SELECT" => self.select(args, false),
            "EXAMINE" => self.select(args, true),
            "STATUS" => self.status(args),
            "APPEND" => self.append(args),
            _ => self.change_folders(name, args),
        }
    }

    fn change_folders(&mut self, name: &str, args: &[Arg]) -> Done {
        let Some(store) = &self.store else { return Err(no("")) };
        let Some(folder) = args.first().and_then(Arg::string) else {
            return Err(bad_in(name, "Missing arguments"));
        };
        let folder = folder.trim_end_matches('.').to_owned();
        match name {
            "CREATE" if store.exists(&folder) => Err(no("[ALREADYEXISTS] Mailbox already exists")),
            "CREATE" => match store.create(&folder) {
                Ok(()) => Ok(ok("Create completed")),
                Err(_) => Err(no(format!("[CANNOT] Invalid mailbox name: {folder}"))),
            },
            "DELETE" if is_inbox(&folder) => Err(no("INBOX can't be deleted")),
            "DELETE" if !store.exists(&folder) => Err(no(format!("[NONEXISTENT] Mailbox doesn't exist: {folder}"))),
            "DELETE" => match store.delete(&folder) {
                Ok(()) => Ok(ok("Delete completed")),
                Err(_) => Err(no("[NOPERM] Permission denied")),
            },
            "RENAME" => {
                let Some(to) = args.get(1).and_then(Arg::string) else {
                    return Err(bad_in(name, "Missing arguments"));
                };
                match () {
                    () if is_inbox(&folder) => Err(no("Renaming INBOX isn't supported.")),
                    () if !store.exists(&folder) => Err(no(format!("[NONEXISTENT] Mailbox doesn't exist: {folder}"))),
                    () if store.exists(&to) => Err(no("[ALREADYEXISTS] Target mailbox already exists")),
                    () => match store.rename(&folder, &to) {
                        Ok(()) => Ok(ok("Rename completed")),
                        Err(_) => Err(no(format!("[CANNOT] Invalid mailbox name: {to}"))),
                    },
                }
            }
            "SUBSCRIBE" if !store.exists(&folder) => Err(missing(&folder)),
            "SUBSCRIBE" => {
                let _ = store.subscribe(&folder, true);
                Ok(ok("Subscribe completed"))
            }
            _ => {
                let _ = store.subscribe(&folder, false);
                Ok(ok("Unsubscribe completed"))
            }
        }
    }

    fn list(&mut self, args: &[Arg]) -> Done {
        let mut wanted = Wanted::default();
        let mut rest = args;
        if let [Arg::List(selection), later @ ..] = rest {
            wanted.extended = true;
            for word in selection.iter().filter_map(Arg::upper) {
                match &word[..] {
                    "SUBSCRIBED" => wanted.subscribed = true,
                    "SPECIAL-USE" => wanted.special = true,
                    "REMOTE" | "RECURSIVEMATCH" => {}
                    _ => return Err(bad_in("LIST", &format!("Unknown select option: {word}"))),
                }
            }
            rest = later;
        }
        let Some(reference) = rest.first().and_then(Arg::string) else {
            return Err(bad_in("LIST", "Invalid reference"));
        };
        let Some(patterns) = rest.get(1) else {
            return Err(bad_in("LIST", "Invalid pattern"));
        };
        if let [_, _, Arg::Word { .. }, options, ..] = rest {
            wanted.extended = true;
            let mut options = options.all().iter();
            while let Some(option) = options.next() {
                match option.upper().as_deref() {
                    Some("CHILDREN") => wanted.children = true,
                    Some("STATUS") => wanted.status = options.next().map(|items| items.all().to_vec()),
                    _ => {}
                }
            }
        }
        let patterns: Vec<String> = patterns.all().iter().filter_map(Arg::string).collect();
        if patterns == [""] {
            self.say("* LIST (\\Noselect) \".\" \"\"");
            return Ok(ok("List completed"));
        }
        for name in self.names() {
            let fits = |pattern: &String| matches(&format!("{reference}{pattern}"), &name);
            if patterns.iter().any(fits) {
                self.list_one(&name, &wanted);
            }
        }
        Ok(ok("List completed"))
    }

    /// Every folder, the inbox last.
    fn names(&self) -> Vec<String> {
        let mut names = self.store.as_ref().map(|store| store.list()).unwrap_or_default();
        names.push("INBOX".into());
        names
    }

    fn list_one(&mut self, name: &str, wanted: &Wanted) {
        let special = USES.iter().find(|(known, _)| *known == name).map(|(_, what)| *what);
        let Some(store) = &self.store else { return };
        let subscribed = store.subscriptions().iter().any(|known| known == name);
        if (wanted.subscribed && !subscribed) || (wanted.special && special.is_none()) {
            return;
        }
        let mut flags = Vec::new();
        if wanted.subscribed {
            flags.push("\\Subscribed");
        }
        if !wanted.extended || wanted.children {
            let parent = format!("{name}.");
            let has = self.names().iter().any(|other| other.starts_with(&parent));
            flags.push(if has { "\\HasChildren" } else { "\\HasNoChildren" });
        }
        flags.extend(special);
        self.say(format!("* LIST ({}) \".\" {}", flags.join(" "), shown(name)));
        if let Some(items) = &wanted.status {
            let _ = self.say_status(name, items);
        }
    }

    fn lsub(&mut self, args: &[Arg]) -> Done {
        let (Some(reference), Some(pattern)) = (args.first().and_then(Arg::string), args.get(1).and_then(Arg::string))
        else {
            return Err(bad_in("LSUB", "Invalid reference"));
        };
        let names = self
            .store
            .as_ref()
            .map(|store| store.subscriptions())
            .unwrap_or_default();
        for name in names
            .iter()
            .filter(|name| matches(&format!("{reference}{pattern}"), name))
        {
            self.say(format!("* LSUB () \".\" {}", shown(name)));
        }
        Ok(ok("Lsub completed"))
    }

    fn select(&mut self, args: &[Arg], read_only: bool) -> Done {
        let command = if read_only { "EXAMINE" } else { "SELECT" };
        let Some(name) = args.first().and_then(Arg::string) else {
            return Err(bad_in(command, "Invalid arguments"));
        };
        if let Some(Arg::List(options)) = args.get(1) {
            let asks = |option: &Arg| matches!(option.upper().as_deref(), Some("CONDSTORE" | "QRESYNC"));
            self.condstore |= options.iter().any(asks);
        }
        if self.selected.take().is_some() {
            self.say("* OK [CLOSED] Previous mailbox closed.");
        }
        let Some(Ok(mut folder)) = self.store.as_ref().map(|store| store.folder(&name)) else {
            return Err(missing(&name));
        };
        let recent = folder.messages.iter().filter(|message| message.recent).count();
        if !read_only {
            // A mailbox that cannot be written is read all the same.
            let _ = folder.take_new();
        }
        let keywords = folder.keywords();
        let names = messages::flag_names(&keywords);
        let unseen = folder.messages.iter().position(|message| !message.flags.has('S'));
        self.say(format!("* FLAGS ({names})"));
        self.say(if read_only {
            "* OK [PERMANENTFLAGS ()] Read-only mailbox.".to_owned()
        } else {
            format!("* OK [PERMANENTFLAGS ({names} \\*)] Flags permitted.")
        });
        self.say(format!("* {} EXISTS", folder.messages.len()));
        self.say(format!("* {recent} RECENT"));
        if let Some(at) = unseen {
            self.say(format!("* OK [UNSEEN {}] First unseen.", at + 1));
        }
        self.say(format!("* OK [UIDVALIDITY {}] UIDs valid", folder.validity));
        self.say(format!("* OK [UIDNEXT {}] Predicted next UID", folder.next));
        if self.condstore {
            self.say(format!("* OK [HIGHESTMODSEQ {}] Highest", messages::MODSEQ));
        }
        self.tell(
            "select",
            json!({"mailbox": folder.name, "messages": folder.messages.len(), "read_only": read_only}),
        );
        let known = folder
            .messages
            .iter()
            .map(|message| (message.uid, message.flags.clone()))
            .collect();
        self.selected = Some(Selected {
            folder,
            read_only,
            known,
            keywords,
        });
        let (code, what) = if read_only {
            ("READ-ONLY", "Examine")
        } else {
            ("READ-WRITE", "Select")
        };
        Ok(Reply("OK", format!("[{code}] {what} completed {TIME}.")))
    }

    fn status(&mut self, args: &[Arg]) -> Done {
        let (Some(name), Some(Arg::List(items))) = (args.first().and_then(Arg::string), args.get(1)) else {
            return Err(bad_in("STATUS", "Missing arguments"));
        };
        if items.is_empty() {
            return Err(bad_in("STATUS", "Empty status list"));
        }
        self.say_status(&name, items)?;
        Ok(ok("Status completed"))
    }

    fn say_status(&mut self, name: &str, items: &[Arg]) -> Result<(), Reply> {
        let known = [
            "MESSAGES",
            "RECENT",
            "UIDNEXT",
            "UIDVALIDITY",
            "UNSEEN",
            "HIGHESTMODSEQ",
            "SIZE",
        ];
        let items: Vec<String> = items.iter().filter_map(Arg::upper).collect();
        if let Some(odd) = items.iter().find(|item| !known.contains(&&item[..])) {
            return Err(bad_in("STATUS", &format!("Invalid status item {odd}")));
        }
        let Some(Ok(mut folder)) = self.store.as_ref().map(|store| store.folder(name)) else {
            return Err(missing(name));
        };
        let count = folder.messages.len();
        let values = known
            .iter()
            .filter(|item| items.iter().any(|wanted| wanted == *item))
            .map(|item| {
                let value = match *item {
                    "MESSAGES" => count as u64,
                    "RECENT" => folder.messages.iter().filter(|message| message.recent).count() as u64,
                    "UIDNEXT" => folder.next.into(),
                    "UIDVALIDITY" => folder.validity.into(),
                    "UNSEEN" => folder.messages.iter().filter(|message| !message.flags.has('S')).count() as u64,
                    "HIGHESTMODSEQ" => messages::MODSEQ,
                    _ => (0..count).map(|at| folder.size(at)).sum(),
                };
                format!("{item} {value}")
            });
        let values: Vec<String> = values.collect();
        self.say(format!("* STATUS {} ({})", shown(name), values.join(" ")));
        Ok(())
    }

    /// Whether the command that is coming in brings a message.
    pub(super) fn append_target(&self) -> bool {
        let start = self.command.get(..64).unwrap_or(&self.command);
        let mut words = start.split(|&byte| byte == b' ').skip(1);
        words.next().is_some_and(|word| word.eq_ignore_ascii_case(b"APPEND"))
    }

    /// What is said before the message is sent, where it has nowhere to go.
    pub(super) fn append_refused(&self) -> Option<String> {
        let command = super::args::Command::parse(&self.command);
        let args = super::args::Command::parse(self.command.split(|&byte| byte == b'{').next().unwrap_or_default());
        let name = args.args.ok()?.first()?.string()?;
        let exists = self.store.as_ref().is_some_and(|store| store.exists(&name));
        (!exists).then(|| format!("{} NO [TRYCREATE] Mailbox doesn't exist: {name} {TIME}.", command.tag))
    }

    fn append(&mut self, args: &[Arg]) -> Done {
        let (Some(name), Some(bytes)) = (args.first().and_then(Arg::string), args.last().and_then(Arg::text)) else {
            return Err(bad_in("APPEND", "Invalid arguments."));
        };
        if args.len() < 2 {
            return Err(bad_in("APPEND", "Missing arguments."));
        }
        let (mut flags, mut date) = (Flags::default(), OffsetDateTime::now_utc());
        for option in &args[1..args.len() - 1] {
            match option {
                Arg::List(words) => flags = messages::system_flags(words),
                word => date = word.string().and_then(|text| internal_date(&text)).unwrap_or(date),
            }
        }
        let Some(store) = self.store.as_ref().filter(|store| store.exists(&name)) else {
            return Err(no(format!("[TRYCREATE] Mailbox doesn't exist: {name}")));
        };
        let Ok((validity, uid)) = store.append(&name, bytes, &flags, date) else {
            return Err(no(
                "[SERVERBUG] Internal error occurred. Refer to server log for more information.",
            ));
        };
        self.acts.push(Act::Keep(format!("{name}-{uid}.eml"), bytes.to_vec()));
        self.tell("append", json!({"mailbox": name, "uid": uid, "size": bytes.len()}));
        self.sync();
        Ok(Reply(
            "OK",
            format!("[APPENDUID {validity} {uid}] Append completed {TIME}."),
        ))
    }
}

/// Whether a name fits a pattern with `*` and `%`.
fn matches(pattern: &str, name: &str) -> bool {
    fn fits(pattern: &[u8], name: &[u8], room: &mut u32) -> bool {
        if *room == 0 {
            return false;
        }
        *room -= 1;
        match pattern.split_first() {
            None => name.is_empty(),
            Some((b'*', rest)) => (0..=name.len()).any(|skip| fits(rest, &name[skip..], room)),
            Some((b'%', rest)) => {
                let most = name.iter().position(|&byte| byte == b'.').unwrap_or(name.len());
                (0..=most).any(|skip| fits(rest, &name[skip..], room))
            }
            Some((byte, rest)) => name
                .split_first()
                .is_some_and(|(first, later)| first == byte && fits(rest, later, room)),
        }
    }
    let pattern = if is_inbox(pattern) { "INBOX" } else { pattern };
    fits(pattern.as_bytes(), name.as_bytes(), &mut 10_000)
}

/// `01-Jan-2024 10:00:00 +0000`.
fn internal_date(text: &str) -> Option<OffsetDateTime> {
    let mut words = text.trim().split(' ');
    let (day, time, zone) = (words.next()?, words.next()?, words.next()?);
    let mut parts = time.split(':').map(|part| part.parse::<u8>().ok());
    let time = Time::from_hms(parts.next()??, parts.next()??, parts.next()??).ok()?;
    let (sign, digits) = zone.split_at_checked(1)?;
    let minutes = digits.get(..2)?.parse::<i32>().ok()? * 60 + digits.get(2..4)?.parse::<i32>().ok()?;
    let seconds = if sign == "-" { -minutes * 60 } else { minutes * 60 };
    let offset = UtcOffset::from_whole_seconds(seconds).ok()?;
    Some(PrimitiveDateTime::new(calendar_day(day)?, time).assume_offset(offset))
}

/// `1-Jan-2024`.
pub(super) fn calendar_day(text: &str) -> Option<Date> {
    let mut parts = text.split('-');
    let (day, month, year) = (
        parts.next()?.trim().parse().ok()?,
        parts.next()?,
        parts.next()?.parse().ok()?,
    );
    let month = MONTHS.iter().position(|known| known.eq_ignore_ascii_case(month))? as u8 + 1;
    Date::from_calendar_date(year, month.try_into().ok()?, day).ok()
}

/// The letters of system flags.
pub(super) fn letter_of(name: &str) -> Option<char> {
    SYSTEM
        .iter()
        .find(|(_, known)| known.eq_ignore_ascii_case(name))
        .map(|(letter, _)| *letter)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_fit_names_as_the_standard_says() {
        for (pattern, name, fit) in [
            ("*", "a.b", true),
            ("%", "a.b", false),
            ("%", "INBOX", true),
            ("inbox", "INBOX", true),
            ("a.%", "a.b", true),
            ("a*", "b", false),
            ("*****************************b", &"a".repeat(99), false),
        ] {
            assert_eq!(matches(pattern, name), fit, "{pattern} {name}");
        }
    }

    #[test]
    fn dates_of_messages_have_their_zone() {
        let date = internal_date("01-Jan-2024 10:00:00 +0130").unwrap();
        assert_eq!(date.unix_timestamp(), 1_704_097_800);
        assert_eq!(internal_date("nonsense"), None);
        assert_eq!(calendar_day("1-feb-2024").unwrap().month() as u8, 2);
    }

    #[test]
    fn names_are_quoted_where_they_must_be() {
        assert_eq!(shown("Sent"), "Sent");
        assert_eq!(shown("Sent Messages"), "\"Sent Messages\"");
        assert_eq!(shown("a\"b"), "\"a\\\"b\"");
    }
}
