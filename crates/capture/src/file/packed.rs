//! Captures that were packed: gzip (several members too) and zstd, told by their first bytes.

use std::io::{self, Read};

use flate2::bufread::MultiGzDecoder;
use ruzstd::decoding::StreamingDecoder;

use super::window::Window;

const GZIP: [u8; 2] = [0x1f, 0x8b];
const ZSTD: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];

/// The same bytes, or what they were before they were packed.
pub(super) fn unpack(mut packed: Window) -> io::Result<Window> {
    packed.fill(ZSTD.len())?;
    let bytes = packed.held();
    if bytes.starts_with(&GZIP) {
        return Ok(Window::new(Box::new(MultiGzDecoder::new(packed))));
    }
    if bytes.starts_with(&ZSTD) {
        return Ok(Window::new(Box::new(Zstd {
            packed: Some(packed),
            frame: None,
        })));
    }
    Ok(packed)
}

/// Frame after frame.
struct Zstd {
    packed: Option<Window>,
    frame: Option<Box<Frame>>,
}

type Frame = StreamingDecoder<Window, ruzstd::decoding::FrameDecoder>;

impl Read for Zstd {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        loop {
            if let Some(frame) = &mut self.frame {
                let read = frame.read(into)?;
                if read > 0 {
                    return Ok(read);
                }
            }
            if let Some(frame) = self.frame.take() {
                self.packed = Some(frame.into_inner());
            }
            let Some(mut packed) = self.packed.take() else {
                return Ok(0);
            };
            if !packed.fill(1)? {
                return Ok(0);
            }
            let frame = StreamingDecoder::new(packed).map_err(io::Error::other)?;
            self.frame = Some(Box::new(frame));
        }
    }
}

impl Read for Window {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        self.fill(1)?;
        let count = into.len().min(self.held().len());
        into[..count].copy_from_slice(self.lend(count));
        Ok(count)
    }
}

impl io::BufRead for Window {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        self.fill(1)?;
        Ok(self.held())
    }

    fn consume(&mut self, count: usize) {
        self.lend(count);
    }
}
