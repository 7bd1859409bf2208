//! What is measured.

use std::collections::BTreeMap;
use std::fs;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::thread::{self, available_parallelism, sleep};
use std::time::{Duration, Instant};

use vrrp_core::Family;
use vrrp_examples::testbed::namespace::this_program;

use crate::addresses::{AddressNews, Addresses};
use crate::configuration::{Configuration, Router};
use crate::daemon::{Daemon, Kind, Programs, now};
use crate::forger::{Forged, Forger};
use crate::network::Network;
use crate::observer::{Observer, Said, Seen};
use crate::report::Report;
use crate::{BUSY, Result, checks, floors, operators};

const MASTER: usize = 0;
const BACKUP: usize = 1;
/// Of each host.
const PRIORITIES: [u8; 2] = [200, 100];
const OWNER: u8 = 255;
const PATIENCE: Duration = Duration::from_secs(60);
/// The time that thousands of addresses may take.
const MANY_PATIENCE: Duration = Duration::from_secs(120);
/// The time that a takeover of many may take. Less than until the second announcements of each.
const TAKEOVER_PATIENCE: Duration = Duration::from_secs(4);
/// The time for which processor time is counted.
const WINDOW: Duration = Duration::from_secs(10);
/// The time for which a daemon has to hold out beside busy neighbours, in each turn.
const BUSY_TIME: Duration = Duration::from_secs(30);
const INTERFACES: u8 = 16;
/// Of a host, in either family: its loopback address and the one of its interface.
const OWN_ADDRESSES: usize = 2;
/// What comes later than the first announcements of a new Master is sent by then, in both daemons.
const SETTLED: Duration = Duration::from_secs(6);
/// Packets a second that a forger sends.
const FORGED_RATES: [u32; 2] = [1_000, 100_000];
/// The time for which it forges.
const FORGING: Duration = Duration::from_secs(5);

/// Something to measure.
pub(crate) struct Experiment {
    pub(crate) name: &'static str,
    pub(crate) what: &'static str,
    pub(crate) run: Run,
}

/// How.
#[derive(Clone, Copy)]
pub(crate) enum Run {
    /// With each daemon in turn.
    Each(fn(&mut Bench, Kind, Option<usize>, &mut Report) -> Result<()>),
    /// With no daemon.
    Alone(fn(&mut Bench, &mut Report) -> Result<()>),
}

/// All of them, in the order in which they run.
pub(crate) const ALL: [Experiment; 23] = [
    alone("floors", "the least that system calls, netlink and timers cost", |bench, report| {
        floors::measure(&bench.pair, report)
    }),
    each("release-1cs", "takeover after SIGTERM, advertisements every 10 ms", |b, k, n, r| {
        takeover(b, k, How::Release, 1, n.unwrap_or(10), r)
    }),
    each("release-10cs", "the same, every 100 ms", |b, k, n, r| takeover(b, k, How::Release, 10, n.unwrap_or(10), r)),
    each("release-100cs", "the same, every second", |b, k, n, r| takeover(b, k, How::Release, 100, n.unwrap_or(2), r)),
    each("silence-1cs", "takeover after SIGSTOP, advertisements every 10 ms", |b, k, n, r| {
        takeover(b, k, How::Silence, 1, n.unwrap_or(20), r)
    }),
    each("silence-10cs", "the same, every 100 ms", |b, k, n, r| takeover(b, k, How::Silence, 10, n.unwrap_or(15), r)),
    each("silence-100cs", "the same, every second", |b, k, n, r| takeover(b, k, How::Silence, 100, n.unwrap_or(2), r)),
    each("routers", "takeover of 255 routers after SIGTERM", |b, k, n, r| routers(b, k, n.unwrap_or(3), r)),
    each("addresses", "takeover of one router with 1,000 addresses after SIGTERM", |b, k, n, r| {
        addresses(b, k, n.unwrap_or(2), r)
    }),
    each("cpu-100ms", "processor time of Master and Backup, 255 routers, every 100 ms", |b, k, _, r| {
        processor(b, k, Duration::from_millis(100), r)
    }),
    each("cpu-10ms", "the same, every 10 ms", |b, k, _, r| processor(b, k, Duration::from_millis(10), r)),
    each(
        "checks",
        "processor time and delays of a Master at 100 ms beside 200 native checks at 100 ms",
        |b, k, _, r| checks::measure(&b.pair, &b.programs, k, r),
    ),
    each(
        "operators",
        "delays of 255 Masters at 100 ms beside 18,000 connections to the control socket and to HTTP, and floods",
        |b, k, n, r| operators::measure(&b.pair, &b.programs, k, n.unwrap_or(1), r),
    ),
    each("memory", "memory (PSS) of all processes", |b, k, _, r| memory(b, k, r)),
    each("busy", "false takeovers at 10 ms beside busy neighbours, equal scheduling", |b, k, _, r| {
        busy(b, k, false, r)
    }),
    each("rt-busy", "the same with real-time scheduling (vrrp_rt_priority, vrrp_no_swap)", |b, k, _, r| {
        busy(b, k, true, r)
    }),
    each("reload", "another address for one of 255 Masters, and what the others notice", |b, k, n, r| {
        reload(b, k, n.unwrap_or(3), r)
    }),
    each("start-255", "from exec to the last first advertisement of 255 routers", |b, k, n, r| {
        start(b, k, 255, 1, n.unwrap_or(3), r)
    }),
    each("start-4000", "the same of 4,000 routers on 16 interfaces", |b, k, n, r| {
        start(b, k, 4000, INTERFACES, n.unwrap_or(2), r)
    }),
    each("many-ipv4", "from exec until 250 routers have their 10,000 IPv4 addresses", |b, k, n, r| {
        many(b, k, Family::Ipv4, n.unwrap_or(1), r)
    }),
    each("many-ipv6", "the same of 5,000 IPv6 addresses", |b, k, n, r| many(b, k, Family::Ipv6, n.unwrap_or(1), r)),
    each(
        "forged-lower",
        "a Master under forged advertisements of a lower priority, 1,000 and 100,000 a second",
        |b, k, _, r| forged(b, k, Forged::Lower, r),
    ),
    each("forged-release", "the same under forged releases", |b, k, _, r| forged(b, k, Forged::Release, r)),
];

