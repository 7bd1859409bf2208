//! The few system calls that no safe crate in the tree wraps: the only unsafe code of the project.

use std::fs::File;
use std::io;
use std::mem::size_of;
use std::net::Ipv6Addr;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd};
use std::ptr;
use std::slice;
use std::time::Duration;

use socket2::{SockAddr, SockAddrStorage};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

const NANOS_PER_SECOND: u64 = 1_000_000_000;

/// Nanoseconds on `CLOCK_MONOTONIC`.
pub(crate) fn monotonic_nanos() -> u64 {
    nanos(libc::CLOCK_MONOTONIC)
}

/// Nanoseconds for which the calling thread has had a processor.
pub(crate) fn processor_nanos() -> u64 {
    nanos(libc::CLOCK_THREAD_CPUTIME_ID)
}

fn nanos(clock: libc::clockid_t) -> u64 {
    let mut time = timespec(0);
    // SAFETY: `time` is a valid timespec to write to. The call cannot fail: these clocks exist on every Linux.
    unsafe { libc::clock_gettime(clock, &mut time) };
    time.tv_sec as u64 * NANOS_PER_SECOND + time.tv_nsec as u64
}

/// A disarmed, non-blocking timer on `CLOCK_MONOTONIC`. Reading eight bytes takes the expiry.
pub(crate) fn timer() -> io::Result<File> {
    // SAFETY: no pointers are passed.
    let fd = unsafe { libc::timerfd_create(libc::CLOCK_MONOTONIC, libc::TFD_NONBLOCK | libc::TFD_CLOEXEC) };
    if fd < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the call above just made `fd`; nobody else owns it.
    Ok(unsafe { File::from_raw_fd(fd) })
}

/// Owns one open descriptor for as long as it lives.
///
/// # Safety
/// `as_raw_fd` always returns that descriptor.
pub(crate) unsafe trait OwnsFd: AsRawFd {}

// SAFETY: closes its descriptor when dropped and cannot exchange it.
unsafe impl OwnsFd for File {}
// SAFETY: as above.
unsafe impl OwnsFd for socket2::Socket {}
// SAFETY: as above.
unsafe impl OwnsFd for netlink_sys::Socket {}

/// The kernel's news of files.
#[cfg(feature = "checks")]
#[derive(Debug)]
pub(crate) struct FileNews(pub(crate) nix::sys::inotify::Inotify);

#[cfg(feature = "checks")]
impl AsRawFd for FileNews {
    fn as_raw_fd(&self) -> std::os::fd::RawFd {
        std::os::fd::AsFd::as_fd(&self.0).as_raw_fd()
    }
}

// SAFETY: closes its descriptor when dropped; nobody exchanges the field, which only `checks::files` has.
#[cfg(feature = "checks")]
unsafe impl OwnsFd for FileNews {}

/// Has the runtime that is running say when `owner` becomes readable.
pub(crate) fn watch<T: OwnsFd>(owner: T) -> io::Result<AsyncFd<T>> {
    // SAFETY: what the call asks for is what `OwnsFd` promises.
    Ok(unsafe { AsyncFd::register_with_interest(owner, Interest::READABLE) }?)
}

/// A process, readable once it has ended (`pidfd_open(2)`, Linux 5.3).
#[cfg(feature = "checks")]
pub(crate) fn process(id: u32) -> io::Result<File> {
    let id = libc::pid_t::try_from(id).map_err(|_| io::Error::from_raw_os_error(libc::ESRCH))?;
    // SAFETY: no pointers are passed. The kernel closes it on exec by itself.
    let fd = unsafe { libc::syscall(libc::SYS_pidfd_open, id, 0) };
    if fd < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the call above just made `fd`; nobody else owns it.
    Ok(unsafe { File::from_raw_fd(fd as libc::c_int) })
}

/// Sets the one expiry of a [`timer`], in nanoseconds on `CLOCK_MONOTONIC`, or takes it back.
pub(crate) fn set_timer(timer: &File, at: Option<u64>) -> io::Result<()> {
    // All zero would disarm, and is as long past as 1 ns is.
    let it_value = timespec(at.map_or(0, |at| at.max(1)));
    let spec = libc::itimerspec { it_interval: timespec(0), it_value };
    // SAFETY: `spec` is a valid itimerspec; a null old value is allowed.
    check(unsafe { libc::timerfd_settime(timer.as_raw_fd(), libc::TFD_TIMER_ABSTIME, &spec, ptr::null_mut()) })
}

