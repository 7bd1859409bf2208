//! Connections: how many, how long, how large.

use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::sleep;

use super::gate::{Gate, Limits};
use super::listen::Listener;
use super::patient::Patient;
use super::site::Site;
use crate::vrrpd::control::pace::Pace;
use crate::vrrpd::log::log;

/// Connections at once. A browser opens six, Prometheus one.
const CONNECTIONS: Limits = Limits { all: 128, each: 32 };
/// The time that the head of a request may take, and that a connection may be idle before it.
const HEAD: Duration = Duration::from_secs(10);
/// The longest time in which a client may take nothing of its answer.
const PATIENCE: Duration = Duration::from_secs(20);
/// The largest head. No more of an answer is made while so much of it waits for the client.
const BUFFER: usize = 16 * 1024;
/// Lines in a head.
const HEADERS: usize = 64;

/// The time from one connection to the next; more wait in the kernel.
const CONNECTION: Duration = Duration::from_millis(1);
const BURST: Duration = Duration::from_millis(100);

/// The answer to clients for whom there is no room, as short as can be.
const FULL: &[u8] =
    b"HTTP/1.1 503 Service Unavailable\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: 44\r\n\
    Retry-After: 1\r\nConnection: close\r\n\r\ntoo many connections; try again in a second\n";

/// Serves whoever connects. Never ends; dropping it closes all connections.
pub async fn serve(mut listeners: Vec<Listener>, site: Site) {
    let (gate, site, mut clients) = (Gate::new(CONNECTIONS), Arc::new(site), JoinSet::new());
    let pace = Pace::new(CONNECTION, BURST);
    let told = Arc::clone(&site);
    let mut taking_in = pin!(told.take_in());
    loop {
        tokio::select! {
            () = &mut taking_in => {}
            (address, accepted) = poll_fn(|cx| accept(&mut listeners, cx)) => {
                match accepted {
                Ok((stream, from)) => match gate.enter(from.ip()) {
                    Some(pass) => {
                        let site = Arc::clone(&site);
                        clients.spawn(async move {
                            converse(stream, site).await;
                            drop(pass);
                        });
                    }
                    // What does not fit into an empty buffer at once is not worth waiting for.
                    None => drop(stream.try_write(FULL)),
                },
                Err(error) => {
                    // Mostly out of file descriptors: asking again at once would only burn a processor.
                    let (address, error) = (address.to_string(), error.to_string());
                    log!(HttpConnection, address = address, error = error, "http on {address}: cannot take a connection: {error}");
                    sleep(Duration::from_millis(100)).await;
                }
                }
                pace.turn().await;
            }
            Some(_) = clients.join_next() => {}
        }
    }
}

/// Takes a connection from one of them; the next one then has its turn first.
fn accept(listeners: &mut [Listener], cx: &mut Context<'_>) -> Poll<(SocketAddr, io::Result<(TcpStream, SocketAddr)>)> {
    for number in 0..listeners.len() {
        let Some(Listener { listener, address }) = listeners.get(number) else { break };
        if let Poll::Ready(accepted) = listener.poll_accept(cx) {
            let address = *address;
            listeners.rotate_left(number + 1);
            return Poll::Ready((address, accepted));
        }
    }
    Poll::Pending
}

/// Answers one client until it goes, errs or exhausts our patience.
async fn converse(stream: TcpStream, site: Arc<Site>) {
    let (Ok(from), Ok(to)) = (stream.peer_addr(), stream.local_addr()) else { return };
    let service = service_fn(move |request| {
        let site = Arc::clone(&site);
        async move { Ok::<_, std::convert::Infallible>(site.answer(request, from.ip(), to.ip()).await) }
    });
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new())
        .header_read_timeout(HEAD)
        .max_headers(HEADERS)
        .max_header_size(BUFFER)
        .max_buf_size(BUFFER);
    // What went wrong is the client's affair.
    let _ = http.serve_connection(TokioIo::new(Patient::new(stream, PATIENCE)), service).await;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_short_answer_is_as_long_as_it_says() {
        let text = std::str::from_utf8(FULL).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        assert!(head.contains(&format!("Content-Length: {}\r\n", body.len())), "{}", body.len());
    }
}
