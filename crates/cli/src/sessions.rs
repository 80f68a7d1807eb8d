//! `decnet sessions`.

use std::time::Duration;

use replay::{Channel, Pace, Piece, Plain, Screen};
use store::{Chunk, Page, Session, Store};
use time::OffsetDateTime;

use crate::args::{self, SessionsCommand};
use crate::context::Context;
use crate::exit::{Code, Coded as _, Failure, Result};
use crate::feed::clean;
use crate::output::{ago, print, say, show};
use crate::query::{all, filter};

pub async fn sessions(cx: &Context, asked: &args::Sessions) -> Result {
    let store = cx.record().await?;
    if let Some(SessionsCommand::Replay {
        id,
        speed,
        idle,
        plain,
        cast,
    }) = &asked.command
    {
        let session = find(&store, id).await?;
        let pieces = recording(&store, &session).await?;
        return match (plain, cast) {
            (true, _) => print_plain(&pieces),
            (_, true) => print_cast(&session, &pieces),
            _ => {
                play(
                    &pieces,
                    Pace {
                        speed: *speed,
                        idle: Duration::from_secs_f64(idle.clamp(0.0, 3600.0)),
                    },
                )
                .await
            }
        };
    }
    let filter = filter(&asked.filter)?;
    let rows = all(asked.filter.limit, async |page| {
        store.sessions().list(&filter, &page).await
    })
    .await?;
    let now = OffsetDateTime::now_utc();
    let cells = |row: &Session| {
        let text = |of: &Option<String>| clean(of.as_deref().unwrap_or("-"));
        let lasted = row
            .duration_ms
            .map_or_else(|| "open".to_owned(), |ms| format!("{:.1} s", ms as f64 / 1000.0));
        vec![
            row.sid.clone(),
            ago(row.started_at, now),
            text(&row.attacker_ip),
            row.decky.clone(),
            row.service.clone(),
            text(&row.mode),
            text(&row.user),
            lasted,
            row.command.as_deref().map(clean).unwrap_or_default(),
        ]
    };
    let header = [
        "SESSION", "BEGAN", "ATTACKER", "DECKY", "SERVICE", "MODE", "USER", "LASTED", "COMMAND",
    ];
    cx.out.list(
        &rows,
        &header,
        cells,
        "no sessions yet: log in to a decky (`decnet status --json` tells how)",
    )
}

async fn find(store: &Store, id: &str) -> Result<Session> {
    let mut found = store.sessions().find(id).await.or_exit(Code::Unreachable)?;
    match found.len() {
        1 => Ok(found.remove(0)),
        0 => Err(Failure::new(Code::Invalid, format!("there is no session `{id}`"))
            .help("`decnet sessions` lists them")
            .into()),
        _ => match found.iter().position(|session| session.sid == id) {
            Some(exact) => Ok(found.remove(exact)),
            None => Err(
                Failure::new(Code::Invalid, format!("several sessions begin with `{id}`"))
                    .help("give more of the id")
                    .into(),
            ),
        },
    }
}

async fn recording(store: &Store, session: &Session) -> Result<Vec<Piece>> {
    let mut pieces = Vec::new();
    let mut after = None;
    loop {
        let chunks = store
            .sessions()
            .recording(session, after, Page::MAX)
            .await
            .or_exit(Code::Unreachable)?;
        let Some(last) = chunks.last() else { return Ok(pieces) };
        after = Some(last.n);
        pieces.extend(chunks.into_iter().filter_map(piece));
    }
}

fn piece(chunk: Chunk) -> Option<Piece> {
    let channel = match chunk.ch {
        'i' => Channel::Typed,
        'o' => Channel::Shown,
        'r' => Channel::Resized,
        _ => return None,
    };
    Some(Piece {
        at: Duration::from_micros(u64::try_from(chunk.t_us).unwrap_or(0)),
        channel,
        bytes: chunk.data,
    })
}

fn print_plain(pieces: &[Piece]) -> Result {
    let mut plain = Plain::default();
    for piece in pieces.iter().filter(|piece| piece.channel == Channel::Shown) {
        print(format_args!("{}", plain.text(&piece.bytes)))?;
    }
    say!()
}

fn print_cast(session: &Session, pieces: &[Piece]) -> Result {
    let screen = Screen {
        cols: session.cols.unwrap_or(0),
        rows: session.rows.unwrap_or(0),
        term: session.term.clone().unwrap_or_default(),
        started: session.started_at.unix_timestamp(),
    };
    say!("{}", replay::cast_header(&screen))?;
    pieces.iter().try_for_each(|piece| say!("{}", replay::cast_line(piece)))
}

async fn play(pieces: &[Piece], pace: Pace) -> Result {
    let mut before = Duration::ZERO;
    for piece in pieces.iter().filter(|piece| piece.channel == Channel::Shown) {
        tokio::select! {
            () = tokio::time::sleep(pace.pause(before, piece.at)) => {}
            _ = tokio::signal::ctrl_c() => break,
        }
        before = piece.at;
        show(&piece.bytes)?;
    }
    // Whatever it did to the terminal ends with it.
    say!("\x1b[0m")
}
