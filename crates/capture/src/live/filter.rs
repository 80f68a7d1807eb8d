//! Programs for the kernel in classic BPF: which packets are worth copying, and which socket of a group gets them.
//!
//! Frames are Ethernet; the kernel has taken a VLAN tag off before a program sees them.

use std::collections::BTreeSet;
use std::net::Ipv4Addr;

/// One instruction, as the kernel takes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Instruction {
    pub code: u16,
    pub if_true: u8,
    pub if_false: u8,
    pub value: u32,
}

/// A whole program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Program(Vec<Instruction>);

const LOAD_WORD: u16 = 0x20;
const LOAD_HALF: u16 = 0x28;
const JUMP: u16 = 0x05;
const JUMP_IF_EQUAL: u16 = 0x15;
const RETURN: u16 = 0x06;
const RETURN_A: u16 = 0x16;
const TO_X: u16 = 0x07;
const XOR_X: u16 = 0xac;
const MULTIPLY: u16 = 0x24;
const SHIFT_RIGHT: u16 = 0x74;

/// Bytes of the link header.
const LINK: u32 = 14;
const ETHER_TYPE: u32 = 12;
const IPV4: u32 = 0x0800;
const IPV6: u32 = 0x86dd;
const ARP: u32 = 0x0806;
const V4_SOURCE: u32 = 26;
const V4_DESTINATION: u32 = 30;
/// Where a program that spreads packets may look: it sees some from their link header on, some from behind it.
const PROTOCOL: u32 = 0xffff_f000;
const NETWORK: u32 = 0xfff0_0000;
/// Last words of the addresses.
const V6_SOURCE: u32 = 20;
const V6_DESTINATION: u32 = 36;
/// A conditional jump reaches 255 instructions; so many comparisons share one way out.
const REACH: usize = 200;
/// The kernel takes 4096 instructions; this many addresses compared twice stay below.
const MAX_HOSTS: usize = 2_000;
/// Knuth's multiplier: neighbouring addresses go to different sockets.
const SPREAD: u32 = 0x9e37_79b1;

// === impl Program ===

impl Program {
    /// Every packet, of each the first `snaplen` bytes.
    pub fn everything(snaplen: u32) -> Self {
        Self(vec![op(RETURN, snaplen)])
    }

    /// IPv4 from or to these hosts, and IPv6 and ARP of anyone: neighbours speak of whose addresses are whose there.
    /// For more than 2000 hosts the kernel passes all IPv4 on.
    pub fn hosts(hosts: &BTreeSet<Ipv4Addr>, snaplen: u32) -> Self {
        if hosts.len() > MAX_HOSTS {
            return Self::everything(snaplen);
        }
        let mut code = Assembler::default();
        code.push(op(LOAD_HALF, ETHER_TYPE));
        code.jump_if(IPV6, Label::Yes);
        code.jump_if(ARP, Label::Yes);
        code.jump_unless(IPV4, Label::No);
        code.push(op(LOAD_WORD, V4_SOURCE));
        code.jump_if_among(hosts, Label::Yes);
        code.push(op(LOAD_WORD, V4_DESTINATION));
        code.jump_if_among(hosts, Label::Yes);
        code.label(Label::No);
        code.push(op(RETURN, 0));
        code.label(Label::Yes);
        code.push(op(RETURN, snaplen));
        Self(code.finish())
    }

    /// Inside one of the hosts: everything but IPv4 from it to another, which is seen there too.
    pub fn inside(host: Ipv4Addr, hosts: &BTreeSet<Ipv4Addr>, snaplen: u32) -> Self {
        if hosts.len() > MAX_HOSTS {
            return Self::everything(snaplen);
        }
        let mut code = Assembler::default();
        code.push(op(LOAD_HALF, ETHER_TYPE));
        code.jump_unless(IPV4, Label::Yes);
        code.push(op(LOAD_WORD, V4_SOURCE));
        code.jump_unless(host.into(), Label::Yes);
        code.push(op(LOAD_WORD, V4_DESTINATION));
        code.jump_if_among(hosts, Label::No);
        code.label(Label::Yes);
        code.push(op(RETURN, snaplen));
        code.label(Label::No);
        code.push(op(RETURN, 0));
        Self(code.finish())
    }

