//! TLS of a listener: its certificate, which can be changed while it runs, and the handshake.
//!
//! It promises that a certificate that cannot be used never takes the place of one that can, that connections which are
//! open keep the one they began with, and that a handshake is done in time or not at all. A client that speaks plain
//! HTTP is told so in plain HTTP. Left out on purpose: client certificates (requests are signed), and HTTP/2, which no SDK of
//! this API speaks.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

/// The first byte of every TLS connection: a handshake record (RFC 8446, section 5.1). No HTTP method begins with it.
const HANDSHAKE_RECORD: u8 = 22;

/// For clients that speak plain HTTP.
const NOT_TLS: &str = "this port speaks https: ask again with https:// in front\n";

/// Why a certificate cannot be used. For operators: it names files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsError {
    /// One lower-case line.
    pub message: String,
}

impl fmt::Display for TlsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for TlsError {}

/// A certificate and its key in two files, as a listener uses them. Clones share what [`Tls::reload`] changes.
#[derive(Clone)]
pub struct Tls {
    certificate: PathBuf,
    key: PathBuf,
    current: Arc<Mutex<Arc<ServerConfig>>>,
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tls").field("certificate", &self.certificate).field("key", &self.key).finish_non_exhaustive()
    }
}

impl Tls {
    /// Reads a certificate chain, the server's own first, and its private key (PKCS#8, PKCS#1 or SEC1), both in PEM.
    ///
    /// # Errors
    /// When a file cannot be read or holds no such thing, or the key is not that of the certificate.
    pub fn load(certificate: &Path, key: &Path) -> Result<Tls, TlsError> {
        let config = read(certificate, key)?;
        let current = Arc::new(Mutex::new(Arc::new(config)));
        Ok(Tls { certificate: certificate.to_owned(), key: key.to_owned(), current })
    }

    /// Reads both files again, for the connections from now on. Waits for the disk.
    ///
    /// # Errors
    /// Those of [`Tls::load`]; then nothing has changed.
    pub fn reload(&self) -> Result<(), TlsError> {
        let config = Arc::new(read(&self.certificate, &self.key)?);
        *self.lock_current() = config;
        Ok(())
    }

    /// Where the certificate is.
    pub fn certificate(&self) -> &Path {
        &self.certificate
    }

    /// Shakes hands with a client that has just connected.
    ///
    /// # Errors
    /// When it does not finish within `time_max`, breaks off, or speaks no TLS; such a client has been told.
    pub(crate) async fn accept(&self, stream: TcpStream, time_max: Duration) -> io::Result<TlsStream<TcpStream>> {
        let shaken = tokio::time::timeout(time_max, async {
            let mut first = [0];
            if stream.peek(&mut first).await? == 1 && first != [HANDSHAKE_RECORD] {
                tell_not_tls(stream).await;
                return Err(io::Error::new(io::ErrorKind::InvalidData, "the client speaks no TLS"));
            }
            let current = self.lock_current().clone();
            TlsAcceptor::from(current).accept(stream).await
        });
        shaken.await.unwrap_or_else(|_elapsed| Err(io::Error::new(io::ErrorKind::TimedOut, "no TLS handshake in time")))
    }

    fn lock_current(&self) -> std::sync::MutexGuard<'_, Arc<ServerConfig>> {
        // It is only ever replaced as a whole.
        self.current.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn read(certificate: &Path, key: &Path) -> Result<ServerConfig, TlsError> {
    let wrong = |path: &Path, why: &dyn fmt::Display| TlsError { message: format!("{}: {why}", path.display()) };
    let chain = CertificateDer::pem_file_iter(certificate)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(|error| wrong(certificate, &format!("no certificate can be read from it: {error}")))?;
    if chain.is_empty() {
        return Err(wrong(certificate, &"there is no certificate in it; give a chain in PEM, the server's own first"));
    }
    let private = PrivateKeyDer::from_pem_file(key)
        .map_err(|error| wrong(key, &format!("no private key can be read from it: {error}")))?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| wrong(certificate, &error))?
        .with_no_client_auth()
        .with_single_cert(chain, private)
        .map_err(|error| wrong(certificate, &format!("it cannot be used with the key {}: {error}", key.display())))?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(config)
}

/// Answers in plain HTTP. What the client still sends is taken: a socket that is closed with bytes unread is reset, and the
/// client might lose the answer by that.
async fn tell_not_tls(mut stream: TcpStream) {
    let answer = format!(
        "HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: {}\r\n\
         Connection: close\r\n\r\n{NOT_TLS}",
        NOT_TLS.len()
    );
    let mut rest = [0; 1024];
    // A client that is gone already needs no answer.
    if stream.write_all(answer.as_bytes()).await.is_ok() && stream.shutdown().await.is_ok() {
        while stream.read(&mut rest).await.is_ok_and(|count| count > 0) {}
    }
}
