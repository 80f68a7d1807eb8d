//! One user's mailboxes: folders of files as Dovecot keeps them (Maildir++), UIDs in `dovecot-uidlist`.

use std::collections::{HashMap, HashSet};
use std::fs::{self, DirBuilder, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use nix::fcntl::OFlag;
use time::OffsetDateTime;

/// Messages of a folder that are seen, and bytes of one.
const MAX_MESSAGES: usize = 20_000;
const MAX_MESSAGE: u64 = 16 << 20;
const MAX_FOLDERS: usize = 200;
const LIST: &str = "dovecot-uidlist";
const KEYWORDS: &str = "dovecot-keywords";

pub struct Store {
    root: PathBuf,
    hostname: String,
}

/// A folder as it was last seen.
pub struct Folder {
    pub name: String,
    dir: PathBuf,
    pub validity: u32,
    pub next: u32,
    pub messages: Vec<Message>,
    /// The first UID that nobody has been shown yet.
    recent: u32,
    seen: Option<[Option<SystemTime>; 2]>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    pub uid: u32,
    /// Name of its file without flags.
    base: String,
    pub flags: Flags,
    pub recent: bool,
    is_new: bool,
    /// With lines that end in `\r\n`; none until it was reckoned.
    size: Option<u64>,
}

/// Letters as they stand after `:2,` in file names.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Flags(String);

pub const SYSTEM: [(char, &str); 5] = [
    ('R', "\\Answered"),
    ('F', "\\Flagged"),
    ('T', "\\Deleted"),
    ('S', "\\Seen"),
    ('D', "\\Draft"),
];

// === impl Flags ===

impl Flags {
    pub fn of(letters: impl IntoIterator<Item = char>) -> Self {
        let mut letters: Vec<char> = letters.into_iter().filter(char::is_ascii_alphabetic).collect();
        letters.sort_unstable();
        letters.dedup();
        Self(letters.into_iter().collect())
    }

    pub fn has(&self, letter: char) -> bool {
        self.0.contains(letter)
    }

    pub fn letters(&self) -> impl Iterator<Item = char> + '_ {
        self.0.chars()
    }
}

// === impl Store ===

impl Store {
    /// `root`: the user's inbox, which is there.
    pub fn open(root: PathBuf, hostname: &str) -> Self {
        Self {
            root,
            hostname: hostname.to_owned(),
        }
    }

    /// The folders there are beside the inbox, in order.
    pub fn list(&self) -> Vec<String> {
        let entries = fs::read_dir(&self.root).into_iter().flatten().flatten();
        let names = entries.filter_map(|entry| {
            let name = entry.file_name().into_string().ok()?;
            let name = name.strip_prefix('.').filter(|name| is_name(name))?.to_owned();
            entry.path().join("cur").is_dir().then_some(name)
        });
        let mut names: Vec<String> = names.take(MAX_FOLDERS).collect();
        names.sort_unstable();
        names
    }

    fn dir(&self, name: &str) -> Option<PathBuf> {
        if name.eq_ignore_ascii_case("INBOX") {
            return Some(self.root.clone());
        }
        is_name(name).then(|| self.root.join(format!(".{name}")))
    }

    pub fn exists(&self, name: &str) -> bool {
        self.dir(name)
            .is_some_and(|dir| dir.join("cur").is_dir() || dir == self.root)
    }

    /// The folder, its new messages given UIDs.
    pub fn folder(&self, name: &str) -> io::Result<Folder> {
        let dir = self
            .dir(name)
            .filter(|_| self.exists(name))
            .ok_or(io::ErrorKind::NotFound)?;
        make_parts(&dir)?;
        let mut folder = Folder {
            name: name.to_owned(),
            dir,
            validity: 0,
            next: 1,
            messages: Vec::new(),
            recent: 1,
            seen: None,
        };
        folder.refresh()?;
        Ok(folder)
    }

    pub fn create(&self, name: &str) -> io::Result<()> {
        let dir = self.dir(name).ok_or(io::ErrorKind::InvalidInput)?;
        if self.exists(name) {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        if self.list().len() >= MAX_FOLDERS {
            return Err(io::ErrorKind::StorageFull.into());
        }
        DirBuilder::new().recursive(true).mode(0o700).create(&dir)?;
        make_parts(&dir)?;
        // No two folders are taken for each other.
        let validity = self.folder("INBOX")?.validity + self.list().len() as u32;
        write_anew(
            &dir.join(LIST),
            format!("3 V{validity} N1 G{}\n", uuid::Uuid::new_v4().simple()).as_bytes(),
        )
    }

    pub fn delete(&self, name: &str) -> io::Result<()> {
        let dir = self
            .dir(name)
            .filter(|dir| *dir != self.root)
            .ok_or(io::ErrorKind::InvalidInput)?;
        fs::remove_dir_all(dir)
    }

    pub fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        let (from, to) = (self.dir(from), self.dir(to));
        let (from, to) = from.zip(to).ok_or(io::ErrorKind::InvalidInput)?;
        fs::rename(from, to)
    }

