//! The process of one service: a fork of PID 1 that goes on as a daemon of another name.

use std::os::fd::OwnedFd;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use model::detail::ConfigError;
use model::machine::ServiceSpec;
use nix::sys::signal::{SigSet, SigmaskHow, sigprocmask};
use nix::unistd::{Gid, Uid, setgid, setgroups, setsid, setuid};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

use crate::host;
use crate::machine::{Account, Machine};
use crate::report::{Place, Reporter};
use crate::services::Entry;
use crate::sys::{self, Title};

const UNAVAILABLE: i32 = 69;
const PANICKED: i32 = 101;

type Failure = Box<dyn std::error::Error>;

/// Serves until told to stop. Comes to the status the process is to end with.
pub(super) fn run(
    entry: &'static Entry,
    machine: Arc<Machine>,
    spec: ServiceSpec,
    pipe: OwnedFd,
    title: &Title,
) -> i32 {
    let live = || -> Result<i32, Failure> {
        let pipe = dress(entry, &spec, pipe, title)?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        tokio::task::LocalSet::new().block_on(&runtime, live(entry, machine, spec, pipe))
    };
    match catch_unwind(AssertUnwindSafe(live)) {
        Ok(Ok(code)) => code,
        Ok(Err(_)) => UNAVAILABLE,
        Err(_) => PANICKED,
    }
}

/// Takes off what was PID 1's and puts on the daemon's name.
fn dress(entry: &Entry, spec: &ServiceSpec, pipe: OwnedFd, title: &Title) -> Result<OwnedFd, Failure> {
    let pipe = sys::keep_only(pipe)?;
    sigprocmask(SigmaskHow::SIG_SETMASK, Some(&SigSet::empty()), None)?;
    setsid()?;
    let text = spec.text("title").unwrap_or(entry.title);
    title.set(text);
    sys::set_name(command_name(text));
    Ok(pipe)
}

async fn live(entry: &'static Entry, machine: Arc<Machine>, spec: ServiceSpec, pipe: OwnedFd) -> Result<i32, Failure> {
    let reporter = Reporter::over(pipe)?;
    tokio::task::spawn_local(reporter.clone().pump());
    let place = Place::service(spec.slug.clone());
    let code = match serve(entry, machine, spec, reporter.clone()).await {
        Ok(()) => 0,
        Err(error) => {
            let key = place.service.clone().into_owned();
            reporter.report(
                &place,
                ConfigError {
                    key,
                    error: error.to_string(),
                },
            );
            UNAVAILABLE
        }
    };
    reporter.close();
    Ok(code)
}

async fn serve(
    entry: &'static Entry,
    machine: Arc<Machine>,
    spec: ServiceSpec,
    reporter: Reporter,
) -> Result<(), Failure> {
    let (stop, stopped) = watch::channel(false);
    let mut terminate = signal(SignalKind::terminate())?;
    // Daemons read their configuration again on this one; they do not end.
    let mut hangup = signal(SignalKind::hangup())?;
    tokio::task::spawn_local(async move { while hangup.recv().await.is_some() {} });
    tokio::task::spawn_local(async move {
        terminate.recv().await;
        stop.send(true)
    });
    let listeners = host::bind(&spec)?;
    host::furnish(entry, &machine, &spec)?;
    if let Some(account) = entry.run_as.iter().find_map(|name| machine.account(name)) {
        become_user(&account)?;
    }
    Ok(host::serve(entry, machine, spec, reporter, listeners, stopped).await?)
}

/// Gives up root, and with it every capability.
fn become_user(account: &Account) -> Result<(), Failure> {
    let gid = Gid::from_raw(account.gid);
    setgroups(&[gid])?;
    setgid(gid)?;
    setuid(Uid::from_raw(account.uid))?;
    // The kernel makes a process readable again when its user changes.
    sys::hide()?;
    Ok(())
}

/// `sshd` of `sshd: /usr/sbin/sshd -D`, `vsftpd` of `/usr/sbin/vsftpd /etc/vsftpd.conf`.
fn command_name(title: &str) -> &str {
    let first = title.split([' ', '\0']).next().unwrap_or_default();
    let first = first.strip_suffix(':').unwrap_or(first);
    first.rsplit('/').next().unwrap_or(first)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_name_is_the_one_the_daemon_would_have() {
        let named = [
            ("sshd: /usr/sbin/sshd -D [listener] 0 of 10-100 startups", "sshd"),
            (
                "nginx: master process /usr/sbin/nginx -g daemon on; master_process on;",
                "nginx",
            ),
            ("/usr/sbin/vsftpd\0/etc/vsftpd.conf", "vsftpd"),
            ("/usr/bin/redis-server 0.0.0.0:6379", "redis-server"),
            ("", ""),
        ];
        for (title, name) in named {
            assert_eq!(command_name(title), name);
        }
    }
}
