//! Advertisements and announcements, in and out.

pub(crate) mod link_layer;
pub(crate) mod needs;
pub(crate) mod ports;
pub(crate) mod socket;
