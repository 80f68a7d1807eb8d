//! The mail a machine's people have when it is first looked at: business as usual of the weeks before, drawn from the
//! machine's seed. No two machines have the same.

use std::fs;
use std::io;
use std::os::unix::fs::chown;
use std::path::Path;

use hmac::{Hmac, Mac};
use sha2::Sha256;
use time::macros::format_description;
use time::{Duration, OffsetDateTime};

use super::{SPOOL, maildir, store::Flags, store::Store};
use crate::machine::{Account, Machine};

/// Days the mail goes back, and messages a mailbox has.
const DAYS: u64 = 120;
const LEAST: u64 = 60;
const SPREAD: u64 = 90;
const FIRST: [&str; 16] = [
    "Anna", "Ben", "Clara", "David", "Eva", "Felix", "Grace", "Henry", "Ines", "Jonas", "Karen", "Lukas", "Maria",
    "Nick", "Olga", "Paul",
];
const LAST: [&str; 16] = [
    "Adler", "Baker", "Carlsen", "Diaz", "Ebert", "Fischer", "Graham", "Hansen", "Ivanov", "Jensen", "Keller", "Lopez",
    "Meyer", "Novak", "Olsen", "Peters",
];
/// Subjects and texts; `{x}` is drawn. The last few are worth reading.
const DULL: [(&str, &str); 16] = [
    (
        "Meeting moved to {hour}:00",
        "Hi {to},\n\nroom {n} is taken, so we meet at {hour}:00 instead. Same agenda.\n",
    ),
    (
        "Notes from {day}",
        "Hi all,\n\nshort notes:\n- budget for Q{q} stays as it is\n- {first} looks after the supplier\n- next round on {day}\n",
    ),
    (
        "Invoice {n}{n}",
        "Dear {to},\n\ninvoice {n}{n} is attached to the ticket. Please approve by {day}.\n",
    ),
    (
        "Lunch on {day}?",
        "Hey {to}, the usual place on {day}? {first} joins too.\n",
    ),
    (
        "Holiday request",
        "Hello {to},\n\nI would like to take {q} days off from {day}. {first} covers for me.\n",
    ),
    (
        "Re: Offer {n}",
        "Hi {to},\n\nthey came down by {q} percent. I think we should take it.\n",
    ),
    (
        "Printer on floor {q}",
        "The printer on floor {q} is out of toner again. Facility is informed.\n",
    ),
    (
        "Delivery delayed",
        "Dear colleagues,\n\nthe delivery of order {n} is {q} days late. New date: {day}.\n",
    ),
    (
        "Timesheets",
        "Hi {to},\n\nplease close your timesheet before {day}, {hour}:00.\n",
    ),
    (
        "Welcome {first}",
        "Hello everybody,\n\n{first} joins us on {day}. Please say hello in room {n}.\n",
    ),
    (
        "Maintenance window {day}",
        "Services will be down on {day} from {hour}:00 for about {q} hours.\n",
    ),
    (
        "Minutes, project {n}",
        "Hi {to},\n\nminutes are in the usual folder. Open point: who signs off phase {q}?\n",
    ),
    (
        "Parking",
        "Lot {n} is closed until {day}. Please use the one behind the building.\n",
    ),
    (
        "Draft contract",
        "Hi {to},\n\ncould you read section {q} once more? Legal wants it back on {day}.\n",
    ),
    (
        "Customer call at {hour}",
        "Call with the customer at {hour}:00. Dial-in as always, extension {n}.\n",
    ),
    ("Thanks!", "Thanks {to}, that was quick. I owe you a coffee.\n"),
];
const JUICY: [(&str, &str); 4] = [
    (
        "Wi-Fi for guests",
        "Hi {to},\n\nthe guest network has a new key from {day}: {secret}\nPlease do not put it on the whiteboard again.\n",
    ),
    (
        "Your new account",
        "Hello {to},\n\nyour account for the reporting tool is ready.\nUser: {user}\nPassword: {secret}\nPlease change it after the first login.\n",
    ),
    (
        "Backup passphrase",
        "{to}, as discussed, for the safe: {secret}\nDelete this mail when you have written it down.\n",
    ),
    ("Re: door code", "It is {n} at the back and the alarm wants {secret}.\n"),
];
const WEEK: [&str; 5] = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday"];

/// An endless draw from the machine's seed.
struct Draw {
    key: [u8; 32],
    count: u64,
}

struct Person {
    name: String,
    address: String,
}

