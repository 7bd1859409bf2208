//! TLS: whom a client takes for the server, and for how long its certificate is valid.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::net::TcpStream;
use tokio::time::Instant;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use tokio_rustls::rustls::crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature};
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use tokio_rustls::rustls::{self, ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};
use x509_parser::parse_x509_certificate;

use super::deadline::{Aside, Deadline};
use super::file::whole;
use super::outcome::{Failure, Why};
use super::probe::TlsOptions;

const CERTIFICATE: &str = "certificate";
const AUTHORITIES: &str = "authorities";

/// The time for which authorities that were read are used, while all is well.
const FRESH: Duration = Duration::from_secs(60);

/// The knowledge that one look leaves for the next.
#[derive(Debug, Default)]
pub(super) struct Known(Option<(Instant, Arc<ClientConfig>)>);

/// Shakes hands, and looks at the certificate. Returns for how long it is valid.
pub(super) async fn handshake(
    stream: TcpStream,
    options: &TlsOptions,
    known: &mut Known,
    aside: &mut Aside,
    deadline: Deadline,
) -> Result<(TlsStream<TcpStream>, Duration), Failure> {
    let name = ServerName::try_from(options.server_name.clone())
        .map_err(|why| Failure::new("server name", format!("`{}`: {why}", options.server_name)))?;
    let before = known.0.take().filter(|(read, _)| read.elapsed() < FRESH);
    let (read, config) = match before {
        Some(before) => before,
        None => {
            let options = options.clone();
            (Instant::now(), aside.run(deadline, AUTHORITIES, move || config(&options)).await?)
        }
    };
    let connector = TlsConnector::from(Arc::clone(&config));
    let stream = deadline.step("TLS handshake", connector.connect(name, stream)).await?;
    let certificate = stream.get_ref().1.peer_certificates().and_then(<[_]>::first);
    let left = certificate.map_or_else(|| Err("there is none".to_owned()), |it| validity(it, SystemTime::now()));
    let left = left.map_err(|why| Failure::new(CERTIFICATE, why))?;
    if left < options.min_validity {
        let (least, left) = (days(options.min_validity), days(left));
        return Err(Failure::unexpected(CERTIFICATE, format_args!("one that is valid for {least}"), left));
    }
    // After a failure they are read again.
    known.0 = Some((read, config));
    Ok((stream, left))
}

/// A span, in days.
pub(super) fn days(span: Duration) -> String {
    format!("{:.1} days", span.as_secs_f64() / 86_400.0)
}

/// Returns how much longer a certificate is valid.
fn validity(certificate: &CertificateDer<'_>, now: SystemTime) -> Result<Duration, String> {
    let (_, parsed) = parse_x509_certificate(certificate).map_err(|why| format!("it cannot be read: {why}"))?;
    let validity = parsed.validity();
    let now = now.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    let now = i64::try_from(now).unwrap_or(i64::MAX);
    if now < validity.not_before.timestamp() {
        return Err(format!("it is not valid before {}", validity.not_before));
    }
    match u64::try_from(validity.not_after.timestamp() - now) {
        Ok(left) => Ok(Duration::from_secs(left)),
        Err(_) => Err(format!("it has expired: it was valid until {}", validity.not_after)),
    }
}

fn config(options: &TlsOptions) -> Result<Arc<ClientConfig>, Why> {
    let provider = Arc::new(ring::default_provider());
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider)).with_safe_default_protocol_versions();
    let builder = builder.map_err(|why| why.to_string())?;
    let config = if options.verify {
        builder.with_root_certificates(authorities(options)?).with_no_client_auth()
    } else {
        let anybody = Arc::new(Anybody(provider));
        builder.dangerous().with_custom_certificate_verifier(anybody).with_no_client_auth()
    };
    Ok(Arc::new(config))
}

fn authorities(options: &TlsOptions) -> Result<RootCertStore, Why> {
    let mut store = RootCertStore::empty();
    let (place, certificates) = match &options.authorities {
        Some(path) => {
            let place = path.display().to_string();
            let octets = whole(path).map_err(|why| format!("{place}: {why}"))?;
            let certificates: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&octets).collect();
            let certificates = certificates.map_err(|why| format!("{place}: {why}"))?;
            (place, certificates)
        }
        None => ("the host".to_owned(), rustls_native_certs::load_native_certs().certs),
    };
    let (usable, _) = store.add_parsable_certificates(certificates);
    if usable == 0 {
        return Err(Why::Other(format!("{place} has none")));
    }
    Ok(store)
}

/// Takes everybody for the server.
#[derive(Debug)]
struct Anybody(Arc<CryptoProvider>);

impl ServerCertVerifier for Anybody {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, certificate, signed, &self.0.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, certificate, signed, &self.0.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
