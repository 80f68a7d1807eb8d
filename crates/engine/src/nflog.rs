//! The kernel's packet log (nfnetlink_log): asking for it, and reading what it says. Bytes in, flows out; no socket.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

const NFNL_SUBSYS_ULOG: u16 = 4;
const NFULNL_MSG_PACKET: u16 = 0;
const NFULNL_MSG_CONFIG: u16 = 1;
const NFULA_PAYLOAD: u16 = 9;
const NFULA_CFG_CMD: u16 = 1;
const NFULA_CFG_MODE: u16 = 2;
const NFULA_CFG_TIMEOUT: u16 = 4;
const NFULNL_CFG_CMD_BIND: u8 = 1;
const NFULNL_COPY_PACKET: u8 = 2;
const NLM_F_REQUEST_ACK: u16 = 0x5;
const NLMSG_ERROR: u16 = 2;
/// `nlmsghdr` and `nfgenmsg`.
const HEADER: usize = 16 + 4;
/// Hundredths of a second the kernel may gather packets before it tells.
const FLUSH_CENTIS: u32 = 10;

/// Where one packet wanted to go.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Flow {
    pub dst: IpAddr,
    /// IP protocol number.
    pub proto: u8,
    /// 0 where the protocol has none.
    pub port: u16,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Heard {
    Flow(Flow),
    /// The kernel's answer to a request: 0, or a negative `errno`.
    Answer(i32),
}

/// The request that makes `group` of this namespace report to the asking socket, `bytes` of each packet.
pub(crate) fn subscribe(group: u16, bytes: u16) -> Vec<u8> {
    let mut mode = u32::from(bytes).to_be_bytes().to_vec();
    mode.extend([NFULNL_COPY_PACKET, 0]);
    let mut body = attribute(NFULA_CFG_CMD, &[NFULNL_CFG_CMD_BIND]);
    body.extend(attribute(NFULA_CFG_MODE, &mode));
    body.extend(attribute(NFULA_CFG_TIMEOUT, &FLUSH_CENTIS.to_be_bytes()));
    let mut message = Vec::with_capacity(HEADER + body.len());
    message.extend(((HEADER + body.len()) as u32).to_ne_bytes());
    message.extend((NFNL_SUBSYS_ULOG << 8 | NFULNL_MSG_CONFIG).to_ne_bytes());
    message.extend(NLM_F_REQUEST_ACK.to_ne_bytes());
    message.extend([0; 8]);
    message.extend([0, 0]);
    message.extend(group.to_be_bytes());
    message.extend(body);
    message
}

/// Everything a datagram of the log says; what cannot be read is left out.
pub fn flows(datagram: &[u8]) -> impl Iterator<Item = Flow> + '_ {
    heard(datagram).filter_map(|heard| match heard {
        Heard::Flow(flow) => Some(flow),
        Heard::Answer(_) => None,
    })
}

pub(crate) fn heard(datagram: &[u8]) -> impl Iterator<Item = Heard> + '_ {
    Records {
        rest: datagram,
        header: 16,
        length: |b| u32::from_ne_bytes([b[0], b[1], b[2], b[3]]) as usize,
    }
    .filter_map(|message| {
        let kind = u16::from_ne_bytes([message[4], message[5]]);
        if kind == NLMSG_ERROR {
            let code = message.get(16..20)?;
            return Some(Heard::Answer(i32::from_ne_bytes([code[0], code[1], code[2], code[3]])));
        }
        let is_packet = kind == (NFNL_SUBSYS_ULOG << 8 | NFULNL_MSG_PACKET);
        let attributes = message.get(HEADER..).filter(|_| is_packet)?;
        Records {
            rest: attributes,
            header: 4,
            length: |b| u16::from_ne_bytes([b[0], b[1]]).into(),
        }
        .find(|attribute| u16::from_ne_bytes([attribute[2], attribute[3]]) & 0x3fff == NFULA_PAYLOAD)
        .and_then(|attribute| flow(&attribute[4..]))
        .map(Heard::Flow)
    })
}

/// The flow an IP packet belongs to, as far as its first bytes tell.
fn flow(packet: &[u8]) -> Option<Flow> {
    let (dst, proto, transport) = match packet.first()? >> 4 {
        4 => {
            let header = usize::from(packet[0] & 0x0f) * 4;
            let dst: [u8; 4] = packet.get(16..20)?.try_into().ok()?;
            let is_first = u16::from_be_bytes([packet[6], packet[7]]) & 0x1fff == 0;
            (
                IpAddr::from(Ipv4Addr::from(dst)),
                packet[9],
                packet.get(header..).filter(|_| is_first),
            )
        }
        6 => {
            let dst: [u8; 16] = packet.get(24..40)?.try_into().ok()?;
            (IpAddr::from(Ipv6Addr::from(dst)), packet[6], packet.get(40..))
        }
        _ => return None,
    };
    let port = transport
        .filter(|_| has_ports(proto))
        .and_then(|t| t.get(2..4))
        .map_or(0, |port| u16::from_be_bytes([port[0], port[1]]));
    Some(Flow { dst, proto, port })
}

