//! A host made ready for machines, and the questions that hosts ask.
use crate::{
    app::{
        App, Effect,
        dialog::{Body, Confirm, Dialog, Form, Note, Prompt, Purpose, Tone},
    },
    domain::{HostId, Op, QuestionKind, Request, SetupItem, SetupReport, clean_line},
};

fn set_up_with(report: SetupReport, told: Vec<Note>) -> Purpose {
    Purpose::SetUp { report: Box::new(report), told }
}

/// What a host has and lacks, a line each.
fn found(report: &SetupReport, ascii: bool) -> Vec<Note> {
    let line = |item: &SetupItem| {
        let (tone, mark) = match (item.present, item.required) {
            (true, _) => (Tone::Good, if ascii { "+" } else { "✔" }),
            (false, true) => (Tone::Bad, if ascii { "x" } else { "✖" }),
            (false, false) => (Tone::Warning, if ascii { "-" } else { "–" }),
        };
        Note::new(tone, format!("{mark} {}: {}", clean_line(&item.name), clean_line(&item.detail)))
    };
    report.items.iter().map(line).collect()
}

/// Why nothing is offered.
fn verdict(host: &HostId, report: &SetupReport) -> String {
    match (report.is_ready(), &report.obstacle) {
        (true, _) => format!("{host} is set up: machines can run here"),
        (false, Some(why)) => format!("{host} lacks something: {}", clean_line(why)),
        (false, None) => format!("{host} lacks something, and how to get it is not known"),
    }
}

impl App {
    /// Asks the host what it lacks; what comes back is offered.
    pub(super) fn set_up(&mut self, host: HostId) -> Vec<Effect> {
        let body = Body::Reading("looking at what is there");
        let dialog = Dialog::new(format!("Set up {host}"), host, set_up_with(SetupReport::default(), Vec::new()), body);
        self.open_and_ask(dialog, Request::CheckSetup)
    }

    /// What is there, what is not, and the command that would bring it: to be agreed to, or filled in first.
    pub(super) fn offer_set_up(&mut self, host: &HostId, report: SetupReport) {
        let mut told = found(&report, self.settings.ascii);
        let title = format!("Set up {host}");
        let cautions = report.caution.as_deref().map(|c| Note::warning(clean_line(c))).into_iter();
        let cautions: Vec<_> = cautions.chain(self.caution(host, Op::SetUp)).collect();
        let (purpose, body) = match &report.command {
            None => {
                told.push(Note::plain(verdict(host, &report)));
                let mut confirm = Confirm::new(format!("{host} as it is"), "look again");
                confirm.notes = told;
                (Purpose::Call(Request::CheckSetup), Body::Confirm(confirm))
            }
            Some(_) if !report.fields.is_empty() => {
                told.extend(cautions);
                let form = Form::new(report.fields.clone(), "set up");
                (set_up_with(report, told), Body::Form(form))
            }
            Some(command) => {
                told.push(Note::plain("This will be run:"));
                told.push(Note::new(Tone::Good, clean_line(command)));
                told.extend(cautions);
                let mut confirm = Confirm::new(format!("Install what {host} lacks?"), "install");
                confirm.notes = told;
                (set_up_with(report, Vec::new()), Body::Confirm(confirm))
            }
        };
        self.dialog = Some(Dialog::new(title, host.clone(), purpose, body));
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
        let waiting = self.hosts.iter().find_map(|host| {
            let question = host.question().filter(|question| !self.was_asked(host.id(), question.number))?;
            Some((host.id().clone(), question.clone()))
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
