//! What an SSH client proposes.
#![cfg_attr(feature = "libfuzzer", no_main)]

use decoy::services::ssh::kexinit::{KexInit, fields};

fuzz::target!(run);

fn run(data: &[u8]) {
    if let Some(proposal) = KexInit::parse(data) {
        let fields = fields(&proposal);
        let size: usize = fields.values().filter_map(|value| value.as_str()).map(str::len).sum();
        assert!(size <= 32 << 10, "{size} bytes of fields");
        assert_eq!(fields["hassh"].as_str().map(str::len), Some(32));
    }
}
