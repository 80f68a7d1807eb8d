//! What machines are called: by what they are, as their site would call them, and never twice (deploy.md §2.2).

use std::collections::BTreeSet;

use crate::catalogue::{Distro, Hostnames, Patterns};
use crate::draw::{Seed, Stream};

/// No host name, and nothing else an attacker may see, holds one of these.
const TELLS: [&str; 4] = ["decky", "decnet", "honeypot", "decoy"];

/// Draws that meet a name in use, or one too long, before a number is put behind it.
const TRIES: usize = 100;

/// What a name is made for.
pub(crate) struct Naming<'a> {
    pub(crate) hostnames: &'a Hostnames,
    pub(crate) distro: &'a Distro,
    /// `linux`, or a class of `hostnames.yaml`.
    pub(crate) class: &'a str,
    /// Words for what the machine does; the general words when empty.
    pub(crate) roles: &'a [String],
    /// The site's short name, the same for a whole fleet.
    pub(crate) site: &'a str,
    pub(crate) mac: &'a str,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Token {
    Site,
    Role,
    Env,
    Word,
    /// 01-29.
    Few,
    /// 10-99.
    Two,
    /// 001-399.
    Three,
    /// Seven capitals and digits.
    Seven,
    /// The last six digits of the hardware address.
    Mac,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Piece<'a> {
    Text(&'a str),
    Lower(Token),
    Upper(Token),
}

// === impl Naming ===

impl Naming<'_> {
    /// A name no machine of the scope has. `used` holds lower-case names.
    pub(crate) fn draw(&self, identity: &Seed, used: &BTreeSet<String>) -> String {
        let mut stream = identity.stream("hostname");
        let patterns = self.patterns().map_or(&[][..], |patterns| &patterns.patterns);
        let mut name = String::new();
        for _ in 0..TRIES {
            // The catalogue's check leaves no pattern list empty and no token unknown.
            let pattern = stream.pick(patterns).map_or("{word}-{n2}", String::as_str);
            let pieces = tokens(pattern).unwrap_or_default();
            name = pieces.iter().map(|piece| self.render(piece, &mut stream)).collect();
            if name.len() <= self.longest() && !tells(&name) && !used.contains(&name.to_ascii_lowercase()) {
                return name;
            }
        }
        self.numbered(&name, used)
    }

    pub(crate) fn domain(&self) -> &str {
        self.patterns().map_or("", |patterns| &patterns.domain)
    }

    /// In characters.
    pub(crate) fn longest(&self) -> usize {
        let netbios = self.hostnames.netbios.iter().any(|class| class == self.class);
        if netbios { self.hostnames.netbios_max } else { 63 }
    }

    fn patterns(&self) -> Option<&Patterns> {
        match self.class {
            "linux" => self.hostnames.linux.get(self.distro.style()),
            class => self.hostnames.classes.get(class),
        }
    }

    fn numbered(&self, name: &str, used: &BTreeSet<String>) -> String {
        let name = if tells(name) { "srv" } else { name };
        (2..)
            .map(|n: u32| {
                let suffix = format!("-{n}");
                let room = self.longest().saturating_sub(suffix.len());
                let stem: String = name.chars().take(room).collect();
                format!("{}{suffix}", stem.trim_end_matches('-'))
            })
            .find(|name| !used.contains(&name.to_ascii_lowercase()))
            .unwrap_or_default()
    }

    fn render(&self, piece: &Piece<'_>, stream: &mut Stream) -> String {
        match piece {
            Piece::Text(text) => (*text).to_owned(),
            Piece::Lower(token) => self.word(*token, stream),
            Piece::Upper(token) => self.word(*token, stream).to_ascii_uppercase(),
        }
    }

    fn word(&self, token: Token, stream: &mut Stream) -> String {
        let mut of = |words: &[String]| stream.pick(words).cloned().unwrap_or_default();
        match token {
            Token::Site => self.site.to_owned(),
            Token::Role if !self.roles.is_empty() => of(self.roles),
            Token::Role | Token::Word => of(&self.hostnames.words),
            Token::Env => of(&self.hostnames.envs),
            Token::Few => format!("{:02}", stream.between(1, 29)),
            Token::Two => format!("{:02}", stream.between(10, 99)),
            Token::Three => format!("{:03}", stream.between(1, 399)),
            Token::Seven => {
                const ALPHABET: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
                let mut sign = || ALPHABET[stream.below(ALPHABET.len() as u64) as usize] as char;
                (0..7).map(|_| sign()).collect()
            }
            Token::Mac => self.mac.replace(':', "").chars().skip(6).collect(),
        }
    }
}

