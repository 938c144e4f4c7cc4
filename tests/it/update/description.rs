//! The whole description of a machine: nothing is sent unseen, and nothing that was written is lost.
use crate::support::{
    screen::screen,
    world::{call, press, world},
};
use vmdeck::{
    app::{App, Effect, Message},
    domain::{Error, PowerState, Reply, Request, Result, TaskId},
};

const TOLD: &str = "<domain type='kvm'>\n  <name>web1</name>\n  <vcpu>1</vcpu>\n</domain>\n";
const WRITTEN: &str = "<domain type='kvm'>\n  <name>web1</name>\n  <vcpu>2</vcpu>\n</domain>\n";

fn ended(app: &mut App, task: TaskId, result: Result<Reply>) -> Vec<Effect> {
    let effects = app.update(Message::TaskEnded(task, result));
    effects.into_iter().filter(|effect| !matches!(effect, Effect::Watch { .. })).collect()
}

/// Asks for the editor; returns the text that it opens with.
fn open(app: &mut App) -> String {
    let asked = press(app, "v");
    read(app, &asked)
}

fn read(app: &mut App, asked: &[Effect]) -> String {
    let (task, _, request) = call(asked);
    assert_eq!(*request, Request::ShowDescription("web1".into()));
    let effects = ended(app, task, Ok(Reply::Description(TOLD.to_owned())));
    let [Effect::Edit { name, text }] = effects.as_slice() else { panic!("{effects:?}") };
    assert_eq!(name, "web1.xml");
    text.clone()
}

/// Comes back from the editor with `text`; returns the task of the check.
fn write(app: &mut App, text: &str) -> TaskId {
    let effects = app.update(Message::Edited(Ok(text.to_owned())));
    let (task, _, request) = call(&effects);
    let (before, text) = (TOLD.to_owned(), text.to_owned());
    assert_eq!(*request, Request::CheckDescription { vm: "web1".into(), before, text });
    task
}

#[test]
fn what_was_written_is_checked_shown_as_a_difference_and_sent_after_a_yes() {
    let mut app = world();
    assert_eq!(open(&mut app), TOLD);
    let task = write(&mut app, WRITTEN);
    assert_eq!(ended(&mut app, task, Ok(Reply::Done)), []);
    insta::assert_snapshot!("review", screen(&mut app, 120, 40));
    assert_eq!(press(&mut app, "enter"), [], "Enter alone sends nothing");
    let effects = press(&mut app, "y");
    let (task, host, request) = call(&effects);
    let before = Some(TOLD.to_owned());
    assert_eq!(*request, Request::Define { vm: "web1".into(), before, text: WRITTEN.to_owned() });
    assert_eq!(host, "local");
    ended(&mut app, task, Ok(Reply::Done));
    assert_eq!(open(&mut app), TOLD, "what was taken is not offered again");
}

#[test]
fn what_will_not_do_is_edited_again_from_where_it_was() {
    let mut app = world();
    open(&mut app);
    let task = write(&mut app, "<domain");
    ended(&mut app, task, Err(Error::invalid("the description is no XML: line 1")));
    insta::assert_snapshot!("edit_again", screen(&mut app, 80, 24));
    let asked = press(&mut app, "enter");
    assert_eq!(read(&mut app, &asked), "<domain");
    // The same from the difference.
    let task = write(&mut app, WRITTEN);
    ended(&mut app, task, Ok(Reply::Done));
    let asked = press(&mut app, "e");
    assert_eq!(read(&mut app, &asked), WRITTEN);
    let task = write(&mut app, WRITTEN);
    ended(&mut app, task, Ok(Reply::Done));
    assert_eq!(press(&mut app, "n"), []);
    assert_eq!(open(&mut app), TOLD, "what was left is gone");
}

#[test]
fn a_text_that_the_host_did_not_take_is_kept() {
    let mut app = world();
    open(&mut app);
    let task = write(&mut app, WRITTEN);
    ended(&mut app, task, Ok(Reply::Done));
    let effects = press(&mut app, "y");
    let (task, ..) = call(&effects);
    ended(&mut app, task, Err(Error::refused("unsupported configuration")));
    assert!(app.notices.current().unwrap().text.contains("what you wrote of web1 is kept: v opens it again"));
    assert_eq!(open(&mut app), WRITTEN);
}

#[test]
fn an_editor_that_changes_nothing_or_fails_sends_nothing() {
    let mut app = world();
    open(&mut app);
    assert_eq!(app.update(Message::Edited(Ok(TOLD.to_owned()))), []);
    assert_eq!(app.notices.current().unwrap().text, "web1: nothing was changed");
    open(&mut app);
    assert_eq!(app.update(Message::Edited(Err(Error::not_found("vi is not installed")))), []);
    assert!(app.notices.current().unwrap().text.contains("vi is not installed"));
    assert!(app.dialog.is_none());
    assert_eq!(app.selected().unwrap().1.vm.power(), PowerState::Running);
}

#[test]
fn a_password_that_was_written_is_not_shown() {
    let mut app = world();
    open(&mut app);
    let screens = "<graphics type='vnc' passwd='guess'/>\n  <graphics type=\"spice\" passwd = \"open\"/>\n  \
        <cookies><cookie name='id'>sweet</cookie></cookies>passwd=";
    let text = WRITTEN.replace("  <vcpu>2", &format!("  {screens}\n  <vcpu>2"));
    let task = write(&mut app, &text);
    ended(&mut app, task, Ok(Reply::Done));
    let shown = screen(&mut app, 120, 40);
    assert!(!shown.contains("guess") && !shown.contains("sweet") && !shown.contains("open\""), "{shown}");
    assert!(shown.contains("passwd='(hidden)'") && shown.contains("passwd = \"(hidden)\""), "{shown}");
    let effects = press(&mut app, "y");
    let Request::Define { text: sent, .. } = call(&effects).2 else { panic!("{effects:?}") };
    assert_eq!(*sent, text, "what is sent is what was written");
}
