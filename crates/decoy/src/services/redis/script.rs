//! What a script comes to, as far as it is plain: literals, tables, `KEYS`, `ARGV`, locals and calls of the server,
//! one statement after another. There is no Lua here; loops, functions and arithmetic are not carried out.

use std::collections::HashMap;

use super::reply::{Bytes, Fault, Reply};

/// Scripts that are looked at, their values' depth, and their statements.
const MAX_SOURCE: usize = 64 << 10;
const MAX_DEPTH: usize = 32;
const MAX_STATEMENTS: usize = 1000;
/// Globals that Redis's sandbox does not have, and attackers ask for first.
const ABSENT: [&str; 8] = [
    "package", "io", "os", "require", "dofile", "loadfile", "module", "debug",
];

/// What a script is given.
pub(super) struct Given<'a> {
    pub(super) keys: &'a [Bytes],
    pub(super) argv: &'a [Bytes],
}

/// Why a script has no result.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Stop {
    /// A global that is not there, and the line it is on.
    Absent(String, usize),
    /// A call failed, on that line.
    Fault(Fault, usize),
    /// Only Lua could say.
    NotPlain,
}

/// Carries a script out; `call` carries out a command of it. What is not returned is null.
pub(super) fn run(source: &[u8], given: &Given<'_>, call: &mut dyn FnMut(Vec<Bytes>) -> Reply) -> Result<Reply, Stop> {
    let source = &source[..source.len().min(MAX_SOURCE)];
    let tokens = tokens(source).ok_or(Stop::NotPlain)?;
    let absent = |(token, line): &(Token, usize)| match token {
        Token::Name(name) if ABSENT.contains(&name.as_str()) => Some(Stop::Absent(name.clone(), *line)),
        _ => None,
    };
    if let Some(stop) = tokens.iter().find_map(absent) {
        return Err(stop);
    }
    let mut runner = Runner {
        tokens: &tokens,
        at: 0,
        given,
        locals: HashMap::new(),
        call,
    };
    runner.run()
}

#[derive(Clone, Debug, PartialEq)]
enum Token {
    Name(String),
    Text(Bytes),
    Number(f64),
    Sign(u8),
}

struct Runner<'a, 'c> {
    tokens: &'a [(Token, usize)],
    at: usize,
    given: &'a Given<'a>,
    locals: HashMap<String, Reply>,
    call: &'c mut dyn FnMut(Vec<Bytes>) -> Reply,
}

// === impl Runner ===

impl Runner<'_, '_> {
    fn run(&mut self) -> Result<Reply, Stop> {
        for _ in 0..MAX_STATEMENTS {
            while self.take_sign(b';') {}
            match self.tokens.get(self.at) {
                None => return Ok(Reply::Null),
                Some((Token::Name(word), _)) if word == "return" => {
                    self.at += 1;
                    return if self.at == self.tokens.len() {
                        Ok(Reply::Null)
                    } else {
                        self.value(0)
                    };
                }
                Some((Token::Name(word), _)) if word == "local" => {
                    self.at += 1;
                    let name = self.name()?;
                    self.sign(b'=')?;
                    let value = self.value(0)?;
                    self.locals.insert(name, value);
                }
                Some((Token::Name(word), _)) if word == "redis" => drop(self.value(0)?),
                Some(_) => return Err(Stop::NotPlain),
            }
        }
        Err(Stop::NotPlain)
    }

    fn value(&mut self, depth: usize) -> Result<Reply, Stop> {
        let (token, line) = self.tokens.get(self.at).ok_or(Stop::NotPlain)?;
        self.at += 1;
        if depth > MAX_DEPTH {
            return Err(Stop::NotPlain);
        }
        Ok(match token {
            Token::Text(text) => Reply::Bulk(text.clone()),
            // Lua's numbers are told without their fractions.
            Token::Number(n) => Reply::Int(*n as i64),
            Token::Sign(b'{') => self.table(depth)?,
            Token::Name(word) => match word.as_str() {
                "nil" | "false" => Reply::Null,
                "true" => Reply::Int(1),
                "KEYS" => self.indexed(self.given.keys)?,
                "ARGV" => self.indexed(self.given.argv)?,
                "redis" => self.redis(*line, depth)?,
                word => self.locals.get(word).cloned().ok_or(Stop::NotPlain)?,
            },
            Token::Sign(_) => return Err(Stop::NotPlain),
        })
    }

