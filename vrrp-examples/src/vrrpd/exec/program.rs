//! Finds out why a command could not be run, without running it.

use std::ffi::CString;
use std::fmt;
use std::fs::{self, File, Metadata};
use std::io::{self, Read};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};

use nix::sys::statvfs::{FsFlags, statvfs};
use nix::unistd::{AccessFlags, Gid, Group, Uid, User, access, getegid, geteuid, getgrouplist};

use super::user::Ids;
use crate::vrrpd::config::Command;

/// The kernel reads no more of a `#!` line.
const FIRST_LINE: usize = 256;
/// Programs that run the file that their first argument names.
const INTERPRETERS: [&str; 12] =
    ["ash", "bash", "dash", "env", "ksh", "lua", "perl", "php", "python", "ruby", "sh", "zsh"];

/// Something about a command that an administrator has to know before it is needed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Obstacle {
    /// The problem, in one sentence without its end.
    pub problem: String,
    /// Advice how to correct it.
    pub help: String,
}

impl Obstacle {
    fn new(problem: impl fmt::Display, help: impl Into<String>) -> Self {
        Self { problem: problem.to_string(), help: help.into() }
    }
}

/// Returns an error if it is known that `command` cannot be run on this host: by a daemon that runs as root, or as the
/// caller. May block, like every access to a file system or a directory of users.
///
/// Obstacles that the caller is not allowed to see are not reported.
///
/// # Errors
/// The first obstacle.
pub fn can_run(command: &Command, as_root: bool) -> Result<(), Obstacle> {
    let ids = whom(command, as_root)?;
    if !as_root && !ids.are_ours() && !may_switch() {
        let problem = format!("vrrpd lacks CAP_SETUID or CAP_SETGID and cannot switch to {}", ids.name);
        return Err(Obstacle::new(problem, "give it both, or let the script run as vrrpd does"));
    }
    let Some(word) = command.words.first() else { return Ok(()) };
    let path = find(word)?;
    let file = look_at(&path)?;
    let Some(file) = file else { return Ok(()) };
    is_program(&path, &file)?;
    is_allowed(&path, &file, &ids)?;
    is_understood(&path, &ids)
}

/// Says what lets somebody else than root change what root runs here, if anything does.
///
/// # Errors
/// The file or folder that others can write.
pub fn is_secure(command: &Command, as_root: bool) -> Result<(), Obstacle> {
    let Ok(Ids { uid, .. }) = whom(command, as_root) else { return Ok(()) };
    if !uid.is_root() {
        return Ok(());
    }
    let mut words = command.words.iter();
    let Some(Ok(program)) = words.next().map(|word| find(word)) else { return Ok(()) };
    let name = program.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let interprets = INTERPRETERS.contains(&name.trim_end_matches(|c: char| c.is_ascii_digit() || c == '.'));
    // What a shell is told to run is as good as the program.
    let script = words.find(|word| !word.starts_with('-')).filter(|_| interprets).map(PathBuf::from);
    [Some(program), script.filter(|script| script.is_absolute())].iter().flatten().try_for_each(|path| is_roots(path))
}

/// Finds what only a shell would understand, where no shell runs the command.
///
/// # Errors
/// The first such word.
pub fn needs_no_shell(command: &Command) -> Result<(), Obstacle> {
    let [program, arguments @ ..] = command.words.as_slice() else { return Ok(()) };
    let name = Path::new(program).file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let redirects =
        |word: &str| word.trim_start_matches(|c: char| c.is_ascii_digit() || c == '&').starts_with(['>', '<']);
    let is_shell = |word: &&String| {
        matches!(word.as_str(), "&&" | "||" | "|" | ";" | "&") || redirects(word) || word.starts_with("$(")
    };
    match arguments.iter().find(is_shell).filter(|_| !INTERPRETERS.contains(&name.as_str())) {
        None => Ok(()),
        Some(word) => {
            let problem = format!("no shell runs this: {program} gets `{word}` as an argument");
            Err(Obstacle::new(problem, "write it into a script, or begin with /bin/sh -c and quote the rest"))
        }
    }
}

/// Returns whom a command runs as.
fn whom(command: &Command, as_root: bool) -> Result<Ids, Obstacle> {
    match &command.user {
        Some(user) => {
            Ids::of(user).map_err(|why| Obstacle::new(why, "create the user or the group, or name another one"))
        }
        None if as_root => Ok(Ids { name: "root".to_owned(), uid: Uid::from_raw(0), gid: Gid::from_raw(0) }),
        None => Ok(Ids { name: "vrrpd's own user".to_owned(), uid: geteuid(), gid: getegid() }),
    }
}

/// Returns true if this process may become another user and group, or if that is not known.
fn may_switch() -> bool {
    /// `CAP_SETGID` and `CAP_SETUID` of linux/capability.h.
    const BOTH: u64 = 1 << 6 | 1 << 7;
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let effective = status.lines().find_map(|line| line.strip_prefix("CapEff:"));
    effective.and_then(|set| u64::from_str_radix(set.trim(), 16).ok()).is_none_or(|set| set & BOTH == BOTH)
}

