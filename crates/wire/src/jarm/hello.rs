//! The ten hellos.

use super::HELLOS;

/// Randomness of one hello; the caller makes it anew for each.
#[derive(Clone, Debug)]
pub struct Entropy {
    pub random: [u8; 32],
    pub session_id: [u8; 32],
    /// Stands for an X25519 public key.
    pub key_share: [u8; 32],
    /// Picks the four GREASE values.
    pub grease: [u8; 4],
}

/// One of the ten hellos.
#[derive(Debug)]
pub struct Probe {
    record_version: u16,
    hello_version: u16,
    ciphers: Ciphers,
    order: Order,
    grease: bool,
    alpn: &'static [&'static [u8]],
    /// The `supported_versions`, newest last; left out where there are none.
    versions: &'static [u16],
    list_order: Order,
}

#[derive(Clone, Copy, Debug)]
enum Ciphers {
    All,
    /// Those of TLS 1.3 left out.
    No13,
}

#[derive(Clone, Copy, Debug)]
enum Order {
    Forward,
    Reverse,
    TopHalf,
    BottomHalf,
    MiddleOut,
}

/// In the order their replies are hashed in.
pub static PROBES: [Probe; HELLOS] = [
    Probe {
        list_order: Order::Reverse,
        ..TLS12
    },
    Probe {
        order: Order::Reverse,
        ..TLS12
    },
    Probe {
        order: Order::TopHalf,
        versions: &[],
        ..TLS12
    },
    Probe {
        order: Order::BottomHalf,
        alpn: RARE_ALPN,
        versions: &[],
        ..TLS12
    },
    Probe {
        order: Order::MiddleOut,
        grease: true,
        alpn: RARE_ALPN,
        versions: &[],
        list_order: Order::Reverse,
        ..TLS12
    },
    Probe {
        record_version: 0x0302,
        hello_version: 0x0302,
        versions: &[],
        ..TLS12
    },
    Probe {
        list_order: Order::Reverse,
        ..TLS13
    },
    Probe {
        order: Order::Reverse,
        ..TLS13
    },
    Probe {
        ciphers: Ciphers::No13,
        ..TLS13
    },
    Probe {
        order: Order::MiddleOut,
        grease: true,
        list_order: Order::Reverse,
        ..TLS13
    },
];

const TLS12: Probe = Probe {
    record_version: 0x0303,
    hello_version: 0x0303,
    ciphers: Ciphers::All,
    order: Order::Forward,
    grease: false,
    alpn: ALPN,
    versions: &[0x0301, 0x0302, 0x0303],
    list_order: Order::Forward,
};
const TLS13: Probe = Probe {
    record_version: 0x0301,
    versions: &[0x0301, 0x0302, 0x0303, 0x0304],
    ..TLS12
};
const ALPN: &[&[u8]] = &[
    b"http/0.9",
    b"http/1.0",
    b"http/1.1",
    b"spdy/1",
    b"spdy/2",
    b"spdy/3",
    b"h2",
    b"h2c",
    b"hq",
];
const RARE_ALPN: &[&[u8]] = &[b"http/0.9", b"http/1.0", b"spdy/1", b"spdy/2", b"spdy/3", b"h2c", b"hq"];
const ALL: [u16; 69] = [
    0x0016, 0x0033, 0x0067, 0xc09e, 0xc0a2, 0x009e, 0x0039, 0x006b, 0xc09f, 0xc0a3, 0x009f, 0x0045, 0x00be, 0x0088,
    0x00c4, 0x009a, 0xc008, 0xc009, 0xc023, 0xc0ac, 0xc0ae, 0xc02b, 0xc00a, 0xc024, 0xc0ad, 0xc0af, 0xc02c, 0xc072,
    0xc073, 0xcca9, 0x1302, 0x1301, 0xcc14, 0xc007, 0xc012, 0xc013, 0xc027, 0xc02f, 0xc014, 0xc028, 0xc030, 0xc060,
    0xc061, 0xc076, 0xc077, 0xcca8, 0x1305, 0x1304, 0x1303, 0xcc13, 0xc011, 0x000a, 0x002f, 0x003c, 0xc09c, 0xc0a0,
    0x009c, 0x0035, 0x003d, 0xc09d, 0xc0a1, 0x009d, 0x0041, 0x00ba, 0x0084, 0x00c0, 0x0007, 0x0004, 0x0005,
];
const GROUPS: &[u8] = &[0, 8, 0x00, 0x1d, 0x00, 0x17, 0x00, 0x18, 0x00, 0x19];
const SIGNATURE_ALGORITHMS: &[u8] = &[
    0, 18, 0x04, 0x03, 0x08, 0x04, 0x04, 0x01, 0x05, 0x03, 0x08, 0x05, 0x05, 0x01, 0x08, 0x06, 0x06, 0x01, 0x02, 0x01,
];
/// A name that is longer is cut: no host name is.
const LONGEST_NAME: usize = 255;