const fn each(
    name: &'static str,
    what: &'static str,
    run: fn(&mut Bench, Kind, Option<usize>, &mut Report) -> Result<()>,
) -> Experiment {
    Experiment { name, what, run: Run::Each(run) }
}

const fn alone(name: &'static str, what: &'static str, run: fn(&mut Bench, &mut Report) -> Result<()>) -> Experiment {
    Experiment { name, what, run: Run::Alone(run) }
}

/// What experiments run on.
#[derive(Debug)]
pub(crate) struct Bench {
    runtime: tokio::runtime::Runtime,
    pair: Network,
    /// Made when it is first needed.
    alone: Option<Network>,
    pub(crate) programs: Programs,
}

#[derive(Clone, Copy, Debug)]
enum How {
    Release,
    Silence,
}

impl Bench {
    pub(crate) fn new(programs: Programs) -> Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let pair = runtime.block_on(Network::pair())?;
        Ok(Self { runtime, pair, alone: None, programs })
    }

    fn daemon(&self, kind: Kind, number: usize, configuration: &Configuration) -> Result<Daemon<'_>> {
        let (host, priority) = (self.pair.hosts.get(number), PRIORITIES.get(number));
        let (host, priority) = host.zip(priority).ok_or("there is no such host")?;
        Daemon::start(kind, &self.programs, host, &configuration.text(*priority))
    }

    /// Both, the better one as Master of all and the other as its Backup.
    fn daemons(
        &self,
        kind: Kind,
        configuration: &Configuration,
        observer: &mut Observer,
    ) -> Result<(Daemon<'_>, Daemon<'_>)> {
        let master = self.daemon(kind, MASTER, configuration)?;
        steady(observer, configuration, &master)?;
        let backup = self.daemon(kind, BACKUP, configuration)?;
        // It has to start, and to hear of every router.
        sleep(Duration::from_millis(500));
        steady(observer, configuration, &master)?;
        Ok((master, backup))
    }
}

/// Waits until the better host is Master of all, alone.
fn steady(observer: &mut Observer, configuration: &Configuration, master: &Daemon<'_>) -> Result<()> {
    let time = configuration.interval * 3 / 2 + Duration::from_millis(50);
    let steady = observer.steady(MASTER, configuration.routers.len(), time, PATIENCE);
    steady.map_err(|error| format!("{error}\n    {}", master.last_lines().join("\n    ")).into())
}

