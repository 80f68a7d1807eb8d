//! Regular expressions and LIKE, with bounded work.

use crate::cx::Cx;
use crate::error::Error;

#[derive(Clone, Debug)]
enum Piece {
    Char(char),
    Any,
    Class(Vec<(char, char)>, bool),
    Start,
    End,
    Word,
    /// Alternatives; the number when it is remembered.
    Group(Vec<Vec<Self>>, Option<usize>),
    /// At least, at most, as few as possible.
    Repeat(Box<Self>, usize, usize, bool),
}

pub(crate) struct Pattern {
    alternatives: Vec<Vec<Piece>>,
    groups: usize,
    fold: bool,
}

/// Nested groups and counted repeats.
const MOST: usize = 40;
const REPEATS: usize = 255;

struct Reader<'a> {
    chars: std::iter::Peekable<std::str::Chars<'a>>,
    depth: usize,
    groups: usize,
}

fn invalid(what: &str) -> Error {
    Error::new("2201B", format!("invalid regular expression: {what}")).raised("regexp.c", 224, "RE_compile_and_cache")
}

pub(crate) fn compile(text: &str, fold: bool) -> Result<Pattern, Error> {
    let text = text.strip_prefix("***:").unwrap_or(text);
    let (text, fold) = text.strip_prefix("(?i)").map_or((text, fold), |rest| (rest, true));
    let mut reader = Reader {
        chars: text.chars().peekable(),
        depth: 0,
        groups: 0,
    };
    let alternatives = reader.alternatives()?;
    if reader.chars.next().is_some() {
        return Err(invalid("parentheses () not balanced"));
    }
    Ok(Pattern {
        alternatives,
        groups: reader.groups,
        fold,
    })
}

// === impl Reader ===

impl Reader<'_> {
    fn alternatives(&mut self) -> Result<Vec<Vec<Piece>>, Error> {
        self.depth += 1;
        if self.depth > MOST {
            return Err(invalid("regular expression is too complex"));
        }
        let mut all = vec![Vec::new()];
        while let Some(&c) = self.chars.peek() {
            match c {
                ')' => break,
                '|' => {
                    self.chars.next();
                    all.push(Vec::new());
                }
                _ => {
                    let piece = self.piece()?;
                    let piece = self.repeated(piece)?;
                    if let Some(last) = all.last_mut() {
                        last.push(piece);
                    }
                }
            }
        }
        self.depth -= 1;
        Ok(all)
    }

    fn piece(&mut self) -> Result<Piece, Error> {
        Ok(match self.chars.next().unwrap_or('\\') {
            '.' => Piece::Any,
            '^' => Piece::Start,
            '$' => Piece::End,
            '(' => {
                let mut plain = self.chars.clone();
                let silent = plain.next() == Some('?') && plain.next() == Some(':');
                let number = if silent {
                    self.chars.next();
                    self.chars.next();
                    None
                } else {
                    self.groups += 1;
                    Some(self.groups)
                };
                let inner = self.alternatives()?;
                if self.chars.next() != Some(')') {
                    return Err(invalid("parentheses () not balanced"));
                }
                Piece::Group(inner, number)
            }
            '[' => self.class()?,
            '\\' => match self.chars.next() {
                None => return Err(invalid("invalid escape \\ sequence")),
                Some(letter) => escape(letter),
            },
            '*' | '+' | '?' => return Err(invalid("quantifier operand invalid")),
            c => Piece::Char(c),
        })
    }

    fn class(&mut self) -> Result<Piece, Error> {
        let unbalanced = || invalid("brackets [] not balanced");
        let not = self.chars.next_if_eq(&'^').is_some();
        let mut ranges = Vec::new();
        let mut first = true;
        loop {
            let c = self.chars.next().ok_or_else(unbalanced)?;
            match c {
                ']' if !first => return Ok(Piece::Class(ranges, not)),
                '[' if self.chars.peek() == Some(&':') => {
                    let name: String = self.chars.by_ref().take_while(|c| *c != ']').collect();
                    ranges.extend(named(name.trim_matches(':')).ok_or_else(|| invalid("invalid character class"))?);
                }
                '\\' => match escape(self.chars.next().ok_or_else(unbalanced)?) {
                    Piece::Class(more, false) => ranges.extend(more),
                    Piece::Char(c) => ranges.push((c, c)),
                    _ => return Err(invalid("invalid escape \\ sequence")),
                },
                low => {
                    let mut ahead = self.chars.clone();
                    let range = ahead.next() == Some('-') && ahead.peek().is_some_and(|c| *c != ']');
                    let high = if range {
                        self.chars.next();
                        self.chars.next().ok_or_else(unbalanced)?
                    } else {
                        low
                    };
                    if high < low {
                        return Err(invalid("invalid character range"));
                    }
                    ranges.push((low, high));
                }
            }
            first = false;
        }
    }

    fn repeated(&mut self, piece: Piece) -> Result<Piece, Error> {
        let (least, most) = match self.chars.peek() {
            Some('*') => (0, usize::MAX),
            Some('+') => (1, usize::MAX),
            Some('?') => (0, 1),
            Some('{') => return self.counted(piece),
            _ => return Ok(piece),
        };
        self.chars.next();
        let few = self.chars.next_if_eq(&'?').is_some();
        Ok(Piece::Repeat(Box::new(piece), least, most, few))
    }

    fn counted(&mut self, piece: Piece) -> Result<Piece, Error> {
        let mut ahead = self.chars.clone();
        ahead.next();
        if !ahead.peek().is_some_and(char::is_ascii_digit) {
            self.chars.next();
            return Ok(Piece::Group(vec![vec![piece, Piece::Char('{')]], None));
        }
        let text: String = ahead.by_ref().take_while(|c| *c != '}').collect();
        self.chars = ahead;
        let bad = || invalid("invalid repetition count(s)");
        let count = |text: &str| text.parse::<usize>().ok().filter(|n| *n <= REPEATS).ok_or_else(bad);
        let (least, most) = match text.split_once(',') {
            None => (count(&text)?, count(&text)?),
            Some((least, "")) => (count(least)?, usize::MAX),
            Some((least, most)) => (count(least)?, count(most)?),
        };
        Ok(Piece::Repeat(Box::new(piece), least, most, false))
    }
}

