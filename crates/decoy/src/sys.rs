//! The system calls that need `unsafe`, each behind a safe function.
#![allow(unsafe_code)]

use std::ffi::CString;
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, OwnedFd};

use nix::libc;
use nix::sys::prctl;
use nix::unistd::{ForkResult, Pid};

/// What a shell or a helper program looked up by name is searched in.
const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// The memory the kernel shows as this process's command line: where its arguments and environment lay at its start.
#[derive(Clone)]
pub struct Title {
    start: usize,
    room: usize,
    layout: Layout,
}

/// The borders of a process's memory, as the kernel keeps them.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Layout {
    code: (u64, u64),
    data: (u64, u64),
    start_brk: u64,
    start_stack: u64,
    args: (u64, u64),
    env: (u64, u64),
}

/// `struct prctl_mm_map` of `<linux/prctl.h>`.
#[repr(C)]
struct MemoryMap {
    start_code: u64,
    end_code: u64,
    start_data: u64,
    end_data: u64,
    start_brk: u64,
    brk: u64,
    start_stack: u64,
    arg_start: u64,
    arg_end: u64,
    env_start: u64,
    env_end: u64,
    auxv: u64,
    auxv_size: u32,
    exe_fd: u32,
}

/// Makes the process's memory, environment and descriptors unreadable in `/proc`, for root too (deploy.md §7.3).
pub fn hide() -> io::Result<()> {
    Ok(prctl::set_dumpable(false)?)
}

/// The name of the process in `ps -e`, of which the kernel keeps 15 bytes.
pub fn set_name(name: &str) {
    let name: Vec<u8> = name.bytes().filter(|&b| b != 0).take(15).collect();
    if let Ok(name) = CString::new(name) {
        let _ = prctl::set_name(&name);
    }
}

/// Splits the process in two. The new one ends with what `child` comes to.
///
/// Only a process of one thread may do this: a lock held by another would stay held in the copy for ever.
pub fn fork(child: impl FnOnce() -> i32) -> io::Result<Pid> {
    // SAFETY: the supervisor starts no thread, so the copy is a whole process.
    match unsafe { nix::unistd::fork() }? {
        ForkResult::Parent { child } => Ok(child),
        ForkResult::Child => std::process::exit(child()),
    }
}

/// Leaves this process `keep` alone, as descriptor 3, with nothing to read or write on the standard ones.
pub fn keep_only(keep: OwnedFd) -> io::Result<OwnedFd> {
    let null = std::fs::OpenOptions::new().read(true).write(true).open("/dev/null")?;
    // SAFETY: plain descriptor calls; everything from 4 up is closed, and nothing of the old owners runs again in
    // this process, whose main function ends in `exit`. Descriptor 3 has no owner but the one made here.
    unsafe {
        for fd in 0..=2 {
            check(libc::dup2(null.as_raw_fd(), fd))?;
        }
        if keep.as_raw_fd() != 3 {
            check(libc::dup2(keep.as_raw_fd(), 3))?;
        }
        check(libc::fcntl(3, libc::F_SETFD, libc::FD_CLOEXEC))?;
        check(libc::syscall(libc::SYS_close_range, 4u32, u32::MAX, 0u32) as libc::c_int)?;
        std::mem::forget((keep, null));
        Ok(std::os::fd::FromRawFd::from_raw_fd(3))
    }
}

/// Forgets every variable of the environment but a plain `PATH`.
fn clear_environment() {
    // SAFETY: called while the process has one thread.
    unsafe {
        libc::clearenv();
        std::env::set_var("PATH", PATH);
    }
}

/// Standard input, for as long as the process lives.
pub fn stdin() -> BorrowedFd<'static> {
    // SAFETY: the supervisor never closes its standard descriptors.
    unsafe { BorrowedFd::borrow_raw(0) }
}

