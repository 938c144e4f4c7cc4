//! The certificates that tests have, and servers that show them.
use rustls::{
    ServerConfig,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
};
use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

/// A file among the certificates.
pub(crate) fn certificate(file: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/sysadm").join(file)
}

/// Shows the certificate of this name, with its key.
pub(crate) fn server_tls(name: &str) -> ServerConfig {
    // The one that has expired is for the same key as the good one.
    let key = if name == "expired" { "signed" } else { name };
    let chain = vec![CertificateDer::from_pem_file(certificate(&format!("{name}.pem"))).unwrap()];
    let key = PrivateKeyDer::from_pem_file(certificate(&format!("{key}.key"))).unwrap();
    let config = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(chain, key);
    config.unwrap()
}