/// Converts to a `timespec`. Its fields differ in size from target to target, and on some it has more than these two.
fn timespec(nanos: u64) -> libc::timespec {
    // SAFETY: a timespec of zeros is valid.
    let mut time: libc::timespec = unsafe { std::mem::zeroed() };
    time.tv_sec = (nanos / NANOS_PER_SECOND).try_into().unwrap_or(i32::MAX.into());
    time.tv_nsec = (nanos % NANOS_PER_SECOND) as _;
    time
}

/// Has the kernel stamp what the socket receives; [`receive`] returns the stamp.
pub(crate) fn enable_receive_stamps(socket: BorrowedFd<'_>) -> io::Result<()> {
    set_int_option(socket, libc::SOL_SOCKET, libc::SO_TIMESTAMPNS, 1)
}

/// Has the kernel tell to which address each IPv6 packet was sent; [`receive`] returns it.
pub(crate) fn enable_receive_destination_v6(socket: BorrowedFd<'_>) -> io::Result<()> {
    set_int_option(socket, libc::IPPROTO_IPV6, libc::IPV6_RECVPKTINFO, 1)
}

/// Has the kernel tell which packets it put together from fragments; [`receive`] returns it. Of an IPv6 socket before Linux
/// 4.10, of an IPv4 one before 4.13, an error.
pub(crate) fn enable_receive_fragmented(socket: BorrowedFd<'_>, ipv6: bool) -> io::Result<()> {
    match ipv6 {
        false => set_int_option(socket, libc::IPPROTO_IP, libc::IP_RECVFRAGSIZE, 1),
        true => set_int_option(socket, libc::IPPROTO_IPV6, libc::IPV6_RECVFRAGSIZE, 1),
    }
}

/// Has the interface's card let frames to a multicast `hardware` address pass, until that is `wanted` no more or the packet
/// socket goes.
pub(crate) fn receive_frames_to(
    socket: BorrowedFd<'_>,
    ifindex: u32,
    hardware: [u8; 6],
    wanted: bool,
) -> io::Result<()> {
    // linux/if_packet.h; not in libc for every target.
    const PACKET_ADD_MEMBERSHIP: libc::c_int = 1;
    const PACKET_DROP_MEMBERSHIP: libc::c_int = 2;
    const PACKET_MR_MULTICAST: libc::c_ushort = 0;
    #[repr(C)]
    struct PacketMreq {
        ifindex: libc::c_int,
        kind: libc::c_ushort,
        address_len: libc::c_ushort,
        address: [u8; 8],
    }
    let [a, b, c, d, e, f] = hardware;
    let address = [a, b, c, d, e, f, 0, 0];
    let kind = PACKET_MR_MULTICAST;
    let membership = PacketMreq { ifindex: ifindex as libc::c_int, kind, address_len: 6, address };
    let option = if wanted { PACKET_ADD_MEMBERSHIP } else { PACKET_DROP_MEMBERSHIP };
    set_option(socket, libc::SOL_PACKET, option, &membership)
}

/// The other end of a connected Unix socket.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Peer {
    /// 0 where it is not visible from here.
    pub(crate) process: i32,
    pub(crate) user: u32,
}

/// Returns the process that listens at the other end of a connected Unix socket.
pub(crate) fn peer(socket: BorrowedFd<'_>) -> io::Result<Peer> {
    let mut who = libc::ucred { pid: 0, uid: 0, gid: 0 };
    let mut len = size_of::<libc::ucred>() as libc::socklen_t;
    let to = ptr::from_mut(&mut who).cast();
    // SAFETY: `to` is valid to write to, and `len` says its length.
    check(unsafe { libc::getsockopt(socket.as_raw_fd(), libc::SOL_SOCKET, libc::SO_PEERCRED, to, &mut len) })?;
    Ok(Peer { process: who.pid, user: who.uid })
}

/// The effective user of the process.
pub(crate) fn effective_user() -> u32 {
    // SAFETY: takes nothing and cannot fail.
    unsafe { libc::geteuid() }
}