/// From here on the calling thread sees files with these rights only, and no other thread does.
pub fn act_as(uid: u32, gid: u32, groups: &[u32]) -> io::Result<()> {
    // SAFETY: the bare calls change the calling thread alone, unlike those of libc, and read `groups` only.
    // setfsuid(2) and setfsgid(2) report nothing; asked for an impossible id they tell the present one.
    let (now_uid, now_gid) = unsafe {
        if libc::geteuid() == 0 {
            let set = libc::syscall(libc::SYS_setgroups, groups.len(), groups.as_ptr());
            check(set as libc::c_int)?;
        }
        libc::syscall(libc::SYS_setfsgid, gid);
        libc::syscall(libc::SYS_setfsuid, uid);
        (
            libc::syscall(libc::SYS_setfsuid, u32::MAX) as u32,
            libc::syscall(libc::SYS_setfsgid, u32::MAX) as u32,
        )
    };
    if (now_uid, now_gid) == (uid, gid) {
        Ok(())
    } else {
        Err(io::ErrorKind::PermissionDenied.into())
    }
}

/// Takes the place of the C library's. The SSH library locks each of its buffers, which `ps` would show (`L`) of a
/// daemon that locks none; where a lock is refused it goes on without, so nothing depends on it.
#[unsafe(no_mangle)]
extern "C" fn mlock(_start: *const libc::c_void, _length: libc::size_t) -> libc::c_int {
    0
}

/// As [`mlock`].
#[unsafe(no_mangle)]
extern "C" fn munlock(_start: *const libc::c_void, _length: libc::size_t) -> libc::c_int {
    0
}

fn check(result: libc::c_int) -> io::Result<()> {
    if result < 0 {
        Err(io::Error::last_os_error())
    } else {
        Ok(())
    }
}

// === impl Title ===

impl Title {
    /// Overwrites the arguments and the environment the process was started with. What is needed of them must have
    /// been copied before; afterwards the environment holds a `PATH` only.
    pub fn claim() -> io::Result<Self> {
        let stat = std::fs::read_to_string("/proc/self/stat")?;
        let layout = Layout::parse(&stat).ok_or_else(|| io::Error::other("/proc/self/stat has no memory borders"))?;
        let (start, end) = (layout.args.0 as usize, layout.env.1 as usize);
        if start == 0 || layout.args.1 != layout.env.0 || end <= start {
            return Err(io::Error::other("arguments and environment do not lie together"));
        }
        clear_environment();
        let title = Self {
            start,
            room: end - start,
            layout,
        };
        title.write(b"");
        Ok(title)
    }

    /// Shows `title` as the command line. A NUL in it parts arguments.
    pub fn set(&self, title: &str) {
        let shown = &title.as_bytes()[..title.len().min(self.room - 1)];
        self.write(shown);
        if self.set_length(shown.len() + 1).is_err() {
            // The kernel then shows the text up to the first NUL.
            let spaced: Vec<u8> = shown.iter().map(|&b| if b == 0 { b' ' } else { b }).collect();
            self.write(&spaced);
        }
    }

    fn write(&self, text: &[u8]) {
        // SAFETY: `start..start + room` is the writable part of the stack the kernel put arguments and environment in;
        // `claim` made the environment forget it, and arguments are not read after it.
        let area = unsafe { std::slice::from_raw_parts_mut(self.start as *mut u8, self.room) };
        area.fill(0);
        area[..text.len()].copy_from_slice(text);
    }

    /// Has the kernel take the first `length` bytes for the arguments, and nothing for the environment.
    fn set_length(&self, length: usize) -> io::Result<()> {
        let layout = &self.layout;
        let end = self.start as u64 + length as u64;
        // SAFETY: the borders are the kernel's own but for the arguments', which stay in the area that is ours.
        unsafe {
            let map = MemoryMap {
                start_code: layout.code.0,
                end_code: layout.code.1,
                start_data: layout.data.0,
                end_data: layout.data.1,
                start_brk: layout.start_brk,
                brk: libc::syscall(libc::SYS_brk, 0) as u64,
                start_stack: layout.start_stack,
                arg_start: self.start as u64,
                arg_end: end,
                env_start: end,
                env_end: end,
                auxv: 0,
                auxv_size: 0,
                exe_fd: u32::MAX,
            };
            let size = size_of_val(&map);
            check(libc::prctl(
                libc::PR_SET_MM,
                libc::PR_SET_MM_MAP,
                &raw const map,
                size,
                0,
            ))
        }
    }
}

