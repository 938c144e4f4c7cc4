//! What servers of both builds answered when they were recorded, and that nothing they may say breaks the reader.
use crate::support::{
    fake_govirthost::{BUILDS, xml},
    spoilt::{self, spoilt},
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use proptest::prelude::*;
use serde_json::{Value, json};
use vmdeck::{
    backend::{
        domain_xml::{Description, check_edited, differences, lasting, with_cpus, with_memory},
        govirthost::wire::{self, Build},
    },
    domain::{ByteSize, PowerState},
};

const RECORDED: [(Build, &str); 2] = [
    (Build::First, include_str!("../../fixtures/govirthost/first.jsonl")),
    (Build::Last, include_str!("../../fixtures/govirthost/last.jsonl")),
];

/// What went over the wire between curl and a govirthost, in the order of its time. The recorder cut long requests off:
/// the ends of their descriptions are written anew.
#[derive(Clone, serde::Deserialize)]
pub(super) struct Exchange {
    pub(super) what: String,
    pub(super) method: String,
    pub(super) body: String,
    /// The same is sent from here; the others are what curl alone would send.
    pub(super) ours: bool,
    /// 0: no answer came.
    pub(super) status: u16,
    pub(super) answer: String,
}

/// All that was recorded of both builds.
pub(super) fn exchanges() -> Vec<(Build, Exchange)> {
    let rows = |(build, text): (Build, &'static str)| {
        text.lines().map(move |line| (build, serde_json::from_str(line).unwrap()))
    };
    RECORDED.into_iter().flat_map(rows).collect()
}

fn recorded() -> Vec<String> {
    exchanges().into_iter().map(|(_, row)| row.answer).filter(|answer| answer.starts_with('{')).collect()
}

fn answers(of: Build) -> Vec<Value> {
    let of = exchanges().into_iter().filter(|(build, row)| *build == of && row.answer.starts_with('{'));
    of.map(|(_, row)| serde_json::from_str(&row.answer).unwrap()).collect()
}

#[test]
fn recorded_answers_are_read() {
    for build in BUILDS {
        let answers = answers(build);
        assert!(answers.iter().all(|answer| wire::domains(answer).is_ok_and(|(_, told)| told == build)));
        let machines: Vec<_> = answers.iter().flat_map(|answer| wire::domains(answer).unwrap().0).collect();
        let gamma = machines.iter().find(|row| row.name == if build == Build::First { "gamma" } else { "alpha" });
        let gamma = gamma.unwrap();
        assert_eq!((gamma.uuid.len(), gamma.run, wire::power(&gamma.state).0), (36, -1, PowerState::Off));
        let metal = answers.iter().find_map(|answer| wire::metal(answer).ok()).unwrap();
        assert_eq!(metal.memory.unwrap().total.0, 24_684_084 << 10);
        assert!(metal.uptime.unwrap().as_secs() < 3600 && metal.loads.len() == 3 && metal.swap.is_none(), "{metal:?}");
    }
}

#[test]
fn a_recorded_description_of_a_run_becomes_one_that_can_be_defined() {
    let recorded = answers(Build::Last);
    let live = recorded.iter().find_map(|answer| wire::xml(answer).ok()).unwrap();
    let kept = lasting(&live).unwrap();
    assert!(live.contains("<domain type='kvm' id='1'>") && live.contains("<alias"), "{live}");
    for gone in ["<domain type='kvm' id=", "<alias", "/dev/pts", "<label>"] {
        assert!(!kept.contains(gone), "{gone}: {kept}");
    }
    let read = Description::parse(&live).unwrap();
    assert_eq!((read.name.as_str(), read.cpus, read.memory), ("alpha", Some(1), Some(ByteSize(64 << 20))));
    let larger = with_memory(&with_cpus(&kept, 2).unwrap(), ByteSize(128 << 20)).unwrap();
    let checked = check_edited(&larger, "alpha", &read.uuid).unwrap();
    assert_eq!((checked.cpus, checked.memory), (Some(2), Some(ByteSize(128 << 20))));
    assert_eq!(differences(&read, &checked).as_deref(), Some("its number of CPUs is 2"));
}

proptest! {
    #[test]
    fn no_answer_breaks_the_reader(text in "\\PC{0,80}", number in any::<i64>(), which in 0..6_usize) {
        let parts = [json!(text), json!(number), Value::Null, json!([text, number]), json!({"Name": text, "ID": number}),
            json!({"domain": {"Name": text, "UUID": [number, text], "ID": text}, "state": number})];
        let part = &parts[which];
        for key in ["domains", "hostmemoryInfo", "xml"] {
            for value in [json!({ key: part }), json!({ key: [part] }), json!({ key: {"Uptime": part, "Loads": part} })] {
                let _ = (wire::domains(&value), wire::metal(&value), wire::xml(&value));
            }
        }
        let (_, word) = wire::power(&text);
        prop_assert!(word.is_none_or(|word| !word.chars().any(char::is_control)));
    }

    #[test]
    fn no_spoilt_answer_breaks_the_reader(bytes in spoilt(recorded())) {
        let Some(value) = spoilt::json(&bytes) else { return Ok(()) };
        let _ = wire::metal(&value);
        for row in wire::domains(&value).map(|(rows, _)| rows).unwrap_or_default() {
            prop_assert!(!row.name.is_empty());
        }
        let Ok(read) = wire::xml(&value) else { return Ok(()) };
        for made in [lasting(&read), with_cpus(&read, 3)].into_iter().flatten() {
            prop_assert!(Description::parse(&made).is_ok(), "{}", made);
        }
    }

    #[test]
    fn no_description_breaks_what_is_made_of_it(cut in 0..900_usize, byte in any::<char>()) {
        let whole = xml("web");
        let at = (0..=cut.min(whole.len())).rev().find(|at| whole.is_char_boundary(*at)).unwrap();
        let spoilt = format!("{}{byte}{}", &whole[..at], &whole[at..]);
        let sent = json!({"xml": STANDARD.encode(&spoilt)});
        let read = wire::xml(&sent).unwrap();
        prop_assert_eq!(&read, &spoilt);
        let made = [lasting(&read), with_cpus(&read, 3), with_memory(&read, ByteSize(1 << 30))];
        for made in made.into_iter().flatten() {
            prop_assert!(Description::parse(&made).is_ok(), "{}", made);
        }
        let _ = check_edited(&read, "web", "");
    }
}

#[test]
fn hostile_descriptions_are_refused_or_read_and_never_expanded() {
    let deep = format!("<domain>{}{}</domain>", "<a>".repeat(100_000), "</a>".repeat(100_000));
    let wide = format!("<domain>{}</domain>", "<a/>".repeat(300_000));
    let bomb = "<!DOCTYPE d [<!ENTITY a 'aaaa'><!ENTITY b '&a;&a;&a;'>]><domain><name>&b;</name></domain>".to_owned();
    let file = "<!DOCTYPE d [<!ENTITY a SYSTEM 'file:///etc/passwd'>]><domain><name>&a;</name></domain>".to_owned();
    assert!(lasting(&deep).is_ok() && check_edited(&deep, "web", "").is_err(), "depth is no danger");
    for hostile in [wide, bomb, file, "<domain>\u{1}</domain>".to_owned(), "\u{feff}<domain".to_owned()] {
        let shown: String = hostile.chars().take(40).collect();
        assert!(Description::parse(&hostile).is_err() && lasting(&hostile).is_err(), "{shown}");
        assert!(check_edited(&hostile, "web", "").is_err(), "{shown}");
    }
}
