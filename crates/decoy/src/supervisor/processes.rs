//! Signals, the processes they tell of, and what those say.

use std::time::{Duration, Instant};

use model::detail::{InitSignal, ServiceDied, ServiceKilled};
use model::event::Origin;
use nix::errno::Errno;
use nix::sys::signal::Signal;
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};

use super::roster::{Death, Ending, Pid};
use super::{Supervisor, signal};

/// Signals somebody in the machine sent to PID 1 are told once in so long.
const SIGNAL_REPORTS: Duration = Duration::from_secs(1);

impl Supervisor {
    pub(super) fn hear_signals(&mut self) {
        while let Ok(Some(info)) = self.signals.read_signal() {
            match Signal::try_from(info.ssi_signo as i32) {
                Ok(Signal::SIGCHLD) => self.reap(),
                // Sent from outside the machine: it has no process id in here.
                Ok(Signal::SIGTERM | Signal::SIGINT | Signal::SIGPWR) if info.ssi_pid == 0 => self.stop(),
                Ok(signal) if info.ssi_pid != 0 => self.tell_signal(signal, info.ssi_pid, info.ssi_uid),
                _ => {}
            }
        }
    }

    /// An intruder tried to stop the machine from within.
    fn tell_signal(&mut self, signal: Signal, pid: u32, uid: u32) {
        let now = Instant::now();
        if self
            .signal_told_at
            .is_none_or(|at| now.duration_since(at) >= SIGNAL_REPORTS)
        {
            self.signal_told_at = Some(now);
            let detail = InitSignal {
                signal: signal.as_str().into(),
                pid,
                uid,
            };
            self.outbox.report(self.spec.generation, "system", Origin::Peer, detail);
        }
    }

    /// Buries the dead: services, and the orphans every init inherits.
    fn reap(&mut self) {
        loop {
            let (pid, ending) = match waitpid(None, Some(WaitPidFlag::WNOHANG | WaitPidFlag::WUNTRACED)) {
                Ok(WaitStatus::Exited(pid, code)) => (pid.as_raw(), Ending::Exit(code)),
                Ok(WaitStatus::Signaled(pid, signal, _)) => (pid.as_raw(), Ending::Signal(signal as i32)),
                // A service that is held is as good as killed.
                Ok(WaitStatus::Stopped(pid, _)) if self.ears.contains_key(&pid.as_raw()) => {
                    signal(pid.as_raw(), Signal::SIGKILL);
                    continue;
                }
                Err(Errno::EINTR) => continue,
                Ok(WaitStatus::StillAlive) | Err(_) => return,
                Ok(_) => continue,
            };
            self.hear_service(pid, usize::MAX);
            self.forget_ear(pid);
            let machine = &self.machine;
            let pause = |title: &str, nth: u32| pause(machine.draw(&format!("{title}/pause/{nth}")));
            if let Some(death) = self.roster.ended(pid, ending, Instant::now(), pause) {
                self.tell_death(death);
            }
        }
    }

    fn tell_death(&mut self, death: Death) {
        let (generation, restart_in_ms) = (self.spec.generation, death.restart_in.as_millis() as u64);
        for slug in death.job.slugs() {
            let status = death.ending.to_string();
            if death.killed {
                self.outbox
                    .report(generation, slug, Origin::Peer, ServiceKilled { status, restart_in_ms });
            } else {
                self.outbox.report(
                    generation,
                    slug,
                    Origin::Internal,
                    ServiceDied { status, restart_in_ms },
                );
            }
        }
    }

    /// Takes up to `most` bytes of what a service says.
    pub(super) fn hear_service(&mut self, pid: Pid, most: usize) {
        let Some(ear) = self.ears.get_mut(&pid) else { return };
        let (outbox, generation) = (&mut self.outbox, self.spec.generation);
        let mut bytes = [0; 16 << 10];
        let mut taken = 0;
        while taken < most {
            match nix::unistd::read(&ear.pipe, &mut bytes) {
                Ok(0) => return self.forget_ear(pid),
                Ok(n) => {
                    ear.lines.feed(&bytes[..n], |line| outbox.pass(generation, line));
                    taken += n;
                }
                Err(Errno::EINTR) => {}
                Err(Errno::EAGAIN) => break,
                Err(_) => return self.forget_ear(pid),
            }
        }
        outbox.count_dropped(ear.lines.take_lost());
    }

    fn forget_ear(&mut self, pid: Pid) {
        if let Some(mut ear) = self.ears.remove(&pid) {
            self.outbox.count_dropped(ear.lines.end());
        }
    }
}

/// The time until somebody sees that a service is down and starts it: 30 to 300 s.
fn pause(draw: [u8; 32]) -> Duration {
    let [a, b, c, d, ..] = draw;
    Duration::from_millis(30_000 + u64::from(u32::from_le_bytes([a, b, c, d])) % 270_001)
}
