//! The handle of running routers: on every executor, on none, and in wrong hands.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};
use std::time::{Duration, Instant};

use vrrp_core::{InterfaceId, Role, RouterSet, Tracker, TrackerId, Weight};
use vrrp_io_linux::{Event, Events, NoSuchRouter, Router, RouterError, StartError, Stopped, TrackError, Vrrp, start};

use crate::common::*;

const VIP: &str = "192.0.2.100";

/// Wakes by the token of a thread, as the smallest executors do.
struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// An executor that knows nothing of tokio.
fn block_on<T>(future: impl Future<Output = T>) -> T {
    assert!(tokio::runtime::Handle::try_current().is_err(), "no runtime is here");
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    let mut future = pin!(future);
    let end = Instant::now() + LIMIT;
    loop {
        if let Poll::Ready(value) = future.as_mut().poll(&mut Context::from_waker(&waker)) {
            return value;
        }
        assert!(Instant::now() < end, "not in {LIMIT:?}");
        thread::park_timeout(LIMIT);
    }
}

/// A Master on the host, as a program has it.
fn master(host: &Host) -> (Vrrp, Events) {
    let (vrrp, events) = host.run(|| start([router(fast(254, &[address(VIP)]))])).unwrap();
    eventually("the address is here", || host.has(address(VIP)));
    (vrrp, events)
}

#[test]
fn everything_works_on_an_executor_that_is_not_tokios() {
    in_namespace(|| {
        let host = Lan::new().host(1);
        let mut config = fast(254, &[address(VIP)]);
        let tracker = Tracker { name: "service".to_owned(), weight: Weight::Fault, reverse: false };
        let tracker = config.add_tracker(tracker).unwrap();
        let (vrrp, mut events) = host.run(|| start([router(config)])).unwrap();
        block_on(async {
            assert_eq!(
                vrrp.status().await.unwrap().routers[0].role,
                Role::Initialize,
                "nothing unchecked goes into service"
            );
            let id = vrrp.router("eth0/51").await.unwrap().unwrap();
            vrrp.track(id, tracker, true).await.unwrap();
            while let Some(event) = events.recv().await {
                if entered(&event.kind) == Some(Role::Master) {
                    break;
                }
            }
            assert_eq!(vrrp.status().await.unwrap().routers[0].role, Role::Master);
            vrrp.stop_all().await.unwrap();
            assert!(!host.has(address(VIP)));
            while events.recv().await.is_some() {}
        });
        // What it had can be had again at once.
        let (vrrp, _events) = master(&host);
        block_on(vrrp.stop_all()).unwrap();
    });
}

#[test]
fn who_drops_the_handle_waits_until_the_addresses_are_gone() {
    in_namespace(|| {
        let host = Lan::new().host(1);
        let gone = |how: &str| assert!(!host.has(address(VIP)), "{how}");
        drop(master(&host));
        gone("outside of any executor");

        run(async { drop(master(&host)) });
        gone("in a runtime");
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let handle = master(&host);
        runtime.block_on(runtime.spawn(async { drop(handle) })).unwrap();
        gone("in a task");
        let handle = master(&host);
        runtime.spawn(async {
            let _handle = handle;
            std::future::pending::<()>().await;
        });
        drop(runtime);
        gone("by the end of a runtime");

        let (vrrp, _events) = master(&host);
        assert!(thread::spawn(move || vrrp_panics(vrrp)).join().is_err());
        gone("by a panic");

        // The future of a stop that nobody polls any more, or ever.
        let (vrrp, _events) = master(&host);
        block_on(async {
            let mut stop = Box::pin(vrrp.stop_all());
            let _ = std::future::poll_fn(|cx| Poll::Ready(stop.as_mut().poll(cx).is_ready())).await;
            drop(stop);
        });
        drop(vrrp);
        gone("by a stop that was not waited for");
        let (vrrp, _events) = master(&host);
        drop(vrrp.stop_all());
        drop(vrrp);
        gone("by a stop that never began");
    });
}

fn vrrp_panics(_vrrp: Vrrp) {
    panic!("on purpose");
}

#[test]
fn the_routers_run_as_long_as_one_handle_is_there() {
    in_namespace(|| {
        let host = Lan::new().host(1);
        let (vrrp, mut events) = master(&host);
        let (second, third) = (vrrp.clone(), vrrp.clone());
        drop(vrrp);
        drop(third);
        assert_eq!(second.blocking().status().unwrap().routers[0].role, Role::Master);
        assert!(host.has(address(VIP)));
        drop(second);
        assert!(!host.has(address(VIP)), "the last drop has waited");
        while let Ok(event) = events.try_recv() {
            assert!(!event.name.is_empty());
        }
        assert_eq!(events.blocking_recv(), None);
    });
}

#[test]
fn a_stop_of_all_is_waited_for_on_every_handle_and_is_no_death() {
    in_namespace(|| {
        let host = Lan::new().host(1);
        let (vrrp, _events) = master(&host);
        thread::scope(|scope| {
            for _ in 0..8 {
                let (vrrp, host) = (vrrp.clone(), &host);
                scope.spawn(move || {
                    assert_eq!(block_on(vrrp.stop_all()), Ok(()));
                    assert!(!host.has(address(VIP)), "an answer before the address was gone");
                    assert_eq!(block_on(vrrp.status()).unwrap_err(), Stopped::Told);
                });
            }
        });
        assert_eq!(vrrp.blocking().stop_all(), Ok(()), "what is over stays over");
        assert_eq!(vrrp.blocking().routers().unwrap_err(), Stopped::Told);
        assert_eq!(vrrp.blocking().subscribe().unwrap_err(), Stopped::Told);
        // Its sockets are closed and its claims are given up.
        drop(master(&host));
    });
}

