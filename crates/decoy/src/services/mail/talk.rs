//! What a conversation over mailboxes takes in and gives out: bytes in, acts out.

use model::event::Fields;

use super::store::Store;

/// One client's conversation. After a login it is held in a thread with the user's rights.
pub trait Talk: Send {
    fn greeting(&mut self) -> Vec<Act>;

    fn received(&mut self, bytes: &[u8]) -> Vec<Act>;

    /// What came of the login that was asked for: the user and their mailboxes.
    fn answered(&mut self, login: Option<(String, Store)>) -> Vec<Act>;

    /// TLS stands. What was said before it does not count any more.
    fn secured(&mut self);

    /// Some seconds went by. Says what is new to those who wait for it.
    fn tick(&mut self) -> Vec<Act>;

    /// The peer said nothing for too long.
    fn expired(&mut self) -> Vec<Act>;
}

#[derive(Debug, PartialEq, Eq)]
pub enum Act {
    Say(Vec<u8>),
    Tell(&'static str, Fields),
    /// Whether it succeeds is to be answered.
    LogIn(Attempt),
    /// TLS begins; that it has is to be told.
    Secure,
    /// The peer brought a message: its name and bytes.
    Keep(String, Vec<u8>),
    Close,
}

/// One try to log in.
#[derive(Debug, PartialEq, Eq)]
pub struct Attempt {
    /// `plain`, `login`, `password`.
    pub method: &'static str,
    pub user: Vec<u8>,
    pub password: Vec<u8>,
    /// On behalf of somebody else, which nobody may.
    pub as_another: bool,
}

/// A login in steps (RFC 4422), as Dovecot takes it.
pub enum Sasl {
    Plain,
    LoginUser,
    LoginPassword(Vec<u8>),
}

/// What comes of an answer.
pub enum Heard {
    Ask(Sasl),
    Try(Attempt),
    /// No such thing can be right.
    Fail,
}

// === impl Sasl ===

impl Sasl {
    pub fn of(mechanism: &str) -> Option<Self> {
        match &mechanism.to_ascii_uppercase()[..] {
            "PLAIN" => Some(Self::Plain),
            "LOGIN" => Some(Self::LoginUser),
            _ => None,
        }
    }

    /// What the peer is asked, in base64.
    pub fn question(&self) -> &'static str {
        match self {
            Self::Plain => "",
            Self::LoginUser => "VXNlcm5hbWU6",
            Self::LoginPassword(_) => "UGFzc3dvcmQ6",
        }
    }

    pub fn heard(self, given: Vec<u8>) -> Heard {
        match self {
            Self::LoginUser if given.is_empty() => Heard::Fail,
            Self::LoginUser => Heard::Ask(Self::LoginPassword(given)),
            Self::LoginPassword(user) => Heard::Try(Attempt {
                method: "login",
                user,
                password: given,
                as_another: false,
            }),
            Self::Plain => {
                let mut parts = given.splitn(3, |&byte| byte == 0);
                match (parts.next(), parts.next(), parts.next()) {
                    (Some(another), Some(user), Some(password)) => Heard::Try(Attempt {
                        method: "plain",
                        user: user.to_vec(),
                        password: password.to_vec(),
                        as_another: !another.is_empty() && another != user,
                    }),
                    _ => Heard::Fail,
                }
            }
        }
    }
}