// === impl Probe ===

impl Probe {
    /// The hello as a whole record; `host` is named as given, be it a name or an address.
    pub fn hello(&self, host: &str, entropy: &Entropy) -> Vec<u8> {
        let mut hello = Vec::with_capacity(512);
        hello.extend(self.hello_version.to_be_bytes());
        hello.extend(entropy.random);
        hello.push(entropy.session_id.len() as u8);
        hello.extend(entropy.session_id);
        block(&mut hello, |ciphers| self.put_ciphers(ciphers, entropy));
        // One compression method: none.
        hello.extend([1, 0]);
        block(&mut hello, |extensions| self.put_extensions(extensions, host, entropy));

        let mut record = vec![22];
        record.extend(self.record_version.to_be_bytes());
        block(&mut record, |message| {
            message.extend([1, 0]);
            block(message, |body| body.extend(&hello));
        });
        record
    }

    fn put_ciphers(&self, out: &mut Vec<u8>, entropy: &Entropy) {
        if self.grease {
            out.extend(grease(entropy.grease[0]));
        }
        let ciphers = ALL
            .into_iter()
            .filter(|cipher| matches!(self.ciphers, Ciphers::All) || !(0x1301..=0x1305).contains(cipher));
        out.extend(self.order.of(ciphers.collect()).into_iter().flat_map(u16::to_be_bytes));
    }

    fn put_extensions(&self, out: &mut Vec<u8>, host: &str, entropy: &Entropy) {
        if self.grease {
            out.extend(grease(entropy.grease[1]));
            out.extend([0, 0]);
        }
        extension(out, 0x0000, |body| {
            block(body, |names| {
                names.push(0);
                block(names, |name| {
                    name.extend(&host.as_bytes()[..host.len().min(LONGEST_NAME)])
                });
            });
        });
        extension(out, 0x0017, |_| {});
        extension(out, 0x0001, |body| body.push(1));
        extension(out, 0xff01, |body| body.push(0));
        extension(out, 0x000a, |body| body.extend(GROUPS));
        extension(out, 0x000b, |body| body.extend([1, 0]));
        extension(out, 0x0023, |_| {});
        extension(out, 0x0010, |body| block(body, |names| self.put_alpn(names)));
        extension(out, 0x000d, |body| body.extend(SIGNATURE_ALGORITHMS));
        extension(out, 0x0033, |body| {
            block(body, |shares| {
                if self.grease {
                    shares.extend(grease(entropy.grease[2]));
                    shares.extend([0, 1, 0]);
                }
                shares.extend([0x00, 0x1d]);
                block(shares, |share| share.extend(entropy.key_share));
            });
        });
        extension(out, 0x002d, |body| body.extend([1, 1]));
        if !self.versions.is_empty() {
            extension(out, 0x002b, |body| self.put_versions(body, entropy));
        }
    }

    fn put_alpn(&self, out: &mut Vec<u8>) {
        for name in self.list_order.of(self.alpn.to_vec()) {
            out.push(name.len() as u8);
            out.extend(name);
        }
    }

    fn put_versions(&self, out: &mut Vec<u8>, entropy: &Entropy) {
        let mut versions = Vec::new();
        if self.grease {
            versions.extend(grease(entropy.grease[3]));
        }
        let ordered = self.list_order.of(self.versions.to_vec());
        versions.extend(ordered.into_iter().flat_map(u16::to_be_bytes));
        out.push(versions.len() as u8);
        out.extend(versions);
    }
}

