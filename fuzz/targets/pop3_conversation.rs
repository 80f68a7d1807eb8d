//! A conversation over a small mailbox, however its bytes are cut.
#![cfg_attr(feature = "libfuzzer", no_main)]

use decoy::services::dovecot::pop3::Pop3;

fuzz::target!(run);

fn run(data: &[u8]) {
    fuzz::mailbox("pop3", data, |tls| Box::new(Pop3::new("Dovecot (Debian) ready.", tls)));
}
