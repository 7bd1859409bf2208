//! The clients: they never stop asking for the page of the origin, through the proxies.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use tokio::time::{MissedTickBehavior, interval, timeout};

use super::timeline::{Asker, Request, Timeline};
use super::topology::{HostId, ORIGIN, PROXY_PORT};
use super::{dns, http, origin};
use crate::testbed::error::Error;
use crate::testbed::netlink::Station;

/// The time from one request of a client to the next.
const PERIOD: Duration = Duration::from_millis(50);
/// The time for which a client waits for one address.
const PATIENCE: Duration = Duration::from_millis(500);
/// The time that the client with a second address waits for that one: there is no third.
const LAST_PATIENCE: Duration = Duration::from_secs(2);

/// Starts all clients on a thread of their own, inside the client's namespace; they end with the process.
pub(super) fn start(client: &Station, timeline: &Arc<Timeline>) -> Result<(), Error> {
    let ask = {
        let timeline = Arc::clone(timeline);
        move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            thread::Builder::new().name("client".to_owned()).spawn(move || runtime.block_on(ask_forever(timeline)))
        }
    };
    client.namespace.run(ask).map_err(|error| Error::new("starting the clients", error))?;
    Ok(())
}

async fn ask_forever(timeline: Arc<Timeline>) {
    let mut ticks = interval(PERIOD);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    for id in (0..=u16::MAX).cycle() {
        ticks.tick().await;
        for asker in HostId::ALL.map(|host| Asker::Address(host.virtual_address())).into_iter().chain([Asker::Name]) {
            let timeline = Arc::clone(&timeline);
            tokio::spawn(async move {
                let began = Instant::now();
                let outcome = match asker {
                    Asker::Address(address) => fetch(address, PATIENCE).await,
                    Asker::Name => fetch_by_name(id).await,
                };
                let outcome = outcome.map_err(|error| error.to_string());
                timeline.record_request(Request { asker, began, ended: Instant::now(), outcome });
            });
        }
    }
}

/// Resolves the name anew and tries its addresses in the order of the answer.
async fn fetch_by_name(id: u16) -> io::Result<HostId> {
    let addresses = timeout(PATIENCE, dns::resolve(id)).await??;
    let (Some(first), Some(second)) = (addresses.first(), addresses.get(1)) else {
        return Err(io::Error::other(format!("the name has {} addresses instead of 2", addresses.len())));
    };
    match fetch(*first, PATIENCE).await {
        Ok(server) => Ok(server),
        Err(first_error) => fetch(*second, LAST_PATIENCE)
            .await
            .map_err(|error| io::Error::other(format!("{first}: {first_error}; then {second}: {error}"))),
    }
}

/// Fetches the page through the proxy at `address`; only the page itself counts.
async fn fetch(address: Ipv4Addr, patience: Duration) -> io::Result<HostId> {
    let request = format!("GET http://{ORIGIN}/ HTTP/1.1\r\nHost: {ORIGIN}\r\nConnection: close\r\n\r\n");
    let proxy = SocketAddr::from((address, PROXY_PORT));
    let answer = timeout(patience, http::exchange(proxy, &request)).await??;
    if !(answer.starts_with("HTTP/1.1 200 ") && answer.ends_with(origin::PAGE)) {
        return Err(io::Error::other(answer.lines().next().unwrap_or("no answer").to_owned()));
    }
    let via = http::header(&answer, "via").unwrap_or_default();
    let server = HostId::ALL.into_iter().find(|host| via.contains(host.name()));
    server.ok_or_else(|| io::Error::other(format!("no proxy of the lab served it (Via: {via})")))
}
