//! The private key that signs a person in, and the signature that SysAdm wants of it.
use crate::domain::{Error, ErrorKind, Result};
use base64::{Engine, prelude::BASE64_STANDARD};
use rsa::{Pkcs1v15Sign, RsaPrivateKey, pkcs1::DecodeRsaPrivateKey, pkcs8::DecodePrivateKey, rand_core::OsRng};
use rustls::pki_types::{PrivateKeyDer, pem::PemObject};
use std::{fs, path::Path};

/// The longest text that is signed: servers send 20 or 40 characters.
const LONGEST: usize = 64;

/// Signs what the server made up: PKCS#1 1.5 over the text itself, without a digest, in base64.
pub(super) fn sign(file: &Path, text: &str) -> Result<String> {
    // Nothing else is ever signed: the digest of something that the server would like to have signed is not of this form.
    if text.is_empty() || text.len() > LONGEST || !text.bytes().all(|b| b.is_ascii_alphanumeric()) {
        let why = "the server wants something signed that is no text of letters and digits: refused";
        return Err(Error::new(ErrorKind::Protocol, why));
    }
    let signed = read(file)?.sign_with_rng(&mut OsRng, Pkcs1v15Sign::new_unprefixed(), text.as_bytes());
    let signed = signed.map_err(|why| wrong(file, &format!("cannot sign: {why}")))?;
    Ok(BASE64_STANDARD.encode(signed))
}

fn wrong(file: &Path, why: &str) -> Error {
    Error::invalid(format_args!("key: {} {why}", file.display()))
}

fn read(file: &Path) -> Result<RsaPrivateKey> {
    let pem = fs::read(file).map_err(|why| wrong(file, &format!("cannot be read: {why}")))?;
    let parsed = match PrivateKeyDer::from_pem_slice(&pem) {
        Ok(PrivateKeyDer::Pkcs8(der)) => RsaPrivateKey::from_pkcs8_der(der.secret_pkcs8_der()).ok(),
        Ok(PrivateKeyDer::Pkcs1(der)) => RsaPrivateKey::from_pkcs1_der(der.secret_pkcs1_der()).ok(),
        Ok(_) => None,
        Err(_) if pem.windows(9).any(|word| word == b"ENCRYPTED") => {
            return Err(wrong(file, "is locked with a passphrase: write one without, which only you can read"));
        }
        Err(_) => return Err(wrong(file, "holds no private key in PEM form")),
    };
    parsed.ok_or_else(|| wrong(file, "is no RSA key, which is all that SysAdm takes"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use rsa::{RsaPublicKey, pkcs8::DecodePublicKey};
    use std::path::PathBuf;

    fn fixture(name: &str) -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/sysadm").join(name)
    }

    /// Whether `signature` is one of the key in this file.
    fn is_signed(key: &str, text: &str, signature: &str) -> bool {
        let pem = fs::read(fixture(key)).unwrap();
        let der = rustls::pki_types::SubjectPublicKeyInfoDer::from_pem_slice(&pem).unwrap();
        let key = RsaPublicKey::from_public_key_der(&der).unwrap();
        key.verify(Pkcs1v15Sign::new_unprefixed(), text.as_bytes(), &BASE64_STANDARD.decode(signature).unwrap()).is_ok()
    }

    #[test]
    fn both_forms_of_a_key_sign_as_a_server_was_seen_to_accept() {
        // What a server took, and the public key that it had taken it by.
        let recorded = fs::read_to_string(fixture("signed-text.b64")).unwrap();
        assert!(is_signed("signed-text.pub", "9SD2vJyqgcum6bzdnXfA", recorded.trim()));
        for key in ["sign-in.key", "sign-in-pkcs1.key"] {
            let signature = sign(&fixture(key), "9SD2vJyqgcum6bzdnXfA").unwrap();
            assert!(is_signed("sign-in.pub", "9SD2vJyqgcum6bzdnXfA", &signature), "{key}");
            assert!(!is_signed("sign-in.pub", "another", &signature), "{key}");
        }
    }

    #[test]
    fn what_cannot_sign_is_told_and_nothing_but_plain_text_is_signed() {
        let why = |file: &str, text: &str| sign(&fixture(file), text).unwrap_err().message;
        assert!(why("sign-in-encrypted.key", "abc").contains("locked with a passphrase"));
        assert!(why("first.key", "abc").contains("is no RSA key"));
        assert!(why("first.pem", "abc").contains("holds no private key"));
        assert!(why("nothing", "abc").contains("cannot be read"));
        for text in ["", "0\u{1}0", "a b", &"a".repeat(65)] {
            assert!(why("sign-in.key", text).contains("refused"), "{text}");
        }
    }
}
