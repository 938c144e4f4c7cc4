//! A monitor that says what a test tells it to say.
use std::path::PathBuf;
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader},
    net::{UnixListener, UnixStream, unix::OwnedReadHalf, unix::OwnedWriteHalf},
    task::JoinSet,
};

/// As QEMU 10.0.2 greets.
pub(crate) const GREETING: &str = r#"{"QMP":{"version":{"qemu":{"micro":2,"minor":0,"major":10},"package":"Debian 1:10.0.2"},"capabilities":["oob"]}}"#;

/// The other end of one connection.
pub(crate) struct Talk {
    read: BufReader<OwnedReadHalf>,
    write: OwnedWriteHalf,
}

impl Talk {
    fn new(stream: UnixStream) -> Self {
        let (read, write) = stream.into_split();
        Self { read: BufReader::new(read), write }
    }

    /// The next request, as it came.
    pub(crate) async fn hear(&mut self) -> serde_json::Value {
        let mut line = String::new();
        self.read.read_line(&mut line).await.unwrap();
        serde_json::from_str(&line).unwrap_or_default()
    }

    pub(crate) async fn say(&mut self, words: &str) {
        // The other end may have given up: that is what some tests are about.
        let _ = self.write.write_all(words.as_bytes()).await;
    }

    /// Greets and answers the negotiation.
    pub(crate) async fn open(&mut self) {
        self.say(&format!("{GREETING}\r\n")).await;
        let id = self.hear().await.get("id").cloned().unwrap_or_default();
        self.say(&format!("{{\"return\": {{}}, \"id\": {id}}}\r\n")).await;
    }
}

/// A socket whose first visitor `talk` deals with.
pub(crate) fn fake<F: Future<Output = ()> + Send + 'static>(
    talk: impl FnOnce(Talk) -> F + Send + 'static,
) -> (tempfile::TempDir, PathBuf, JoinSet<()>) {
    let folder = tempfile::Builder::new().prefix("vd").tempdir_in("/tmp").unwrap();
    let socket = folder.path().join("mon");
    let listener = UnixListener::bind(&socket).unwrap();
    let mut tasks = JoinSet::new();
    tasks.spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        talk(Talk::new(stream)).await;
    });
    (folder, socket, tasks)
}