    pub fn subscriptions(&self) -> Vec<String> {
        let text = fs::read_to_string(self.root.join("subscriptions")).unwrap_or_default();
        text.lines().take(MAX_FOLDERS).map(str::to_owned).collect()
    }

    pub fn subscribe(&self, name: &str, on: bool) -> io::Result<()> {
        let mut names = self.subscriptions();
        names.retain(|known| known != name);
        if on {
            names.push(name.to_owned());
        }
        let text: String = names.iter().map(|name| format!("{name}\n")).collect();
        write_anew(&self.root.join("subscriptions"), text.as_bytes())
    }

    /// Puts a message into a folder; its UID.
    pub fn append(&self, name: &str, text: &[u8], flags: &Flags, date: OffsetDateTime) -> io::Result<(u32, u32)> {
        let mut folder = self.folder(name)?;
        if folder.messages.len() >= MAX_MESSAGES {
            return Err(io::ErrorKind::StorageFull.into());
        }
        let now = OffsetDateTime::now_utc();
        let unique = uuid::Uuid::new_v4().as_u128() as u32;
        let text = super::maildir::unix_lines_kept(text);
        let size = wire_size(&text);
        let base = format!(
            "{}.M{}P{}.{},S={},W={size}",
            date.unix_timestamp(),
            now.microsecond(),
            unique % 30_000 + 300,
            self.hostname,
            text.len()
        );
        let draft = folder.dir.join("tmp").join(&base);
        let mut file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&draft)?;
        file.write_all(&text)?;
        file.set_modified(date.into())?;
        fs::rename(&draft, folder.dir.join("cur").join(format!("{base}:2,{}", flags.0)))?;
        folder.seen = None;
        folder.refresh()?;
        let uid = folder
            .messages
            .iter()
            .find(|message| message.base == base)
            .map_or(0, |message| message.uid);
        Ok((folder.validity, uid))
    }
}

// === impl Folder ===

impl Folder {
    /// Looks what is there; true when it looked anew.
    pub fn refresh(&mut self) -> io::Result<bool> {
        let changed = |part: &str| fs::metadata(self.dir.join(part)).and_then(|meta| meta.modified()).ok();
        let seen = [changed("cur"), changed("new")];
        if self.seen == Some(seen) {
            return Ok(false);
        }
        let known = self.read_list();
        let mut messages = Vec::new();
        for part in ["cur", "new"] {
            for entry in fs::read_dir(self.dir.join(part))?.flatten().take(MAX_MESSAGES) {
                let Ok(name) = entry.file_name().into_string() else {
                    continue;
                };
                if name.starts_with('.') {
                    continue;
                }
                let (base, letters) = name.split_once(":2,").unwrap_or((&name, ""));
                let old = self.messages.iter().find(|message| message.base == base);
                let size = named_size(base).or(old.and_then(|old| old.size));
                messages.push(Message {
                    uid: known.get(base).copied().unwrap_or(0),
                    base: base.to_owned(),
                    flags: Flags::of(letters.chars()),
                    recent: old.is_some_and(|old| old.recent),
                    is_new: part == "new",
                    size,
                });
            }
        }
        messages.sort_by(|a, b| (a.uid == 0, a.uid, &a.base).cmp(&(b.uid == 0, b.uid, &b.base)));
        messages.dedup_by(|a, b| a.base == b.base);
        let mut fresh = self.validity == 0;
        if fresh {
            self.validity = OffsetDateTime::now_utc().unix_timestamp() as u32;
        }
        for message in messages.iter_mut().filter(|message| message.uid == 0) {
            message.uid = self.next;
            self.next += 1;
            fresh = true;
        }
        let before: HashSet<u32> = self.messages.iter().map(|message| message.uid).collect();
        for message in messages.iter_mut().filter(|message| !before.contains(&message.uid)) {
            message.recent = message.uid >= self.recent;
        }
        self.messages = messages;
        if fresh {
            // A folder that cannot be written is read all the same.
            let _ = self.write_list();
        }
        self.seen = Some(seen);
        Ok(true)
    }

