//! Packets of SSH, plain and under every cipher and code: what is found does not depend on how bytes are cut.
#![cfg_attr(feature = "libfuzzer", no_main)]

use ssh::Random;
use ssh::cipher::{self, Cipher};
use ssh::compress::Inflate;
use ssh::mac::{self, Mac};
use ssh::packet::{Fault, Inbound, Outbound, Protection};

fuzz::target!(run);

struct Fixed;

impl Random for Fixed {
    fn fill(&mut self, bytes: &mut [u8]) {
        bytes.fill(7);
    }
}

fn run(data: &[u8]) {
    let Some((&choice, data)) = data.split_first() else {
        return;
    };
    let compressed = choice & 0x80 != 0;
    let begun = || {
        let mut inbound = Inbound::new(false);
        inbound.protect(protection(choice), false);
        inbound.inflate = compressed.then(Inflate::default);
        inbound
    };
    let mut inbound = begun();
    inbound.push(data);
    let whole = all(&mut inbound);
    let mut inbound = begun();
    let mut cut = (Vec::new(), None);
    for piece in fuzz::pieces(data) {
        inbound.push(piece);
        assert!(inbound.waiting() <= data.len());
        let (found, fault) = all(&mut inbound);
        cut.0.extend(found);
        cut.1 = fault;
        if cut.1.is_some() {
            break;
        }
    }
    assert_eq!(cut, whole);
    comes_back(choice, data);
}

/// What is sent is what is heard.
fn comes_back(choice: u8, payload: &[u8]) {
    let taken = payload.first().is_some_and(|kind| (1..192).contains(kind)) && payload.len() < 200_000;
    let mut outbound = Outbound::default();
    outbound.protect(protection(choice), false);
    outbound.send(&mut Fixed, payload);
    let mut inbound = Inbound::new(false);
    inbound.protect(protection(choice), false);
    inbound.push(&outbound.bytes);
    let (found, _) = all(&mut inbound);
    assert!(!taken || found == [payload]);
}

fn all(inbound: &mut Inbound) -> (Vec<Vec<u8>>, Option<Fault>) {
    let mut found = Vec::new();
    loop {
        match inbound.packet() {
            Ok(Some(packet)) => found.push(packet.payload),
            Ok(None) => return (found, None),
            Err(fault) => return (found, Some(fault)),
        }
    }
}

fn protection(choice: u8) -> Protection {
    let choice = usize::from(choice & 0x7f);
    let Some(kind) = cipher::KINDS.get(choice % 8) else {
        return Protection::none();
    };
    let code = &mac::KINDS[choice / 8 % mac::KINDS.len()];
    let cipher = Cipher::new(kind, &vec![1; kind.key], &vec![2; kind.iv]);
    Protection {
        cipher: cipher.unwrap_or_else(|| panic!("no {}", kind.name)),
        block: kind.block,
        tagged: kind.tagged,
        mac: if kind.tagged {
            None
        } else {
            Mac::new(code, &vec![3; code.key])
        },
    }
}
