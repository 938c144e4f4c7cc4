//! The user's own ssh: what it asks a person, and what it says when it does not get through.
use super::{EventSink, asking::Asking};
use crate::{
    domain::{Error, ErrorKind, HostEvent, Link, QuestionKind, Result, Secret, clean_line},
    transport::{
        Program,
        askpass::{Askpass, Prompt, Wants},
    },
};
use std::{
    collections::{HashMap, HashSet},
    path::PathBuf,
    sync::{Mutex, MutexGuard, PoisonError},
};

/// What ssh says last when it gives up over a host's key, whatever is wrong with that.
const UNPROVEN: &str = "Host key verification failed";
/// The end of its question whether a host's key is right.
const IS_IT: &str = "Are you sure you want to continue connecting";
const IS_NEW: &str = "This key is not known by any other names";

/// By what a person is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// vmdeck's own program, which ssh starts to ask.
    pub own: PathBuf,
    /// A folder of this user, for the sockets by which it asks.
    pub run: PathBuf,
}

/// The questions of ssh for one host.
#[derive(Debug)]
pub(super) struct Ssh {
    settings: Settings,
    asking: Asking,
    /// What a person typed, by the question, until it turns out to be wrong: for when the connection has to be made anew.
    typed: Mutex<HashMap<String, Secret>>,
}

/// How ssh is started while its questions are listened to.
pub(super) struct Asks<'a> {
    askpass: Askpass,
    own: &'a PathBuf,
}

impl Asks<'_> {
    pub(super) fn lead(&self, ssh: Program) -> Program {
        self.askpass.lead(ssh, self.own)
    }
}

impl Ssh {
    pub(super) fn new(settings: Settings) -> Self {
        Self { settings, asking: Asking::default(), typed: Mutex::default() }
    }

    fn typed(&self) -> MutexGuard<'_, HashMap<String, Secret>> {
        self.typed.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn answer(&self, question: u64, answer: Option<Secret>) {
        self.asking.answer(question, answer);
    }

    /// What was typed for a question before. Asked again by the same ssh, it was wrong.
    fn known(&self, text: &str, is_again: bool) -> Option<Secret> {
        let mut typed = self.typed();
        if is_again { typed.remove(text).and(None) } else { typed.get(text).cloned() }
    }

    /// Does `work`, in which ssh may ask: the person behind `events`, or with None only what was typed before.
    ///
    /// # Errors
    /// [`ErrorKind::NeedsAnswer`] as soon as one is refused; without a person [`ErrorKind::Unreachable`]: connecting anew
    /// asks.
    pub(super) async fn asked<T>(
        &self,
        events: Option<&EventSink>,
        work: impl AsyncFnOnce(&Asks<'_>) -> Result<T>,
    ) -> Result<T> {
        let asks = Asks { askpass: Askpass::new(&self.settings.run)?, own: &self.settings.own };
        let done = tokio::select! {
            done = work(&asks) => done,
            error = self.serve(&asks.askpass, events) => Err(error),
        };
        if done.as_ref().is_err_and(|error| error.kind == ErrorKind::Unauthorized) {
            self.typed().clear();
        }
        done
    }

    /// Answers questions one after the other, until one is refused: ssh would go on with the next way to sign in.
    async fn serve(&self, askpass: &Askpass, events: Option<&EventSink>) -> Error {
        let mut asked = HashSet::new();
        loop {
            let prompt = askpass.next().await;
            if let Err(error) = self.one(prompt, events, &mut asked).await {
                return error;
            }
        }
    }

    async fn one(
        &self,
        mut prompt: Prompt,
        events: Option<&EventSink>,
        asked: &mut HashSet<(u32, String)>,
    ) -> Result<()> {
        let (kind, mut text) = question(&prompt);
        let is_again = !asked.insert((prompt.asker, text.clone()));
        if let Some(secret) = self.known(&text, is_again) {
            return prompt.answer(&secret).await.or(Ok(()));
        }
        let Some(events) = events else {
            let why = format_args!("ssh has a question, which is put when the connection is made anew: {text}");
            return Err(Error::new(ErrorKind::Unreachable, why));
        };
        let name = text.clone();
        if is_again {
            text.insert_str(0, "That was not right. ");
        }
        let answered = tokio::select! {
            answered = self.asking.ask(events, kind, text) => answered?,
            // ssh has its answer from elsewhere: the key was touched.
            () = prompt.gone() => {
                let _ = events.send(HostEvent::Link(Link::Connecting)).await;
                return Ok(());
            }
        };
        let refused = |why| Err(Error::new(ErrorKind::NeedsAnswer, why));
        match (answered, prompt.wants) {
            // It is still waited for.
            (Some(_), Wants::Nothing) => {
                prompt.gone().await;
                Ok(())
            }
            (Some(answer), _) if kind == QuestionKind::Confirm && answer.expose().trim() != "yes" => {
                refused(format!("it was not agreed to: {name}"))
            }
            (Some(answer), _) => {
                // A code from a device is another one each time; that shows when it is asked for again.
                if kind == QuestionKind::Secret {
                    self.typed().insert(name, answer.clone());
                }
                let line = answer.expose().lines().next().unwrap_or_default();
                prompt.answer(&Secret::new(line.to_owned())).await.or(Ok(()))
            }
            (None, _) if kind == QuestionKind::Confirm => refused(format!("it was not agreed to: {name}")),
            (None, _) => refused(format!("no answer was given: {name}")),
        }
    }
}

/// A question of ssh, for a person.
fn question(prompt: &Prompt) -> (QuestionKind, String) {
    let lines = || prompt.text.lines().map(str::trim).filter(|line| !line.is_empty());
    let all = || clean_line(&lines().collect::<Vec<_>>().join(" ")).trim_end_matches(':').to_owned();
    match prompt.wants {
        Wants::Line if prompt.text.contains(IS_IT) => (QuestionKind::Confirm, about_key(lines()).unwrap_or_else(all)),
        // Whether it may be seen while it is typed, ssh does not say.
        Wants::Line => (QuestionKind::Secret, all()),
        Wants::Leave | Wants::Nothing => (QuestionKind::Confirm, all()),
    }
}

/// The question about the key of a host: whose it is, its fingerprint, and what else ssh knows of it.
fn about_key<'a>(lines: impl Iterator<Item = &'a str>) -> Option<String> {
    let (mut host, mut key, mut rest) = (None, None, Vec::new());
    for line in lines {
        if let Some((_, named)) = line.split_once("authenticity of host '") {
            host = named.split_once('\'').map(|(host, _)| host);
        } else if let Some((kind, print)) = line.split_once(" key fingerprint is ") {
            key = Some((kind, print.trim_end_matches('.')));
        } else if !line.starts_with(IS_NEW) && !line.contains(IS_IT) {
            rest.push(line);
        }
    }
    let ((kind, print), host) = (key?, host?);
    // Where it has no other address, ssh tells its name twice.
    let host = host
        .split_once(" (")
        .filter(|(name, address)| *name == address.trim_end_matches(')'))
        .map_or(host, |(name, _)| name);
    let text = format!("{host} shows a key for the first time. Is it the host's? {kind} {print} {}", rest.join(" "));
    Some(clean_line(text.trim_end()).into_owned())
}

