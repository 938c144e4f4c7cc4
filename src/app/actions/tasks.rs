use crate::{
    app::{App, Effect, Overlay},
    domain::TaskId,
    input::Action,
};

impl App {
    /// Asks the host to stop a task; it ends when the host says so.
    pub(in crate::app) fn cancel_task(&mut self, id: TaskId) -> Vec<Effect> {
        let Some(task) = self.tasks.get(id) else { return Vec::new() };
        if let Some(why) = self.cancel_refusal(Some(task)) {
            self.say(&why);
            return Vec::new();
        }
        let host = task.host.clone();
        self.stop_fetch(id).unwrap_or_else(|| vec![Effect::Cancel { host, task: id }])
    }

    pub(super) fn task_action(&mut self, action: Action) -> Vec<Effect> {
        self.changed = true;
        let selected = self.tasks.selected().map(|t| (t.id, t.host.clone()));
        match (action, selected) {
            (Action::TaskCancel, Some((task, _))) => return self.cancel_task(task),
            (Action::TaskStory, Some((task, _))) => self.overlay = Some(Overlay::Story { task, scroll: 0 }),
            (Action::TaskClear, _) => {
                self.tasks.clear_ended();
            }
            _ => {}
        }
        Vec::new()
    }
}
