//! The web server of the outside network.

use std::io;

use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};

use super::http;
use super::topology::ORIGIN;
use crate::testbed::error::Error;
use crate::testbed::netlink::Station;

/// The page that it serves for every request.
pub(super) const PAGE: &str = "served by the origin\n";

/// Starts serving in the outside network.
pub(super) fn start(outside: &Station) -> Result<(), Error> {
    let listen = || {
        let listener = std::net::TcpListener::bind((ORIGIN, 80))?;
        listener.set_nonblocking(true)?;
        Ok(listener)
    };
    let listener = outside
        .namespace
        .run(listen)
        .and_then(TcpListener::from_std)
        .map_err(|error| Error::new("starting the web server outside", error))?;
    tokio::spawn(async move {
        loop {
            if let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream));
            }
        }
    });
    Ok(())
}

async fn serve(mut stream: TcpStream) -> io::Result<()> {
    http::read_head(&mut stream).await?;
    let length = PAGE.len();
    let answer = format!(
        "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{PAGE}"
    );
    stream.write_all(answer.as_bytes()).await?;
    stream.shutdown().await
}
