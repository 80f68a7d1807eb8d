//! A service process: a fork of PID 1 that goes on as a daemon of another name.

use std::fs::File;
use std::os::fd::OwnedFd;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use model::detail::ConfigError;
use model::machine::ServiceSpec;
use nix::errno::Errno;
use nix::sys::prctl::set_pdeathsig;
use nix::sys::signal::{SigSet, SigmaskHow, Signal, kill, raise, sigprocmask};
use nix::sys::wait::{WaitStatus, waitpid};
use nix::unistd::{Gid, Pid, Uid, getppid, setgid, setgroups, setsid, setuid};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;
use tokio::task::spawn_local;

use super::job::{Job, command_name};
use crate::host::{self, HostError, Listeners};
use crate::machine::{Account, Machine};
use crate::report::{Place, Reporter};
use crate::services::{self, Entry};
use crate::sys::{self, Title};

/// What the process ends with when it could not serve, and when it fell over.
const UNAVAILABLE: i32 = 69;
const PANICKED: i32 = 101;

/// Threads for what would hold up the loop: files, and password hashes, at 16 MiB each. They go soon, for the daemons
/// imitated have none, and are called what the process is.
const HELPERS: usize = 4;
const HELPERS_LINGER: Duration = Duration::from_secs(1);

type Failure = Box<dyn std::error::Error>;

/// A service whose ports are bound.
struct Door {
    entry: &'static Entry,
    spec: ServiceSpec,
    listeners: Listeners,
}

/// Serves until told to stop. Comes to the status the process is to end with.
pub(super) fn run(job: &Job, machine: &Arc<Machine>, pipe: OwnedFd, title: &Title) -> i32 {
    let life = || -> Result<i32, Failure> {
        let pipe = sys::keep_only(pipe)?;
        setsid()?;
        wear(title, &job.title);
        match open(job, machine) {
            Ok(doors) => enter(job, doors, machine, pipe, title),
            Err((slug, error)) => {
                let problem = ConfigError {
                    key: slug.clone(),
                    error: error.to_string(),
                };
                Reporter::start(File::from(pipe)).report(&Place::service(slug), problem);
                Ok(UNAVAILABLE)
            }
        }
    };
    match catch_unwind(AssertUnwindSafe(life)) {
        Ok(Ok(code)) => code,
        Ok(Err(_)) => UNAVAILABLE,
        Err(_) => PANICKED,
    }
}

/// Does what takes root.
fn open(job: &Job, machine: &Machine) -> Result<Vec<Door>, (String, HostError)> {
    let doors = job
        .services
        .iter()
        .filter_map(|spec| Some((services::entry(&spec.slug)?, spec)));
    let open = |(entry, spec): (&'static Entry, &ServiceSpec)| {
        let listeners = host::bind(spec)?;
        host::furnish(entry, machine, spec)?;
        Ok(Door {
            entry,
            spec: spec.clone(),
            listeners,
        })
    };
    doors
        .map(|door| open(door).map_err(|error| (door.1.slug.clone(), error)))
        .collect()
}

/// Serves, in a process of its own where the daemon has one for that.
fn enter(job: &Job, doors: Vec<Door>, machine: &Arc<Machine>, pipe: OwnedFd, title: &Title) -> Result<i32, Failure> {
    let account = doors
        .iter()
        .flat_map(|door| door.entry.run_as)
        .find_map(|name| machine.account(name));
    let machine = machine.clone();
    let Some(worker_title) = job.worker_title() else {
        return work(command_name(&job.title), doors, machine, pipe, account);
    };
    let heard: SigSet = [Signal::SIGTERM, Signal::SIGHUP, Signal::SIGCHLD].into_iter().collect();
    sigprocmask(SigmaskHow::SIG_SETMASK, Some(&heard), None)?;
    let worker = sys::fork(|| {
        wear(title, worker_title);
        work(command_name(worker_title), doors, machine, pipe, account).unwrap_or(UNAVAILABLE)
    })?;
    mind(worker, &heard)
}

/// A master's whole work: to end with its worker, as it ended.
fn mind(worker: Pid, heard: &SigSet) -> Result<i32, Failure> {
    loop {
        match heard.wait() {
            Ok(Signal::SIGTERM) => kill(worker, Signal::SIGTERM)?,
            Ok(Signal::SIGCHLD) => match waitpid(worker, None)? {
                WaitStatus::Exited(_, code) => return Ok(code),
                WaitStatus::Signaled(_, signal, _) => {
                    raise(signal)?;
                    return Ok(UNAVAILABLE);
                }
                _ => {}
            },
            Ok(_) | Err(Errno::EINTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
}

fn work(
    name: &str,
    doors: Vec<Door>,
    machine: Arc<Machine>,
    pipe: OwnedFd,
    account: Option<Account>,
) -> Result<i32, Failure> {
    sigprocmask(SigmaskHow::SIG_SETMASK, Some(&SigSet::empty()), None)?;
    let master = getppid();
    if let Some(account) = account {
        become_user(&account)?;
    }
    if master != Pid::from_raw(1) {
        // A change of user takes this back, so it comes after it.
        set_pdeathsig(Signal::SIGKILL)?;
        if getppid() != master {
            return Ok(UNAVAILABLE);
        }
    }
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .max_blocking_threads(HELPERS)
        .thread_keep_alive(HELPERS_LINGER)
        .thread_name(name)
        .build()?;
    tokio::task::LocalSet::new().block_on(&runtime, serve(doors, machine, pipe))
}

async fn serve(doors: Vec<Door>, machine: Arc<Machine>, pipe: OwnedFd) -> Result<i32, Failure> {
    let reporter = Reporter::over(pipe)?;
    spawn_local(reporter.clone().pump());
    let (stop, stopped) = watch::channel(false);
    let mut terminate = signal(SignalKind::terminate())?;
    // Daemons read their configuration again on this one; they do not end.
    let mut hangup = signal(SignalKind::hangup())?;
    spawn_local(async move { while hangup.recv().await.is_some() {} });
    spawn_local(async move {
        terminate.recv().await;
        stop.send(true)
    });
    let mut serving = tokio::task::JoinSet::new();
    for Door { entry, spec, listeners } in doors {
        let (machine, reporter, stopped) = (machine.clone(), reporter.clone(), stopped.clone());
        serving.spawn_local(async move {
            let slug = spec.slug.clone();
            let served = host::serve(entry, machine, spec, reporter.clone(), listeners, stopped).await;
            served.map_err(|error| {
                let problem = ConfigError {
                    key: slug.clone(),
                    error: error.to_string(),
                };
                reporter.report(&Place::service(slug), problem);
            })
        });
    }
    // The services of one daemon stand and fall together.
    let mut code = 0;
    while let (0, Some(ended)) = (code, serving.join_next().await) {
        code = match ended {
            Ok(Ok(())) => 0,
            Ok(Err(())) => UNAVAILABLE,
            Err(_) => PANICKED,
        };
    }
    reporter.close();
    Ok(code)
}

/// Shows itself as that daemon.
fn wear(title: &Title, text: &str) {
    title.set(text);
    sys::set_name(command_name(text));
}

/// Gives up root, and with it every capability.
fn become_user(account: &Account) -> Result<(), Failure> {
    let gid = Gid::from_raw(account.gid);
    setgroups(&[gid])?;
    setgid(gid)?;
    setuid(Uid::from_raw(account.uid))?;
    // Where `fs.suid_dumpable` is set the kernel has just made the process readable.
    sys::hide()?;
    Ok(())
}