fn takeover(bench: &mut Bench, kind: Kind, how: How, centis: u32, rounds: usize, report: &mut Report) -> Result<()> {
    let interval = Duration::from_millis(10) * centis;
    let configuration = Configuration { routers: vec![Router::new(0, 1)], interval, real_time: false };
    let (name, floor) = match how {
        How::Release => ("release", configuration.skew(PRIORITIES[BACKUP])),
        How::Silence => ("silence", configuration.master_down_interval(PRIORITIES[BACKUP])),
    };
    let mut observer = Observer::open(&bench.pair)?;
    let (mut master, _backup) = bench.daemons(kind, &configuration, &mut observer)?;
    let first = |seen: &[Seen]| {
        let advert = seen.iter().find(|seen| seen.is_advert_of(BACKUP))?;
        let announced = |seen: &&Seen| seen.host == BACKUP && matches!(seen.said, Said::Announcement(_));
        let announcement = seen.iter().filter(announced).find(|seen| seen.at >= advert.at)?;
        Some((advert.at, announcement.at))
    };
    for round in 0..rounds {
        // At another moment within the interval each time.
        sleep(interval.mul_f64(round as f64 * 0.618 % 1.0));
        // From before the last advertisement on.
        let mark = observer.mark()?;
        sleep(interval + Duration::from_millis(2));
        let stopped = observer.mark()?;
        let running = match how {
            How::Release => {
                master.stop()?;
                None
            }
            How::Silence => {
                master.pause()?;
                Some(master)
            }
        };
        let (advert, announcement) = observer.wait(stopped, PATIENCE, "the Backup's takeover", first)?;
        let before = observer.since(mark).iter().take_while(|seen| seen.at < advert);
        let mut masters = before.filter(|seen| seen.is_advert_of(MASTER));
        let from = match how {
            // keepalived may send two: the first counts.
            How::Release => masters.find(|seen| matches!(seen.said, Said::Advert { priority: 0, .. })),
            How::Silence => masters.last(),
        };
        let from = from.ok_or("the Master was not seen before the takeover")?.at;
        report.add(kind, &format!("past the floor, {name}, {centis} cs"), "ms", millis(advert, from + floor));
        report.add(
            kind,
            &format!("first ARP after the advert, {name}, {centis} cs"),
            "ms",
            millis(announcement, advert),
        );
        master = match running {
            Some(paused) => {
                paused.resume()?;
                paused
            }
            None => bench.daemon(kind, MASTER, &configuration)?,
        };
        steady(&mut observer, &configuration, &master)?;
    }
    observer.check()
}

fn routers(bench: &mut Bench, kind: Kind, rounds: usize, report: &mut Report) -> Result<()> {
    let routers = (1..=255).map(|vrid| Router::new(0, vrid)).collect();
    let configuration = Configuration { routers, interval: Duration::from_millis(100), real_time: false };
    mass_takeover(bench, kind, &configuration, "255 routers", rounds, report)
}

fn addresses(bench: &mut Bench, kind: Kind, rounds: usize, report: &mut Report) -> Result<()> {
    let mut all = (0..1000_u16).map(|n| Ipv4Addr::new(10, 200, (n / 250) as u8, (n % 250) as u8 + 1).into());
    let addresses = all.by_ref().take(20).collect();
    let router = Router { addresses, excluded: all.collect(), ..Router::new(0, 1) };
    let configuration = Configuration { routers: vec![router], interval: Duration::from_secs(1), real_time: false };
    mass_takeover(bench, kind, &configuration, "1,000 addresses", rounds, report)
}

/// From the first to the last address's first announcement, each of them seen.
fn mass_takeover(
    bench: &mut Bench,
    kind: Kind,
    configuration: &Configuration,
    what: &str,
    rounds: usize,
    report: &mut Report,
) -> Result<()> {
    let addresses: usize =
        configuration.routers.iter().map(|router| router.addresses.len() + router.excluded.len()).sum();
    let mut observer = Observer::open(&bench.pair)?;
    let (mut master, _backup) = bench.daemons(kind, configuration, &mut observer)?;
    for _ in 0..rounds {
        let mark = observer.mark()?;
        master.stop()?;
        let announced = announced_by(mark, addresses, &mut observer)?;
        report.add(kind, &format!("{what}: announced"), "of all", announced.len() as f64);
        let released = observer.since(mark).iter().find(|seen| matches!(seen.said, Said::Advert { priority: 0, .. }));
        let released = released.ok_or("no release was seen")?.at;
        let (first, last) = announced.iter().min().zip(announced.iter().max()).ok_or("no address was announced")?;
        report.add(kind, &format!("{what}: first to last one's first ARP"), "ms", millis(*last, *first));
        let floor = released + configuration.skew(PRIORITIES[BACKUP]);
        report.add(kind, &format!("{what}: last one's first ARP past the floor"), "ms", millis(*last, floor));
        master = bench.daemon(kind, MASTER, configuration)?;
        steady(&mut observer, configuration, &master)?;
    }
    observer.check()
}

