//! Running notify scripts: in order, one at a time for each instance or group, these side by side. A newer state does not
//! wait long for the script of an older one, and a stop not at all.

mod change;
mod fifo;
mod queue;

use std::collections::BTreeMap;
use std::fmt;
use std::future::pending;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until, timeout};

use crate::vrrpd::config::{Command, Notify};
use crate::vrrpd::exec::{self, CutOff, Ended};
use crate::vrrpd::log::log;
use change::Change;
pub use change::{NotifyState, Subject};
pub use fifo::Fifos;
use queue::Queue;

/// The time for which the next script waits for one that SIGKILL has not ended yet, or that cannot even be started.
const LAST_RITES: Duration = Duration::from_millis(500);

/// The time that scripts may take while no newer state waits. `None`: as long as they like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The limit of each script.
    pub script: Option<Duration>,
    /// The limit of the scripts of a stop together.
    pub stop: Option<Duration>,
}

/// Starts one worker on the current tokio runtime for each subject that has scripts.
#[must_use = "dropping it stops the scripts"]
pub fn spawn(subjects: impl IntoIterator<Item = (Subject, Notify)>, limits: Limits) -> Notifier {
    let mut notifier = Notifier { mailboxes: BTreeMap::new(), workers: JoinSet::new(), limits };
    subjects.into_iter().for_each(|(subject, scripts)| notifier.give(subject, scripts));
    notifier
}

/// Takes the changes of state. Dropping it kills the scripts that run, children included.
#[derive(Debug)]
pub struct Notifier {
    /// The mailboxes of the subjects that have scripts, or had some that may still run.
    mailboxes: BTreeMap<Subject, Arc<Mailbox>>,
    workers: JoinSet<()>,
    limits: Limits,
}

impl Notifier {
    /// Runs the scripts of a subject for a change of state: first those of that state, then the one for every change. A stop
    /// is reported once. Returns at once, on any thread.
    pub fn changed(&self, subject: &Subject, state: NotifyState, priority: u8) {
        if let Some(mailbox) = self.mailboxes.get(subject) {
            mailbox.push(Change { state, priority });
        }
    }

    /// Replaces the subjects and their scripts. A subject that stays is told nothing by that; its running and waiting scripts
    /// go on in order. One that is gone is told that it stops, with the priority of `last_priority`.
    pub fn replace(
        &mut self,
        subjects: impl IntoIterator<Item = (Subject, Notify)>,
        last_priority: impl Fn(&Subject) -> u8,
    ) {
        let mut gone: BTreeMap<Subject, Arc<Mailbox>> = self.mailboxes.clone();
        for (subject, scripts) in subjects {
            gone.remove(&subject);
            self.give(subject, scripts);
        }
        for (subject, mailbox) in gone {
            mailbox.push(Change { state: NotifyState::Stop, priority: last_priority(&subject) });
            mailbox.close();
        }
        self.mailboxes.retain(|_, mailbox| !mailbox.queue().has_ended());
        while self.workers.try_join_next().is_some() {}
    }

    /// Lets the scripts of all changes so far finish, each within its limit.
    pub async fn shutdown(mut self) {
        for mailbox in self.mailboxes.values() {
            mailbox.close();
        }
        while self.workers.join_next().await.is_some() {}
    }

    fn give(&mut self, subject: Subject, scripts: Notify) {
        if let Some(mailbox) = self.mailboxes.get(&subject) {
            *mailbox.scripts() = Arc::new(scripts);
            // Not where its worker has ended since it was closed.
            if mailbox.queue().reopen() {
                return;
            }
            let scripts = mailbox.scripts().as_ref().clone();
            self.mailboxes.remove(&subject);
            return self.give(subject, scripts);
        }
        if scripts != Notify::default() {
            let mailbox = Arc::new(Mailbox::new(subject.clone(), scripts));
            self.workers.spawn(work(self.limits, Arc::clone(&mailbox)));
            self.mailboxes.insert(subject, mailbox);
        }
    }
}

/// Between the caller, who never waits, and one worker. The locks are held for a push, a pop or a copy, nothing longer.
#[derive(Debug)]
struct Mailbox {
    subject: Subject,
    scripts: Mutex<Arc<Notify>>,
    queue: Mutex<Queue>,
    news: sync::Notify,
}

