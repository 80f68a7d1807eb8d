//! The system calls of an AF_PACKET ring, each behind a safe function: the one place of the crate with `unsafe`, beside
//! the calls into libpcap.
#![allow(unsafe_code)]

use std::io;
use std::mem::size_of;
use std::os::fd::{AsFd as _, AsRawFd as _, FromRawFd as _, OwnedFd, RawFd};
use std::ptr::{self, NonNull};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use super::filter::Program;
use super::ring;
use crate::packet::Packet;

/// The kernel hands packets on by the block. Many small ones: each that is not full in time takes up its room all the same.
const BLOCK: usize = 256 << 10;
/// Milliseconds after which a block is handed on as it is.
const RETIRE_MS: u32 = 20;
/// Blocks handed on at once.
const MAX_BLOCKS: usize = 256;
const FANOUT_CBPF: libc::c_int = 6;
const FANOUT_DATA: libc::c_int = 22;

#[derive(Debug)]
pub(super) struct Ring {
    socket: OwnedFd,
    memory: Memory,
    blocks: usize,
    /// The block to be handed on next.
    next: usize,
    is_loopback: bool,
    seen: u64,
    dropped: u64,
}

/// Shared with the kernel, which writes a block until it sets its status, and we read it until we reset that.
#[derive(Debug)]
struct Memory {
    start: NonNull<u8>,
    length: usize,
}

// SAFETY: the mapping belongs to the process and not to a thread, and is reached through `&mut Ring` only.
unsafe impl Send for Memory {}

// === impl Ring ===

impl Ring {
    pub(super) fn open(
        interface: &str,
        size: usize,
        filter: &Program,
        group: Option<&(u16, Program)>,
    ) -> io::Result<Self> {
        let index = nix::net::if_::if_nametoindex(interface)?;
        // Without a protocol nothing is captured before all is set.
        // SAFETY: takes no memory.
        let socket = unsafe { libc::socket(libc::AF_PACKET, libc::SOCK_RAW | libc::SOCK_CLOEXEC, 0) };
        if socket < 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: just made, and nobody else's.
        let socket = unsafe { OwnedFd::from_raw_fd(socket) };
        attach(socket.as_raw_fd(), libc::SOL_SOCKET, libc::SO_ATTACH_FILTER, filter)?;
        let version = libc::tpacket_versions::TPACKET_V3 as libc::c_int;
        set(socket.as_raw_fd(), libc::SOL_PACKET, libc::PACKET_VERSION, &version)?;
        let (memory, blocks) = allot(socket.as_raw_fd(), size)?;
        promiscuous(socket.as_raw_fd(), index)?;
        bind(socket.as_raw_fd(), index)?;
        let mut ring = Self {
            socket,
            memory,
            blocks,
            next: 0,
            is_loopback: interface == "lo",
            seen: 0,
            dropped: 0,
        };
        if let Some((group, program)) = group {
            let member = libc::c_int::from(*group) | FANOUT_CBPF << 16;
            set(ring.socket.as_raw_fd(), libc::SOL_PACKET, libc::PACKET_FANOUT, &member)?;
            ring.spread(program)?;
        }
        Ok(ring)
    }

