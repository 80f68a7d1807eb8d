//! Messages of RFC 5424 from anybody.
#![cfg_attr(feature = "libfuzzer", no_main)]

fuzz::target!(run);

fn run(data: &[u8]) {
    match siem::parse::message(data) {
        Ok(message) => assert!(message.facility < 24 && message.severity < 8),
        Err(error) => assert!(error.at <= data.len()),
    }
}
