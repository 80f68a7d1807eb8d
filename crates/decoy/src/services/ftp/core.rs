//! The control conversation without sockets, files or clock: a command goes in, what is to be done comes out.

use std::net::IpAddr;

use super::address::{self, Refused};
use super::line::{Command, split};
use super::number::{octal, shown_octal, whole};
use super::reply::{Reply, texts};

/// Logins that fail before the connection is closed.
const MAX_FAILURES: u32 = 3;

pub struct Core {
    pub config: Config,
    peer: IpAddr,
    user: Vec<u8>,
    failures: u32,
    logged_in: bool,
    pub ascii: bool,
    restart: u64,
    rename_from: Vec<u8>,
    pub umask: u32,
    pub data: Option<Way>,
    epsv_all: bool,
}

#[derive(Clone)]
pub struct Config {
    /// What follows `220 `.
    pub banner: String,
    /// `3.0.3`.
    pub version: String,
    pub write_enable: bool,
}

/// How the next data connection is to come about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    Passive,
    Active(std::net::SocketAddr),
}

/// What a command asks of the outside.
#[derive(Debug, PartialEq, Eq)]
pub enum Do {
    Nothing,
    Say(Reply),
    /// The last word.
    Bye(Reply),
    LogIn {
        user: Vec<u8>,
        password: Vec<u8>,
    },
    Status,
    /// `STAT` of a path.
    StatusOf(Vec<u8>),
    Where,
    Enter(Vec<u8>),
    Listen {
        extended: bool,
    },
    /// The reply to a PORT or EPRT, and where it was to go to when that was refused.
    Aim {
        reply: Reply,
        refused: Option<String>,
        extended: bool,
    },
    List {
        arg: Vec<u8>,
        full: bool,
    },
    Retrieve {
        path: Vec<u8>,
        from: u64,
    },
    Store {
        path: Vec<u8>,
        from: u64,
        how: Store,
    },
    Make(Vec<u8>),
    RemoveDir(Vec<u8>),
    Delete(Vec<u8>),
    RenameFrom(Vec<u8>),
    Rename {
        from: Vec<u8>,
        to: Vec<u8>,
    },
    Size(Vec<u8>),
    Modified(Vec<u8>),
    /// Digits of a time, and the path.
    SetModified(Vec<u8>, Vec<u8>),
    Chmod {
        mode: u32,
        path: Vec<u8>,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Store {
    Put,
    Append,
    Unique,
}

// === impl Core ===

impl Core {
    pub fn new(config: Config, peer: IpAddr) -> Self {
        Self {
            config,
            peer,
            user: Vec::new(),
            failures: 0,
            logged_in: false,
            ascii: true,
            restart: 0,
            rename_from: Vec::new(),
            umask: 0o077,
            data: None,
            epsv_all: false,
        }
    }

    pub fn greeting(&self) -> Reply {
        Reply::new(220, &self.config.banner)
    }

    /// The answer to the password just tried; true when it is the last.
    pub fn tried(&mut self, accepted: bool) -> (Reply, bool) {
        if accepted {
            self.logged_in = true;
            return (Reply::new(230, "Login successful."), false);
        }
        self.user.clear();
        self.failures += 1;
        (Reply::new(530, "Login incorrect."), self.failures >= MAX_FAILURES)
    }

    pub fn take(&mut self, command: &Command) -> Do {
        if self.logged_in {
            self.after_login(command)
        } else {
            self.before_login(command)
        }
    }

    fn before_login(&mut self, command: &Command) -> Do {
        match &command.verb[..] {
            b"USER" => {
                self.user.clone_from(&command.arg);
                say(331, "Please specify the password.")
            }
            b"PASS" if self.user.is_empty() => say(503, "Login with USER first."),
            b"PASS" => Do::LogIn {
                user: self.user.clone(),
                password: command.arg.clone(),
            },
            b"QUIT" => bye(221, "Goodbye."),
            b"FEAT" => Do::Say(Reply::raw(texts::FEATURES)),
            b"OPTS" => options(&command.arg),
            _ if command.is_empty() => Do::Nothing,
            _ => say(530, "Please login with USER and PASS."),
        }
    }

    fn after_login(&mut self, command: &Command) -> Do {
        let arg = command.arg.clone();
        match &command.verb[..] {
            b"QUIT" => bye(221, "Goodbye."),
            b"PWD" | b"XPWD" => Do::Where,
            b"CWD" | b"XCWD" => Do::Enter(arg),
            b"CDUP" | b"XCUP" => Do::Enter(b"..".to_vec()),
            b"PASV" | b"PORT" if self.epsv_all => say(550, "Permission denied."),
            b"PASV" => self.listen(false),
            b"EPSV" => self.extended_passive(&arg),
            b"PORT" => self.aim(address::port(&arg), "PORT"),
            b"EPRT" => self.aim(address::extended(&arg), "EPRT"),
            b"NOOP" => say(200, "NOOP ok."),
            b"SYST" => say(215, "UNIX Type: L8"),
            b"HELP" => Do::Say(Reply::raw(texts::HELP)),
            b"FEAT" => Do::Say(Reply::raw(texts::FEATURES)),
            b"OPTS" => options(&arg),
            b"STAT" if arg.is_empty() => Do::Status,
            b"STAT" => Do::StatusOf(arg),
            b"TYPE" => self.type_of(&arg),
            b"MODE" if arg.eq_ignore_ascii_case(b"S") => say(200, "Mode set to S."),
            b"MODE" => say(504, "Bad MODE command."),
            b"STRU" if arg.eq_ignore_ascii_case(b"F") => say(200, "Structure set to F."),
            b"STRU" => say(504, "Bad STRU command."),
            b"USER" if arg == self.user => say(331, "Any password will do."),
            b"USER" => say(530, "Can't change to another user."),
            b"PASS" => say(230, "Already logged in."),
            b"ALLO" => say(202, "ALLO command ignored."),
            b"ABOR" => say(225, "No transfer to ABOR."),
            b"REIN" | b"ACCT" | b"SMNT" => Do::Say(Reply::from_bytes(
                502,
                &[&command.verb, &b" not implemented."[..]].concat(),
            )),
            b"REST" => self.restart_at(&arg),
            b"SIZE" => Do::Size(arg),
            b"MDTM" => modified(arg),
            b"SITE" => self.site(&arg),
            b"LIST" | b"NLST" | b"RETR" => self.fetch(&command.verb, arg),
            b"PBSZ" | b"PROT" => say(550, "Permission denied."),
            b"GET" | b"POST" | b"HEAD" | b"OPTIONS" | b"CONNECT" => bye(500, "HTTP protocol commands not allowed."),
            _ if command.is_empty() => Do::Nothing,
            _ => self.change(command),
        }
    }

    /// What writes, and what nobody knows.
    fn change(&mut self, command: &Command) -> Do {
        let arg = command.arg.clone();
        let verb = &command.verb[..];
        let writes = [
            &b"STOR"[..],
            b"APPE",
            b"STOU",
            b"MKD",
            b"XMKD",
            b"RMD",
            b"XRMD",
            b"DELE",
            b"RNFR",
            b"RNTO",
        ];
        if !writes.contains(&verb) {
            return say(500, "Unknown command.");
        }
        if !self.config.write_enable {
            return say(550, "Permission denied.");
        }
        match verb {
            b"STOR" => self.store(arg, Store::Put),
            b"APPE" => self.store(arg, Store::Append),
            b"STOU" => self.store(arg, Store::Unique),
            b"MKD" | b"XMKD" => Do::Make(arg),
            b"RMD" | b"XRMD" => Do::RemoveDir(arg),
            b"DELE" => Do::Delete(arg),
            b"RNFR" => {
                self.rename_from.clear();
                Do::RenameFrom(arg)
            }
            _ if self.rename_from.is_empty() => say(503, "RNFR required first."),
            _ => Do::Rename {
                from: std::mem::take(&mut self.rename_from),
                to: arg,
            },
        }
    }

    /// The path of an RNFR exists.
    pub fn will_rename(&mut self, path: Vec<u8>) -> Reply {
        self.rename_from = path;
        Reply::new(350, "Ready for RNTO.")
    }

    fn fetch(&mut self, verb: &[u8], arg: Vec<u8>) -> Do {
        let from = if verb == b"RETR" {
            std::mem::take(&mut self.restart)
        } else {
            0
        };
        if self.data.is_none() {
            return say(425, "Use PORT or PASV first.");
        }
        match verb {
            b"LIST" => Do::List { arg, full: true },
            b"NLST" => Do::List { arg, full: false },
            _ if self.ascii && from != 0 => say(550, "No support for resume of ASCII transfer."),
            _ => Do::Retrieve { path: arg, from },
        }
    }

    fn store(&mut self, path: Vec<u8>, how: Store) -> Do {
        let from = std::mem::take(&mut self.restart);
        match self.data {
            None => say(425, "Use PORT or PASV first."),
            Some(_) => Do::Store { path, from, how },
        }
    }

    fn extended_passive(&mut self, arg: &[u8]) -> Do {
        match arg {
            _ if arg.eq_ignore_ascii_case(b"ALL") => {
                self.epsv_all = true;
                say(200, "EPSV ALL ok.")
            }
            b"" | b"1" | b"2" => self.listen(true),
            _ => say(522, "Bad network protocol."),
        }
    }

    fn listen(&mut self, extended: bool) -> Do {
        self.data = None;
        Do::Listen { extended }
    }

    fn aim(&mut self, target: Result<std::net::SocketAddr, Refused>, verb: &str) -> Do {
        self.data = None;
        let extended = verb == "EPRT";
        let refuse = |text: String, refused| Do::Aim {
            reply: Reply::new(500, &text),
            refused,
            extended,
        };
        match target {
            Ok(target) if target.ip().to_canonical() != self.peer || target.port() < 1024 => {
                refuse(format!("Illegal {verb} command."), Some(target.to_string()))
            }
            Ok(target) => {
                self.data = Some(Way::Active(target));
                let better = if extended { "EPSV" } else { "PASV" };
                let reply = Reply::new(200, &format!("{verb} command successful. Consider using {better}."));
                Do::Aim {
                    reply,
                    refused: None,
                    extended,
                }
            }
            Err(Refused::Protocol) => refuse("Bad EPRT protocol.".into(), None),
            Err(Refused::Form) => refuse(
                format!("{} {verb} command.", if extended { "Bad" } else { "Illegal" }),
                None,
            ),
        }
    }

    fn type_of(&mut self, arg: &[u8]) -> Do {
        match &arg.to_ascii_uppercase()[..] {
            b"I" | b"L8" | b"L 8" => {
                self.ascii = false;
                say(200, "Switching to Binary mode.")
            }
            b"A" | b"A N" => {
                self.ascii = true;
                say(200, "Switching to ASCII mode.")
            }
            _ => say(500, "Unrecognised TYPE command."),
        }
    }

    fn restart_at(&mut self, arg: &[u8]) -> Do {
        self.restart = whole(arg);
        Do::Say(Reply::new(
            350,
            &format!("Restart position accepted ({}).", self.restart),
        ))
    }

    fn site(&mut self, arg: &[u8]) -> Do {
        let (verb, rest) = split(arg, b' ');
        match &verb.to_ascii_uppercase()[..] {
            b"CHMOD" if self.config.write_enable => {
                let (mode, path) = split(rest, b' ');
                if path.is_empty() {
                    return say(500, "SITE CHMOD needs 2 arguments.");
                }
                Do::Chmod {
                    mode: octal(mode),
                    path: path.to_vec(),
                }
            }
            b"UMASK" if rest.is_empty() => Do::Say(Reply::new(
                200,
                &format!("Your current UMASK is {}", shown_octal(self.umask)),
            )),
            b"UMASK" => {
                self.umask = octal(rest) & 0o777;
                Do::Say(Reply::new(200, &format!("UMASK set to {}", shown_octal(self.umask))))
            }
            b"HELP" if self.config.write_enable => say(214, "CHMOD UMASK HELP"),
            b"HELP" => say(214, "UMASK HELP"),
            _ => say(500, "Unknown SITE command."),
        }
    }
}

fn say(code: u16, text: &str) -> Do {
    Do::Say(Reply::new(code, text))
}

fn bye(code: u16, text: &str) -> Do {
    Do::Bye(Reply::new(code, text))
}

fn options(arg: &[u8]) -> Do {
    if arg.eq_ignore_ascii_case(b"UTF8 ON") {
        say(200, "Always in UTF8 mode.")
    } else {
        say(501, "Option not understood.")
    }
}

/// `MDTM path` asks; `MDTM 20200102030405 path` sets.
fn modified(arg: Vec<u8>) -> Do {
    let (time, path) = split(&arg, b' ');
    if (time.len() == 8 || time.len() >= 14) && time.len() < arg.len() {
        return Do::SetModified(time.to_vec(), path.to_vec());
    }
    Do::Modified(arg)
}
