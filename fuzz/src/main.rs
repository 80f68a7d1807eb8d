//! `fuzz unpack TARGET FOLDER` and `fuzz pack TARGET FOLDER`: corpora from and into the form they are kept in.

use std::path::Path;
use std::process::ExitCode;

use fuzz::corpus;

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let outcome = match args[..] {
        ["unpack", name, folder] => corpus::unpack(name, Path::new(folder)),
        ["pack", name, folder] => corpus::pack(name, Path::new(folder)).map(|_| ()),
        _ => Err(std::io::Error::other(
            "say `unpack TARGET FOLDER` or `pack TARGET FOLDER`",
        )),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            use std::io::Write as _;
            let _ = writeln!(std::io::stderr(), "error: {error}");
            ExitCode::FAILURE
        }
    }
}
