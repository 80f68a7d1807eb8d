//! Commands about the messages of the folder that is looked into: which are meant, their flags, copies and removal.

use serde_json::json;

use super::args::{Arg, set};
use super::folders::letter_of;
use super::{Done, Imap, Reply, Selected, TIME, bad, bad_in, no, ok};
use crate::services::mail::store::{Flags, Message, SYSTEM};

/// Folders change, and all their changes have this number: nobody can ask for a part of them.
pub(super) const MODSEQ: u64 = 2;
/// Messages one command copies.
const MAX_COPIES: usize = 500;

/// `\Answered \Flagged ...` and the folder's own.
pub(super) fn flag_names(keywords: &[String]) -> String {
    let names = SYSTEM
        .iter()
        .map(|(_, name)| *name)
        .chain(keywords.iter().map(String::as_str));
    names.collect::<Vec<_>>().join(" ")
}

pub(super) fn flags_text(message: &Message, keywords: &[String]) -> String {
    let system = SYSTEM
        .iter()
        .filter(|(letter, _)| message.flags.has(*letter))
        .map(|(_, name)| *name);
    let recent = message.recent.then_some("\\Recent");
    let own = keywords
        .iter()
        .zip('a'..='z')
        .filter(|(_, letter)| message.flags.has(*letter));
    let own = own.map(|(name, _)| name.as_str());
    system.chain(recent).chain(own).collect::<Vec<_>>().join(" ")
}

/// Those of the words that are system flags.
pub(super) fn system_flags(words: &[Arg]) -> Flags {
    Flags::of(words.iter().filter_map(|word| letter_of(&word.string()?)))
}

// === impl Imap ===

impl Imap {
    pub(super) fn message_command(&mut self, tag: &str, name: &str, args: &[Arg]) -> Done {
        if name == "UID" {
            let Some(inner) = args.first().and_then(Arg::upper) else {
                return Err(bad_in("UID", "Missing UID command name"));
            };
            if !["FETCH", "STORE", "SEARCH", "SORT", "THREAD", "COPY", "MOVE", "EXPUNGE"].contains(&&inner[..]) {
                return Err(bad_in("UID", &format!("Unknown UID command: {inner}")));
            }
            let done = self.by_numbers(tag, &inner, &args[1..], true);
            self.sync();
            return done;
        }
        self.by_numbers(tag, name, args, false)
    }

    fn by_numbers(&mut self, tag: &str, name: &str, args: &[Arg], uid: bool) -> Done {
        if self.selected.is_none() {
            return Err(bad("No mailbox selected"));
        }
        match name {
            "FETCH" => self.fetch(args, uid),
            "SEARCH" | "SORT" | "THREAD" => self.search(tag, name, args, uid),
            "STORE" => self.store_flags(args, uid),
            "COPY" => self.copy(args, uid, false),
            "MOVE" => self.copy(args, uid, true),
            "EXPUNGE" => self.expunge(args, uid),
            "CHECK" => {
                self.sync();
                Ok(ok("Check completed"))
            }
            "CLOSE" => {
                self.close_folder(true);
                Ok(ok("Close completed"))
            }
            _ => {
                self.close_folder(false);
                Ok(ok("Unselect completed"))
            }
        }
    }

    fn close_folder(&mut self, expunge: bool) {
        let Some(mut selected) = self.selected.take().filter(|selected| expunge && !selected.read_only) else {
            return;
        };
        for at in (0..selected.folder.messages.len()).rev() {
            if selected.folder.messages[at].flags.has('T') {
                let _ = selected.folder.remove(at);
            }
        }
    }

    /// The places of the messages that are meant.
    pub(super) fn meant(&self, name: &str, args: &[Arg], uid: bool) -> Result<Vec<usize>, Reply> {
        let Some(selected) = &self.selected else {
            return Err(bad("No mailbox selected"));
        };
        let what = if uid { "Invalid uidset" } else { "Invalid messageset" };
        let text = args.first().and_then(Arg::string).unwrap_or_default();
        let messages = &selected.folder.messages;
        let last = if uid {
            messages.last().map_or(0, |message| message.uid)
        } else {
            messages.len() as u32
        };
        let Some(ranges) = set(&text, last) else {
            return Err(bad_in(name, what));
        };
        let count = messages.len() as u32;
        if !uid && ranges.iter().any(|&(from, to)| from > count || to > count || from == 0) {
            return Err(bad_in(name, what));
        }
        let number = |at: usize| if uid { messages[at].uid } else { at as u32 + 1 };
        let within = |at: &usize| ranges.iter().any(|&(from, to)| (from..=to).contains(&number(*at)));
        Ok((0..messages.len()).filter(within).collect())
    }

