//! Files of keys that may log in.
#![cfg_attr(feature = "libfuzzer", no_main)]

use decoy::hygiene::sshkey;
use decoy::services::ssh::keys;
use ssh::Key;

fuzz::target!(run);

fn run(data: &[u8]) {
    let key = Key {
        algorithm: "ssh-ed25519".into(),
        blob: data.get(..51).unwrap_or(data).to_vec(),
    };
    keys::lists(data, &key);
    assert_eq!(keys::fingerprint(data).len(), 50);
    sshkey::public_line(&String::from_utf8_lossy(data), "root@host");
}
