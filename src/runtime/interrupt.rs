//! Ctrl-C of a command without a screen.
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

/// Cancels `token` at the first Ctrl-C from now on, for as long as what is returned lives. Without it Ctrl-C ends the
/// program, which is right where nothing is under way.
#[must_use]
pub fn listen(token: CancellationToken) -> JoinSet<()> {
    let mut listener = JoinSet::new();
    listener.spawn(async move {
        if tokio::signal::ctrl_c().await.is_ok() {
            token.cancel();
        }
    });
    listener
}
