//! The smallest embedding of `vrrp-core`: poll(2) and two sockets, and the `ip` command for the address.
//!
//! `embed-minimal eth0 51 192.0.2.1/24 150`: interface, virtual router id, address, priority. Needs CAP_NET_RAW and
//! CAP_NET_ADMIN. It neither watches the interface nor sweeps up after a crash: that is what `vrrp-io-linux` adds.

use std::net::{Ipv4Addr, SocketAddr};
use std::os::fd::{AsFd, AsRawFd};
use std::process::Command;

use nix::ifaddrs::getifaddrs;
use nix::poll::{PollFd, PollFlags, ppoll};
use nix::sys::signal::{SigSet, Signal};
use nix::sys::signalfd::SignalFd;
use nix::sys::socket::{AddressFamily, MsgFlags, SockFlag, SockType, recv, sendto, socket};
use socket2::{Domain, Protocol, Socket, Type};
use vrrp_core::wire::{Endpoints, TTL, gratuitous_arp};
use vrrp_core::{Action, Config, Discard, Input, Instant, Priority, Profile, Role, RxPacket, VirtualRouter, Vrid};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [interface, vrid, prefixed, priority] = arguments.as_slice() else {
        return Err("usage: embed-minimal INTERFACE VRID ADDRESS/PREFIX PRIORITY".into());
    };
    let group = Ipv4Addr::new(224, 0, 0, 18);
    let address: Ipv4Addr = prefixed.split_once('/').ok_or("the address needs a prefix length")?.0.parse()?;
    let config = Config::new(Profile::Rfc3768, Vrid::new(vrid.parse()?)?, &[address.into()])?
        .with_priority(Priority::new(priority.parse()?)?);

    let own = || getifaddrs().map(|all| all.filter(|own| own.interface_name == *interface).flat_map(|own| own.address));
    let link = own()?.find_map(|own| own.as_link_addr().copied()).ok_or("there is no such interface")?;
    let mut sources = own()?.filter_map(|own| own.as_sockaddr_in().map(|own| own.ip()));
    let source = sources.find(|own| *own != address).ok_or("the interface has no IPv4 address")?;
    let endpoints = Endpoints::new(source.into(), group.into()).ok_or("one family")?;
    let frame = gratuitous_arp(link.addr().unwrap_or_default(), address);

    let vrrp = Socket::new(Domain::IPV4, Type::RAW, Some(Protocol::from(112)))?;
    vrrp.bind_device(Some(interface.as_bytes()))?;
    vrrp.join_multicast_v4(&group, &source)?;
    vrrp.set_multicast_if_v4(&source)?;
    vrrp.set_multicast_loop_v4(false)?;
    vrrp.set_multicast_ttl_v4(TTL.into())?;
    vrrp.set_tos_v4(0xc0)?;
    let arp = socket(AddressFamily::Packet, SockType::Raw, SockFlag::SOCK_CLOEXEC, None)?;
    let to_all = || sendto(arp.as_raw_fd(), &frame, &link, MsgFlags::empty());
    let announce = |_| to_all().map_or_else(|error| eprintln!("cannot announce: {error}"), |_| ());
    let stop = SigSet::from_iter([Signal::SIGTERM, Signal::SIGINT]);
    stop.thread_block()?;
    let stop = SignalFd::new(&stop)?;

    let started = std::time::Instant::now();
    let now = || Instant::ZERO + started.elapsed();
    let words = |verb| ["address", verb, prefixed.as_str(), "dev", interface.as_str()];
    let ip = |verb| Command::new("ip").args(words(verb)).status().map(|status| status.success());
    let mut router = VirtualRouter::new(config);
    router.handle(now(), Input::PrimaryAddress(Some(source.into())));
    router.handle(now(), Input::Startup);
    loop {
        while let Some(action) = router.poll_action() {
            match action {
                Action::SendAdvertisement(kind) => {
                    let mut octets = [0; 1500];
                    let len = router.encode(kind, endpoints, &mut octets)?;
                    if let Err(error) = vrrp.send_to(&octets[..len], &SocketAddr::from((group, 0)).into()) {
                        eprintln!("cannot send: {error}");
                    }
                }
                Action::InstallAddress(asked) if ip("replace")? => router.handle(now(), Input::AddressInstalled(asked)),
                Action::InstallAddress(asked) => router.handle(now(), Input::AddressFailed(asked)),
                Action::RemoveAddress(_) => drop(ip("delete")?),
                Action::AnnounceAddress { count, .. } => (0..count).for_each(announce),
                Action::StateChanged(change) => println!("{}: {}", change.to, change.cause.describe(router.config())),
                Action::PriorityChanged { from, to, .. } => println!("priority {from} -> {to}"),
                Action::FaultsChanged | Action::NobodyTookOver | Action::LowerPriorityHeard { .. } => {}
            }
        }
        let mut ready = [PollFd::new(stop.as_fd(), PollFlags::POLLIN), PollFd::new(vrrp.as_fd(), PollFlags::POLLIN)];
        let timeout = router.deadline().map(|deadline| deadline.since(now()).into());
        ppoll(&mut ready, timeout, None)?;
        match ready.map(|fd| fd.any()) {
            [Some(true), _] if router.role() == Role::Initialize => return Ok(()),
            [Some(true), _] => router.handle(now(), Input::Shutdown),
            [_, Some(true)] => receive(&vrrp, &mut router, now())?,
            _ => {}
        }
        router.handle(now(), Input::Timeout);
    }
}

/// Hands in the next datagram, which begins with its IPv4 header.
fn receive(vrrp: &Socket, router: &mut VirtualRouter, now: Instant) -> nix::Result<()> {
    let mut octets = [0; 1 << 16];
    let len = recv(vrrp.as_raw_fd(), &mut octets, MsgFlags::empty())?;
    let address = |at: usize| Ipv4Addr::new(octets[at], octets[at + 1], octets[at + 2], octets[at + 3]).into();
    let payload = octets.get(usize::from(octets[0] & 0x0f) * 4..len);
    let (Some(endpoints), Some(payload)) = (Endpoints::new(address(12), address(16)), payload) else { return Ok(()) };
    match router.handle_packet(now, RxPacket { endpoints, ttl: octets[8], payload }) {
        Ok(_) | Err(Discard::Vrid(_)) => {}
        Err(why) => println!("ignored an advertisement from {}: {why}", endpoints.source()),
    }
    Ok(())
}
