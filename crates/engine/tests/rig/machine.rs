//! The smallest thing that behaves like PID 1 of a machine: hears orders, says it heard them, listens when told to.
//! Compiled by the tests for a bare image; as `init probe ...` it tries what someone inside might try.

use std::io::{BufRead, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::time::Duration;

unsafe extern "C" {
    fn signal(number: i32, handler: extern "C" fn(i32)) -> usize;
}

extern "C" fn leave(_: i32) {
    std::process::exit(0);
}

/// Never opened, so that a machine can be half ready.
const NEVER_OPEN: u16 = 9;

fn main() {
    let args: Vec<String> = std::env::args().collect();
    match args.get(1).map(String::as_str) {
        Some("tcp") => println!("{}", tcp(&args[2])),
        Some("udp") => {
            let times = args.get(3).map_or(1, |n| n.parse().expect("a number"));
            println!("{}", (0..times).map(|_| udp(&args[2])).last().unwrap_or_default());
        }
        Some("cat") => println!("{}", std::fs::read_to_string(&args[2]).unwrap_or_else(|e| e.to_string())),
        Some("-ec") => shell(&args[2]),
        _ => init(),
    }
}

/// A shell that knows two commands.
fn shell(script: &str) {
    println!("installing");
    if script.contains("fail-now") {
        eprintln!("E: no such package");
        std::process::exit(100);
    }
    std::fs::write("/installed", "yes").expect("a file");
}

fn tcp(to: &str) -> String {
    match TcpStream::connect_timeout(&to.parse::<SocketAddr>().expect("address"), Duration::from_millis(800)) {
        Ok(mut stream) => {
            let mut text = String::new();
            let _ = stream.read_to_string(&mut text);
            format!("open {text}")
        }
        Err(e) => format!("{:?}", e.kind()),
    }
}

fn udp(to: &str) -> String {
    let socket = UdpSocket::bind("0.0.0.0:0").expect("bind");
    match socket.send_to(b"anyone?", to) {
        Ok(_) => "sent".to_owned(),
        Err(e) => format!("{:?}", e.kind()),
    }
}

fn init() {
    unsafe { signal(15, leave) };
    let spec = String::from_utf8(decode(&std::env::var("TERMCAP").unwrap_or_default())).expect("text");
    if spec.contains("\"hostname\":\"broken\"") {
        std::process::exit(1);
    }
    let mut wanted = ports(&spec);
    let mut open = Vec::new();
    let mut may_listen = false;
    let mut seq = 0;
    for line in std::io::stdin().lock().lines() {
        let line = line.expect("stdin");
        if line == r#"{"go":{}}"# {
            may_listen = true;
        } else if line.starts_with(r#"{"sync""#) {
            seq += 1;
            let generation = number_after(&line, "\"generation\":").unwrap_or(0);
            let error = if line.contains("\"hostname\":\"refuse\"") { r#","error":"no such thing""# } else { "" };
            if error.is_empty() {
                wanted = ports(&line);
            }
            println!(
                r#"{{"seq":{seq},"boot":"0badcafe","generation":{generation},"ack":{{"generation":{generation}{error}}}}}"#
            );
        }
        if may_listen {
            for port in wanted.iter().filter(|&&p| p != NEVER_OPEN) {
                if !open.contains(port) {
                    open.push(*port);
                    listen(*port);
                }
            }
        }
    }
    loop {
        std::thread::park();
    }
}

fn listen(port: u16) {
    let listener = TcpListener::bind(("0.0.0.0", port)).expect("bind");
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let mut stream = stream;
            let _ = stream.write_all(b"hello");
        }
    });
}

fn ports(text: &str) -> Vec<u16> {
    text.match_indices("\"port\":").filter_map(|(at, key)| number_after(&text[at..], key)).map(|n| n as u16).collect()
}

fn number_after(text: &str, key: &str) -> Option<u64> {
    let rest = &text[text.find(key)? + key.len()..];
    rest[..rest.find(|c: char| !c.is_ascii_digit())?].parse().ok()
}

fn decode(base64: &str) -> Vec<u8> {
    let value = |b: u8| match b {
        b'A'..=b'Z' => b - b'A',
        b'a'..=b'z' => b - b'a' + 26,
        b'0'..=b'9' => b - b'0' + 52,
        b'+' => 62,
        _ => 63,
    };
    let digits: Vec<u8> = base64.bytes().filter(|&b| b != b'=').map(value).collect();
    let bits = digits.iter().flat_map(|d| (0..6).rev().map(move |n| d >> n & 1)).collect::<Vec<u8>>();
    bits.chunks_exact(8).map(|byte| byte.iter().fold(0, |n, bit| n << 1 | bit)).collect()
}
