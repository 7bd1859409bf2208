//! A question to a name server.

use std::net::IpAddr;

use hickory_proto::op::{Message, MessageType, OpCode, Query, ResponseCode};
use hickory_proto::rr::{Name, RData, RecordType};

use super::deadline::Deadline;
use super::dial;
use super::nonce::nonce;
use super::outcome::{Failure, Why};
use super::probe::{Dns, Record};

const ANSWER: &str = "answer";

/// Larger ones do not come without EDNS, nor with it from most.
const LARGEST: usize = 4096;

pub(super) async fn ask(dns: &Dns, deadline: Deadline) -> Result<String, Failure> {
    let kind = kind(dns.record);
    let mut name = Name::from_ascii(&dns.name)
        .map_err(|why| Failure::new("question", format!("`{}` is no name that can be asked for: {why}", dns.name)))?;
    name.set_fqdn(true);
    let mut question = Message::new();
    let id = nonce() as u16;
    question.set_id(id).set_op_code(OpCode::Query).set_message_type(MessageType::Query).set_recursion_desired(true);
    question.add_query(Query::query(name.clone(), kind));
    let octets = question.to_vec().map_err(|why| Failure::new("question", why.to_string()))?;

    let socket = dial::udp(dns.server, &dns.origin)?;
    deadline.step("question", socket.send(&octets)).await?;
    let mut buffer = vec![0; LARGEST];
    let answer = async {
        loop {
            let len = socket.recv(&mut buffer).await?;
            let octets = buffer.get(..len).unwrap_or_default();
            // An answer to an earlier question, or a guess of somebody.
            if octets.get(..2).is_some_and(|of| of != id.to_be_bytes()) {
                continue;
            }
            return Message::from_vec(octets).map_err(|why| Why::Other(format!("it is no DNS message: {why}")));
        }
    };
    let answer = deadline.step(ANSWER, answer).await?;
    compare(&answer, &name, kind, dns.answer)
}

fn compare(answer: &Message, name: &Name, kind: RecordType, wanted: Option<IpAddr>) -> Result<String, Failure> {
    let is_asked = |query: &Query| query.name() == name && query.query_type() == kind;
    if answer.message_type() != MessageType::Response || !answer.query().is_none_or(is_asked) {
        return Err(Failure::unexpected(ANSWER, format_args!("one for {name} {kind}"), "one for something else"));
    }
    if answer.response_code() != ResponseCode::NoError {
        return Err(Failure::unexpected(ANSWER, "No Error", answer.response_code()));
    }
    let found = || answer.answers().iter().filter(|record| record.record_type() == kind);
    match wanted {
        None if found().next().is_some() => Ok(format!("{} records {kind}", found().count())),
        Some(wanted) if found().any(|record| address(record.data()) == Some(wanted)) => Ok(format!("{wanted}")),
        wanted => {
            let cut = if answer.truncated() { ", in an answer that was cut off" } else { "" };
            let found: Vec<_> = found().map(|record| record.data().to_string()).collect();
            let found = if found.is_empty() { format!("none{cut}") } else { format!("{}{cut}", found.join(", ")) };
            let expected = wanted.map_or_else(|| format!("a record {kind}"), |wanted| wanted.to_string());
            Err(Failure::unexpected(ANSWER, expected, found))
        }
    }
}

fn address(data: &RData) -> Option<IpAddr> {
    match data {
        RData::A(address) => Some(address.0.into()),
        RData::AAAA(address) => Some(address.0.into()),
        _ => None,
    }
}

const fn kind(record: Record) -> RecordType {
    match record {
        Record::A => RecordType::A,
        Record::Aaaa => RecordType::AAAA,
        Record::Ns => RecordType::NS,
        Record::Soa => RecordType::SOA,
        Record::Mx => RecordType::MX,
        Record::Txt => RecordType::TXT,
    }
}
