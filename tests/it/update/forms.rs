//! Forms: every key belongs to them, and nothing is lost by accident.
use crate::support::screen::screen;
use crate::support::world::{call, create_form, known_world, press, reply, select, text, vm, world};
use vmdeck::{
    app::{App, Effect, Message, dialog::Body},
    domain::{
        Choice, FieldKind, FieldSpec, HostEvent, Link, PowerState, Question, QuestionKind, Reply, Request, Secret,
    },
};

fn new_machine() -> App {
    let mut app = world();
    let effects = press(&mut app, "n");
    reply(&mut app, &effects, Reply::Form(create_form()));
    app
}

#[test]
fn what_was_typed_before_stays_and_how_it_goes_is_told() {
    let mut app = world();
    press(&mut app, "2 f");
    assert!(!screen(&mut app, 80, 24).contains("ctrl-u"), "there is nothing to clear");
    text(&mut app, "https://x/y.iso");
    press(&mut app, "tab");
    assert!(!screen(&mut app, 80, 24).contains("ctrl-u"));
    press(&mut app, "shift-tab");
    assert!(screen(&mut app, 80, 24).contains("ctrl-u clear"));
    press(&mut app, "ctrl-u z");
    assert!(screen(&mut app, 80, 24).contains("Address   z "));
}

#[test]
fn no_action_key_works_while_text_is_typed() {
    let mut app = new_machine();
    assert_eq!(text(&mut app, "qsXSDpnf/?1234+"), []);
    assert!(!app.quit);
    let effects = press(&mut app, "ctrl-u w e b 3 enter");
    let Request::Create { values } = call(&effects).2 else { panic!("{effects:?}") };
    assert_eq!(values["name"], "web3");
    assert_eq!(values["memory"], "2G");
}

#[test]
fn a_name_that_is_taken_is_told_as_it_is_typed() {
    let mut create = new_machine();
    text(&mut create, "web1");
    let named = |key: &str| {
        let mut app = world();
        select(&mut app, "web2");
        press(&mut app, key);
        assert!(!screen(&mut app, 80, 24).contains("there already"), "what is offered is free, or its own");
        press(&mut app, "ctrl-u w e b 1");
        app
    };
    for mut app in [create, named("M"), named("C"), image_named("alpine.iso", "debian-13.iso")] {
        assert!(screen(&mut app, 80, 24).contains(" is there already"));
        assert_eq!(press(&mut app, "enter"), [], "what the host would refuse is not sent");
        let shown = screen(&mut app, 80, 24);
        assert!(shown.contains(" is there already"), "{shown}");
        press(&mut app, "1");
        let shown = screen(&mut app, 80, 24);
        assert!(shown.contains("1  ") && !shown.contains("there already"), "{shown}");
        call(&press(&mut app, "enter"));
    }
}

/// The form that renames the image at the top of the list.
fn image_named(before: &str, name: &str) -> App {
    let mut app = world();
    press(&mut app, "2 m");
    assert!(screen(&mut app, 80, 24).contains(&format!("Rename {before} on local")));
    press(&mut app, "ctrl-u");
    text(&mut app, name);
    app
}

#[test]
fn a_name_that_is_taken_brings_the_focus_back_and_follows_what_the_host_says() {
    let mut app = new_machine();
    text(&mut app, "web1");
    press(&mut app, "tab tab enter");
    text(&mut app, "x");
    let Some(Body::Form(form)) = app.dialog.as_ref().map(|dialog| &dialog.body) else { panic!("a form") };
    assert_eq!(form.value("name"), "web1x", "the name has the focus");
    press(&mut app, "backspace");
    app.update(Message::Host("local".into(), HostEvent::Gone("web1".into())));
    assert!(!screen(&mut app, 80, 24).contains("there already"), "it is gone from the host");
    app.update(Message::Host("local".into(), HostEvent::Vm(Box::new(vm("web1", PowerState::Off)))));
    assert!(screen(&mut app, 80, 24).contains("there already"));
    // What is known is old: it is told, and the host decides.
    let error = vmdeck::domain::Error::refused("no");
    app.update(Message::Host("local".into(), HostEvent::Stale { since: vmdeck::domain::Stamp(0), error }));
    assert!(screen(&mut app, 80, 24).contains("there already"));
    assert!(matches!(call(&press(&mut app, "enter")).2, Request::Create { .. }));
}

/// Where machines are not known by their names, two may have the same.
#[test]
fn a_name_that_several_may_have_is_told_and_sent() {
    let mut app = world();
    let other = vmdeck::domain::Vm { name: "twin".into(), ..vm("lab/twin", PowerState::Off) };
    app.update(Message::Host("local".into(), HostEvent::Vm(Box::new(other))));
    let effects = press(&mut app, "n");
    reply(&mut app, &effects, Reply::Form(create_form()));
    text(&mut app, "twin");
    assert!(screen(&mut app, 80, 24).contains("twin is there already"));
    assert!(matches!(call(&press(&mut app, "enter")).2, Request::Create { .. }));
}

