//! The machine's one API server, and a task for each of its clients.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;
use std::time::Duration;

use futures_util::future::{FutureExt, LocalBoxFuture};
use model::detail::Outcome;
use time::OffsetDateTime;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::answer::{self, Answer, Api, Watched};
use super::objects::{Cluster, is_of, ordered};
use super::persona::{self, Persona};
use super::{bait, certificate, pods, remote, reply, resources, table};
use crate::conn::Conn;
use crate::services::containers::{Ground, Run};
use crate::services::golang::json::Object;
use crate::services::golang::{Budget, Reply, Request, Talk, Then, chunk, last_chunk};
use crate::services::http::{MAX_BODIES, Recorder};
use crate::services::tls::{Opened, Profile, Tls};
use crate::services::{Context, Service};
use crate::shell::watch::Lookout;

/// Bodies of all connections together.
const BODIES: usize = 48 << 20;
/// How often those who watch are told.
const TICK: Duration = Duration::from_millis(150);
/// To a client that speaks no TLS.
const PLAIN: &[u8] = b"HTTP/1.0 400 Bad Request\r\n\r\nClient sent an HTTP request to an HTTPS server.\n";

pub(super) struct Kubernetes {
    pub(super) ground: Ground,
    pub(super) cluster: RefCell<Cluster>,
    persona: Persona,
    tokens: Vec<String>,
    /// By namespace and name of a pod.
    runs: RefCell<HashMap<(String, String), Rc<Run>>>,
    tls: Option<Tls>,
    budget: Budget,
    room: Rc<Cell<usize>>,
}

// === impl Kubernetes ===

impl Kubernetes {
    pub(super) fn new(cx: &Context, mut persona: Persona) -> Result<Self, String> {
        let machine = cx.machine.clone();
        let keys = &machine.spec().keys;
        let has_tls = cx.spec.ports.iter().any(|port| port.tls);
        let mut tls = None;
        if has_tls {
            let draw = machine.draw("k8s/certificate");
            let (certificate, authority) = certificate::certificates(&persona, &keys.tls_cert, &keys.tls_key, &draw)?;
            tls = Some(Tls::new(Profile::Kubernetes, &certificate, &keys.tls_key)?);
            persona.authority = authority;
        }
        let mut cluster = Cluster::new(machine.draw("k8s/cluster"));
        // Counted from when the machine was made, so that nothing grows younger at a restart.
        let made = std::fs::metadata(machine.path("/etc/machine-id")).and_then(|made| made.modified());
        let made = made.map_or_else(|_| OffsetDateTime::now_utc(), OffsetDateTime::from);
        let tokens = bait::fill(&mut cluster, &persona, made);
        Ok(Self {
            ground: Ground {
                lookout: Lookout::new(machine.clone()),
                machine,
            },
            cluster: RefCell::new(cluster),
            persona,
            tokens,
            runs: RefCell::default(),
            tls,
            budget: Budget::new(BODIES),
            room: Rc::new(Cell::new(MAX_BODIES)),
        })
    }

    async fn converse(self: Rc<Self>, conn: Conn) {
        let recorder = Recorder::new(conn.log.clone(), self.room.clone()).without_forms();
        let log = conn.log.clone();
        let talk = match self.tls.as_ref().filter(|_| conn.tls) {
            None => Talk::new(Box::new(conn.stream), self.budget.clone(), log),
            Some(tls) => match tls.open(conn.stream, &conn.log).await {
                Opened::Tls(stream) => Talk::new(stream, self.budget.clone(), log),
                Opened::Plain(mut stream) => {
                    recorder.unanswered("no TLS", b"");
                    let _ = stream.write_all(PLAIN).await;
                    let _ = stream.shutdown().await;
                    return;
                }
                Opened::Gone => return,
            },
        };
        let answer = async |talk: &mut Talk, request: &Request, recorder: &mut Recorder| {
            self.answer(talk, request, recorder).await
        };
        talk.converse(recorder, answer).await;
    }

    async fn answer(self: &Rc<Self>, talk: &mut Talk, request: &Request, recorder: &mut Recorder) -> Then {
        let mut records = Vec::new();
        let now = OffsetDateTime::now_utc();
        let address = persona::server_address(talk.log.place().dst.map(|dst| dst.ip));
        let answer = self.with(&address, |api| answer::answer(api, request, now, &mut records));
        recorder.head(request.raw.clone());
        recorder.body(&request.body);
        let status = match &answer {
            Answer::Reply(reply) | Answer::Created(reply, ..) => reply.status,
            Answer::Remote(_) => 101,
            Answer::Watch(_) | Answer::Log(..) => 200,
        };
        let login = if status == 401 {
            Outcome::Failure
        } else {
            Outcome::Success
        };
        recorder.answered(status, 0, login);
        talk.tell(records);
        match answer {
            Answer::Reply(reply) => talk.send(&reply.render(request, now)).await,
            Answer::Created(reply, namespace, name) => {
                pods::start(self, talk, namespace, name);
                talk.send(&reply.render(request, now)).await
            }
            Answer::Watch(watched) => self.watch(talk, request, &watched).await,
            Answer::Remote(wish) => remote::serve(self, talk, request, wish).await,
            Answer::Log(namespace, name, follow) => self.log(talk, request, (&namespace, &name), follow).await,
        }
    }