    fn table(&mut self, depth: usize) -> Result<Reply, Stop> {
        let items = self.list(b'}', depth)?;
        // A table ends for the server at its first nil.
        Ok(Reply::Array(
            items.into_iter().take_while(|item| *item != Reply::Null).collect(),
        ))
    }

    fn list(&mut self, end: u8, depth: usize) -> Result<Vec<Reply>, Stop> {
        let mut items = Vec::new();
        while !self.take_sign(end) {
            items.push(self.value(depth + 1)?);
            if !self.take_sign(b',') {
                self.sign(end)?;
                break;
            }
        }
        Ok(items)
    }

    fn indexed(&mut self, items: &[Bytes]) -> Result<Reply, Stop> {
        if !self.take_sign(b'[') {
            return Ok(Reply::Array(Reply::bulks(items)));
        }
        let Reply::Int(at) = self.value(MAX_DEPTH)? else {
            return Err(Stop::NotPlain);
        };
        self.sign(b']')?;
        let item = usize::try_from(at - 1).ok().and_then(|at| items.get(at));
        Ok(item.map_or(Reply::Null, Reply::bulk))
    }

    /// `redis.call("get", "x")` and the like.
    fn redis(&mut self, line: usize, depth: usize) -> Result<Reply, Stop> {
        self.sign(b'.')?;
        let what = self.name()?;
        self.sign(b'(')?;
        let args = self.list(b')', depth)?;
        match what.as_str() {
            "call" | "pcall" => {
                let words = args.into_iter().map(|arg| match arg {
                    Reply::Bulk(text) => Some(text),
                    Reply::Int(n) => Some(n.to_string().into_bytes()),
                    _ => None,
                });
                let words: Vec<Bytes> = words.collect::<Option<_>>().ok_or(Stop::NotPlain)?;
                match (self.call)(words) {
                    Reply::Error(text) if what == "call" => Err(Stop::Fault(Fault(text), line)),
                    reply => Ok(reply),
                }
            }
            "status_reply" | "error_reply" => match args.into_iter().next() {
                Some(Reply::Bulk(text)) if what == "status_reply" => Ok(Reply::Line(text)),
                Some(Reply::Bulk(text)) => Ok(Reply::Error(text)),
                _ => Err(Stop::NotPlain),
            },
            "log" | "replicate_commands" | "set_repl" => Ok(Reply::Int(1)),
            _ => Err(Stop::NotPlain),
        }
    }

    fn name(&mut self) -> Result<String, Stop> {
        match self.tokens.get(self.at) {
            Some((Token::Name(name), _)) => {
                self.at += 1;
                Ok(name.clone())
            }
            _ => Err(Stop::NotPlain),
        }
    }

    fn sign(&mut self, sign: u8) -> Result<(), Stop> {
        self.take_sign(sign).then_some(()).ok_or(Stop::NotPlain)
    }

    fn take_sign(&mut self, sign: u8) -> bool {
        let there = matches!(self.tokens.get(self.at), Some((Token::Sign(found), _)) if *found == sign);
        self.at += usize::from(there);
        there
    }
}

