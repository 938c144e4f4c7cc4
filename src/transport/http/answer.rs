use super::failure::too_large;
use crate::domain::{Error, ErrorKind, Result, clean};
use reqwest::{Response, header::HeaderMap};
use serde_json::Value;

/// What a server said, whole.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    headers: HeaderMap,
    /// Unpacked.
    pub body: Vec<u8>,
    /// Who said it.
    shown: String,
}

impl Answer {
    pub(super) async fn read(
        mut response: Response,
        largest: usize,
        shown: &str,
        failed: impl Fn(reqwest::Error) -> Error,
    ) -> Result<Self> {
        let announced = response.content_length().and_then(|n| usize::try_from(n).ok());
        if announced.is_some_and(|announced| announced > largest) {
            return Err(too_large(shown, largest));
        }
        let mut body = Vec::with_capacity(announced.unwrap_or_default());
        while let Some(chunk) = response.chunk().await.map_err(&failed)? {
            if body.len() + chunk.len() > largest {
                return Err(too_large(shown, largest));
            }
            body.extend_from_slice(&chunk);
        }
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        Ok(Self { status, headers, body, shown: shown.to_owned() })
    }

    pub const fn is_success(&self) -> bool {
        matches!(self.status, 200..300)
    }

    /// A header, where it is text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// The body as text; what is no UTF-8 shows as �.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The body as JSON, whatever the status. Servers name the type of their JSON as they like, so only the body counts.
    pub fn json(&self) -> Result<Value> {
        serde_json::from_slice(&self.body).map_err(|why| {
            if self.is_page() {
                return self.page();
            }
            let what = match self.body.is_empty() {
                true => "an empty answer".to_owned(),
                false => format!("no JSON ({why}): {}", clean(&self.text(), 80)),
            };
            Error::new(ErrorKind::Protocol, format_args!("{}: {what}", self.shown))
        })
    }

    /// The body as JSON where the status is a success; otherwise [`Answer::refusal`].
    pub fn ok(&self) -> Result<Value> {
        if self.is_success() { self.json() } else { Err(self.refusal()) }
    }

    /// What a status that is no success means, for servers or cases that say nothing better themselves.
    pub fn refusal(&self) -> Error {
        let shown = &self.shown;
        let status = self.status;
        let reason = reqwest::StatusCode::from_u16(status).ok().and_then(|s| s.canonical_reason()).unwrap_or_default();
        let status_line = format!("{status} {reason}");
        let status_line = status_line.trim_end();
        let text = self.text();
        let says = |words: &str| text.to_ascii_lowercase().contains(words);
        if says("http request to an https server") || says("plain http request was sent to https port") {
            let why = format_args!("{shown}: it speaks TLS there: write https:// in the url");
            return Error::new(ErrorKind::Invalid, why);
        }
        match status {
            401 => Error::new(ErrorKind::Unauthorized, format_args!("{shown}: it wants a sign-in ({status_line})")),
            403 => Error::new(ErrorKind::Unauthorized, format_args!("{shown}: this is not allowed ({status_line})")),
            407 => {
                let why = format_args!("{shown}: a proxy in between wants a sign-in ({status_line})");
                Error::new(ErrorKind::Unreachable, why)
            }
            _ if self.is_page() => self.page(),
            404 => Error::not_found(format_args!("{shown}: {status_line}: is it the right server?")),
            502..=504 => Error::new(ErrorKind::Unreachable, format_args!("{shown}: {status_line}")),
            _ => match clean(text.trim(), 200) {
                text if text.is_empty() => Error::refused(format_args!("{shown}: {status_line}")),
                text => Error::refused(format_args!("{shown}: {status_line}: {text}")),
            },
        }
    }

    /// Whether it is made for a browser: none of the servers answers so, a proxy or another server does.
    pub fn is_page(&self) -> bool {
        let is_html = self.header("content-type").is_some_and(|t| t.to_ascii_lowercase().starts_with("text/html"));
        is_html || self.body.trim_ascii_start().first() == Some(&b'<')
    }

    fn page(&self) -> Error {
        let why = format_args!(
            "{}: a web page came instead of an answer ({}): is a proxy in between, or is it the wrong port?",
            self.shown, self.status
        );
        Error::new(ErrorKind::Unreachable, why)
    }
}
