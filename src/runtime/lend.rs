//! The terminal in the hands of another: a console, an editor, a program that shows one.
use super::{
    Hosts,
    screen_loop::BATCH,
    terminal::{Outside, broken, stand_still},
};
use crate::{
    app::{App, Message},
    transport::now,
};
use std::future::Future;
use tokio::sync::mpsc;

/// What goes on while the terminal is lent.
pub(super) type Rest<'a> = (&'a mut App, &'a Hosts, &'a mut mpsc::Receiver<Message>, &'a mut mpsc::Receiver<Outside>);

/// Hears the hosts while the terminal is lent; what they cause is drawn afterwards. Refused: the program has to end, or
/// to stop.
///
/// A Ctrl-C or Ctrl-Z in a `program` of its own is meant for that, and reaches us too: we do not end, and stop along.
pub(super) async fn lend<T>(
    lent: impl Future<Output = T>,
    program: bool,
    (app, hosts, inbox, outside): Rest<'_>,
) -> std::result::Result<T, Outside> {
    tokio::pin!(lent);
    let mut batch = Vec::new();
    loop {
        tokio::select! {
            ended = &mut lent => return Ok(ended),
            outside = outside.recv() => match outside {
                Some(Outside::Stop) | None => return Err(Outside::Stop),
                // It broke before the terminal was lent.
                Some(Outside::Broken) => broken(),
                Some(end @ (Outside::Interrupt | Outside::Suspend)) if !program => return Err(end),
                Some(Outside::Suspend) if program => {
                    // Where it cannot stop it goes on, and nothing is lost.
                    let _ = stand_still();
                }
                Some(_) => {}
            },
            _ = inbox.recv_many(&mut batch, BATCH) => {
                app.set_now(now());
                for message in batch.drain(..) {
                    for effect in app.update(message) {
                        if let Some(refused) = hosts.execute(effect) {
                            app.update(refused);
                        }
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::Settings;
    use futures_util::FutureExt as _;
    use std::panic::AssertUnwindSafe;

    #[test]
    fn keys_that_broke_before_the_terminal_was_lent_end_the_program() {
        for program in [true, false] {
            let ((hosts, mut inbox), mut app) = (Hosts::new(), App::new(Settings::default(), Vec::new()));
            let (sender, mut outside) = mpsc::channel(1);
            sender.try_send(Outside::Broken).unwrap();
            let lent = lend(std::future::pending::<()>(), program, (&mut app, &hosts, &mut inbox, &mut outside));
            let ended = AssertUnwindSafe(lent).catch_unwind().now_or_never();
            assert!(matches!(ended, Some(Err(_))), "it goes on without keys");
        }
    }
}
