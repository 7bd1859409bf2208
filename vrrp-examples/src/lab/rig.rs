//! The whole lab, running: machines, programs, clients and the record of all events.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::host::{Host, Watch};
use super::options::{DaemonKind, Options, ProxyKind};
use super::report::print_addresses;
use super::timeline::{Asker, Event, Timeline};
use super::topology::{HostId, Interface, Topology};
use super::{client, dns, observer, origin, states};
use crate::testbed::error::Error;
use crate::testbed::netlink::Station;

/// The time without a failure after which the lab counts as steady.
const QUIET: Duration = Duration::from_millis(1_200);
const POLL: Duration = Duration::from_millis(5);

/// Everything that runs.
#[derive(Debug)]
pub(super) struct Rig {
    pub(super) topology: Topology,
    pub(super) timeline: Arc<Timeline>,
    hosts: [Host; 2],
    verbose: bool,
}

impl Rig {
    /// Builds the machines and starts every program and every client on them.
    pub(super) async fn start(options: &Options, proxy: ProxyKind) -> Result<Self, Error> {
        let topology = Topology::build().await?;
        let timeline = Arc::new(Timeline::default());
        observer::start(&topology, &timeline)?;
        dns::start(&topology.lan)?;
        origin::start(&topology.outside)?;
        let install = |id: HostId| {
            let namespace = &topology.proxy(id).namespace;
            let tells_states = options.report.is_some();
            let host = Host::install(id, namespace, proxy, options.daemon_of(id), tells_states, options.verbose)?;
            if tells_states {
                states::record_states(id, namespace, &timeline)?;
            }
            Ok::<_, Error>(host)
        };
        let hosts = [install(HostId::Proxy1)?, install(HostId::Proxy2)?];
        let mut rig = Self { topology, timeline, hosts, verbose: options.verbose };
        for id in HostId::ALL {
            rig.record_addresses(id)?;
            rig.start_proxy(id)?;
        }
        for id in HostId::ALL {
            rig.start_daemon(id)?;
        }
        client::start(&rig.topology.client, &rig.timeline)?;
        Ok(rig)
    }

    pub(super) fn host_mut(&mut self, id: HostId) -> &mut Host {
        let [first, second] = &mut self.hosts;
        match id {
            HostId::Proxy1 => first,
            HostId::Proxy2 => second,
        }
    }

    pub(super) fn daemon_of(&self, id: HostId) -> DaemonKind {
        let [first, second] = &self.hosts;
        match id {
            HostId::Proxy1 => first.daemon_kind(),
            HostId::Proxy2 => second.daemon_kind(),
        }
    }

    pub(super) fn start_proxy(&mut self, id: HostId) -> Result<(), Error> {
        let (host, station) = self.split(id);
        host.start_proxy(&station.namespace)
    }

    pub(super) fn start_daemon(&mut self, id: HostId) -> Result<(), Error> {
        let (host, station) = self.split(id);
        host.start_daemon(&station.namespace)
    }

    /// Has the daemon of a host find out about its proxy so, from now on.
    pub(super) fn watch(&mut self, id: HostId, watch: Watch) -> Result<(), Error> {
        let (host, station) = self.split(id);
        host.configure(&station.namespace, watch)
    }

    /// Writes down what the daemon of each host recorded.
    pub(super) fn record(&mut self, directory: &Path, check: &str) -> Result<(), Error> {
        for id in HostId::ALL {
            let (host, station) = self.split(id);
            host.record(&station.namespace, directory, check)?;
        }
        Ok(())
    }

    fn split(&mut self, id: HostId) -> (&mut Host, &Station) {
        let [first, second] = &mut self.hosts;
        let host = match id {
            HostId::Proxy1 => first,
            HostId::Proxy2 => second,
        };
        (host, self.topology.proxy(id))
    }

    /// Returns the last lines of every program of both hosts.
    pub(super) fn last_lines(&self) -> Vec<String> {
        self.hosts.iter().flat_map(Host::last_lines).collect()
    }

    /// With `--verbose`: the addresses of both proxies, as they are now.
    pub(super) async fn show_addresses(&self) -> Result<(), Error> {
        for host in HostId::ALL.into_iter().filter(|_| self.verbose) {
            let netlink = &self.topology.proxy(host).netlink;
            for interface in [Interface::Lan, Interface::Outside].map(Interface::name) {
                print_addresses(host, interface, &netlink.link(interface).await?, &netlink.addresses(interface).await?);
            }
        }
        Ok(())
    }

    /// Waits until each proxy is Master of its own address, alone, and everybody is served; says what is missing.
    pub(super) async fn steady(&mut self, patience: Duration) -> Result<(), Error> {
        let deadline = Instant::now() + patience;
        while let Some(missing) = self.missing() {
            if Instant::now() >= deadline {
                return Err(Error::NotSteady(format!("after {} s {missing}", patience.as_secs())));
            }
            tokio::time::sleep(POLL * 4).await;
        }
        Ok(())
    }

    /// Waits until `look` finds something.
    pub(super) async fn wait_for<T>(&self, patience: Duration, look: impl Fn(&Timeline) -> Option<T>) -> Option<T> {
        let deadline = Instant::now() + patience;
        loop {
            match look(&self.timeline) {
                Some(found) => return Some(found),
                None if Instant::now() >= deadline => return None,
                None => tokio::time::sleep(POLL).await,
            }
        }
    }

    fn missing(&mut self) -> Option<String> {
        if let Some(dead) = HostId::ALL.into_iter().find_map(|id| self.host_mut(id).dead_program()) {
            return Some(dead);
        }
        let since = Instant::now().checked_sub(QUIET)?;
        let requests = self.timeline.requests(since);
        HostId::ALL.into_iter().find_map(|id| {
            let (virtual_address, vrid) = (id.virtual_address(), id.vrid());
            let advertises = |host| self.timeline.first_advert(since, |by, of, _| (by, of) == (host, vrid)).is_some();
            let holders = self.timeline.holders(virtual_address).pop().map(|(_, holders)| holders).unwrap_or_default();
            let mut served =
                requests.iter().filter(|request| request.asker == Asker::Address(virtual_address)).peekable();
            if !advertises(id) {
                Some(format!("{id} does not advertise virtual router {vrid}"))
            } else if advertises(id.other()) {
                Some(format!("{} advertises virtual router {vrid}, which is {id}'s", id.other()))
            } else if holders != BTreeSet::from([id]) {
                Some(format!("{virtual_address} is not on {id} alone, but on {holders:?}"))
            } else if served.peek().is_none() {
                Some(format!("no request to {virtual_address} has ended"))
            } else {
                served.find_map(|request| match &request.outcome {
                    Ok(server) if *server == id => None,
                    Ok(server) => Some(format!("requests to {virtual_address} are served by {server}")),
                    Err(error) => Some(format!("requests to {virtual_address} fail: {error}")),
                })
            }
        })
    }

    fn record_addresses(&self, host: HostId) -> Result<(), Error> {
        let mut changes = self.topology.proxy(host).monitor_addresses()?;
        let timeline = Arc::clone(&self.timeline);
        tokio::spawn(async move {
            while let Some(change) = changes.recv().await {
                let event = Event::Address { host, address: change.address, present: change.present };
                timeline.record(Instant::now(), event);
            }
        });
        Ok(())
    }
}
