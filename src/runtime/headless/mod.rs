//! The same actors and guards without a screen: `vmdeck call`, `vmdeck hosts`, and the table.
mod ask;
mod json;
mod moves;
mod room;
mod seen;
mod table;
mod text;
mod usage;
mod words;

pub(super) use ask::answer;
pub use table::{hosts, machines};
pub use usage::{NOTES, help, operations, usage};
pub use words::{Asked, parse};

use super::{Hosts, Policy, spawn};
use crate::{
    app::{Effect, Message},
    config::{Config, HostConfig, Paths},
    domain::{
        Error, ErrorKind, HostEvent, HostId, JobId, Link, QuestionKind, Reply, Request, Result, Secret, TaskId,
        TaskState, clean_line,
    },
};
use serde_json::Value;
use std::{
    io::{Read, Write},
    time::Duration,
};
use tokio::{sync::mpsc, time::timeout};
use tokio_util::sync::CancellationToken;

/// How long a call that was interrupted may take to end.
const GRACE: Duration = Duration::from_secs(2);
const TASK: TaskId = TaskId(1);
/// The word of an answer that is read or asked for.
const ASKED: &str = "answer=-";

/// Where a command reads and writes.
pub struct Streams<'a> {
    pub input: &'a mut dyn Read,
    pub out: &'a mut dyn Write,
    pub err: &'a mut dyn Write,
    /// Whether a person looks at `out`: then progress is a line that changes.
    pub is_terminal: bool,
    /// Whether a person is at `input`: then a secret is asked for, and not shown.
    pub is_person: bool,
}

/// A command line of `vmdeck call`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call {
    pub host: String,
    pub op: String,
    pub words: Vec<String>,
    pub json: bool,
    /// Not to wait for what goes on at the host by itself.
    pub detach: bool,
}

/// The exit code that an outcome stands for.
pub fn exit_code(result: &Result<Reply>) -> u8 {
    match result {
        Ok(_) => 0,
        Err(error) => match error.kind {
            ErrorKind::Invalid => 2,
            ErrorKind::Unsupported => 3,
            ErrorKind::Unreachable | ErrorKind::Unauthorized | ErrorKind::NeedsAnswer => 4,
            ErrorKind::Timeout => 5,
            ErrorKind::Cancelled => 130,
            _ => 1,
        },
    }
}

/// Runs one operation on one host; `interrupt` is Ctrl-C. Returns the exit code.
pub async fn call(
    config: &Config,
    paths: &Paths,
    call: &Call,
    streams: &mut Streams<'_>,
    interrupt: CancellationToken,
) -> u8 {
    let (mut request, mut free) = (None, None);
    let is_asked =
        streams.is_person && call.words.iter().any(|word| word == ASKED) && named(config, &call.host).is_ok();
    let asked = match is_asked {
        true => ask::secret(&format!("answer for {}", clean_line(&call.host)), streams.err)
            .await
            .and_then(|typed| parse(&call.op, &call.words, &mut typed.as_bytes())),
        false => parse(&call.op, &call.words, streams.input),
    };
    let (result, seen) = match asked {
        Ok(asked) if call.detach && !asked.request.is_fetch() => {
            let op = asked.request.op().name();
            (Err(Error::invalid(format_args!("--detach: {op} is waited for, only a fetch goes on by itself"))), None)
        }
        Ok(asked) => {
            request = Some(asked.request.clone());
            free = room::left(config, paths, call, &asked.request);
            run_and_look(config, paths, call, asked, streams, interrupt).await
        }
        Err(error) => (Err(error), None),
    };
    let caution = match (&request, &result) {
        (Some(request), Ok(reply)) => room::caution(call, request, reply, free),
        _ => None,
    };
    tell(call, request.as_ref(), &result, (seen, caution), streams);
    exit_code(&result)
}