    fn store_flags(&mut self, args: &[Arg], uid: bool) -> Done {
        let places = self.meant("STORE", args, uid)?;
        let (Some(how), false) = (args.get(1).and_then(Arg::upper), args.len() < 3) else {
            return Err(bad_in("STORE", "Missing arguments"));
        };
        let (sign, silent) = match &how[..] {
            "FLAGS" | "FLAGS.SILENT" => (' ', how.ends_with("SILENT")),
            "+FLAGS" | "+FLAGS.SILENT" => ('+', how.ends_with("SILENT")),
            "-FLAGS" | "-FLAGS.SILENT" => ('-', how.ends_with("SILENT")),
            _ => return Err(bad_in("STORE", "Invalid arguments")),
        };
        let words: Vec<String> = args[2..]
            .iter()
            .flat_map(|arg| arg.all().iter().filter_map(Arg::string))
            .collect();
        if let Some(odd) = words
            .iter()
            .find(|word| word.starts_with('\\') && letter_of(word).is_none())
        {
            return Err(bad_in(
                "STORE",
                &format!("Invalid system flag {}", odd.to_ascii_uppercase()),
            ));
        }
        self.tell(
            "store",
            json!({"messages": places.len(), "flags": format!("{how} {}", words.join(" "))}),
        );
        let Some(selected) = self.selected.as_mut().filter(|selected| !selected.read_only) else {
            return Err(no("[READ-ONLY] Mailbox is read-only"));
        };
        let before = selected.keywords.len();
        let letters = words
            .iter()
            .filter_map(|word| letter_of(word).or_else(|| selected.keyword(word)));
        let letters: Vec<char> = letters.collect();
        let mut lines = Vec::new();
        for at in places {
            let old: Vec<char> = selected.folder.messages[at].flags.letters().collect();
            let new: Vec<char> = match sign {
                '+' => old.iter().chain(&letters).copied().collect(),
                '-' => old.into_iter().filter(|letter| !letters.contains(letter)).collect(),
                _ => letters.clone(),
            };
            let _ = selected.folder.set_flags(at, Flags::of(new));
            if let Some(known) = selected.known.get_mut(at) {
                known.1 = selected.folder.messages[at].flags.clone();
            }
            if !silent {
                let message = &selected.folder.messages[at];
                let flags = flags_text(message, &selected.keywords);
                let uid = if uid {
                    format!("UID {} ", message.uid)
                } else {
                    String::new()
                };
                lines.push(format!("* {} FETCH ({uid}FLAGS ({flags}))", at + 1));
            }
        }
        if selected.keywords.len() > before {
            let names = flag_names(&selected.keywords);
            self.say(format!("* FLAGS ({names})"));
            self.say(format!("* OK [PERMANENTFLAGS ({names} \\*)] Flags permitted."));
        }
        for line in lines {
            self.say(line);
        }
        Ok(ok("Store completed"))
    }

