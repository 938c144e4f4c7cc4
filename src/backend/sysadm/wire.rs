//! What a SysAdm server says, read leniently: texts or numbers, as documented and as servers really answer.
use crate::backend::iohyve;
pub use crate::backend::iohyve::Row;
use crate::domain::{ByteSize, Error, ErrorKind, Progress, Result, clean, clean_line};
use serde_json::{Map, Value};
use std::collections::{BTreeMap, BTreeSet};

/// A frame from the server.
#[derive(Clone, Debug, PartialEq)]
pub enum Frame {
    /// The answer to the request with this id, or why it is none.
    Answer { id: String, result: Result<Value> },
    /// An event of the server's jobs.
    Job(JobEvent),
    /// Something else that is valid, such as an event nobody asked for.
    Other,
}

/// What an event says about a job.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct JobEvent {
    pub id: String,
    pub command: Option<String>,
    pub is_finished: bool,
    pub progress: Progress,
    /// The whole log at the end; before that what is new of it.
    pub log: String,
    /// What the commands returned: the first that is not 0.
    pub code: Option<i64>,
}

/// Reads a frame. An error means that this is no SysAdm server, or a broken one.
pub fn frame(text: &str) -> Result<Frame> {
    let wrong = || Error::new(ErrorKind::Protocol, "the server sent something that is no SysAdm message");
    let Ok(Value::Object(mut whole)) = serde_json::from_str::<Value>(text) else { return Err(wrong()) };
    let word = |key: &str| whole.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
    let (namespace, name, id) = (word("namespace"), word("name"), text_of(whole.get("id")).unwrap_or_default());
    let args = whole.remove("args").unwrap_or(Value::Null);
    if namespace == "events" && name == "dispatcher" {
        return Ok(job_event(&args).map_or(Frame::Other, Frame::Job));
    }
    if name == "error" {
        return Ok(Frame::Answer { id, result: Err(refusal(&args)) });
    }
    Ok(if id.is_empty() { Frame::Other } else { Frame::Answer { id, result: Ok(args) } })
}

/// The error of a request that the server did not take: nothing was done.
fn refusal(args: &Value) -> Error {
    let code = text_of(args.get("code")).unwrap_or_default();
    let message = text_of(args.get("message")).unwrap_or_default();
    status(code.parse().unwrap_or(0), &message)
}

/// A status of HTTP, which both transports use.
pub fn status(code: u16, message: &str) -> Error {
    match code {
        400 => Error::new(ErrorKind::Unsupported, "the server does not know this request (400)"),
        401 => Error::new(ErrorKind::Unauthorized, "the server wants another sign-in (401)"),
        403 => Error::refused("this user may not do that (403)"),
        404 => Error::new(ErrorKind::Unsupported, "the server does not offer this (404)"),
        _ => Error::refused(format_args!("the server refuses with {code} {}", clean(message, 200))),
    }
}

/// The text of a value that may have been sent as a number or a truth.
pub fn text_of(value: Option<&Value>) -> Option<String> {
    match value? {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(flag) => Some(flag.to_string()),
        _ => None,
    }
}

/// What stands below `action` in an answer; iohyve's own refusal is an error.
pub fn below(action: &str, args: &Value) -> Result<Value> {
    let found = args.get(action).ok_or_else(|| odd(action))?;
    match text_of(found.get("error")) {
        Some(why) => Err(Error::refused(format_args!("{action}: {}", clean(&why, 400)))),
        None => Ok(found.clone()),
    }
}

/// An answer of another form than it should have.
pub fn odd(action: &str) -> Error {
    Error::new(ErrorKind::Protocol, format_args!("the server answered {action} with something else"))
}

