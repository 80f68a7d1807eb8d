//! Carries out what was answered.

use std::rc::Rc;
use std::time::Duration;

use bytes::Bytes;
use nix::sys::signal::Signal;
use time::OffsetDateTime;
use tokio::io::AsyncReadExt;

use super::answer::{Answer, LogWish, Streams, Until};
use super::session::Docker;
use super::store::Status;
use super::stream::{self, Manner};
use super::{archive, build, figures, lives, reply};
use crate::services::containers::{Run, Said};
use crate::services::golang::json::Object;
use crate::services::golang::{Reply, Request, Talk, Then, chunk, last_chunk};
use crate::shell::session::Input;

/// The status a reply will have, as far as it is known before.
pub(super) fn status(answer: &Answer) -> u16 {
    match answer {
        Answer::Reply(reply) | Answer::Stream(reply, _) | Answer::Silence(reply) => reply.status,
        Answer::Attach(..) | Answer::Exec(_, false) => 101,
        Answer::Start(_) | Answer::Stop(..) | Answer::Kill(..) | Answer::Remove(_) => 204,
        _ => 200,
    }
}

pub(super) async fn perform(docker: &Rc<Docker>, talk: &mut Talk, request: &Request, answer: Answer) -> Then {
    match answer {
        Answer::Reply(reply) => send(talk, request, &reply).await,
        Answer::Stream(head, steps) => {
            let mut then = talk.send(&head.render_stream(request, OffsetDateTime::now_utc())).await;
            for (wait, bytes) in steps {
                tokio::time::sleep(Duration::from_millis(wait)).await;
                then = talk.send(&chunked(request, &bytes)).await;
                if then == Then::Over {
                    return then;
                }
            }
            end_chunks(talk, request, then).await
        }
        Answer::Silence(head) => {
            talk.send(&head.render_stream(request, OffsetDateTime::now_utc())).await;
            while talk.read().await > 0 {
                talk.reader.take_rest();
            }
            Then::Over
        }
        Answer::Start(id) => {
            let reply = lives::start(docker, talk, &id);
            send(talk, request, &reply).await
        }
        Answer::Stop(id, patience) => {
            lives::stop(docker, &id, patience).await;
            nothing(docker, talk, request).await
        }
        Answer::Kill(id, signal) => {
            docker
                .run(&id)
                .tell(Input::Signal(Signal::try_from(signal).unwrap_or(Signal::SIGKILL)));
            if signal == 9 || signal == 15 {
                lives::stop(docker, &id, 0).await;
            }
            nothing(docker, talk, request).await
        }
        Answer::Remove(id) => {
            lives::stop(docker, &id, 0).await;
            docker.store.borrow_mut().containers.retain(|one| one.id != id);
            docker.runs.borrow_mut().remove(&id);
            nothing(docker, talk, request).await
        }
        Answer::Wait(id, until) => wait(docker, talk, request, &id, until).await,
        Answer::Attach(id, streams) => attach(docker, talk, request, &id, streams).await,
        Answer::Exec(id, detached) => lives::exec(docker, talk, request, &id, detached).await,
        Answer::Resize(id, cols, rows) => {
            docker.run(&id).tell(Input::Resize(cols, rows));
            let reply = reply::plain(&docker.store.borrow(), 200, "");
            send(talk, request, &reply).await
        }
        Answer::Logs(id, wish) => logs(docker, talk, request, &id, wish).await,
        Answer::Top(id) => {
            let reply = figures::top(docker, &id);
            send(talk, request, &reply).await
        }
        Answer::Stats(id, streamed) => figures::stats(docker, talk, request, &id, streamed).await,
        Answer::Read(path, whole) => archive::send(docker, talk, request, &path, whole).await,
        Answer::Write(path) => archive::receive(docker, talk, request, &path).await,
        Answer::Build(wish) => build::build(docker, talk, request, wish).await,
    }
}

pub(super) async fn send(talk: &mut Talk, request: &Request, reply: &Reply) -> Then {
    talk.send(&reply.render(request, OffsetDateTime::now_utc())).await
}

async fn nothing(docker: &Docker, talk: &mut Talk, request: &Request) -> Then {
    let reply = reply::plain(&docker.store.borrow(), 204, "");
    send(talk, request, &reply).await
}

/// A piece of a body that goes on; HTTP/1.0 knows no chunks.
pub(super) fn chunked(request: &Request, bytes: &[u8]) -> Vec<u8> {
    match (bytes.is_empty(), request.minor) {
        (true, _) => Vec::new(),
        (_, 0) => bytes.to_vec(),
        _ => chunk(bytes),
    }
}

