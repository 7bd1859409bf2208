//! An advertisement but for its priority: all that changes from one to the next.

use alloc::boxed::Box;
use alloc::vec;
use core::fmt;

use super::advertisement::{BufferTooSmall, Message, address_list, field};
use super::checksum::{self, ChecksumForm};
use super::endpoints::Endpoints;
use crate::types::{Priority, Version};

/// An advertisement that is encoded once and sent again and again: however many addresses it has, sending only copies octets.
#[derive(Clone)]
pub(crate) struct Prepared {
    version: Version,
    /// The octets without priority and checksum.
    octets: Box<[u8]>,
    sum: u64,
}

impl Prepared {
    pub(crate) fn new(message: &Message<'_>) -> Self {
        let mut octets = vec![0; message.len()].into_boxed_slice();
        message.write_without_checksum(&mut octets);
        if let Some(priority) = octets.get_mut(field::PRIORITY) {
            *priority = 0;
        }
        Self { version: message.version, sum: checksum::sum(&octets), octets }
    }

    /// The addresses as they stand in every packet that lists the same in the same order.
    pub(crate) fn address_list(&self) -> &[u8] {
        address_list(self.version, &self.octets)
    }

    /// Does what [`Message::write`] does.
    #[inline]
    pub(crate) fn write(
        &self,
        priority: Option<Priority>,
        form: ChecksumForm,
        endpoints: &Endpoints,
        out: &mut [u8],
    ) -> Result<usize, BufferTooSmall> {
        let (needed, had) = (self.octets.len(), out.len());
        let Some(out) = out.get_mut(..needed) else { return Err(BufferTooSmall { needed, had }) };
        out.copy_from_slice(&self.octets);
        let priority = priority.map_or(0, Priority::get);
        // The high half of a word.
        let sum = self.sum + (u64::from(priority) << 8);
        let sum = checksum::finish(self.version, form, sum, needed, endpoints);
        if let Some((header, _)) = out.split_first_chunk_mut::<{ field::ADDRESSES }>() {
            header[field::PRIORITY] = priority;
            [header[6], header[7]] = sum.to_be_bytes();
        }
        Ok(needed)
    }
}

/// The octets end with the password.
impl fmt::Debug for Prepared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Prepared").field("version", &self.version).field("len", &self.octets.len()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::{AdvertInterval, Password, Vrid};
    use crate::wire::AddressList;
    use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn sends_what_the_message_says(
            (version, family) in (any::<bool>(), any::<bool>()),
            hosts in prop::collection::vec(any::<u32>(), 1..=255),
            (vrid, priority, interval) in (1_u8..=255, any::<u8>(), 1_u8..=40),
            (password, pseudo, endpoints) in (any::<bool>(), any::<bool>(), any::<[u32; 2]>()),
        ) {
            let v4 = |host| Ipv4Addr::from_bits(host);
            let v6 = |host| Ipv6Addr::from_bits(0xfe80 << 112 | u128::from(host));
            let address = |host| if family { IpAddr::V4(v4(host)) } else { IpAddr::V6(v6(host)) };
            let addresses: std::vec::Vec<IpAddr> = hosts.into_iter().map(address).collect();
            let endpoints = Endpoints::new(address(endpoints[0]), address(endpoints[1])).unwrap();
            let message = Message {
                version: if version { Version::V2 } else { Version::V3 },
                vrid: Vrid::new(vrid).unwrap(),
                priority: Priority::from_wire(priority),
                interval: AdvertInterval::from_secs(interval).unwrap(),
                password: password.then(|| Password::new(b"secret").unwrap()),
                addresses: AddressList::new(&addresses).unwrap(),
                checksum: if pseudo { ChecksumForm::PseudoHeader } else { ChecksumForm::Message },
            };
            // Prepared at another priority, and for another form.
            let prepared = Prepared::new(&Message { priority: None, checksum: ChecksumForm::Message, ..message });
            let (mut said, mut meant) = ([0; 4096], [0; 4096]);
            let written = prepared.write(message.priority, message.checksum, &endpoints, &mut said);
            prop_assert_eq!(written, message.write(endpoints, &mut meant));
            prop_assert_eq!(&said[..], &meant[..]);
            prop_assert!(prepared.write(None, message.checksum, &endpoints, &mut said[..7]).is_err());
        }
    }
}