    /// A number for the socket of a group: the same for all packets from and to one peer of these hosts, so that what is
    /// known of a peer lies in one place. What the hosts send each other goes to the first socket.
    pub fn by_peer(hosts: &BTreeSet<Ipv4Addr>) -> Self {
        let none = BTreeSet::new();
        let hosts = if hosts.len() > MAX_HOSTS { &none } else { hosts };
        let mut code = Assembler::default();
        code.push(op(LOAD_WORD, PROTOCOL));
        code.jump_if(IPV4, Label::V4);
        code.jump_if(IPV6, Label::V6);
        code.push(op(RETURN, 0));
        code.label(Label::V6);
        code.push(op(LOAD_WORD, NETWORK + V6_SOURCE));
        code.push(op(TO_X, 0));
        code.push(op(LOAD_WORD, NETWORK + V6_DESTINATION));
        code.push(op(XOR_X, 0));
        code.jump(Label::Yes);
        code.label(Label::V4);
        code.push(op(LOAD_WORD, NETWORK + V4_SOURCE - LINK));
        code.jump_if_among(hosts, Label::No);
        code.jump(Label::Yes);
        // The sender is a host, so the peer is whom it sends to.
        code.label(Label::No);
        code.push(op(LOAD_WORD, NETWORK + V4_DESTINATION - LINK));
        code.jump_if_among(hosts, Label::Own);
        code.label(Label::Yes);
        code.push(op(MULTIPLY, SPREAD));
        code.push(op(SHIFT_RIGHT, 16));
        code.push(op(RETURN_A, 0));
        code.label(Label::Own);
        code.push(op(RETURN, 0));
        Self(code.finish())
    }

    pub fn instructions(&self) -> &[Instruction] {
        &self.0
    }
}

