//! Hardware addresses that fit what the machine claims to be (deploy.md §2.5).

use std::collections::BTreeSet;

use crate::catalogue::Ouis;
use crate::draw::Seed;

/// A prefix of one of the groups and three drawn bytes, unlike any in use.
pub(crate) fn draw(ouis: &Ouis, groups: &[String], identity: &Seed, used: &BTreeSet<String>) -> String {
    let mut stream = identity.stream("mac");
    let groups: Vec<&Vec<String>> = groups.iter().filter_map(|group| ouis.groups.get(group)).collect();
    let prefix = stream
        .pick(&groups)
        .and_then(|group| stream.pick(group))
        .and_then(|prefix| oui(prefix));
    // The catalogue's check leaves no empty group; this is QEMU's.
    let [a, b, c] = prefix.unwrap_or([0x52, 0x54, 0x00]);
    loop {
        let [d, e, f] = stream.bytes::<3>();
        let mac = text([a, b, c, d, e, f]);
        // Real cards are not numbered from either end.
        if d != 0x00 && d != 0xff && !used.contains(&mac) {
            return mac;
        }
    }
}

/// `AA-BB-CC-DD-EE-FF` or `aa:bb:cc:dd:ee:ff` of one machine, in the one form used here.
pub(crate) fn parse(given: &str) -> Option<String> {
    let bytes = bytes::<6>(given)?;
    let unicast = bytes[0] & 1 == 0 && bytes != [0; 6];
    unicast.then(|| text(bytes))
}

pub(crate) fn oui(prefix: &str) -> Option<[u8; 3]> {
    bytes::<3>(prefix)
}

fn bytes<const N: usize>(given: &str) -> Option<[u8; N]> {
    let mut bytes = [0; N];
    let mut pieces = given.split([':', '-']);
    for byte in &mut bytes {
        let piece = pieces.next().filter(|piece| piece.len() == 2)?;
        *byte = piece
            .bytes()
            .all(|b| b.is_ascii_hexdigit())
            .then(|| u8::from_str_radix(piece, 16).ok())??;
    }
    pieces.next().is_none().then_some(bytes)
}

fn text(bytes: [u8; 6]) -> String {
    bytes.map(|byte| format!("{byte:02x}")).join(":")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Catalogue;

    #[test]
    fn the_maker_fits_and_no_address_is_given_twice() {
        let catalogue = Catalogue::builtin().unwrap();
        let identity = Seed::from_number(3);
        let groups = ["printer".to_owned()];
        let mut used = BTreeSet::new();
        for _ in 0..50 {
            let mac = draw(&catalogue.ouis, &groups, &identity, &used);
            assert!(
                catalogue.ouis.groups["printer"]
                    .iter()
                    .any(|prefix| mac.starts_with(prefix)),
                "{mac}"
            );
            assert!(used.insert(mac));
        }
    }

    #[test]
    fn an_address_is_read_in_both_spellings_and_must_be_a_machines() {
        assert_eq!(parse("F8-BC-12-00-0a-Ff").as_deref(), Some("f8:bc:12:00:0a:ff"));
        for bad in [
            "",
            "f8:bc:12:00:0a",
            "f8:bc:12:00:0a:ff:00",
            "01:00:5e:00:00:01",
            "00:00:00:00:00:00",
            "f8:bc:12:00:0a:+f",
            "g8:bc:12:00:0a:ff",
        ] {
            assert_eq!(parse(bad), None, "{bad}");
        }
    }
}
