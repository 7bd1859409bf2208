//! Health checks in the process: what is looked at, how often, and what follows.

mod probe;

pub use probe::{
    Arguments, Dns, Expect, File, FileExpect, Http, Neighbour, Origin, Ping, Probe, Process, Proxy, ProxyRequest,
    Record, Tcp, Tls, TlsOptions,
};
