//! Requests of HTTP/1 and openings of HTTP/2 as they pass by.
#![cfg_attr(feature = "libfuzzer", no_main)]

use wire::Look;
use wire::http::{head, order_hash, preface};

fuzz::target!(run);

fn run(data: &[u8]) {
    if let Look::Found(head) = head(data) {
        assert!(head.end <= data.len());
        order_hash(head.fields.iter().map(|field| field.name));
    }
    let opening = [&b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"[..], data].concat();
    for stream in [data, &opening] {
        if let Look::Found(preface) = preface(stream) {
            assert!(preface.akamai().len() <= 64 << 10);
            assert!(preface.names().map(<[u8]>::len).sum::<usize>() <= 1 << 20);
        }
    }
}
