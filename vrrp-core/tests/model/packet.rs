//! An advertisement octet by octet, as RFC 3768 section 5.1 and RFC 9568 section 5.1 draw it.

use std::net::IpAddr;

/// The fields, right or wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fields {
    pub version: u8,
    pub vrid: u8,
    pub priority: u8,
    /// Centiseconds.
    pub interval: u32,
    pub addresses: Vec<IpAddr>,
    /// Version 2.
    pub auth: Option<(u8, [u8; 8])>,
}

impl Fields {
    pub fn write(&self, source: IpAddr, destination: IpAddr) -> Vec<u8> {
        let mut octets = vec![self.version * 16 + 1, self.vrid, self.priority, self.addresses.len() as u8];
        match self.auth {
            Some((kind, _)) => octets.extend([kind, (self.interval / 100) as u8]),
            None => octets.extend([(self.interval / 256) as u8, (self.interval % 256) as u8]),
        }
        octets.extend([0, 0]);
        self.addresses.iter().for_each(|address| octets.extend(octets_of(*address)));
        octets.extend(self.auth.iter().flat_map(|(_, data)| data));
        let checksum = checksum_for(&octets, source, destination);
        octets[6..8].copy_from_slice(&checksum.to_be_bytes());
        octets
    }

    /// The checks of section 7.1 that ask for nothing but the packet; `None` when one fails.
    pub fn read(version: u8, octets: &[u8], source: IpAddr, destination: IpAddr) -> Option<Self> {
        if octets.len() < 8 || octets[0] != version * 16 + 1 {
            return None;
        }
        let width = octets_of(source).len();
        let list_end = 8 + usize::from(octets[3]) * width;
        let end = list_end + if version == 2 { 8 } else { 0 };
        // AMB-08: trailers are known, of 64 octets at most.
        if octets.len() < end || octets.len() > end + 64 || (version == 2 && width == 16) {
            return None;
        }
        let message = &octets[..end];
        let plain = sum_of(message.iter().copied()) == 0xffff;
        let with_header = sum_of(pseudo_header(source, destination, end).chain(message.iter().copied())) == 0xffff;
        // PKT-24: to one router, the group may stand in the pseudo-header.
        let group = IpAddr::from([224, 0, 0, 18]);
        let with_group = || sum_of(pseudo_header(source, group, end).chain(message.iter().copied())) == 0xffff;
        let sound = match (version, width) {
            (2, _) => plain,
            (_, 16) => with_header,
            _ => plain || with_header || (!destination.is_multicast() && with_group()),
        };
        let interval = match version {
            2 => u32::from(octets[5]) * 100,
            _ => u32::from(octets[4] % 16) * 256 + u32::from(octets[5]),
        };
        sound.then(|| Self {
            version,
            vrid: octets[1],
            priority: octets[2],
            interval,
            addresses: octets[8..list_end].chunks(width).map(address_of).collect(),
            auth: (version == 2).then(|| (octets[4], octets[list_end..end].try_into().unwrap())),
        })
    }
}

/// The checksum of a message whose checksum field is 0; over IPv6 with the pseudo-header.
pub fn checksum_for(octets: &[u8], source: IpAddr, destination: IpAddr) -> u16 {
    let header: Vec<u8> = match source {
        IpAddr::V4(_) => Vec::new(),
        IpAddr::V6(_) => pseudo_header(source, destination, octets.len()).collect(),
    };
    !sum_of(header.into_iter().chain(octets.iter().copied()))
}

fn pseudo_header(source: IpAddr, destination: IpAddr, len: usize) -> impl Iterator<Item = u8> {
    let tail = [0, 112, (len / 256) as u8, (len % 256) as u8];
    octets_of(source).into_iter().chain(octets_of(destination)).chain(tail)
}

/// One word after the other, each carry brought round at once.
fn sum_of(octets: impl Iterator<Item = u8>) -> u16 {
    let mut sum: u32 = 0;
    for (index, octet) in octets.enumerate() {
        sum += if index % 2 == 0 { u32::from(octet) * 256 } else { u32::from(octet) };
        if sum > 0xffff {
            sum -= 0xffff;
        }
    }
    sum as u16
}

fn octets_of(address: IpAddr) -> Vec<u8> {
    match address {
        IpAddr::V4(v4) => v4.octets().to_vec(),
        IpAddr::V6(v6) => v6.octets().to_vec(),
    }
}

fn address_of(octets: &[u8]) -> IpAddr {
    match <[u8; 4]>::try_from(octets) {
        Ok(v4) => v4.into(),
        Err(_) => <[u8; 16]>::try_from(octets).unwrap().into(),
    }
}
