//! The machine's one engine, and a task for each of its clients.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;

use futures_util::future::{FutureExt, LocalBoxFuture};
use model::detail::Outcome;
use time::OffsetDateTime;

use super::answer;
use super::persona::Persona;
use super::store::Store;
use super::{bait, perform};
use crate::conn::Conn;
use crate::machine::Machine;
use crate::services::Service;
use crate::services::containers::{Ground, Run};
use crate::services::golang::{Budget, Request, Talk, Then};
use crate::services::http::{MAX_BODIES, Recorder};
use crate::shell::watch::Lookout;

/// Bodies of all connections together.
const BODIES: usize = 96 << 20;
/// A longer body is told by what is done with it.
const TOLD_BODY: usize = 64 << 10;

pub(super) struct Docker {
    pub(super) ground: Ground,
    pub(super) store: RefCell<Store>,
    /// By the id of a container or of a command in one.
    pub(super) runs: RefCell<HashMap<String, Rc<Run>>>,
    budget: Budget,
    room: Rc<Cell<usize>>,
}

// === impl Docker ===

impl Docker {
    pub(super) fn new(machine: Arc<Machine>, persona: Persona, seed: [u8; 32], with_bait: bool) -> Self {
        let mut store = Store::new(persona, seed);
        // Counted from when the machine was made, so that nothing grows younger at a restart.
        let made = std::fs::metadata(machine.path("/etc/machine-id")).and_then(|made| made.modified());
        let made = made.map_or_else(|_| OffsetDateTime::now_utc(), OffsetDateTime::from);
        bait::networks(&mut store, made);
        if with_bait {
            bait::fill(&mut store, made);
        }
        Self {
            ground: Ground {
                lookout: Lookout::new(machine.clone()),
                machine,
            },
            store: RefCell::new(store),
            runs: RefCell::default(),
            budget: Budget::new(BODIES),
            room: Rc::new(Cell::new(MAX_BODIES)),
        }
    }

    async fn converse(self: Rc<Self>, conn: Conn) {
        let recorder = Recorder::new(conn.log.clone(), self.room.clone());
        let talk = Talk::new(Box::new(conn.stream), self.budget.clone(), conn.log);
        let answer = async |talk: &mut Talk, request: &Request, recorder: &mut Recorder| {
            self.answer(talk, request, recorder).await
        };
        talk.converse(recorder, answer).await;
    }

    async fn answer(self: &Rc<Self>, talk: &mut Talk, request: &Request, recorder: &mut Recorder) -> Then {
        let mut records = Vec::new();
        let answer = {
            let mut store = self.store.borrow_mut();
            answer::answer(&mut store, request, OffsetDateTime::now_utc(), &mut records)
        };
        recorder.head(request.raw.clone());
        if request.body.len() <= TOLD_BODY {
            recorder.body(&request.body);
        }
        // Nobody is asked for a password: whoever sends one fails.
        recorder.answered(perform::status(&answer), 0, Outcome::Failure);
        talk.tell(records);
        perform::perform(self, talk, request, answer).await
    }

    /// What runs under that id, or will.
    pub(super) fn run(&self, id: &str) -> Rc<Run> {
        self.runs
            .borrow_mut()
            .entry(id.to_owned())
            .or_insert_with(Run::new)
            .clone()
    }
}

impl Service for Docker {
    fn product(&self) -> String {
        self.store.borrow().persona.product.clone()
    }

    fn serve(self: Rc<Self>, conn: Conn) -> LocalBoxFuture<'static, ()> {
        self.converse(conn).boxed_local()
    }
}