#[test]
fn home_and_end_go_to_the_first_and_the_last_choice() {
    let mut app = known_world();
    let chosen = |app: &App| match app.dialog.as_ref().map(|dialog| &dialog.body) {
        Some(Body::Choose(choose)) => choose.shown().nth(choose.at).map(|choice| choice.value.clone()),
        _ => panic!("a choice"),
    };
    press(&mut app, "e");
    let first = chosen(&app);
    press(&mut app, "end");
    let last = chosen(&app);
    assert_eq!(last.as_deref(), crate::support::world::properties().last().map(|p| p.spec.name));
    press(&mut app, "home");
    assert_eq!(chosen(&app), first);
    assert_ne!(first, last);
    app.settings.keymap =
        vmdeck::input::KeyMap::new(&[("last-choice".to_owned(), vec!["f5".to_owned()])].into()).unwrap();
    press(&mut app, "f5");
    assert_eq!(chosen(&app), last, "the keys are those of the configuration");
    let mut app = new_machine();
    text(&mut app, "web9");
    let effects = press(&mut app, "tab tab tab tab tab end left end enter");
    let Request::Create { values } = call(&effects).2 else { panic!("{effects:?}") };
    assert_eq!(values["image"], "alpine.iso");
    let mut app = new_machine();
    text(&mut app, "web9");
    let effects = press(&mut app, "tab tab tab tab tab end home enter");
    let Request::Create { values } = call(&effects).2 else { panic!("{effects:?}") };
    assert_eq!(values["image"], "");
}

#[test]
fn a_size_may_be_left_out_where_an_image_gives_it() {
    let mut app = world();
    select(&mut app, "web2");
    let effects = press(&mut app, "a");
    let sizes = FieldKind::Size { least: "1M".parse().unwrap(), most: "1T".parse().unwrap() };
    let fields = vec![
        FieldSpec::new("size", "Size", sizes).default("20G").unless("image"),
        FieldSpec::new("image", "Image", FieldKind::Choice(vec![Choice::new("x.img", "")])).optional(),
    ];
    reply(&mut app, &effects, Reply::Form(fields));
    press(&mut app, "ctrl-u");
    assert_eq!(press(&mut app, "enter"), []);
    assert!(screen(&mut app, 80, 24).contains("Size is needed"));
    press(&mut app, "tab right");
    let effects = press(&mut app, "enter");
    let Request::AddDisk { values, .. } = call(&effects).2 else { panic!("{effects:?}") };
    assert_eq!((values["size"].as_str(), values["image"].as_str()), ("", "x.img"));
}

#[test]
fn a_changed_form_asks_before_it_is_thrown_away() {
    let mut app = new_machine();
    press(&mut app, "a esc");
    assert!(app.dialog.is_some());
    press(&mut app, "n b");
    press(&mut app, "esc esc");
    assert!(app.dialog.is_some(), "a second Esc goes back to the form");
    let effects = press(&mut app, "enter");
    let Request::Create { values } = call(&effects).2 else { panic!("{effects:?}") };
    assert_eq!(values["name"], "ab", "what was typed is kept");

    let mut app = new_machine();
    press(&mut app, "a esc y");
    assert!(app.dialog.is_none());
    let mut app = new_machine();
    press(&mut app, "tab tab esc");
    assert!(app.dialog.is_none(), "an unchanged form just closes");
}

#[test]
fn enter_sends_from_any_field_and_goes_to_what_is_wrong() {
    let mut app = new_machine();
    assert_eq!(press(&mut app, "tab tab enter"), [], "the name is missing");
    let effects = text(&mut app, "web9");
    assert_eq!(effects, []);
    let effects = press(&mut app, "down ctrl-u 4 shift-tab enter");
    let Request::Create { values } = call(&effects).2 else { panic!("{effects:?}") };
    assert_eq!((values["name"].as_str(), values["cpus"].as_str()), ("web9", "4"));
}

