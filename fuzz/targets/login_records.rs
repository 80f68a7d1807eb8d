//! Records of logins in files that intruders can write to.
#![cfg_attr(feature = "libfuzzer", no_main)]

use std::path::PathBuf;
use std::sync::LazyLock;

use decoy::machine::Machine;
use decoy::machine::login_records::Login;
use time::OffsetDateTime;

fuzz::target!(run);

static ROOT: LazyLock<PathBuf> = LazyLock::new(fuzz::machine_root);

fn run(data: &[u8]) {
    let (first, rest) = data.split_at(data.len().min(292 * 2));
    for (file, bytes) in [("run/utmp", data), ("var/log/wtmp", rest), ("var/log/lastlog", first)] {
        std::fs::write(ROOT.join(file), bytes).unwrap_or_else(|error| panic!("{error}"));
    }
    let machine = Machine::new(&*ROOT, fuzz::machine_spec());
    let text = String::from_utf8_lossy(first);
    let (user, line) = text.split_at(text.char_indices().nth(9).map_or(text.len(), |(at, _)| at));
    let login = Login {
        user: if user.len() % 2 == 0 {
            "root".into()
        } else {
            user.into()
        },
        line: line.into(),
        pid: 7,
        from: [192, 0, 2, 7].into(),
        at: OffsetDateTime::UNIX_EPOCH,
    };
    let outcome = machine
        .record_login(&login)
        .and_then(|_| machine.record_logout(&login, login.at));
    outcome.unwrap_or_else(|error| panic!("{error}"));
}
