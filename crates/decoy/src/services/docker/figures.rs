//! What containers run and use, as the kernel would count it.

use std::time::Duration;

use time::OffsetDateTime;
use tokio::io::AsyncReadExt;

use super::perform::{chunked, end_chunks, send};
use super::reply;
use super::session::Docker;
use super::store::Status;
use crate::services::containers;
use crate::services::golang::json::Object;
use crate::services::golang::{Reply, Request, Talk, Then};

pub(super) fn top(docker: &Docker, id: &str) -> Reply {
    let store = docker.store.borrow();
    let Some(one) = store.container(id) else {
        return reply::error(&store, None, (404, format!("No such container: {id}")));
    };
    let started = one.started.unwrap_or(OffsetDateTime::UNIX_EPOCH);
    let rows = match one.said {
        None => containers::processes(one.pid, started),
        Some(_) => {
            let shown = [
                "root".to_owned(),
                one.pid.to_string(),
                (one.pid - 22).to_string(),
                "0".into(),
            ];
            let since = format!("{}{:02}", &started.month().to_string()[..3], started.day());
            let command = one.argv(store.image(&one.image_id)).join(" ");
            vec![
                shown
                    .into_iter()
                    .chain([since, "?".into(), "00:00:41".into(), command])
                    .collect(),
            ]
        }
    };
    let titles = ["UID", "PID", "PPID", "C", "STIME", "TTY", "TIME", "CMD"];
    reply::json(
        &store,
        200,
        Object::new().put("Processes", rows).put("Titles", titles).end(),
    )
}

pub(super) async fn stats(docker: &Docker, talk: &mut Talk, request: &Request, id: &str, streamed: bool) -> Then {
    let head =
        reply::with_headers(&docker.store.borrow(), Reply::new(200, "")).with("Content-Type", "application/json");
    let mut buffer = [0; 512];
    let mut then = Then::On;
    if streamed {
        then = talk.send(&head.render_stream(request, OffsetDateTime::now_utc())).await;
    }
    loop {
        tokio::select! {
            () = tokio::time::sleep(Duration::from_secs(1)) => {}
            read = talk.stream.read(&mut buffer) => match read {
                Ok(n @ 1..) => talk.reader.push(&buffer[..n]),
                _ => return Then::Over,
            },
        }
        let Some(sample) = sample(docker, id) else { break };
        if !streamed {
            let reply = Reply {
                body: sample.into_bytes(),
                ..head
            };
            return send(talk, request, &reply).await;
        }
        then = talk.send(&chunked(request, sample.as_bytes())).await;
        if then == Then::Over {
            break;
        }
    }
    end_chunks(talk, request, then).await
}

/// What a container uses, as a version 2 hierarchy counts it.
fn sample(docker: &Docker, id: &str) -> Option<String> {
    let store = docker.store.borrow();
    let one = store.container(id)?;
    let now = OffsetDateTime::now_utc();
    let draw = store.of(&format!("stats/{id}"));
    let seconds = one
        .started
        .filter(|_| one.status == Status::Running)
        .map_or(0, |at| (now - at).whole_seconds().max(0)) as u64;
    let cpu = |at: u64| {
        let total = at * (60_000 + u64::from(draw[0]) * 9_000) + u64::from(draw[1]) * 1_000_000;
        let usage = Object::new()
            .put("total_usage", total)
            .put("usage_in_kernelmode", total / 3)
            .put("usage_in_usermode", total - total / 3)
            .end();
        Object::new()
            .raw("cpu_usage", &usage)
            .put("system_cpu_usage", at * 1_000_000_000 * u64::from(store.persona.cpus))
            .put("online_cpus", store.persona.cpus)
            .raw(
                "throttling_data",
                "{\"periods\":0,\"throttled_periods\":0,\"throttled_time\":0}",
            )
            .end()
    };
    let used = 4_000_000 + u64::from(draw[2]) * 400_000 + seconds % 97 * 4096;
    let memory = Object::new()
        .put("usage", used)
        .raw(
            "stats",
            "{\"anon\":3719168,\"file\":0,\"kernel_stack\":65536,\"inactive_file\":0}",
        )
        .put("limit", store.persona.memory);
    let empty = [
        "io_service_bytes_recursive",
        "io_serviced_recursive",
        "io_queue_recursive",
        "io_service_time_recursive",
        "io_wait_time_recursive",
        "io_merged_recursive",
        "io_time_recursive",
        "sectors_recursive",
    ];
    let blkio = empty.iter().fold(Object::new(), |object, name| {
        object.raw(name, if name.starts_with("io_service_b") { "[]" } else { "null" })
    });
    let body = Object::new()
        .put("read", super::time::nano(now))
        .put("preread", super::time::nano(now - time::Duration::SECOND))
        .raw(
            "pids_stats",
            &Object::new().put("current", 1 + draw[3] % 9).put("limit", 4_659).end(),
        )
        .raw("blkio_stats", &blkio.end())
        .put("num_procs", 0)
        .raw("storage_stats", "{}")
        .raw("cpu_stats", &cpu(seconds + 1))
        .raw("precpu_stats", &cpu(seconds))
        .raw("memory_stats", &memory.end())
        .put("name", format!("/{}", one.name))
        .put("id", id)
        .end();
    Some(body + "\n")
}