// === impl Order ===

impl Order {
    fn of<T: Copy>(self, items: Vec<T>) -> Vec<T> {
        let half = items.len() / 2;
        let odd = items.len() % 2;
        match self {
            Self::Forward => items,
            Self::Reverse => items.into_iter().rev().collect(),
            Self::BottomHalf => items[half + odd..].to_vec(),
            Self::TopHalf => items[..half + odd].iter().rev().copied().collect(),
            Self::MiddleOut => {
                let (lower, upper) = items.split_at(half + odd);
                let mut out = Vec::with_capacity(items.len());
                let mut lower = lower.iter().rev();
                if odd == 1 {
                    out.extend(lower.next());
                }
                for (up, low) in upper.iter().zip(lower) {
                    out.extend([*up, *low]);
                }
                out
            }
        }
    }
}

/// One of the sixteen values of RFC 8701.
fn grease(pick: u8) -> [u8; 2] {
    [(pick & 15) << 4 | 0x0a; 2]
}

fn extension(out: &mut Vec<u8>, kind: u16, fill: impl FnOnce(&mut Vec<u8>)) {
    out.extend(kind.to_be_bytes());
    block(out, fill);
}

/// Two bytes of length before what `fill` puts there.
fn block(out: &mut Vec<u8>, fill: impl FnOnce(&mut Vec<u8>)) {
    let at = out.len();
    out.extend([0, 0]);
    fill(out);
    let length = (out.len() - at - 2) as u16;
    out[at..at + 2].copy_from_slice(&length.to_be_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    fn letters(order: Order, items: &str) -> String {
        order.of(items.chars().collect()).into_iter().collect()
    }

    #[test]
    fn lists_are_turned_as_the_method_turns_them() {
        assert_eq!(letters(Order::MiddleOut, "ABCDE"), "CDBEA");
        assert_eq!(letters(Order::MiddleOut, "ABCD"), "CBDA");
        assert_eq!(letters(Order::TopHalf, "ABCDE"), "CBA");
        assert_eq!(letters(Order::TopHalf, "ABCD"), "BA");
        assert_eq!(letters(Order::BottomHalf, "ABCDE"), "DE");
        assert_eq!(letters(Order::BottomHalf, "ABCD"), "CD");
        assert_eq!(letters(Order::Reverse, "ABCD"), "DCBA");
    }

    #[test]
    fn the_cipher_orders_are_those_of_the_reference() {
        let top = Order::TopHalf.of(ALL.to_vec());
        assert_eq!((top.len(), &top[..3]), (35, &[0xc012, 0xc007, 0xcc14][..]));
        let bottom = Order::BottomHalf.of(ALL.to_vec());
        assert_eq!((bottom.len(), &bottom[..3]), (34, &[0xc013, 0xc027, 0xc02f][..]));
        let middle = Order::MiddleOut.of(ALL.to_vec());
        assert_eq!(
            (middle.len(), &middle[..4]),
            (69, &[0xc012, 0xc013, 0xc007, 0xc027][..])
        );
    }

    #[test]
    fn a_hello_is_one_record_whose_lengths_agree() {
        let entropy = Entropy {
            random: [1; 32],
            session_id: [2; 32],
            key_share: [3; 32],
            grease: [0, 1, 2, 0xff],
        };
        for (at, probe) in PROBES.iter().enumerate() {
            let hello = probe.hello("192.0.2.1", &entropy);
            let record = usize::from(u16::from_be_bytes([hello[3], hello[4]]));
            let message = usize::from(u16::from_be_bytes([hello[7], hello[8]]));
            assert_eq!((hello[0], hello[5], hello[6]), (22, 1, 0));
            assert_eq!((record, message), (hello.len() - 5, hello.len() - 9), "{at}");
            let minor = if at == 5 { 2 } else { 3 };
            assert_eq!(hello[9..11], [3, minor]);
            assert_eq!(hello[1..3], [3, if at > 5 { 1 } else { minor }]);
        }
    }
}