#[test]
fn what_is_offered_gives_way_to_what_is_typed_and_stays_where_it_is_edited() {
    let typed = |keys: &str| {
        let mut app = new_machine();
        text(&mut app, "web9");
        press(&mut app, &format!("tab tab {keys}"));
        let Some(Body::Form(form)) = app.dialog.as_ref().map(|dialog| &dialog.body) else { panic!("a form") };
        form.value("memory")
    };
    assert_eq!(typed(""), "2G");
    assert_eq!(typed("4 G"), "4G", "it is another value");
    assert_eq!(typed("end backspace M"), "2M", "it is a part of it");
    assert_eq!(typed("home 3"), "32G");
    assert_eq!(typed("backspace"), "");
    assert_eq!(typed("4 G tab shift-tab 8"), "4G8", "it is the person's own by now");
    assert_eq!(typed("tab shift-tab 8 G"), "8G", "it is offered still");
    let mut app = new_machine();
    press(&mut app, "a tab tab");
    app.update(Message::Paste("16G".into()));
    let effects = press(&mut app, "enter");
    let Request::Create { values } = call(&effects).2 else { panic!("{effects:?}") };
    assert_eq!(values["memory"], "16G");
}

#[test]
fn choices_turn_and_lists_keep_their_items_whole() {
    let mut app = new_machine();
    text(&mut app, "web9");
    press(&mut app, "tab tab tab tab right tab left tab y tab");
    text(&mut app, "-fw_cfg");
    press(&mut app, "down");
    text(&mut app, "name=x,string=a b");
    press(&mut app, "down down");
    let effects = press(&mut app, "enter");
    let Request::Create { values } = call(&effects).2 else { panic!("{effects:?}") };
    assert_eq!(values["firmware"], "uefi");
    assert_eq!(values["image"], "alpine.iso", "left of the first is the last");
    assert_eq!(values["autostart"], "yes");
    assert_eq!(values["arguments"], "-fw_cfg\nname=x,string=a b");
}

#[test]
fn a_paste_of_many_lines_is_one_line_in_a_field_and_items_in_a_list() {
    let mut app = new_machine();
    app.update(Message::Paste("web\x1b[31m\r\n9".into()));
    assert_eq!(press(&mut app, "enter"), [], "a name with blanks is none");
    press(&mut app, "ctrl-u w shift-tab");
    app.update(Message::Paste("-cpu\nmax\n\n".into()));
    let effects = press(&mut app, "enter");
    let Request::Create { values } = call(&effects).2 else { panic!("{effects:?}") };
    assert_eq!(values["arguments"], "-cpu\nmax");
}

#[test]
fn the_new_machine_is_selected_once_it_is_there() {
    let mut app = new_machine();
    text(&mut app, "zz");
    let effects = press(&mut app, "enter");
    reply(&mut app, &effects, Reply::Done);
    assert!(app.dialog.is_none());
    app.update(Message::Host("local".into(), HostEvent::Vm(Box::new(vm("zz", PowerState::Off)))));
    assert_eq!(app.selected().unwrap().1.vm.name, "zz");
}

#[test]
fn a_setting_is_changed_in_a_form_of_its_own() {
    let mut app = known_world();
    let effects = press(&mut app, "e down enter backspace 6 enter");
    let request = Request::SetProperty { vm: "web1".into(), name: "cpus".into(), value: "6".into() };
    assert_eq!(*call(&effects).2, request);
    assert_eq!(press(&mut known_world(), "e down enter enter"), [], "as it was: nothing to send");
    assert_eq!(press(&mut known_world(), "e down enter backspace 9 enter"), [], "more than the field allows");
    let effects = press(&mut known_world(), "enter tab tab down e backspace 3 enter");
    assert!(matches!(call(&effects).2, Request::SetProperty { name, .. } if name == "cpus"), "{effects:?}");
    assert_eq!(press(&mut known_world(), "enter tab tab down enter backspace 3 enter"), effects, "Enter opens it too");
}

#[test]
fn settings_that_are_not_known_are_asked_for() {
    let mut app = world();
    select(&mut app, "web2");
    let effects = press(&mut app, "e");
    assert_eq!(*call(&effects).2, Request::ListProperties("web2".into()));
    reply(&mut app, &effects, Reply::Properties(crate::support::world::properties()));
    let effects = press(&mut app, "enter ctrl-u x enter");
    assert!(
        matches!(call(&effects).2, Request::SetProperty { vm, value, .. } if vm.as_str() == "web2" && value == "x")
    );
}

