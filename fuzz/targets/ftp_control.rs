//! FTP's control connection: lines however they are cut, and a login and its commands.
#![cfg_attr(feature = "libfuzzer", no_main)]

use decoy::services::ftp::core::{Config, Core, Do};
use decoy::services::ftp::line::Lines;

fuzz::target!(run);

fn run(data: &[u8]) {
    let whole = spoken(&[data]);
    assert_eq!(spoken(&fuzz::pieces(data)), whole);
}

fn spoken(pieces: &[&[u8]]) -> Vec<Do> {
    let config = Config {
        banner: "(vsFTPd 3.0.3)".into(),
        version: "3.0.3".into(),
        write_enable: true,
    };
    let (mut core, mut lines, mut all) = (Core::new(config, [192, 0, 2, 7].into()), Lines::default(), Vec::new());
    for piece in pieces {
        lines.feed(piece);
        loop {
            let Ok(next) = lines.take_next() else { return all };
            let Some(command) = next else { break };
            let what = core.take(&command);
            let over = matches!(what, Do::Bye(_));
            match &what {
                // A password with an x in it is wrong.
                Do::LogIn { password, .. } if core.tried(!password.contains(&b'x')).1 => return all,
                Do::RenameFrom(path) => drop(core.will_rename(path.clone())),
                _ => {}
            }
            all.push(what);
            if over {
                return all;
            }
        }
    }
    all
}
