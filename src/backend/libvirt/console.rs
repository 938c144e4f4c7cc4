//! The serial line of a machine: a stream of libvirt's, and a socket of ours for who attaches.
use super::{Libvirt, locked, stream::Stream, wire::procedure as p};
use crate::{
    backend::Console,
    domain::{Error, ErrorKind, Result, VmId},
};
use std::time::Duration;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{UnixListener, UnixStream},
    time::timeout,
};

/// How long the line is held open for who asked for it.
const PATIENCE: Duration = Duration::from_secs(30);

/// Why a command without a screen opens none.
pub(super) const HEADLESS: &str =
    "a line ends with the command that opens it: run `virsh console NAME` where libvirt is";

impl Libvirt {
    /// Opens the first serial line. Libvirt lets one attach at a time, and closes the line when this one leaves.
    pub(super) async fn serial_line(&self, vm: &VmId) -> Result<Console> {
        if self.settings.headless {
            return Err(Error::new(ErrorKind::Unsupported, HEADLESS));
        }
        let (client, domain) = self.domain(vm).await?;
        let stream = client.stream(p::OPEN_CONSOLE, domain.arg().maybe(None).u32(0)).await?;
        let folder = tempfile::Builder::new().prefix("vmdeck-").tempdir()?;
        let socket = folder.path().join("serial");
        let listener = UnixListener::bind(&socket)?;
        let work = async move {
            if let Ok(Ok((line, _))) = timeout(PATIENCE, listener.accept()).await {
                // Who leaves is no fault, and why libvirt ended the line is on the line itself.
                let _ = carry(line, stream).await;
            }
            drop(folder);
        };
        let mut session = locked(&self.session);
        let session = session.as_mut().ok_or_else(|| Error::new(ErrorKind::Unreachable, "not connected"))?;
        session.tasks.spawn(work);
        while session.tasks.try_join_next().is_some() {}
        Ok(Console::Unix { socket, history: None })
    }
}

/// Carries bytes both ways until either side ends.
async fn carry(mut line: UnixStream, mut stream: Stream) -> Result<()> {
    let mut typed = [0; 4096];
    loop {
        tokio::select! {
            count = line.read(&mut typed) => match typed.get(..count?) {
                None | Some([]) => return Ok(()),
                Some(bytes) => stream.send(bytes.to_vec()).await?,
            },
            said = stream.next() => match said {
                Ok(Some(bytes)) => line.write_all(&bytes).await?,
                Ok(None) => return Ok(()),
                Err(error) => {
                    line.write_all(format!("\r\n{}\r\n", error.message).as_bytes()).await?;
                    return Ok(());
                }
            }
        }
    }
}
