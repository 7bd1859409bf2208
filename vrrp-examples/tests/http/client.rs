//! A client that says exactly what it is told to.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use serde_json::Value;

use crate::common::Host;

pub(crate) const PORT: u16 = 9112;

/// An answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.body))
    }

    /// Returns whether the head has this line, whatever the case of its name.
    pub(crate) fn has(&self, line: &str) -> bool {
        self.head.lines().any(|found| found.eq_ignore_ascii_case(line))
    }
}

/// Connects on a host to its loopback address.
pub(crate) fn connect(host: &Host) -> TcpStream {
    connect_to(host, ([127, 0, 0, 1], PORT).into())
}

pub(crate) fn connect_to(host: &Host, address: SocketAddr) -> TcpStream {
    let stream = host.run(|| TcpStream::connect(address).unwrap());
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    stream
}

/// Sends octets as they are; `None`: the connection ended without an answer.
pub(crate) fn send(mut stream: TcpStream, octets: &[u8]) -> Option<Answer> {
    // It may have been closed before all is said.
    let _ = stream.write_all(octets);
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    let text = String::from_utf8(answer).unwrap();
    let (head, body) = text.split_once("\r\n\r\n")?;
    let status = head.split(' ').nth(1)?.parse().ok()?;
    Some(Answer { status, head: head.to_owned(), body: body.to_owned() })
}

/// Asks for a path as a browser does; `more` are further lines of the head.
pub(crate) fn get(host: &Host, path: &str, more: &str) -> Answer {
    let request = format!("GET {path} HTTP/1.1\r\nHost: localhost:{PORT}\r\n{more}Connection: close\r\n\r\n");
    send(connect(host), request.as_bytes()).unwrap_or_else(|| panic!("no answer to {request}"))
}

/// Follows the events.
pub(crate) struct Follower {
    lines: BufReader<TcpStream>,
}

/// A message of the events.
#[derive(Debug)]
pub(crate) struct Message {
    pub(crate) name: String,
    pub(crate) id: String,
    pub(crate) data: Value,
}

impl Follower {
    pub(crate) fn new(host: &Host, path: &str, more: &str) -> Self {
        let mut stream = connect(host);
        let request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n{more}\r\n");
        stream.write_all(request.as_bytes()).unwrap();
        Self { lines: BufReader::new(stream) }
    }

    /// The next message. What is between them, as the lengths of chunks, is no field.
    pub(crate) fn next(&mut self) -> Message {
        let mut message = Message { name: String::new(), id: String::new(), data: Value::Null };
        loop {
            let mut line = String::new();
            assert!(self.lines.read_line(&mut line).unwrap() > 0, "the events have ended");
            match line.trim_end().split_once(": ") {
                Some(("event", name)) => name.clone_into(&mut message.name),
                Some(("id", id)) => id.clone_into(&mut message.id),
                Some(("data", data)) => {
                    message.data = serde_json::from_str(data).unwrap();
                    return message;
                }
                _ => {}
            }
        }
    }

    /// The next message that is so.
    pub(crate) fn until(&mut self, is_so: impl Fn(&Message) -> bool) -> Message {
        loop {
            let message = self.next();
            if is_so(&message) {
                return message;
            }
        }
    }
}
