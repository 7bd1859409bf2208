//! Links and addresses of the host, through rtnetlink.
//!
//! Requests and monitoring have a socket each: a burst of news must not push out the answer to a request.

mod decode;
#[cfg(feature = "_internal_test_exports")]
pub(crate) mod fuzzing;
pub(crate) mod links;
pub(crate) mod message;
pub(crate) mod mirror;
pub(crate) mod monitor;
pub(crate) mod requests;
mod resync;
