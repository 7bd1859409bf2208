//! A folder that goes with the test, and a program of a name of its own.

use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::sync::atomic::{AtomicU32, Ordering};

pub(crate) struct Folder(PathBuf);

impl Folder {
    pub(crate) fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("vrrp-checks-{}-{number}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

impl std::ops::Deref for Folder {
    type Target = Path;

    fn deref(&self) -> &Path {
        &self.0
    }
}

/// `sleep` by another name, that no other process has.
pub(crate) struct Program {
    pub(crate) path: PathBuf,
    pub(crate) name: String,
}

impl Program {
    pub(crate) fn new(folder: &Folder) -> Self {
        // Other tests of this process have programs too.
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name = format!("s{}x{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let path = folder.path(&name);
        std::os::unix::fs::symlink("/bin/sleep", &path).unwrap();
        Self { path, name }
    }

    pub(crate) fn start(&self) -> Running {
        let running = Running(Command::new(&self.path).arg("300").spawn().unwrap());
        // Until it has become the program it has another name.
        let name = format!("/proc/{}/comm", running.0.id());
        while std::fs::read_to_string(&name).unwrap().trim_end() != self.name {
            std::thread::yield_now();
        }
        running
    }
}

/// Dropping it kills it, and waits until it is gone.
pub(crate) struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
