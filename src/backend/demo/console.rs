//! A serial line with nobody but a login prompt at the other end.
use crate::{
    backend::Console,
    domain::{Result, VmId},
};
use std::future::Future;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{UnixListener, UnixStream},
};

/// A socket for one caller, and the work that serves it.
pub(super) fn open(vm: &VmId) -> Result<(Console, impl Future<Output = ()> + Send + use<>)> {
    let folder = tempfile::Builder::new().prefix("vmdeck-demo-").tempdir()?;
    let socket = folder.path().join("serial");
    let listener = UnixListener::bind(&socket)?;
    let prompt = format!("\r\n{vm} login: ");
    let work = async move {
        if let Ok((line, _)) = listener.accept().await {
            // A caller that hangs up is no fault.
            let _ = talk(line, &prompt).await;
        }
        drop(folder);
    };
    Ok((Console::Unix { socket, history: None }, work))
}

/// Shows the prompt, echoes what is typed, and refuses every name.
async fn talk(mut line: UnixStream, prompt: &str) -> std::io::Result<()> {
    line.write_all(prompt.as_bytes()).await?;
    let mut typed = [0; 256];
    loop {
        let count = line.read(&mut typed).await?;
        let Some(text) = typed.get(..count).filter(|t| !t.is_empty()) else { return Ok(()) };
        line.write_all(text).await?;
        if text.contains(&b'\r') {
            line.write_all(b"\nLogin incorrect\r\n").await?;
            line.write_all(prompt.as_bytes()).await?;
        }
    }
}