/// Sets the receive buffer, beyond `net.core.rmem_max` where the privilege allows it.
pub(crate) fn set_receive_buffer(socket: BorrowedFd<'_>, bytes: usize) -> io::Result<()> {
    let bytes = libc::c_int::try_from(bytes).unwrap_or(libc::c_int::MAX);
    set_int_option(socket, libc::SOL_SOCKET, libc::SO_RCVBUFFORCE, bytes)
        .or_else(|_| set_int_option(socket, libc::SOL_SOCKET, libc::SO_RCVBUF, bytes))
}

/// Has the calling thread, and no thread or process that it makes, run before all that are not real-time.
pub(crate) fn set_round_robin(priority: u8) -> io::Result<()> {
    // `struct sched_param` of the kernel. That of musl has other fields, and its function always fails.
    let priority = libc::c_int::from(priority);
    let policy = libc::SCHED_RR | libc::SCHED_RESET_ON_FORK;
    // SAFETY: the pointer is to one int, which outlives the call; 0 is the calling thread.
    let set = unsafe { libc::syscall(libc::SYS_sched_setscheduler, 0, policy, ptr::from_ref(&priority)) };
    if set < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

/// Sets the nice value of the calling thread.
pub(crate) fn set_nice(nice: i8) -> io::Result<()> {
    // SAFETY: no pointers are passed; 0 is the calling thread.
    check(unsafe { libc::setpriority(libc::PRIO_PROCESS, 0, nice.into()) })
}

/// Limits the processor time of real-time threads of this process between two of their pauses. The hard limit stays: whoever
/// starts another program can give it the limit back.
pub(crate) fn limit_real_time(limit: Duration) -> io::Result<()> {
    let micros = libc::rlim_t::try_from(limit.as_micros()).unwrap_or(libc::RLIM_INFINITY);
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: `limit` is valid to write to.
    check(unsafe { libc::getrlimit(libc::RLIMIT_RTTIME, &mut limit) })?;
    limit.rlim_cur = micros.min(limit.rlim_max);
    // SAFETY: `limit` is valid.
    check(unsafe { libc::setrlimit(libc::RLIMIT_RTTIME, &limit) })
}

/// Lets the process have `files` open at once, if its hard limit does. Nothing is taken away.
pub(crate) fn allow_open_files(files: usize) -> io::Result<()> {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: `limit` is valid to write to.
    check(unsafe { libc::getrlimit(libc::RLIMIT_NOFILE, &mut limit) })?;
    let files = libc::rlim_t::try_from(files).unwrap_or(libc::RLIM_INFINITY);
    if files <= limit.rlim_cur {
        return Ok(());
    }
    limit.rlim_cur = files.min(limit.rlim_max);
    // SAFETY: `limit` is valid.
    check(unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &limit) })
}

/// Keeps what the process has in memory, and will have, out of swap.
pub(crate) fn lock_memory() -> io::Result<()> {
    // SAFETY: no pointers are passed.
    check(unsafe { libc::mlockall(libc::MCL_CURRENT | libc::MCL_FUTURE | libc::MCL_ONFAULT) })
}

/// The data that [`receive`] read.
#[derive(Debug, Default)]
pub(crate) struct Received {
    /// Octets written to the buffer.
    pub(crate) len: usize,
    /// The time at which the kernel received them: since the Unix epoch, on the wall clock.
    pub(crate) stamp: Option<Duration>,
    /// Raw IPv6: who sent them.
    pub(crate) source: Option<Ipv6Addr>,
    /// Raw IPv6: to which address.
    pub(crate) destination: Option<Ipv6Addr>,
    /// Raw IPv6: hop limit on arrival.
    pub(crate) hop_limit: Option<u8>,
    /// Raw: the kernel put them together from fragments.
    pub(crate) fragmented: bool,
    /// Packet socket: which MAC address sent the frame.
    pub(crate) hardware: Option<[u8; 6]>,
}

