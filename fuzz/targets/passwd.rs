//! The files of accounts, which intruders change: what they hold stays, and nothing is added twice.
#![cfg_attr(feature = "libfuzzer", no_main)]

use decoy::hygiene::passwd;
use decoy::machine::{Account, secret};

fuzz::target!(run);

fn run(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let account = Account {
        name: "admin".into(),
        uid: 1000,
        gid: 1000,
        home: "/home/admin".into(),
        shell: "/bin/bash".into(),
    };
    let once = passwd::with_account(&text, &account, ",,,");
    assert_eq!(passwd::with_account(&once, &account, ",,,"), once);
    assert!(once.starts_with(&*text) && passwd::has(&once, "admin"));
    let set = passwd::with_secret(&text, "admin", "$y$x");
    assert_eq!(passwd::with_secret(&set, "admin", "$y$other"), set);
    let joined = passwd::with_member(&text, "sudo", "admin");
    assert_eq!(passwd::with_member(&joined, "sudo", "admin"), joined);
    passwd::group_id(&text, "sudo");
    assert!((100..1000).contains(&passwd::free_system_id(&text, &joined)));
    Account::find(&text, "root");
    secret::field_of(&text, "root");
}
