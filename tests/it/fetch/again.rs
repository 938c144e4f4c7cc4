//! A fetch that was begun with a user and a password: neither is kept, and who goes on with it is asked for both.
use super::image;
use crate::support::{
    fetches::{HALF, Rig, TAG, begun, killed},
    http::{Http, Step, answer, range, resumable},
    program::vmdeck,
    pty::Program,
    qemu::eventually,
};
use std::{fs, sync::Arc};
use tokio::sync::mpsc;
use vmdeck::{
    backend::{Backend, Call, Images, qemu::Qemu},
    domain::{ErrorKind, HostEvent, Image, Question, QuestionKind, Result, Secret},
    fetch::is_live,
};

/// A server that knows `me` with `hunter2` alone, and breaks in the middle of what nobody asks the rest of.
fn guarded(name: &'static str, body: &[u8]) -> Http {
    let body = body.to_vec();
    Http::serve_heads(move |head| {
        if !head.contains("authorization: Basic bWU6aHVudGVyMg==\r\n") {
            return answer("401 Unauthorized", "", b"");
        }
        if head.contains(".sha") || head.contains("SUM") {
            return answer("404 Not Found", "", b"");
        }
        let is_rest = range(head).is_some();
        let mut steps = resumable(head, &body, TAG, if is_rest { usize::MAX } else { HALF });
        if let Some(Step::Send(head)) = steps.first_mut() {
            let named = format!("Content-Disposition: attachment; filename={name}\r\n");
            let end = head.len() - 2;
            head.splice(end..end, named.into_bytes());
        }
        steps.extend((!is_rest).then_some(Step::Stall));
        steps
    })
}

fn url(server: &Http, login: &str) -> String {
    format!("http://{login}127.0.0.1:{}/a.iso", server.port())
}

/// Half of `a.iso` is there, and nothing works on it.
async fn interrupted(rig: &Rig, server: &Http) {
    begun(rig, &url(server, "me:hunter2@")).await;
    killed(&rig.folder()).await;
}

/// Goes on with `a.iso`, answers the one question with `answer`, and returns both.
async fn answered(qemu: &Arc<Qemu>, answer: Option<&str>) -> (Question, Result<Image>) {
    let (sink, mut events) = mpsc::channel(64);
    qemu.connect(sink).await.unwrap();
    let ask = async {
        loop {
            if let Some(HostEvent::Asks(question)) = events.recv().await {
                qemu.answer(question.number, answer.map(|text| Secret::new(text.to_owned()))).await;
                return question;
            }
        }
    };
    let (question, ended) = tokio::join!(ask, qemu.resume_fetch("a.iso", Call::new().0));
    (question, ended)
}

#[tokio::test]
async fn who_goes_on_is_asked_for_them_and_they_are_kept_nowhere() {
    let body = image(400_000);
    let server = guarded("a.iso", &body);
    let rig = Rig::new();
    let folder = rig.folder();
    interrupted(&rig, &server).await;
    let qemu = Arc::new(rig.another());

    let (question, ended) = answered(&qemu, None).await;
    let text = "User and password for 127.0.0.1, to go on with a.iso, as USER:PASSWORD";
    assert_eq!((question.kind, question.text.as_str()), (QuestionKind::Secret, text));
    assert_eq!(ended.unwrap_err().kind, ErrorKind::Interrupted, "it waits to be gone on with");
    let (_, ended) = answered(&qemu, Some("me:wrong")).await;
    let why = ended.unwrap_err();
    assert!(why.message.starts_with("the server said 401 Unauthorized"), "{why}");
    assert_eq!(fs::metadata(folder.join("a.iso.part")).unwrap().len(), HALF as u64, "what came is gone");

    let (_, ended) = answered(&qemu, Some("me:hunter2\n")).await;
    assert!(fs::read(ended.unwrap().path.unwrap()).unwrap() == body, "the image is wrong");
    for entry in fs::read_dir(&folder).unwrap().flatten().filter(|entry| entry.path().is_file()) {
        let text = fs::read(entry.path()).unwrap();
        assert!(!String::from_utf8_lossy(&text).contains("hunter2"), "{:?}", entry.path());
    }
}

#[tokio::test]
async fn nobody_who_cannot_be_asked_goes_on_without_them() {
    let body = image(400_000);
    // The name is the server's: the address does not tell which fetch it is.
    let server = guarded("b.iso", &body);
    let rig = Rig::new();
    let part = rig.folder().join("b.iso.part");
    let begun = rig.another();
    let (call, _) = Call::new();
    let with_both = url(&server, "me:hunter2@");
    tokio::select! {
        ended = begun.fetch_image(&with_both, None, call) => panic!("{ended:?}"),
        () = eventually("half of it", async || fs::metadata(&part).is_ok_and(|meta| meta.len() == HALF as u64)) => {}
    }
    rig.another().pause_fetch("b.iso").await.unwrap();
    eventually("the pause", async || !is_live(&rig.folder(), "b.iso")).await;
    let kept = fs::read_to_string(rig.folder().join(".b.iso.fetch")).unwrap();
    assert!(!kept.contains("hunter2"), "{kept}");
    let why = rig.another().fetch_image(&url(&server, ""), Some("b.iso"), Call::new().0).await.unwrap_err();
    assert_eq!(why.kind, ErrorKind::NeedsAnswer);
    assert!(why.message.contains("kept nowhere: fetch it again with both"), "{why}");
    let done = rig.another().fetch_image(&with_both, Some("b.iso"), Call::new().0).await.unwrap();
    assert!(fs::read(done.path.unwrap()).unwrap() == body, "the image is wrong");
}

#[tokio::test]
async fn a_command_takes_them_from_a_file_or_says_what_it_lacks() {
    let body = image(400_000);
    let server = guarded("a.iso", &body);
    let rig = Rig::new();
    interrupted(&rig, &server).await;
    let told = vmdeck(&rig.home(), "call local resume-fetch image=a.iso").await;
    let why = "vmdeck: local asks: User and password for 127.0.0.1, to go on with a.iso, as USER:PASSWORD (give \
               it with answer=@file or answer=-)\n";
    assert_eq!((told.code, told.out.as_str(), told.err.as_str()), (4, "", why));
    let told = vmdeck(&rig.home(), "call local resume-fetch image=a.iso --detach").await;
    assert_eq!(told.code, 4, "{told:?}");
    let file = tempfile::NamedTempFile::new().unwrap();
    fs::write(file.path(), "me:hunter2\n").unwrap();
    let words = format!("call local resume-fetch image=a.iso answer=@{}", file.path().display());
    let done = vmdeck(&rig.home(), &words).await;
    assert_eq!(done.code, 0, "{done:?}");
    assert!(fs::read(rig.folder().join("a.iso")).unwrap() == body, "the image is wrong");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_screen_asks_for_them_and_does_not_show_them() {
    let body = image(400_000);
    let server = guarded("a.iso", &body);
    let rig = Rig::new();
    interrupted(&rig, &server).await;
    let mut program = Program::start(&rig.home(), &[]);
    program.until_shown("● local");
    program.press("2");
    program.until_shown("interrupted");
    program.press("R");
    program.until_shown("USER:PASSWORD");
    program.press("\x1b");
    program.until_shown("were not given");
    program.press("R");
    program.until_shown("USER:PASSWORD");
    program.press("me:hunter2");
    program.until("what was typed, unseen", |screen| screen.contents().contains("••••••••••"));
    program.press("\r");
    program.until_shown("not checked");
    program.until("no password", |screen| !screen.contents().contains("hunter2"));
    assert!(fs::read(rig.folder().join("a.iso")).unwrap() == body, "the image is wrong");
}
