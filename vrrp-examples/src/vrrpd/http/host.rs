//! The name of this host in a request. A page of another host whose name leads to a loopback address (DNS rebinding) must not
//! read what is for this host only: a browser then still sends the name of that page.

use std::net::IpAddr;

use hyper::header::HOST;
use hyper::http::uri::Authority;
use hyper::{Request, Version};

/// The reason why a request is not answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wrong {
    /// It does not name one host.
    NoHost,
    /// It names one that is not this.
    OtherHost,
}

/// Checks what a request calls this host, where it came to a loopback address.
pub(super) fn check<B>(request: &Request<B>, came_to: IpAddr) -> Result<(), Wrong> {
    let mut hosts = request.headers().get_all(HOST).iter();
    let host = match (hosts.next(), hosts.next()) {
        (Some(host), None) => host,
        (None, _) if request.version() == Version::HTTP_10 && !came_to.is_loopback() => return Ok(()),
        _ => return Err(Wrong::NoHost),
    };
    let host: Authority = host.as_bytes().try_into().map_err(|_| Wrong::NoHost)?;
    // With a whole address in the first line that counts (RFC 9112 section 3.2.2).
    let named = request.uri().authority().unwrap_or(&host).host();
    if !came_to.is_loopback() || is_this_host(named) { Ok(()) } else { Err(Wrong::OtherHost) }
}

fn is_this_host(name: &str) -> bool {
    let bare = name.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(name);
    let address: Option<IpAddr> = bare.parse().ok();
    name.trim_end_matches('.').eq_ignore_ascii_case("localhost") || address.is_some_and(|it| it.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checked(came_to: &str, hosts: &[&str]) -> Result<(), Wrong> {
        let mut request = Request::builder().uri("/");
        for host in hosts {
            request = request.header(HOST, *host);
        }
        check(&request.body(()).unwrap(), came_to.parse().unwrap())
    }

    #[test]
    fn at_a_loopback_address_only_names_of_this_host_are_answered() {
        for own in ["localhost", "LOCALHOST.:9112", "127.0.0.1:9112", "127.1.2.3", "[::1]:9112", "[::1]"] {
            assert_eq!(checked("127.0.0.1", &[own]), Ok(()), "{own}");
            assert_eq!(checked("::1", &[own]), Ok(()), "{own}");
        }
        for other in
            ["example.org", "localhost.example.org", "127.0.0.1.example.org", "192.0.2.1", "[::2]", "localhost@x.y"]
        {
            assert_eq!(checked("127.0.0.1", &[other]), Err(Wrong::OtherHost), "{other}");
            assert_eq!(checked("192.0.2.1", &[other]), Ok(()), "{other}");
        }
    }

    #[test]
    fn a_request_names_one_host() {
        for wrong in [&[][..], &["localhost", "localhost"], &["local host"], &[""]] {
            assert_eq!(checked("127.0.0.1", wrong), Err(Wrong::NoHost), "{wrong:?}");
            assert_eq!(checked("192.0.2.1", wrong), Err(Wrong::NoHost), "{wrong:?}");
        }
        let old = Request::builder().version(Version::HTTP_10).uri("/").body(()).unwrap();
        assert_eq!(check(&old, "192.0.2.1".parse().unwrap()), Ok(()));
        assert_eq!(check(&old, "127.0.0.1".parse().unwrap()), Err(Wrong::NoHost));
        let whole = Request::builder().uri("http://example.org/").header(HOST, "localhost").body(()).unwrap();
        assert_eq!(check(&whole, "127.0.0.1".parse().unwrap()), Err(Wrong::OtherHost));
    }

    proptest::proptest! {
        #[test]
        fn no_name_but_those_of_this_host_gets_in_at_a_loopback_address(
            host in "[ -~]{0,40}|[a-z0-9.-]{1,30}(:[0-9]{0,5})?|(localhost|127\\.0\\.0\\.1)[!-~]{0,10}",
            uri in "/|http://[!-~]{1,30}/",
        ) {
            let mut request = Request::new(());
            request.headers_mut().insert(HOST, host.parse().unwrap());
            if let Ok(uri) = uri.parse() {
                *request.uri_mut() = uri;
            }
            let local = check(&request, [127, 0, 0, 1].into());
            let other = check(&request, [192, 0, 2, 1].into());
            // Elsewhere any name will do.
            proptest::prop_assert_eq!(other.err(), local.err().filter(|wrong| *wrong == Wrong::NoHost));
            let is_name = host.bytes().all(|octet| octet.is_ascii_alphanumeric() || b".-:".contains(&octet));
            if local.is_ok() && is_name && request.uri().authority().is_none() {
                let name = host.split(':').next().unwrap_or_default().trim_end_matches('.').to_ascii_lowercase();
                proptest::prop_assert!(name == "localhost" || name.parse::<IpAddr>().is_ok_and(|it| it.is_loopback()), "{}", name);
            }
        }
    }
}
