//! The handling of what a monitor reads: it keeps the mirror right through overruns, and does no input or output itself.

use std::collections::{HashSet, VecDeque};

use netlink_packet_core::{DoneBuffer, NLM_F_DUMP, NLM_F_DUMP_INTR, NLMSG_DONE, NLMSG_ERROR, NetlinkHeader};
use netlink_packet_route::RouteNetlinkMessage;

use super::decode::decode;
use super::message::{messages, request};
use super::mirror::News;
use super::mirror::{HostChange, Key, Mirror};

#[derive(Debug)]
pub(super) struct Resync {
    /// The socket's: what the kernel sends to it are answers, all else is news.
    port: u32,
    mirror: Mirror,
    changes: VecDeque<HostChange>,
    state: State,
    sequence: u32,
    request: Option<Vec<u8>>,
    malformed: u64,
}

#[derive(Debug)]
enum State {
    /// The mirror follows the news.
    Following,
    /// News were lost. A dump has to wait until the socket is empty: before that the kernel drops what comes next.
    Lost { empty: bool },
    /// A dump is under way.
    Dumping(Dump),
}

/// A new mirror in the making.
#[derive(Debug, Default)]
struct Dump {
    fresh: Mirror,
    /// The links and addresses that were told already: news during the dump are later than what it says about the same thing, and a
    /// thing that it says twice is there once.
    told: HashSet<Key>,
    /// Links come first.
    addresses: bool,
    interrupted: bool,
}

impl Resync {
    /// One that knows nothing yet.
    pub(super) fn new(port: u32) -> Self {
        Self {
            port,
            mirror: Mirror::default(),
            changes: VecDeque::new(),
            state: State::Lost { empty: false },
            sequence: 0,
            request: None,
            malformed: 0,
        }
    }

    /// The links and addresses; while a dump is due or under way, as they were before.
    pub(super) fn mirror(&self) -> &Mirror {
        &self.mirror
    }

    pub(super) fn malformed(&self) -> u64 {
        self.malformed
    }

    pub(super) fn next_change(&mut self) -> Option<HostChange> {
        self.changes.pop_front()
    }

    /// The mirror is right but for what has not been read yet.
    pub(super) fn follows(&self) -> bool {
        matches!(self.state, State::Following)
    }

    /// A dump is under way.
    pub(super) fn dumps(&self) -> bool {
        matches!(self.state, State::Dumping(_))
    }

    /// It is time to [`start_dump`](Self::start_dump).
    pub(super) fn wants_dump(&self) -> bool {
        matches!(self.state, State::Lost { empty: true })
    }

    pub(super) fn start_dump(&mut self) {
        self.state = State::Dumping(Dump::default());
        self.ask(RouteNetlinkMessage::GetLink(Default::default()));
    }

    /// Takes the request that is to be sent to the kernel now, if any.
    pub(super) fn take_request(&mut self) -> Option<Vec<u8>> {
        self.request.take()
    }

    /// The socket is empty.
    pub(super) fn drained(&mut self) {
        if let State::Lost { empty } = &mut self.state {
            *empty = true;
        }
    }

    /// News were lost, or a dump failed.
    pub(super) fn lose(&mut self) {
        self.state = State::Lost { empty: false };
    }

    /// Takes in one datagram.
    pub(super) fn read(&mut self, datagram: &[u8]) {
        for message in messages(datagram) {
            match message {
                Ok((header, payload)) if header.port_number == self.port => self.answer(&header, payload),
                Ok((header, payload)) => self.news(&header, payload),
                Err(_) => self.malformed += 1,
            }
        }
    }

    fn news(&mut self, header: &NetlinkHeader, payload: &[u8]) {
        let Some(news) = self.decoded(header, payload) else { return };
        match &mut self.state {
            State::Following => self.mirror.apply(news, &mut self.changes),
            // The dump to come is newer.
            State::Lost { .. } => {}
            State::Dumping(dump) => {
                dump.told.insert(news.key());
                dump.fresh.apply(news, &mut VecDeque::new());
            }
        }
    }

    fn answer(&mut self, header: &NetlinkHeader, payload: &[u8]) {
        if header.sequence_number != self.sequence || !self.dumps() {
            return;
        }
        let done = header.message_type == NLMSG_DONE;
        let news = if done { None } else { self.decoded(header, payload) };
        let State::Dumping(dump) = &mut self.state else { return };
        dump.interrupted |= header.flags & NLM_F_DUMP_INTR != 0;
        if let Some(news) = news {
            if dump.told.insert(news.key()) {
                dump.fresh.append(news);
            }
        }
        if header.message_type == NLMSG_ERROR
            || DoneBuffer::new_checked(payload).is_ok_and(|end| done && end.code() < 0)
        {
            self.lose();
        } else if done {
            self.dump_ended();
        }
    }

