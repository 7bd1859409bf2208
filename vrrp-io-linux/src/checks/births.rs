//! The kernel's events of processes (its netlink connector): programs that begin are noticed at once. It takes CAP_NET_ADMIN, and
//! the first namespaces of the host; without it they are seen at the next look.

use std::io;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use netlink_sys::{Socket, SocketAddr};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;
use tokio::sync::Notify;
use tokio::task::AbortHandle;

use super::processes::entry;
use crate::sys;

/// `NETLINK_CONNECTOR` of linux/netlink.h.
const CONNECTOR: isize = 11;
/// `CN_IDX_PROC` and `CN_VAL_PROC` of linux/connector.h.
const PROCESSES: u32 = 1;
/// `PROC_CN_MCAST_LISTEN` of linux/cn_proc.h.
const LISTEN: u32 = 1;
/// `NLMSG_DONE`.
const DONE: u16 = 3;

/// A netlink header, and that of the connector behind it.
const HEADERS: usize = 16 + 20;
/// The head of an event: what happened, on which processor, and when.
const EVENT: usize = 16;

const FORK: u32 = 1;
const EXEC: u32 = 2;
const NAMED: u32 = 0x200;

/// A process name, and the check to tell of a process of that name.
type Listener = (Vec<u8>, Weak<Notify>);

/// Tells checks of programs that begin.
#[derive(Debug)]
pub(crate) struct Births {
    interested: Arc<Mutex<Vec<Listener>>>,
    /// None where the kernel tells nothing.
    task: Option<AbortHandle>,
}

impl Births {
    pub(crate) fn new() -> Self {
        let interested = Arc::new(Mutex::new(Vec::new()));
        let task = match listen() {
            Ok(socket) => Some(tokio::spawn(read_births(socket, Arc::clone(&interested))).abort_handle()),
            Err(why) => {
                tracing::debug!("no events of processes, so that one that begins is seen at the next look: {why}");
                None
            }
        };
        Self { interested, task }
    }

    pub(super) fn tell(&self, name: Vec<u8>, notify: &Arc<Notify>) {
        if self.task.is_some() {
            let mut interested = self.interested.lock().unwrap_or_else(PoisonError::into_inner);
            interested.retain(|(_, notify)| notify.strong_count() > 0);
            interested.push((name, Arc::downgrade(notify)));
        }
    }
}

impl Drop for Births {
    fn drop(&mut self) {
        if let Some(task) = &self.task {
            task.abort();
        }
    }
}

fn listen() -> io::Result<AsyncFd<Socket>> {
    let mut socket = Socket::new(CONNECTOR)?;
    socket.set_non_blocking(true)?;
    socket.bind(&SocketAddr::new(0, PROCESSES))?;
    let numbers = |numbers: &[u32]| numbers.iter().flat_map(|number| number.to_ne_bytes()).collect::<Vec<u8>>();
    let operation = numbers(&[LISTEN]);
    // Index, value, number, acknowledgement; then length and flags of 16 bits each.
    let mut message = numbers(&[PROCESSES, PROCESSES, 0, 0]);
    message.extend([4_u16.to_ne_bytes(), [0; 2]].concat());
    message.extend(operation);
    let len = u32::try_from(16 + message.len()).unwrap_or_default();
    let header = [&len.to_ne_bytes()[..], &DONE.to_ne_bytes(), &[0; 10]].concat();
    socket.send_to(&[header, message].concat(), &SocketAddr::new(0, 0), 0)?;
    sys::watch(socket)
}

async fn read_births(socket: AsyncFd<Socket>, interested: Arc<Mutex<Vec<Listener>>>) {
    loop {
        let mut buffer = [0; 256];
        // Where many begin it lets others have their turn.
        let receive = |socket: &Socket| socket.recv(&mut &mut buffer[..], libc::MSG_DONTWAIT);
        let name = match socket.async_io(Interest::READABLE, receive).await {
            Ok(len) => match begun(buffer.get(..len).unwrap_or_default()).and_then(entry) {
                Some(entry) => Some(entry.name),
                None => continue,
            },
            // Some were lost: there may be more of everything.
            Err(why) if why.raw_os_error() == Some(libc::ENOBUFS) => None,
            Err(_) => return,
        };
        let interested = interested.lock().unwrap_or_else(PoisonError::into_inner);
        let told = interested.iter().filter(|(of, _)| name.as_ref().is_none_or(|name| name == of));
        told.filter_map(|(_, notify)| notify.upgrade()).for_each(|notify| notify.notify_one());
    }
}

/// The process that begins, or gets another program or name; not a thread of one.
fn begun(message: &[u8]) -> Option<u32> {
    let event = message.get(HEADERS..)?;
    let number = |at: usize| event.get(at..)?.first_chunk().map(|octets| u32::from_ne_bytes(*octets));
    let (thread, process) = match number(0)? {
        // Behind the numbers of the parent.
        FORK => (number(EVENT + 8)?, number(EVENT + 12)?),
        EXEC | NAMED => (number(EVENT)?, number(EVENT + 4)?),
        _ => return None,
    };
    (thread == process).then_some(process)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn processes_that_begin_are_told_and_threads_are_not() {
        let event = |what: u32, numbers: &[u32]| {
            let octets = numbers.iter().flat_map(|number| number.to_ne_bytes()).collect::<Vec<_>>();
            [&[0; HEADERS][..], &what.to_ne_bytes(), &[0; EVENT - 4], &octets].concat()
        };
        assert_eq!(begun(&event(FORK, &[1, 1, 7, 7])), Some(7));
        assert_eq!(begun(&event(FORK, &[1, 1, 7, 1])), None, "a thread");
        assert_eq!(begun(&event(EXEC, &[7, 7])), Some(7));
        assert_eq!(begun(&event(NAMED, &[7, 7])), Some(7));
        assert_eq!(begun(&event(0x8000_0000, &[7, 7, 0, 0])), None, "it ends");
        let whole = event(FORK, &[1, 1, 7, 7]);
        for cut in 0..whole.len() {
            assert_eq!(begun(&whole[..cut]), None, "{cut}");
        }
    }
}