/// The machines that `listvms` tells. Rows without states are lines of some error text, not machines.
pub fn rows(listvms: &Value) -> Result<Vec<Row>> {
    let map = listvms.as_object().ok_or_else(|| odd("listvms"))?;
    let row = |(name, value): (&String, &Value)| {
        Some(Row {
            name: name.clone(),
            is_loaded: yes(value.get("vmm"))?,
            is_running: yes(value.get("running"))?,
            loader: iohyve::Loader::Untold,
            starts_at_boot: yes(value.get("rcboot")).unwrap_or(false),
            description: clean_line(&text_of(value.get("description")).unwrap_or_default()).into_owned(),
        })
    };
    Ok(map.iter().filter_map(row).collect())
}

/// `YES`, `true`, `1` and their opposites.
pub fn yes(value: Option<&Value>) -> Option<bool> {
    iohyve::values::yes(&text_of(value)?)
}

/// The names in a list.
pub fn names(value: &Value, action: &str) -> Result<Vec<String>> {
    let list = value.as_array().ok_or_else(|| odd(action))?;
    Ok(list.iter().filter_map(|name| text_of(Some(name))).filter(|name| !name.trim().is_empty()).collect())
}

/// The disks that `listdisks` tells, by name. A missing machine is answered with junk, which has no disk's name.
pub fn disks(listdisks: &Value) -> Result<BTreeMap<u32, String>> {
    let map = listdisks.as_object().ok_or_else(|| odd("listdisks"))?;
    let disk = |(name, size): (&String, &Value)| {
        let digits = name.strip_prefix("disk").filter(|d| d.bytes().all(|b| b.is_ascii_digit()))?;
        Some((digits.parse().ok()?, text_of(Some(size))?))
    };
    Ok(map.iter().filter_map(disk).collect())
}

fn job_event(args: &Value) -> Option<JobEvent> {
    let details = args.get("process_details").and_then(Value::as_object).or_else(|| args.as_object())?;
    let id = text_of(details.get("process_id")).or_else(|| text_of(args.get("process_id")))?;
    let state = text_of(args.get("state")).or_else(|| text_of(details.get("state"))).unwrap_or_default();
    let commands: Vec<_> = details.get("cmd_list").and_then(Value::as_array).into_iter().flatten().collect();
    let command = commands.first().and_then(|c| c.as_str()).map(str::to_owned);
    // Each once, however often the list names it.
    let names: BTreeSet<&str> = commands.iter().filter_map(|c| c.as_str()).collect();
    let logs = names.iter().filter_map(|name| details.get(*name)?.as_str());
    let log = logs.fold(String::new(), |all, log| all + log);
    let note = last_line(&log);
    Some(JobEvent {
        id,
        command,
        is_finished: state == "finished",
        progress: progress(args, note),
        code: code(details),
        log,
    })
}

/// The last line that says something.
pub fn last_line(log: &str) -> Option<String> {
    let line = log.lines().rev().map(str::trim).find(|line| !line.is_empty())?;
    let words: Vec<_> = line.split_whitespace().collect();
    Some(clean_line(&words.join(" ")).into_owned())
}

fn code(details: &Map<String, Value>) -> Option<i64> {
    let codes = details.iter().filter(|(key, _)| key.starts_with("return_codes/"));
    let codes: Vec<i64> = codes.filter_map(|(_, code)| text_of(Some(code))?.trim().parse().ok()).collect();
    codes.iter().find(|code| **code != 0).or(codes.first()).copied()
}

/// Share and rate where the server gives them: `16% of 5000  B` and `1659  Bps`, or bare numbers.
fn progress(args: &Value, note: Option<String>) -> Progress {
    let percent = text_of(args.get("percent_done")).unwrap_or_default();
    let (share, whole) = percent.split_once("of").unwrap_or((&percent, ""));
    let share = share.trim().trim_end_matches('%').trim_end().parse::<f64>().ok();
    let total = amount(whole);
    let done = share.zip(total).map(|(share, total)| whole_bytes(share.clamp(0.0, 100.0) / 100.0 * total));
    let rate = text_of(args.get("download_rate")).and_then(|rate| amount(rate.trim().trim_end_matches("ps")));
    Progress { done, total: total.map(whole_bytes), share, rate, note, job: None }
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "no amount is below 0 or above 1e18")]
fn whole_bytes(amount: f64) -> ByteSize {
    ByteSize(amount as u64)
}

