//! WebSocket as a client: text in, text out, and every way of breaking in one sentence.
use super::tls::Stream;
use crate::domain::{Error, ErrorKind, Result, clean_line};
use futures_util::{
    SinkExt, StreamExt,
    stream::{SplitSink, SplitStream},
};
use tokio_tungstenite::{
    WebSocketStream, client_async_with_config,
    tungstenite::{
        Message,
        error::{CapacityError, Error as WsError, ProtocolError},
        protocol::{CloseFrame, WebSocketConfig},
    },
};

/// The largest message that is taken, in bytes: thousands of machines fit, a flood does not.
const LARGEST: usize = 8 << 20;

/// What comes from the server.
#[derive(Debug)]
pub struct Reader(SplitStream<WebSocketStream<Stream>>);

/// What goes to the server.
#[derive(Debug)]
pub struct Writer(SplitSink<WebSocketStream<Stream>, Message>);

/// Asks the server to speak WebSocket. No subprotocol is offered: servers that answer none would fail the handshake.
pub async fn open(stream: Stream, authority: &str) -> Result<(Reader, Writer)> {
    let limits = WebSocketConfig::default().max_message_size(Some(LARGEST)).max_frame_size(Some(LARGEST));
    let socket = client_async_with_config(format!("ws://{authority}/"), stream, Some(limits)).await;
    let (socket, _) = socket.map_err(|error| broken(&error).context(authority))?;
    let (writer, reader) = socket.split();
    Ok((Reader(reader), Writer(writer)))
}

impl Reader {
    /// The next text. An error is the end of the connection.
    pub async fn next(&mut self) -> Result<String> {
        loop {
            match self.0.next().await {
                Some(Ok(Message::Text(text))) => return Ok(text.as_str().to_owned()),
                Some(Ok(Message::Binary(bytes))) => {
                    let text = std::str::from_utf8(&bytes).map_err(|_| {
                        Error::new(ErrorKind::Unreachable, "the server sent bytes that are no text: disconnected")
                    })?;
                    return Ok(text.to_owned());
                }
                Some(Ok(Message::Close(frame))) => return Err(closed(frame.as_ref())),
                Some(Ok(_)) => {}
                Some(Err(error)) => return Err(broken(&error)),
                None => return Err(closed(None)),
            }
        }
    }
}

impl Writer {
    pub async fn send(&mut self, text: String) -> Result<()> {
        self.0.send(Message::text(text)).await.map_err(|error| broken(&error))
    }
}

fn closed(frame: Option<&CloseFrame>) -> Error {
    let why = match frame {
        Some(frame) if !frame.reason.is_empty() => {
            format!(" (code {}: {})", u16::from(frame.code), clean_line(&frame.reason))
        }
        Some(frame) => format!(" (code {})", u16::from(frame.code)),
        None => String::new(),
    };
    Error::new(ErrorKind::Unreachable, format_args!("the server closed the connection{why}"))
}

fn broken(error: &WsError) -> Error {
    let why = match error {
        WsError::ConnectionClosed | WsError::AlreadyClosed => return closed(None),
        WsError::Protocol(ProtocolError::ResetWithoutClosingHandshake) => {
            "the connection broke off without a word".to_owned()
        }
        WsError::Io(io) => format!("the connection broke: {io}"),
        WsError::Capacity(CapacityError::MessageTooLong { size, .. }) => {
            format!("the server sent a message of {size} bytes, more than is taken: disconnected")
        }
        WsError::Http(answer) => {
            format!("the server answers HTTP {} and no WebSocket: is it the right port?", answer.status().as_u16())
        }
        WsError::Protocol(ProtocolError::HttparseError(_)) => {
            "what answers there is no WebSocket server: is it the right port?".to_owned()
        }
        WsError::Utf8(_) => "the server sent bytes that are no text: disconnected".to_owned(),
        other => format!("the WebSocket connection broke: {other}"),
    };
    Error::new(ErrorKind::Unreachable, why)
}
