//! `vrrp-core` beside an IP stack that is not the kernel's: a host that is this process, with smoltcp on a TAP interface.
//!
//! `embed-smoltcp tap0 192.0.2.3/24 51 150 100 192.0.2.100`: TAP interface, address of the host, virtual router id, priority,
//! advertisement interval in centiseconds, virtual addresses. Needs CAP_NET_ADMIN, or a TAP interface of the user.
//!
//! The kernel has none of its addresses. This program writes and reads the frames of VRRP by `vrrp_core::wire`; a Master gives smoltcp
//! the virtual addresses, which answers ARP and HTTP (port 80) for them under the virtual MAC address. A Backup sends nothing from that
//! MAC address: a switch would send to the wrong port what is meant for the Master.

use std::error::Error;
use std::net::{IpAddr, Ipv4Addr};
use std::os::fd::{AsRawFd, RawFd};
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::thread;
use std::time::Duration;

use nix::sys::signal::{SigSet, Signal};
use smoltcp::iface::{Config as StackConfig, Interface, SocketSet};
use smoltcp::phy::{Device, DeviceCapabilities, Medium, RxToken, TunTapInterface, TxToken};
use smoltcp::socket::tcp;
use smoltcp::time::Instant as StackInstant;
use smoltcp::wire::{EthernetAddress, IpAddress, IpCidr};
use vrrp_core::wire::{Frame, gratuitous_arp, igmp_v3_report};
use vrrp_core::{
    Action, AdvertInterval, Config, Discard, Family, Input, Instant, Priority, Profile, Role, RxPacket, VirtualRouter,
    Vrid,
};

const HTTP_PORT: u16 = 80;
/// Clients at the same time.
const CONNECTIONS: usize = 8;
const ETHERNET_FRAME_MAX: usize = 1514;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [tap, own, vrid, priority, interval, addresses @ ..] = arguments.as_slice() else {
        return Err("usage: embed-smoltcp TAP ADDRESS/PREFIX VRID PRIORITY CENTISECONDS VIRTUAL-ADDRESS...".into());
    };
    let (own, prefix) = own.split_once('/').ok_or("the address of the host needs a prefix length")?;
    let (own, prefix) = (own.parse()?, prefix.parse()?);
    let addresses =
        addresses.iter().map(|address| address.parse::<Ipv4Addr>().map(IpAddr::V4)).collect::<Result<Vec<_>, _>>()?;
    let config = Config::new(Profile::Rfc5798, Vrid::new(vrid.parse()?)?, &addresses)?
        .with_priority(Priority::new(priority.parse()?)?)
        .with_interval(AdvertInterval::from_centis(interval.parse()?)?)?
        // It would come from the virtual MAC address, when another host has that already.
        .with_yield_advertisement(false);
    let mut tap = TunTapInterface::new(tap, Medium::Ethernet)?;
    let events = events(tap.as_raw_fd())?;
    let mut host = Host::new(config, own, prefix, &mut tap);
    host.send(&mut tap, &igmp_v3_report(own_mac(own), own, Family::GROUP_V4));
    host.router.handle(host.now(), Input::PrimaryAddress(Some(own.into())));
    host.router.handle(host.now(), Input::Startup);
    loop {
        let wait = host.work(&mut tap)?;
        if host.is_stopped() {
            return Ok(());
        }
        match events.recv_timeout(wait) {
            Ok(Event::Frames) | Err(RecvTimeoutError::Timeout) => {}
            Ok(Event::Terminated) => host.router.handle(host.now(), Input::Shutdown),
            Err(RecvTimeoutError::Disconnected) => {
                return Err(format!("cannot wait for frames of {}", arguments[0]).into());
            }
        }
    }
}

enum Event {
    /// There may be frames to read.
    Frames,
    Terminated,
}

/// Returns what happens, from threads that wait for it. Each waits until its last event was taken.
fn events(tap: RawFd) -> Result<Receiver<Event>, Box<dyn Error>> {
    let (frames, events) = sync_channel(0);
    let terminated = frames.clone();
    let stop = SigSet::from_iter([Signal::SIGTERM, Signal::SIGINT]);
    // The threads inherit that.
    stop.thread_block()?;
    thread::spawn(move || while smoltcp::phy::wait(tap, None).is_ok() && frames.send(Event::Frames).is_ok() {});
    thread::spawn(move || while stop.wait().is_ok() && terminated.send(Event::Terminated).is_ok() {});
    Ok(events)
}

