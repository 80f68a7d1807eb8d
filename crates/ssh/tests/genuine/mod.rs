//! The real thing beside ours.

use std::io::BufRead;
use std::process::{Child, Command, Stdio};

use crate::stand::Stand;

/// The machine's sshd with the keys of a stand, on a port of its own.
pub(crate) struct Genuine {
    child: Child,
    pub(crate) port: u16,
}

impl Genuine {
    pub(crate) fn new(stand: &Stand) -> Self {
        let folder = stand.folder.path().display().to_string();
        let port = std::net::TcpListener::bind("127.0.0.1:0")
            .unwrap()
            .local_addr()
            .unwrap()
            .port();
        // As root it wants this, which a machine that never ran it has not.
        let _ = std::fs::create_dir_all("/run/sshd");
        let mut sshd = Command::new("/usr/sbin/sshd");
        sshd.args(["-D", "-e", "-f", "/dev/null", "-p", &port.to_string()]);
        for key in ["rsa", "ecdsa", "ed25519"] {
            sshd.args(["-o", &format!("HostKey={folder}/{key}")]);
        }
        for option in [
            "ListenAddress=127.0.0.1",
            "PidFile=none",
            "StrictModes=no",
            "PermitRootLogin=yes",
            "MaxStartups=1000",
            // What whoever runs the tests has a shell do when it starts is no answer of the server's.
            &format!("SetEnv=HOME={folder}"),
            &format!("AuthorizedKeysFile={folder}/user.pub"),
        ] {
            sshd.args(["-o", option]);
        }
        let mut child = sshd.stderr(Stdio::piped()).spawn().unwrap();
        let mut log = std::io::BufReader::new(child.stderr.take().unwrap());
        let mut line = String::new();
        while !line.contains("listening") {
            line.clear();
            assert!(log.read_line(&mut line).unwrap() > 0, "sshd does not start");
        }
        std::thread::spawn(move || log.lines().for_each(drop));
        Self { child, port }
    }
}

impl Drop for Genuine {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
