//! Capture through the machine's libpcap, which is opened when it is needed and is no part of the program.
#![allow(unsafe_code)]

use std::ffi::{CStr, CString, c_char, c_int, c_uchar, c_void};
use std::io;
use std::os::fd::BorrowedFd;
use std::ptr::{self, NonNull};
use std::time::Duration;

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use super::filter::Program;
use crate::packet::Packet;

/// What it is called, here and there.
const NAMES: [&CStr; 3] = [c"libpcap.so.0.8", c"libpcap.so.1", c"libpcap.so"];
const ERROR_TEXT: usize = 256;
/// Milliseconds it gathers packets before it hands them on.
const WAIT_MS: c_int = 20;
const NANOSECONDS: c_int = 1;
/// Packets handed on at once.
const AT_ONCE: u64 = 10_000;
const BREAK: c_int = -2;
const RAW: [c_int; 3] = [12, 14, 101];

#[derive(Debug)]
pub(super) struct Libpcap {
    library: Library,
    handle: NonNull<c_void>,
    link: u16,
    /// Nanoseconds in a unit of its times.
    unit: u64,
}

// SAFETY: libpcap allows a handle in any thread, one at a time, and it is reached through `&mut` only.
unsafe impl Send for Libpcap {}

#[repr(C)]
struct Header {
    seconds: libc::time_t,
    part: libc::suseconds_t,
    captured: u32,
    length: u32,
}

#[repr(C)]
struct Stats {
    received: u32,
    dropped: u32,
    dropped_by_interface: u32,
}

#[repr(C)]
struct Code {
    length: u32,
    instructions: *mut libc::sock_filter,
}

type Create = unsafe extern "C" fn(*const c_char, *mut c_char) -> *mut c_void;
type SetFilter = unsafe extern "C" fn(*mut c_void, *mut Code) -> c_int;
type Next = unsafe extern "C" fn(*mut c_void, *mut *mut Header, *mut *const c_uchar) -> c_int;
type GetStats = unsafe extern "C" fn(*mut c_void, *mut Stats) -> c_int;
type GetError = unsafe extern "C" fn(*mut c_void) -> *mut c_char;
type SetNonblock = unsafe extern "C" fn(*mut c_void, c_int, *mut c_char) -> c_int;
type Close = unsafe extern "C" fn(*mut c_void);
type OfHandle = unsafe extern "C" fn(*mut c_void) -> c_int;
type SetInt = unsafe extern "C" fn(*mut c_void, c_int) -> c_int;

#[derive(Clone, Copy, Debug)]
struct Library {
    create: Create,
    set_snaplen: SetInt,
    set_promisc: SetInt,
    set_timeout: SetInt,
    set_buffer_size: SetInt,
    set_precision: SetInt,
    activate: OfHandle,
    datalink: OfHandle,
    selectable: OfHandle,
    set_nonblock: SetNonblock,
    set_filter: SetFilter,
    next: Next,
    stats: GetStats,
    error: GetError,
    close: Close,
}

// === impl Libpcap ===

impl Libpcap {
    pub(super) fn open(interface: &str, snaplen: u32, buffer: usize, filter: &Program) -> Result<Self, String> {
        let library = Library::load()?;
        let name = CString::new(interface).map_err(|error| error.to_string())?;
        let mut text = [0 as c_char; ERROR_TEXT];
        // SAFETY: a terminated name, and room for the error's text as libpcap defines it.
        let handle = unsafe { (library.create)(name.as_ptr(), text.as_mut_ptr()) };
        let handle = NonNull::new(handle).ok_or("libpcap would not begin")?;
        let mut capture = Self {
            library,
            handle,
            link: crate::link::ETHERNET,
            unit: 1_000,
        };
        capture.set(library.set_snaplen, i32::try_from(snaplen).unwrap_or(i32::MAX));
        capture.set(library.set_promisc, 1);
        capture.set(library.set_timeout, WAIT_MS);
        capture.set(library.set_buffer_size, i32::try_from(buffer).unwrap_or(i32::MAX));
        if capture.set(library.set_precision, NANOSECONDS) == 0 {
            capture.unit = 1;
        }
        // SAFETY: a handle that is not active yet.
        if unsafe { (library.activate)(handle.as_ptr()) } < 0 {
            return Err(format!("libpcap says: {}", capture.error()));
        }
        // SAFETY: an active handle.
        let link = unsafe { (library.datalink)(handle.as_ptr()) };
        if RAW.contains(&link) {
            capture.link = crate::link::RAW;
        }
        // SAFETY: as before, and room for the error's text. It would else wait for packets as long as none come.
        unsafe { (library.set_nonblock)(handle.as_ptr(), 1, text.as_mut_ptr()) };
        capture.filter(filter).map_err(|error| error.to_string())?;
        Ok(capture)
    }

