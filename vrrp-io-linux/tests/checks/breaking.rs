//! The ways in which a check breaks: each fails closed with a reason that names it, and none holds up another.

use std::fs;
use std::num::NonZeroU32;
use std::time::Duration;

use hickory_proto::op::ResponseCode;
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use tokio::io::AsyncWriteExt;
use tokio::sync::mpsc::channel;
use tokio::time::{sleep, timeout};
use vrrp_io_linux::checks::{
    Check, Checks, Dns, File, FileExpect, Http, Origin, Probe, Process, Record, Tcp, Tls, TlsOptions, spawn,
};

use super::certificates::Authority;
use super::local::{Folder, Program};
use super::testing::{in_namespace, ip};
use super::{LONG, http, servers, tcp};

/// The time that each may take: what says nothing fails by this.
const TIMEOUT: Duration = Duration::from_secs(2);

/// A way to break a check, and what its reason has to say.
struct Way {
    name: &'static str,
    probe: Probe,
    says: &'static [&'static str],
}

#[test]
fn every_way_fails_closed_with_its_reason_and_none_holds_up_another() {
    in_namespace(|| {
        ip("link set lo up");
        ip("link add v0 type veth peer name v1");
        ip("address add 192.0.2.1/24 dev v0");
        ip("route add prohibit 198.51.100.0/24");
        tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
            let folder = Folder::new();
            let ways = ways(&folder).await;
            assert!(ways.len() >= 10, "the other two are below");
            let good = servers::silent().await;
            let quick = check("quick", tcp(good), Duration::from_millis(20));
            let broken = ways.iter().map(|way| check(way.name, way.probe.clone(), Duration::from_millis(200)));
            let (results, mut verdicts) = channel(100);
            let checks = spawn(broken.chain([quick]).collect(), results);
            let mut order = Vec::new();
            for _ in 0..=ways.len() {
                let verdict = timeout(LONG, verdicts.recv()).await.unwrap().unwrap();
                order.push(verdict.check.clone());
                if verdict.check == "quick" {
                    assert!(verdict.passed(), "{verdict:?}");
                    continue;
                }
                let way = ways.iter().find(|way| way.name == verdict.check).unwrap();
                assert!(!verdict.passed(), "{verdict:?}");
                for says in way.says {
                    assert!(verdict.reason.contains(says), "{says}: {verdict:?}");
                }
            }
            let place = |name: &str| order.iter().position(|other| other == name).unwrap();
            assert!(place("quick") < place("timeout"), "it has not waited for one that hangs: {order:?}");
            assert_eq!(verdicts.try_recv().ok(), None, "nothing changes after that");
            checks.stop().await;
        });
    });
}

fn check(name: &str, target: Probe, interval: Duration) -> Check<Probe> {
    let (name, one) = (name.to_owned(), NonZeroU32::MIN);
    Check { name, target, interval, timeout: TIMEOUT, rise: one, fall: one }
}

