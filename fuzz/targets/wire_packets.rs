//! Packets of every kind of link, their TCP options and what names the stack that sent them.
#![cfg_attr(feature = "libfuzzer", no_main)]

use wire::link::LinkType;
use wire::packet::{Net, Packet, Transport};
use wire::stack::{Context, Signature};

fuzz::target!(run);

const LINKS: [LinkType; 6] = [
    LinkType::Ethernet,
    LinkType::LinuxSll,
    LinkType::LinuxSll2,
    LinkType::Raw,
    LinkType::Null,
    LinkType::Ppp,
];

fn run(data: &[u8]) {
    let Some((link, bytes)) = data.split_first() else {
        return;
    };
    let link = LINKS[usize::from(*link) % LINKS.len()];
    for more in [0, 40] {
        let Ok(packet) = Packet::read(link, bytes, bytes.len() + more) else {
            continue;
        };
        let Net::Ip(ip, Transport::Tcp(tcp)) = packet.net else {
            continue;
        };
        let options = tcp.options();
        let written = format!("{} {}", options.kinds.letters(), options.kinds.decimals());
        assert!(written.len() < 1024, "{written}");
        let signature = Signature::of(&ip, &tcp, Context::Syn);
        assert_eq!(
            signature.stack_hash(),
            Signature::with_options(&ip, &tcp, &options, Context::Syn).stack_hash()
        );
        let _ = (signature.raw_sig(), tcp.timestamps(), tcp.sequence_len());
    }
}
