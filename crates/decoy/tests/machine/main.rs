//! The machine's first process and its services, as intruders and as the host meet them.

mod rig;

use std::io::{Read, Write};

use model::line::{Order, Said};
use nix::sys::signal::Signal;
use serde_json::json;

use rig::{Rig, encode, is_report, run_outside, spec, until};

const REDIS: u16 = 6379;
const HTTP: u16 = 80;

fn redis() -> serde_json::Value {
    json!({"slug": "redis", "ports": [{"port": REDIS}], "persona": {"title": "/usr/bin/redis-server 0.0.0.0:6379"}})
}

fn http() -> serde_json::Value {
    json!({"slug": "http", "ports": [{"port": HTTP}], "persona": {"title": "/usr/sbin/lighttpd\0-D\0-f\0/etc/lighttpd.conf"}})
}

fn is_ack(said: &Said) -> bool {
    matches!(said, Said::Ack(_))
}

#[test]
fn it_touches_nothing_where_it_is_not_the_first_process() {
    let (status, error) = run_outside(&[("TERMCAP", &encode(&spec(json!([]))))]);
    assert_eq!(status.code(), Some(64));
    assert_eq!(
        error,
        "init: must be the first process of its machine; nothing was changed\n"
    );
}

#[test]
fn a_boot_spec_that_is_missing_or_wrong_ends_it_with_one_line() {
    for wrong in [
        "",
        "bm9uc2Vuc2U=",
        &encode(&spec(json!([{"slug": "gopher", "ports": []}]))),
    ] {
        let mut rig = Rig::boot(wrong);
        assert_eq!(rig.end().code(), Some(64), "{wrong}");
        assert!(!rig.root().join("etc/machine-id").exists());
    }
}

#[test]
fn nothing_listens_before_the_host_says_go() {
    let mut rig = Rig::boot(&encode(&spec(json!([redis(), http()]))));
    rig.listen();
    until("the users of the spec", || {
        rig.root().join("etc/machine-id").exists().then_some(())
    });
    rig.order(&Order::Sync(Box::new(spec(json!([redis()])))));
    rig.hear("an answer", is_ack);
    assert!(rig.connect(REDIS).is_err());
    rig.order(&Order::Go {});
    rig.hear("the service", |said| is_report(said, "startup"));
    rig.connect(REDIS).unwrap();
    assert!(
        rig.connect(HTTP).is_err(),
        "the spec that was in force when it went live counts"
    );
}

#[test]
fn processes_look_like_the_daemons_they_imitate() {
    let rig = Rig::up(json!([redis(), http()]));
    let shown = |name| rig.intrude(&format!("tr '\\0' '|' </proc/{}/cmdline", rig.pid_of(name).unwrap()));
    assert_eq!(shown("redis-server"), "/usr/bin/redis-server 0.0.0.0:6379|");
    assert_eq!(shown("lighttpd"), "/usr/sbin/lighttpd|-D|-f|/etc/lighttpd.conf|");
    assert_eq!(shown("systemd"), "/init|");
    let redis = rig.pid_of("redis-server").unwrap();
    let status = rig.intrude(&format!("cat /proc/{redis}/status"));
    assert!(status.contains("CapEff:\t0000000000000000"), "{status}");
    assert!(!status.contains("Uid:\t0"), "{status}");
}

#[test]
fn root_in_the_machine_reads_no_memory_environment_or_descriptor() {
    let rig = Rig::up(json!([redis(), http()]));
    for pid in [1, rig.pid_of("redis-server").unwrap(), rig.pid_of("lighttpd").unwrap()] {
        for attempt in [
            format!("cat /proc/{pid}/environ"),
            format!("cat /proc/{pid}/maps"),
            format!("head -c1 /proc/{pid}/mem"),
            format!("cat /proc/{pid}/auxv"),
            format!("echo forged >/proc/{pid}/fd/1"),
            format!("echo forged >/proc/{pid}/fd/3"),
            format!("readlink -v /proc/{pid}/fd/0"),
            format!("readlink -v /proc/{pid}/exe"),
        ] {
            let answer = rig.intrude(&attempt);
            assert!(
                answer.to_lowercase().contains("permission denied"),
                "{attempt}: {answer}"
            );
        }
    }
    let memory = rig.intrude("cat /proc/1/cmdline /proc/1/comm /proc/1/status | grep -ac TERMCAP");
    assert_eq!(memory.trim(), "0");
}

