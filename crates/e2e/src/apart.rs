//! Workers in processes of their own, over a NATS server.

use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use crate::grid::{grid, root, wait_for_word};

const PORT: &str = "14222";

/// A program that is killed with -9, at the latest when the test ends.
#[derive(Debug)]
pub struct Running(Child);

/// What a server keeps is gone with the folder of the one before.
#[derive(Debug)]
pub struct Nats {
    data: PathBuf,
}

// === impl Nats ===

impl Nats {
    /// Takes the workers of `decnet up` down, so that they can run apart.
    pub fn instead_of_one_process() -> Self {
        grid().stop_workers().expect("decnet up stops");
        let data = root().join("target/e2e/jetstream");
        let _ = std::fs::remove_dir_all(&data);
        Self { data }
    }

    /// The server, anew or again.
    pub fn serve(&self) -> Running {
        let mut command = Command::new("nats-server");
        command
            .args(["-js", "-a", "127.0.0.1", "-p", PORT, "-sd"])
            .arg(&self.data);
        Running::start("nats-server", &mut command, "Server is ready")
    }

    /// A worker by its command.
    pub fn work(&self, part: &str) -> Running {
        let server = format!("nats://127.0.0.1:{PORT}");
        let mut command = grid().command(&["--nats", &server, part]);
        Running::start(part, command.arg("--no-color"), "ready")
    }
}

// === impl Running ===

impl Running {
    fn start(name: &str, command: &mut Command, word: &str) -> Self {
        let path = root().join(format!("target/e2e/{name}.log"));
        let log = std::fs::File::create(&path).expect("a log file");
        command
            .stdin(Stdio::null())
            .stdout(log.try_clone().expect("a log file"))
            .stderr(log);
        let running = Self(command.spawn().unwrap_or_else(|error| panic!("{name}: {error}")));
        wait_for_word(word, &path).unwrap_or_else(|error| panic!("{name}: {error:#}"));
        running
    }

    pub fn kill(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.kill();
    }
}
