//! What the host wants done.

use std::sync::Arc;
use std::time::Instant;

use model::detail::Shutdown;
use model::event::Origin;
use model::line::Order;
use model::machine::MachineSpec;
use nix::errno::Errno;

use super::job::jobs;
use super::{LAST_WORDS, MAX_ORDER, Supervisor, check, spec};
use crate::machine::Machine;
use crate::sys;

impl Supervisor {
    pub(super) fn hear_orders(&mut self) {
        let Some(mut lines) = self.orders.take() else { return };
        let mut bytes = [0; 16 << 10];
        let mut heard = Vec::new();
        match nix::unistd::read(sys::stdin(), &mut bytes) {
            Ok(0) => {}
            Ok(n) => {
                lines.feed(&bytes[..n], |line| heard.push(line.to_vec()));
                if lines.take_lost() > 0 {
                    self.answer(
                        self.spec.generation,
                        Some(format!("an order is longer than {MAX_ORDER} bytes")),
                    );
                }
                self.orders = Some(lines);
            }
            Err(Errno::EINTR | Errno::EAGAIN) => self.orders = Some(lines),
            // The host closed the line: the machine goes on by itself.
            Err(_) => {}
        }
        for line in heard {
            match serde_json::from_slice(&line) {
                Ok(order) => self.obey(order),
                Err(error) => self.answer(self.spec.generation, Some(format!("order not understood: {error}"))),
            }
        }
    }

    fn obey(&mut self, order: Order) {
        if self.ends_at.is_some() {
            return;
        }
        match order {
            Order::Go {} => {
                self.gone_live = true;
                self.put_in_force(false);
            }
            Order::Sync(spec) => match check(&spec) {
                Ok(()) => self.sync(*spec),
                Err(error) => self.answer(spec.generation, Some(error.to_string())),
            },
            Order::Delete { paths } => {
                for path in paths.iter().filter(|path| path.starts_with('/')) {
                    let _ = std::fs::remove_file(path);
                }
            }
            Order::Shutdown => self.stop(),
        }
    }

    fn sync(&mut self, spec: MachineSpec) {
        let anew = !spec::is_same_machine(&self.spec, &spec);
        self.spec = spec;
        self.machine = Arc::new(Machine::new("/", self.spec.clone()));
        self.prepare();
        self.put_in_force(anew);
    }

    fn put_in_force(&mut self, anew: bool) {
        if self.gone_live {
            self.roster
                .want(&jobs(&self.spec, crate::services::entry), anew, Instant::now());
        }
        self.owes_ack = true;
    }

    pub(super) fn stop(&mut self) {
        let now = Instant::now();
        self.ends_at.get_or_insert(now + LAST_WORDS);
        self.roster.want(&[], false, now);
        self.outbox
            .report(self.spec.generation, "system", Origin::Internal, Shutdown {});
    }
}
