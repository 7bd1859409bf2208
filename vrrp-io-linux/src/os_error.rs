//! An error of the operating system as a value: it can be copied, compared and written down.

use std::io;

/// An error of the operating system: its number, if it gave one, and its text.
///
/// An [`io::Error`] can be neither copied nor compared, so events and statuses hold this. Each is made from the other.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[error("{text}")]
pub struct OsError {
    errno: Option<i32>,
    text: String,
}

impl OsError {
    /// Returns the number of the error (`errno`), such as 1 for EPERM; `None` where the kernel was not asked, or gave none.
    #[must_use]
    pub const fn raw_os_error(&self) -> Option<i32> {
        self.errno
    }

    /// Returns what the standard library calls this kind of error.
    #[must_use]
    pub fn kind(&self) -> io::ErrorKind {
        self.errno.map_or(io::ErrorKind::Other, |errno| io::Error::from_raw_os_error(errno).kind())
    }
}

impl From<&io::Error> for OsError {
    fn from(error: &io::Error) -> Self {
        Self { errno: error.raw_os_error(), text: error.to_string() }
    }
}

impl From<io::Error> for OsError {
    fn from(error: io::Error) -> Self {
        Self::from(&error)
    }
}

impl From<OsError> for io::Error {
    fn from(error: OsError) -> Self {
        match error.errno {
            Some(errno) => Self::from_raw_os_error(errno),
            None => Self::other(error),
        }
    }
}

/// Writes an error down as its value.
#[cfg(feature = "serde")]
pub(crate) fn serialize<S: serde::Serializer>(error: &io::Error, serializer: S) -> Result<S::Ok, S::Error> {
    serde::Serialize::serialize(&OsError::from(error), serializer)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_keeps_its_number_its_kind_and_its_text() {
        let error = OsError::from(io::Error::from_raw_os_error(libc::EPERM));
        assert_eq!((error.raw_os_error(), error.kind()), (Some(libc::EPERM), io::ErrorKind::PermissionDenied));
        assert_eq!(error.to_string(), "Operation not permitted (os error 1)");
        assert_eq!(io::Error::from(error.clone()).raw_os_error(), Some(libc::EPERM));

        let own = OsError::from(io::Error::new(io::ErrorKind::NotFound, "there is no interface eth0"));
        assert_eq!((own.raw_os_error(), own.kind()), (None, io::ErrorKind::Other));
        assert_eq!(io::Error::from(own).to_string(), "there is no interface eth0");
    }
}