/// Returns a MAC address that nobody else on the link has: a local one, made of the address of the host.
const fn own_mac(own: Ipv4Addr) -> [u8; 6] {
    let [a, b, c, d] = own.octets();
    [0x02, 0x00, a, b, c, d]
}

struct Host {
    started: std::time::Instant,
    router: VirtualRouter,
    own: Ipv4Addr,
    prefix: u8,
    /// The stack, which has no addresses but virtual ones.
    stack: Interface,
    sockets: SocketSet<'static>,
}

impl Host {
    fn new(config: Config, own: Ipv4Addr, prefix: u8, tap: &mut TunTapInterface) -> Self {
        let hardware = StackConfig::new(EthernetAddress(config.virtual_mac()).into());
        let stack = Interface::new(hardware, tap, StackInstant::ZERO);
        let router = VirtualRouter::new(config);
        Self { started: std::time::Instant::now(), router, own, prefix, stack, sockets: listening() }
    }

    fn now(&self) -> Instant {
        Instant::ZERO + self.started.elapsed()
    }

    fn stack_now(&self) -> StackInstant {
        StackInstant::from_micros(i64::try_from(self.started.elapsed().as_micros()).unwrap_or(i64::MAX))
    }

    /// Tells whether the router was stopped, and all of that is done.
    fn is_stopped(&self) -> bool {
        self.router.role() == Role::Initialize
    }

    /// Handles what has arrived and what is due. Returns how long nothing is to be done but for what arrives.
    fn work(&mut self, tap: &mut TunTapInterface) -> Result<Duration, Box<dyn Error>> {
        while let Some(frame) = next_frame(tap, self.stack_now()) {
            match RxPacket::from_frame(&frame) {
                Some(rx) => self.hear(rx),
                None => _ = self.stack.poll(self.stack_now(), &mut Port { tap, frame: Some(frame) }, &mut self.sockets),
            }
            self.act(tap)?;
        }
        self.router.handle(self.now(), Input::Timeout);
        self.act(tap)?;
        self.serve();
        let now = self.stack_now();
        self.stack.poll(now, &mut Port { tap, frame: None }, &mut self.sockets);
        let stack = self.stack.poll_delay(now, &self.sockets).map(Duration::from);
        let router = self.router.deadline().map(|deadline| deadline.since(self.now()));
        Ok([stack, router].into_iter().flatten().min().unwrap_or(Duration::MAX))
    }

    fn hear(&mut self, rx: RxPacket<'_>) {
        match self.router.handle_packet(self.now(), rx) {
            // A router of another id, or news for nobody.
            Ok(_) | Err(Discard::Vrid(_) | Discard::NotStarted) => {}
            Err(why) => println!("ignored an advertisement from {}: {why}", rx.endpoints.source()),
        }
    }

    /// Carries out what the router asks for.
    fn act(&mut self, tap: &mut TunTapInterface) -> Result<(), Box<dyn Error>> {
        let mac = self.router.config().virtual_mac();
        while let Some(action) = self.router.poll_action() {
            match action {
                Action::SendAdvertisement(kind) => {
                    let mut out = [0; ETHERNET_FRAME_MAX];
                    let frame = Frame::multicast(mac, self.own.into());
                    let len = frame.write(&mut out, |endpoints, octets| self.router.encode(kind, endpoints, octets))?;
                    self.send(tap, out.get(..len).unwrap_or_default());
                }
                Action::InstallAddress(request) => {
                    let added = ipv4(request.address).is_some_and(|address| self.add(address));
                    let answer = if added { Input::AddressInstalled(request) } else { Input::AddressFailed(request) };
                    self.router.handle(self.now(), answer);
                }
                Action::RemoveAddress(request) => {
                    let gone = ipv4(request.address).map(IpAddress::Ipv4);
                    self.stack.update_ip_addrs(|addresses| addresses.retain(|cidr| Some(cidr.address()) != gone));
                    // Without a word: what is sent now would come from the MAC address of the new Master.
                    self.sockets = listening();
                }
                Action::AnnounceAddress { request, count } => {
                    if let Some(address) = ipv4(request.address) {
                        (0..count).for_each(|_| self.send(tap, &gratuitous_arp(mac, address)));
                    }
                }
                Action::StateChanged(change) => {
                    println!("{}: {}", change.to, change.cause.describe(self.router.config()));
                }
                Action::PriorityChanged { from, to, .. } => println!("priority {from} -> {to}"),
                Action::FaultsChanged | Action::NobodyTookOver | Action::LowerPriorityHeard { .. } => {}
            }
        }
        Ok(())
    }