/// Gives everybody who can log in and has no mailbox one with mail in it. Takes root.
pub(in crate::services) fn fill_all(machine: &Machine) -> io::Result<()> {
    for user in &machine.spec().users {
        if let Some(account) = machine
            .account(&user.name)
            .filter(|account| account.uid == 0 || account.uid >= 1000)
        {
            fill(machine, &account)?;
        }
    }
    Ok(())
}

fn fill(machine: &Machine, account: &Account) -> io::Result<()> {
    let root = machine.path(SPOOL).join(&account.name);
    if root.join("cur").exists() {
        return Ok(());
    }
    let root = maildir::open(machine, account)?;
    let mut draw = Draw {
        key: machine.draw(&format!("mail/pack/{}", account.name)),
        count: 0,
    };
    let domain = match &machine.spec().domain[..] {
        "" => machine.hostname().to_owned(),
        domain => domain.to_owned(),
    };
    let staff = staff(machine, &domain);
    let me = Person {
        name: capital(&account.name),
        address: format!("{}@{domain}", account.name),
    };
    let store = Store::open(root.clone(), machine.hostname());
    for name in ["Sent", "Drafts", "Trash", "Archive"] {
        store.create(name)?;
        store.subscribe(name, true)?;
    }
    let now = OffsetDateTime::now_utc();
    let mut days: Vec<u64> = (0..LEAST + draw.below(SPREAD))
        .map(|_| draw.below(DAYS * 86_400))
        .collect();
    days.sort_unstable_by(|a, b| b.cmp(a));
    let count = days.len() as u64;
    for (at, back) in days.into_iter().enumerate() {
        let date = office_hours(now - Duration::seconds(back as i64 + 1200), &mut draw);
        let old = (at as u64) < count * 2 / 3;
        let (folder, flags) = match draw.below(20) {
            0..=3 => ("Sent", "S"),
            4 if old => ("Trash", "S"),
            5..=8 if old => ("Archive", "S"),
            _ if old || draw.below(4) > 0 => ("INBOX", "S"),
            _ => ("INBOX", ""),
        };
        let text = message(&mut draw, &staff, &me, folder == "Sent", date, &domain);
        store.append(folder, text.as_bytes(), &Flags::of(flags.chars()), date.min(now))?;
    }
    // Nobody takes it for mail that has just come.
    for name in ["INBOX", "Sent", "Drafts", "Trash", "Archive"] {
        store.folder(name)?.take_new()?;
    }
    give(&root, account)
}

/// What root made there is the user's.
fn give(folder: &Path, account: &Account) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            give(&entry.path(), account)?;
        } else {
            chown(entry.path(), Some(account.uid), Some(account.gid))?;
        }
    }
    chown(folder, Some(account.uid), Some(account.gid))
}

/// The same people for everybody on the machine.
fn staff(machine: &Machine, domain: &str) -> Vec<Person> {
    let mut draw = Draw {
        key: machine.draw("mail/staff"),
        count: 0,
    };
    let mut person = || {
        let (first, last) = (draw.of(&FIRST), draw.of(&LAST));
        let local = format!("{}.{}", first.to_lowercase(), last.to_lowercase());
        Person {
            name: format!("{first} {last}"),
            address: format!("{local}@{domain}"),
        }
    };
    (0..12).map(|_| person()).collect()
}

fn message(draw: &mut Draw, staff: &[Person], me: &Person, sent: bool, date: OffsetDateTime, domain: &str) -> String {
    let (subject, body) = match draw.below(12) {
        0 => JUICY[draw.below(JUICY.len() as u64) as usize],
        _ => DULL[draw.below(DULL.len() as u64) as usize],
    };
    let other = &staff[draw.below(staff.len() as u64) as usize];
    let (from, to) = if sent { (me, other) } else { (other, me) };
    let form =
        format_description!("[weekday repr:short], [day] [month repr:short] [year] [hour]:[minute]:[second] +0000");
    let date_text = date.format(form).unwrap_or_default();
    let greeting = to.name.split(' ').next().unwrap_or_default().to_owned();
    let signature = from.name.split(' ').next().unwrap_or_default().to_owned();
    let id = draw.hex(12);
    let mut text = format!("{body}\nBest,\n{signature}\n");
    let mut subject = subject.to_owned();
    for (mark, value) in [
        ("{to}", greeting),
        ("{first}", draw.of(&FIRST).to_owned()),
        ("{day}", draw.of(&WEEK).to_owned()),
        ("{hour}", (9 + draw.below(8)).to_string()),
        ("{n}", (100 + draw.below(800)).to_string()),
        ("{q}", (1 + draw.below(4)).to_string()),
        ("{user}", me.address.split('@').next().unwrap_or_default().to_owned()),
        ("{secret}", draw.secret()),
    ] {
        subject = subject.replace(mark, &value);
        text = text.replace(mark, &value);
    }
    format!(
        "Message-ID: <{id}@{domain}>\nDate: {date_text}\nFrom: {} <{}>\nTo: {} <{}>\nSubject: {subject}\n\
         MIME-Version: 1.0\nContent-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: 7bit\n\n{text}",
        from.name, from.address, to.name, to.address,
    )
}