impl Mailbox {
    fn new(subject: Subject, scripts: Notify) -> Self {
        let (scripts, queue) = (Mutex::new(Arc::new(scripts)), Mutex::new(Queue::new()));
        Self { subject, scripts, queue, news: sync::Notify::new() }
    }

    fn scripts(&self) -> MutexGuard<'_, Arc<Notify>> {
        self.scripts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn push(&self, change: Change) {
        self.queue().push(change, Instant::now());
        self.news.notify_one();
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
                if next.is_some() || queue.end() {
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

/// The reason why a script is cut off.
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
            Self::Newer(NotifyState::Stop) => f.write_str("its stop waits"),
            Self::Newer(state) => write!(f, "the newer state {state} waits"),
            Self::Limit(state, limit) => {
                let option = if *state == NotifyState::Stop { "--stop-timeout" } else { "--notify-timeout" };
                write!(f, "it may take {} s ({option})", limit.as_secs_f64())
            }
        }
    }
}

async fn work(limits: Limits, mailbox: Arc<Mailbox>) {
    let name = mailbox.subject.name();
    while let Some((change, left_out)) = mailbox.next().await {
        let state = change.state;
        if left_out > 0 {
            log!(
                NotifyLeftOut,
                router = mailbox.subject.router(),
                subject = name,
                state = state.to_string(),
                count = left_out,
                "notify {name}: scripts are slower than changes; {left_out} left out, next is {state}"
            );
        }
        let is_stop = state == NotifyState::Stop;
        let begun = Instant::now();
        let scripts = Arc::clone(&mailbox.scripts());
        let mut commands = commands(&scripts, &mailbox.subject, change);
        while let Some((script, arguments)) = commands.next() {
            let (since, limit) = if is_stop { (begun, limits.stop) } else { (Instant::now(), limits.script) };
            let program = script.words.first().map_or("", String::as_str);
            // Boxed: a worker waits nearly always, and there are as many as routers.
            let cut = mailbox.cut(state, since, limit);
            let (ended, remains) = Box::pin(exec::run_until(script, &arguments, cut)).await;
            match &ended {
                Ended::ByItself(outcome) if outcome.success() => {}
                Ended::ByItself(outcome) => log!(
                    NotifyFailed,
                    router = mailbox.subject.router(),
                    subject = name,
                    state = state.to_string(),
                    script = program,
                    outcome = outcome.to_string(),
                    "notify {name}: {program} for {state}: {outcome}"
                ),
                Ended::CutOff(cut) => log!(
                    NotifyCutOff,
                    router = mailbox.subject.router(),
                    subject = name,
                    state = state.to_string(),
                    script = program,
                    outcome = told(cut),
                    "notify {name}: {program} for {state} {}",
                    told(cut)
                ),
            }
            if timeout(LAST_RITES, remains.gone()).await.is_err() {
                log!(
                    NotifyLingers,
                    router = mailbox.subject.router(),
                    subject = name,
                    state = state.to_string(),
                    script = program,
                    "notify {name}: {program} for {state} has not ended yet; the next script does not wait"
                );
            }
            if matches!(ended, Ended::CutOff(CutOff { why: Cut::Newer(_), .. })) {
                if let Some(program) = commands.next().and_then(|(script, _)| script.words.first()) {
                    log!(
                        NotifyLeftOut,
                        router = mailbox.subject.router(),
                        subject = name,
                        state = state.to_string(),
                        count = 1,
                        "notify {name}: {program} for {state} was left out"
                    );
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

/// Returns the commands to run for a change, in order, with the arguments after the configured words.
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
        NotifyState::LowerPriority => &scripts.lower_priority,
    };
    // It is the only one that is not a state.
    let of_all = scripts.any.iter().filter(move |_| change.state != NotifyState::LowerPriority);
    let (kind, name) = (subject.kind().to_owned(), subject.name().to_owned());
    let any = [kind, name, change.state.to_string(), change.priority.to_string()];
    let own = own.iter().map(|script| (script, Vec::new()));
    own.chain(of_all.map(move |script| (script, any.to_vec())))
}

#[cfg(test)]
mod tests;
