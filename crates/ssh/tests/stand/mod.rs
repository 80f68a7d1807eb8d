//! A server on a loopback port over the core, that runs what it is asked to with a shell.
#![allow(dead_code)]

use std::collections::HashMap;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Command, ExitStatus, Output, Stdio};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};

use ssh::{Attempt, Event, Exit, HostKey, Moduli, Opening, Profile, Random, Refusal, Request, Server, Stream, Verdict};

pub(crate) const PASSWORD: &str = "sesame";

/// As sshd has it.
const MAX_SESSIONS: u32 = 10;

pub(crate) struct Stand {
    pub(crate) port: u16,
    pub(crate) folder: tempfile::TempDir,
    events: Arc<Mutex<Vec<Event>>>,
}

/// From the threads of one connection to its loop.
enum Note {
    Bytes(Vec<u8>),
    Gone,
    Output(u32, Stream, Vec<u8>),
    /// So many bytes of input were written.
    Taken(u32, usize),
    Exited(u32, ExitStatus),
}

struct Urandom;

impl Random for Urandom {
    fn fill(&mut self, bytes: &mut [u8]) {
        let mut file = std::fs::File::open("/dev/urandom").unwrap();
        file.read_exact(bytes).unwrap();
    }
}

// === impl Stand ===

impl Stand {
    pub(crate) fn new(version: &str, renew_after: Option<u64>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let keys = ["rsa", "ecdsa", "ed25519"].map(|kind| {
            let path = folder.path().join(kind);
            let mut keygen = Command::new("ssh-keygen");
            let made = keygen.args(["-q", "-t", kind, "-N", "", "-f"]).arg(&path).status();
            assert!(made.unwrap().success());
            HostKey::parse(&std::fs::read_to_string(path).unwrap()).unwrap()
        });
        let profile = Arc::new(Profile {
            version: version.to_owned(),
            release: ssh::release::of(version),
            keys: keys.into(),
            methods: ["publickey", "password", "keyboard-interactive"]
                .map(str::to_owned)
                .into(),
            moduli: Moduli::default(),
            renew_after,
        });
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let events = Arc::<Mutex<Vec<Event>>>::default();
        let seen = events.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let (profile, seen) = (profile.clone(), seen.clone());
                std::thread::spawn(move || Link::new(stream.unwrap(), profile, seen).run());
            }
        });
        Self { port, folder, events }
    }

    /// Runs a shell line, with the port and the folder filled in.
    pub(crate) fn run(&self, line: &str) -> Output {
        let line = line
            .replace("{port}", &self.port.to_string())
            .replace("{folder}", &self.folder.path().display().to_string())
            .replace("{password}", PASSWORD);
        let mut shell = Command::new("timeout");
        shell.args(["60", "bash", "-c", &line]).stdin(Stdio::null());
        shell.output().unwrap()
    }

    /// What a line wrote, which must end well.
    pub(crate) fn must(&self, line: &str) -> String {
        let out = self.run(line);
        let text = String::from_utf8_lossy(&out.stdout).into_owned();
        assert!(
            out.status.success(),
            "{line}: {text}{}",
            String::from_utf8_lossy(&out.stderr)
        );
        text
    }

    pub(crate) fn events(&self) -> Vec<Event> {
        self.events.lock().unwrap().clone()
    }
}

/// One connection.
struct Link {
    stream: TcpStream,
    server: Server<Urandom>,
    notes: (Sender<Note>, Receiver<Note>),
    inputs: HashMap<u32, Option<Sender<Vec<u8>>>>,
    /// Output a channel had no room for, and what its program ended with.
    waiting: Vec<(u32, Stream, Vec<u8>)>,
    exited: Vec<(u32, ExitStatus)>,
    events: Arc<Mutex<Vec<Event>>>,
}

// === impl Link ===

impl Link {
    fn new(stream: TcpStream, profile: Arc<Profile>, events: Arc<Mutex<Vec<Event>>>) -> Self {
        Self {
            stream,
            server: Server::new(profile, Urandom),
            notes: channel(),
            inputs: HashMap::new(),
            waiting: Vec::new(),
            exited: Vec::new(),
            events,
        }
    }

    fn run(mut self) {
        let mut reading = self.stream.try_clone().unwrap();
        let notes = self.notes.0.clone();
        std::thread::spawn(move || {
            let mut buffer = vec![0; 8192];
            while let Ok(n @ 1..) = reading.read(&mut buffer) {
                if notes.send(Note::Bytes(buffer[..n].to_vec())).is_err() {
                    return;
                }
            }
            let _ = notes.send(Note::Gone);
        });
        loop {
            self.settle();
            if self.server.is_over() {
                // The reading thread has it open, too.
                let _ = self.stream.shutdown(std::net::Shutdown::Both);
                return;
            }
            match self.notes.1.recv().unwrap() {
                Note::Gone => return,
                Note::Bytes(bytes) => {
                    let mut rest = bytes.as_slice();
                    while !rest.is_empty() {
                        let taken = self.server.receive(rest);
                        rest = &rest[taken..];
                        self.settle();
                    }
                }
                Note::Output(channel, stream, bytes) => self.waiting.push((channel, stream, bytes)),
                Note::Taken(channel, bytes) => self.server.consumed(channel, bytes),
                Note::Exited(channel, status) => self.exited.push((channel, status)),
            }
        }
    }

