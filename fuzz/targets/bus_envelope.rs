//! Messages as they lie on the bus: what is read is written and read again the same.
#![cfg_attr(feature = "libfuzzer", no_main)]

use bus::{Envelope, Subject};

fuzz::target!(run);

fn run(data: &[u8]) {
    let Ok(envelope) = Envelope::decode(data) else { return };
    let Ok(encoded) = envelope.encode(&Subject::LOGS_INGESTED) else {
        return;
    };
    let again = Envelope::decode(&encoded).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!((again.id, &again.kind), (envelope.id, &envelope.kind));
    assert_eq!(again.payload_json(), envelope.payload_json());
}
