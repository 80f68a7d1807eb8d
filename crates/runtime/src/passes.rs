//! Runs a [`Worker`] pass by pass.

use std::convert::Infallible;
use tokio::time::Instant;

use bus::{Bus, Pattern, State};
use tokio::sync::watch;

use crate::cx::Cx;
use crate::pace::Pace;
use crate::{Runner, Worker};

pub(crate) struct Passes<W>(pub(crate) W);

// === impl Passes ===

impl<W: Worker> Runner for Passes<W> {
    const NAME: &'static str = W::NAME;
    type Error = W::Error;

    async fn run(&mut self, cx: &Cx) -> Result<(), W::Error> {
        let wakes = watch::Sender::new(());
        let mut woken = wakes.subscribe();
        let mut pace = Pace::new(W::TICK);
        let listen = listen(cx.bus.clone(), W::WAKE, &wakes);
        let passes = async {
            loop {
                let due = tokio::time::Instant::from_std(pace.due(Instant::now().into_std()));
                tokio::select! {
                    biased;
                    () = cx.cancelled() => return Ok(()),
                    () = cx.pressed() => pace.press(),
                    // `wakes` lives as long as this.
                    Ok(()) = woken.changed() => pace.wake(Instant::now().into_std()),
                    () = tokio::time::sleep_until(due) => {
                        pace.begin();
                        let summary = self.0.work(cx).await?;
                        pace.end(Instant::now().into_std(), summary.left);
                        cx.backlog(summary.left);
                        cx.alive();
                    }
                }
            }
        };
        tokio::select! {
            ended = passes => ended,
            never = listen => match never {},
        }
    }
}

/// Turns messages, and the return of the bus, into wakes.
async fn listen(bus: Bus, patterns: &[Pattern], wakes: &watch::Sender<()>) -> Infallible {
    let mut state = bus.watch();
    let returns = async {
        while state.wait_for(|state| *state != State::Up).await.is_ok()
            && state.wait_for(|state| *state == State::Up).await.is_ok()
        {
            wakes.send_replace(());
        }
    };
    let all = patterns.iter().map(|pattern| listen_to(&bus, pattern, wakes));
    tokio::join!(returns, futures_util::future::join_all(all));
    // The bus was closed: the tick goes on alone.
    std::future::pending().await
}

async fn listen_to(bus: &Bus, pattern: &Pattern, wakes: &watch::Sender<()>) {
    match bus.subscribe(pattern).await {
        Ok(mut subscription) => {
            while subscription.next().await.is_some() {
                wakes.send_replace(());
            }
        }
        Err(error) => tracing::warn!(%pattern, %error, "cannot listen; the tick goes on alone"),
    }
}