    pub(super) fn read(&mut self, patience: Duration, mut take: impl FnMut(Packet<'_>)) -> io::Result<u64> {
        if !self.memory.is_ours(self.next) {
            self.wait(patience)?;
        }
        let mut taken = 0;
        for _ in 0..self.blocks.min(MAX_BLOCKS) {
            if !self.memory.is_ours(self.next) {
                break;
            }
            taken += ring::packets(self.memory.block(self.next), self.is_loopback, &mut take);
            self.memory.give_back(self.next);
            self.next = (self.next + 1) % self.blocks;
        }
        Ok(taken)
    }

    fn wait(&self, patience: Duration) -> io::Result<()> {
        let timeout = PollTimeout::try_from(patience).unwrap_or(PollTimeout::MAX);
        let mut polled = [PollFd::new(self.socket.as_fd(), PollFlags::POLLIN | PollFlags::POLLERR)];
        match poll(&mut polled, timeout) {
            Ok(_) | Err(nix::errno::Errno::EINTR) => {}
            Err(error) => return Err(error.into()),
        }
        if polled[0]
            .revents()
            .is_some_and(|events| events.contains(PollFlags::POLLERR))
        {
            let mut error: libc::c_int = 0;
            get(self.socket.as_raw_fd(), libc::SOL_SOCKET, libc::SO_ERROR, &mut error)?;
            if error != 0 {
                return Err(io::Error::from_raw_os_error(error));
            }
        }
        Ok(())
    }

    pub(super) fn filter(&mut self, filter: &Program) -> io::Result<()> {
        attach(
            self.socket.as_raw_fd(),
            libc::SOL_SOCKET,
            libc::SO_ATTACH_FILTER,
            filter,
        )
    }

    /// Sets which socket of the group gets what.
    pub(super) fn spread(&mut self, program: &Program) -> io::Result<()> {
        attach(self.socket.as_raw_fd(), libc::SOL_PACKET, FANOUT_DATA, program)
    }

    /// Packets that passed the filter, and those of them that were lost.
    pub(super) fn count(&mut self) -> io::Result<(u64, u64)> {
        let mut stats = libc::tpacket_stats_v3 {
            tp_packets: 0,
            tp_drops: 0,
            tp_freeze_q_cnt: 0,
        };
        // Asking sets the kernel's counters back.
        get(
            self.socket.as_raw_fd(),
            libc::SOL_PACKET,
            libc::PACKET_STATISTICS,
            &mut stats,
        )?;
        self.seen += u64::from(stats.tp_packets);
        self.dropped += u64::from(stats.tp_drops);
        Ok((self.seen, self.dropped))
    }
}

/// Has the kernel make the ring, and maps it; of half the size again and again where memory is short.
fn allot(socket: RawFd, size: usize) -> io::Result<(Memory, usize)> {
    let mut blocks = (size / BLOCK).max(1);
    loop {
        let request = libc::tpacket_req3 {
            tp_block_size: BLOCK as u32,
            tp_block_nr: u32::try_from(blocks).unwrap_or(u32::MAX),
            tp_frame_size: 2_048,
            tp_frame_nr: u32::try_from(blocks * BLOCK / 2_048).unwrap_or(u32::MAX),
            tp_retire_blk_tov: RETIRE_MS,
            tp_sizeof_priv: 0,
            tp_feature_req_word: 0,
        };
        match set(socket, libc::SOL_PACKET, libc::PACKET_RX_RING, &request) {
            Err(error) if error.raw_os_error() == Some(libc::ENOMEM) && blocks > 1 => blocks /= 2,
            Err(error) => return Err(error),
            Ok(()) => return Ok((Memory::map(socket, blocks * BLOCK)?, blocks)),
        }
    }
}

fn promiscuous(socket: RawFd, index: u32) -> io::Result<()> {
    let wish = libc::packet_mreq {
        mr_ifindex: index.cast_signed(),
        mr_type: libc::PACKET_MR_PROMISC as u16,
        mr_alen: 0,
        mr_address: [0; 8],
    };
    set(socket, libc::SOL_PACKET, libc::PACKET_ADD_MEMBERSHIP, &wish)
}

fn bind(socket: RawFd, index: u32) -> io::Result<()> {
    let address = libc::sockaddr_ll {
        sll_family: libc::AF_PACKET as u16,
        sll_protocol: (libc::ETH_P_ALL as u16).to_be(),
        sll_ifindex: index.cast_signed(),
        sll_hatype: 0,
        sll_pkttype: 0,
        sll_halen: 0,
        sll_addr: [0; 8],
    };
    let length = size_of::<libc::sockaddr_ll>() as libc::socklen_t;
    // SAFETY: the address is of that length and lives during the call.
    checked(unsafe { libc::bind(socket, ptr::from_ref(&address).cast(), length) })
}

fn attach(socket: RawFd, level: libc::c_int, option: libc::c_int, program: &Program) -> io::Result<()> {
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
    let program = libc::sock_fprog {
        len: u16::try_from(code.len()).map_err(io::Error::other)?,
        filter: code.as_mut_ptr(),
    };
    set(socket, level, option, &program)
}

fn set<T>(socket: RawFd, level: libc::c_int, option: libc::c_int, value: &T) -> io::Result<()> {
    let length = size_of::<T>() as libc::socklen_t;
    // SAFETY: the value is of that length and lives during the call; what it points to does too.
    checked(unsafe { libc::setsockopt(socket, level, option, ptr::from_ref(value).cast(), length) })
}

fn get<T>(socket: RawFd, level: libc::c_int, option: libc::c_int, value: &mut T) -> io::Result<()> {
    let mut length = size_of::<T>() as libc::socklen_t;
    // SAFETY: the kernel writes at most that length, and any bytes are a value of the types we ask for.
    checked(unsafe { libc::getsockopt(socket, level, option, ptr::from_mut(value).cast(), &raw mut length) })
}

fn checked(answer: libc::c_int) -> io::Result<()> {
    if answer < 0 {
        Err(io::Error::last_os_error())
    } else {
        Ok(())
    }
}

// === impl Memory ===

impl Memory {
    fn map(socket: RawFd, length: usize) -> io::Result<Self> {
        let protection = libc::PROT_READ | libc::PROT_WRITE;
        // SAFETY: a new mapping of the ring just made.
        let start = unsafe { libc::mmap(ptr::null_mut(), length, protection, libc::MAP_SHARED, socket, 0) };
        if start == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        let start = NonNull::new(start.cast()).ok_or_else(|| io::Error::other("mapped at zero"))?;
        Ok(Self { start, length })
    }

    fn is_ours(&self, block: usize) -> bool {
        self.status(block).load(Ordering::Acquire) & libc::TP_STATUS_USER != 0
    }

    /// The bytes of a block that is ours.
    fn block(&mut self, block: usize) -> &[u8] {
        assert!(self.is_ours(block) && (block + 1) * BLOCK <= self.length);
        // SAFETY: within the mapping, and the kernel leaves it alone until it is given back, which takes `&mut self`.
        unsafe { std::slice::from_raw_parts(self.start.as_ptr().add(block * BLOCK), BLOCK) }
    }

    fn give_back(&mut self, block: usize) {
        self.status(block).store(libc::TP_STATUS_KERNEL, Ordering::Release);
    }

    fn status(&self, block: usize) -> &AtomicU32 {
        assert!((block + 1) * BLOCK <= self.length);
        // SAFETY: within the mapping and aligned; the kernel and we take turns by this very word.
        unsafe { AtomicU32::from_ptr(self.start.as_ptr().add(block * BLOCK + ring::STATUS).cast()) }
    }
}

impl Drop for Memory {
    fn drop(&mut self) {
        // SAFETY: mapped by us with that length, and nobody has a part of it any more.
        unsafe { libc::munmap(self.start.as_ptr().cast(), self.length) };
    }
}