/// Returns where a program is: as the system looks for it.
fn find(word: &str) -> Result<PathBuf, Obstacle> {
    let path = Path::new(word);
    if word.contains('/') {
        if !path.is_absolute() {
            let help = "write the whole path, beginning with /";
            return Err(Obstacle::new(
                format_args!("{word} is a relative path, and what it leads to depends on where vrrpd is started"),
                help,
            ));
        }
        return Ok(path.to_owned());
    }
    let folders = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&folders).map(|folder| folder.join(word)).find(|path| path.is_file());
    let problem = format!("there is no program {word} in any folder of PATH ({})", folders.to_string_lossy());
    found.ok_or_else(|| Obstacle::new(problem, "install it, or write its whole path"))
}

/// `None`: it cannot be seen from here.
fn look_at(path: &Path) -> Result<Option<Metadata>, Obstacle> {
    match fs::metadata(path) {
        Ok(found) => Ok(Some(found)),
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => Ok(None),
        Err(error) => Err(missing(path, &error)),
    }
}

/// Names the first part of a path that is not there.
fn missing(path: &Path, error: &io::Error) -> Obstacle {
    let shown = path.display();
    let parts: Vec<&Path> = path.ancestors().collect();
    let gone = parts.into_iter().rev().find(|part| fs::symlink_metadata(part).is_err());
    let link = fs::symlink_metadata(path).is_ok_and(|found| found.is_symlink());
    match (error.kind(), gone) {
        (io::ErrorKind::NotFound, _) if link => {
            let to = fs::read_link(path).unwrap_or_default();
            Obstacle::new(format_args!("{shown} is a link to {}, which does not exist", to.display()), "mend the link")
        }
        (io::ErrorKind::NotFound, Some(gone)) if gone != path => {
            let problem = format!("{shown} does not exist: there is no {}", gone.display());
            Obstacle::new(problem, "install the script, or correct its path")
        }
        (io::ErrorKind::NotFound, _) => {
            Obstacle::new(format_args!("{shown} does not exist"), "install the script, or correct its path")
        }
        _ => Obstacle::new(format_args!("{shown} cannot be reached: {error}"), "correct the path"),
    }
}

fn is_program(path: &Path, file: &Metadata) -> Result<(), Obstacle> {
    let shown = path.display();
    let kind = file.file_type();
    let what = match () {
        () if kind.is_file() => return Ok(()),
        () if kind.is_dir() => "a folder",
        () if kind.is_socket() => "a socket",
        () if kind.is_fifo() => "a named pipe",
        () => "a device",
    };
    Err(Obstacle::new(format_args!("{shown} is {what}"), "name a program"))
}

/// Returns an error if the user of the command may not execute the file, or may not read it where it is a script.
fn is_allowed(path: &Path, file: &Metadata, ids: &Ids) -> Result<(), Obstacle> {
    let (shown, who) = (path.display(), &ids.name);
    let noexec = statvfs(path).is_ok_and(|fs| fs.flags().contains(FsFlags::ST_NOEXEC));
    if noexec {
        let problem = format!("{shown} is on a file system that is mounted with noexec");
        return Err(Obstacle::new(problem, "move the script, or mount the file system without noexec"));
    }
    if file.mode() & 0o111 == 0 {
        return Err(Obstacle::new(format_args!("{shown} is not executable"), format!("chmod +x {shown}")));
    }
    let groups = groups(ids);
    let folders = path.ancestors().skip(1).filter_map(|folder| Some((folder, fs::metadata(folder).ok()?)));
    for (folder, found) in folders {
        if !may(&found, ids, &groups, 0o1) {
            let folder = folder.display();
            let problem = format!("{who} may not enter {folder}, where {shown} is");
            return Err(Obstacle::new(problem, format!("chmod o+x {folder}, or move the script")));
        }
    }
    if !may(file, ids, &groups, 0o1) {
        let problem = format!("{who} may not execute {shown} (mode {:o})", file.mode() & 0o7777);
        return Err(Obstacle::new(problem, format!("chmod o+rx {shown}, or run it as another user")));
    }
    Ok(())
}

/// Returns the supplementary groups. A switch of user drops them, so only our own count, if there is no switch.
fn groups(ids: &Ids) -> Vec<u32> {
    let own = ids.are_ours().then(|| User::from_uid(ids.uid).ok().flatten()).flatten();
    let named = own.and_then(|user| getgrouplist(&CString::new(user.name).ok()?, ids.gid).ok());
    named.map_or_else(|| vec![ids.gid.as_raw()], |groups| groups.iter().map(|group| group.as_raw()).collect())
}

/// Returns true if the bits of a mode give somebody a right: 4 to read, 2 to write, 1 to execute or enter.
fn may(file: &Metadata, ids: &Ids, groups: &[u32], right: u32) -> bool {
    let mode = file.mode();
    if ids.uid.is_root() {
        return right != 1 || file.is_dir() || mode & 0o111 != 0;
    }
    let shift = match () {
        () if file.uid() == ids.uid.as_raw() => 6,
        () if groups.contains(&file.gid()) => 3,
        () => 0,
    };
    mode >> shift & right == right
}

