//! The certificates that receivers and brokers are trusted by: those of the system, and those of `callback.ca_file`.
//!
//! Promises: the file is read and checked at the start; the system's certificates are read at the first use, because that
//! takes time and memory, and a machine without any must still start.

use std::path::Path;
use std::sync::Arc;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};

/// The trusted certificates.
#[derive(Debug, Clone, Default)]
pub(crate) struct Roots {
    extra: Vec<CertificateDer<'static>>,
    /// The same as text, for clients that read it themselves; empty without a file.
    pub(crate) pem: String,
}

impl Roots {
    /// The system's, and those of a PEM file.
    pub(crate) fn new(ca_file: Option<&Path>) -> Result<Roots, String> {
        let Some(path) = ca_file else { return Ok(Roots::default()) };
        let shown = path.display();
        let pem = std::fs::read_to_string(path).map_err(|error| format!("cannot read the ca_file {shown}: {error}"))?;
        let extra: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem.as_bytes()).collect();
        let extra = extra.map_err(|error| format!("the ca_file {shown} is no PEM file: {error}"))?;
        let mut store = RootCertStore::empty();
        for certificate in &extra {
            store
                .add(certificate.clone())
                .map_err(|error| format!("a certificate in the ca_file {shown} cannot be used: {error}"))?;
        }
        if extra.is_empty() {
            return Err(format!("the ca_file {shown} has no certificate in it: it must be in the PEM format"));
        }
        Ok(Roots { extra, pem })
    }

    /// A TLS client that trusts them, with ring behind it.
    pub(crate) async fn client_config(&self) -> Result<ClientConfig, String> {
        let extra = self.extra.clone();
        // Reads files.
        tokio::task::spawn_blocking(move || client_config(extra)).await.map_err(|error| error.to_string())?
    }
}

fn client_config(extra: Vec<CertificateDer<'static>>) -> Result<ClientConfig, String> {
    let mut store = RootCertStore::empty();
    let system = rustls_native_certs::load_native_certs();
    store.add_parsable_certificates(system.certs.into_iter().chain(extra));
    if store.is_empty() {
        let cause = system.errors.first().map(|error| format!(": {error}")).unwrap_or_default();
        return Err(format!(
            "the system has no root certificates, install ca-certificates or set callback.ca_file{cause}"
        ));
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| format!("tls cannot be used: {error}"))?;
    Ok(builder.with_root_certificates(store).with_no_client_auth())
}