fn named(name: &str) -> Option<Vec<(char, char)>> {
    Some(match name {
        "digit" => vec![('0', '9')],
        "alpha" => vec![('a', 'z'), ('A', 'Z'), ('\u{c0}', '\u{24f}')],
        "alnum" => vec![('0', '9'), ('a', 'z'), ('A', 'Z'), ('\u{c0}', '\u{24f}')],
        "lower" => vec![('a', 'z')],
        "upper" => vec![('A', 'Z')],
        "space" => vec![('\t', '\r'), (' ', ' ')],
        "punct" => vec![('!', '/'), (':', '@'), ('[', '`'), ('{', '~')],
        "xdigit" => vec![('0', '9'), ('a', 'f'), ('A', 'F')],
        _ => return None,
    })
}

fn escape(letter: char) -> Piece {
    let class = |name, not| Piece::Class(named(name).unwrap_or_default(), not);
    let word = vec![('0', '9'), ('a', 'z'), ('A', 'Z'), ('_', '_'), ('\u{c0}', '\u{24f}')];
    match letter {
        'd' => class("digit", false),
        'D' => class("digit", true),
        's' => class("space", false),
        'S' => class("space", true),
        'w' => Piece::Class(word, false),
        'W' => Piece::Class(word, true),
        'n' => Piece::Char('\n'),
        't' => Piece::Char('\t'),
        'r' => Piece::Char('\r'),
        'm' | 'M' | 'y' | 'b' => Piece::Word,
        other => Piece::Char(other),
    }
}

/// Where groups begin and end, the whole at 0.
pub(crate) type Marks = Vec<Option<(usize, usize)>>;

struct Match<'a, 'c> {
    text: &'a [char],
    fold: bool,
    marks: Marks,
    cx: &'a Cx<'c>,
    deep: usize,
}

/// How deep one match may go; longer texts are told apart no further.
const DEEP: usize = 400;

type Next<'n> = &'n mut dyn FnMut(&mut Match<'_, '_>, usize) -> Result<bool, Error>;

// === impl Pattern ===

impl Pattern {
    /// The first place it fits, in characters.
    pub(crate) fn find(&self, text: &str, cx: &Cx<'_>) -> Result<Option<Marks>, Error> {
        let chars: Vec<char> = text.chars().collect();
        self.find_from(&chars, 0, cx)
    }

    pub(crate) fn find_from(&self, chars: &[char], from: usize, cx: &Cx<'_>) -> Result<Option<Marks>, Error> {
        for start in from..=chars.len() {
            let mut run = Match {
                text: chars,
                fold: self.fold,
                marks: vec![None; self.groups + 1],
                cx,
                deep: 0,
            };
            let mut end = 0;
            let fits = run.alternatives(&self.alternatives, start, &mut |_, at| {
                end = at;
                Ok(true)
            })?;
            if fits {
                run.marks[0] = Some((start, end));
                return Ok(Some(run.marks));
            }
        }
        Ok(None)
    }
}

// === impl Match ===