/// Returns when the Backup first announced each address, since `mark`; not all of them, when the last ones do not come.
fn announced_by(mark: usize, addresses: usize, observer: &mut Observer) -> Result<Vec<Duration>> {
    let deadline = Instant::now() + TAKEOVER_PATIENCE;
    observer.wait(mark, PATIENCE, "a takeover", |seen| {
        // What an earlier takeover left to be announced once more comes before the first advertisement.
        let takeover = seen.iter().skip_while(|seen| !seen.is_advert_of(BACKUP));
        let mut announced = BTreeMap::new();
        for seen in takeover.filter(|seen| seen.host == BACKUP) {
            if let Said::Announcement(address) = seen.said {
                announced.entry(address).or_insert(seen.at);
            }
        }
        let over = announced.len() == addresses || Instant::now() > deadline;
        over.then(|| announced.into_values().collect())
    })
}

fn processor(bench: &mut Bench, kind: Kind, interval: Duration, report: &mut Report) -> Result<()> {
    let routers = (1..=255).map(|vrid| Router::new(0, vrid)).collect();
    let configuration = Configuration { routers, interval, real_time: false };
    let mut observer = Observer::open(&bench.pair)?;
    let (master, backup) = bench.daemons(kind, &configuration, &mut observer)?;
    observer.check()?;
    // It would cost processor time too.
    drop(observer);
    sleep(SETTLED);
    let before = (master.processor_time()?, backup.processor_time()?, received(bench)?);
    sleep(WINDOW);
    let after = (master.processor_time()?, backup.processor_time()?, received(bench)?);
    let percent = |seconds: f64| seconds / WINDOW.as_secs_f64() * 100.0;
    let ms = interval.as_millis();
    report.add(kind, &format!("Master of 255 routers every {ms} ms"), "% cpu", percent(after.0 - before.0));
    report.add(kind, &format!("Backup of 255 routers every {ms} ms"), "% cpu", percent(after.1 - before.1));
    let expected = 255.0 * WINDOW.as_secs_f64() / interval.as_secs_f64();
    report.add(kind, &format!("advertisements received, every {ms} ms"), "%", (after.2 - before.2) / expected * 100.0);
    Ok(())
}

/// A Master of 255 routers gets another address for one of them, without a stop. What is told of the others is told of the
/// time from some intervals before until some after.
fn reload(bench: &mut Bench, kind: Kind, rounds: usize, report: &mut Report) -> Result<()> {
    const CHANGED: u8 = 128;
    let routers: Vec<Router> = (1..=255).map(|vrid| Router::new(0, vrid)).collect();
    let mut configuration = Configuration { routers, interval: Duration::from_secs(1), real_time: false };
    let host = bench.pair.hosts.get(MASTER).ok_or("there is no such host")?;
    let mut observer = Observer::open(&bench.pair)?;
    // Renewals of a lease would be news of addresses, too; keepalived has none.
    let text = configuration.text(PRIORITIES[MASTER]);
    let master = Daemon::start_with(kind, &bench.programs, host, &text, &["--no-lease"])?;
    steady(&mut observer, &configuration, &master)?;
    sleep(SETTLED);
    for round in 0..rounds {
        let address = Ipv4Addr::new(10, 100, CHANGED, u8::try_from(round)? + 1);
        let changed = configuration.routers.iter_mut().find(|router| router.vrid == CHANGED);
        let changed = changed.ok_or("there is no such router")?;
        let before = std::mem::replace(&mut changed.addresses, vec![address.into()]);
        let news = AddressNews::of(host)?;
        let mark = observer.mark()?;
        sleep(configuration.interval * 3);
        let reloaded = observer.mark()?;
        let at = now();
        master.reload(&configuration.text(PRIORITIES[MASTER]))?;
        let announced = |seen: &[Seen]| {
            seen.iter().find(|seen| matches!(seen.said, Said::Announcement(it) if it == address)).map(|seen| seen.at)
        };
        let announced = observer.wait(reloaded, PATIENCE, "the new address", announced)?;
        // keepalived announces what it has once more, five seconds later.
        sleep(SETTLED + configuration.interval * 3);
        observer.mark()?;
        report.add(kind, "reload: SIGHUP to the new address's first ARP", "ms", millis(announced, at));
        let seen = observer.since(mark);
        let off =
            (1..=255).filter(|vrid| *vrid != CHANGED).filter_map(|vrid| most_off(seen, vrid, configuration.interval));
        let off = off.max().ok_or("the others were not seen")?;
        report.add(kind, "reload: furthest from the period, the other 254", "ms", off.as_secs_f64() * 1000.0);
        let others = |it: &Ipv4Addr| *it != address && !before.contains(&(*it).into());
        let arp = seen.iter().filter(|seen| matches!(&seen.said, Said::Announcement(it) if others(it))).count();
        report.add(kind, "reload: announcements of the others", "", arp as f64);
        let told = news.take()?.iter().filter(|it| others(it)).count();
        report.add(kind, "reload: news of the others' addresses (netlink)", "", told as f64);
    }
    observer.check()
}

