//! What a small company's host would have running: other on each machine, the same for its whole life.

use time::{Duration, OffsetDateTime};

use super::config::HostConfig;
use super::names::Reference;
use super::store::{Container, Network, PATH, Status, Store};

/// Image, container, command, ports inside and out, what it says.
type Planted = (
    &'static str,
    &'static str,
    &'static str,
    &'static [(u16, u16)],
    &'static str,
);

const SERVICES: &[Planted] = &[
    (
        "nginx:1.25-alpine",
        "proxy",
        "nginx -g daemon off;",
        &[(80, 80), (443, 443)],
        "/docker-entrypoint.sh: Configuration complete; ready for start up\n",
    ),
    (
        "postgres:15",
        "db",
        "postgres",
        &[(5432, 0)],
        "PostgreSQL Database directory appears to contain a database; Skipping initialization\nLOG:  database system is ready to accept connections\n",
    ),
    (
        "redis:7-alpine",
        "cache",
        "redis-server",
        &[(6379, 0)],
        "1:M * Server initialized\n1:M * Ready to accept connections tcp\n",
    ),
    (
        "node:18-alpine",
        "api",
        "node dist/server.js",
        &[(3000, 0)],
        "listening on :3000\n",
    ),
    (
        "grafana/grafana:10.2.3",
        "grafana",
        "/run.sh",
        &[(3000, 3001)],
        "logger=http.server msg=\"HTTP Server Listen\"\n",
    ),
    (
        "rabbitmq:3.12-management",
        "queue",
        "rabbitmq-server",
        &[(5672, 0), (15672, 15672)],
        "Server startup complete; 4 plugins started.\n",
    ),
    (
        "prom/prometheus:v2.48.1",
        "prometheus",
        "/bin/prometheus --config.file=/etc/prometheus/prometheus.yml",
        &[(9090, 0)],
        "msg=\"Server is ready to receive web requests.\"\n",
    ),
    (
        "mongo:6.0",
        "mongo",
        "mongod",
        &[(27017, 0)],
        "{\"s\":\"I\",\"c\":\"NETWORK\",\"msg\":\"Waiting for connections\"}\n",
    ),
];
const PROJECTS: &[&str] = &[
    "shop",
    "crm",
    "intranet",
    "billing",
    "portal",
    "tracker",
    "backoffice",
    "erp",
];

/// The networks every engine has.
pub(super) fn networks(store: &mut Store, now: OffsetDateTime) {
    let draw = store.of("bait");
    let installed = installed(&draw, now);
    let nanos = |at: usize| Duration::nanoseconds(i64::from(draw[at]) * 3_906_251 + 1_337);
    for (n, (name, driver, subnet)) in [
        ("bridge", "bridge", Some(17)),
        ("host", "host", None),
        ("none", "null", None),
    ]
    .into_iter()
    .enumerate()
    {
        let id = hex::encode(store.of(&format!("network/{name}")));
        store.networks.push(Network {
            id,
            name: name.to_owned(),
            driver: driver.to_owned(),
            created: installed + nanos(5 + n),
            subnet,
        });
    }
}

fn installed(draw: &[u8; 32], now: OffsetDateTime) -> OffsetDateTime {
    now - Duration::seconds(86_400 * (30 + i64::from(draw[0]) / 2) + i64::from(draw[1]) * 97)
}

/// Fills the store; `now` is when the engine starts.
pub(super) fn fill(store: &mut Store, now: OffsetDateTime) {
    let draw = store.of("bait");
    let installed = installed(&draw, now);
    let started = now - Duration::seconds(86_400 * (2 + i64::from(draw[2]) / 12) + i64::from(draw[3]) * 131);
    let nanos = |at: usize| Duration::nanoseconds(i64::from(draw[at]) * 3_906_251 + 1_337);
    let project = PROJECTS[usize::from(draw[4]) % PROJECTS.len()];
    let id = hex::encode(store.of("network/project"));
    store.networks.push(Network {
        id,
        name: format!("{project}_default"),
        driver: "bridge".to_owned(),
        created: installed + nanos(8) + Duration::minutes(11),
        subnet: Some(18),
    });
    let used = 3 + usize::from(draw[9]) % 3;
    for n in 0..used {
        let (image, name, command, ports, said) = SERVICES[(usize::from(draw[10]) + n) % SERVICES.len()];
        let Some(reference) = Reference::parse(image) else {
            continue;
        };
        let mut made = store.pulled(&reference, installed);
        made.cmd = command.split(' ').map(str::to_owned).collect();
        let image_id = made.id.clone();
        store.add_image(made);
        let begun = started + Duration::seconds(n as i64) + nanos(11 + n);
        let id = hex::encode(store.of(&format!("container/{name}")));
        let mut host = HostConfig::default();
        host.0.insert("NetworkMode".into(), format!("\"{project}_default\""));
        host.0.insert(
            "RestartPolicy".into(),
            "{\"Name\":\"always\",\"MaximumRetryCount\":0}".into(),
        );
        store.containers.push(Container {
            hostname: id[..12].to_owned(),
            id,
            name: format!("{project}-{name}-1"),
            image: image.to_owned(),
            image_id,
            created: installed + Duration::minutes(12) + nanos(11 + n),
            domainname: String::new(),
            user: String::new(),
            attach: [false, true, true],
            tty: false,
            open_stdin: false,
            stdin_once: false,
            env: vec![PATH.to_owned()],
            cmd: Some(command.split(' ').map(str::to_owned).collect()),
            entrypoint: None,
            workdir: String::new(),
            labels: [
                ("com.docker.compose.project", project),
                ("com.docker.compose.service", name),
                ("com.docker.compose.version", "2.21.0"),
            ]
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .into(),
            host,
            status: Status::Running,
            pid: 900 + u32::from(draw[16 + n]) * 5 + n as u32 * 37,
            exit_code: 0,
            error: String::new(),
            started: Some(begun),
            finished: None,
            ports: ports.to_vec(),
            said: Some(said),
        });
        if name == "db" || name == "mongo" {
            store
                .volumes
                .push((format!("{project}_{name}-data"), installed + Duration::minutes(12)));
        }
    }
    for image in ["alpine:latest", "debian:12-slim"] {
        if let Some(reference) = Reference::parse(image) {
            let made = store.pulled(&reference, installed);
            store.add_image(made);
        }
    }
}