#[test]
fn a_killed_service_is_told_of_and_the_others_go_on() {
    let rig = Rig::up(json!([redis(), http()]));
    rig.intrude(&format!("kill -9 {}", rig.pid_of("redis-server").unwrap()));
    let Said::Report(told) = rig.hear("the death", |said| is_report(said, "service_killed")).said else {
        panic!()
    };
    assert_eq!(
        (&*told.service, told.fields["status"].as_str()),
        ("redis", Some("signal 9"))
    );
    let pause = told.fields["restart_in_ms"].as_u64().unwrap();
    assert!((30_000..=300_000).contains(&pause), "{pause}");
    rig.connect(HTTP).unwrap();
    assert!(rig.connect(REDIS).is_err());
}

#[test]
fn no_signal_from_within_stops_the_machine_and_the_attempt_is_told() {
    let rig = Rig::up(json!([redis()]));
    rig.intrude("kill -TERM 1");
    let told = rig.hear("the attempt", |said| is_report(said, "init_signal"));
    assert!(matches!(told.said, Said::Report(report) if report.fields["signal"] == "SIGTERM"));
    rig.intrude("for s in INT HUP QUIT USR1 USR2 PWR ALRM SEGV STOP KILL; do kill -$s 1; done");
    rig.connect(REDIS).unwrap();
}

#[test]
fn a_service_that_is_held_is_ended_and_told_of() {
    let rig = Rig::up(json!([redis()]));
    rig.intrude(&format!("kill -STOP {}", rig.pid_of("redis-server").unwrap()));
    rig.hear("the death", |said| is_report(said, "service_killed"));
}

#[test]
fn the_program_it_starts_with_is_put_back_before_the_next_start() {
    let mut rig = Rig::up(json!([redis()]));
    rig.intrude("(while :; do cp /bin/true /init.mine; mv /init.mine /init; done) >/dev/null 2>&1 & sleep 0.2");
    rig.order(&Order::Shutdown);
    rig.hear("the attempt", |said| is_report(said, "init_replaced"));
    assert!(rig.end().success());
    let (there, own) = (
        std::fs::read(rig.root().join("init")).unwrap(),
        std::fs::read(rig::INIT).unwrap(),
    );
    assert!(there == own);
}

#[test]
fn a_daemon_with_workers_is_a_master_of_root_and_a_worker_of_nobody_much() {
    let mut service = redis();
    service["persona"] =
        json!({"title": "nginx: master process /usr/sbin/nginx", "worker_title": "nginx: worker process"});
    let mut rig = Rig::up(json!([service]));
    let shown = rig.intrude("cd /proc; for p in [0-9]*; do echo \"$(stat -c %u $p) $(tr -d '\\0' <$p/cmdline)\"; done");
    assert!(shown.contains("0 nginx: master process /usr/sbin/nginx\n"), "{shown}");
    let worker = shown
        .lines()
        .find(|line| line.ends_with("nginx: worker process"))
        .unwrap();
    assert!(!worker.starts_with("0 "), "{worker}");
    rig.connect(REDIS).unwrap();
    rig.order(&Order::Shutdown);
    rig.hear("the worker's last words", |said| {
        is_report(said, "shutdown") && !is_of_system(said)
    });
    assert!(rig.end().success());

    let rig = Rig::up(json!([service]));
    rig.intrude("kill -9 $(pgrep -f 'worker process')");
    let told = rig.hear("the death", |said| is_report(said, "service_killed"));
    assert!(matches!(told.said, Said::Report(report) if report.fields["status"] == "signal 9"));
    assert!(rig.connect(REDIS).is_err());
}

#[test]
fn orphans_leave_no_zombies() {
    let rig = Rig::up(json!([redis()]));
    rig.intrude("for i in 1 2 3 4 5; do (sh -c 'sleep 0.05' &) ; done; sleep 0.2");
    until("an end of all orphans", || {
        let states = rig.intrude("cat /proc/[0-9]*/stat");
        (!states.contains(") Z ") && !states.contains("(sleep)")).then_some(())
    });
}