    fn with<T>(&self, address: &str, act: impl FnOnce(&mut Api<'_>) -> T) -> T {
        let mut cluster = self.cluster.borrow_mut();
        act(&mut Api {
            cluster: &mut cluster,
            persona: &self.persona,
            tokens: &self.tokens,
            address,
        })
    }

    /// The head of an answer that goes on.
    pub(super) fn stream_head(&self, kind: &'static str) -> Reply {
        self.with("", |api| reply::headed(api, Reply::new(200, "")))
            .with("Content-Type", kind)
    }

    /// What a pod's first program says and hears.
    pub(super) fn run(&self, namespace: &str, name: &str) -> Rc<Run> {
        let key = (namespace.to_owned(), name.to_owned());
        let mut runs = self.runs.borrow_mut();
        // Of pods that are gone nobody asks any more.
        if runs.len() > 1024 {
            runs.clear();
        }
        runs.entry(key).or_insert_with(Run::new).clone()
    }

    async fn watch(&self, talk: &mut Talk, request: &Request, watched: &Watched) -> Then {
        let head = self
            .stream_head("application/json")
            .render_stream(request, OffsetDateTime::now_utc());
        if talk.send(&head).await == Then::Over {
            return Then::Over;
        }
        let Some(resource) = resources::find(watched.group, "v1", watched.plural) else {
            return Then::Over;
        };
        let mut from = watched.from;
        let mut buffer = [0; 512];
        let until = tokio::time::Instant::now() + Duration::from_secs(watched.seconds);
        while tokio::time::Instant::now() < until {
            let (lines, version) = {
                let cluster = self.cluster.borrow();
                let changed = cluster.changes.iter().filter(|change| {
                    let thing = &change.thing;
                    change.version > from
                        && is_of(thing, resource, &watched.namespace)
                        && thing.is_selected(&watched.labels, &watched.fields)
                });
                let lines: Vec<String> = changed
                    .map(|change| {
                        let object = match watched.as_table {
                            true => table::table(
                                resource,
                                &[&change.thing],
                                &change.version.to_string(),
                                OffsetDateTime::now_utc(),
                                false,
                            ),
                            false => ordered(&change.thing.value),
                        };
                        Object::new().put("type", change.kind).raw("object", &object).end() + "\n"
                    })
                    .collect();
                (lines, cluster.version)
            };
            from = from.max(version);
            for line in lines {
                if talk.send(&chunk(line.as_bytes())).await == Then::Over {
                    return Then::Over;
                }
            }
            tokio::select! {
                () = tokio::time::sleep(TICK) => {}
                read = talk.stream.read(&mut buffer) => match read {
                    Ok(n @ 1..) => talk.reader.push(&buffer[..n]),
                    _ => return Then::Over,
                },
            }
        }
        talk.send(last_chunk()).await
    }

    async fn log(&self, talk: &mut Talk, request: &Request, (namespace, name): (&str, &str), follow: bool) -> Then {
        let head = self
            .stream_head("text/plain")
            .render_stream(request, OffsetDateTime::now_utc());
        let run = self.run(namespace, name);
        let mut heard = run.listen();
        let mut then = talk.send(&head).await;
        let tail = request
            .query("tailLines")
            .and_then(|text| text.parse().ok())
            .unwrap_or(usize::MAX);
        let said = run.said();
        for said in &said[said.len().saturating_sub(tail)..] {
            then = talk.send(&chunk(&said.bytes)).await;
        }
        let mut buffer = [0; 512];
        while follow && then == Then::On {
            tokio::select! {
                said = heard.recv() => match said {
                    Some(said) => then = talk.send(&chunk(&said.bytes)).await,
                    None => break,
                },
                read = talk.stream.read(&mut buffer) => match read {
                    Ok(n @ 1..) => talk.reader.push(&buffer[..n]),
                    _ => return Then::Over,
                },
            }
        }
        match then {
            Then::On => talk.send(last_chunk()).await,
            Then::Over => Then::Over,
        }
    }
}

impl Service for Kubernetes {
    fn product(&self) -> String {
        format!("Kubernetes {}", self.persona.version)
    }

    fn serve(self: Rc<Self>, conn: Conn) -> LocalBoxFuture<'static, ()> {
        self.converse(conn).boxed_local()
    }
}
