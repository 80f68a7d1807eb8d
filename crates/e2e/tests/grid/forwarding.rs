//! `--log-target` against rsyslog, as people run it: by udp, by tcp and by tls.

use std::process::{Child, Command, Stdio};

use e2e::grid::{NGINX, grid, root};
use e2e::tools::{must, until};
use std::time::Duration;

#[test]
fn events_reach_a_log_server_over_udp_tcp_and_tls() {
    grid();
    let server = Server::start();
    for (way, target) in [
        ("udp", "udp://127.0.0.1:15514".to_owned()),
        ("tcp", "tcp://127.0.0.1:15514".to_owned()),
        ("tls", format!("tls://127.0.0.1:15515?ca={}/ca.pem", dir())),
    ] {
        grid().stop_workers().unwrap();
        grid().start_workers_with(&["--log-target", &target]).unwrap();
        must(&format!(
            "printf 'ECHO \"log-{way}\\x01\\\\\"]\"\\r\\n' | ncat --idle-timeout 1s {NGINX} 6379 || true"
        ))
        .unwrap();
        must(&format!("redis-cli -h {NGINX} echo log-{way}")).unwrap();
        let line = until(&format!("the event by {way}"), Duration::from_secs(60), || {
            let kept = std::fs::read_to_string(format!("{}/kept", dir())).unwrap_or_default();
            Ok(kept
                .lines()
                .find(|line| line.contains(&format!("log-{way}")))
                .map(str::to_owned))
        })
        .unwrap();
        // As rsyslog understood it: version, host, program, structured data.
        let parts: Vec<_> = line.splitn(4, '|').collect();
        assert_eq!(parts[0], "1", "{line}");
        assert!(
            parts[1].contains("e2e-nginx") && parts[3].contains("src_ip=\"10.201.0.1\""),
            "{line}"
        );
    }
    drop(server);
    grid().stop_workers().unwrap();
    grid().start_workers().unwrap();
}

/// Two, as one instance speaks either plainly or over TLS.
struct Server(Vec<Child>);

// === impl Server ===

impl Server {
    fn start() -> Self {
        let dir = dir();
        let _ = std::fs::remove_dir_all(&dir);
        std::fs::create_dir_all(&dir).unwrap();
        must(&format!(
            "cd {dir} && exec 2>&1 && \
             openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=authority -keyout ca.key -out ca.pem && \
             openssl req -newkey rsa:2048 -nodes -subj /CN=logs -keyout key.pem -out logs.csr && \
             openssl x509 -req -in logs.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 -out cert.pem \
               -extfile <(echo subjectAltName=IP:127.0.0.1)"
        ))
        .unwrap();
        let configs = [("plain", PLAIN), ("tls", TLS)];
        let started = configs.map(|(name, config)| {
            let file = format!("{dir}/{name}.conf");
            std::fs::write(&file, [config, KEEP].concat().replace("@dir@", &dir)).unwrap();
            Command::new("rsyslogd")
                .args(["-n", "-f", &file, "-i", &format!("{dir}/{name}.pid")])
                .stdin(Stdio::null())
                .stderr(std::fs::File::create(format!("{dir}/{name}.log")).unwrap())
                .spawn()
                .unwrap()
        });
        for port in [15514, 15515] {
            until("rsyslog to listen", Duration::from_secs(30), || {
                Ok(std::net::TcpStream::connect(("127.0.0.1", port)).ok())
            })
            .unwrap();
        }
        Self(started.into())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        for child in &mut self.0 {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

fn dir() -> String {
    root().join("target/e2e/rsyslog").display().to_string()
}

const PLAIN: &str = r#"
module(load="imudp")
module(load="imtcp")
input(type="imudp" address="127.0.0.1" port="15514" ruleset="keep")
input(type="imtcp" address="127.0.0.1" port="15514" ruleset="keep")
"#;

const TLS: &str = r#"
global(DefaultNetstreamDriver="gtls" DefaultNetstreamDriverCAFile="@dir@/ca.pem"
  DefaultNetstreamDriverCertFile="@dir@/cert.pem" DefaultNetstreamDriverKeyFile="@dir@/key.pem")
module(load="imtcp" StreamDriver.Name="gtls" StreamDriver.Mode="1" StreamDriver.AuthMode="anon")
input(type="imtcp" address="127.0.0.1" port="15515" ruleset="keep")
"#;

const KEEP: &str = r#"
template(name="parsed" type="string" string="%protocol-version%|%hostname%|%app-name%|%structured-data%|%msg%\n")
ruleset(name="keep") { action(type="omfile" file="@dir@/kept" template="parsed") }
"#;