/// A pattern's pieces, or the first token that means nothing.
pub(crate) fn tokens(pattern: &str) -> Result<Vec<Piece<'_>>, String> {
    let mut pieces = Vec::new();
    let mut rest = pattern;
    while let Some((text, after)) = rest.split_once('{') {
        let (token, after) = after.split_once('}').ok_or_else(|| format!("{{{after}"))?;
        if !text.is_empty() {
            pieces.push(Piece::Text(text));
        }
        pieces.push(match token {
            "site" => Piece::Lower(Token::Site),
            "SITE" => Piece::Upper(Token::Site),
            "role" => Piece::Lower(Token::Role),
            "ROLE" => Piece::Upper(Token::Role),
            "env" => Piece::Lower(Token::Env),
            "word" => Piece::Lower(Token::Word),
            "WORD" => Piece::Upper(Token::Word),
            "d2" => Piece::Lower(Token::Few),
            "n2" => Piece::Lower(Token::Two),
            "n3" => Piece::Lower(Token::Three),
            "A7" => Piece::Lower(Token::Seven),
            "M6" => Piece::Upper(Token::Mac),
            unknown => return Err(format!("{{{unknown}}}")),
        });
        rest = after;
    }
    if !rest.is_empty() {
        pieces.push(Piece::Text(rest));
    }
    Ok(pieces)
}

/// It holds a word that gives the machine away.
pub(crate) fn tells(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    TELLS.iter().any(|tell| name.contains(tell))
}

/// An operator's host name as (name, domain), when it is one (RFC 1123).
pub(crate) fn split(given: &str) -> Option<(String, String)> {
    let label = |label: &str| {
        let inner = |b: u8| b.is_ascii_alphanumeric() || b == b'-';
        (1..=63).contains(&label.len()) && label.bytes().all(inner) && !label.starts_with('-') && !label.ends_with('-')
    };
    // What Linux takes as a host name.
    const LONGEST: usize = 64;
    let (name, domain) = given.split_once('.').unwrap_or((given, ""));
    let sound = label(name) && (domain.is_empty() || domain.split('.').all(label)) && given.len() <= LONGEST;
    (sound && !given.ends_with('.')).then(|| (name.to_owned(), domain.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Catalogue;

    #[test]
    fn names_fit_their_class_and_are_never_given_twice() {
        let catalogue = Catalogue::builtin().unwrap();
        let classes: Vec<&str> = catalogue
            .hostnames
            .classes
            .keys()
            .map(String::as_str)
            .chain(["linux"])
            .collect();
        for class in classes {
            let mut used = BTreeSet::new();
            for n in 0..300 {
                let distros = catalogue.distros_in_order();
                let naming = naming(&catalogue, distros[n % distros.len()], class);
                let name = naming.draw(&Seed::from_number(n as u64), &used);
                assert!(split(&name).is_some(), "{class}: {name}");
                assert!(name.len() <= naming.longest(), "{class}: {name}");
                assert!(!tells(&name));
                assert!(used.insert(name.to_ascii_lowercase()), "{class}: {name} twice");
            }
        }
    }

    #[test]
    fn a_name_is_the_same_at_every_planning() {
        let catalogue = Catalogue::builtin().unwrap();
        let naming = naming(&catalogue, catalogue.distro("debian").unwrap(), "workstation");
        let draw = || naming.draw(&Seed::from_number(5), &BTreeSet::new());
        assert_eq!(draw(), draw());
    }

    #[test]
    fn an_operators_name_is_split_at_its_first_dot() {
        assert_eq!(split("web17.corp.lan"), Some(("web17".into(), "corp.lan".into())));
        assert_eq!(split("WEB17"), Some(("WEB17".into(), String::new())));
        for bad in ["", ".", "a.", "-a", "a-", "a b", "a_b", "a..b", &"a".repeat(64)] {
            assert_eq!(split(bad), None, "{bad}");
        }
    }

    fn naming<'a>(catalogue: &'a Catalogue, distro: &'a Distro, class: &'a str) -> Naming<'a> {
        Naming {
            hostnames: &catalogue.hostnames,
            distro,
            class,
            roles: &[],
            site: "ams",
            mac: "f8:bc:12:0a:0b:0c",
        }
    }
}