/// By how much two advertisements of a router were further apart, or nearer to each other, than an interval.
fn most_off(seen: &[Seen], vrid: u8, interval: Duration) -> Option<Duration> {
    let its = |seen: &&Seen| matches!(seen.said, Said::Advert { vrid: it, .. } if it == vrid);
    let times: Vec<Duration> = seen.iter().filter(its).map(|seen| seen.at).collect();
    times.windows(2).map(|pair| pair[1].saturating_sub(pair[0]).abs_diff(interval)).max()
}

/// Packets that the Backup has received so far.
fn received(bench: &Bench) -> Result<f64> {
    let host = bench.pair.hosts.get(BACKUP).ok_or("there is no such host")?;
    let devices = host.namespace.run(|| fs::read_to_string("/proc/thread-self/net/dev"))?;
    let line = devices.lines().find_map(|line| line.trim().strip_prefix("eth0:")).unwrap_or_default();
    Ok(line.split_whitespace().nth(1).ok_or("the kernel does not count packets")?.parse()?)
}

fn memory(bench: &mut Bench, kind: Kind, report: &mut Report) -> Result<()> {
    for count in [1, 255] {
        let routers = (1..=count).map(|vrid| Router::new(0, vrid)).collect();
        let configuration = Configuration { routers, interval: Duration::from_millis(100), real_time: false };
        let mut observer = Observer::open(&bench.pair)?;
        let master = bench.daemon(kind, MASTER, &configuration)?;
        steady(&mut observer, &configuration, &master)?;
        sleep(SETTLED);
        report.add(kind, &format!("memory of a Master of {count}"), "MiB", master.memory()?);
    }
    Ok(())
}

fn busy(bench: &mut Bench, kind: Kind, real_time: bool, report: &mut Report) -> Result<()> {
    let interval = Duration::from_millis(10);
    let configuration = Configuration { routers: vec![Router::new(0, 1)], interval, real_time };
    let mut observer = Observer::open(&bench.pair)?;
    let (_master, _backup) = bench.daemons(kind, &configuration, &mut observer)?;
    let neighbours = Neighbours::start()?;
    let mark = observer.mark()?;
    let mut looks = BUSY_TIME.as_secs();
    while looks > 0 {
        sleep(Duration::from_secs(1));
        observer.mark()?;
        looks -= 1;
    }
    drop(neighbours);
    let adverts = observer.since(mark).iter().filter(|seen| matches!(seen.said, Said::Advert { .. }));
    let senders: Vec<usize> = adverts.map(|seen| seen.host).collect();
    let takeovers = senders.windows(2).filter(|pair| **pair == [MASTER, BACKUP]).count();
    let how = if real_time { "real-time" } else { "equal scheduling" };
    report.add(kind, &format!("false takeovers in {} s, {how}", BUSY_TIME.as_secs()), "", takeovers as f64);
    observer.check()
}

/// One process for each core that does nothing but keep it busy; they are killed when dropped.
struct Neighbours(Vec<Child>);

impl Neighbours {
    fn start() -> Result<Self> {
        let mut neighbours = Self(Vec::new());
        for _ in 0..available_parallelism()?.get() {
            let mut command = Command::new(this_program()?);
            neighbours.0.push(command.arg0(BUSY).stdin(Stdio::null()).spawn()?);
        }
        Ok(neighbours)
    }
}