/// Reads one datagram; never blocks. What the buffer cannot hold is lost.
pub(crate) fn receive(socket: BorrowedFd<'_>, buf: &mut [u8]) -> io::Result<Received> {
    let mut control = [0_u64; 16]; // u64: control messages are aligned to a word.
    let mut iov = libc::iovec { iov_base: buf.as_mut_ptr().cast(), iov_len: buf.len() };
    // SAFETY: a msghdr of zeros is valid: no name, no vectors, no control.
    let mut message: libc::msghdr = unsafe { std::mem::zeroed() };
    message.msg_iov = &mut iov;
    message.msg_iovlen = 1;
    message.msg_control = control.as_mut_ptr().cast();
    message.msg_controllen = size_of_val(&control) as _;
    let read = |name: *mut SockAddrStorage, name_len: *mut libc::socklen_t| {
        message.msg_name = name.cast();
        // SAFETY: `try_init` passes a storage and its length, both valid to read and write.
        message.msg_namelen = unsafe { *name_len };
        // SAFETY: `message` points to `iov`, which points to `buf`, to `control` and to the storage, with their true
        // lengths; all outlive the call.
        let len = unsafe { libc::recvmsg(socket.as_raw_fd(), &mut message, libc::MSG_DONTWAIT) };
        // SAFETY: as above.
        unsafe { *name_len = message.msg_namelen };
        usize::try_from(len).map_err(|_| io::Error::last_os_error())
    };
    // SAFETY: `recvmsg` writes an address, or none and the length 0, into a storage of zeros.
    let (len, from) = unsafe { SockAddr::try_init(read) }?;
    let source = from.as_socket_ipv6().map(|from| *from.ip());
    let mut received = Received { len, source, hardware: hardware(&from), ..Received::default() };
    read_control(&message, &mut received);
    Ok(received)
}

/// The address for sending to `hardware` on an interface through a packet socket.
pub(crate) fn link_layer_address(ifindex: u32, ethertype: u16, hardware: [u8; 6]) -> SockAddr {
    let mut storage = SockAddrStorage::zeroed();
    // SAFETY: a sockaddr_ll fits into the storage, and all zeros is a valid one.
    let address = unsafe { storage.view_as::<libc::sockaddr_ll>() };
    address.sll_family = libc::AF_PACKET as libc::sa_family_t;
    address.sll_protocol = ethertype.to_be();
    address.sll_ifindex = ifindex as libc::c_int;
    address.sll_halen = hardware.len() as u8;
    for (to, from) in address.sll_addr.iter_mut().zip(hardware) {
        *to = from;
    }
    // SAFETY: the storage holds a sockaddr_ll, of that length.
    unsafe { SockAddr::new(storage, size_of::<libc::sockaddr_ll>() as libc::socklen_t) }
}

/// The MAC address in the address of a packet socket.
fn hardware(from: &SockAddr) -> Option<[u8; 6]> {
    if i32::from(from.family()) != libc::AF_PACKET {
        return None;
    }
    // SAFETY: every address lies in a storage in which a sockaddr_ll has room; any octets are a valid one.
    let from = unsafe { &*from.as_ptr().cast::<libc::sockaddr_ll>() };
    let [a, b, c, d, e, f, ..] = from.sll_addr;
    (from.sll_halen == 6).then_some([a, b, c, d, e, f])
}

/// Takes over what the control messages of a `message` say that `recvmsg` filled.
fn read_control(message: &libc::msghdr, received: &mut Received) {
    // SAFETY: `recvmsg` left `msg_control` and `msg_controllen` describing what it wrote to a live buffer.
    let mut next = unsafe { libc::CMSG_FIRSTHDR(message) };
    // SAFETY: null or a header inside that buffer.
    while let Some(header) = unsafe { next.as_ref() } {
        // SAFETY: `next` is a valid header.
        let data = unsafe { libc::CMSG_DATA(next) };
        // The data need not be aligned.
        match (header.cmsg_level, header.cmsg_type) {
            (libc::SOL_SOCKET, kind) if [libc::SCM_TIMESTAMPNS, SCM_TIMESTAMPNS_NEW].contains(&kind) => {
                // SAFETY: takes no pointer.
                let before = unsafe { libc::CMSG_LEN(0) };
                let whole: usize = header.cmsg_len as _;
                // SAFETY: so long is the data of this message, which lies in the buffer.
                let data = unsafe { slice::from_raw_parts(data, whole.saturating_sub(before as usize)) };
                received.stamp = stamp(data).or(received.stamp);
            }
            (libc::IPPROTO_IPV6, libc::IPV6_PKTINFO) => {
                // SAFETY: a control message of this type carries one in6_pktinfo.
                let info = unsafe { ptr::read_unaligned(data.cast::<libc::in6_pktinfo>()) };
                received.destination = Some(info.ipi6_addr.s6_addr.into());
            }
            (libc::IPPROTO_IPV6, libc::IPV6_HOPLIMIT) => {
                // SAFETY: a control message of this type carries one int.
                let hop_limit = unsafe { ptr::read_unaligned(data.cast::<libc::c_int>()) };
                received.hop_limit = u8::try_from(hop_limit).ok();
            }
            (libc::IPPROTO_IP, libc::IP_RECVFRAGSIZE) | (libc::IPPROTO_IPV6, libc::IPV6_RECVFRAGSIZE) => {
                received.fragmented = true;
            }
            _ => {}
        }
        // SAFETY: `next` came from the same message.
        next = unsafe { libc::CMSG_NXTHDR(message, next) };
    }
}