    pub(super) fn read(&mut self, patience: Duration, mut take: impl FnMut(Packet<'_>)) -> io::Result<u64> {
        let taken = self.take_all(&mut take)?;
        if taken > 0 {
            return Ok(taken);
        }
        self.wait(patience)?;
        self.take_all(&mut take)
    }

    fn wait(&self, patience: Duration) -> io::Result<()> {
        // SAFETY: an active handle.
        let descriptor = unsafe { (self.library.selectable)(self.handle.as_ptr()) };
        if descriptor < 0 {
            std::thread::sleep(patience);
            return Ok(());
        }
        // SAFETY: the handle keeps it open.
        let descriptor = unsafe { BorrowedFd::borrow_raw(descriptor) };
        let timeout = PollTimeout::try_from(patience).unwrap_or(PollTimeout::MAX);
        match poll(&mut [PollFd::new(descriptor, PollFlags::POLLIN)], timeout) {
            Ok(_) | Err(nix::errno::Errno::EINTR) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    fn take_all(&mut self, mut take: impl FnMut(Packet<'_>)) -> io::Result<u64> {
        let mut taken = 0;
        while taken < AT_ONCE {
            let (mut header, mut data) = (ptr::null_mut(), ptr::null());
            // SAFETY: an active handle; the places are written when the answer is 1.
            match unsafe { (self.library.next)(self.handle.as_ptr(), &raw mut header, &raw mut data) } {
                1 => {}
                0 | BREAK => break,
                _ => return Err(io::Error::other(self.error())),
            }
            // SAFETY: both are valid until the next call, and so many bytes were captured.
            let (header, data) = unsafe {
                let header: &Header = &*header;
                (header, std::slice::from_raw_parts(data, header.captured as usize))
            };
            let seconds = u64::try_from(header.seconds).unwrap_or_default();
            taken += 1;
            take(Packet {
                at: seconds * 1_000_000_000 + u64::try_from(header.part).unwrap_or_default() * self.unit,
                link: self.link,
                interface: 0,
                length: header.length,
                data,
            });
        }
        Ok(taken)
    }

    pub(super) fn filter(&mut self, program: &Program) -> io::Result<()> {
        let mut code: Vec<_> = program
            .instructions()
            .iter()
            .map(|instruction| libc::sock_filter {
                code: instruction.code,
                jt: instruction.if_true,
                jf: instruction.if_false,
                k: instruction.value,
            })
            .collect();
        let mut program = Code {
            length: u32::try_from(code.len()).map_err(io::Error::other)?,
            instructions: code.as_mut_ptr(),
        };
        // SAFETY: an active handle, which copies the program.
        match unsafe { (self.library.set_filter)(self.handle.as_ptr(), &raw mut program) } {
            0 => Ok(()),
            _ => Err(io::Error::other(self.error())),
        }
    }

    pub(super) fn count(&mut self) -> io::Result<(u64, u64)> {
        let mut stats = Stats {
            received: 0,
            dropped: 0,
            dropped_by_interface: 0,
        };
        // SAFETY: an active handle and room for the answer.
        match unsafe { (self.library.stats)(self.handle.as_ptr(), &raw mut stats) } {
            0 => Ok((
                u64::from(stats.received),
                u64::from(stats.dropped) + u64::from(stats.dropped_by_interface),
            )),
            _ => Err(io::Error::other(self.error())),
        }
    }

    fn set(&self, option: SetInt, value: c_int) -> c_int {
        // SAFETY: a handle that is not active yet.
        unsafe { option(self.handle.as_ptr(), value) }
    }

    fn error(&self) -> String {
        // SAFETY: a terminated text that lives as long as the handle.
        let text = unsafe { CStr::from_ptr((self.library.error)(self.handle.as_ptr())) };
        text.to_string_lossy().into_owned()
    }
}

impl Drop for Libpcap {
    fn drop(&mut self) {
        // SAFETY: our handle, closed once.
        unsafe { (self.library.close)(self.handle.as_ptr()) };
    }
}

// === impl Library ===

impl Library {
    fn load() -> Result<Self, String> {
        // SAFETY: loading runs the library's own initialisation, which asks nothing of us.
        let open = |name: &&CStr| NonNull::new(unsafe { libc::dlopen(name.as_ptr(), libc::RTLD_NOW) });
        let library = NAMES.iter().find_map(open).ok_or("libpcap is not on this machine")?;
        let find = |name: &CStr| {
            // SAFETY: an open library, which stays open for the life of the process.
            let found = unsafe { libc::dlsym(library.as_ptr(), name.as_ptr()) };
            NonNull::new(found).ok_or_else(|| format!("this machine's libpcap has no {}", name.to_string_lossy()))
        };
        macro_rules! symbol {
            ($name:literal as $type:ty) => {
                // SAFETY: the type is the one <pcap/pcap.h> declares for this name.
                unsafe { std::mem::transmute::<*mut c_void, $type>(find($name)?.as_ptr()) }
            };
        }
        Ok(Self {
            create: symbol!(c"pcap_create" as Create),
            set_snaplen: symbol!(c"pcap_set_snaplen" as SetInt),
            set_promisc: symbol!(c"pcap_set_promisc" as SetInt),
            set_timeout: symbol!(c"pcap_set_timeout" as SetInt),
            set_buffer_size: symbol!(c"pcap_set_buffer_size" as SetInt),
            set_precision: symbol!(c"pcap_set_tstamp_precision" as SetInt),
            activate: symbol!(c"pcap_activate" as OfHandle),
            datalink: symbol!(c"pcap_datalink" as OfHandle),
            selectable: symbol!(c"pcap_get_selectable_fd" as OfHandle),
            set_nonblock: symbol!(c"pcap_setnonblock" as SetNonblock),
            set_filter: symbol!(c"pcap_setfilter" as SetFilter),
            next: symbol!(c"pcap_next_ex" as Next),
            stats: symbol!(c"pcap_stats" as GetStats),
            error: symbol!(c"pcap_geterr" as GetError),
            close: symbol!(c"pcap_close" as Close),
        })
    }
}
