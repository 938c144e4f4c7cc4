//! The address in a fetch form, looked at while it is typed.
use super::{
    App, Effect,
    dialog::{Body, Purpose},
};
use crate::domain::{HostId, Op, Prospect, Reply, Request, Result, TaskId, clean_line};

/// What is known of the address in a fetch form.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Sight {
    /// Nothing: there is no whole address, or the host does not look ahead.
    #[default]
    None,
    Asking,
    Seen(Prospect),
    /// Why it cannot be fetched.
    Refused(String),
}

/// The last look.
#[derive(Debug)]
pub(super) struct Ahead {
    host: HostId,
    url: String,
    task: TaskId,
}

impl App {
    /// Has the address looked at that stands in the open form now; a look at another one is forgotten, with its answer.
    pub(super) fn look_ahead(&mut self, effects: &mut Vec<Effect>) {
        let wanted = self.address_typed();
        if self.ahead.as_ref().map(|ahead| (&ahead.host, &ahead.url)) == wanted.as_ref().map(|(host, url)| (host, url))
        {
            return;
        }
        if let Some(old) = self.ahead.take() {
            self.tasks.forget(old.task);
        }
        self.sight(Sight::None);
        let Some((host, url)) = wanted else { return };
        if self.hosts.get(&host).is_none_or(|host| host.refusal(Op::ProbeImage).is_some()) {
            return;
        }
        let request = Request::ProbeImage { url: url.clone() };
        let (task, _) = self.ask(host.clone(), request.clone());
        effects.push(Effect::CallSoon { host: host.clone(), task, request });
        self.ahead = Some(Ahead { host, url, task });
        self.sight(Sight::Asking);
    }

    /// Takes the answer to the last look; whether it was one.
    pub(super) fn looked_ahead(&mut self, task: TaskId, result: &Result<Reply>) -> bool {
        if self.ahead.as_ref().is_none_or(|ahead| ahead.task != task) {
            return false;
        }
        self.tasks.forget(task);
        self.sight(match result {
            Ok(Reply::Probed(prospect)) => Sight::Seen(prospect.clone()),
            Ok(_) => Sight::None,
            Err(error) => Sight::Refused(clean_line(&error.message).into_owned()),
        });
        true
    }

    /// The whole address in the open form, with its host.
    fn address_typed(&self) -> Option<(HostId, String)> {
        let dialog = self.dialog.as_ref()?;
        let (Purpose::Fetch { .. }, Body::Form(form)) = (&dialog.purpose, &dialog.body) else { return None };
        let field = form.fields.iter().find(|field| field.spec.name == "url")?;
        let url = field.value();
        // The name of a server alone is still being typed.
        let has_path = url.split_once("://").is_none_or(|(_, rest)| rest.contains('/'));
        (has_path && field.spec.check(&url).is_ok()).then(|| (dialog.host.clone(), url))
    }

    fn sight(&mut self, seen: Sight) {
        if let Some(dialog) = &mut self.dialog
            && let Purpose::Fetch { sight, .. } = &mut dialog.purpose
        {
            *sight = seen;
            dialog.tell();
            self.changed = true;
        }
    }
}
