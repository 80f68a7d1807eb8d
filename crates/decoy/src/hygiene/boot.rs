//! What a start leaves in the records of logins.

use std::fs;
use std::io;

use time::OffsetDateTime;

use super::files::{Mode, put};
use super::passwd;
use crate::machine::Machine;

/// The files of a real system, in the modes they have there.
const RECORDS: [(&str, u32); 4] = [
    ("/run/utmp", 0o664),
    ("/var/log/wtmp", 0o664),
    ("/var/log/btmp", 0o660),
    ("/var/log/lastlog", 0o664),
];

/// Makes the records that are missing and writes down the start, at the time `uptime` counts from.
pub(super) fn begin_login_records(machine: &Machine) -> io::Result<()> {
    let group = fs::read_to_string(machine.path("/etc/group"))?;
    for (path, bits) in RECORDS.into_iter().filter(|(path, _)| !machine.path(path).exists()) {
        put(machine, path, "", Mode::shared(bits, passwd::group_id(&group, "utmp")))?;
    }
    let stat = fs::read_to_string(machine.path("/proc/stat"))?;
    let kernel = fs::read_to_string(machine.path("/proc/sys/kernel/osrelease"))?;
    match booted(&stat) {
        Some(booted) => machine.record_boot(booted, kernel.trim()),
        None => Err(io::Error::other("/proc/stat does not tell when the kernel started")),
    }
}

fn booted(stat: &str) -> Option<OffsetDateTime> {
    let seconds = stat.lines().find_map(|line| line.strip_prefix("btime "))?;
    OffsetDateTime::from_unix_timestamp(seconds.trim().parse().ok()?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_start_is_the_one_the_kernel_tells() {
        assert_eq!(
            booted("cpu 1\nbtime 1795255388\nprocesses 7\n")
                .unwrap()
                .unix_timestamp(),
            1_795_255_388
        );
        assert_eq!(booted("btime x"), None);
    }
}
