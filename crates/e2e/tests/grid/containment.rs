//! What full root inside a decky cannot do. Each test tries.

use e2e::genuine;
use e2e::grid::{APACHE, NGINX, ROOT_PASSWORD, SSH, VICTIM, grid};
use e2e::tools::{Ran, must, sh_within};
use std::time::Duration;

/// Runs a script as root in the shell of a decky that all tests share.
fn inside(script: &str) -> String {
    let ran = inside_of(NGINX, script);
    assert_ne!(ran.code, 255, "{}", String::from_utf8_lossy(&ran.stderr));
    ran.text()
}

fn inside_of(host: &str, script: &str) -> Ran {
    grid();
    let line = format!("sshpass -p {ROOT_PASSWORD} ssh {SSH} root@{host} bash -s <<'INSIDE'\n{script}\ntrue\nINSIDE");
    sh_within(&line, Duration::from_secs(120)).unwrap()
}

fn reaches(ip: &str, port: u16) -> bool {
    inside(&format!(
        "timeout 3 bash -c 'echo > /dev/tcp/{ip}/{port}' 2>/dev/null && echo reached"
    ))
    .contains("reached")
}

#[test]
fn it_reaches_its_scope_and_nothing_else() {
    assert!(reaches(APACHE, 80), "deckies of one scope see each other");
    let listener = std::net::TcpListener::bind("0.0.0.0:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || listener.incoming().for_each(drop));
    let host = must("ip -4 -o addr show scope global | awk '{print $4}' | cut -d/ -f1").unwrap();
    for address in host
        .lines()
        .chain(["10.201.0.1", "169.254.169.254", "192.0.2.1", "1.1.1.1"])
    {
        assert!(!reaches(address, port), "the decky reaches {address}:{port}");
    }
}

#[test]
fn it_does_not_reach_another_scope() {
    grid();
    must("docker network create --subnet 10.202.0.0/24 e2e-other >/dev/null 2>&1 || true").unwrap();
    let image = genuine::image().unwrap();
    must(&format!("docker rm -f e2e-other >/dev/null 2>&1; docker run -d --name e2e-other --network e2e-other --ip 10.202.0.9 {image} redis-server --bind 0.0.0.0 --protected-mode no")).unwrap();
    assert_eq!(must("sleep 1; redis-cli -h 10.202.0.9 ping").unwrap(), "PONG\n");
    let reached = reaches("10.202.0.9", 6379);
    must("docker rm -f e2e-other; docker network rm e2e-other").unwrap();
    assert!(!reached, "another network is reached");
}

#[test]
fn names_are_not_resolved_through_the_daemon() {
    let answer =
        inside("getent hosts example.com; timeout 3 bash -c 'echo x > /dev/tcp/127.0.0.11/53' && echo reached");
    assert!(!answer.contains("reached") && !answer.contains("example"), "{answer}");
}

#[test]
fn what_the_wall_stops_is_told() {
    inside("timeout 2 bash -c 'echo > /dev/tcp/198.51.100.7/4443' 2>/dev/null");
    let blocked = grid()
        .event("e2e-nginx", "egress_blocked", |event| {
            event["fields"]["dst_ip"] == "198.51.100.7"
        })
        .unwrap();
    assert_eq!(blocked["fields"]["dst_port"], 4443);
    assert_eq!(blocked["fields"]["proto"], "tcp");
}

#[test]
fn the_wall_cannot_be_changed_from_inside() {
    let tried = inside(
        "for c in 'iptables -F' 'nft flush ruleset' 'ip link set eth0 down' 'ip addr add 10.201.0.99/24 dev eth0' 'mount -t tmpfs x /mnt' 'unshare -m true' 'mknod /tmp/d b 254 0'; do $c 2>/dev/null && echo \"did: $c\"; done; true",
    );
    assert!(!tried.contains("did:"), "{tried}");
    assert!(!reaches("1.1.1.1", 443));
}

#[test]
fn raw_sockets_are_refused() {
    for tool in [
        "python3 -c 'import socket; socket.socket(socket.AF_INET, socket.SOCK_RAW, 6)' 2>&1",
        "python3 -c 'import socket; socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 3)' 2>&1",
        "perl -MSocket -e 'socket(my $s, PF_INET, SOCK_RAW, 6) or print $!' 2>&1",
    ] {
        let tried = inside(tool);
        assert!(tried.contains("Operation not permitted"), "{tool}: {tried}");
    }
}

#[test]
fn the_first_process_is_a_closed_book() {
    let read = inside(
        "for f in /proc/[0-9]*/environ /proc/1/maps /proc/1/mem; do p=$(echo $f | cut -d/ -f3); \
           [ -r $f ] && tr '\\0' '\\n' < $f 2>/dev/null | grep -q TERMCAP= && echo \"spec in $f\"; done; \
         readlink /proc/1/fd/* >/dev/null 2>&1 && echo 'fds of 1 readable'; \
         cat /proc/1/environ >/dev/null 2>&1 && echo 'environ of 1 readable'; \
         head -c1 /proc/1/mem >/dev/null 2>&1 && echo 'memory of 1 readable'; \
         readlink /proc/1/exe >/dev/null 2>&1 && echo 'exe of 1 readable'; true",
    );
    assert_eq!(read, "");
}

/// On a decky of its own: that its services come back is looked at when they have had the time (`recovery`).
#[test]
fn events_cannot_be_forged_or_stopped() {
    let tried = inside_of(
        VICTIM,
        "for p in /proc/[0-9]*; do for fd in 0 1 2 3 4 5 6 7 8 9; do \
           echo '{\"seq\":1,\"boot\":\"00000000\",\"generation\":1,\"report\":{\"forged\":1}}' > $p/fd/$fd; done; done 2>/dev/null; \
         kill -9 1; kill -TERM 1; kill -STOP 1; echo alive-after-that; sleep 1; kill -STOP -1",
    )
    .text();
    assert!(tried.contains("alive-after-that"), "{tried}");
    for service in ["ssh", "redis"] {
        let killed = grid().event("e2e-victim", "service_killed", |event| event["service"] == service);
        let pause = killed.unwrap()["fields"]["restart_in_ms"].as_u64().unwrap();
        assert!(
            (30_000..=300_001).contains(&pause),
            "{service} comes back after {pause} ms"
        );
    }
    let events = grid()
        .decnet(&["events", "--json", "--decky", "e2e-victim", "--limit", "1000"])
        .unwrap();
    assert!(
        events.contains("init_signal"),
        "the tries to kill PID 1 are told: {events}"
    );
    assert!(!events.contains("\"forged\""), "a forged event is in the store");
}

/// Files of Debian's own packages that speak of the DECnet family of protocols are on every Debian machine.
#[test]
fn nothing_inside_says_what_it_is() {
    let told = inside(
        "W='decne[t]|deck[y]|honeypo[t]|dockeren[v]'; \
         { ps auxww | grep -v grep; mount; env; hostname; cat /proc/*/cmdline /proc/mounts /proc/self/mountinfo /proc/self/cgroup /proc/1/cgroup 2>/dev/null | tr '\\0' ' '; } \
           | grep -iEo \".{0,40}($W).{0,40}\" ; \
         ls -la / | grep -i dockerenv; \
         is_debians() { f=${1%.cpython-*.pyc}; [ \"$f\" = \"$1\" ] || f=$(dirname $(dirname $f))/$(basename $f).py; \
           dpkg-query -S $f >/dev/null 2>&1 || dpkg-query -S ${f#/usr} >/dev/null 2>&1; }; \
         { grep -rliE \"$W\" --exclude-dir=proc --exclude-dir=sys / 2>/dev/null; \
           find / -xdev \\( -path /proc -o -path /sys \\) -prune -o \\( -iname '*decnet*' -o -iname '*decky*' -o -iname '*honeypot*' \\) -print; } \
           | while read -r file; do is_debians \"$file\" || echo \"$file\"; done; \
         cat /sbin/init 2>/dev/null | grep -aiE \"$W\"",
    );
    assert_eq!(told, "");
}

#[test]
fn banners_and_certificates_do_not_say_it_either() {
    grid();
    let told = must(&format!(
        "{{ for p in 21 22 23 6379; do timeout 3 bash -c \"exec 3<>/dev/tcp/{NGINX}/$p; echo INFO >&3; timeout 2 cat <&3\" 2>/dev/null; done; \
           curl -si http://{NGINX}/; openssl s_client -connect {NGINX}:443 </dev/null 2>/dev/null | openssl x509 -noout -text; }} | tr -d '\\0'"
    ))
    .unwrap();
    assert!(told.len() > 2000, "something answered: {told}");
    for word in ["decnet", "decky", "honeypot", "docker"] {
        assert!(!told.to_lowercase().contains(word), "{word} in {told}");
    }
}

#[test]
fn nmap_sees_the_same_system_with_the_wall_up_and_down() {
    let up = os_lines(NGINX);
    assert!(!up.is_empty(), "nmap -O prints a fingerprint");
    let pid = must("docker inspect -f '{{.State.Pid}}' e2e-nginx").unwrap();
    let rules = must(&format!("nsenter -t {} -n nft list ruleset", pid.trim())).unwrap();
    must(&format!("nsenter -t {} -n nft flush ruleset", pid.trim())).unwrap();
    let down = os_lines(NGINX);
    std::fs::write(e2e::grid::root().join("target/e2e/wall.nft"), rules).unwrap();
    must(&format!(
        "nsenter -t {} -n nft -f {}/target/e2e/wall.nft",
        pid.trim(),
        e2e::grid::root().display()
    ))
    .unwrap();
    assert_eq!(up, down);
}

/// The parts of nmap's fingerprint that a filter can change: which probes were answered, and how.
fn os_lines(host: &str) -> Vec<String> {
    let scan = must(&format!("nmap -O -n -p 22,9999 -vv -d {host}")).unwrap();
    let finger: String = scan.lines().filter_map(|line| line.strip_prefix("OS:")).collect();
    ["T1(", "T2(", "T3(", "T4(", "T5(", "T6(", "T7(", "U1(", "IE("]
        .iter()
        .filter_map(|test| {
            let start = finger.find(test)?;
            Some(finger[start..start + finger[start..].find(')')? + 1].to_owned())
        })
        .collect()
}
