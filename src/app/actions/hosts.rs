use crate::{
    app::{App, Effect, HostState, Overlay},
    input::Action,
};

impl App {
    pub(super) fn refresh_all(&self) -> Vec<Effect> {
        self.hosts.iter().map(|host| Effect::Refresh(host.id().clone())).collect()
    }

    pub(super) fn host_action(&mut self, action: Action) -> Vec<Effect> {
        let Some(host) = self.target_host().map(HostState::id).cloned() else { return Vec::new() };
        match action {
            Action::HostDetails => {
                self.overlay = Some(Overlay::Host { host, scroll: 0 });
                self.changed = true;
                Vec::new()
            }
            Action::HostReconnect => vec![Effect::Refresh(host)],
            // What would be installed is read first; the answer opens the question.
            _ => self.set_up(host),
        }
    }
}