/// Why ssh ended, with what helps. `last` is the last line that it wrote, `all` is all that it wrote: the last line is the
/// same for a key that is new and for one that has changed. None: ssh itself was not the trouble, or it passes.
pub(super) fn lasting(last: &str, all: &str) -> Option<Error> {
    let cure = match () {
        () if all.contains(UNPROVEN) && all.contains("REMOTE HOST IDENTIFICATION HAS CHANGED") => {
            "its key is another one than before: someone may stand in between, so find out why before you accept it"
        }
        () if all.contains(UNPROVEN) && all.contains("REVOKED HOST KEY") => {
            "its key is marked as revoked: do not sign in before you know why"
        }
        () if all.contains(UNPROVEN) => "sign in by hand once, to see its key and accept it",
        // Which ways to sign in were tried stands in brackets.
        () if all.contains("Permission denied (") => {
            "neither a key of yours nor what was typed lets this user in there"
        }
        () if all.contains("Too many authentication failures") => {
            "the agent has too many keys: name the right one for this host in ~/.ssh/config"
        }
        () => return None,
    };
    // Not tried again by itself: that would go on for ever, and may lock the account.
    Some(Error::new(ErrorKind::Unauthorized, format_args!("{last}: {cure}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_question_about_a_key_is_told_in_short_with_all_that_ssh_knows() {
        let print = "SHA256:LMJ3g+whdO2KZFS9cgsxyFAjzoaRNPlfA7/9AukryBE";
        let asked = |host: &str, known: &str| {
            let text = format!(
                "The authenticity of host '{host}' can't be established.\nED25519 key fingerprint is {print}.\n{known}\n\
                Are you sure you want to continue connecting (yes/no/[fingerprint])? "
            );
            about_key(text.lines().map(str::trim)).unwrap()
        };
        let new = asked("[::1]:22 ([::1]:22)", "This key is not known by any other names.");
        assert_eq!(new, format!("[::1]:22 shows a key for the first time. Is it the host's? ED25519 {print}"));
        let known = "This host key is known by the following other names/addresses:\n    ~/.ssh/known_hosts:1: old";
        let more = asked("far (192.0.2.7)", known);
        assert!(more.starts_with("far (192.0.2.7) shows") && more.ends_with("known_hosts:1: old"), "{more}");
        assert_eq!(about_key("Are you sure?".lines()), None, "another ssh asks in its own words");
    }

    #[test]
    fn what_ssh_says_at_last_is_explained_by_all_that_it_said() {
        let unproven = "Host key verification failed.";
        let cure = |all: &str| lasting(unproven, all).unwrap().message;
        assert!(cure(unproven).ends_with("to see its key and accept it"));
        assert!(
            cure(&format!("WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED!\n{unproven}"))
                .contains("before you accept it")
        );
        assert_eq!(lasting("Connection refused", "Connection refused"), None);
    }
}