pub(super) async fn end_chunks(talk: &mut Talk, request: &Request, then: Then) -> Then {
    if then == Then::Over || request.minor == 0 {
        return Then::Over;
    }
    talk.send(last_chunk()).await
}

async fn wait(docker: &Docker, talk: &mut Talk, request: &Request, id: &str, until: Until) -> Then {
    let (head, over) = {
        let store = docker.store.borrow();
        let one = store.container(id);
        let over = one
            .filter(|one| until == Until::NotRunning && one.status != Status::Running)
            .map(|one| one.exit_code);
        (
            reply::with_headers(&store, Reply::new(200, "")).with("Content-Type", "application/json"),
            over,
        )
    };
    let end = docker.run(id).end();
    let then = talk.send(&head.render_stream(request, OffsetDateTime::now_utc())).await;
    let mut buffer = [0; 512];
    let code = match over {
        Some(code) => Some(code),
        None => {
            tokio::pin!(end);
            loop {
                tokio::select! {
                    code = &mut end => break code,
                    read = talk.stream.read(&mut buffer) => match read {
                        Ok(n @ 1..) => talk.reader.push(&buffer[..n]),
                        _ => break None,
                    },
                }
            }
        }
    };
    let body = match code {
        Some(code) => Object::new().raw("Error", "null").put("StatusCode", code),
        None => Object::new()
            .raw("Error", "{\"Message\":\"context canceled\"}")
            .put("StatusCode", -1),
    };
    talk.send(&chunked(request, (body.end() + "\n").as_bytes())).await;
    end_chunks(talk, request, then).await
}

async fn attach(docker: &Docker, talk: &mut Talk, request: &Request, id: &str, wish: Streams) -> Then {
    let (tty, stdin) = match docker.store.borrow().container(id) {
        Some(one) => (one.tty, one.open_stdin && wish.stdin),
        None => return Then::Over,
    };
    let run = docker.run(id);
    let heard = run.listen();
    let manner = Manner {
        tty,
        out: wish.out,
        err: wish.err,
        timestamps: false,
    };
    let mut then = talk.send(stream::hijacked(request)).await;
    if wish.logs {
        for said in before(docker, id, &run) {
            then = talk.send(&manner.frame(&said)).await;
        }
    }
    if then == Then::Over || !wish.stream {
        return Then::Over;
    }
    stream::relay(talk, &run, heard, manner, stdin).await
}

/// What a container has said so far.
fn before(docker: &Docker, id: &str, run: &Run) -> Vec<Said> {
    let store = docker.store.borrow();
    let one = store.container(id);
    let at = one.and_then(|one| one.started).unwrap_or(OffsetDateTime::UNIX_EPOCH);
    let lines = one
        .and_then(|one| one.said)
        .into_iter()
        .flat_map(|text| text.split_inclusive('\n'));
    let mut all: Vec<Said> = lines
        .map(|line| Said {
            err: false,
            at,
            bytes: Bytes::from_static(line.as_bytes()),
        })
        .collect();
    all.extend(run.said());
    all
}

async fn logs(docker: &Docker, talk: &mut Talk, request: &Request, id: &str, wish: LogWish) -> Then {
    let (head, tty, running) = {
        let store = docker.store.borrow();
        let one = store.container(id);
        let running = one.is_some_and(|one| one.status == Status::Running);
        (
            reply::with_headers(&store, Reply::new(200, "")),
            one.is_some_and(|one| one.tty),
            running,
        )
    };
    let run = docker.run(id);
    let mut heard = run.listen();
    let manner = Manner {
        tty,
        out: wish.out,
        err: wish.err,
        timestamps: wish.timestamps,
    };
    let mut then = talk.send(&head.render_stream(request, OffsetDateTime::now_utc())).await;
    let all = before(docker, id, &run);
    for said in &all[all.len().saturating_sub(wish.tail)..] {
        then = talk.send(&chunked(request, &manner.frame(said))).await;
    }
    let mut buffer = [0; 512];
    while wish.follow && running && then == Then::On {
        tokio::select! {
            said = heard.recv() => match said {
                Some(said) => then = talk.send(&chunked(request, &manner.frame(&said))).await,
                None => break,
            },
            read = talk.stream.read(&mut buffer) => match read {
                Ok(n @ 1..) => talk.reader.push(&buffer[..n]),
                _ => return Then::Over,
            },
        }
    }
    end_chunks(talk, request, then).await
}
