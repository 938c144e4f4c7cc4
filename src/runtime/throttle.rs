use crate::{
    app::Message,
    domain::{Progress, TaskId},
};
use std::{future::pending, time::Duration};
use tokio::{
    sync::{mpsc, watch},
    time::sleep,
};

/// How often the progress of one task reaches the screen.
const EVERY: Duration = Duration::from_secs(1);

/// Passes on the newest report, at most one a second, for as long as it is polled. It never ends by itself.
pub(super) async fn progress(task: TaskId, mut latest: watch::Receiver<Progress>, app: mpsc::Sender<Message>) {
    while latest.changed().await.is_ok() {
        let report = latest.borrow_and_update().clone();
        if app.send(Message::TaskProgress(task, report)).await.is_err() {
            break;
        }
        sleep(EVERY).await;
    }
    pending::<()>().await;
}
