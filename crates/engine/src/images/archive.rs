//! Tar archives made in memory.

/// An archive of one file, root's, with no date of ours on it.
pub(crate) fn file(name: &str, bytes: &[u8], mode: u32) -> std::io::Result<Vec<u8>> {
    let mut header = tar::Header::new_ustar();
    header.set_size(bytes.len() as u64);
    header.set_mode(mode);
    header.set_uid(0);
    header.set_gid(0);
    header.set_mtime(FILE_DATE);
    let mut archive = tar::Builder::new(Vec::with_capacity(bytes.len() + 4096));
    archive.append_data(&mut header, name, bytes)?;
    archive.into_inner()
}

/// 2023-06-10, the release of Debian 12: files of a system are as old as the system.
const FILE_DATE: u64 = 1_686_355_200;

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read as _;

    #[test]
    fn the_file_comes_out_as_it_went_in() {
        let tar = file("init", b"binary", 0o700).unwrap();
        let mut archive = tar::Archive::new(&tar[..]);
        let mut entry = archive.entries().unwrap().next().unwrap().unwrap();
        let mut text = String::new();
        entry.read_to_string(&mut text).unwrap();
        assert_eq!((text.as_str(), entry.header().mode().unwrap()), ("binary", 0o700));
        assert_eq!(entry.path().unwrap().to_str(), Some("init"));
    }
}
