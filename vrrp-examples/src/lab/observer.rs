//! Listens at the proxies' ports of the LAN switch: every advertisement and gratuitous ARP, with the kernel's time stamp.

use std::io;
use std::sync::Arc;
use std::thread;

use super::timeline::{Event, Timeline};
use super::topology::{HostId, Topology};
use crate::testbed::error::Error;
use crate::testbed::tap::{Said, Tap};

/// Starts the observer on a thread of its own; it ends with the process.
pub(super) fn start(topology: &Topology, timeline: &Arc<Timeline>) -> Result<(), Error> {
    let failed = |error: io::Error| Error::new("listening at the switch of the LAN", error);
    let tap = topology.lan.namespace.run(Tap::open).map_err(failed)?;
    let ports = HostId::ALL.map(|host| (topology.port(host), host));
    let timeline = Arc::clone(timeline);
    let observe = move || {
        let mut buffer = [0_u8; 2048];
        loop {
            match tap.next(&mut buffer) {
                Ok(frame) => {
                    let from = ports.iter().find(|(port, _)| *port == frame.port).map(|(_, host)| *host);
                    if let Some((host, said)) = from.zip(Said::read(frame.octets)) {
                        timeline.record(frame.received_at(), event(host, said));
                    }
                }
                Err(error) => return eprintln!("the observer stopped listening: {error}"),
            }
        }
    };
    thread::Builder::new().name("observer".to_owned()).spawn(observe).map_err(failed)?;
    Ok(())
}

fn event(host: HostId, said: Said) -> Event {
    match said {
        Said::Advert { vrid, priority } => Event::Advert { host, vrid, priority },
        Said::Announcement(address) => Event::Announcement { host, address },
    }
}