    fn read_list(&mut self) -> HashMap<String, u32> {
        let mut text = String::new();
        let file = OpenOptions::new()
            .read(true)
            .custom_flags(OFlag::O_NOFOLLOW.bits())
            .open(self.dir.join(LIST));
        let read = file.and_then(|file| file.take(8 << 20).read_to_string(&mut text));
        let mut lines = text.lines();
        let head = lines.next().filter(|_| read.is_ok()).unwrap_or_default();
        for word in head.split(' ') {
            match word.split_at_checked(1) {
                Some(("V", number)) => self.validity = number.parse().unwrap_or(self.validity),
                Some(("R", number)) => self.recent = number.parse().unwrap_or(self.recent),
                Some(("N", number)) => self.next = number.parse().unwrap_or(self.next).max(self.next),
                _ => {}
            }
        }
        let uids = lines.filter_map(|line| {
            let (uid, rest) = line.split_once(' ')?;
            let (_, base) = rest.split_once(':')?;
            Some((base.to_owned(), uid.parse::<u32>().ok().filter(|uid| *uid > 0)?))
        });
        let uids: HashMap<String, u32> = uids.collect();
        let most = uids.values().max().copied().unwrap_or(0);
        self.next = self.next.max(most.saturating_add(1));
        uids
    }

    fn write_list(&self) -> io::Result<()> {
        let id = uuid::Uuid::new_v4().simple();
        let mut text = format!("3 V{} N{} G{id} R{}\n", self.validity, self.next, self.recent);
        for message in &self.messages {
            text.push_str(&format!("{} :{}\n", message.uid, message.base));
        }
        write_anew(&self.dir.join(LIST), text.as_bytes())
    }

    /// Names of flags of the folder's own; the first is the letter `a`.
    pub fn keywords(&self) -> Vec<String> {
        let text = fs::read_to_string(self.dir.join(KEYWORDS)).unwrap_or_default();
        let names = text.lines().filter_map(|line| Some(line.split_once(' ')?.1.to_owned()));
        names.take(26).collect()
    }

    pub fn add_keyword(&self, name: &str) -> io::Result<()> {
        let mut names = self.keywords();
        names.push(name.to_owned());
        let lines = names.iter().enumerate().map(|(at, name)| format!("{at} {name}\n"));
        write_anew(&self.dir.join(KEYWORDS), lines.collect::<String>().as_bytes())
    }

    fn path(&self, message: &Message) -> PathBuf {
        if message.is_new {
            return self.dir.join("new").join(&message.base);
        }
        self.dir
            .join("cur")
            .join(format!("{}:2,{}", message.base, message.flags.0))
    }

    /// Whoever opened it for writing has seen what was new.
    pub fn take_new(&mut self) -> io::Result<()> {
        for at in 0..self.messages.len() {
            if self.messages[at].is_new {
                let from = self.path(&self.messages[at]);
                self.messages[at].is_new = false;
                fs::rename(from, self.path(&self.messages[at]))?;
            }
        }
        self.note();
        if self.recent != self.next {
            self.recent = self.next;
            self.write_list()?;
        }
        Ok(())
    }

    /// The message at that place, with lines that end in `\r\n`.
    pub fn read(&mut self, at: usize) -> io::Result<Vec<u8>> {
        let message = self.messages.get(at).ok_or(io::ErrorKind::NotFound)?;
        let mut bytes = Vec::new();
        let file = OpenOptions::new()
            .read(true)
            .custom_flags(OFlag::O_NOFOLLOW.bits())
            .open(self.path(message))?;
        file.take(MAX_MESSAGE).read_to_end(&mut bytes)?;
        let text = wire_lines(&bytes);
        self.messages[at].size = Some(text.len() as u64);
        Ok(text)
    }

    pub fn size(&mut self, at: usize) -> u64 {
        match self.messages.get(at).and_then(|message| message.size) {
            Some(size) => size,
            None => self.read(at).map_or(0, |text| text.len() as u64),
        }
    }

    /// When it came.
    pub fn date(&self, at: usize) -> OffsetDateTime {
        let message = self.messages.get(at).map(|message| self.path(message));
        let modified = message.and_then(|path| fs::metadata(path).ok()?.modified().ok());
        modified.map_or(OffsetDateTime::UNIX_EPOCH, OffsetDateTime::from)
    }

