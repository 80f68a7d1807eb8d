//! A conversation over a small mailbox, however its bytes are cut.
#![cfg_attr(feature = "libfuzzer", no_main)]

use decoy::services::dovecot::imap::Imap;

fuzz::target!(run);

fn run(data: &[u8]) {
    fuzz::mailbox("imap", data, |tls| Box::new(Imap::new("Dovecot (Debian) ready.", tls)));
}