    /// Handles events, sends what can be sent.
    fn settle(&mut self) {
        loop {
            while let Some(event) = self.server.event() {
                self.events.lock().unwrap().push(event.clone());
                self.handle(event);
            }
            let waiting = std::mem::take(&mut self.waiting);
            for (channel, stream, bytes) in waiting {
                let sent = self.server.send(channel, stream, &bytes);
                if sent < bytes.len() {
                    self.waiting.push((channel, stream, bytes[sent..].to_vec()));
                }
            }
            let waiting = &self.waiting;
            let (done, still) = std::mem::take(&mut self.exited)
                .into_iter()
                .partition(|(channel, _)| waiting.iter().all(|(other, ..)| channel != other));
            self.exited = still;
            let done: Vec<(u32, ExitStatus)> = done;
            for (channel, status) in done {
                let exit = match status.code() {
                    Some(code) => Exit::Status(code as u32),
                    None => Exit::Signal {
                        name: "KILL",
                        core_dumped: false,
                    },
                };
                self.server.finish(channel, Some(exit));
            }
            let output = self.server.output().to_vec();
            if output.is_empty() || self.stream.write_all(&output).is_err() {
                return;
            }
            self.server.sent(output.len());
        }
    }

    fn handle(&mut self, event: Event) {
        match event {
            Event::Tried { attempt, .. } => self.server.judge(match attempt {
                Attempt::Password(password) if password == PASSWORD.as_bytes() => Verdict::Accept,
                Attempt::Offered(_) | Attempt::Signed(_) => Verdict::Accept,
                Attempt::Dialogue => Verdict::Ask("Password: "),
                Attempt::Answers(answers) if answers == [PASSWORD.as_bytes()] => Verdict::Accept,
                _ => Verdict::Refuse,
            }),
            Event::Opening { channel, opening } => self.server.open(
                channel,
                match opening {
                    Opening::Session if channel < MAX_SESSIONS => Ok(()),
                    Opening::Session => Err(Refusal::Failed),
                    Opening::DirectTcp { ref host, .. } if host == "127.0.0.1" => Err(Refusal::ConnectFailed),
                    _ => Err(Refusal::Prohibited),
                },
            ),
            Event::Requested { channel, request } => {
                let line = match request {
                    Request::Exec(line) => Some(String::from_utf8(line).unwrap()),
                    Request::Shell => Some("bash".to_owned()),
                    Request::Subsystem(name) if name == "sftp" => Some("/usr/lib/openssh/sftp-server".to_owned()),
                    Request::Subsystem(_) => None,
                    Request::Variable { name, .. } => {
                        return self.server.answer(name == "LANG" || name.starts_with("LC_"));
                    }
                    _ => return self.server.answer(true),
                };
                self.server.answer(line.is_some());
                if let Some(line) = line {
                    self.start(channel, &line);
                }
            }
            Event::Forward { .. } => self.server.answer(false),
            Event::Data { channel, bytes } => {
                if let Some(Some(input)) = self.inputs.get(&channel) {
                    let _ = input.send(bytes);
                }
            }
            Event::Ended { channel } | Event::Closed { channel } => {
                self.inputs.insert(channel, None);
            }
            Event::Identified(_) | Event::Rejected { .. } | Event::Proposed(_) => {}
        }
    }

    fn start(&mut self, id: u32, line: &str) {
        let mut shell = Command::new("bash");
        let shell = shell.args(["-c", line]).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = shell.stderr(Stdio::piped()).spawn().unwrap();
        let (sender, input) = channel::<Vec<u8>>();
        let (mut stdin, told) = (child.stdin.take().unwrap(), self.notes.0.clone());
        std::thread::spawn(move || {
            for bytes in input {
                if stdin.write_all(&bytes).is_ok() {
                    let _ = told.send(Note::Taken(id, bytes.len()));
                }
            }
        });
        self.inputs.insert(id, Some(sender));
        let notes = self.notes.0.clone();
        let out = pump(id, Stream::Out, child.stdout.take().unwrap(), notes.clone());
        let err = pump(id, Stream::Err, child.stderr.take().unwrap(), notes.clone());
        std::thread::spawn(move || {
            out.join().unwrap();
            err.join().unwrap();
            let _ = notes.send(Note::Exited(id, child.wait().unwrap()));
        });
    }
}

fn pump(
    id: u32,
    stream: Stream,
    mut from: impl Read + Send + 'static,
    notes: Sender<Note>,
) -> std::thread::JoinHandle<()> {
    std::thread::spawn(move || {
        let mut buffer = vec![0; 30_000];
        while let Ok(n @ 1..) = from.read(&mut buffer) {
            if notes.send(Note::Output(id, stream, buffer[..n].to_vec())).is_err() {
                return;
            }
        }
    })
}