    /// Gives the stack an address. Returns whether there was room for it: smoltcp has places for two, unless it is built with more.
    fn add(&mut self, address: Ipv4Addr) -> bool {
        let cidr = IpCidr::new(address.into(), self.prefix);
        let mut fits = false;
        self.stack.update_ip_addrs(|addresses| fits = addresses.push(cidr).is_ok());
        fits
    }

    fn send(&self, tap: &mut TunTapInterface, frame: &[u8]) {
        match tap.transmit(self.stack_now()) {
            Some(token) => token.consume(frame.len(), |out| out.copy_from_slice(frame)),
            None => println!("cannot send {} octets", frame.len()),
        }
    }

    /// Answers every client that has sent its request, and hears the next one.
    fn serve(&mut self) {
        let answer = format!("served by {}\n", self.own);
        for (_, socket) in self.sockets.iter_mut() {
            let smoltcp::socket::Socket::Tcp(socket) = socket;
            if !socket.is_open() {
                // It is closed, and port 80 is no 0: so it listens.
                let _ = socket.listen(HTTP_PORT);
            } else if socket.can_recv() && socket.may_send() {
                let asked = socket.recv(|octets| (octets.len(), octets.ends_with(b"\r\n\r\n"))).unwrap_or_default();
                if asked {
                    let head =
                        format!("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: {}\r\n\r\n", answer.len());
                    let _ = socket.send_slice(format!("{head}{answer}").as_bytes());
                    socket.close();
                }
            } else if socket.state() == tcp::State::CloseWait {
                socket.close();
            }
        }
    }
}

/// Returns the address if it is one of IPv4, as all are here.
const fn ipv4(address: IpAddr) -> Option<Ipv4Addr> {
    match address {
        IpAddr::V4(address) => Some(address),
        IpAddr::V6(_) => None,
    }
}

/// Returns sockets that wait for clients.
fn listening() -> SocketSet<'static> {
    let mut sockets = SocketSet::new(Vec::new());
    for _ in 0..CONNECTIONS {
        let buffer = || tcp::SocketBuffer::new(vec![0; 4096]);
        let mut socket = tcp::Socket::new(buffer(), buffer());
        socket.set_timeout(Some(smoltcp::time::Duration::from_secs(10)));
        let _ = socket.listen(HTTP_PORT);
        sockets.add(socket);
    }
    sockets
}

fn next_frame(tap: &mut TunTapInterface, now: StackInstant) -> Option<Vec<u8>> {
    tap.receive(now).map(|(frame, _)| frame.consume(<[u8]>::to_vec))
}

/// The TAP interface as smoltcp sees it: what was read of it is handed on, one frame at most.
struct Port<'a> {
    tap: &'a mut TunTapInterface,
    frame: Option<Vec<u8>>,
}

/// A frame that was read before.
struct Received(Vec<u8>);

impl RxToken for Received {
    fn consume<R, F: FnOnce(&[u8]) -> R>(self, read: F) -> R {
        read(&self.0)
    }
}

impl Device for Port<'_> {
    type RxToken<'a>
        = Received
    where
        Self: 'a;
    type TxToken<'a>
        = <TunTapInterface as Device>::TxToken<'a>
    where
        Self: 'a;

    fn receive(&mut self, now: StackInstant) -> Option<(Self::RxToken<'_>, Self::TxToken<'_>)> {
        let frame = self.frame.take()?;
        Some((Received(frame), self.tap.transmit(now)?))
    }

    fn transmit(&mut self, now: StackInstant) -> Option<Self::TxToken<'_>> {
        self.tap.transmit(now)
    }

    fn capabilities(&self) -> DeviceCapabilities {
        self.tap.capabilities()
    }
}