async fn ways(folder: &Folder) -> Vec<Way> {
    let authority = Authority::new(folder);
    let options = TlsOptions {
        server_name: "www.example".to_owned(),
        authorities: Some(authority.file.clone()),
        verify: true,
        min_validity: Duration::ZERO,
    };
    let expired = servers::encrypted(authority.server("www.example", -9..-1), "").await;
    let tls = |options| Probe::Tls(Tls { target: expired, origin: Origin::default(), options });
    let page = |target| Probe::Http(http(target));
    let dns = |server| {
        let (name, record) = ("mail.example".to_owned(), Record::A);
        Probe::Dns(Dns { server, origin: Origin::default(), name, record, answer: None })
    };
    let through = |interface: &str| {
        let (address, interface) = (None, Some(interface.to_owned()));
        Probe::Tcp(Tcp { target: "192.0.2.9:80".parse().unwrap(), origin: Origin { address, interface } })
    };
    let half = servers::listen(|mut stream| async move {
        servers::head(&mut stream).await;
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nthe first half").await;
        std::future::pending::<()>().await;
    });
    let half = Http { expect: body("the second half"), ..http(half.await) };
    let closes = servers::answering(|_| Vec::new()).await;
    let busy = servers::answering(|_| "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n".into()).await;
    let noise = servers::answering(|_| b"\0\xff\x16\x03 SSH-2.0\r\n\r\n".to_vec()).await;
    let cut: &[u8] = b"\x81\x80\xff\xff";
    let (failing, noisy) = (
        servers::name_server(ResponseCode::ServFail, None).await,
        servers::name_server(ResponseCode::NoError, Some(cut)).await,
    );
    let gone = Probe::File(File { path: folder.path("gone"), expect: FileExpect::Present });
    let way = |name, probe, says| Way { name, probe, says };
    vec![
        way("refused", tcp(servers::nobody().await), &["connect: Connection refused"][..]),
        way("timeout", page(servers::silent().await), &["answer: nothing within 2 s"]),
        way("half-open", Probe::Http(half), &["body: nothing within 2 s"]),
        way("closed", page(closes), &["answer: connection closed before message completed"]),
        way("status", page(busy), &["expected a status from 200 to 399, found status 503 Service Unavailable"]),
        way("garbage", page(noise), &["answer: invalid HTTP"]),
        way("garbage of a name server", dns(noisy), &["mail.example A of ", "answer: it is no DNS message"]),
        way("expired", tls(options.clone()), &["TLS handshake: invalid peer certificate: certificate expired"]),
        way(
            "expired of anybody",
            tls(TlsOptions { verify: false, ..options }),
            &["certificate: it has expired: it was valid until "],
        ),
        way("dns", dns(failing), &["answer: expected No Error, found Server Failure"]),
        way("file gone", gone, &["/gone: read: No such file or directory"]),
        way("permission", tcp("198.51.100.1:80".parse().unwrap()), &["198.51.100.1:80: connect: Permission denied"]),
        way("interface down", through("v0"), &["192.0.2.9:80 through v0: connect: Network is unreachable"]),
        way("interface gone", through("v9"), &["192.0.2.9:80 through v9: go through v9: No such device"]),
    ]
}

fn body(text: &str) -> vrrp_io_linux::checks::Expect {
    vrrp_io_linux::checks::Expect { body: Some(text.to_owned()), ..Default::default() }
}

/// The time from one look to the next where something is to happen between two of them: so long that no look is due already when
/// the result of the one before arrives late.
const APART: Duration = Duration::from_millis(500);

#[tokio::test]
async fn a_process_that_is_restarted_between_two_looks_fails_once() {
    let folder = Folder::new();
    let program = Program::new(&folder);
    let running = program.start();
    let process = Process {
        program: program.name.clone(),
        arguments: None,
        full_command: false,
        least: 1,
        most: None,
        delay_up: Duration::ZERO,
        delay_down: Duration::ZERO,
    };
    let (results, mut verdicts) = channel(100);
    let checks = spawn(vec![check("chk", Probe::Process(process), APART)], results);
    let mut next = async || {
        let verdict = timeout(LONG, verdicts.recv()).await.unwrap().unwrap();
        (verdict.passed(), verdict.reason)
    };
    while !next().await.0 {}
    // The executor sees nothing of this until it is over.
    drop(running);
    let _again = program.start();
    let (passed, reason) = next().await;
    assert!(!passed && reason.contains("restarted since the last look: "), "{reason}");
    assert!(next().await.0);
    checks.stop().await;
}

#[test]
fn too_many_descriptors_fail_and_are_over_when_they_are_over() {
    // In a process of its own, for the limit is of the whole process.
    in_namespace(|| {
        ip("link set lo up");
        tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
            let server = servers::silent().await;
            let (_, hard) = getrlimit(Resource::RLIMIT_NOFILE).unwrap();
            setrlimit(Resource::RLIMIT_NOFILE, 64, hard).unwrap();
            let (results, mut verdicts) = channel(100);
            let checks: Checks<_> = spawn(vec![check("chk", tcp(server), APART)], results);
            assert!(timeout(LONG, verdicts.recv()).await.unwrap().unwrap().passed());
            let mut full: Vec<fs::File> = Vec::new();
            while let Ok(file) = fs::File::open("/dev/null") {
                full.push(file);
            }
            let verdict = timeout(LONG, verdicts.recv()).await.unwrap().unwrap();
            assert!(!verdict.passed(), "{verdict:?}");
            assert!(verdict.reason.ends_with("open a socket: Too many open files (os error 24)"), "{verdict:?}");
            drop(full);
            assert!(timeout(LONG, verdicts.recv()).await.unwrap().unwrap().passed());
            sleep(Duration::ZERO).await;
            checks.stop().await;
        });
    });
}
