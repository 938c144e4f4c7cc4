//! A host made ready for machines, and the questions that hosts ask.
use crate::{
    app::{
        App, Effect,
        dialog::{Body, Confirm, Dialog, Note, Prompt, Purpose, Tone},
    },
    domain::{HostId, Link, Op, QuestionKind, Request, SetupReport, clean_line},
};

impl App {
    /// Asks the host what it lacks; what comes back is offered.
    pub(super) fn set_up(&mut self, host: HostId) -> Vec<Effect> {
        let body = Body::Reading("looking at what is there");
        let dialog = Dialog::new(format!("Set up {host}"), host, Purpose::SetUp, body);
        self.open_and_ask(dialog, Request::CheckSetup)
    }

    /// What is there, what is not, and the command that would bring it.
    pub(super) fn offer_set_up(&mut self, host: &HostId, report: &SetupReport) {
        let ascii = self.settings.ascii;
        let lines = report.items.iter().map(|item| {
            let (tone, mark) = match (item.present, item.required) {
                (true, _) => (Tone::Good, if ascii { "+" } else { "✔" }),
                (false, true) => (Tone::Bad, if ascii { "x" } else { "✖" }),
                (false, false) => (Tone::Warning, if ascii { "-" } else { "–" }),
            };
            Note::new(tone, format!("{mark} {}: {}", clean_line(&item.name), clean_line(&item.detail)))
        });
        let mut notes: Vec<Note> = lines.collect();
        let Some(command) = &report.command else {
            let text = match report.is_ready() {
                true => format!("{host} is set up: machines can run here"),
                false => match &report.obstacle {
                    Some(why) => format!("{host} lacks something: {}", clean_line(why)),
                    None => format!("{host} lacks something, and how to get it is not known"),
                },
            };
            notes.push(Note::plain(text));
            let mut confirm = Confirm::new(format!("{host} as it is"), "look again");
            confirm.notes = notes;
            self.dialog = Some(Dialog::new(
                format!("Set up {host}"),
                host.clone(),
                Purpose::Call(Request::CheckSetup),
                Body::Confirm(confirm),
            ));
            return;
        };
        notes.push(Note::plain("This will be run:"));
        notes.push(Note::new(Tone::Good, clean_line(command)));
        notes.extend(report.caution.as_deref().map(|c| Note::warning(clean_line(c))));
        notes.extend(self.caution(host, Op::SetUp));
        let mut confirm = Confirm::new(format!("Install what {host} lacks?"), "install");
        confirm.notes = notes;
        self.dialog = Some(Dialog::new(format!("Set up {host}"), host.clone(), Purpose::SetUp, Body::Confirm(confirm)));
    }

    /// Opens the dialog of a host that waits for an answer, and closes one whose question is no more.
    pub(in crate::app) fn follow_questions(&mut self) {
        if let Some(Dialog { purpose: Purpose::Answer(number, _), host, .. }) = &self.dialog {
            let asked = self.hosts.get(host).and_then(|h| h.question()).map(|q| q.number);
            if asked != Some(*number) {
                self.dialog = None;
            }
        }
        if self.dialog.is_some() {
            return;
        }
        let waiting = self.hosts.iter().find_map(|host| match &host.link {
            Link::Asks(question) if !self.was_asked(host.id(), question.number) => {
                Some((host.id().clone(), question.clone()))
            }
            _ => None,
        });
        let Some((host, question)) = waiting else { return };
        self.asked.push((host.clone(), question.number));
        let text = clean_line(&question.text).into_owned();
        let body = match question.kind {
            QuestionKind::Confirm => Body::Confirm(Confirm::new(text, "yes")),
            kind => Body::Prompt(Prompt::new(vec![Note::plain(text)], kind == QuestionKind::Secret, "send")),
        };
        let purpose = Purpose::Answer(question.number, question.kind);
        self.dialog = Some(Dialog::new(format!("{host} asks"), host, purpose, body));
    }

    fn was_asked(&self, host: &HostId, number: u64) -> bool {
        self.asked.iter().any(|(h, n)| h == host && *n == number)
    }
}