/// A closed pipe is no reason to fail: whoever read has read enough.
fn tell(
    call: &Call,
    request: Option<&Request>,
    result: &Result<Reply>,
    (seen, caution): (Option<Value>, Option<String>),
    streams: &mut Streams<'_>,
) {
    let _ = if call.json {
        writeln!(streams.out, "{}", json::outcome(&call.host, &call.op, result, (seen, caution)))
    } else {
        if let Some(caution) = caution {
            let _ = writeln!(streams.err, "vmdeck: {caution}");
        }
        match (result, request) {
            (Ok(Reply::GoesOn(job)), _) => writeln!(streams.out, "{}", text::goes_on(&call.host, job)),
            (Ok(reply), Some(request)) => streams.out.write_all(text::done(request, reply).as_bytes()),
            (Ok(reply), None) => streams.out.write_all(text::reply(reply).as_bytes()),
            (Err(error), _) => writeln!(streams.err, "vmdeck: {}", text::failed(&call.host, request, error)),
        }
    };
    let _ = streams.out.flush();
}

/// One host for several requests: what it was told by one it knows at the next.
pub(super) struct Session<'a> {
    hosts: Hosts,
    inbox: mpsc::Receiver<Message>,
    host: &'a HostConfig,
}

impl<'a> Session<'a> {
    pub(super) fn open(config: &'a Config, paths: &Paths, host: &str) -> Result<Self> {
        let host = named(config, host)?;
        let (mut hosts, inbox) = Hosts::new();
        spawn::spawn(&mut hosts, host, config, paths, Policy::headless());
        Ok(Self { hosts, inbox, host })
    }

    /// Runs one request and shows how it goes; the outcome is the caller's to tell.
    pub(super) async fn ask(
        &mut self,
        request: Request,
        interrupt: &CancellationToken,
        streams: &mut Streams<'_>,
    ) -> Result<Reply> {
        let op = request.op().name().to_owned();
        let call = Call { host: self.host.name.to_string(), op, words: Vec::new(), json: false, detach: false };
        let asked = Asked { request, answer: None };
        one(&self.hosts, self.host, &mut self.inbox, &call, asked, streams, interrupt).await
    }

    pub(super) async fn close(self) {
        self.hosts.stop().await;
    }
}

/// Runs one request; and for `--json` reads what a change has left behind, once more where the host can tell it.
async fn run_and_look(
    config: &Config,
    paths: &Paths,
    call: &Call,
    asked: Asked,
    streams: &mut Streams<'_>,
    interrupt: CancellationToken,
) -> (Result<Reply>, Option<Value>) {
    let host = match named(config, &call.host) {
        Ok(host) => host,
        Err(error) => return (Err(error), None),
    };
    let (request, there) = match moves::named(config, host, asked.request) {
        Ok(found) => found,
        Err(error) => return (Err(error), None),
    };
    let asked = Asked { request: request.clone(), ..asked };
    let (mut hosts, mut inbox) = Hosts::new();
    for host in [host].into_iter().chain(there) {
        spawn::spawn(&mut hosts, host, config, paths, Policy::headless());
    }
    let mut ask =
        async |host: &HostConfig, asked| one(&hosts, host, &mut inbox, call, asked, streams, &interrupt).await;
    let result = match (there, request.vm()) {
        (Some(there), Some(vm)) => moves::followed(&mut ask, host, asked, there, vm).await,
        _ => ask(host, asked).await,
    };
    let mut seen = None;
    if let (true, Ok(reply)) = (call.json, &result)
        && let Some(question) = seen::question(&request, reply)
    {
        let asked = Asked { request: question, answer: None };
        let read = one(&hosts, host, &mut inbox, call, asked, streams, &interrupt).await;
        seen = read.ok().and_then(|read| seen::part(&request, reply, &read));
    }
    hosts.stop().await;
    (result, seen)
}

fn named<'a>(config: &'a Config, name: &str) -> Result<&'a HostConfig> {
    let known = config.hosts.iter().find(|host| host.name.as_str() == name);
    known.ok_or_else(|| {
        let names: Vec<_> = config.hosts.iter().map(|host| host.name.to_string()).collect();
        let name = crate::domain::clean(name, 40);
        let are = if names.len() == 1 { "is" } else { "are" };
        Error::invalid(format_args!("no host is called `{name}`: there {are} {}", names.join(", ")))
    })
}