/// TCP, UDP, DCCP, SCTP, UDP-Lite: the destination port is at the same place in all.
fn has_ports(proto: u8) -> bool {
    matches!(proto, 6 | 17 | 33 | 132 | 136)
}

/// The name a protocol number goes by in events.
pub(crate) fn proto_name(proto: u8) -> std::borrow::Cow<'static, str> {
    match proto {
        1 => "icmp".into(),
        2 => "igmp".into(),
        6 => "tcp".into(),
        17 => "udp".into(),
        58 => "icmpv6".into(),
        132 => "sctp".into(),
        other => format!("ip-{other}").into(),
    }
}

fn attribute(kind: u16, value: &[u8]) -> Vec<u8> {
    let mut bytes = ((4 + value.len()) as u16).to_ne_bytes().to_vec();
    bytes.extend(kind.to_ne_bytes());
    bytes.extend(value);
    bytes.resize(bytes.len().next_multiple_of(4), 0);
    bytes
}

/// Records that begin with their own length and are padded to four bytes; ends at the first that does not fit.
struct Records<'a> {
    rest: &'a [u8],
    header: usize,
    length: fn(&[u8]) -> usize,
}

impl<'a> Iterator for Records<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<Self::Item> {
        let length = (self.length)(self.rest.get(..self.header)?);
        let record = self.rest.get(..length).filter(|_| length >= self.header)?;
        self.rest = self.rest.get(length.next_multiple_of(4)..).unwrap_or_default();
        Some(record)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(kind: u16, body: &[u8]) -> Vec<u8> {
        let mut bytes = ((16 + body.len()) as u32).to_ne_bytes().to_vec();
        bytes.extend(kind.to_ne_bytes());
        bytes.extend([0; 10]);
        bytes.extend(body);
        bytes
    }

    fn packet_message(packet: &[u8]) -> Vec<u8> {
        let mut body = vec![2, 0, 0, 5];
        body.extend(attribute(10, b"prefix\0"));
        body.extend(attribute(NFULA_PAYLOAD, packet));
        message(NFNL_SUBSYS_ULOG << 8, &body)
    }

    fn tcp4(dst: [u8; 4], port: u16) -> Vec<u8> {
        let mut packet = vec![0x45, 0, 0, 40, 0, 0, 0x40, 0, 64, 6, 0, 0, 10, 0, 0, 2];
        packet.extend(dst);
        packet.extend([0x9c, 0x40]);
        packet.extend(port.to_be_bytes());
        packet
    }

    #[test]
    fn several_packets_in_one_datagram_are_several_flows() {
        let mut datagram = packet_message(&tcp4([198, 51, 100, 7], 443));
        datagram.extend(packet_message(&tcp4([198, 51, 100, 8], 22)));
        let told: Vec<String> = flows(&datagram)
            .map(|f| format!("{} {} {}", f.dst, f.proto, f.port))
            .collect();
        assert_eq!(told, ["198.51.100.7 6 443", "198.51.100.8 6 22"]);
    }

    #[test]
    fn an_icmp_packet_has_no_port_and_an_ipv6_one_its_address() {
        let mut ping = tcp4([192, 0, 2, 1], 0);
        ping[9] = 1;
        assert_eq!(
            flow(&ping),
            Some(Flow {
                dst: "192.0.2.1".parse().unwrap(),
                proto: 1,
                port: 0
            })
        );
        let mut six = vec![0x60, 0, 0, 0, 0, 8, 17, 64];
        six.extend(Ipv6Addr::LOCALHOST.octets());
        six.extend("2001:db8::5".parse::<Ipv6Addr>().unwrap().octets());
        six.extend([0, 1, 0, 53]);
        assert_eq!(
            flow(&six),
            Some(Flow {
                dst: "2001:db8::5".parse().unwrap(),
                proto: 17,
                port: 53
            })
        );
    }

    #[test]
    fn a_later_fragment_has_no_port() {
        let mut fragment = tcp4([192, 0, 2, 1], 443);
        fragment[7] = 9;
        assert_eq!(flow(&fragment).unwrap().port, 0);
    }

    #[test]
    fn the_kernels_refusal_is_heard() {
        let refusal = message(NLMSG_ERROR, &(-16i32).to_ne_bytes());
        assert_eq!(heard(&refusal).collect::<Vec<_>>(), [Heard::Answer(-16)]);
    }

    #[test]
    fn cut_and_broken_datagrams_end_quietly() {
        let whole = packet_message(&tcp4([198, 51, 100, 7], 443));
        for end in 0..whole.len() {
            assert!(flows(&whole[..end]).count() <= 1);
        }
        for at in 0..whole.len() {
            for value in [0, 1, 3, 0x7f, 0xff] {
                let mut broken = whole.clone();
                broken[at] = value;
                let _ = flows(&broken).count();
            }
        }
    }
}
