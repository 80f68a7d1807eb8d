//! A container's programs, run on the machine itself: what goes in, who hears what comes out, how they end.

mod place;

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::path::Path;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use model::detail::SessionStart;
use time::OffsetDateTime;
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::sync::mpsc::{self, UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::sync::{Semaphore, watch};

pub(in crate::services) use self::place::processes;
use self::place::{Bound, account, end_all, environment, find, is_shell};
use crate::conn::Log;
use crate::machine::Machine;
use crate::shell::session::{self, Ended, Input, Sink};
use crate::shell::tape::Tape;
use crate::shell::watch::Lookout;
use crate::shell::{self, Program, Terminal};

/// What a container said that is kept for `logs`.
const KEPT: usize = 256 << 10;
const CHUNK: usize = 16 << 10;
/// Chunks a listener may be behind.
const BEHIND: usize = 16;
/// Bytes on their way to a program.
const INPUT: usize = 1 << 20;
/// A program runs no longer.
const LIFETIME: Duration = Duration::from_secs(6 * 3600);
const MAX_COMMAND: usize = 2048;
const LOOK: Duration = Duration::from_millis(300);

/// Something said.
#[derive(Clone, Debug)]
pub(in crate::services) struct Said {
    pub err: bool,
    pub at: OffsetDateTime,
    pub bytes: Bytes,
}

/// One program, before, while and after it runs.
pub(in crate::services) struct Run {
    input: UnboundedSender<Input>,
    queued: Cell<Option<UnboundedReceiver<Input>>>,
    room: Arc<Semaphore>,
    heard: RefCell<Heard>,
    ended: watch::Sender<Option<i32>>,
}

#[derive(Default)]
struct Heard {
    log: VecDeque<Said>,
    bytes: usize,
    listeners: Vec<mpsc::Sender<Said>>,
}

/// What is to run.
#[derive(Clone, Debug)]
pub(in crate::services) struct Launch {
    pub argv: Vec<String>,
    pub env: Vec<String>,
    pub hostname: String,
    pub user: String,
    pub workdir: String,
    pub tty: bool,
    pub stdin: bool,
    /// Sources and destinations.
    pub binds: Vec<(String, String)>,
    /// All it started ends with it.
    pub is_first: bool,
}

/// Why a program does not run: what the runtime says of it, and the status a shell gives.
pub(in crate::services) type Refused = (String, i32);

/// The machine as its containers find it.
#[derive(Clone)]
pub(in crate::services) struct Ground {
    pub machine: Arc<Machine>,
    pub lookout: Arc<Lookout>,
}

// === impl Run ===

impl Run {
    pub(in crate::services) fn new() -> Rc<Self> {
        let (input, queued) = unbounded_channel();
        Rc::new(Self {
            input,
            queued: Cell::new(Some(queued)),
            room: Arc::new(Semaphore::new(INPUT)),
            heard: RefCell::default(),
            ended: watch::Sender::new(None),
        })
    }

    /// After an earlier one of the same container, whose words are kept.
    pub(in crate::services) fn after(earlier: &Self) -> Rc<Self> {
        let run = Self::new();
        std::mem::swap(&mut run.heard.borrow_mut().log, &mut earlier.heard.borrow_mut().log);
        run.heard.borrow_mut().bytes = earlier.heard.borrow().bytes;
        run
    }

    /// What comes from now on.
    pub(in crate::services) fn listen(&self) -> mpsc::Receiver<Said> {
        let (sender, receiver) = mpsc::channel(BEHIND);
        if self.ended.borrow().is_none() {
            self.heard.borrow_mut().listeners.push(sender);
        }
        receiver
    }

    pub(in crate::services) fn said(&self) -> Vec<Said> {
        self.heard.borrow().log.iter().cloned().collect()
    }

    /// Waits while too much is on its way already.
    pub(in crate::services) async fn feed(&self, bytes: &[u8]) {
        let permit = self
            .room
            .clone()
            .acquire_many_owned(bytes.len().min(INPUT) as u32)
            .await;
        let room = permit.ok().map(|permit| Box::new(permit) as session::Room);
        self.tell(Input::Bytes(Bytes::copy_from_slice(bytes), room));
    }

    /// A program that has ended hears nothing.
    pub(in crate::services) fn tell(&self, input: Input) {
        let _ = self.input.send(input);
    }

    pub(in crate::services) fn is_fresh(&self) -> bool {
        let queued = self.queued.take();
        let fresh = queued.is_some() && self.ended.borrow().is_none();
        self.queued.set(queued);
        fresh
    }

    /// How it ended, once it has; none when it never will.
    pub(in crate::services) fn end(&self) -> impl Future<Output = Option<i32>> + use<> {
        let mut ended = self.ended.subscribe();
        async move { ended.wait_for(Option::is_some).await.ok().and_then(|code| *code) }
    }

    pub(in crate::services) fn finish(&self, code: i32) {
        self.heard.borrow_mut().listeners.clear();
        self.ended.send_replace(Some(code));
    }

    fn keep(&self, said: &Said) {
        let mut heard = self.heard.borrow_mut();
        for line in said.bytes.split_inclusive(|byte| *byte == b'\n') {
            heard.bytes += line.len();
            let bytes = said.bytes.slice_ref(line);
            heard.log.push_back(Said { bytes, ..said.clone() });
        }
        while heard.bytes > KEPT {
            let Some(oldest) = heard.log.pop_front() else { break };
            heard.bytes -= oldest.bytes.len();
        }
    }

    async fn pump(&self, mut from: impl AsyncRead + Unpin, err: bool) {
        let mut buffer = vec![0; CHUNK];
        while let Ok(n @ 1..) = from.read(&mut buffer).await {
            let at = OffsetDateTime::now_utc();
            let bytes = Bytes::copy_from_slice(&buffer[..n]);
            let said = Said { err, at, bytes };
            self.keep(&said);
            let listeners = self.heard.borrow().listeners.clone();
            for listener in listeners {
                let _ = listener.send(said.clone()).await;
            }
            self.heard
                .borrow_mut()
                .listeners
                .retain(|listener| !listener.is_closed());
        }
    }
}

/// Starts it; `done` is called when it ended. Comes to its process id.
pub(in crate::services) fn launch(
    ground: &Ground,
    run: &Rc<Run>,
    launch: Launch,
    (log, sid): (&Log, String),
    done: impl FnOnce(i32) + 'static,
) -> Result<u32, Refused> {
    let machine = &ground.machine;
    let account = account(machine, &launch)?;
    let program = find(&launch)?;
    let bound = Bound::new(machine, &launch.binds);
    let environment = environment(machine, &launch, &account);
    let wanted = Terminal {
        term: "xterm".to_owned(),
        cols: 80,
        rows: 24,
        modes: Vec::new(),
    };
    let terminal = launch
        .tty
        .then(|| shell::open_terminal(machine, &account, &wanted).ok())
        .flatten();
    let arguments: Vec<&str> = launch.argv[1..].iter().map(String::as_str).collect();
    let start = SessionStart {
        sid,
        mode: if is_shell(&launch.argv) { "shell" } else { "exec" }.into(),
        user: account.name.clone(),
        term: if launch.tty { wanted.term.clone() } else { String::new() },
        cols: if launch.tty { wanted.cols } else { 0 },
        rows: if launch.tty { wanted.rows } else { 0 },
        command: Some(cut(&command(&launch.argv))),
    };
    let tape = Arc::new(Tape::begin(
        log.clone(),
        start,
        terminal.as_ref().map(shell::Waiting::master),
    ));
    let started = shell::start(
        machine,
        &account,
        Program::File(&program, &arguments),
        &environment,
        terminal,
    );
    let started = started.map_err(|error| {
        tape.end(None, "failed");
        let why = if error.kind() == std::io::ErrorKind::PermissionDenied {
            "permission denied"
        } else {
            "exec format error"
        };
        (format!("exec: \"{}\": {why}: unknown", launch.argv[0]), 126)
    })?;
    let pid = started.child.id().unwrap_or(0);
    let Some(input) = run.queued.take() else {
        return Ok(pid);
    };
    if !launch.stdin {
        run.tell(Input::End);
    }
    let visit = ground.lookout.enter(&account, log);
    let run = run.clone();
    tokio::task::spawn_local(async move {
        let (out, heard) = tokio::io::duplex(CHUNK);
        let (err, heard_err) = tokio::io::duplex(CHUNK);
        let (out, err): (Sink, Sink) = (Box::new(out), Box::new(err));
        let program = session::run(started, input, out, err, tape.clone(), Some(LIFETIME));
        let program = async {
            tokio::select! {
                ended = session::while_telling(program, &tape) => ended,
                () = clean_up(pid, launch.is_first) => Ended::PeerGone,
            }
        };
        let (ended, (), ()) = tokio::join!(program, run.pump(heard, false), run.pump(heard_err, true));
        session::end(&tape, ended);
        if launch.is_first {
            end_all(pid);
        }
        drop((visit, bound));
        done(code(ended));
    });
    Ok(pid)
}

/// The words of a command, those with blanks in quotes.
pub(in crate::services) fn command(argv: &[String]) -> String {
    let Some((first, rest)) = argv.split_first() else {
        return String::new();
    };
    let quoted = rest.iter().map(|word| match word.contains(' ') {
        true => format!("'{}'", word.replace('\'', "\\'")),
        false => word.clone(),
    });
    std::iter::once(first.clone())
        .chain(quoted)
        .collect::<Vec<_>>()
        .join(" ")
}

fn cut(text: &str) -> String {
    text[..text.floor_char_boundary(MAX_COMMAND)].to_owned()
}

/// Where the first of several programs has ended, ends the others; never returns.
async fn clean_up(pid: u32, is_first: bool) {
    loop {
        tokio::time::sleep(LOOK).await;
        let gone = !Path::new(&format!("/proc/{pid}")).exists();
        if is_first && gone {
            end_all(pid);
        }
    }
}

fn code(ended: Ended) -> i32 {
    use std::os::unix::process::ExitStatusExt;
    match ended {
        Ended::Exited(status) => status.code().unwrap_or_else(|| 128 + status.signal().unwrap_or(0)),
        Ended::PeerGone | Ended::TimeIsUp => 137,
    }
}
