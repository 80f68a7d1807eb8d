//! How containers and the commands in them begin and end.

use std::rc::Rc;
use std::time::Duration;

use nix::sys::signal::Signal;
use serde_json::json;
use time::OffsetDateTime;

use super::perform::send;
use super::record::{Record, short, shorts};
use super::reply;
use super::session::Docker;
use super::store::Status;
use super::stream::{self, Manner};
use crate::services::containers::{self, Launch, Run, Said};
use crate::services::golang::{Reply, Request, Talk, Then};
use crate::shell::session::Input;

/// Starts a container that is there and does not run.
pub(super) fn start(docker: &Rc<Docker>, talk: &Talk, id: &str) -> Reply {
    let mut store = docker.store.borrow_mut();
    let Some(one) = store.container(id).cloned() else {
        return reply::error(&store, None, (404, format!("No such container: {id}")));
    };
    let mut run = docker.run(id);
    if !run.is_fresh() {
        run = Run::after(&run);
        docker.runs.borrow_mut().insert(id.to_owned(), run.clone());
    }
    let argv = one.argv(store.image(&one.image_id));
    talk.tell(vec![Record::new(
        "container_start",
        json!({
            "container": one.short(), "name": one.name, "image": short(&one.image), "cmd": shorts(&argv),
        }),
    )]);
    let launch = Launch {
        argv,
        env: one.env.clone(),
        hostname: one.hostname.clone(),
        user: one.user.clone(),
        workdir: one.workdir.clone(),
        tty: one.tty,
        stdin: one.open_stdin,
        binds: one.host.binds(),
        is_first: true,
    };
    let now = OffsetDateTime::now_utc();
    let ended = {
        let (docker, run, id) = (docker.clone(), run.clone(), id.to_owned());
        move |code| ended(&docker, &run, &id, code)
    };
    // Those that were here before run in their own way.
    let started = match one.said {
        Some(_) => Ok(one.pid + 3),
        None => containers::launch(&docker.ground, &run, launch, (&talk.log, talk.sid()), ended),
    };
    let auto_remove = one.host.flag("AutoRemove");
    let changed = store.container_mut(id);
    match (started, changed) {
        (Ok(pid), Some(one)) => {
            (one.status, one.pid, one.started, one.exit_code) = (Status::Running, pid, Some(now), 0);
            reply::plain(&store, 204, "")
        }
        (Err((why, code)), Some(one)) => {
            let why = match code {
                125 => why,
                _ => format!(
                    "failed to create shim task: OCI runtime create failed: runc create failed: unable to start container process: {why}"
                ),
            };
            (one.exit_code, one.error) = (code, why.clone());
            if auto_remove {
                store.containers.retain(|one| one.id != id);
                docker.runs.borrow_mut().remove(id);
            }
            run.finish(code);
            reply::error(&store, None, (if matches!(code, 125 | 127) { 400 } else { 500 }, why))
        }
        _ => reply::plain(&store, 204, ""),
    }
}

/// A container's first program has ended.
fn ended(docker: &Docker, run: &Run, id: &str, code: i32) {
    let mut store = docker.store.borrow_mut();
    let mut gone = false;
    if let Some(one) = store.container_mut(id) {
        (one.status, one.pid, one.exit_code, one.finished) = (Status::Exited, 0, code, Some(OffsetDateTime::now_utc()));
        gone = one.host.flag("AutoRemove");
    }
    if gone {
        store.containers.retain(|one| one.id != id);
        docker.runs.borrow_mut().remove(id);
    }
    run.finish(code);
}

/// Asks it to end, and ends it when it has not in so many seconds.
pub(super) async fn stop(docker: &Docker, id: &str, patience: u64) {
    let found = docker
        .store
        .borrow()
        .container(id)
        .map(|one| (one.status, one.said.is_some()));
    let Some((Status::Running | Status::Paused, was_here)) = found else {
        return;
    };
    if was_here {
        let mut store = docker.store.borrow_mut();
        if let Some(one) = store.container_mut(id) {
            (one.status, one.exit_code, one.finished) = (Status::Exited, 0, Some(OffsetDateTime::now_utc()));
        }
        drop(store);
        docker.run(id).finish(0);
        return;
    }
    let run = docker.run(id);
    run.tell(Input::Signal(if patience == 0 {
        Signal::SIGKILL
    } else {
        Signal::SIGTERM
    }));
    let patience = Duration::from_secs(patience.clamp(1, 60));
    if tokio::time::timeout(patience, run.end()).await.is_err() {
        run.tell(Input::Signal(Signal::SIGKILL));
        let _ = tokio::time::timeout(Duration::from_secs(5), run.end()).await;
    }
}

pub(super) async fn exec(docker: &Rc<Docker>, talk: &mut Talk, request: &Request, id: &str, detached: bool) -> Then {
    let Some(exec) = docker.store.borrow().execs.iter().find(|one| one.id == id).cloned() else {
        return Then::Over;
    };
    let run = docker.run(id);
    if exec.running || exec.exit_code.is_some() || !run.is_fresh() {
        let why = format!("Error: Exec command {id} has already run");
        let reply = reply::error(&docker.store.borrow(), None, (409, why));
        return send(talk, request, &reply).await;
    }
    let heard = run.listen();
    let (hostname, binds) = docker
        .store
        .borrow()
        .container(&exec.container)
        .map_or_else(Default::default, |one| (one.hostname.clone(), one.host.binds()));
    let launch = Launch {
        argv: exec.argv.clone(),
        env: exec.env.clone(),
        hostname,
        user: exec.user.clone(),
        workdir: exec.workdir.clone(),
        tty: exec.tty,
        stdin: exec.attach[0] && !detached,
        // They are there already while it runs.
        binds: if detached { Vec::new() } else { binds },
        is_first: false,
    };
    let done = {
        let (docker, run, id) = (docker.clone(), run.clone(), id.to_owned());
        move |code| {
            if let Some(exec) = docker.store.borrow_mut().exec_mut(&id) {
                (exec.running, exec.exit_code) = (false, Some(code));
            }
            docker.runs.borrow_mut().remove(&id);
            run.finish(code);
        }
    };
    let started = containers::launch(&docker.ground, &run, launch, (&talk.log, talk.sid()), done);
    if let Some(exec) = docker.store.borrow_mut().exec_mut(id) {
        match &started {
            Ok(pid) => (exec.running, exec.pid) = (true, *pid),
            Err(_) => exec.exit_code = Some(126),
        }
    }
    if detached {
        let reply = reply::plain(&docker.store.borrow(), 200, "");
        return send(talk, request, &reply).await;
    }
    talk.send(stream::hijacked(request)).await;
    let manner = Manner {
        tty: exec.tty,
        out: exec.attach[1],
        err: exec.attach[2],
        timestamps: false,
    };
    match started {
        Ok(_) => stream::relay(talk, &run, heard, manner, exec.attach[0]).await,
        Err((why, _)) => {
            run.finish(126);
            let text = format!("OCI runtime exec failed: exec failed: unable to start container process: {why}\r\n");
            let said = Said {
                err: false,
                at: OffsetDateTime::now_utc(),
                bytes: text.into(),
            };
            talk.send(&manner.frame(&said)).await;
            Then::Over
        }
    }
}
