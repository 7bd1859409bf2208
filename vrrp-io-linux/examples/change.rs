//! Changes what runs while its clients go on, without an executor: `cargo run --example change -- eth0 51 192.0.2.100`, and then
//! one command a line on the standard input.
//!
//! * `add 51 192.0.2.101`: virtual router 51 gets one more address; a router is made with its first one
//! * `remove 51 192.0.2.101`: it has one less; with the last one it goes
//! * `weigh`: a lower priority under load; it is weighed every ten seconds, too
//! * `drain eth0/51`, `undrain eth0/51`: before and after maintenance of this host
//!
//! The end of the input releases everything.

use std::collections::BTreeMap;
use std::error::Error;
use std::net::IpAddr;
use std::thread;
use std::time::Duration;

use vrrp_core::{AdvertInterval, Config, Drain, Priority, Profile, Vrid};
use vrrp_io_linux::{Blocking, Router, Vrrp, start};

type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// The priority of a host that has nothing to do, and of one that can hardly serve.
const PRIORITIES: (u8, u8) = (150, 110);

/// What is wanted: the addresses of each virtual router.
#[derive(Clone)]
struct Wanted {
    interface: String,
    addresses: BTreeMap<Vrid, Vec<IpAddr>>,
}

fn main() -> Result<()> {
    let mut arguments = std::env::args().skip(1);
    let interface = arguments.next().ok_or("expected an interface, a virtual router id and addresses")?;
    let vrid = vrid(&arguments.next().ok_or("expected a virtual router id")?)?;
    let addresses: Vec<IpAddr> = arguments.map(|text| text.parse()).collect::<std::result::Result<_, _>>()?;
    let mut wanted = Wanted { interface, addresses: BTreeMap::from([(vrid, addresses)]) };

    let (vrrp, mut events) = start(wanted.routers()?)?;
    thread::spawn(move || {
        while let Some(event) = events.blocking_recv() {
            println!("{event}");
        }
    });
    let weighing = vrrp.clone();
    thread::spawn(move || {
        // Until all is stopped.
        while weigh(weighing.blocking()).is_ok() {
            thread::sleep(Duration::from_secs(10));
        }
    });
    for line in std::io::stdin().lines() {
        match obey(&vrrp, &mut wanted, &line?) {
            Ok(result) => println!("done: {result}"),
            // What was running runs on.
            Err(error) => println!("refused: {error}"),
        }
    }
    // The other thread has a handle too: so this is not left to a drop.
    vrrp.blocking().stop_all()?;
    Ok(())
}

fn obey(vrrp: &Vrrp, wanted: &mut Wanted, line: &str) -> Result<String> {
    let (vrrp, words): (_, Vec<&str>) = (vrrp.blocking(), line.split_whitespace().collect());
    let id =
        |name: &str| vrrp.router(name)?.ok_or_else(|| Box::<dyn Error>::from(format!("there is no router {name}")));
    match words[..] {
        [what @ ("add" | "remove"), id, address] => {
            let (mut next, id, address): (_, _, IpAddr) = (wanted.clone(), vrid(id)?, address.parse()?);
            let addresses = next.addresses.entry(id).or_default();
            addresses.retain(|other| *other != address);
            addresses.extend((what == "add").then_some(address));
            next.addresses.retain(|_, addresses| !addresses.is_empty());
            let plan = vrrp.plan(next.routers()?)?;
            let told = plan.to_string().replace('\n', "; ");
            vrrp.carry_out(plan)?;
            *wanted = next;
            weigh(vrrp)?;
            Ok(told)
        }
        ["weigh"] => Ok(format!("priority {}", weigh(vrrp)?)),
        ["drain", name] => Ok(vrrp.drain(id(name)?, Drain::default())?.to_string()),
        ["undrain", name] => vrrp.undrain(id(name)?).map(|()| "undrained".to_owned()).map_err(Into::into),
        _ => Err("expected add, remove, weigh, drain or undrain".into()),
    }
}

impl Wanted {
    fn routers(&self) -> Result<Vec<Router>> {
        let interval = AdvertInterval::from_centis(20)?;
        let router = |(vrid, addresses): (&Vrid, &Vec<IpAddr>)| {
            let config = Config::new(Profile::Rfc9568Errata, *vrid, addresses)?.with_interval(interval)?;
            Ok(Router::new(&*self.interface, config.with_priority(Priority::new(PRIORITIES.0)?)).with_accept_mode(true))
        };
        self.addresses.iter().map(router).collect()
    }
}

/// Gives every router the priority that this host deserves now: one less for each tenth of a load average, which is 1 for each
/// program that wants to run.
fn weigh(vrrp: Blocking<'_>) -> Result<Priority> {
    let load: f64 = std::fs::read_to_string("/proc/loadavg")?.split(' ').next().unwrap_or_default().parse()?;
    let (most, least) = PRIORITIES;
    let priority = Priority::new(most.saturating_sub((load * 10.0) as u8).max(least))?;
    for (id, _) in vrrp.routers()? {
        vrrp.set_priority(id, priority)?;
    }
    Ok(priority)
}

fn vrid(text: &str) -> Result<Vrid> {
    Ok(Vrid::new(text.parse()?)?)
}