/// `SO_TIMESTAMPNS_NEW` of asm-generic/socket.h: some C libraries with 64-bit time deliver it on 32-bit targets.
const SCM_TIMESTAMPNS_NEW: libc::c_int = 64;

/// The time in a control message: seconds and nanoseconds. Their size is a choice of the kernel and the C library, and on some
/// 32-bit targets not that of their `timespec`.
fn stamp(data: &[u8]) -> Option<Duration> {
    let (seconds, nanos) = data.split_at(data.len() / 2);
    let number = |octets: &[u8]| match *octets {
        [a, b, c, d] => Some(i32::from_ne_bytes([a, b, c, d]).into()),
        [a, b, c, d, e, f, g, h] => Some(i64::from_ne_bytes([a, b, c, d, e, f, g, h])),
        _ => None,
    };
    Some(Duration::new(u64::try_from(number(seconds)?).ok()?, u32::try_from(number(nanos)?).ok()?))
}

fn set_int_option(
    socket: BorrowedFd<'_>,
    level: libc::c_int,
    option: libc::c_int,
    value: libc::c_int,
) -> io::Result<()> {
    set_option(socket, level, option, &value)
}

fn set_option<T>(socket: BorrowedFd<'_>, level: libc::c_int, option: libc::c_int, value: &T) -> io::Result<()> {
    let len = size_of::<T>() as libc::socklen_t;
    // SAFETY: points to a value and says its length.
    check(unsafe { libc::setsockopt(socket.as_raw_fd(), level, option, ptr::from_ref(value).cast(), len) })
}

fn check(result: libc::c_int) -> io::Result<()> {
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stamp_is_read_in_the_size_that_it_has() {
        let wide: Vec<u8> = [1_800_000_000_i64, 250].iter().flat_map(|n| n.to_ne_bytes()).collect();
        let narrow: Vec<u8> = [1_800_000_000_i32, 250].iter().flat_map(|n| n.to_ne_bytes()).collect();
        for stamped in [&wide, &narrow] {
            assert_eq!(stamp(stamped), Some(Duration::new(1_800_000_000, 250)));
        }
        let negative: Vec<u8> = [-1_i64, 0].iter().flat_map(|n| n.to_ne_bytes()).collect();
        for strange in [&negative[..], &wide[..12], &wide[..1], &[]] {
            assert_eq!(stamp(strange), None, "{strange:?}");
        }
    }

    #[test]
    fn a_time_beyond_every_clock_is_still_a_time() {
        for nanos in [0, 1, NANOS_PER_SECOND, u64::from(u32::MAX) * NANOS_PER_SECOND, u64::MAX] {
            let time = timespec(nanos);
            assert!(time.tv_sec >= 0 && (0..1_000_000_000).contains(&time.tv_nsec), "{nanos}");
        }
        let timer = timer().unwrap();
        set_timer(&timer, Some(u64::MAX)).unwrap();
    }

    #[test]
    fn the_kernel_answers_a_request_for_real_time_and_no_library() {
        // musl's own function returns ENOSYS.
        std::thread::spawn(|| {
            let set = set_round_robin(1);
            let refused = set.as_ref().err().and_then(io::Error::raw_os_error);
            assert!(set.is_ok() || refused == Some(libc::EPERM), "{set:?}");
        })
        .join()
        .unwrap();
    }
}