/// People write by day, and not on Sundays.
fn office_hours(date: OffsetDateTime, draw: &mut Draw) -> OffsetDateTime {
    let back = match date.weekday() {
        time::Weekday::Saturday => 1,
        time::Weekday::Sunday => 2,
        _ => 0,
    };
    let hour = 7 + draw.below(11) as u8;
    let date = date - Duration::days(back);
    let by_day = date.replace_hour(hour).unwrap_or(date);
    if by_day > date {
        by_day
            - Duration::days(if back == 0 && by_day.weekday() == time::Weekday::Monday {
                3
            } else {
                1
            })
    } else {
        by_day
    }
}

fn capital(name: &str) -> String {
    let mut letters = name.chars();
    let first = letters.next().map(|letter| letter.to_ascii_uppercase());
    first.into_iter().chain(letters).collect()
}

// === impl Draw ===

impl Draw {
    fn bytes(&mut self) -> [u8; 32] {
        self.count += 1;
        // HMAC takes keys of any length.
        let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(&self.key) else {
            return [0; 32];
        };
        mac.update(&self.count.to_be_bytes());
        mac.finalize().into_bytes().into()
    }

    fn below(&mut self, most: u64) -> u64 {
        let bytes = self.bytes();
        let number = bytes[..8]
            .iter()
            .fold(0_u64, |number, &byte| number << 8 | u64::from(byte));
        number % most.max(1)
    }

    fn of<'a>(&mut self, words: &[&'a str]) -> &'a str {
        words[self.below(words.len() as u64) as usize]
    }

    fn hex(&mut self, digits: usize) -> String {
        hex::encode(self.bytes())[..digits].to_owned()
    }

    /// As people make them up when they have to.
    fn secret(&mut self) -> String {
        const LETTERS: &[u8] = b"abcdefghjkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789";
        let bytes = self.bytes();
        bytes[..11]
            .iter()
            .map(|&byte| LETTERS[byte as usize % LETTERS.len()] as char)
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mailbox(seed: &str) -> Vec<String> {
        let root = tempfile::tempdir().unwrap();
        let spec = serde_json::from_value(serde_json::json!({
            "generation": 1, "hostname": "mail-03", "domain": "corp.lan", "distro": "debian", "seed": seed, "keys": {},
            "users": [], "services": [],
        }));
        let machine = Machine::new(root.path(), spec.unwrap());
        let own = nix::unistd::geteuid().as_raw();
        let account = Account::parse(&format!("kim:x:{own}:{}::/home/kim:/bin/sh", nix::unistd::getegid())).unwrap();
        fill(&machine, &account).unwrap();
        fill(&machine, &account).unwrap();
        let store = Store::open(machine.path(SPOOL).join("kim"), "mail-03");
        let mut inbox = store.folder("INBOX").unwrap();
        let count = inbox.messages.len();
        (0..count)
            .map(|at| String::from_utf8(inbox.read(at).unwrap()).unwrap())
            .collect()
    }

    #[test]
    fn a_mailbox_has_mail_of_its_own_and_no_mark_is_left_in_it() {
        let (one, other) = (mailbox("01"), mailbox("02"));
        assert!(one.len() > 20 && other.len() > 20, "{} {}", one.len(), other.len());
        for text in one.iter().chain(&other) {
            assert!(!text.contains(['{', '}']), "{text}");
            assert!(text.contains("\r\n\r\n") && text.contains("@corp.lan"), "{text}");
        }
        let secret = |texts: &[String]| {
            texts
                .iter()
                .find(|text| text.contains("assword") || text.contains("key"))
                .cloned()
        };
        assert_ne!(secret(&one), secret(&other));
    }
}
