//! Handing what was written down to the next program.

use std::convert::Infallible;
use std::ffi::{CString, OsStr};
use std::fs::File;
use std::io::{self, IoSlice, Write};
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::process::Command;

use nix::fcntl::{FcntlArg, FdFlag, SealFlag, fcntl};
use nix::sys::memfd::{MFdFlags, memfd_create};
use nix::sys::signal::{SigSet, SigmaskHow, Signal, raise, sigprocmask};
use nix::sys::socket::{AddressFamily, ControlMessage, MsgFlags, SockFlag, SockType, UnixAddr, sendmsg, socket};

use super::document::Document;
use super::names::{NAME, VARIABLE};
use super::program::Program;
use crate::vrrpd::exec;

/// The reason why the next program does not have it.
#[derive(Debug, thiserror::Error)]
pub(in crate::vrrpd) enum Failed {
    #[error("cannot save the running state: {0}")]
    Writing(io::Error),
    #[error("cannot run {program}: {error}")]
    Running { program: String, error: io::Error },
    #[error("no service manager keeps the running state (NOTIFY_SOCKET)")]
    Nobody,
    #[error("the service manager does not accept the running state: {0}")]
    NotTaken(io::Error),
}

/// Makes this process the program, with the document. The signals in `late` came too late for this one: the next one gets them.
/// Returns only when that cannot be, with everything as it was.
pub(in crate::vrrpd) fn become_program(
    program: &Program,
    document: &Document,
    late: &[Signal],
) -> Result<Infallible, Failed> {
    let file = write(document).map_err(Failed::Writing)?;
    fcntl(&file, FcntlArg::F_SETFD(FdFlag::empty())).map_err(|errno| Failed::Writing(errno.into()))?;
    // Nobody would catch a signal before the next program does.
    let mut before = SigSet::empty();
    let _ = sigprocmask(SigmaskHow::SIG_SETMASK, Some(&SigSet::all()), Some(&mut before));
    for signal in late {
        // For this thread alone, which blocks it: another one would still catch it.
        let _ = raise(*signal);
    }
    exec::restore_limits();
    let mut command = Command::new(&program.path);
    command.arg0(&program.called).args(&program.arguments).env(VARIABLE, file.as_raw_fd().to_string());
    let error = command.exec();
    let _ = sigprocmask(SigmaskHow::SIG_SETMASK, Some(&before), None);
    Err(Failed::Running { program: program.path.display().to_string(), error })
}

/// Gives the document to the service manager, which hands it to the next process.
pub(in crate::vrrpd) fn store(document: &Document) -> Result<(), Failed> {
    let address = std::env::var_os("NOTIFY_SOCKET").ok_or(Failed::Nobody)?;
    let file = write(document).map_err(Failed::Writing)?;
    tell(&address, &format!("FDSTORE=1\nFDNAME={NAME}\n"), Some(&file)).map_err(Failed::NotTaken)
}

/// Tells the service manager that it need not keep the state any longer.
pub(super) fn forget() {
    if let Some(address) = std::env::var_os("NOTIFY_SOCKET") {
        // It is too old soon, all the same.
        let _ = tell(&address, &format!("FDSTOREREMOVE=1\nFDNAME={NAME}\n"), None);
    }
}

fn tell(address: &OsStr, text: &str, file: Option<&OwnedFd>) -> io::Result<()> {
    use std::os::unix::ffi::OsStrExt;
    let socket = socket(AddressFamily::Unix, SockType::Datagram, SockFlag::SOCK_CLOEXEC, None)?;
    let address = match address.as_bytes() {
        [b'@', name @ ..] => UnixAddr::new_abstract(name)?,
        _ => UnixAddr::new(address)?,
    };
    let descriptors: Vec<i32> = file.iter().map(|file| file.as_raw_fd()).collect();
    let with = [ControlMessage::ScmRights(&descriptors)];
    let control = if descriptors.is_empty() { &[][..] } else { &with };
    let text = [IoSlice::new(text.as_bytes())];
    sendmsg(socket.as_raw_fd(), &text, control, MsgFlags::MSG_NOSIGNAL, Some(&address))?;
    Ok(())
}

/// Writes a file in memory that nobody can change any more.
fn write(document: &Document) -> io::Result<OwnedFd> {
    let name = CString::new(NAME)?;
    let mut file = File::from(memfd_create(name.as_c_str(), MFdFlags::MFD_CLOEXEC | MFdFlags::MFD_ALLOW_SEALING)?);
    file.write_all(document.text()?.as_bytes())?;
    let seals = SealFlag::F_SEAL_WRITE | SealFlag::F_SEAL_GROW | SealFlag::F_SEAL_SHRINK | SealFlag::F_SEAL_SEAL;
    fcntl(&file, FcntlArg::F_ADD_SEALS(seals))?;
    Ok(file.into())
}