/// Returns an error unless the kernel can run it: it is a binary, or a script whose interpreter is there.
fn is_understood(path: &Path, ids: &Ids) -> Result<(), Obstacle> {
    let shown = path.display();
    let mut start = Vec::new();
    let read = File::open(path).and_then(|file| file.take(FIRST_LINE as u64).read_to_end(&mut start));
    if read.is_err() {
        return Ok(());
    }
    if start.is_empty() {
        return Err(Obstacle::new(format_args!("{shown} is empty"), "write the script"));
    }
    let Some(rest) = start.strip_prefix(b"#!") else {
        // Binaries, and what binfmt_misc may know.
        let is_text = !start.contains(&0) && std::str::from_utf8(start.get(..64).unwrap_or(&start)).is_ok();
        let marked = start.starts_with(b"\xef\xbb\xbf#!");
        return match () {
            () if marked => {
                let problem = format!("{shown} begins with a byte order mark, so the system does not see its #! line");
                Err(Obstacle::new(problem, "save it as UTF-8 without a byte order mark"))
            }
            () if is_text => {
                let problem = format!("{shown} is text without a #! line: the system does not know what runs it");
                Err(Obstacle::new(problem, "let it begin with a line like #!/bin/sh"))
            }
            () => Ok(()),
        };
    };
    let line = rest.split(|octet| *octet == b'\n').next().unwrap_or_default();
    if line.ends_with(b"\r") {
        let problem = format!(
            "{shown} has Windows line ends: the system looks for an interpreter with a carriage return in its name"
        );
        return Err(Obstacle::new(problem, format!("sed -i 's/\\r$//' {shown}")));
    }
    let word = line.trim_ascii().split(|octet| octet.is_ascii_whitespace()).next().unwrap_or_default();
    let interpreter = Path::new(std::ffi::OsStr::from_bytes(word));
    let named = interpreter.display();
    if word.is_empty() {
        return Err(Obstacle::new(format_args!("the #! line of {shown} names no interpreter"), "write #!/bin/sh, say"));
    }
    match fs::metadata(interpreter) {
        Ok(found) if found.is_file() && may(&found, ids, &groups(ids), 0o1) => {}
        Ok(_) => {
            let problem =
                format!("the interpreter {named} on the #! line of {shown} is not a program that {} may run", ids.name);
            return Err(Obstacle::new(problem, "correct the #! line"));
        }
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {}
        Err(_) => {
            let problem = format!("the interpreter {named} on the #! line of {shown} does not exist");
            return Err(Obstacle::new(problem, "install it, or correct the #! line"));
        }
    }
    let readable = fs::metadata(path).is_ok_and(|file| may(&file, ids, &groups(ids), 0o4));
    // An interpreter reads its script itself.
    if !readable && access(path, AccessFlags::F_OK).is_ok() {
        let problem = format!("{} may not read {shown}, which its interpreter has to", ids.name);
        return Err(Obstacle::new(problem, format!("chmod o+r {shown}, or run it as another user")));
    }
    Ok(())
}

/// Returns an error unless only root can change a file: itself, every folder above it, and the targets of links on the way.
fn is_roots(path: &Path) -> Result<(), Obstacle> {
    let real = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let both = [path, real.as_path()];
    for part in both.iter().flat_map(|path| path.ancestors()) {
        let Ok(found) = fs::symlink_metadata(part) else { continue };
        // The mode of a link says nothing; who owns it may point it elsewhere.
        let (owner, mode) = (found.uid(), if found.is_symlink() { 0 } else { found.mode() });
        let others = mode & 0o002 != 0 || (mode & 0o020 != 0 && found.gid() != 0);
        // In a folder like /tmp nobody replaces what is root's.
        let protected = found.is_dir() && mode & 0o1000 != 0;
        if owner != 0 || (others && !protected) {
            let shown = part.display();
            let who = match owner {
                0 if mode & 0o002 != 0 => "everybody may write it".to_owned(),
                0 => format!("the group {} may write it", name_of_group(found.gid())),
                owner => format!("it belongs to {}", name_of_user(owner)),
            };
            let what = if part == path || part == real { String::new() } else { format!(", which is in {shown}") };
            let problem = format!("root runs {}{what}, and others can change that: {who}", path.display());
            let help = format!(
                "chown root:root {shown}; chmod go-w {shown}; or run it as another user (`user`, `script_user`)"
            );
            return Err(Obstacle::new(problem, help));
        }
    }
    Ok(())
}

fn name_of_user(uid: u32) -> String {
    let found = User::from_uid(Uid::from_raw(uid)).ok().flatten();
    found.map_or_else(|| format!("user {uid}"), |user| user.name)
}

fn name_of_group(gid: u32) -> String {
    let found = Group::from_gid(Gid::from_raw(gid)).ok().flatten();
    found.map_or_else(|| gid.to_string(), |group| group.name)
}