impl Match<'_, '_> {
    fn alternatives(&mut self, all: &[Vec<Piece>], at: usize, next: Next<'_>) -> Result<bool, Error> {
        for pieces in all {
            if self.pieces(pieces, at, next)? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn pieces(&mut self, pieces: &[Piece], at: usize, next: Next<'_>) -> Result<bool, Error> {
        self.cx.step(1)?;
        let Some((first, rest)) = pieces.split_first() else {
            return next(self, at);
        };
        self.deep += 1;
        if self.deep > DEEP {
            return Err(Error::new(
                "54001",
                "regular expression failed: regular expression is too complex",
            ));
        }
        let outcome = match first {
            Piece::Group(all, number) => self.alternatives(all, at, &mut |run, end| {
                let before = number.map(|number| run.marks[number].replace((at, end)));
                let fits = run.pieces(rest, end, next)?;
                if let (false, Some(number), Some(before)) = (fits, number, before) {
                    run.marks[*number] = before;
                }
                Ok(fits)
            }),
            Piece::Repeat(piece, least, most, few) => self.repeat(piece, (*least, *most, *few), rest, at, next),
            one => match self.one(one, at) {
                Some(end) => self.pieces(rest, end, next),
                None => Ok(false),
            },
        };
        self.deep -= 1;
        outcome
    }

    fn repeat(
        &mut self,
        piece: &Piece,
        (least, most, few): (usize, usize, bool),
        rest: &[Piece],
        at: usize,
        next: Next<'_>,
    ) -> Result<bool, Error> {
        // One character after another needs no going back into each.
        if !matches!(piece, Piece::Group(..) | Piece::Repeat(..)) {
            let mut ends = vec![at];
            while ends.len() <= most {
                let last = ends[ends.len() - 1];
                match self.one(piece, last) {
                    Some(end) if end > last || ends.len() <= least => ends.push(end),
                    _ => break,
                }
            }
            if ends.len() <= least {
                return Ok(false);
            }
            let mut tries = ends.split_off(least);
            if !few {
                tries.reverse();
            }
            for end in tries {
                if self.pieces(rest, end, next)? {
                    return Ok(true);
                }
            }
            return Ok(false);
        }
        if least == 0 && few && self.pieces(rest, at, next)? {
            return Ok(true);
        }
        if most > 0 {
            let left = (
                least.saturating_sub(1),
                if most == usize::MAX { most } else { most - 1 },
                few,
            );
            let once = std::slice::from_ref(piece);
            let fits = self.pieces(once, at, &mut |run, end| {
                if end == at && least == 0 {
                    return Ok(false);
                }
                run.deep += 1;
                let fits = if run.deep > DEEP {
                    Ok(false)
                } else {
                    run.repeat(piece, left, rest, end, next)
                };
                run.deep -= 1;
                fits
            })?;
            if fits {
                return Ok(true);
            }
        }
        if least == 0 && !few {
            self.pieces(rest, at, next)
        } else {
            Ok(false)
        }
    }

    /// Where a piece of at most one character ends.
    fn one(&self, piece: &Piece, at: usize) -> Option<usize> {
        let here = self.text.get(at).copied();
        let fold = |c: char| {
            if self.fold {
                c.to_lowercase().next().unwrap_or(c)
            } else {
                c
            }
        };
        let fits = match piece {
            Piece::Start => return (at == 0).then_some(at),
            Piece::End => return (at == self.text.len()).then_some(at),
            Piece::Word => {
                let word = |c: Option<&char>| c.is_some_and(|c| *c == '_' || c.is_alphanumeric());
                let before = at.checked_sub(1).and_then(|at| self.text.get(at));
                return (word(before) != word(self.text.get(at))).then_some(at);
            }
            Piece::Any => here.is_some(),
            Piece::Char(c) => here.is_some_and(|here| fold(here) == fold(*c)),
            Piece::Class(ranges, not) => here.is_some_and(|here| {
                let within = |c: char| ranges.iter().any(|(low, high)| (*low..=*high).contains(&c));
                let upper = here.to_uppercase().next().unwrap_or(here);
                (within(here) || self.fold && (within(fold(here)) || within(upper))) != *not
            }),
            Piece::Group(..) | Piece::Repeat(..) => false,
        };
        fits.then_some(at + 1)
    }
}

/// `%` is anything, `_` one character, `\` takes the next as it is.
pub(crate) fn like(text: &str, pattern: &str, fold: bool, cx: &Cx<'_>) -> Result<bool, Error> {
    let chars = |text: &str| -> Vec<char> {
        if fold {
            text.to_lowercase().chars().collect()
        } else {
            text.chars().collect()
        }
    };
    let (text, pattern) = (chars(text), chars(pattern));
    let (mut t, mut p) = (0, 0);
    let mut star = None;
    while t < text.len() {
        cx.step(1)?;
        match pattern.get(p) {
            Some('%') => {
                star = Some((p, t));
                p += 1;
            }
            Some('_') => {
                t += 1;
                p += 1;
            }
            Some('\\') if pattern.get(p + 1) == Some(&text[t]) => {
                t += 1;
                p += 2;
            }
            Some(c) if *c != '\\' && *c == text[t] => {
                t += 1;
                p += 1;
            }
            _ => match star {
                Some((at, from)) => {
                    p = at + 1;
                    t = from + 1;
                    star = Some((at, from + 1));
                }
                None => return Ok(false),
            },
        }
    }
    Ok(pattern[p..].iter().all(|c| *c == '%'))
}
