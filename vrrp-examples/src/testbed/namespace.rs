//! Namespaces: one set around the whole lab, one network (and mount) namespace for each machine in it.
//!
//! Everything lives inside a PID namespace whose init is this program, and every file in a tmpfs of a private mount
//! namespace. However the lab ends, the kernel removes processes, interfaces and files with it.

use std::fs::{self, File};
use std::io;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, ExitCode};
use std::thread;

use caps::{CapSet, Capability};
use nix::errno::Errno;
use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, setns, unshare};
use nix::sys::prctl::set_pdeathsig;
use nix::sys::signal::Signal;
use nix::sys::wait::{WaitStatus, wait};
use nix::unistd::{getegid, geteuid};

use super::error::Error;

/// Runs this program again as `init`, in namespaces of its own, and waits for it.
///
/// The caller must be single-threaded: the kernel demands it of whoever makes a user namespace.
///
/// # Errors
/// The kernel lets this user make no namespaces, or the program does not start.
pub fn run_isolated(init: &str) -> Result<ExitCode, Error> {
    let wanted = CloneFlags::CLONE_NEWNS | CloneFlags::CLONE_NEWPID | CloneFlags::CLONE_NEWNET;
    match unshare(wanted) {
        Ok(()) => {}
        Err(Errno::EPERM) => enter_user_namespace(wanted)?,
        Err(errno) => return Err(Error::new("making namespaces", errno)),
    }
    let status = run_again(init)?.wait().map_err(|error| Error::new("waiting for the lab", error))?;
    Ok(exit_code(status.code()))
}

/// Runs as the first process of the namespaces. It dies with its parent, keeps its mounts to itself, and runs this program again
/// as `lab` until that ends. Meanwhile it reaps every process whose parent has died, like the init of a host: a check of a PID
/// file takes an unreaped process for alive.
///
/// # Errors
/// The kernel refuses, or the program does not start.
/// The kernel refuses, or the program does not start.
pub fn run_init(lab: &str) -> Result<ExitCode, Error> {
    set_pdeathsig(Signal::SIGKILL)
        .map_err(|errno| Error::new("tying the lab to the command that started it", errno))?;
    let none = None::<&str>;
    mount(none, "/", none, MsFlags::MS_REC | MsFlags::MS_PRIVATE, none).map_err(Error::namespaces_refused)?;
    let lab = run_again(lab)?.id();
    loop {
        match wait() {
            Ok(WaitStatus::Exited(pid, code)) if u32::try_from(pid.as_raw()) == Ok(lab) => {
                return Ok(exit_code(Some(code)));
            }
            Ok(WaitStatus::Signaled(pid, ..)) if u32::try_from(pid.as_raw()) == Ok(lab) => return Ok(exit_code(None)),
            Ok(_) | Err(Errno::EINTR) => {}
            Err(errno) => return Err(Error::new("waiting for the lab", errno)),
        }
    }
}

fn run_again(role: &str) -> Result<Child, Error> {
    Command::new(this_program()?)
        .arg0(role)
        .args(std::env::args_os().skip(1))
        .spawn()
        .map_err(|error| Error::new("running this program again inside its namespaces", error))
}

fn exit_code(code: Option<i32>) -> ExitCode {
    code.and_then(|code| u8::try_from(code).ok()).map_or(ExitCode::FAILURE, ExitCode::from)
}

/// Returns the path of this program, to run it again in another role.
///
/// # Errors
/// The kernel does not tell.
pub fn this_program() -> Result<std::path::PathBuf, Error> {
    std::env::current_exe().map_err(|error| Error::new("finding this program's own file", error))
}

