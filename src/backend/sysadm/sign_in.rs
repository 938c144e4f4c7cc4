//! Signing in by password, token or key; and once more when the session has ended on the server.
use super::{Sysadm, key, link::Link, session::Session, wire};
use crate::{
    backend::EventSink,
    domain::{Error, ErrorKind, Result, Secret, clean_line},
    transport::Password,
};
use serde_json::{Value, json};
use std::{
    path::{Path, PathBuf},
    sync::atomic::Ordering,
};

/// Who signs in, and with what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SignIn {
    Password {
        /// None: root.
        user: Option<String>,
        password: Password,
    },
    /// Of a session that somebody began.
    Token(Password),
    /// An RSA key in PEM form, whose public half the server knows.
    Key(PathBuf),
}

impl Sysadm {
    /// Signs in on a connection.
    pub(super) async fn sign_in(&self, link: &Link, shown: &str, events: &EventSink) -> Result<()> {
        match &self.settings.sign_in {
            SignIn::Password { user, password } => {
                let user = user.as_deref().unwrap_or("root");
                let secret = self.asking.password(events, password, user, shown).await?;
                if link.rest().is_some() && (user.contains(':') || secret.expose().contains(':')) {
                    let why = "password: over https:// the server cuts it at its colon: write wss:// in the url";
                    return Err(Error::invalid(why));
                }
                self.asking.signed_in(&secret, by_password(link, user, &secret).await)?;
                link.signed_in(user, &secret);
                Ok(())
            }
            SignIn::Token(token) => by_token(link, token).await,
            SignIn::Key(file) => by_key(link, file).await,
        }
    }

    /// Signs in once more, since the session that was the `ended`th of this connection has ended. Of many calls that
    /// find this out, the first does it for all, and is refused for all: nobody is asked twice, no account locked.
    pub(super) async fn sign_in_again(&self, session: &Session, ended: u64) -> Result<()> {
        let mut refused = session.signing_in.lock().await;
        if let Some(error) = &*refused {
            return Err(error.clone());
        }
        if session.sign_ins.load(Ordering::Acquire) > ended {
            return Ok(());
        }
        tracing::info!("the session has ended on the server: signing in again");
        self.sign_in(&session.link, &session.shown, &session.events).await.inspect_err(|error| {
            if matches!(error.kind, ErrorKind::Unauthorized | ErrorKind::NeedsAnswer) {
                *refused = Some(error.clone());
            }
        })?;
        session.sign_ins.fetch_add(1, Ordering::AcqRel);
        Ok(())
    }
}

/// Whether an answer brings a token. While somebody else is signed in, a server says yes to what is wrong as well, with
/// an empty one.
fn brings_token(answer: Result<Value>, wrong: impl Fn() -> Error) -> Result<()> {
    match answer {
        Ok(answer) => match wire::text_of(answer.get(0)) {
            Some(token) if !token.is_empty() => Ok(()),
            _ => Err(wrong()),
        },
        Err(error) if error.kind == ErrorKind::Unauthorized => Err(wrong()),
        Err(error) => Err(error),
    }
}

async fn by_password(link: &Link, user: &str, secret: &Secret) -> Result<()> {
    let args = json!({"username": user, "password": secret.expose()});
    brings_token(link.call("rpc", "auth", args).await, || {
        let why = "user or password is wrong, or the user is in neither of the groups wheel and operator";
        Error::new(ErrorKind::Unauthorized, format_args!("{}: {why}", clean_line(user)))
    })
}

async fn by_token(link: &Link, token: &Password) -> Result<()> {
    let unknown = || {
        let why = "token: the server knows no session by it: a session ends 15 minutes after its last request";
        Error::new(ErrorKind::Unauthorized, why)
    };
    let none = || Error::new(ErrorKind::NeedsAnswer, "token: none was given");
    let secret = token.get("token").await?.ok_or_else(none)?;
    // The server would take an empty one for anybody's.
    if secret.expose().trim().is_empty() {
        return Err(Error::new(ErrorKind::Unauthorized, "token: it is empty"));
    }
    brings_token(link.call("rpc", "auth_token", json!({"token": secret.expose().trim()})).await, unknown)
}

async fn by_key(link: &Link, file: &Path) -> Result<()> {
    let answer = link.call("rpc", "auth_ssl", json!("")).await?;
    let text = wire::text_of(answer.get("test_string")).ok_or_else(|| wire::odd("auth_ssl"))?;
    let signed = key::sign(file, &text)?;
    brings_token(link.call("rpc", "auth_ssl", json!({"encrypted_string": signed})).await, || {
        let why = "the server knows no certificate of it, or its user is in neither of the groups wheel and operator";
        Error::new(ErrorKind::Unauthorized, format_args!("key: {}: {why}", file.display()))
    })
}
