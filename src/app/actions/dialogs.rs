//! Dialogs: fed with keys, and turned into requests once answered.
use crate::{
    app::{
        App, Effect,
        dialog::{Answer, Outcome, Purpose},
    },
    domain::{Reply, Result, TaskId},
    input::Key,
};

impl App {
    /// A key, while a dialog is open: all of them are its own.
    pub(in crate::app) fn dialog_key(&mut self, key: Key) -> Vec<Effect> {
        let Some(mut dialog) = self.dialog.take() else { return Vec::new() };
        match dialog.update(key) {
            Outcome::Continue => self.dialog = Some(dialog),
            Outcome::Done(Answer::Yes(_)) => {
                if let Purpose::Call(request) = dialog.purpose {
                    return self.call(dialog.host, request);
                }
            }
            Outcome::Done(_) | Outcome::Cancelled => {}
        }
        Vec::new()
    }

    /// Takes the end of a task that the open dialog waits for; false: it waits for none such.
    pub(in crate::app) fn dialog_reply(&mut self, task: TaskId, result: &Result<Reply>) -> bool {
        let waits = self.dialog.as_ref().is_some_and(|d| d.awaits == Some(task));
        if waits && result.is_err() {
            self.dialog = None;
        }
        waits
    }
}
