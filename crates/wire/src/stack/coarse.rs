//! The coarse table of operating systems that consumers of `os_guess` know. The signature file is the better answer.

use super::{Signature, initial_ttl};
use crate::tcp::Options;

/// The label of the first row that fits a SYN, or `unknown`.
pub fn coarse_os(signature: &Signature, options: &Options) -> &'static str {
    let kinds = signature.kinds.as_slice();
    let window = signature.raw_window;
    let mss = options.mss.unwrap_or(0);
    let scale = options.window_scale;
    let scaled = |range: std::ops::RangeInclusive<u8>| scale.is_some_and(|scale| range.contains(&scale));
    let sack = kinds.iter().any(|kind| matches!(kind, 4 | 5));
    let timestamps = kinds.contains(&8);
    let ends = kinds.contains(&0);
    let scanner_window = matches!(window, 1024 | 2048 | 3072 | 4096 | 31337 | 32768 | 65535);
    let starts_as_nmap = matches!(kinds, [2, 3, 8, 4 | 5, ..]);
    let sacks_twice = matches!(kinds, [2, 3, 8, 4 | 5, 4 | 5]);

    match initial_ttl(signature.ttl) {
        64 if scanner_window && mss == 1460 && scale == Some(10) && sacks_twice => "nmap",
        64 if scanner_window && starts_as_nmap => "nmap",
        64 if window == 65535 && scale == Some(6) && matches!(kinds, [2, 1, 3, 1, 1, 8, 4 | 5, 0]) => "macos_ios",
        64 if window == 65535 && scaled(5..=6) && timestamps && ends => "macos_ios",
        64 if window == 65535 && scale == Some(6) && sack && timestamps && !ends => "freebsd",
        64 if window >= 5000 && scaled(6..=14) && sack && timestamps => "linux",
        64 if matches!(window, 16384 | 16960) && scaled(3..=6) => "openbsd",
        128 if window >= 8192 && matches!(scale, Some(2 | 6 | 7 | 8)) && sack => "windows",
        128 if matches!(window, 8192 | 16384 | 65535) => "windows",
        255 => "embedded",
        _ => "unknown",
    }
}
