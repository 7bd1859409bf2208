//! The kernel's news of files (inotify): who looks at a file hears of a change at once. There is one instance for all, since a
//! user has few of them.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io;
use std::os::fd::AsRawFd;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use nix::sys::inotify::{AddWatchFlags, InitFlags, Inotify, InotifyEvent, WatchDescriptor};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;
use tokio::sync::Notify;
use tokio::task::AbortHandle;

use crate::sys::{self, FileNews};

/// Whatever can change what is found: of the folder, because a file may come, go, or be replaced.
const CHANGES: AddWatchFlags = AddWatchFlags::IN_MODIFY
    .union(AddWatchFlags::IN_ATTRIB)
    .union(AddWatchFlags::IN_CREATE)
    .union(AddWatchFlags::IN_DELETE)
    .union(AddWatchFlags::IN_MOVE)
    .union(AddWatchFlags::IN_DELETE_SELF)
    .union(AddWatchFlags::IN_MOVE_SELF);

/// By the watch of the folder: the names of its files, and whom to tell.
type Told = BTreeMap<WatchDescriptor, Vec<(OsString, Weak<Notify>)>>;

/// Tells of changes of files.
#[derive(Clone, Debug)]
pub(super) struct Files(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    shared: Arc<Shared>,
    task: AbortHandle,
}

#[derive(Debug)]
struct Shared {
    news: AsyncFd<FileNews>,
    told: Mutex<Told>,
}

impl Files {
    /// `None` where the kernel tells nothing: then a change is seen at the next look.
    pub(super) fn new() -> Option<Self> {
        let inotify = Inotify::init(InitFlags::IN_CLOEXEC | InitFlags::IN_NONBLOCK);
        let news = inotify.map_err(Into::into).and_then(|inotify| sys::watch(FileNews(inotify)));
        let news = news
            .inspect_err(|why| tracing::debug!("no news of files, so that a change is seen at the next look: {why}"));
        let shared = Arc::new(Shared { news: news.ok()?, told: Mutex::default() });
        let task = tokio::spawn(read_news(Arc::clone(&shared))).abort_handle();
        Some(Self(Arc::new(Inner { shared, task })))
    }

    /// Has somebody told of changes of this file from now on. Where its folder does not exist there is nothing to hear: call it
    /// again. May block, as every look at a file.
    pub(super) fn tell(&self, path: &Path, notify: &Arc<Notify>) {
        let (Some(folder), Some(name)) = (path.parent(), path.file_name()) else { return };
        let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
        let Ok(watch) = self.0.shared.inotify().add_watch(folder, CHANGES) else { return };
        let mut told = self.0.shared.told();
        let is =
            |(_, other): &(OsString, Weak<Notify>)| other.upgrade().is_some_and(|other| Arc::ptr_eq(&other, notify));
        let known = told.entry(watch).or_default();
        if known.iter().any(is) {
            return;
        }
        known.push((name.to_owned(), Arc::downgrade(notify)));
        // Another folder has this name now, or others have gone.
        told.retain(|other, known| {
            known.retain(|of| of.1.strong_count() > 0 && (*other == watch || !is(of)));
            if known.is_empty() {
                // It may have gone by itself.
                let _ = self.0.shared.inotify().rm_watch(*other);
            }
            !known.is_empty()
        });
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Shared {
    fn inotify(&self) -> &Inotify {
        &self.news.get_ref().0
    }

    fn told(&self) -> MutexGuard<'_, Told> {
        self.told.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn read_news(shared: Arc<Shared>) {
    loop {
        // Where many change it lets others have their turn.
        let read = |news: &FileNews| news.0.read_events().map_err(io::Error::from);
        match shared.news.async_io(Interest::READABLE, read).await {
            Ok(events) => hear(&events, &mut shared.told()),
            Err(why) => {
                tracing::debug!("no more news of files from {}: {why}", shared.news.as_raw_fd());
                return;
            }
        }
    }
}

fn hear(events: &[InotifyEvent], told: &mut Told) {
    for event in events {
        if event.mask.contains(AddWatchFlags::IN_Q_OVERFLOW) {
            told.values().flatten().filter_map(|(_, notify)| notify.upgrade()).for_each(|notify| notify.notify_one());
            continue;
        }
        let of_folder = told.get(&event.wd).into_iter().flatten();
        // Without a name it is the folder itself.
        let of_file = of_folder.filter(|(name, _)| event.name.as_ref().is_none_or(|of| of == name));
        of_file.filter_map(|(_, notify)| notify.upgrade()).for_each(|notify| notify.notify_one());
        if event.mask.contains(AddWatchFlags::IN_IGNORED) {
            told.remove(&event.wd);
        }
    }
}