    fn dump_ended(&mut self) {
        let State::Dumping(dump) = &mut self.state else { return };
        if dump.interrupted {
            return self.lose();
        }
        if !dump.addresses {
            dump.addresses = true;
            return self.ask(RouteNetlinkMessage::GetAddress(Default::default()));
        }
        let fresh = std::mem::take(&mut dump.fresh);
        self.mirror.replace(fresh, &mut self.changes);
        self.changes.push_back(HostChange::Resynced);
        self.state = State::Following;
    }

    fn ask(&mut self, message: RouteNetlinkMessage) {
        self.sequence = self.sequence.wrapping_add(1);
        self.request = Some(request(message, NLM_F_DUMP, self.sequence));
    }

    fn decoded(&mut self, header: &NetlinkHeader, payload: &[u8]) -> Option<News> {
        decode(header.message_type, payload).unwrap_or_else(|_| {
            self.malformed += 1;
            None
        })
    }
}

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, Ipv4Addr};

    use netlink_packet_core::{DoneMessage, NetlinkMessage, NetlinkPayload};
    use netlink_packet_route::address::{AddressAttribute, AddressMessage};
    use netlink_packet_route::link::{LinkAttribute, LinkMessage};
    use netlink_packet_route::{AddressFamily, RouteNetlinkMessage as Message};

    use super::*;

    const PORT: u32 = 4711;
    const INDEX: u32 = 3;

    fn link(name: &str) -> LinkMessage {
        let mut message = LinkMessage::default();
        message.header.index = INDEX;
        message.attributes = vec![LinkAttribute::IfName(name.into())];
        message
    }

    fn ip(last: u8) -> IpAddr {
        Ipv4Addr::new(192, 0, 2, last).into()
    }

    fn address(last: u8) -> AddressMessage {
        let mut message = AddressMessage::default();
        message.header.family = AddressFamily::Inet;
        message.header.index = INDEX;
        message.attributes = vec![AddressAttribute::Local(ip(last)), AddressAttribute::Address(ip(last))];
        message
    }

    fn bytes(payload: NetlinkPayload<Message>, port: u32, sequence: u32, flags: u16) -> Vec<u8> {
        let mut message = NetlinkMessage::new(NetlinkHeader::default(), payload);
        message.header.port_number = port;
        message.header.sequence_number = sequence;
        message.header.flags = flags;
        message.finalize();
        let mut bytes = vec![0; message.buffer_len().next_multiple_of(4)];
        message.serialize(&mut bytes);
        bytes
    }

    impl Resync {
        fn hears(&mut self, news: Message) {
            // News carry the port and the number of the request that made the change.
            self.read(&bytes(NetlinkPayload::InnerMessage(news), PORT + 1, self.sequence, 0));
        }

        fn is_told(&mut self, dumped: Message, flags: u16) {
            self.read(&bytes(NetlinkPayload::InnerMessage(dumped), PORT, self.sequence, flags));
        }

        fn is_told_the_end(&mut self) {
            self.read(&bytes(NetlinkPayload::Done(DoneMessage::default()), PORT, self.sequence, 0));
        }

        fn begins_a_dump(&mut self) {
            self.lose();
            assert!(!self.wants_dump(), "the socket is not empty yet");
            self.drained();
            assert!(self.wants_dump());
            self.start_dump();
            assert!(self.take_request().is_some());
        }

        fn is_told_the_links(&mut self) {
            self.is_told(Message::NewLink(link("eth0")), 0);
            self.is_told_the_end();
            assert!(self.take_request().is_some(), "the addresses come next");
        }

        fn has(&self) -> Vec<IpAddr> {
            self.mirror.addresses(INDEX).map(|host| host.address).collect()
        }

        fn changed(&mut self) -> Vec<HostChange> {
            self.changes.drain(..).collect()
        }
    }

    fn added(last: u8) -> HostChange {
        HostChange::AddressAdded { ifindex: INDEX, address: ip(last) }
    }

    fn removed(last: u8) -> HostChange {
        HostChange::AddressRemoved { ifindex: INDEX, address: ip(last) }
    }

    /// One that follows: eth0 with 192.0.2.1 and .2.
    fn resync() -> Resync {
        let mut resync = Resync::new(PORT);
        resync.begins_a_dump();
        resync.is_told_the_links();
        resync.is_told(Message::NewAddress(address(1)), 0);
        resync.is_told(Message::NewAddress(address(2)), 0);
        resync.is_told_the_end();
        assert_eq!(resync.changed(), [HostChange::Link { index: INDEX }, added(1), added(2), HostChange::Resynced]);
        assert!(resync.follows());
        resync
    }

    #[test]
    fn only_what_differs_is_a_change() {
        let mut resync = resync();
        resync.hears(Message::NewLink(link("eth0")));
        resync.hears(Message::NewAddress(address(1)));
        resync.hears(Message::DelAddress(address(9)));
        assert_eq!(resync.changed(), []);
        resync.hears(Message::NewLink(link("eth9")));
        resync.hears(Message::DelAddress(address(1)));
        assert_eq!(resync.changed(), [HostChange::Link { index: INDEX }, removed(1)]);
        resync.hears(Message::DelLink(link("eth9")));
        assert_eq!(resync.changed(), [HostChange::Link { index: INDEX }, removed(2)], "the link first");
        assert_eq!((resync.has(), resync.mirror().link(INDEX)), (vec![], None));
    }

    #[test]
    fn a_dump_reports_what_was_missed() {
        let mut resync = resync();
        resync.begins_a_dump();
        resync.is_told_the_links();
        resync.is_told(Message::NewAddress(address(2)), 0);
        resync.is_told(Message::NewAddress(address(3)), 0);
        assert_eq!((resync.changed(), resync.has()), (vec![], vec![ip(1), ip(2)]), "not before its end");
        resync.is_told_the_end();
        assert_eq!(resync.changed(), [removed(1), added(3), HostChange::Resynced]);
        assert_eq!(resync.has(), [ip(2), ip(3)]);
    }

    #[test]
    fn news_during_a_dump_outrank_it() {
        let mut resync = resync();
        resync.begins_a_dump();
        resync.is_told_the_links();
        resync.hears(Message::DelAddress(address(1)));
        resync.hears(Message::NewAddress(address(3)));
        resync.is_told(Message::NewAddress(address(1)), 0);
        resync.is_told(Message::NewAddress(address(2)), 0);
        resync.hears(Message::DelAddress(address(2)));
        resync.is_told_the_end();
        assert_eq!(resync.has(), [ip(3)]);
    }

    #[test]
    fn news_between_an_overrun_and_the_dump_are_void() {
        let mut resync = resync();
        resync.lose();
        resync.hears(Message::NewAddress(address(3)));
        resync.begins_a_dump();
        resync.is_told_the_links();
        resync.is_told_the_end();
        assert_eq!(resync.has(), [] as [IpAddr; 0]);
    }

    #[test]
    fn what_a_dump_says_twice_is_there_once() {
        let mut resync = resync();
        resync.begins_a_dump();
        resync.is_told_the_links();
        for last in [1, 2, 1] {
            resync.is_told(Message::NewAddress(address(last)), 0);
        }
        resync.is_told_the_end();
        assert_eq!((resync.changed(), resync.has()), (vec![HostChange::Resynced], vec![ip(1), ip(2)]));
    }

    #[test]
    fn an_interrupted_dump_is_repeated() {
        let mut resync = resync();
        for addresses in [false, true] {
            resync.begins_a_dump();
            if addresses {
                resync.is_told_the_links();
                resync.is_told(Message::NewAddress(address(2)), NLM_F_DUMP_INTR);
            } else {
                resync.is_told(Message::NewLink(link("eth0")), NLM_F_DUMP_INTR);
            }
            resync.is_told_the_end();
            assert!(!resync.follows() && !resync.dumps());
            assert_eq!((resync.changed(), resync.has()), (vec![], vec![ip(1), ip(2)]));
        }
    }

    #[test]
    fn a_dump_that_was_given_up_is_ignored() {
        let mut resync = resync();
        resync.begins_a_dump();
        let given_up = resync.sequence;
        resync.begins_a_dump();
        resync.read(&bytes(NetlinkPayload::Done(DoneMessage::default()), PORT, given_up, 0));
        assert_eq!(resync.take_request(), None);
        resync.is_told_the_links();
    }

    #[test]
    fn a_malformed_message_is_counted_and_skipped() {
        let mut resync = resync();
        let mut datagram = bytes(NetlinkPayload::InnerMessage(Message::NewAddress(address(3))), PORT + 1, 0, 0);
        let attributes = 16 + 8;
        datagram[attributes] = 3; // A length below that of the attribute's own header.
        datagram.extend(bytes(NetlinkPayload::InnerMessage(Message::NewAddress(address(4))), PORT + 1, 0, 0));
        resync.read(&datagram);
        assert_eq!((resync.malformed(), resync.has()), (1, vec![ip(1), ip(2), ip(4)]));
    }
}