fn op(code: u16, value: u32) -> Instruction {
    Instruction {
        code,
        if_true: 0,
        if_false: 0,
        value,
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Label {
    Yes,
    No,
    Own,
    V4,
    V6,
}

/// Instructions with jumps to places that are not known yet.
#[derive(Default)]
struct Assembler {
    code: Vec<Instruction>,
    jumps: Vec<(usize, Label)>,
    labels: Vec<(Label, usize)>,
}

// === impl Assembler ===

impl Assembler {
    fn push(&mut self, instruction: Instruction) {
        self.code.push(instruction);
    }

    fn label(&mut self, label: Label) {
        self.labels.push((label, self.code.len()));
    }

    fn jump(&mut self, label: Label) {
        self.jumps.push((self.code.len(), label));
        self.push(op(JUMP, 0));
    }

    fn jump_if(&mut self, value: u32, label: Label) {
        self.compare(value, 0, 1);
        self.jump(label);
    }

    fn jump_unless(&mut self, value: u32, label: Label) {
        self.compare(value, 1, 0);
        self.jump(label);
    }

    fn jump_if_among(&mut self, hosts: &BTreeSet<Ipv4Addr>, label: Label) {
        let hosts: Vec<u32> = hosts.iter().map(|&host| host.into()).collect();
        for hosts in hosts.chunks(REACH) {
            for (n, &host) in hosts.iter().enumerate() {
                // Over the comparisons left and the jump past the way out.
                let over = u8::try_from(hosts.len() - n).unwrap_or(u8::MAX);
                self.compare(host, over, 0);
            }
            self.push(op(JUMP, 1));
            self.jump(label);
        }
    }

    fn compare(&mut self, value: u32, if_true: u8, if_false: u8) {
        self.push(Instruction {
            code: JUMP_IF_EQUAL,
            if_true,
            if_false,
            value,
        });
    }

    fn finish(mut self) -> Vec<Instruction> {
        for (at, label) in &self.jumps {
            let found = self.labels.iter().find(|(known, _)| known == label);
            // Jumps go forward only, past themselves.
            let to = found.map_or(*at + 1, |(_, to)| *to);
            self.code[*at].value = u32::try_from(to - at - 1).unwrap_or_default();
        }
        self.code
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What the kernel does with a program, for the instructions we use.
    fn run(program: &Program, frame: &[u8]) -> u32 {
        let (mut a, mut x, mut at) = (0_u32, 0_u32, 0);
        loop {
            let Instruction {
                code,
                if_true,
                if_false,
                value,
            } = program.0[at];
            at += 1;
            let k = match value {
                NETWORK..PROTOCOL => (value - NETWORK + LINK) as usize,
                _ => value as usize,
            };
            match code {
                LOAD_HALF => {
                    a = frame
                        .get(k..k + 2)
                        .map_or(0, |b| u32::from(u16::from_be_bytes(b.try_into().unwrap())))
                }
                LOAD_WORD if value == PROTOCOL => a = u32::from(u16::from_be_bytes([frame[12], frame[13]])),
                LOAD_WORD => match frame.get(k..k + 4) {
                    Some(word) => a = u32::from_be_bytes(word.try_into().unwrap()),
                    None => return 0,
                },
                JUMP => at += k,
                JUMP_IF_EQUAL => at += usize::from(if a == value { if_true } else { if_false }),
                TO_X => x = a,
                XOR_X => a ^= x,
                MULTIPLY => a = a.wrapping_mul(value),
                SHIFT_RIGHT => a >>= value,
                RETURN => return value,
                RETURN_A => return a,
                other => panic!("unknown instruction {other:#x}"),
            }
        }
    }

    fn v4(from: [u8; 4], to: [u8; 4]) -> Vec<u8> {
        let mut frame = vec![0; 54];
        frame[12..14].copy_from_slice(&[8, 0]);
        frame[26..30].copy_from_slice(&from);
        frame[30..34].copy_from_slice(&to);
        frame
    }

    fn other(kind: u16) -> Vec<u8> {
        let mut frame = vec![0; 60];
        frame[12..14].copy_from_slice(&kind.to_be_bytes());
        frame
    }

    fn hosts(count: u32) -> BTreeSet<Ipv4Addr> {
        (0..count).map(|n| Ipv4Addr::from(0x0a00_0002 + 3 * n)).collect()
    }

    #[test]
    fn packets_of_the_hosts_pass_and_those_of_others_do_not() {
        for count in [1, 5, 199, 200, 201, 700, 2_000] {
            let hosts = hosts(count);
            let program = Program::hosts(&hosts, 99);
            assert!(program.0.len() <= 4_096, "{count}: {}", program.0.len());
            for host in [hosts.first(), hosts.last()].into_iter().flatten() {
                assert_eq!(run(&program, &v4(host.octets(), [192, 0, 2, 1])), 99, "{count}");
                assert_eq!(run(&program, &v4([192, 0, 2, 1], host.octets())), 99, "{count}");
            }
            assert_eq!(run(&program, &v4([192, 0, 2, 1], [10, 0, 0, 3])), 0, "{count}");
            assert_eq!(run(&program, &other(0x86dd)), 99);
            assert_eq!(run(&program, &other(0x0806)), 99);
            assert_eq!(run(&program, &other(0x88cc)), 0);
        }
        assert_eq!(
            run(&Program::hosts(&hosts(2_001), 99), &v4([1, 1, 1, 1], [2, 2, 2, 2])),
            99
        );
    }

    #[test]
    fn all_that_a_peer_has_to_do_with_the_hosts_goes_to_one_socket() {
        let hosts = hosts(450);
        let program = Program::by_peer(&hosts);
        let mut used = BTreeSet::new();
        for peer in 0..64_u8 {
            let peer = [198, 51, 100, peer];
            let socket = run(&program, &v4(peer, hosts.first().unwrap().octets())) % 4;
            for host in &hosts {
                assert_eq!(run(&program, &v4(peer, host.octets())) % 4, socket);
                assert_eq!(run(&program, &v4(host.octets(), peer)) % 4, socket);
            }
            used.insert(socket);
        }
        assert_eq!(used.len(), 4, "peers are spread over the sockets");
        let (one, other) = (hosts.first().unwrap().octets(), hosts.last().unwrap().octets());
        assert_eq!(run(&program, &v4(one, other)) % 4, run(&program, &v4(other, one)) % 4);
    }

    #[test]
    fn inside_a_host_what_it_sends_to_another_is_left_to_that_one() {
        let hosts = hosts(450);
        let (own, far) = (hosts.first().unwrap(), hosts.last().unwrap().octets());
        let program = Program::inside(*own, &hosts, 99);
        let passes = |frame: &[u8]| run(&program, frame) == 99;
        assert!(!passes(&v4(own.octets(), far)));
        assert!(passes(&v4(far, own.octets())));
        assert!(passes(&v4(own.octets(), [192, 0, 2, 1])) && passes(&v4([192, 0, 2, 1], own.octets())));
        assert!(passes(&other(0x86dd)) && passes(&other(0x0806)));
    }
}
