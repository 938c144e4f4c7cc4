//! Requests to a Velocity server: never more than a few at once, each with a key that still lives.
//!
//! A key lives for 60 seconds and is not kept alive by its use. It is renewed by another sign-in, since the renewal that
//! is documented ends the old key at once, under the requests that still carry it.
use super::wire::{self, Refusal};
use crate::{
    domain::{Error, ErrorKind, Result, Secret},
    transport::{
        Stopwatch,
        http::{Answer, Ask, Http, Method},
        now,
    },
};
use serde_json::{Value, json};
use std::time::Duration;
use tokio::sync::{Mutex, Semaphore};

/// How many requests may be under way.
pub(super) const AT_ONCE: usize = 8;
/// How long a key lives where the server's word on it cannot be believed.
const LIFE: Duration = Duration::from_secs(60);

/// What a server answered.
#[derive(Clone, Debug)]
pub(super) enum Said {
    Yes(Value),
    No(Refusal),
}

#[derive(Clone, Debug)]
struct Key {
    text: Secret,
    since: Stopwatch,
    /// After this time another one is fetched: the old one goes on living under what still carries it.
    fresh_for: Duration,
}

/// The way to one server for one user.
#[derive(Debug)]
pub(super) struct Client {
    http: Http,
    /// What stands before every path, where a proxy put the server below another one.
    prefix: String,
    user: String,
    password: Secret,
    key: Mutex<Option<Key>>,
    places: Semaphore,
}

impl Client {
    pub(super) fn new(http: Http, prefix: String, user: String, password: Secret) -> Self {
        Self { http, prefix, user, password, key: Mutex::new(None), places: Semaphore::new(AT_ONCE) }
    }

    /// Asks and wants a yes; a no is an error in words.
    pub(super) async fn read(&self, path: &'static str, body: Value) -> Result<Value> {
        match self.ask(Method::POST, path, body).await? {
            Said::Yes(value) => Ok(value),
            Said::No(refusal) => Err(refusal.error(path)),
        }
    }

    /// Sends a request with a key in both places where one is looked for. A key that the server does not know any more
    /// is replaced once: nothing was done then, so the request is made again.
    pub(super) async fn ask(&self, method: Method, path: &'static str, body: Value) -> Result<Said> {
        let key = self.key().await?;
        let said = self.send(&method, path, &body, &key).await?;
        if !matches!(&said, Said::No(refusal) if refusal.wants_key()) {
            return Ok(said);
        }
        self.forget(&key).await;
        let key = self.key().await?;
        self.send(&method, path, &body, &key).await
    }

    async fn send(&self, method: &Method, path: &'static str, body: &Value, key: &Key) -> Result<Said> {
        let mut body = body.clone();
        if let Some(fields) = body.as_object_mut() {
            fields.insert("authkey".to_owned(), json!(key.text.expose()));
        }
        let ask = Ask::new(method.clone(), format!("{}{path}", self.prefix)).json(&body).bearer(key.text.clone());
        // Reading takes moments; a change may write a file before it answers.
        let ask = if *method == Method::POST { ask } else { ask.within(Duration::from_secs(30)) };
        said(&self.exchange(&ask).await?)
    }

    async fn exchange(&self, ask: &Ask) -> Result<Answer> {
        let _place = self.places.acquire().await;
        self.http.send(ask).await
    }

    /// A key that lives on for a while. Whoever needs one while it is fetched waits for it.
    async fn key(&self) -> Result<Key> {
        let mut known = self.key.lock().await;
        if let Some(key) = known.as_ref().filter(|key| key.since.elapsed() < key.fresh_for) {
            return Ok(key.clone());
        }
        *known = None;
        let key = self.sign_in().await?;
        *known = Some(key.clone());
        Ok(key)
    }

    /// Does without `key` from now on, unless it was replaced already.
    async fn forget(&self, key: &Key) {
        self.key.lock().await.take_if(|known| known.text == key.text);
    }

    /// Signs in. The name stands in it twice: as documented, and as servers read it.
    pub(super) async fn sign_in_once(&self) -> Result<()> {
        self.key().await.map(drop)
    }

    async fn sign_in(&self) -> Result<Key> {
        let since = Stopwatch::start();
        let body = json!({"username": self.user, "name": self.user, "password": self.password.expose()});
        let answer = self.exchange(&Ask::new(Method::POST, format!("{}/u/auth", self.prefix)).json(&body)).await?;
        let shown = self.http.shown();
        let value = match said(&answer)? {
            Said::Yes(value) => value,
            Said::No(refusal) if matches!(refusal.status, 401 | 403) => {
                let user = crate::domain::clean_line(&self.user);
                let why = format_args!("{shown}: it does not take this user or this password ({user})");
                return Err(Error::new(ErrorKind::Unauthorized, why));
            }
            Said::No(refusal) if refusal.status == 404 => {
                let why =
                    format_args!("{shown}: no sign-in there: is it a Velocity server, and the right port (8090)?");
                return Err(Error::new(ErrorKind::Unsupported, why));
            }
            Said::No(refusal) => return Err(refusal.error("/u/auth").context(shown)),
        };
        let (text, expires) = wire::key(&value).map_err(|error| error.context(shown))?;
        Ok(Key { text: Secret::new(text), since, fresh_for: life(expires) / 2 })
    }
}

/// How long a key lives that ends at `expires`. Clocks differ: what cannot be is not believed.
fn life(expires: Option<i64>) -> Duration {
    let today = now().0 / 1000;
    let left = expires.and_then(|end| u64::try_from(end).ok()).map(|end| end.saturating_sub(today));
    left.map(Duration::from_secs).filter(|left| (Duration::from_secs(2)..LIFE).contains(left)).unwrap_or(LIFE)
}

/// What an answer says: a yes may have an empty body.
fn said(answer: &Answer) -> Result<Said> {
    if answer.is_success() && answer.body.is_empty() {
        return Ok(Said::Yes(Value::Null));
    }
    if answer.is_success() {
        return answer.json().map(Said::Yes);
    }
    let body = answer.json().unwrap_or_default();
    Refusal::read(answer.status, &body).map(Said::No).ok_or_else(|| answer.refusal())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_that_is_wrong_does_not_make_a_key_eternal() {
        let today = i64::try_from(now().0 / 1000).unwrap();
        assert_eq!(life(Some(today + 3600)), LIFE);
        assert_eq!(life(Some(today - 5)), LIFE);
        assert_eq!(life(None), LIFE);
        assert!(life(Some(today + 11)) <= Duration::from_secs(11), "a server whose keys live for 10 s");
    }
}
