//! The shortest conversation with a service that shows it works.

use std::io::{self, Read as _, Write as _};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use fleet::catalogue::Hello;

/// How long a service may take to answer.
const PATIENCE: Duration = Duration::from_secs(8);
/// An answer that goes on beyond this without what was expected does not hold it.
const ENOUGH: usize = 64 << 10;

/// Says hello and waits for the answer; what is wrong with it otherwise, in words.
pub(crate) fn say(mut stream: TcpStream, hello: &Hello) -> Result<(), String> {
    talk(&mut stream, hello).map_err(|error| match error.kind() {
        io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => format!("no answer within {} s", PATIENCE.as_secs()),
        _ => error.to_string(),
    })
}

fn talk(stream: &mut TcpStream, hello: &Hello) -> io::Result<()> {
    let started = Instant::now();
    stream.write_all(hello.send.as_bytes())?;
    let mut heard = Vec::new();
    let mut piece = [0; 4096];
    while !holds(&heard, hello.expect.as_bytes()) {
        let left = PATIENCE.checked_sub(started.elapsed()).ok_or(io::ErrorKind::TimedOut)?;
        stream.set_read_timeout(Some(left.max(Duration::from_millis(1))))?;
        let n = stream.read(&mut piece)?;
        if n == 0 || heard.len() > ENOUGH {
            let shown = heard[..heard.len().min(60)].escape_ascii().to_string();
            return Err(io::Error::other(format!(
                "it answered `{shown}`, not `{}`",
                hello.expect.escape_debug()
            )));
        }
        heard.extend_from_slice(&piece[..n]);
    }
    Ok(())
}

fn holds(heard: &[u8], expected: &[u8]) -> bool {
    heard.windows(expected.len().max(1)).any(|window| window == expected)
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    fn answered(with: &'static [u8], expect: &str) -> Result<(), String> {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let to = listener.local_addr().unwrap();
        let server = std::thread::spawn(move || listener.accept().unwrap().0.write_all(with).unwrap());
        let said = say(
            TcpStream::connect(to).unwrap(),
            &Hello {
                send: String::new(),
                expect: expect.to_owned(),
            },
        );
        server.join().unwrap();
        said
    }

    #[test]
    fn the_expected_answer_anywhere_in_what_is_said_is_enough() {
        assert_eq!(answered(b"\xff\xfd\x01host login: ", "login: "), Ok(()));
    }

    #[test]
    fn another_answer_is_shown() {
        let wrong = answered(b"220 hello\r\n", "SSH-2.0-").unwrap_err();
        assert!(wrong.contains("220 hello") && wrong.contains("SSH-2.0-"), "{wrong}");
    }
}
