//! A real nats-server of one's own.

use std::io::Read as _;
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

const START: Duration = Duration::from_secs(10);

/// A server on a random port of the loop-back address with JetStream in a directory of its own; both go with it.
pub struct NatsServer {
    port: u16,
    store: TempDir,
    child: Option<Child>,
}

// === impl NatsServer ===

impl NatsServer {
    pub fn start() -> Self {
        let mut server = Self::not_yet();
        server.restart();
        server
    }

    /// An address at which no server runs yet: `restart` starts it.
    pub fn not_yet() -> Self {
        let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).and_then(|socket| socket.local_addr());
        let port = port.expect("a free port on the loop-back address").port();
        Self {
            port,
            store: TempDir::new().expect("a directory for the server's store"),
            child: None,
        }
    }

    pub fn url(&self) -> String {
        format!("nats://127.0.0.1:{}", self.port)
    }

    /// As `kill -9`: nothing is flushed, no farewell.
    pub fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().expect("the server can be killed");
            child.wait().expect("the server has gone");
        }
    }

    /// On the same port, with what the store held.
    pub fn restart(&mut self) {
        self.kill();
        let program = std::env::var("DECNET_TEST_NATS_SERVER").unwrap_or_else(|_| "nats-server".to_owned());
        // Streams reserve their whole size. Left to itself, the server takes its limit from how full the disk is.
        let config = self.store.path().join("nats.conf");
        let settings = format!(
            "jetstream {{ store_dir: {:?}, max_file_store: 1TB }}",
            self.store.path().join("store")
        );
        std::fs::write(&config, settings).expect("the server's settings can be written");
        let child = Command::new(&program)
            .args(["--addr", "127.0.0.1", "--port", &self.port.to_string(), "--config"])
            .arg(&config)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        self.child = Some(child.unwrap_or_else(|error| {
            panic!("this test needs {program} ({error}): `apt-get install nats-server`, or name one in DECNET_TEST_NATS_SERVER")
        }));
        self.wait_until_it_answers();
    }

    /// Forgets everything that was kept. The server must not be running.
    pub fn lose_the_store(&mut self) {
        assert!(self.child.is_none(), "kill the server first");
        self.store = TempDir::new().expect("a directory for the server's store");
    }

    fn wait_until_it_answers(&self) {
        let deadline = Instant::now() + START;
        while Instant::now() < deadline {
            let greeted = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port)).and_then(|mut stream| {
                stream.set_read_timeout(Some(START))?;
                stream.read_exact(&mut [0; 4])
            });
            if greeted.is_ok() {
                return;
            }
            std::thread::yield_now();
        }
        panic!("nats-server did not answer on port {} within {START:?}", self.port);
    }
}

impl Drop for NatsServer {
    fn drop(&mut self) {
        self.kill();
    }
}
