//! The cost of native checks, and the delay of advertisements beside them.

use std::fmt::Write as _;
use std::io::{self, BufRead, BufReader, Write};
use std::net::TcpListener;
use std::thread::{self, sleep};
use std::time::Duration;

use crate::Result;
use crate::daemon::{Daemon, Kind, Programs};
use crate::network::Network;
use crate::observer::{Observer, Seen};
use crate::report::Report;

const MASTER: usize = 0;
const INTERVAL: Duration = Duration::from_millis(100);
const CHECKS: usize = 200;
/// The time for which the Master is watched.
const WINDOW: Duration = Duration::from_secs(30);
/// The time that it takes until a Master has announced its addresses for the last time.
const SETTLED: Duration = Duration::from_secs(6);
const PATIENCE: Duration = Duration::from_secs(60);
/// Where a web server answers on the host.
const PORTS: std::ops::Range<u16> = 9000..9010;

/// A Master at 100 ms, without checks and beside 200 of them. Only vrrpd has native ones.
pub(crate) fn measure(network: &Network, programs: &Programs, kind: Kind, report: &mut Report) -> Result<()> {
    if kind == Kind::Keepalived {
        return Ok(());
    }
    let host = network.hosts.get(MASTER).ok_or("there is no such host")?;
    host.namespace.run(serve)?;
    for checks in [0, CHECKS] {
        let mut observer = Observer::open(network)?;
        let daemon = Daemon::start(kind, programs, host, &configuration(checks))?;
        let steady = observer.steady(MASTER, 1, INTERVAL * 2, PATIENCE);
        steady.map_err(|error| format!("{error}\n    {}", daemon.last_lines().join("\n    ")))?;
        sleep(SETTLED);
        let (mark, before) = (observer.mark()?, daemon.processor_time()?);
        sleep(WINDOW);
        let percent = (daemon.processor_time()? - before) / WINDOW.as_secs_f64() * 100.0;
        observer.mark()?;
        let adverts: Vec<_> = observer.since(mark).iter().filter(|seen| seen.is_advert_of(MASTER)).collect();
        let delays = adverts.windows(2).filter_map(delay);
        let largest = delays.max().ok_or("no advertisement was seen")?;
        let what = format!("Master every 100 ms beside {checks} checks every 100 ms");
        report.add(kind, &format!("{what}: processor time"), "% cpu", percent);
        report.add(kind, &format!("{what}: largest delay"), "ms", largest.as_secs_f64() * 1000.0);
        report.add(kind, &format!("{what}: faults"), "", daemon.faults()? as f64);
        observer.check()?;
    }
    Ok(())
}

/// Returns how much later than an interval after the one before it an advertisement came.
fn delay(pair: &[&Seen]) -> Option<Duration> {
    let [before, after] = pair else { return None };
    Some(after.at.saturating_sub(before.at + INTERVAL))
}

/// Web servers on the host, for as long as this process lives.
fn serve() -> io::Result<()> {
    for port in PORTS {
        let Ok(listener) = TcpListener::bind(("127.0.0.1", port)) else { continue };
        thread::spawn(move || {
            for mut stream in listener.incoming().flatten() {
                let Ok(reader) = stream.try_clone() else { continue };
                // One that only connects says nothing.
                let lines = BufReader::new(reader).lines().map_while(std::result::Result::ok);
                if lines.take_while(|line| !line.is_empty()).count() > 0 {
                    let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nOK\n");
                }
            }
        });
    }
    Ok(())
}

/// A router that so many checks of every kind decide about; each of them passes.
fn configuration(checks: usize) -> String {
    let mut text = String::new();
    let port = |number: usize| PORTS.start + u16::try_from(number % PORTS.len()).unwrap_or_default();
    for number in 0..checks {
        let settings = match number % 10 {
            0..4 => format!("kind = \"tcp\"\ntarget = \"127.0.0.1:{}\"", port(number)),
            4..8 => format!("kind = \"http\"\ntarget = \"127.0.0.1:{}\"\nbody = \"OK\"", port(number)),
            8 => "kind = \"ping\"\ntarget = \"127.0.0.1\"".to_owned(),
            _ => "kind = \"file\"\npath = \"/run/vrrp.toml\"".to_owned(),
        };
        // Writing to a string cannot fail. One that is late on a busy machine decides nothing.
        let _ = writeln!(text, "[check.c{number}]\n{settings}\ninterval = \"100ms\"\ntimeout = \"2s\"\nfall = 3\n");
    }
    let names: Vec<_> = (0..checks).map(|number| format!("\"c{number}\"")).collect();
    let _ = writeln!(
        text,
        "[router.one]\ninterface = \"eth0\"\nvrid = 1\nversion = 3\npriority = 200\ninterval = \"100ms\"\n\
         addresses = [\"10.0.1.1/24\"]\ntrack_checks = [{}]",
        names.join(", ")
    );
    text
}
