//! Docker's embedded resolver: sockets of the daemon inside the machine's namespace, on 127.0.0.11.
//!
//! No process of the machine owns them, so `ss -ltnu` would show at a glance what the machine stands on. The wall
//! already keeps names from leaving through them; here they are closed (`SOCK_DESTROY`, Linux 4.9).

use std::io;

use netlink_sys::protocols::NETLINK_SOCK_DIAG;
use netlink_sys::{Socket, SocketAddr};

const SOCK_DESTROY: u16 = 21;
const NLM_F_REQUEST: u16 = 1;
const AF_INET: u8 = 2;
const ADDRESS: [u8; 4] = [127, 0, 0, 11];
/// The address as `/proc/net` writes it.
const ADDRESS_HEX: &str = "0B00007F";
const TABLES: [(&str, u8); 2] = [("tcp", 6), ("udp", 17)];

/// Closes the resolver's sockets in the namespace of the calling thread.
pub(crate) fn evict() -> io::Result<()> {
    let mut socket = Socket::new(NETLINK_SOCK_DIAG)?;
    socket.bind_auto()?;
    for (table, protocol) in TABLES {
        let table = std::fs::read_to_string(format!("/proc/thread-self/net/{table}"))?;
        for port in ports(&table) {
            socket.send_to(&destroy(protocol, port), &SocketAddr::new(0, 0), 0)?;
        }
    }
    Ok(())
}

fn ports(table: &str) -> impl Iterator<Item = u16> + '_ {
    table.lines().skip(1).filter_map(|row| {
        let (address, port) = row.split_ascii_whitespace().nth(1)?.split_once(':')?;
        (address == ADDRESS_HEX).then(|| u16::from_str_radix(port, 16).ok())?
    })
}

/// `nlmsghdr`, then `inet_diag_req_v2` for the socket bound to that port.
fn destroy(protocol: u8, port: u16) -> Vec<u8> {
    const LENGTH: u32 = 16 + 56;
    let mut message = Vec::with_capacity(LENGTH as usize);
    message.extend(LENGTH.to_ne_bytes());
    message.extend(SOCK_DESTROY.to_ne_bytes());
    message.extend(NLM_F_REQUEST.to_ne_bytes());
    message.extend([0; 8]);
    message.extend([AF_INET, protocol, 0, 0]);
    message.extend(u32::MAX.to_ne_bytes());
    message.extend(port.to_be_bytes());
    message.extend([0; 2]);
    message.extend(ADDRESS);
    message.extend([0; 12 + 16 + 4]);
    // Any cookie.
    message.extend([0xff; 8]);
    message
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_sockets_on_the_resolvers_address_are_meant() {
        let table = "head\n 0: 0B00007F:A1B2 00000000:0000 0A\n 1: 0100007F:0050 00000000:0000 0A\n";
        assert_eq!(ports(table).collect::<Vec<_>>(), [0xa1b2]);
    }

    #[test]
    fn a_request_is_as_long_as_it_says() {
        let message = destroy(6, 53);
        assert_eq!(
            u32::from_ne_bytes(message[..4].try_into().unwrap()) as usize,
            message.len()
        );
    }
}
