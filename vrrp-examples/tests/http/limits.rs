//! What it does not let clients do.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use crate::client::{PORT, connect, get, send};
use crate::common::{Lan, in_namespace, until};
use crate::start;

#[test]
fn a_request_that_is_none_or_is_for_somebody_else_gets_a_short_answer() {
    in_namespace(|| {
        let host = Lan::new().host(1);
        let daemon = start(&host, 200);
        let local = format!("Host: localhost:{PORT}\r\n");
        let long = "a".repeat(1025);
        let large = format!("X: {}\r\n", "a".repeat(20_000));
        let many: String = (0..80).map(|number| format!("X-{number}: 1\r\n")).collect();
        for (request, status, says) in [
            (format!("GET /nothing HTTP/1.1\r\n{local}"), 404, "there is nothing here; expected /, /metrics"),
            (format!("POST / HTTP/1.1\r\n{local}"), 405, "expected GET or HEAD"),
            (format!("DELETE /metrics HTTP/1.1\r\n{local}"), 405, "expected GET or HEAD"),
            (format!("OPTIONS * HTTP/1.1\r\n{local}"), 405, "expected GET or HEAD"),
            (format!("GET /{long} HTTP/1.1\r\n{local}"), 414, "the address is too long"),
            (format!("GET / HTTP/1.1\r\n{local}Content-Length: 5\r\n"), 413, "without content"),
            (format!("GET / HTTP/1.1\r\n{local}Transfer-Encoding: chunked\r\n"), 413, "without content"),
            ("GET / HTTP/1.1\r\n".to_owned(), 400, "expected one Host"),
            (format!("GET / HTTP/1.1\r\n{local}{local}"), 400, "expected one Host"),
            ("GET / HTTP/1.1\r\nHost: rebound.example.org\r\n".to_owned(), 421, "use localhost"),
            ("GET /metrics HTTP/1.1\r\nHost: 192.0.2.1\r\n".to_owned(), 421, "use localhost"),
            (format!("GET / HTTP/1.1\r\n{local}{large}"), 431, ""),
            (format!("GET / HTTP/1.1\r\n{local}{many}"), 431, ""),
            ("nonsense\r\n".to_owned(), 400, ""),
            ("GET /\r\n".to_owned(), 400, ""),
        ] {
            let answer = send(connect(&host), format!("{request}\r\n").as_bytes());
            let answer = answer.unwrap_or_else(|| panic!("no answer to {request}"));
            assert_eq!(answer.status, status, "{request}");
            assert!(answer.body.contains(says) && answer.body.len() < 200, "{request}: {}", answer.body);
            assert!(!answer.head.to_lowercase().contains("access-control-"), "{}", answer.head);
        }
        for path in ["/", "/page.js", "/metrics", "/status.json", "/nothing"] {
            let answer = get(&host, path, "Origin: http://example.org\r\n");
            assert!(answer.has("X-Content-Type-Options: nosniff") && answer.has("Cache-Control: no-store"), "{path}");
            assert!(answer.head.contains("content-security-policy: default-src 'none';"), "{}", answer.head);
            assert!(!answer.head.to_lowercase().contains("access-control-"), "{}", answer.head);
        }
        let head = format!("HEAD /status.json HTTP/1.1\r\n{local}Connection: close\r\n\r\n");
        let answer = send(connect(&host), head.as_bytes()).unwrap();
        assert_eq!((answer.status, answer.body.as_str()), (200, ""));
        assert!(answer.head.contains("content-length: "), "{}", answer.head);
        assert!(daemon.is("VI_1", "Master") || daemon.is("VI_1", "Backup"));
    });
}

#[test]
fn those_who_connect_and_say_or_take_nothing_keep_out_neither_others_nor_stay_for_ever() {
    in_namespace(|| {
        let host = Lan::new().host(1);
        let daemon = start(&host, 200);
        daemon.until_is("VI_1", "Master");
        // Another address of this host: one address has a limit of its own.
        let from = |address: &str| {
            let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
            let local: std::net::SocketAddr = format!("{address}:0").parse().unwrap();
            socket.bind(&local.into()).unwrap();
            let to: std::net::SocketAddr = ([127, 0, 0, 1], PORT).into();
            socket.connect(&to.into()).unwrap();
            let stream = TcpStream::from(socket);
            stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
            stream
        };
        let ask = format!("GET /status.json HTTP/1.1\r\nHost: localhost:{PORT}\r\nConnection: close\r\n\r\n");
        let asked = |address: &str| {
            let stream = host.run(|| from(address));
            send(stream, ask.as_bytes()).map(|answer| answer.status)
        };
        // Each asks for the events and takes none of them, or says nothing at all.
        let begun = Instant::now();
        let mut idle: Vec<TcpStream> = host.run(|| (0..32).map(|_| from("127.0.0.2")).collect());
        idle[0].write_all(b"GET /events HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
        idle[1].write_all(b"GET /events HTT").unwrap();
        until("no more of them are taken", || asked("127.0.0.2") != Some(200));
        assert_eq!(asked("127.0.0.3"), Some(200), "another address has room");

        // All of them together have a limit too.
        let more: Vec<TcpStream> =
            host.run(|| (4..7).flat_map(|n| (0..32).map(move |_| n)).map(|n| from(&format!("127.0.0.{n}"))).collect());
        until("nobody more is taken", || asked("127.0.0.3") != Some(200));
        drop(more);
        until("there is room again", || asked("127.0.0.3") == Some(200));

        // A head has ten seconds; who follows the events may stay.
        let mut end = [0; 1];
        assert_eq!(idle[2].read(&mut end).unwrap_or(0), 0);
        assert_eq!(idle[1].read(&mut end).unwrap_or(0), 0);
        assert!(begun.elapsed() > Duration::from_secs(5), "{:?}", begun.elapsed());
        assert!(idle[0].read(&mut end).unwrap() > 0);
        until("there is room again", || asked("127.0.0.2") == Some(200));
        assert!(daemon.is("VI_1", "Master"));
        let routers = daemon.json("VI_1");
        assert_eq!(routers["counters"]["master_transitions"], 1);
    });
}
