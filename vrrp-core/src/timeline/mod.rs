//! A picture of what happened when: routers, advertisements, addresses and what clients noticed.
//!
//! A [`Timeline`] is filled by whoever saw something: the simulator, a laboratory, a recording. It knows nothing of these.
//! Everything is told with its moment and in any order; the picture sorts it.
//!
//! ```
//! use vrrp_core::Instant;
//! use vrrp_core::timeline::{Advertisement, Before, Fate, LaneState, Timeline};
//!
//! let at = |millis: u64| Instant::from_nanos(millis * 1_000_000);
//! let mut timeline = Timeline::new("The first host loses its power");
//! let first = timeline.lane("host 1", "router 1");
//! let second = timeline.lane("host 2", "router 1");
//! timeline.state(at(0), first, LaneState::Master, "started as the best");
//! timeline.state(at(0), second, LaneState::Backup, "started");
//! timeline.holds(at(0), first, "192.0.2.1", true);
//! for second_of_time in 0..3 {
//!     let advertisement = Advertisement::new(at(1000 * second_of_time), first, 200);
//!     timeline.advertisement(advertisement.to(second, Fate::Heard(at(1000 * second_of_time + 1))));
//! }
//! timeline.state(at(2500), first, LaneState::Down, "no power");
//! timeline.holds(at(2500), first, "192.0.2.1", false);
//! timeline.state(at(5610), second, LaneState::Master, "the Master fell silent");
//! timeline.advertisement(Advertisement::new(at(5610), second, 100));
//! timeline.holds(at(5611), second, "192.0.2.1", true);
//!
//! let takeover = &timeline.takeovers()[0];
//! assert_eq!((takeover.from, takeover.to, takeover.before), (first, second, Before::Gone));
//! assert_eq!(takeover.took().as_millis(), 3610);
//! ```
//!
//! Text is text: names and reasons may hold any character, and no picture takes one for its own.

mod json;
mod markup;
mod model;
mod page;
mod svg;
mod takeover;
mod words;

pub use model::{
    Advertisement, AdvertisementKind, Fate, Holders, Lane, LaneId, LaneState, Mark, MarkKind, Outage, Timeline,
};
pub use page::{SCRIPT, STYLE, page};
pub use takeover::{Before, Takeover};
