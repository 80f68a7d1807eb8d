//! A client's stream as the transport is given it.
#![cfg_attr(feature = "libfuzzer", no_main)]

use decoy::services::ssh::wire::Wire;
use futures_util::FutureExt as _;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

fuzz::target!(run);

const LINE: &[u8] = b"SSH-2.0-x\r\n";

fn run(data: &[u8]) {
    let stream = tokio::io::join(data, Vec::new());
    let mut wire = Wire::new(stream, LINE, Box::new(|_| {}));
    let mut heard = Vec::new();
    // Nothing it reads from or writes to ever waits.
    let read = wire.read_to_end(&mut heard).now_or_never();
    assert!(matches!(read, Some(Ok(_))), "reading waits");
    let heard = heard.strip_prefix(LINE).unwrap_or_else(|| panic!("the line is lost"));
    assert!(data.starts_with(heard));
    let written = async {
        for piece in fuzz::pieces(data) {
            wire.write_all(piece).await?;
        }
        wire.flush().await
    };
    assert!(matches!(written.now_or_never(), Some(Ok(()))), "writing waits");
}