#[test]
fn a_sync_touches_only_the_services_it_changes() {
    let mut rig = Rig::up(json!([redis()]));
    let redis_pid = rig.pid_of("redis-server");
    let mut next = spec(json!([redis(), http()]));
    next.generation = 2;
    rig.order(&Order::Sync(Box::new(next)));
    rig.hear("the new service", |said| is_report(said, "startup"));
    assert_eq!(rig.pid_of("redis-server"), redis_pid);
    rig.connect(HTTP).unwrap();

    let mut fewer = spec(json!([redis()]));
    fewer.generation = 3;
    rig.order(&Order::Sync(Box::new(fewer)));
    let ack = rig.hear(
        "the answer",
        |said| matches!(said, Said::Ack(ack) if ack.generation == 3),
    );
    assert_eq!(ack.generation, 3);
    assert!(rig.connect(HTTP).is_err());
    assert_eq!(rig.pid_of("redis-server"), redis_pid);
}

#[test]
fn an_order_that_cannot_be_obeyed_is_answered_and_changes_nothing() {
    let mut rig = Rig::up(json!([redis()]));
    let mut bad = spec(json!([{"slug": "gopher", "ports": []}]));
    bad.generation = 9;
    rig.order(&Order::Sync(Box::new(bad)));
    let refused = rig.hear(
        "the answer",
        |said| matches!(said, Said::Ack(ack) if ack.generation == 9),
    );
    assert_eq!(refused.generation, 1);
    assert!(matches!(refused.said, Said::Ack(ack) if ack.error.as_deref() == Some("there is no service `gopher`")));
    for nonsense in ["", "{", r#"{"reboot":{}}"#, &"x".repeat(2 << 20)] {
        rig.write(nonsense);
        rig.hear(
            nonsense.get(..9).unwrap_or(nonsense),
            |said| matches!(said, Said::Ack(ack) if ack.error.is_some()),
        );
    }
    rig.connect(REDIS).unwrap();
}

#[test]
fn planted_files_are_removed_when_told() {
    let mut rig = Rig::up(json!([]));
    rig.intrude("echo bait >/etc/bait; echo mine >/etc/mine");
    rig.order(&Order::Delete {
        paths: vec!["/etc/bait".into(), "etc/mine".into(), "/etc/never".into()],
    });
    until("the file's end", || {
        (!rig.root().join("etc/bait").exists()).then_some(())
    });
    assert!(rig.root().join("etc/mine").exists());
}

#[test]
fn told_to_stop_it_says_so_and_ends_well() {
    for stop in [(|rig: &mut Rig| rig.order(&Order::Shutdown)) as fn(&mut Rig), |rig| {
        rig.signal(Signal::SIGTERM)
    }] {
        let mut rig = Rig::up(json!([redis(), http()]));
        let _talking = rig.connect(REDIS).unwrap();
        stop(&mut rig);
        for _ in 0..3 {
            rig.hear("system, redis and http to end", |said| is_report(said, "shutdown"));
        }
        assert!(rig.end().success());
    }
}

#[test]
fn without_a_host_on_the_line_it_goes_on() {
    let mut rig = Rig::up(json!([redis()]));
    rig.hang_up();
    rig.intrude(&format!("kill -9 {}", rig.pid_of("redis-server").unwrap()));
    rig.hear("the death", |said| is_report(said, "service_killed"));
}

#[test]
fn with_nobody_reading_it_serves_on_and_then_says_what_it_kept_without_a_gap() {
    let mut rig = Rig::boot(&encode(&spec(json!([redis()]))));
    rig.order(&Order::Go {});
    until("the service", || rig.connect(REDIS).ok());
    // Some 400 bytes a line, far more than the pipes hold.
    for _ in 0..1_500 {
        let mut peer = rig.connect(REDIS).unwrap();
        peer.write_all(b"PING\r\n").unwrap();
        peer.read_exact(&mut [0; 4]).unwrap();
    }

    rig.listen();
    rig.order(&Order::Shutdown);
    let lines = rig.hear_all("the last words of redis", |said| {
        is_report(said, "shutdown") && !is_of_system(said)
    });
    assert_eq!(
        lines.iter().map(|line| line.seq).collect::<Vec<_>>(),
        (1..=lines.len() as u64).collect::<Vec<_>>()
    );
    let connects = lines.iter().filter(|line| is_report(&line.said, "connect")).count();
    assert_eq!(connects, 1_501);
}

fn is_of_system(said: &Said) -> bool {
    matches!(said, Said::Report(report) if report.service == "system")
}
