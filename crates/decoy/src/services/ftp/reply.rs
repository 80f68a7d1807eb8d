//! Replies, in the product's words.

/// A reply as it goes over the wire.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply(pub Vec<u8>);

// === impl Reply ===

impl Reply {
    pub fn new(code: u16, text: &str) -> Self {
        Self::from_bytes(code, text.as_bytes())
    }

    /// One line; 0xFF is doubled and a newline sent as NUL, as telnet wants it.
    pub fn from_bytes(code: u16, text: &[u8]) -> Self {
        let mut line = format!("{code} ").into_bytes();
        for &byte in text {
            match byte {
                0xff => line.extend([0xff, 0xff]),
                b'\n' => line.push(0),
                _ => line.push(byte),
            }
        }
        line.extend(b"\r\n");
        Self(line)
    }

    pub fn raw(text: &str) -> Self {
        Self(text.as_bytes().to_vec())
    }

    /// `257 "/a ""b" and a text`: quotes are doubled.
    pub fn path(path: &[u8], text: &str) -> Self {
        Self::from_bytes(257, &[b"\"", &quoted(path)[..], b"\" ", text.as_bytes()].concat())
    }

    /// Of `STAT`.
    pub fn status(status: &Status<'_>) -> Self {
        Self::raw(&format!(
            "211-FTP server status:\r\n\
             \x20    Connected to {}\r\n\
             \x20    Logged in as {}\r\n\
             \x20    TYPE: {}\r\n\
             \x20    No session bandwidth limit\r\n\
             \x20    Session timeout in seconds is 300\r\n\
             \x20    Control connection is plain text\r\n\
             \x20    Data connections will be plain text\r\n\
             \x20    At session startup, client count was {}\r\n\
             \x20    vsFTPd {} - secure, fast, stable\r\n\
             211 End of status\r\n",
            status.peer,
            status.user,
            if status.ascii { "ASCII" } else { "BINARY" },
            status.clients,
            status.version,
        ))
    }

    pub fn status_of(lines: &[u8]) -> Self {
        Self([b"213-Status follows:\r\n", lines, b"213 End of status\r\n"].concat())
    }
}

pub struct Status<'a> {
    pub peer: String,
    pub user: &'a str,
    pub ascii: bool,
    pub clients: usize,
    pub version: &'a str,
}

fn quoted(path: &[u8]) -> Vec<u8> {
    path.iter()
        .flat_map(|&b| std::iter::repeat_n(b, if b == b'"' { 2 } else { 1 }))
        .collect()
}

pub mod texts {
    pub const FEATURES: &str =
        "211-Features:\r\n EPRT\r\n EPSV\r\n MDTM\r\n PASV\r\n REST STREAM\r\n SIZE\r\n TVFS\r\n211 End\r\n";
    pub const HELP: &str = "214-The following commands are recognized.\r\n \
         ABOR ACCT ALLO APPE CDUP CWD  DELE EPRT EPSV FEAT HELP LIST MDTM MKD\r\n \
         MODE NLST NOOP OPTS PASS PASV PORT PWD  QUIT REIN REST RETR RMD  RNFR\r\n \
         RNTO SITE SIZE SMNT STAT STOR STOU STRU SYST TYPE USER XCUP XCWD XMKD\r\n \
         XPWD XRMD\r\n214 Help OK.\r\n";
}