#[test]
fn hosts_are_answered_and_a_question_that_is_no_more_goes() {
    let ask = |number, kind| {
        let question = Question { number, kind, text: "Password?".into() };
        Message::Host("hv2".into(), HostEvent::Link(Link::Asks(question)))
    };
    let answer = |answer: Option<&str>| Effect::Answer {
        host: "hv2".into(),
        question: 7,
        answer: answer.map(|text| Secret::new(text.to_owned())),
    };
    let mut app = world();
    app.update(ask(7, QuestionKind::Secret));
    assert!(!format!("{:?}", app.dialog).contains("hunter2"));
    text(&mut app, "hunter2");
    assert!(!format!("{:?}", app.dialog).contains("hunter2"), "what is typed is not printed");
    assert_eq!(press(&mut app, "enter"), [answer(Some("hunter2"))]);
    let mut app = world();
    app.update(ask(7, QuestionKind::Secret));
    assert_eq!(press(&mut app, "esc"), [answer(None)]);
    assert!(app.dialog.is_none(), "it is put once");
    let mut app = world();
    app.update(ask(7, QuestionKind::Confirm));
    assert_eq!(press(&mut app, "y"), [answer(Some("yes"))]);
    let mut app = world();
    app.update(ask(7, QuestionKind::Text));
    app.update(Message::Host("hv2".into(), HostEvent::Link(Link::Connecting)));
    assert!(app.dialog.is_none());
}

#[test]
fn a_host_that_asks_for_one_of_its_calls_serves_the_others() {
    let mut app = world();
    let question = Question { number: 3, kind: QuestionKind::Secret, text: "the user and the password".into() };
    app.update(Message::Host("hv2".into(), HostEvent::Asks(question)));
    let up = app.hosts.get(&"hv2".into()).unwrap();
    assert!(matches!(up.link, Link::Up(_)), "{:?}", up.link);
    text(&mut app, "me:hunter2");
    let answer = Some(Secret::new("me:hunter2".to_owned()));
    assert_eq!(press(&mut app, "enter"), [Effect::Answer { host: "hv2".into(), question: 3, answer }]);
    assert!(app.dialog.is_none(), "it is put once");
}

#[test]
fn a_late_form_does_not_open_after_esc() {
    let mut app = world();
    let effects = press(&mut app, "n esc");
    assert!(app.dialog.is_none());
    reply(&mut app, &effects, Reply::Form(create_form()));
    assert!(app.dialog.is_none());
}

#[test]
fn keys_of_the_configuration_work_in_dialogs_and_letters_stay_letters() {
    let keys = |pairs: &[(&str, &str)]| {
        let pairs = pairs.iter().map(|(name, key)| ((*name).to_owned(), vec![(*key).to_owned()]));
        vmdeck::input::KeyMap::new(&pairs.collect()).unwrap()
    };
    let mut app = new_machine();
    app.settings.keymap = keys(&[("accept", "ctrl-s"), ("next-field", "ctrl-n")]);
    text(&mut app, "web9");
    let effects = press(&mut app, "ctrl-n ctrl-u 3 ctrl-s");
    let Request::Create { values } = call(&effects).2 else { panic!("{effects:?}") };
    assert_eq!((values["name"].as_str(), values["cpus"].as_str()), ("web9", "3"));
    let mut app = known_world();
    app.settings.keymap = keys(&[("yes", "f9")]);
    assert_eq!(*call(&press(&mut app, "X f9")).2, Request::PowerOff("web1".into()));
}

/// What one field offers depends on another: what belongs elsewhere is never sent.
#[test]
fn a_field_offers_what_belongs_to_the_chosen_one() {
    let groups = ["root", "lab", "shop"].map(|name| Choice::new(name, "")).to_vec();
    let media = [("a.img", "lab"), ("b.img", "lab"), ("c.img", "shop")];
    let media = media.map(|(name, group)| Choice::new(name, "").within(group.to_owned())).to_vec();
    let form = vec![
        FieldSpec::new("group", "Group", FieldKind::Choice(groups)).default("lab"),
        FieldSpec::new("disk", "Disk", FieldKind::Choice(media)).optional().chosen_by("group", "none there".to_owned()),
    ];
    let mut app = world();
    let effects = press(&mut app, "n");
    reply(&mut app, &effects, Reply::Form(form));
    let told = |app: &App| {
        let Body::Form(form) = &app.dialog.as_ref().unwrap().body else { panic!("no form") };
        (form.value("disk"), form.notes.iter().map(|note| note.text.clone()).collect::<Vec<_>>(), form.is_changed())
    };
    assert_eq!(told(&app), (String::new(), vec![], false));
    let mut seen = Vec::new();
    press(&mut app, "tab");
    for _ in 0..3 {
        press(&mut app, "right");
        seen.push(told(&app).0);
    }
    assert_eq!(seen, ["a.img", "b.img", ""], "with none, and without what others have");
    press(&mut app, "left shift-tab s");
    assert_eq!(told(&app), (String::new(), vec![], true), "b.img is of another group");
    press(&mut app, "tab c shift-tab r");
    assert_eq!(told(&app), (String::new(), vec!["Disk: none there".to_owned()], true));
    let effects = press(&mut app, "enter");
    let Request::Create { values } = call(&effects).2 else { panic!("{effects:?}") };
    assert_eq!((values["group"].as_str(), values["disk"].as_str()), ("root", ""));
}