// === impl Layout ===

impl Layout {
    /// From `/proc/<pid>/stat`, fields as proc(5) numbers them.
    fn parse(stat: &str) -> Option<Self> {
        let fields: Vec<&str> = stat[stat.rfind(')')? + 1..].split_whitespace().collect();
        let field = |number: usize| fields.get(number - 3)?.parse::<u64>().ok();
        Some(Self {
            code: (field(26)?, field(27)?),
            start_stack: field(28)?,
            data: (field(45)?, field(46)?),
            start_brk: field(47)?,
            args: (field(48)?, field(49)?),
            env: (field(50)?, field(51)?),
        })
    }
}

/// How many seconds TLS sessions may be taken up again.
pub fn set_session_timeout(builder: &mut openssl::ssl::SslContextBuilder, seconds: i64) {
    unsafe extern "C" {
        fn SSL_CTX_set_timeout(context: *mut libc::c_void, seconds: libc::c_long) -> libc::c_long;
    }
    // SAFETY: the builder owns the context, and the call only stores the number in it.
    unsafe { SSL_CTX_set_timeout(builder.as_ptr().cast(), seconds) };
}

/// Packs as a daemon would that hands zlib exactly these numbers, and its text in pieces of that size. Comes to what
/// came out, and how much of it was out after each piece; none when zlib refuses the numbers.
pub fn gzip(
    text: &[u8],
    level: i32,
    window_bits: i32,
    memory_level: i32,
    piece: usize,
) -> Option<(Vec<u8>, Vec<usize>)> {
    use libz_sys as z;
    // zlib writes the head and the tail of a gzip file when 16 is added to the size of the window.
    const GZIP: i32 = 16;
    let room = text.len() + text.len() / 1000 + 1024;
    let mut packed = vec![0; room];
    let room = u32::try_from(room).ok()?;
    let mut marks = Vec::new();
    let mut stream = std::mem::MaybeUninit::<z::z_stream>::zeroed();
    let stream = stream.as_mut_ptr();
    // SAFETY: a zeroed stream is what zlib asks for; only zlib and the fields below are written through the pointer;
    // the lengths are those of the slices, which outlive the calls; the stream is ended.
    let written = unsafe {
        let (version, size) = (z::zlibVersion(), size_of::<z::z_stream>() as i32);
        let (bits, plan) = (window_bits + GZIP, z::Z_DEFAULT_STRATEGY);
        if z::deflateInit2_(stream, level, z::Z_DEFLATED, bits, memory_level, plan, version, size) != z::Z_OK {
            return None;
        }
        (*stream).next_out = packed.as_mut_ptr();
        (*stream).avail_out = room;
        let mut pieces = text.chunks(piece).peekable();
        let mut ended = z::Z_OK;
        while ended == z::Z_OK {
            let now = pieces.next().unwrap_or_default();
            (*stream).next_in = now.as_ptr().cast_mut();
            // Smaller than the room, which fitted.
            (*stream).avail_in = now.len() as u32;
            let flush = if pieces.peek().is_none() {
                z::Z_FINISH
            } else {
                z::Z_NO_FLUSH
            };
            ended = z::deflate(stream, flush);
            marks.push((*stream).total_out as usize);
        }
        let written = (*stream).total_out as usize;
        z::deflateEnd(stream);
        (ended == z::Z_STREAM_END).then_some(written)?
    };
    packed.truncate(written);
    Some((packed, marks))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_memory_borders_are_found_behind_a_hostile_process_name() {
        let numbers: Vec<String> = (4..=52).map(|n| n.to_string()).collect();
        let layout = Layout::parse(&format!("7 (a) R 9 9) S {}", numbers.join(" "))).unwrap();
        assert_eq!(layout.args, (48, 49));
        assert_eq!(layout.env, (50, 51));
        assert_eq!(layout.code, (26, 27));
        assert!(Layout::parse("7 (init) S 1 2 3").is_none());
        assert!(Layout::parse("").is_none());
    }
}
