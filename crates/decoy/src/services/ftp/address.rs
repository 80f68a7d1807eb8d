//! Where PORT and EPRT say to.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use super::line::split;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    Form,
    Protocol,
}

/// `192,0,2,7,4,1`. As lenient as the product: a field counts up to what is no digit.
pub fn port(arg: &[u8]) -> Result<SocketAddr, Refused> {
    let mut numbers = [0u8; 6];
    let mut rest = arg;
    for (at, number) in numbers.iter_mut().enumerate() {
        let (field, after) = split(rest, b',');
        if after.is_empty() != (at == 5) {
            return Err(Refused::Form);
        }
        *number = u8::try_from(leading(field)).map_err(|_| Refused::Form)?;
        rest = after;
    }
    let [a, b, c, d, high, low] = numbers;
    Ok((Ipv4Addr::new(a, b, c, d), u16::from_be_bytes([high, low])).into())
}

/// `|1|192.0.2.7|1025|`, `|2|2001:db8::7|1025|` (RFC 2428).
pub fn extended(arg: &[u8]) -> Result<SocketAddr, Refused> {
    let (before, rest) = split(arg, b'|');
    if !before.is_empty() {
        return Err(Refused::Form);
    }
    let (protocol, rest) = split(rest, b'|');
    let (address, rest) = split(rest, b'|');
    let (port, rest) = split(rest, b'|');
    let protocol = leading(protocol);
    if !(1..=2).contains(&protocol) {
        return Err(Refused::Protocol);
    }
    if port.is_empty() || !rest.is_empty() {
        return Err(Refused::Form);
    }
    let address: IpAddr = std::str::from_utf8(address)
        .map_err(|_| Refused::Form)?
        .parse()
        .map_err(|_| Refused::Form)?;
    let port = u16::try_from(leading(port)).map_err(|_| Refused::Form)?;
    if address.is_ipv4() != (protocol == 1) {
        return Err(Refused::Form);
    }
    Ok((address, port).into())
}

/// The number a field begins with, 0 when it begins with none.
fn leading(field: &[u8]) -> i64 {
    let field = field.trim_ascii_start();
    let (sign, digits) = match field.strip_prefix(b"-") {
        Some(digits) => (-1, digits),
        None => (1, field),
    };
    let digits = digits.iter().take_while(|b| b.is_ascii_digit()).take(18);
    sign * digits.fold(0, |sum, digit| sum * 10 + i64::from(digit - b'0'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_whole_or_not_at_all() {
        assert_eq!(port(b"192,0,2,7,4,1"), Ok("192.0.2.7:1025".parse().unwrap()));
        for wrong in [
            "",
            "1,2,3",
            "1,2,3,4,5,6,7",
            "1,2,3,4,5,",
            "1,2,3,4,5,256",
            "1,2,3,4,-5,6",
            ",,,,,",
        ] {
            assert_eq!(port(wrong.as_bytes()), Err(Refused::Form), "{wrong}");
        }
        assert_eq!(extended(b"|1|192.0.2.7|1025|"), Ok("192.0.2.7:1025".parse().unwrap()));
        assert_eq!(
            extended(b"|2|2001:db8::7|1025|"),
            Ok("[2001:db8::7]:1025".parse().unwrap())
        );
        assert_eq!(extended(b"|3|x|1|"), Err(Refused::Protocol));
        assert_eq!(extended(b""), Err(Refused::Protocol));
        for wrong in [
            "|1|x|1|",
            "1|192.0.2.7|1025|",
            "|1|192.0.2.7|1025|x",
            "|1|192.0.2.7|",
            "|1|192.0.2.7|65536|",
        ] {
            assert_eq!(extended(wrong.as_bytes()), Err(Refused::Form), "{wrong}");
        }
    }
}
