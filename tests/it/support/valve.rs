//! A way to a server that can be shut: what the server says is then held back until it is opened again.
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, copy},
    net::{TcpListener, TcpStream},
    sync::watch,
    task::JoinSet,
};

pub(crate) struct Valve {
    pub(crate) port: u16,
    is_open: watch::Sender<bool>,
    _server: JoinSet<()>,
}

impl Valve {
    /// Leads to this port of this computer; it is open.
    pub(crate) async fn new(to: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let (is_open, gate) = watch::channel(true);
        let mut server = JoinSet::new();
        server.spawn(async move {
            let mut ways = JoinSet::new();
            while let Ok((client, _)) = listener.accept().await {
                ways.spawn(serve(client, to, gate.clone()));
            }
        });
        Self { port, is_open, _server: server }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    pub(crate) fn set_open(&self, is_open: bool) {
        self.is_open.send_replace(is_open);
    }
}

async fn serve(client: TcpStream, to: u16, mut gate: watch::Receiver<bool>) {
    let Ok(server) = TcpStream::connect(("127.0.0.1", to)).await else { return };
    let (mut asked, mut answers) = client.into_split();
    let (mut told, mut questions) = server.into_split();
    let back = async {
        let mut bytes = vec![0; 1 << 16];
        while let Ok(count @ 1..) = told.read(&mut bytes).await {
            let said = bytes.get(..count).unwrap();
            if gate.wait_for(|is_open| *is_open).await.is_err() || answers.write_all(said).await.is_err() {
                return;
            }
        }
    };
    tokio::select! {
        () = back => {}
        _ = copy(&mut asked, &mut questions) => {}
    }
}
