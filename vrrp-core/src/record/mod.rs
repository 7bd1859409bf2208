//! A flight recorder: the last of what was done to routers and what they did, in little memory, and its replay.
//!
//! A driver keeps its routers in a [`RecordedSet`] instead of a [`RouterSet`](crate::RouterSet). What that remembers is a
//! [`Recording`]: every call with its time, every action that came out, every octet that was sent. The core is a pure function, so
//! the calls alone say what must come out: [`Recording::replay`] makes them again and compares.
//!
//! ```
//! use vrrp_core::record::RecordedSet;
//! use vrrp_core::{Config, Input, Instant, InterfaceId, Profile, Vrid};
//!
//! let address = std::net::IpAddr::from([192, 0, 2, 1]);
//! let mut set = RecordedSet::default();
//! let id = set.insert(InterfaceId(1), Config::new(Profile::Rfc3768, Vrid::new(1)?, &[address])?)?;
//! set.handle(Instant::ZERO, id, Input::PrimaryAddress(Some([192, 0, 2, 251].into())));
//! set.handle(Instant::ZERO, id, Input::Startup);
//! set.handle_timeout(Instant::from_nanos(4_000_000_000));
//! while let Some((id, action)) = set.poll_action() {
//!     // Carry it out.
//!     # let _ = (id, action);
//! }
//! let recording = set.recorded().ok_or("it is on")?.read();
//! assert_eq!(recording.replay()?.actions, 3, "advertise, install, Initialize > Master");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # What is kept
//!
//! Two halves, of a fixed size for each router: when the newer one is full, the older one goes. In each half a router is written down
//! as a whole the first time that it has nothing to do and the host owes it no answer, together with its sync group; from there on it
//! can be followed. A message that is one of the last four of its router takes one octet.
//!
//! A flood does not push out what matters: of packets that are ignored, which change nothing, eight of a router in a second
//! are kept; of those that are accepted 256. Beyond that a router [is not followed](Event::Cut) until it is written down anew.
//! [`LeftOut`] counts what is missing.

mod entry;
mod part;
mod recording;
mod replay;
mod set;
mod shared;
#[cfg(feature = "recording")]
mod text;
mod words;

pub use entry::{Encoded, Entry, Event, GroupSnapshot, Heard, Snapshot};
pub use recording::{LeftOut, Recording};
pub use replay::{Difference, Replay, Replayed, Step};
pub use set::{Recorded, RecordedSet};
#[cfg(feature = "recording")]
pub use text::{FORMAT_VERSION, ReadError, ReadErrorKind};
