//! The monitor's client against a monitor that misbehaves.
use crate::support::{fake_qmp::fake, qemu::eventually};
use serde_json::json;
use std::{future::pending, path::Path, time::Duration};
use vmdeck::{backend::qemu::Qmp, domain::ErrorKind};

const PATIENCE: Duration = Duration::from_secs(5);

async fn connect(socket: &Path) -> Qmp {
    Qmp::connect(socket, PATIENCE).await.unwrap()
}

#[tokio::test]
async fn what_is_unknown_is_passed_over_and_events_come_first() {
    let (_folder, socket, _tasks) = fake(async |mut talk| {
        talk.open().await;
        let id = talk.hear().await["id"].clone();
        talk.say("no json at all\r\n[1,2]\r\n{\"return\":1,\"id\":999}\r\n").await;
        talk.say(r#"{"event":"FROM_THE_FUTURE","data":{"x":[{}]},"timestamp":{"seconds":1,"microseconds":2}}"#).await;
        talk.say("\r\n{\"event\":\"STOP\"}\r\n").await;
        // In pieces, as a busy socket brings it.
        talk.say("{\"return\": {\"sta").await;
        talk.say(&format!("tus\":\"paused\"}},\"id\":{id}}}\r\n")).await;
        pending::<()>().await;
    });
    let qmp = connect(&socket).await;
    let mut events = qmp.events();
    assert_eq!(qmp.version, "10.0.2");
    assert_eq!(qmp.execute("query-status", json!({})).await.unwrap(), json!({"status": "paused"}));
    assert_eq!(events.recv().await.unwrap().name, "FROM_THE_FUTURE");
    assert_eq!(events.recv().await.unwrap().name, "STOP");
}

#[tokio::test]
async fn answers_find_their_requests_in_any_order() {
    let (_folder, socket, _tasks) = fake(async |mut talk| {
        talk.open().await;
        let (first, second) = (talk.hear().await, talk.hear().await);
        for request in [second, first] {
            talk.say(&format!("{{\"return\":{},\"id\":{}}}\r\n", request["execute"], request["id"])).await;
        }
        pending::<()>().await;
    });
    let qmp = connect(&socket).await;
    let (a, b) = tokio::join!(qmp.execute("a", json!({})), qmp.execute("b", json!({})));
    assert_eq!((a.unwrap(), b.unwrap()), (json!("a"), json!("b")));
}

#[tokio::test]
async fn a_refusal_has_qemus_words_also_without_a_number() {
    let (_folder, socket, _tasks) = fake(async |mut talk| {
        talk.open().await;
        let id = talk.hear().await["id"].clone();
        talk.say(&format!(
            "{{\"id\":{id},\"error\":{{\"class\":\"GenericError\",\"desc\":\"Image is read-only\"}}}}\r\n"
        ))
        .await;
        talk.hear().await;
        talk.say("{\"error\":{\"class\":\"CommandNotFound\",\"desc\":\"no such command\"}}\r\n").await;
        pending::<()>().await;
    });
    let qmp = connect(&socket).await;
    let error = qmp.execute("block_resize", json!({"size": 1})).await.unwrap_err();
    assert_eq!((error.kind, error.message.as_str()), (ErrorKind::Refused, "Image is read-only"));
    assert_eq!(qmp.execute("x", json!({})).await.unwrap_err().kind, ErrorKind::Unsupported);
}

#[tokio::test]
async fn an_end_midway_ends_what_waits() {
    let (_folder, socket, _tasks) = fake(async |mut talk| {
        talk.open().await;
        talk.hear().await;
        talk.say("{\"return\":").await;
    });
    let qmp = connect(&socket).await;
    let mut events = qmp.events();
    assert_eq!(qmp.execute("quit", json!({})).await.unwrap_err().kind, ErrorKind::Unreachable);
    assert!(events.recv().await.is_err());
    assert!(qmp.is_closed());
    assert_eq!(qmp.execute("quit", json!({})).await.unwrap_err().kind, ErrorKind::Unreachable);
}

#[tokio::test]
async fn silence_is_told_apart() {
    let (_folder, socket, _tasks) = fake(async |_talk| pending().await);
    let error = Qmp::connect(&socket, Duration::from_millis(50)).await.unwrap_err();
    assert_eq!(error.message, "another program holds the machine's monitor");

    // The greeting comes before the machine is built; when that fails, the connection just ends.
    let (_folder, socket, _tasks) = fake(async |mut talk| {
        talk.say(&format!("{}\r\n", crate::support::fake_qmp::GREETING)).await;
        talk.hear().await;
    });
    assert_eq!(Qmp::connect(&socket, PATIENCE).await.unwrap_err().kind, ErrorKind::Unreachable);
}

#[tokio::test]
async fn a_line_without_end_is_not_kept() {
    let (_folder, socket, _tasks) = fake(async |mut talk| {
        talk.open().await;
        let megabyte = "x".repeat(1 << 20);
        for _ in 0..20 {
            talk.say(&megabyte).await;
        }
        pending::<()>().await;
    });
    let qmp = connect(&socket).await;
    let error = qmp.execute("query-status", json!({})).await.unwrap_err();
    assert_eq!(
        (error.kind, error.message.as_str()),
        (ErrorKind::Protocol, "the machine's monitor: a line without an end")
    );
}

#[tokio::test]
async fn an_answer_is_a_word_of_it_and_an_event_is_none() {
    let (_folder, socket, _tasks) = fake(async |mut talk| {
        talk.open().await;
        let first = talk.hear().await["id"].clone();
        talk.say("{\"event\":\"STOP\"}\r\n").await;
        talk.hear().await;
        talk.say(&format!("{{\"return\":{{}},\"id\":{first}}}\r\n")).await;
        pending::<()>().await;
    });
    let qmp = connect(&socket).await;
    assert!(qmp.spoke_within(Duration::from_secs(60)));
    let lately = || qmp.spoke_within(Duration::from_millis(50));
    eventually("it to be silent for long", async || !lately()).await;
    let mut events = qmp.events();
    let asked = qmp.execute("query-status", json!({}));
    let heard = async {
        events.recv().await.unwrap();
        assert!(!lately());
        let _ = tokio::time::timeout(Duration::from_millis(1), qmp.execute("stop", json!({}))).await;
    };
    let (answer, ()) = tokio::join!(asked, heard);
    assert!(answer.is_ok() && qmp.spoke_within(Duration::from_secs(60)));
}
