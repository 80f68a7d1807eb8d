//! PID 1 of a machine: one process a service, orders in on stdin, what happened out on stdout (deploy.md §7.3).
//!
//! One thread and one `poll`, so that it can fork; what is decided is decided in [`roster`] and [`outbox`].

mod child;
mod guard;
pub mod job;
pub mod lines;
mod orders;
pub mod outbox;
mod processes;
pub mod roster;
mod spec;

use std::collections::BTreeMap;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use model::detail::{ConfigError, InitReplaced};
use model::event::Origin;
use model::line::{Ack, Said};
use model::machine::MachineSpec;
use nix::errno::Errno;
use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{SigSet, SigmaskHow, Signal, kill, sigprocmask};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use nix::sys::stat::{Mode, umask};

use self::guard::Guard;
use self::job::Job;
use self::lines::Lines;
use self::outbox::Outbox;
use self::roster::{Move, Pid, Roster};
pub use self::spec::{SpecError, check, read_spec};
use crate::hygiene;
use crate::machine::Machine;
use crate::sys::{self, Title};

/// An order is at most so long: the largest carries a whole spec with its keys.
const MAX_ORDER: usize = 1 << 20;
/// From the order to stop to the end of the machine, at most.
const LAST_WORDS: Duration = Duration::from_millis(2_800);
/// Bytes taken from one service before the others have their turn.
const TURN: usize = 64 << 10;
const SIGNALS: [Signal; 7] = [
    Signal::SIGCHLD,
    Signal::SIGTERM,
    Signal::SIGINT,
    Signal::SIGPWR,
    Signal::SIGHUP,
    Signal::SIGUSR1,
    Signal::SIGUSR2,
];

struct Supervisor {
    title: Title,
    spec: MachineSpec,
    machine: Arc<Machine>,
    roster: Roster,
    /// What the service processes say.
    ears: BTreeMap<Pid, Ear>,
    orders: Option<Lines>,
    outbox: Outbox,
    signals: SignalFd,
    /// The host said the wall stands.
    gone_live: bool,
    /// The spec is in force as soon as the roster has settled.
    owes_ack: bool,
    ends_at: Option<Instant>,
    signal_told_at: Option<Instant>,
    guard: Guard,
    guards_at: Instant,
}

struct Ear {
    pipe: OwnedFd,
    lines: Lines,
}

#[derive(Clone, Copy)]
enum Source {
    Orders,
    Signals,
    Service(Pid),
    Outbox,
}

/// Runs the machine until it is told to stop. `spec` has passed [`check`].
pub fn run(spec: MachineSpec, title: Title) -> io::Result<ExitCode> {
    let mut supervisor = Supervisor::new(spec, title)?;
    supervisor.prepare();
    loop {
        supervisor.act(Instant::now());
        supervisor.outbox.pour(&mut Stdout);
        if supervisor.is_over(Instant::now()) {
            supervisor.close_down();
            return Ok(ExitCode::SUCCESS);
        }
        for source in supervisor.wait(Instant::now())? {
            match source {
                Source::Orders => supervisor.hear_orders(),
                Source::Signals => supervisor.hear_signals(),
                Source::Service(pid) => supervisor.hear_service(pid, TURN),
                Source::Outbox => {}
            }
        }
    }
}

// === impl Supervisor ===

impl Supervisor {
    fn new(spec: MachineSpec, title: Title) -> io::Result<Self> {
        umask(Mode::from_bits_truncate(0o022));
        sys::set_name(if spec.distro == "alpine" { "init" } else { "systemd" });
        let mask: SigSet = SIGNALS.into_iter().collect();
        sigprocmask(SigmaskHow::SIG_SETMASK, Some(&mask), None)?;
        let flags = OFlag::from_bits_retain(fcntl(io::stdout(), FcntlArg::F_GETFL)?);
        fcntl(io::stdout(), FcntlArg::F_SETFL(flags | OFlag::O_NONBLOCK))?;
        let boot = hex::encode(&uuid::Uuid::new_v4().as_bytes()[..4]);
        Ok(Self {
            title,
            machine: Arc::new(Machine::new("/", spec.clone())),
            spec,
            roster: Roster::default(),
            ears: BTreeMap::new(),
            orders: Some(Lines::new(MAX_ORDER)),
            outbox: Outbox::new(boot),
            signals: SignalFd::with_flags(&mask, SfdFlags::SFD_NONBLOCK | SfdFlags::SFD_CLOEXEC)?,
            gone_live: false,
            owes_ack: false,
            ends_at: None,
            signal_told_at: None,
            guard: Guard::new()?,
            guards_at: Instant::now() + guard::INTERVAL,
        })
    }

    /// Makes the file system what the spec says, as far as it can be.
    fn prepare(&mut self) {
        for problem in hygiene::prepare(&self.machine) {
            self.outbox
                .report(self.spec.generation, "system", Origin::Internal, problem);
        }
    }

