//! The targets of checks. All of it is plain data.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

/// The target of a check, and the answer that is expected there.
///
/// Hosts are named by their addresses: to look up a name can block for longer than any check may take.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub enum Probe {
    /// A TCP connection can be made.
    Tcp(Tcp),
    /// A web server answers a GET request as expected.
    Http(Http),
    /// A proxy gets a page, or makes a connection, for its clients.
    Proxy(Proxy),
    /// A server completes a TLS handshake with a certificate that is good for long enough.
    Tls(Tls),
    /// A name server answers a question.
    Dns(Dns),
    /// A host answers an ICMP echo request.
    Ping(Ping),
    /// A host on the link answers an ARP request, or a neighbour solicitation.
    Neighbour(Neighbour),
    /// A file is there or not, or says something.
    File(File),
    /// Enough processes of a program run.
    Process(Process),
}

impl Probe {
    /// Returns the word for what kind it is: `tcp`, `http`, `proxy`, `tls`, `dns`, `ping`, `neighbour`, `file` or `process`.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Tcp(_) => "tcp",
            Self::Http(_) => "http",
            Self::Proxy(_) => "proxy",
            Self::Tls(_) => "tls",
            Self::Dns(_) => "dns",
            Self::Ping(_) => "ping",
            Self::Neighbour(_) => "neighbour",
            Self::File(_) => "file",
            Self::Process(_) => "process",
        }
    }
}

/// The source of a packet of a check. By default the kernel chooses.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[expect(clippy::exhaustive_structs, reason = "is written as a literal")]
pub struct Origin {
    /// The source address.
    pub address: Option<IpAddr>,
    /// The interface that it leaves by.
    pub interface: Option<String>,
}

/// A TCP connection.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[expect(clippy::exhaustive_structs, reason = "is written as a literal")]
pub struct Tcp {
    /// The server.
    pub target: SocketAddr,
    /// The source of its packets.
    pub origin: Origin,
}

/// A GET request to a web server.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[expect(clippy::exhaustive_structs, reason = "is written as a literal")]
pub struct Http {
    /// The server.
    pub target: SocketAddr,
    /// The source of its packets.
    pub origin: Origin,
    /// The options of TLS; `None`: no TLS.
    pub tls: Option<TlsOptions>,
    /// The `Host` header; `None`: the address and port of the server.
    pub host: Option<String>,
    /// The path, with its query; it begins with `/`.
    pub path: String,
    /// The answer that is expected.
    pub expect: Expect,
}

/// A request to an HTTP proxy.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[expect(clippy::exhaustive_structs, reason = "is written as a literal")]
pub struct Proxy {
    /// The proxy.
    pub proxy: SocketAddr,
    /// The source of its packets.
    pub origin: Origin,
    /// The request.
    pub request: ProxyRequest,
    /// The answer that is expected.
    pub expect: Expect,
}

/// A request to a proxy.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
#[expect(clippy::exhaustive_enums, reason = "a proxy gets a page or makes a connection")]
pub enum ProxyRequest {
    /// The page at this URL, which begins with `http://`.
    Get(String),
    /// A connection to this `HOST:PORT`.
    Connect(String),
}

/// A TLS handshake.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[expect(clippy::exhaustive_structs, reason = "is written as a literal")]
pub struct Tls {
    /// The server.
    pub target: SocketAddr,
    /// The source of its packets.
    pub origin: Origin,
    /// The server that the client expects.
    pub options: TlsOptions,
}

/// The server that a TLS client expects.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[expect(clippy::exhaustive_structs, reason = "is written as a literal")]
pub struct TlsOptions {
    /// The name that is asked for, and that the certificate must be for.
    pub server_name: String,
    /// A PEM file of the authorities that are trusted; `None`: those of the host.
    pub authorities: Option<PathBuf>,
    /// Verify the certificate. Its validity in time is always looked at.
    pub verify: bool,
    /// The time for which the certificate must still be valid.
    pub min_validity: Duration,
}

/// A question to a name server.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[expect(clippy::exhaustive_structs, reason = "is written as a literal")]
pub struct Dns {
    /// The server, asked over UDP.
    pub server: SocketAddr,
    /// The source of its packets.
    pub origin: Origin,
    /// The name that is asked for.
    pub name: String,
    /// The type of record that is asked for.
    pub record: Record,
    /// An address that must be among the answers; `None`: any answer with a record of this type.
    pub answer: Option<IpAddr>,
}

/// The type of a DNS record.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "UPPERCASE"))]
#[non_exhaustive]
pub enum Record {
    /// An IPv4 address.
    #[default]
    A,
    /// An IPv6 address.
    Aaaa,
    /// A name server.
    Ns,
    /// The start of a zone.
    Soa,
    /// A mail server.
    Mx,
    /// A text.
    Txt,
}

/// An ICMP echo request.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[expect(clippy::exhaustive_structs, reason = "is written as a literal")]
pub struct Ping {
    /// The host.
    pub target: IpAddr,
    /// The source of its packets.
    pub origin: Origin,
}

/// An ARP request, or a neighbour solicitation.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[expect(clippy::exhaustive_structs, reason = "is written as a literal")]
pub struct Neighbour {
    /// The host.
    pub target: IpAddr,
    /// The link that it is on.
    pub interface: String,
}

/// A file.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[expect(clippy::exhaustive_structs, reason = "is written as a literal")]
pub struct File {
    /// The path of the file.
    pub path: PathBuf,
    /// The state that is expected.
    pub expect: FileExpect,
}

/// The expected state of a file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
#[non_exhaustive]
pub enum FileExpect {
    /// It is there.
    #[default]
    Present,
    /// It is not there.
    Absent,
    /// This text is in it.
    Contains(String),
}

/// Processes of a program.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[expect(clippy::exhaustive_structs, reason = "is written as a literal")]
pub struct Process {
    /// The name of the program, or its path where it is looked for in the whole command line.
    pub program: String,
    /// The arguments that it must have; `None`: any.
    pub arguments: Option<Arguments>,
    /// `program` is the first word of the command line, and not the name that the kernel has for the process, which
    /// ends after 15 octets.
    pub full_command: bool,
    /// The least number of processes.
    pub least: u32,
    /// The greatest number of processes; `None`: any.
    pub most: Option<u32>,
    /// The time for which there must be enough before it counts.
    pub delay_up: Duration,
    /// The time for which there must be too few, or too many, before it counts.
    pub delay_down: Duration,
}

/// The arguments that a process must have.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
#[expect(clippy::exhaustive_enums, reason = "these are keepalived's three")]
pub enum Arguments {
    /// These and no others.
    Exact(Vec<String>),
    /// These first.
    Initial(Vec<String>),
    /// These first, and of the last one at least the beginning.
    Partial(Vec<String>),
}

/// The answer that is expected over HTTP.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(default, deny_unknown_fields))]
#[expect(clippy::exhaustive_structs, reason = "is written as a literal")]
pub struct Expect {
    /// The least and the greatest status.
    pub status: (u16, u16),
    /// A header that must be there, and what must be in it.
    pub header: Option<(String, String)>,
    /// A text that must be in the body.
    pub body: Option<String>,
}

impl Default for Expect {
    /// Any status of success or redirection.
    fn default() -> Self {
        Self { status: (200, 399), header: None, body: None }
    }
}
