//! The first message of TLS.
#![cfg_attr(feature = "libfuzzer", no_main)]

use decoy::services::http::fuzzing::client_hello;

fuzz::target!(run);

fn run(data: &[u8]) {
    client_hello(data);
}
