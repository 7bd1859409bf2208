//! Making, keeping and removing the socket file.

use std::fs;
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::sys::socket::{AddressFamily, Backlog, SockFlag, SockType, UnixAddr, bind, connect, listen, socket};
use nix::sys::stat::{Mode, fchmod};
use tokio::net::{UnixListener, UnixStream};

/// Clients that the kernel keeps until they are accepted. A further one waits for room.
const BACKLOG: i32 = 128;

/// The listening socket; its file goes when it is dropped.
#[derive(Debug)]
pub struct ControlSocket {
    listener: UnixListener,
    path: PathBuf,
    /// Device and inode: only our own file is removed.
    file: (u64, u64),
}

/// The reason why there is no control socket.
#[derive(Debug, thiserror::Error)]
pub enum BindError {
    /// A living daemon has it.
    #[error("another vrrpd answers on {}; stop it, or name another socket with --control", .0.display())]
    Taken(PathBuf),
    /// There is another file at this path.
    #[error("{} exists and is not a socket; remove it, or name another path with --control", .0.display())]
    NotASocket(PathBuf),
    /// The system refused.
    #[error("cannot listen on {}: {why}", path.display())]
    System {
        /// The socket's path.
        path: PathBuf,
        /// The system's words.
        why: String,
    },
}

impl ControlSocket {
    /// Listens on `path`, for our own user only from the first moment on. A socket that a dead daemon left is
    /// replaced. Needs a tokio runtime.
    ///
    /// # Errors
    /// Another daemon answers on `path`, there is a file that is not a socket, or the system refuses.
    pub fn bind(path: &Path) -> Result<Self, BindError> {
        let system = |why: io::Error| BindError::System { path: path.to_owned(), why: words(&why) };
        match fs::symlink_metadata(path) {
            Ok(found) if !found.file_type().is_socket() => return Err(BindError::NotASocket(path.to_owned())),
            Ok(_) if answers(path).map_err(|errno| system(errno.into()))? => {
                return Err(BindError::Taken(path.to_owned()));
            }
            Ok(_) => fs::remove_file(path).map_err(system)?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(system(error)),
        }
        let listener = private_listener(path).map_err(|errno| system(errno.into()))?;
        let file = identity(path).map_err(system)?;
        let listener = UnixListener::from_std(listener.into()).map_err(system)?;
        Ok(Self { listener, path: path.to_owned(), file })
    }

    pub(super) async fn accept(&self) -> io::Result<UnixStream> {
        self.listener.accept().await.map(|(client, _)| client)
    }
}

impl Drop for ControlSocket {
    fn drop(&mut self) {
        if identity(&self.path).is_ok_and(|file| file == self.file) {
            let _ = fs::remove_file(&self.path);
        }
    }
}

fn stream() -> nix::Result<OwnedFd> {
    socket(AddressFamily::Unix, SockType::Stream, SockFlag::SOCK_NONBLOCK | SockFlag::SOCK_CLOEXEC, None)
}

/// Linux gives the file the socket's own mode, so it is never open to others, not even for a moment.
fn private_listener(path: &Path) -> nix::Result<OwnedFd> {
    let address = UnixAddr::new(path)?;
    let socket = stream()?;
    fchmod(&socket, Mode::S_IRUSR | Mode::S_IWUSR)?;
    bind(socket.as_raw_fd(), &address)?;
    listen(&socket, Backlog::new(BACKLOG)?)?;
    Ok(socket)
}

fn answers(path: &Path) -> nix::Result<bool> {
    match connect(stream()?.as_raw_fd(), &UnixAddr::new(path)?) {
        // Out of room for another client is an answer, too.
        Ok(()) | Err(Errno::EAGAIN) => Ok(true),
        Err(Errno::ECONNREFUSED | Errno::ENOENT) => Ok(false),
        Err(errno) => Err(errno),
    }
}

fn identity(path: &Path) -> io::Result<(u64, u64)> {
    fs::symlink_metadata(path).map(|found| (found.dev(), found.ino()))
}

/// Returns the system's words without the number.
pub(super) fn words(error: &io::Error) -> String {
    error.raw_os_error().map_or_else(|| error.to_string(), |number| Errno::from_raw(number).desc().to_owned())
}
