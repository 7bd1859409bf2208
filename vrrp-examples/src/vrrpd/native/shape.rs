//! The keys of each table of the file. The reader, the JSON schema and the reference are made of them.

/// A table of the file.
pub(crate) struct Shape {
    /// The form in which it is written, for messages and headings: `[router.NAME]`.
    pub(crate) name: &'static str,
    /// The purpose of the table.
    pub(crate) about: &'static str,
    pub(crate) keys: &'static [Key],
}

/// A key of a table.
pub(crate) struct Key {
    pub(crate) name: &'static str,
    pub(crate) kind: Kind,
    /// The value where the key is left out, if it may be left out.
    pub(crate) default: Default,
    /// The meaning of the value.
    pub(crate) about: &'static str,
    /// The name in keepalived.conf; several are separated by spaces.
    pub(crate) keepalived: &'static str,
}

/// The value of a key that is left out.
#[derive(Clone, Copy)]
pub(crate) enum Default {
    Required,
    /// In words, or as it would be written.
    Is(&'static str),
}

/// The type of a value.
#[derive(Clone, Copy)]
pub(crate) enum Kind {
    Flag,
    /// From and to.
    Whole(i64, i64),
    /// From and to, in microseconds.
    Time(u64, u64),
    Text,
    Path,
    Interface,
    /// The address of a host.
    Host,
    /// A host and a port.
    Socket,
    /// A network, or `default`.
    Network,
    /// An address with the length of its prefix.
    Prefixed,
    /// A MAC address.
    Mac,
    /// A text, or its octets.
    Password,
    /// A number, or two with `-` between.
    Status,
    /// The number of a routing table, or the name of one that every host has.
    TableNumber,
    /// A scope of addresses and routes.
    Scope,
    /// A mark with its mask.
    Mark,
    /// One of these.
    Choice(&'static [&'static str]),
    /// A program and its arguments.
    CommandLine,
    /// A command line, perhaps with a user of its own.
    Command,
    /// A list of texts.
    Words,
    List(&'static Kind),
    /// A short form, or all of a table.
    Short(&'static Kind, &'static Shape),
    Table(&'static Shape),
    /// A table of tables, each with a name.
    Named(&'static Shape),
    /// A table of checks, each with a name and a shape that its kind decides.
    Checks,
}

impl Shape {
    /// Returns the key of this name.
    pub(crate) fn key(&self, name: &str) -> Option<&'static Key> {
        self.keys.iter().find(|key| key.name == name)
    }
}

impl Kind {
    /// Returns what is expected of a value, for a message.
    pub(crate) fn expected(self) -> String {
        match self {
            Self::Flag => "true or false".to_owned(),
            Self::Whole(from, to) => format!("a whole number from {from} to {to}"),
            Self::Time(from, to) => {
                format!("a time with its unit, like \"3s\" or \"100ms\", from {} to {}", time(from), time(to))
            }
            Self::Text => "a text in quotes".to_owned(),
            Self::Path => "a path in quotes".to_owned(),
            Self::Interface => "the name of an interface: 1 to 15 octets without `/`, `:` and spaces".to_owned(),
            Self::Host => "the IP address of one host, like \"192.0.2.1\" or \"2001:db8::1\"".to_owned(),
            Self::Socket => "an IP address and a port, like \"192.0.2.1:80\" or \"[2001:db8::1]:80\"".to_owned(),
            Self::Network => "a network, like \"198.51.100.0/24\" or \"2001:db8::/32\"".to_owned(),
            Self::Prefixed => "an address with the length of its prefix, like \"192.0.2.1/24\"".to_owned(),
            Self::Mac => "a MAC address, like \"02:00:5e:00:01:0a\"".to_owned(),
            Self::Password => "a text of 1 to 8 octets, or a list of octets".to_owned(),
            Self::Status => "a status, or two with `-` between, like 200 or \"200-399\"".to_owned(),
            Self::TableNumber => {
                "a number from 1, or main, local or default; names of rt_tables are not read".to_owned()
            }
            Self::Scope => "global, site, link, host, nowhere or a number from 0 to 255".to_owned(),
            Self::Mark => "MARK or MARK/MASK, each a number below 2^32, like \"0x1/0xff\"".to_owned(),
            Self::Choice(names) => names.iter().map(|name| format!("\"{name}\"")).collect::<Vec<_>>().join(" or "),
            Self::CommandLine => "\"/path/program argument\", or [\"/path/program\", \"an argument\"]".to_owned(),
            Self::Command => format!("{}, or a table with `command`", Self::CommandLine.expected()),
            Self::Words => "a list of texts, like [\"a\", \"b\"]".to_owned(),
            Self::List(kind) => format!("a list; each item is {}", kind.expected()),
            Self::Short(kind, shape) => format!("{}, or a table {}", kind.expected(), shape.name),
            Self::Table(shape) | Self::Named(shape) => format!("a table {}", shape.name),
            Self::Checks => "tables [check.NAME]".to_owned(),
        }
    }
}

fn time(micros: u64) -> String {
    humantime::format_duration(std::time::Duration::from_micros(micros)).to_string()
}
