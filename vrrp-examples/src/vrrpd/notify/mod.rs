//! Running notify scripts: in order, one at a time for each instance or group, these side by side. A newer state does not
//! wait long for the script of an older one, and a stop not at all.

mod change;
mod queue;

use std::fmt;
use std::future::pending;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until, timeout};

use crate::vrrpd::config::{Command, Notify};
use crate::vrrpd::exec::{self, CutOff, Ended};
use change::Change;
pub use change::NotifyState;
use queue::Queue;

/// How long the next script waits for one that SIGKILL has not ended yet, or that cannot even be started.
const LAST_RITES: Duration = Duration::from_millis(500);

/// How long scripts may take while no newer state waits. `None`: as long as they like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// For each script.
    pub script: Option<Duration>,
    /// For the scripts of a stop together.
    pub stop: Option<Duration>,
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
pub fn spawn(subjects: impl IntoIterator<Item = (Subject, Notify)>, limits: Limits) -> Notifier {
    let mut workers = JoinSet::new();
    let mailboxes = subjects.into_iter().map(|(subject, scripts)| {
        if scripts == Notify::default() {
            return None;
        }
        let mailbox = Arc::new(Mailbox::new(subject));
        workers.spawn(work(scripts, limits, Arc::clone(&mailbox)));
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
            mailbox.queue().push(Change { state, priority }, Instant::now());
            mailbox.news.notify_one();
        }
    }

    /// Lets the scripts of all changes so far finish, each within its limit.
    pub async fn shutdown(mut self) {
        for mailbox in self.mailboxes.iter().flatten() {
            mailbox.close();
        }
        while self.workers.join_next().await.is_some() {}
    }
}

/// Between the caller, who never waits, and one worker. The lock is held for a push or a pop, nothing longer.
#[derive(Debug)]
struct Mailbox {
    subject: Subject,
    queue: Mutex<Queue>,
    news: sync::Notify,
}

impl Mailbox {
    fn new(subject: Subject) -> Self {
        Self { subject, queue: Mutex::new(Queue::new()), news: sync::Notify::new() }
    }

    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn close(&self) {
        self.queue().close();
        self.news.notify_one();
    }

    /// Waits for the next change, which comes with the number left out before it; `None` after the last.
    async fn next(&self) -> Option<(Change, usize)> {
        loop {
            {
                let mut queue = self.queue();
                let next = queue.pop(Instant::now());
                if next.is_some() || queue.is_closed() {
                    return next;
                }
            }
            self.news.notified().await;
        }
    }

    /// Ends with the reason when a script for `state` that began at `since` has to end.
    async fn cut(&self, state: NotifyState, since: Instant, limit: Option<Duration>) -> Cut {
        let limited = async {
            match limit {
                Some(limit) => {
                    sleep_until(since + limit).await;
                    Cut::Limit(state, limit)
                }
                None => pending().await,
            }
        };
        tokio::select! {
            cut = limited => cut,
            newer = self.impatient() => Cut::Newer(newer),
        }
    }

    /// Ends when what waits has waited long enough, with the newest state.
    async fn impatient(&self) -> NotifyState {
        loop {
            let patience = self.queue().patience();
            let over = async {
                match patience {
                    Some((at, newest)) => {
                        sleep_until(at).await;
                        newest
                    }
                    None => pending().await,
                }
            };
            tokio::select! {
                newest = over => return newest,
                // Another newest, or a stop.
                () = self.news.notified() => {}
            }
        }
    }
}

/// Why a script is cut off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Cut {
    /// A newer state has waited long enough, or is a stop.
    Newer(NotifyState),
    /// It took longer than it may.
    Limit(NotifyState, Duration),
}

impl fmt::Display for Cut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Newer(NotifyState::Stop) => f.write_str("vrrpd stops"),
            Self::Newer(state) => write!(f, "the newer state {state} waits to be told"),
            Self::Limit(state, limit) => {
                let option = if *state == NotifyState::Stop { "--stop-timeout" } else { "--notify-timeout" };
                write!(f, "it may take {} s ({option})", limit.as_secs_f64())
            }
        }
    }
}

async fn work(scripts: Notify, limits: Limits, mailbox: Arc<Mailbox>) {
    let name = mailbox.subject.name();
    while let Some((change, left_out)) = mailbox.next().await {
        let state = change.state;
        if left_out > 0 {
            tracing::warn!("notify {name}: scripts are slower than changes; {left_out} left out, next is {state}");
        }
        let is_stop = state == NotifyState::Stop;
        let begun = Instant::now();
        let mut commands = commands(&scripts, &mailbox.subject, change);
        while let Some((script, arguments)) = commands.next() {
            let (since, limit) = if is_stop { (begun, limits.stop) } else { (Instant::now(), limits.script) };
            let program = script.words.first().map_or("", String::as_str);
            // Boxed: a worker waits nearly always, and there are as many as routers.
            let cut = mailbox.cut(state, since, limit);
            let (ended, remains) = Box::pin(exec::run_until(script, &arguments, cut)).await;
            match &ended {
                Ended::ByItself(outcome) if outcome.success() => {}
                Ended::ByItself(outcome) => tracing::warn!("notify {name}: {program} for {state}: {outcome}"),
                Ended::CutOff(cut) => tracing::warn!("notify {name}: {program} for {state} {}", told(cut)),
            }
            if timeout(LAST_RITES, remains.gone()).await.is_err() {
                tracing::warn!("notify {name}: {program} for {state} has not ended yet; the next script does not wait");
            }
            if matches!(ended, Ended::CutOff(CutOff { why: Cut::Newer(_), .. })) {
                if let Some(program) = commands.next().and_then(|(script, _)| script.words.first()) {
                    tracing::warn!("notify {name}: {program} for {state} was left out");
                }
                break;
            }
        }
    }
}

fn told(cut: &CutOff<Cut>) -> String {
    let CutOff { why, ran, killed, stderr } = cut;
    let signal = if *killed { "SIGKILL, as SIGTERM did not end it" } else { "SIGTERM" };
    let stderr = stderr.as_ref().map_or(String::new(), |line| format!(": {line}"));
    format!("was cut off after {:.1} s by {signal}: {why}{stderr}", ran.as_secs_f64())
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