/// Each with the line it is on; none when it is no text Lua would take.
fn tokens(source: &[u8]) -> Option<Vec<(Token, usize)>> {
    let (mut tokens, mut rest, mut line) = (Vec::new(), source, 1);
    while let Some((&first, after)) = rest.split_first() {
        let run = |of: fn(&u8) -> bool| rest.iter().take_while(|byte| of(byte)).count();
        let (token, len) = match first {
            b'\n' => {
                line += 1;
                (None, 1)
            }
            _ if first.is_ascii_whitespace() => (None, 1),
            b'-' if after.first() == Some(&b'-') => (None, run(|byte| *byte != b'\n')),
            b'"' | b'\'' => {
                let (text, len) = quoted(after, first)?;
                (Some(Token::Text(text)), len + 1)
            }
            b'0'..=b'9' => {
                let len = run(|byte| byte.is_ascii_alphanumeric() || *byte == b'.');
                let number = std::str::from_utf8(&rest[..len]).ok()?.parse().ok()?;
                (Some(Token::Number(number)), len)
            }
            b'a'..=b'z' | b'A'..=b'Z' | b'_' => {
                let len = run(|byte| byte.is_ascii_alphanumeric() || *byte == b'_');
                let name = String::from_utf8_lossy(&rest[..len]).into_owned();
                (Some(Token::Name(name)), len)
            }
            other => (Some(Token::Sign(other)), 1),
        };
        tokens.extend(token.map(|token| (token, line)));
        rest = &rest[len..];
    }
    Some(tokens)
}

/// What stands before the closing quote, and how many bytes that was with the quote.
fn quoted(rest: &[u8], quote: u8) -> Option<(Bytes, usize)> {
    let (mut text, mut at) = (Bytes::new(), 0);
    loop {
        match rest.get(at)? {
            byte if *byte == quote => return Some((text, at + 1)),
            b'\n' => return None,
            b'\\' => {
                at += 1;
                text.push(match rest.get(at)? {
                    b'n' => b'\n',
                    b'r' => b'\r',
                    b't' => b'\t',
                    b'0'..=b'9' => return None,
                    other => *other,
                });
            }
            byte => text.push(*byte),
        }
        at += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ran(source: &str) -> Result<Reply, Stop> {
        let (keys, argv) = ([b"k1".to_vec()], [b"a1".to_vec(), b"a2".to_vec()]);
        let given = Given {
            keys: &keys,
            argv: &argv,
        };
        run(source.as_bytes(), &given, &mut |words| match words[0].as_slice() {
            b"bad" => Reply::Error(b"ERR no".to_vec()),
            _ => Reply::Array(Reply::bulks(words)),
        })
    }

    #[test]
    fn plain_scripts_come_to_what_they_return() {
        assert_eq!(ran("return 1.9"), Ok(Reply::Int(1)));
        assert_eq!(ran("return {1, KEYS[1], ARGV[2], {}, nil, 3}"), {
            let items = vec![
                Reply::Int(1),
                Reply::bulk("k1"),
                Reply::bulk("a2"),
                Reply::Array(Vec::new()),
            ];
            Ok(Reply::Array(items))
        });
        assert_eq!(ran("local x = 'a\\n' -- why\nreturn x;"), Ok(Reply::bulk("a\n")));
        assert_eq!(
            ran("redis.call('set', KEYS[1], 5) return redis.pcall('bad')"),
            Ok(Reply::Error(b"ERR no".to_vec()))
        );
        assert_eq!(ran(""), Ok(Reply::Null));
    }

    #[test]
    fn what_the_sandbox_lacks_and_what_fails_is_told_with_its_line() {
        let escape = "local l = 1\nlocal f = package.loadlib('/usr/lib/x.so', 'luaopen_io')";
        assert_eq!(ran(escape), Err(Stop::Absent("package".into(), 2)));
        assert_eq!(
            ran("return redis.call('bad')"),
            Err(Stop::Fault(Fault(b"ERR no".to_vec()), 1))
        );
    }

    #[test]
    fn what_only_lua_could_say_is_left_unsaid() {
        for source in [
            "for i=1,2 do end",
            "return 1+1",
            "return x",
            "'",
            "return redis.call({})",
            "local function f() end",
        ] {
            let ran = ran(source);
            assert!(
                matches!(ran, Err(Stop::NotPlain) | Ok(Reply::Int(1))),
                "{source}: {ran:?}"
            );
        }
    }
}