#[test]
fn who_subscribes_late_hears_what_happens_from_then_on() {
    in_namespace(|| {
        let host = Lan::new().host(1);
        let (vrrp, mut early) = master(&host);
        let mut late = vrrp.blocking().subscribe().unwrap();
        vrrp.blocking().stop_all().unwrap();
        let names = |events: &mut Events| {
            std::iter::from_fn(|| events.blocking_recv()).filter_map(|event| entered(&event.kind)).collect::<Vec<_>>()
        };
        assert_eq!(names(&mut early), [Role::Backup, Role::Master, Role::Initialize]);
        assert_eq!(names(&mut late), [Role::Initialize]);
    });
}

/// A drop that parked its thread would take away what wakes the executor.
#[test]
fn a_drop_takes_no_wake_up_away() {
    in_namespace(|| {
        let host = Lan::new().host(1);
        let handle = master(&host);
        let mut handle = Some(handle);
        let started = Instant::now();
        block_on(std::future::poll_fn(|cx| {
            let Some(handle) = handle.take() else { return Poll::Ready(()) };
            cx.waker().wake_by_ref();
            drop(handle);
            Poll::Pending
        }));
        assert!(started.elapsed() < LIMIT, "the executor slept on");
    });
}

#[test]
fn a_verdict_for_what_is_not_there_is_an_error() {
    in_namespace(|| {
        let host = Lan::new().host(1);
        let mut other = fast(100, &[address("192.0.2.101")]);
        let ids: Vec<TrackerId> = (0..2)
            .map(|n| Tracker { name: n.to_string(), weight: Weight::Fault, reverse: false })
            .map(|tracker| other.add_tracker(tracker).unwrap())
            .collect();
        let mut config = fast(100, &[address(VIP)]);
        let tracker = Tracker { name: "service".to_owned(), weight: Weight::Fault, reverse: false };
        let own = config.add_tracker(tracker).unwrap();
        let (vrrp, _events) = host.run(|| start([router(config)])).unwrap();
        let id = block_on(vrrp.router("eth0/51")).unwrap().unwrap();
        let known = block_on(vrrp.routers()).unwrap();
        let known: Vec<_> = known.iter().map(|(id, router)| (*id, router.name(), router.interface())).collect();
        assert_eq!(known, [(id, "eth0/51", "eth0")]);
        assert_eq!(block_on(vrrp.router("eth0/52")), Ok(None));
        let foreign = {
            let mut set = RouterSet::new();
            set.insert(InterfaceId(0), other.clone()).unwrap();
            set.insert(InterfaceId(1), other.clone()).unwrap()
        };
        let track = |router, tracker| block_on(vrrp.track(router, tracker, false)).map_err(|error| error.to_string());
        assert_eq!(track(id, own), Ok(()));
        assert_eq!(track(foreign, own), Err(NoSuchRouter(foreign).to_string()));
        let error = "eth0/51: its configuration has no such tracker; expected an id that `add_tracker` of this configuration gave";
        assert_eq!(track(id, ids[1]), Err(error.to_owned()));
        let unknown = TrackError::UnknownTracker { name: "eth0/51".to_owned(), tracker: ids[1] };
        assert_eq!(block_on(vrrp.track(id, ids[1], true)), Err(unknown));
        drop(vrrp);

        let (interface, name) = ("eth1".to_owned(), "eth0/51".to_owned());
        let astray = router(fast(100, &[address(VIP)])).with_tracked_interface(own, &*interface);
        let error = host.run(|| start([astray]).map(|_| ())).unwrap_err();
        let expected = RouterError::UnknownTracker { name, interface };
        assert!(matches!(&error, StartError::Router(error) if *error == expected), "{error}");
    });
}

/// What a handle is asked from elsewhere is about the namespace of its routers.
#[test]
fn an_interface_is_looked_for_where_the_routers_run() {
    in_namespace(|| {
        let host = Lan::new().host(1);
        host.ip("link add br0 type bridge");
        host.ip("link add v0 type veth peer name v1");
        host.ip("link set v1 master br0");
        let (vrrp, _events) = master(&host);
        let config = fast(100, &[address("192.0.2.101")]);
        let error = vrrp.blocking().add(Router::new("v1", config)).unwrap_err();
        assert!(error.to_string().starts_with("v1/51: interface v1 is a port of the bridge br0"), "{error}");
        assert_eq!(vrrp.blocking().routers().unwrap().len(), 1);

        // What a router can live with is told as at a start.
        host.write("/proc/sys/net/ipv6/conf/eth0/disable_ipv6", "1");
        let mut events = vrrp.blocking().subscribe().unwrap();
        vrrp.blocking().add(router(fast(100, &[address("fe80::100")])).with_name("v6")).unwrap();
        let warned =
            |event: Event| event.name.as_ref() == "v6" && event.to_string().contains("IPv6 is disabled on eth0");
        eventually("a warning", || std::iter::from_fn(|| events.try_recv().ok()).any(warned));
    });
}

/// Nobody waits longer than it takes, however many want to know at once.
#[test]
fn hundreds_of_questions_at_once_are_answered() {
    in_namespace(|| {
        let host = Lan::new().host(1);
        let (vrrp, _events) = master(&host);
        thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    for _ in 0..100 {
                        assert_eq!(block_on(vrrp.status()).unwrap().routers.len(), 1);
                    }
                });
            }
        });
        let (sender, told) = std::sync::mpsc::channel();
        thread::spawn(move || sender.send(block_on(vrrp.stop_all())));
        assert_eq!(told.recv_timeout(Duration::from_secs(15)), Ok(Ok(())));
    });
}