impl Drop for Neighbours {
    fn drop(&mut self) {
        for neighbour in &mut self.0 {
            let _ = neighbour.kill();
            let _ = neighbour.wait();
        }
    }
}

fn start(
    bench: &mut Bench,
    kind: Kind,
    count: usize,
    interfaces: u8,
    rounds: usize,
    report: &mut Report,
) -> Result<()> {
    if bench.alone.is_none() {
        bench.alone = Some(bench.runtime.block_on(Network::alone(INTERFACES))?);
    }
    let network = bench.alone.as_ref().ok_or("there is no network")?;
    let host = network.hosts.first().ok_or("there is no such host")?;
    let vrids = (1..=255).flat_map(|vrid| (0..interfaces).map(move |interface| Router::new(interface, vrid)));
    let routers: Vec<Router> = vrids.take(count).collect();
    let configuration = Configuration { routers, interval: Duration::from_secs(1), real_time: false };
    let text = configuration.text(OWNER);
    for round in 1..=rounds {
        let mut observer = Observer::open(network)?;
        let daemon = Daemon::start(kind, &bench.programs, host, &text)?;
        let (mut first, mut looked_at) = (BTreeMap::new(), 0);
        let all = |seen: &[Seen]| {
            for seen in seen.iter().skip(std::mem::replace(&mut looked_at, seen.len())) {
                if let Said::Advert { interface, vrid, .. } = seen.said {
                    first.entry((interface, vrid)).or_insert(seen.at);
                }
            }
            (first.len() == count).then(|| first.values().max().copied()).flatten()
        };
        let last = observer.wait(0, PATIENCE, "the first advertisement of every router", all);
        let last = last.map_err(|error| format!("{error}\n    {}", daemon.last_lines().join("\n    ")))?;
        report.add(
            kind,
            &format!("start of {count} routers: exec to last first advert"),
            "ms",
            millis(last, daemon.started),
        );
        observer.check()?;
        if round == rounds {
            sleep(SETTLED);
            let what = format!("memory of a Master of {count}, priority 255, {interfaces} interfaces");
            report.add(kind, &what, "MiB", daemon.memory()?);
        }
        daemon.stop()?;
    }
    Ok(())
}

/// A daemon alone on the network that becomes Master of 250 routers with 40 addresses each, or 20 of IPv6.
fn many(bench: &mut Bench, kind: Kind, family: Family, rounds: usize, report: &mut Report) -> Result<()> {
    let (each, of) = match family {
        Family::Ipv4 => (40, "IPv4"),
        Family::Ipv6 => (20, "IPv6"),
    };
    let routers: Vec<Router> = (1..=250)
        .map(|vrid| {
            let address = |n: u8| match family {
                Family::Ipv4 => Ipv4Addr::new(10, n, vrid, 1).into(),
                // The first one of a list has to be link-local.
                Family::Ipv6 if n == 0 => Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0x100, vrid.into()).into(),
                Family::Ipv6 => Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, vrid.into(), n.into()).into(),
            };
            Router { addresses: (0..each).map(address).collect(), ..Router::new(0, vrid) }
        })
        .collect();
    let wanted: usize = routers.iter().map(|router| router.addresses.len()).sum();
    let configuration = Configuration { routers, interval: Duration::from_secs(1), real_time: false };
    let what = |what: &str| format!("{wanted} {of} addresses: {what}");
    for _ in 0..rounds {
        // One of its own: addresses that a daemon leaves there go with it.
        let network = bench.runtime.block_on(Network::alone(1))?;
        let host = network.hosts.first().ok_or("there is no such host")?;
        let addresses = Addresses::of(host, family)?;
        addresses.wait(OWN_ADDRESSES, PATIENCE, || Ok(()))?;
        let mut observer = Observer::open(&network)?;
        let daemon = Daemon::start(kind, &bench.programs, host, &configuration.text(PRIORITIES[MASTER]))?;
        let all = addresses.wait(OWN_ADDRESSES + wanted, MANY_PATIENCE, || observer.mark().map(drop));
        report.add(kind, &what("routers that were at fault"), "times", daemon.faults()? as f64);
        let all = all.map_err(|error| format!("{error}\n    {}", daemon.last_lines().join("\n    ")))?;
        let adverts = observer.since(0).iter().filter(|seen| seen.is_advert_of(MASTER) && seen.at <= all);
        let first = adverts.clone().next().ok_or("no advertisement was seen")?.at;
        report.add(kind, &what("exec to the last one"), "ms", millis(all, daemon.started));
        report.add(kind, &what("first advertisement to the last one"), "ms", millis(all, first));
        let late = longest_gap(adverts).saturating_sub(configuration.interval);
        report.add(kind, &what("latest advertisement meanwhile"), "ms late", late.as_secs_f64() * 1000.0);
        observer.check()?;
        let stopping = Instant::now();
        daemon.stop()?;
        report.add(kind, &what("SIGTERM to its end"), "ms", stopping.elapsed().as_secs_f64() * 1000.0);
    }
    Ok(())
}