/// Without privileges: a user namespace in which the caller keeps its own ids and holds every capability.
///
/// The caller's own ids, not 0: with a single id mapped, a process that finds itself root (Squid) fails on its first change
/// of user. Capabilities of a user other than root survive `exec` only when ambient.
fn enter_user_namespace(wanted: CloneFlags) -> Result<(), Error> {
    let (uid, gid) = (geteuid(), getegid());
    unshare(CloneFlags::CLONE_NEWUSER | wanted).map_err(Error::namespaces_refused)?;
    let write = |path: &str, text: String| {
        fs::write(path, text).map_err(|error| Error::new(format!("writing {path} of the new user namespace"), error))
    };
    write("/proc/self/setgroups", "deny".to_owned())?;
    write("/proc/self/uid_map", format!("{uid} {uid} 1"))?;
    write("/proc/self/gid_map", format!("{gid} {gid} 1"))?;
    let keep = || -> Result<(), caps::errors::CapsError> {
        let held = caps::read(None, CapSet::Permitted)?;
        caps::set(None, CapSet::Inheritable, &held)?;
        held.into_iter().try_for_each(|capability: Capability| caps::raise(None, CapSet::Ambient, capability))
    };
    keep().map_err(|error| Error::new("keeping capabilities across exec", io::Error::other(error.to_string())))
}

/// One machine's view of the world: a network namespace, and where it has files of its own a mount namespace.
#[derive(Debug)]
pub struct Namespace {
    name: String,
    network: File,
    mounts: Option<File>,
}

impl Namespace {
    /// Makes a network namespace alone.
    ///
    /// # Errors
    /// The kernel refuses.
    pub fn network(name: &str) -> Result<Self, Error> {
        Self::create(name, CloneFlags::CLONE_NEWNET)
    }

    /// Makes a network and a mount namespace.
    ///
    /// # Errors
    /// The kernel refuses.
    pub fn machine(name: &str) -> Result<Self, Error> {
        Self::create(name, CloneFlags::CLONE_NEWNET | CloneFlags::CLONE_NEWNS)
    }

    fn create(name: &str, flags: CloneFlags) -> Result<Self, Error> {
        let make = || -> io::Result<(File, Option<File>)> {
            unshare(flags)?;
            let own_mounts = flags.contains(CloneFlags::CLONE_NEWNS);
            let mounts = own_mounts.then(|| File::open("/proc/thread-self/ns/mnt")).transpose()?;
            Ok((File::open("/proc/thread-self/ns/net")?, mounts))
        };
        let (network, mounts) = on_a_thread(name, make)
            .and_then(|made| made)
            .map_err(|error| Error::new(format!("making the namespace of {name}"), error))?;
        Ok(Self { name: name.to_owned(), network, mounts })
    }

    /// Returns the machine's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns the network namespace, for moving interfaces into it.
    pub fn network_fd(&self) -> &File {
        &self.network
    }

    /// Runs `work` inside. Sockets and processes that it makes stay there for good; the calling thread never leaves its own.
    ///
    /// # Errors
    /// The errors of `work`, or the kernel does not allow to enter.
    pub fn run<T: Send>(&self, work: impl FnOnce() -> io::Result<T> + Send) -> io::Result<T> {
        on_a_thread(&self.name, || {
            self.enter()?;
            work()
        })?
    }

    /// Moves the calling thread inside, for good.
    fn enter(&self) -> io::Result<()> {
        setns(&self.network, CloneFlags::CLONE_NEWNET)?;
        if let Some(mounts) = &self.mounts {
            unshare(CloneFlags::CLONE_FS)?;
            setns(mounts, CloneFlags::CLONE_NEWNS)?;
        }
        Ok(())
    }
}

/// Mounts an empty directory, of this mount namespace only, over `directory`. Every user of the host may write to it.
///
/// # Errors
/// The kernel refuses, or there is no such directory.
pub fn mount_tmpfs(directory: &Path) -> io::Result<()> {
    let flags = MsFlags::MS_NOSUID | MsFlags::MS_NODEV;
    mount(Some("tmpfs"), directory, Some("tmpfs"), flags, Some("mode=1777"))
        .map_err(|errno| io::Error::other(format!("mounting a tmpfs on {}: {errno}", directory.display())))
}

fn on_a_thread<T: Send>(name: &str, work: impl FnOnce() -> T + Send) -> io::Result<T> {
    thread::scope(|scope| {
        let thread = thread::Builder::new().name(name.to_owned()).spawn_scoped(scope, work)?;
        thread.join().map_err(|_| io::Error::other(format!("the thread in {name} panicked")))
    })
}