/// `2929 kB`, `5000  B`, `1.5 MB`, `731`: a number of bytes. The units are powers of 1024.
fn amount(text: &str) -> Option<f64> {
    let text = text.trim();
    let digits = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, unit) = text.split_at_checked(digits)?;
    let scale = match unit.trim().to_ascii_uppercase().trim_end_matches('B') {
        "" => 0,
        "K" => 10,
        "M" => 20,
        "G" => 30,
        "T" => 40,
        _ => return None,
    };
    let bytes = number.parse::<f64>().ok()? * ByteSize(1 << scale).as_f64();
    (bytes.is_finite() && bytes < 1e18).then_some(bytes)
}

/// Jobs of the dispatcher that have not ended: id and first command.
pub fn listed_jobs(args: &Value) -> Vec<(String, Option<String>)> {
    let queues = args.get("jobs").and_then(Value::as_object).into_iter().flat_map(Map::values);
    let jobs = queues.filter_map(Value::as_object).flatten();
    let alive = jobs.filter(|(_, job)| text_of(job.get("state")).as_deref() != Some("finished"));
    alive.map(|(id, job)| (id.clone(), text_of(job.get("commands").and_then(|c| c.get(0))))).collect()
}

/// The ends of jobs in the dispatcher's log: what the last event of each said, as text or not.
pub fn logged_ends(args: &Value) -> Vec<JobEvent> {
    let entries = args.get("dispatcher").and_then(Value::as_object).into_iter().flat_map(Map::values);
    let ends = entries.filter_map(|entry| match entry {
        Value::String(text) => job_event(&serde_json::from_str(text).ok()?),
        other => job_event(other),
    });
    ends.filter(|event| event.is_finished).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn progress_is_read_in_all_its_forms() {
        let read =
            |percent: Value, rate: Value| progress(&json!({"percent_done": percent, "download_rate": rate}), None);
        let said = read(json!("16% of 5000  B"), json!("1659  Bps"));
        assert_eq!((said.share, said.total, said.rate), (Some(16.0), Some(ByteSize(5000)), Some(1659.0)));
        assert_eq!(read(json!("50% of 2 kB"), json!("731 kBps")).done, Some(ByteSize(1024)));
        assert_eq!(read(json!(42), json!(1000)).share, Some(42.0));
        assert_eq!(read(json!(""), json!("")), Progress::default());
        assert_eq!(read(json!("nan%"), json!("9e999 Bps")).rate, None);
    }

    #[test]
    fn errors_come_with_codes_as_texts_or_numbers() {
        for code in [json!("401"), json!(401)] {
            let text =
                json!({"args": {"code": code, "message": "Unauthorized"}, "id": "7", "name": "error"}).to_string();
            let Frame::Answer { id, result } = frame(&text).unwrap() else { panic!("an answer is wanted") };
            assert_eq!((id.as_str(), result.unwrap_err().kind), ("7", ErrorKind::Unauthorized));
        }
        assert!(frame("hello").is_err() && frame("[]").is_err() && frame("").is_err());
        assert_eq!(frame("{}").unwrap(), Frame::Other);
    }

    #[test]
    fn junk_is_neither_a_machine_nor_a_disk() {
        assert_eq!(disks(&json!({"Not": "a"})).unwrap().len(), 0);
        assert_eq!(disks(&json!({"disk10": "1G", "disk2": "2G", "diskette": "x"})).unwrap().len(), 2);
        assert_eq!(
            rows(&json!({"cannot": {"description": "open"}, "a": {"vmm": "YES", "running": "NO"}})).unwrap().len(),
            1
        );
    }
}