    fn copy(&mut self, args: &[Arg], uid: bool, moves: bool) -> Done {
        let (name, what) = if moves { ("MOVE", "Move") } else { ("COPY", "Copy") };
        let mut places = self.meant(name, args, uid)?;
        places.truncate(MAX_COPIES);
        let Some(target) = args.get(1).and_then(Arg::string) else {
            return Err(bad_in(name, "Missing arguments"));
        };
        let (Some(store), Some(selected)) = (&self.store, &mut self.selected) else {
            return Err(bad("No mailbox selected"));
        };
        let shown = target
            .split_once('.')
            .filter(|(first, _)| first.eq_ignore_ascii_case("INBOX"));
        if !store.exists(&target) {
            let shown = shown.map_or(target.clone(), |(_, rest)| format!("INBOX.{rest}"));
            return Err(no(format!("[TRYCREATE] Mailbox doesn't exist: {shown}")));
        }
        if places.is_empty() {
            return Ok(ok(&format!("{what} completed")));
        }
        let (mut from, mut to, mut validity) = (Vec::new(), Vec::new(), 0);
        for &at in &places {
            let date = selected.folder.date(at);
            let flags = selected.folder.messages[at].flags.clone();
            let Ok(text) = selected.folder.read(at) else { continue };
            let Ok((version, new)) = store.append(&target, &text, &flags, date) else {
                return Err(no(
                    "[SERVERBUG] Internal error occurred. Refer to server log for more information.",
                ));
            };
            from.push(selected.folder.messages[at].uid);
            to.push(new);
            validity = version;
        }
        let code = format!("[COPYUID {validity} {} {}]", ranges(&from), ranges(&to));
        self.tell(
            if moves { "move" } else { "copy" },
            json!({"messages": places.len(), "mailbox": target}),
        );
        if moves {
            self.say(format!("* OK {code} Moved UIDs."));
            self.remove(&places);
            self.sync();
            return Ok(ok("Move completed"));
        }
        self.sync();
        Ok(Reply("OK", format!("{code} Copy completed {TIME}.")))
    }

    fn expunge(&mut self, args: &[Arg], uid: bool) -> Done {
        let mut places = if uid {
            self.meant("UID EXPUNGE", args, true)?
        } else {
            Vec::new()
        };
        let Some(selected) = self.selected.as_ref().filter(|selected| !selected.read_only) else {
            return Err(no("[READ-ONLY] Mailbox is read-only"));
        };
        let messages = &selected.folder.messages;
        if !uid {
            places = (0..messages.len()).collect();
        }
        places.retain(|&at| messages[at].flags.has('T'));
        self.tell("expunge", json!({"messages": places.len()}));
        self.remove(&places);
        Ok(ok("Expunge completed"))
    }

    /// Removes messages and says so, the last first.
    fn remove(&mut self, places: &[usize]) {
        let Some(selected) = &mut self.selected else { return };
        let mut lines = Vec::new();
        for &at in places.iter().rev() {
            let _ = selected.folder.remove(at);
            if at < selected.known.len() {
                selected.known.remove(at);
            }
            lines.push(format!("* {} EXPUNGE", at + 1));
        }
        if !lines.is_empty() {
            let recent = selected.folder.messages.iter().filter(|message| message.recent).count();
            lines.push(format!("* {recent} RECENT"));
        }
        for line in lines {
            self.say(line);
        }
    }
}

// === impl Selected ===

impl Selected {
    /// The letter of a flag of the folder's own, given it when it has none.
    fn keyword(&mut self, name: &str) -> Option<char> {
        if let Some((_, letter)) = self
            .keywords
            .iter()
            .zip('a'..='z')
            .find(|(known, _)| known.eq_ignore_ascii_case(name))
        {
            return Some(letter);
        }
        let letter = ('a'..='z').nth(self.keywords.len())?;
        let sound = name.len() <= 64 && name.bytes().all(|byte| byte.is_ascii_graphic());
        if !sound || self.folder.add_keyword(name).is_err() {
            return None;
        }
        self.keywords.push(name.to_owned());
        Some(letter)
    }
}

/// `1:3,7` of 1, 2, 3 and 7.
fn ranges(numbers: &[u32]) -> String {
    let mut runs: Vec<(u32, u32)> = Vec::new();
    for &number in numbers {
        match runs.last_mut() {
            Some((_, last)) if *last + 1 == number => *last = number,
            _ => runs.push((number, number)),
        }
    }
    let words = runs.iter().map(|(from, to)| {
        if from == to {
            from.to_string()
        } else {
            format!("{from}:{to}")
        }
    });
    words.collect::<Vec<_>>().join(",")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_that_follow_each_other_are_one_range() {
        assert_eq!(ranges(&[1, 2, 3, 7, 9, 10]), "1:3,7,9:10");
        assert_eq!(ranges(&[]), "");
    }
}
