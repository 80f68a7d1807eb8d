//! The start of an SSH connection as it passes by.
#![cfg_attr(feature = "libfuzzer", no_main)]

use wire::Look;
use wire::ssh::{KexInit, banner, packet};

fuzz::target!(run);

fn run(data: &[u8]) {
    if let Look::Found(found) = banner(data) {
        assert!(found.end <= data.len());
        assert_eq!(
            banner(&data[..found.end]).found().map(|again| again.end),
            Some(found.end)
        );
    }
    if let Look::Found(found) = packet(data) {
        assert!(found.payload.len() + found.padding.len() < found.length && found.length < data.len());
        kexinit(found.payload);
    }
    kexinit(data);
}

fn kexinit(payload: &[u8]) {
    if let Some(proposal) = KexInit::parse(payload) {
        assert_eq!((proposal.hassh().len(), proposal.hassh_server().len()), (32, 32));
        assert!(proposal.client_algorithms().len() + proposal.server_algorithms().len() <= 2 * payload.len() + 16);
    }
}