/// Runs one request to its end.
async fn one(
    hosts: &Hosts,
    host: &HostConfig,
    inbox: &mut mpsc::Receiver<Message>,
    call: &Call,
    asked: Asked,
    streams: &mut Streams<'_>,
    interrupt: &CancellationToken,
) -> Result<Reply> {
    let id = host.name.clone();
    let Asked { request, mut answer } = asked;
    if let Some(Message::TaskEnded(_, refused)) = hosts.execute(Effect::Call { host: id.clone(), task: TASK, request })
    {
        return refused;
    }
    let mut shows = Shows { json: call.json, detach: call.detach, is_open: false, job: None };
    let ended = tokio::select! {
        result = end(hosts, &id, inbox, &mut answer, &mut shows, streams) => Some(result),
        () = interrupt.cancelled() => None,
    };
    let result = match (ended, &shows.job) {
        (Some(result), _) => result,
        // It was only watched from here.
        (None, Some(job)) => Err(Error::new(ErrorKind::Cancelled, text::goes_on(&call.host, job))),
        (None, None) => {
            hosts.execute(Effect::Cancel { host: id.clone(), task: TASK });
            let ended = timeout(GRACE, end(hosts, &id, inbox, &mut answer, &mut shows, streams)).await;
            ended.unwrap_or_else(|_| {
                Err(Error::new(ErrorKind::Cancelled, "interrupted; what was sent to the host may still happen"))
            })
        }
    };
    shows.close(streams);
    result
}

/// Waits for the end of the one task, and shows what happens until then.
async fn end(
    hosts: &Hosts,
    host: &HostId,
    inbox: &mut mpsc::Receiver<Message>,
    answer: &mut Option<Secret>,
    shows: &mut Shows,
    streams: &mut Streams<'_>,
) -> Result<Reply> {
    while let Some(message) = inbox.recv().await {
        match message {
            Message::TaskEnded(_, result) => return result,
            Message::TaskProgress(_, progress) => {
                shows.job = progress.job.clone().or(shows.job.take());
                if let Some(job) = shows.job.as_ref().filter(|_| shows.detach) {
                    return Ok(Reply::GoesOn(job.clone()));
                }
                if shows.json {
                    line(streams, &json::progress(&progress));
                    continue;
                }
                let percent = progress.percent().map(|p| format!("{p} %")).unwrap_or_default();
                let note = progress.note.clone().unwrap_or_default();
                shows.over(streams, &[percent, progress.figures(), note]);
            }
            Message::TaskState(_, TaskState::Looking(why)) if !shows.json => shows.over(streams, &[why]),
            Message::Host(_, HostEvent::Link(Link::Asks(question)) | HostEvent::Asks(question)) => {
                let is_choice = question.kind == QuestionKind::Confirm;
                let fits = |given: &mut Secret| !is_choice || matches!(given.expose().trim(), "yes" | "no");
                // The same answer is not given twice: it was wrong.
                let Some(secret) = answer.take_if(fits) else {
                    let what = if is_choice { "answer yes or no" } else { "give it" };
                    let text = format_args!("{host} asks: {} ({what} with answer=@file or answer=-)", question.text);
                    return Err(Error::new(ErrorKind::NeedsAnswer, text));
                };
                let (host, question) = (host.clone(), question.number);
                hosts.execute(Effect::Answer { host, question, answer: Some(secret) });
            }
            _ => {}
        }
    }
    Err(Error::new(ErrorKind::Panicked, "the host's task ended without a word"))
}

/// What is shown while a call runs.
struct Shows {
    json: bool,
    detach: bool,
    /// What the host calls the work, where it goes on by itself.
    job: Option<JobId>,
    /// The cursor stands on a line that the next one replaces.
    is_open: bool,
}

impl Shows {
    /// Replaces the last line, on a terminal; nowhere else.
    fn over(&mut self, streams: &mut Streams<'_>, parts: &[String]) {
        if streams.is_terminal {
            let parts: Vec<_> =
                parts.iter().filter(|part| !part.is_empty()).map(|p| crate::domain::clean(p, 60)).collect();
            let _ = write!(streams.out, "\r\x1b[K{}", parts.join("  ")).and_then(|()| streams.out.flush());
            self.is_open = true;
        }
    }

    fn close(&mut self, streams: &mut Streams<'_>) {
        if std::mem::take(&mut self.is_open) {
            let _ = write!(streams.out, "\r\x1b[K");
        }
    }
}

fn line(streams: &mut Streams<'_>, value: &serde_json::Value) {
    let _ = writeln!(streams.out, "{value}").and_then(|()| streams.out.flush());
}
