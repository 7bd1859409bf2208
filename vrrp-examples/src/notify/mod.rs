//! Running notify scripts: in order, one at a time for each instance or group, these side by side.

mod queue;

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync;
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::config::{Command, Notify};
use crate::exec;
use queue::Queue;

/// How long one script may take.
const LIMIT: Duration = Duration::from_secs(60);

/// What scripts are told about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotifyState {
    /// Became Master.
    Master,
    /// Became Backup.
    Backup,
    /// Entered a fault.
    Fault,
    /// The daemon stops.
    Stop,
}

impl fmt::Display for NotifyState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Master => "MASTER",
            Self::Backup => "BACKUP",
            Self::Fault => "FAULT",
            Self::Stop => "STOP",
        })
    }
}

/// Whose changes scripts are told about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Subject {
    /// An instance, by its name.
    Instance(String),
    /// A sync group, by its name.
    Group(String),
}

impl Subject {
    const fn kind(&self) -> &'static str {
        match self {
            Self::Instance(_) => "INSTANCE",
            Self::Group(_) => "GROUP",
        }
    }

    fn name(&self) -> &str {
        let (Self::Instance(name) | Self::Group(name)) = self;
        name
    }
}

/// Starts one worker on the current tokio runtime for each subject that has scripts.
#[must_use = "dropping it stops the scripts"]
pub fn spawn(subjects: impl IntoIterator<Item = (Subject, Notify)>) -> Notifier {
    let mut workers = JoinSet::new();
    let mailboxes = subjects.into_iter().map(|(subject, scripts)| {
        if scripts == Notify::default() {
            return None;
        }
        let mailbox = Arc::new(Mailbox::new(subject));
        workers.spawn(work(scripts, Arc::clone(&mailbox)));
        Some(mailbox)
    });
    Notifier { mailboxes: mailboxes.collect(), workers }
}

/// Takes the changes of state. Dropping it kills the scripts that run, children included.
#[derive(Debug)]
pub struct Notifier {
    /// `None`: no scripts.
    mailboxes: Vec<Option<Arc<Mailbox>>>,
    workers: JoinSet<()>,
}

impl Notifier {
    /// Has the scripts of a subject (by its place in the list given to [`spawn`]) run for a change of state: that
    /// state's own first, then the one for every change. Returns at once, on whatever thread.
    pub fn changed(&self, subject: usize, state: NotifyState, priority: u8) {
        if let Some(Some(mailbox)) = self.mailboxes.get(subject) {
            mailbox.queue().push(Change { state, priority });
            mailbox.news.notify_one();
        }
    }

    /// Lets the scripts of all changes so far finish, for `limit` at most; then they are killed.
    pub async fn shutdown(mut self, limit: Duration) {
        for mailbox in self.mailboxes.iter().flatten() {
            mailbox.close();
        }
        let finished = timeout(limit, async { while self.workers.join_next().await.is_some() {} }).await.is_ok();
        if finished {
            return;
        }
        self.workers.shutdown().await;
        for mailbox in self.mailboxes.iter().flatten() {
            let left = mailbox.queue().len();
            if left > 0 {
                let name = mailbox.subject.name();
                tracing::warn!("notify {name}: stopped with {left} changes of state not told");
            }
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Change {
    state: NotifyState,
    priority: u8,
}

/// Between the caller, who never waits, and one worker. The lock is held for a push or a pop, nothing longer.
#[derive(Debug)]
struct Mailbox {
    subject: Subject,
    queue: Mutex<Queue<Change>>,
    news: sync::Notify,
}

impl Mailbox {
    fn new(subject: Subject) -> Self {
        Self { subject, queue: Mutex::new(Queue::new()), news: sync::Notify::new() }
    }

    fn queue(&self) -> MutexGuard<'_, Queue<Change>> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn close(&self) {
        self.queue().close();
        self.news.notify_one();
    }

    /// Waits for the next change, which comes with the number dropped before it; `None` after the last.
    async fn next(&self) -> Option<(Change, usize)> {
        loop {
            {
                let mut queue = self.queue();
                let next = queue.pop();
                if next.is_some() || queue.is_closed() {
                    return next;
                }
            }
            self.news.notified().await;
        }
    }
}

async fn work(scripts: Notify, mailbox: Arc<Mailbox>) {
    let name = mailbox.subject.name();
    while let Some((change, dropped)) = mailbox.next().await {
        let state = change.state;
        if dropped > 0 {
            tracing::warn!("notify {name}: scripts are slower than changes; {dropped} left out, next is {state}");
        }
        for (script, arguments) in commands(&scripts, &mailbox.subject, change) {
            // Boxed: a worker waits nearly always, and there are as many as routers.
            let (outcome, remains) = Box::pin(exec::run(script, &arguments, LIMIT)).await;
            if !outcome.success() {
                let program = script.words.first().map_or("", String::as_str);
                tracing::warn!("notify {name}: {program} for {state}: {outcome}");
            }
            remains.gone().await;
        }
    }
}

/// What to run for a change, in order, with what goes after the configured words.
fn commands<'a>(
    scripts: &'a Notify,
    subject: &Subject,
    change: Change,
) -> impl Iterator<Item = (&'a Command, Vec<String>)> {
    let own = match change.state {
        NotifyState::Master => &scripts.master,
        NotifyState::Backup => &scripts.backup,
        NotifyState::Fault => &scripts.fault,
        NotifyState::Stop => &scripts.stop,
    };
    let (kind, name) = (subject.kind().to_owned(), subject.name().to_owned());
    let any = [kind, name, change.state.to_string(), change.priority.to_string()];
    let own = own.iter().map(|script| (script, Vec::new()));
    own.chain(scripts.any.iter().map(move |script| (script, any.to_vec())))
}

#[cfg(test)]
mod tests;
