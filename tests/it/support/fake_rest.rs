//! The fake SysAdm server over HTTP: one request a connection, names of headers compared letter by letter.
#![expect(clippy::indexing_slicing, reason = "what a JSON value does not have is null")]
use super::fake_sysadm_world::{Odd, World};
use base64::{Engine, prelude::BASE64_STANDARD};
use serde_json::{Value, json};
use std::sync::Mutex;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

/// Serves the one request of a connection.
pub(crate) async fn serve<S: AsyncRead + AsyncWrite + Unpin>(mut stream: S, world: &Mutex<World>) -> Option<()> {
    let (head, body) = read(&mut stream).await?;
    let Ok(args @ Value::Object(_)) = serde_json::from_str::<Value>(&body) else {
        // What is no object is never answered.
        return std::future::pending().await;
    };
    let path = head.split(' ').nth(1)?.trim_start_matches('/');
    let (namespace, name) = path.rsplit_once('/')?;
    let args = args.get("args").cloned().unwrap_or(args);
    let request = json!({"namespace": namespace, "name": name, "args": args});
    let action = args["action"].as_str().unwrap_or(name).to_owned();
    let (odd, slow) = world.lock().unwrap().arrived(&request, &action);
    if let Some(slow) = slow {
        tokio::time::sleep(slow).await;
    }
    let text = match odd {
        Some(Odd::Text(text)) => text,
        Some(Odd::WithId(body)) => whole("200 OK", Some(body)),
        Some(Odd::Close(..) | Odd::Cut) => return None,
        Some(Odd::Silence) => return std::future::pending().await,
        Some(Odd::Twice) | None => world.lock().unwrap().answer(&head, &request, &action),
    };
    stream.write_all(text.as_bytes()).await.ok()?;
    stream.shutdown().await.ok()
}

async fn read<S: AsyncRead + Unpin>(stream: &mut S) -> Option<(String, String)> {
    let mut all = Vec::new();
    loop {
        let text = String::from_utf8_lossy(&all).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head.lines().find_map(|line| line.strip_prefix("Content-Length: ")).unwrap_or("0");
            if body.len() >= length.parse().ok()? {
                return Some((head.to_owned(), body.to_owned()));
            }
        }
        if stream.read_buf(&mut all).await.ok()? == 0 {
            return None;
        }
    }
}

/// An answer as it was recorded: a date that is none of HTTP's, and no length where there is no body.
fn whole(status: &str, body: Option<&str>) -> String {
    let head = format!("HTTP/1.1 {status}\r\nServer: SysAdm/1.0\r\nDate: 2026-11-21T08:03:14\r\n");
    match body {
        Some(body) => {
            let length = body.len();
            format!("{head}Content-Type: text/json; charset=utf-8\r\nContent-Length: {length}\r\n\r\n{body}")
        }
        None => format!("{head}\r\n"),
    }
}

impl World {
    fn answer(&mut self, head: &str, request: &Value, action: &str) -> String {
        let login = head.lines().find_map(|line| line.strip_prefix("Authorization: Basic "));
        let login = login.and_then(|login| BASE64_STANDARD.decode(login).ok()).unwrap_or_default();
        let login = String::from_utf8_lossy(&login).into_owned();
        // The second part: what follows another colon is cut off.
        let is_right = login.split(':').nth(1) == Some(self.password);
        let is_open = request["namespace"] == "rpc" && matches!(request["name"].as_str(), Some("auth" | "identify"));
        let result = if is_right || is_open { self.reply(request, action).0 } else { Err(401) };
        match result {
            Ok(args) => whole("200 OK", Some(&serde_json::to_string_pretty(&json!({"args": args})).unwrap())),
            Err(401) => whole("401 Unauthorized", None),
            Err(404) => whole("404 Not Found", Some("{\n    \"args\": {\n    }\n}\n")),
            Err(_) => whole("400 Bad Request", Some("{\n    \"args\": {\n    }\n}\n")),
        }
    }
}
