//! `vrrpctl top`: every router of a running `vrrpd`, live.

mod draw;
mod feed;
mod keys;
mod table;
mod view;

use std::io::{self, IsTerminal};
use std::path::Path;
use std::sync::mpsc;
use std::time::Duration;

use clap::Args;
use ratatui::crossterm::event::{self, Event, KeyEventKind};

use feed::News;
use view::View;

/// The time within which a key or something new is acted upon.
const SOON: Duration = Duration::from_millis(50);

/// `vrrpctl top`.
#[derive(Clone, Debug, Args)]
#[command(
    about = "Show every router live, in a terminal",
    long_about = "Show every router live, in a terminal: state, Master, priority, how long, and advertisements per second; for one of \
                  them its peers, timers, addresses, checks and counters. It goes on by itself when vrrpd is back after a restart. \
                  `?` shows the keys."
)]
pub struct Options {
    /// Seconds between two questions to vrrpd, 0.1 to 3600
    #[arg(long, value_name = "SECONDS", value_parser = seconds, default_value = "1")]
    every: Duration,
}

/// The way in which it ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "there is no third way")]
pub enum Ended {
    /// A key ended it.
    Quit,
    /// A signal of this number ended it.
    Signal(i32),
}

/// Shows the table until the user leaves it. However it ends, the terminal is as it was before.
///
/// # Errors
/// There is no terminal, or nobody answers on `socket` at first, in words.
pub fn run(socket: &Path, options: &Options, patience: Duration) -> Result<Ended, String> {
    if !io::stdout().is_terminal() || !io::stdin().is_terminal() {
        return Err(
            "top needs a terminal; for programs there are `status --json`, `stats --every` and `watch`".to_owned()
        );
    }
    // A first error is one of the command line or of the daemon. It is printed before the screen is taken over, so it
    // stays there.
    let first = feed::ask(socket, patience).map_err(|error| error.to_string())?;
    let (sender, news) = mpsc::channel();
    let of_terminal = |why: io::Error| format!("the terminal: {why}");
    feed::catch_signals(sender.clone()).map_err(|why| format!("cannot catch signals: {why}"))?;
    feed::start(socket.to_owned(), options.every, patience, sender)
        .map_err(|why| format!("cannot start a thread: {why}"))?;
    let mut view = View::new(options.every);
    view.take(News::Seen(Box::new(first)));

    // From here on a panic restores the terminal, too.
    let mut terminal = ratatui::try_init().map_err(of_terminal)?;
    let ended = show(&mut terminal, &mut view, &news);
    let restored = ratatui::try_restore();
    let ended = ended.map_err(of_terminal)?;
    restored.map_err(of_terminal)?;
    Ok(ended)
}

fn show(terminal: &mut ratatui::DefaultTerminal, view: &mut View, news: &mpsc::Receiver<News>) -> io::Result<Ended> {
    loop {
        terminal.draw(|frame| draw::draw(frame, view))?;
        // Until there is something new to draw.
        loop {
            let mut changed = false;
            if event::poll(SOON)? {
                match event::read()? {
                    Event::Key(key)
                        if key.kind != KeyEventKind::Release && keys::press(view, key) == keys::Then::Quit =>
                    {
                        return Ok(Ended::Quit);
                    }
                    // Any other effect of the key is drawn, and so is a resize.
                    _ => {}
                }
                changed = true;
            }
            loop {
                match news.try_recv() {
                    Ok(News::Signal(number)) => return Ok(Ended::Signal(number)),
                    Ok(news) => {
                        view.take(news);
                        changed = true;
                    }
                    Err(mpsc::TryRecvError::Empty) => break,
                    Err(mpsc::TryRecvError::Disconnected) => {
                        return Err(io::Error::other("the thread that asks vrrpd has died"));
                    }
                }
            }
            if changed {
                break;
            }
        }
    }
}

fn seconds(text: &str) -> Result<Duration, &'static str> {
    let seconds = text.parse().ok().filter(|seconds| (0.1..=3600.0).contains(seconds));
    seconds.map(Duration::from_secs_f64).ok_or("expected seconds, from 0.1 to 3600")
}

#[cfg(test)]
mod tests;