    pub fn set_flags(&mut self, at: usize, flags: Flags) -> io::Result<()> {
        let from = self.path(&self.messages[at]);
        self.messages[at].is_new = false;
        self.messages[at].flags = flags;
        let renamed = fs::rename(from, self.path(&self.messages[at]));
        self.note();
        renamed
    }

    pub fn remove(&mut self, at: usize) -> io::Result<()> {
        let message = self.messages.remove(at);
        let removed = fs::remove_file(self.path(&message));
        self.note();
        removed
    }

    /// What was done here is no news.
    fn note(&mut self) {
        let changed = |part: &str| fs::metadata(self.dir.join(part)).and_then(|meta| meta.modified()).ok();
        self.seen = Some([changed("cur"), changed("new")]);
    }
}

/// Of `,S=177,W=186`.
fn named_size(base: &str) -> Option<u64> {
    base.split_once(",W=")?.1.split(',').next()?.parse().ok()
}

/// No part is empty, and none leads elsewhere.
fn is_name(name: &str) -> bool {
    let fits = !name.is_empty() && name.len() <= 200 && !name.contains(['/', '\0', '\n', '\r', '~']);
    fits && name.split('.').all(|part| !part.is_empty())
}

fn make_parts(dir: &Path) -> io::Result<()> {
    for part in ["tmp", "new", "cur"] {
        if let Err(error) = DirBuilder::new().mode(0o700).create(dir.join(part))
            && error.kind() != io::ErrorKind::AlreadyExists
        {
            return Err(error);
        }
    }
    Ok(())
}

fn write_anew(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let draft = path.with_extension("lock");
    let _ = fs::remove_file(&draft);
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&draft)?;
    file.write_all(bytes)?;
    fs::rename(draft, path)
}

fn wire_size(text: &[u8]) -> usize {
    wire_lines(text).len()
}

/// As on the wire: every line ends in `\r\n`.
pub fn wire_lines(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len() + text.len() / 32);
    let mut before = 0;
    for &byte in text {
        if byte == b'\n' && before != b'\r' {
            out.push(b'\r');
        }
        out.push(byte);
        before = byte;
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn store() -> (tempfile::TempDir, Store) {
        let root = tempfile::tempdir().unwrap();
        let store = Store::open(root.path().to_owned(), "app-01");
        (root, store)
    }

    fn put(store: &Store, folder: &str, text: &str) -> u32 {
        store
            .append(folder, text.as_bytes(), &Flags::default(), OffsetDateTime::UNIX_EPOCH)
            .unwrap()
            .1
    }

    #[test]
    fn uids_rise_and_stay_whatever_goes_and_comes() {
        let (_root, store) = store();
        assert_eq!([put(&store, "INBOX", "a\r\n"), put(&store, "inbox", "b\r\n")], [1, 2]);
        let mut folder = store.folder("INBOX").unwrap();
        let validity = folder.validity;
        folder.remove(1).unwrap();
        assert_eq!(put(&store, "INBOX", "c\r\n"), 3);
        assert!(folder.refresh().unwrap());
        let uids: Vec<u32> = folder.messages.iter().map(|message| message.uid).collect();
        assert_eq!(uids, [1, 3]);
        assert_eq!(store.folder("INBOX").unwrap().validity, validity);
    }

    #[test]
    fn flags_are_letters_of_the_file_and_others_see_them() {
        let (_root, store) = store();
        put(&store, "INBOX", "a\nb");
        let (mut one, mut other) = (store.folder("INBOX").unwrap(), store.folder("INBOX").unwrap());
        one.set_flags(0, Flags::of(['S', 'F'])).unwrap();
        assert!(other.refresh().unwrap());
        assert!(other.messages[0].flags.has('S') && !other.messages[0].flags.has('T'));
        assert_eq!(other.read(0).unwrap(), b"a\r\nb");
        assert_eq!(other.size(0), 4);
    }

    #[test]
    fn folders_are_made_renamed_and_removed_and_lead_nowhere_else() {
        let (root, store) = store();
        store.create("Archive.2024").unwrap();
        store.rename("Archive.2024", "Old").unwrap();
        assert_eq!(store.list(), ["Old"]);
        for name in ["../x", "a/b", "", "a..b", ".", "\0", "~root"] {
            assert!(store.create(name).is_err() && store.folder(name).is_err(), "{name:?}");
        }
        store.delete("Old").unwrap();
        assert!(store.delete("INBOX").is_err() && root.path().is_dir());
        store.subscribe("Old", true).unwrap();
        assert_eq!(store.subscriptions(), ["Old"]);
    }
}