/// A Master of 20 addresses, the other host of the network in the hands of somebody who forges packets.
fn forged(bench: &mut Bench, kind: Kind, forged: Forged, report: &mut Report) -> Result<()> {
    let addresses = (1..=20).map(|n| Ipv4Addr::new(10, 0, 1, n).into()).collect();
    let router = Router { addresses, ..Router::new(0, 1) };
    let forger = Forger::new(&router, forged)?;
    let configuration = Configuration { routers: vec![router], interval: Duration::from_secs(1), real_time: false };
    let attacker = bench.pair.hosts.get(BACKUP).ok_or("there is no such host")?;
    let mut observer = Observer::open_for(&bench.pair, MASTER)?;
    let master = bench.daemon(kind, MASTER, &configuration)?;
    steady(&mut observer, &configuration, &master)?;
    sleep(SETTLED);
    for rate in FORGED_RATES {
        // The advertisement before the first forged one counts for the gaps, and the one after the last.
        let mark = observer.mark()?;
        sleep(configuration.interval * 3 / 2);
        let (began, cpu, lines) = (now(), master.processor_time()?, master.lines()?);
        let sent = thread::scope(|scope| -> Result<u64> {
            let sender = scope.spawn(|| attacker.namespace.run(|| forger.send(rate, FORGING)));
            while !sender.is_finished() {
                observer.mark()?;
                sleep(Duration::from_millis(5));
            }
            let sent = sender.join().map_err(|_| "the forger panicked")?;
            Ok(sent.map_err(|error| format!("sending forged packets: {error}"))?)
        });
        let (sent, ended) = (sent?, now());
        let (cpu, lines) = (master.processor_time()? - cpu, master.lines()? - lines);
        sleep(configuration.interval * 3);
        observer.mark()?;
        let adverts = observer.since(mark).iter().filter(|seen| seen.is_advert_of(MASTER));
        let late = longest_gap(adverts).saturating_sub(configuration.interval);
        let meanwhile = observer.since(mark).iter().filter(|seen| (began..=ended).contains(&seen.at));
        let (adverts, arps): (Vec<&Seen>, Vec<&Seen>) = meanwhile.partition(|seen| seen.is_advert_of(MASTER));
        let seconds = (ended - began).as_secs_f64();
        let what = |what: &str| format!("{forged}, {rate}/s: {what}");
        report.add(kind, &what("really sent"), "1/s", sent as f64 / seconds);
        report.add(kind, &what("advertisements"), "1/s", adverts.len() as f64 / seconds);
        report.add(kind, &what("ARP"), "1/s", arps.len() as f64 / seconds);
        report.add(kind, &what("lines of log"), "1/s", lines as f64 / seconds);
        report.add(kind, &what("processor"), "% cpu", cpu / seconds * 100.0);
        report.add(kind, &what("latest advertisement"), "ms late", late.as_secs_f64() * 1000.0);
    }
    observer.check()
}

/// The longest time from one advertisement of a router to its next.
fn longest_gap<'a>(adverts: impl Iterator<Item = &'a Seen>) -> Duration {
    let (mut last, mut longest) = (BTreeMap::new(), Duration::ZERO);
    for seen in adverts {
        if let Said::Advert { interface, vrid, .. } = seen.said {
            let before = last.insert((interface, vrid), seen.at).unwrap_or(seen.at);
            longest = longest.max(seen.at.saturating_sub(before));
        }
    }
    longest
}

/// From `earlier` to `later`; less than nothing when that is not their order.
fn millis(later: Duration, earlier: Duration) -> f64 {
    (later.as_secs_f64() - earlier.as_secs_f64()) * 1000.0
}