    /// Does whatever is due.
    fn act(&mut self, now: Instant) {
        while let Some(next) = self.roster.next_move(now) {
            match next {
                Move::Start(job) => self.start(&job, now),
                Move::Stop(pid) => signal(pid, Signal::SIGTERM),
                Move::Kill(pid) => signal(pid, Signal::SIGKILL),
            }
        }
        if self.guards_at <= now {
            self.guards_at = now + guard::INTERVAL;
            self.guard_init();
        }
        if self.owes_ack && self.roster.is_settled() {
            self.owes_ack = false;
            self.answer(self.spec.generation, None);
        }
    }

    fn start(&mut self, job: &Job, now: Instant) {
        let forked = nix::unistd::pipe2(OFlag::O_CLOEXEC)
            .map_err(io::Error::from)
            .and_then(|(ours, theirs)| {
                fcntl(&ours, FcntlArg::F_SETFL(OFlag::O_NONBLOCK))?;
                let pid = sys::fork(|| child::run(job, &self.machine, theirs, &self.title))?;
                Ok((pid.as_raw(), ours))
            });
        match forked {
            Ok((pid, pipe)) => {
                self.roster.started(&job.title, pid, now);
                self.ears.insert(
                    pid,
                    Ear {
                        pipe,
                        lines: Lines::new(Said::MAX),
                    },
                );
            }
            Err(_) => self.roster.not_started(&job.title, now),
        }
    }

    /// An intruder must not become the first process at the next start.
    fn guard_init(&mut self) {
        match self.guard.restore() {
            Ok(false) => {}
            Ok(true) => self
                .outbox
                .report(self.spec.generation, "system", Origin::Peer, InitReplaced {}),
            Err(error) => {
                let problem = ConfigError {
                    key: "init".into(),
                    error: error.to_string(),
                };
                self.outbox
                    .report(self.spec.generation, "system", Origin::Internal, problem);
            }
        }
    }

    fn is_over(&mut self, now: Instant) -> bool {
        let Some(ends_at) = self.ends_at else { return false };
        let quiet = self.roster.is_empty() && self.ears.is_empty() && self.outbox.is_empty();
        quiet || ends_at <= now
    }

    /// Ends everybody else, and with nobody left to meddle sees to the next start.
    fn close_down(&mut self) {
        let _ = kill(nix::unistd::Pid::from_raw(-1), Signal::SIGKILL);
        self.guard_init();
        self.outbox.pour(&mut Stdout);
    }

    /// Sleeps until something happens or is due.
    fn wait(&self, now: Instant) -> io::Result<Vec<Source>> {
        let stdout = io::stdout();
        let mut sources = vec![(Source::Signals, PollFd::new(self.signals.as_fd(), PollFlags::POLLIN))];
        if self.orders.is_some() {
            sources.push((Source::Orders, PollFd::new(sys::stdin(), PollFlags::POLLIN)));
        }
        if !self.outbox.is_empty() {
            sources.push((Source::Outbox, PollFd::new(stdout.as_fd(), PollFlags::POLLOUT)));
        }
        if !self.outbox.is_full() {
            let ears = self.ears.iter();
            sources.extend(
                ears.map(|(pid, ear)| (Source::Service(*pid), PollFd::new(ear.pipe.as_fd(), PollFlags::POLLIN))),
            );
        }
        let (sources, mut fds): (Vec<_>, Vec<_>) = sources.into_iter().unzip();
        let until = [self.roster.wake_at(), self.ends_at, Some(self.guards_at)]
            .into_iter()
            .flatten()
            .min();
        match poll(&mut fds, timeout(until, now)) {
            Ok(_) | Err(Errno::EINTR) => {}
            Err(error) => return Err(error.into()),
        }
        let ready = |fd: &PollFd<'_>| fd.revents().is_some_and(|events| !events.is_empty());
        Ok(sources
            .into_iter()
            .zip(&fds)
            .filter(|(_, fd)| ready(fd))
            .map(|(source, _)| source)
            .collect())
    }

    fn answer(&mut self, generation: u64, error: Option<String>) {
        self.outbox
            .say(self.spec.generation, &Said::Ack(Ack { generation, error }));
    }
}

/// Descriptor 1 without a buffer of its own, which a fork would double.
struct Stdout;

impl io::Write for Stdout {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        Ok(nix::unistd::write(io::stdout(), bytes)?)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn signal(pid: Pid, signal: Signal) {
    let _ = kill(nix::unistd::Pid::from_raw(pid), signal);
}

fn timeout(until: Option<Instant>, now: Instant) -> PollTimeout {
    let Some(until) = until else { return PollTimeout::NONE };
    // Rounded up, or the loop would spin through the last millisecond.
    let millis = until.saturating_duration_since(now).as_millis().saturating_add(1);
    PollTimeout::try_from(i32::try_from(millis).unwrap_or(i32::MAX)).unwrap_or(PollTimeout::MAX)
}
