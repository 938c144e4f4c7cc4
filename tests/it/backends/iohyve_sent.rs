//! Images that go to another computer's iohyve through ssh: how far they are, and what is left of one that is stopped.
use crate::support::{freebsd::Rig, libvirt::ssh as script, qemu::eventually};
use serde_json::json;
use std::{fs, path::PathBuf};
use tokio::sync::mpsc;
use vmdeck::{
    backend::{
        Backend, Call, Images,
        iohyve::{Iohyve, Place},
    },
    domain::{ByteSize, ErrorKind, Progress},
};

const M: u64 = 1 << 20;
const SIZE: u64 = 8 * M + 333;

/// A FreeBSD behind an ssh that passes on the first MiB of what it is sent, and the rest once there is a file `gate`; and
/// that ends once there is a file `end`: without its last words where there is a file `lost`. Where there is a file `cut`,
/// it loses what comes after the image, which is the word to go on.
async fn far() -> (Rig, Iohyve, String) {
    let rig = Rig::new();
    fs::create_dir(rig.path("tmp")).unwrap();
    let here = rig.path("");
    let waits = |name: &str| format!("while [ -d $here/tmp ] && [ ! -e $here/{name} ]; do sleep 0.05; done");
    let slow = format!(
        "here={}\nfor line; do :; done\nexport TMPDIR=$here/tmp PATH=\"$here:$PATH\"\ncase \"$line\" in\n*cpiso*)\n\
        exec 3<&0; mkfifo $here/p.$$\n\
         {{ head -c {M} <&3; {}; head -c {rest} <&3; [ -e $here/cut ] && {} || cat <&3; }} >$here/p.$$ 2>/dev/null &\n\
         sh -c \"$line\" <$here/p.$$; c=$?; {}; [ -e $here/lost ] && exit 255; exit $c;;\n*) exec sh -c \"$line\";;\nesac",
        here.display(),
        waits("gate"),
        waits("library/whole/.far.iso.begun"),
        waits("end"),
        rest = SIZE - M,
    );
    script(&rig.path("slow"), &slow);
    fs::write(rig.path("far.iso"), vec![7; SIZE.try_into().unwrap()]).unwrap();
    let url = format!("file://{}", rig.path("far.iso").display());
    let iohyve = rig.at(Place::Ssh { program: rig.path("slow"), host: "root@bsd.example".to_owned() });
    iohyve.connect(mpsc::channel(64).0).await.unwrap();
    (rig, iohyve, url)
}

fn inside(rig: &Rig, folder: &str) -> usize {
    fs::read_dir(rig.path(folder)).into_iter().flatten().count()
}

/// How much has come on the other side, but for what `head` has not written yet.
fn come(rig: &Rig) -> u64 {
    let folders = fs::read_dir(rig.path("tmp")).unwrap().flatten();
    folders.filter_map(|folder| Some(folder.path().join("far.iso").metadata().ok()?.len())).sum()
}

fn touch(rig: &Rig, name: &str) {
    fs::write(rig.path(name), "").unwrap();
}

fn is_told(progress: &Progress, note: &str) -> bool {
    progress.note.as_deref() == Some(note)
}

#[tokio::test(flavor = "multi_thread")]
async fn an_image_that_is_sent_tells_its_bytes_and_comes_whole() {
    let (rig, iohyve, url) = far().await;
    let (call, progress) = Call::new();
    let watch = async {
        eventually("the first of it", async || come(&rig) > M / 2).await;
        // While nothing goes on, that is told.
        let is_told_of = |progress: &Progress| progress.done.is_some_and(|done| done.0 >= M);
        eventually("how far it is", async || {
            is_told(&progress.borrow(), "to root@bsd.example") && is_told_of(&progress.borrow())
        })
        .await;
        let now = progress.borrow().clone();
        let (done, total) = (now.done.unwrap().0, now.total.unwrap().0);
        // What was told of its coming here counts too; what is under way there is not much.
        let came = total - SIZE;
        assert!(came <= SIZE && (came..came + 4 * M).contains(&done), "{now:?}");
        touch(&rig, "gate");
        eventually("all of it", async || is_told(&progress.borrow(), "iohyve copies it into its library")).await;
        assert_eq!(progress.borrow().done, Some(ByteSize(total)));
        touch(&rig, "end");
    };
    let (image, ()) = tokio::join!(iohyve.fetch_image(&url, None, call), watch);
    assert_eq!(image.unwrap().name, "far.iso");
    assert_eq!((rig.world()["isos"].clone(), inside(&rig, "tmp")), (json!(["far.iso"]), 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn one_that_is_stopped_on_the_way_leaves_no_part_anywhere() {
    let (rig, iohyve, url) = far().await;
    let (call, _progress) = Call::new();
    let cancel = call.cancel.clone();
    let stop = async {
        eventually("the first of it", async || come(&rig) > M / 2).await;
        cancel.cancel();
    };
    let (ended, ()) = tokio::join!(iohyve.fetch_image(&url, None, call), stop);
    assert_eq!(ended.unwrap_err().kind, ErrorKind::Cancelled);
    // What was under way comes, and then the end of it.
    touch(&rig, "gate");
    touch(&rig, "end");
    eventually("the end of the part", async || inside(&rig, "tmp") == 0).await;
    assert_eq!(rig.sent(&["cpiso", "rmiso"]), [""; 0]);
    assert_eq!((rig.world()["isos"].clone(), inside(&rig, "library/whole")), (json!([]), 0));
    assert_eq!(iohyve.fetches().await.unwrap().open, []);
    // It can come all the same.
    assert_eq!(iohyve.fetch_image(&url, None, Call::new().0).await.unwrap().name, "far.iso");
}

#[tokio::test(flavor = "multi_thread")]
async fn one_that_is_stopped_when_all_was_sent_is_taken_out_of_the_library() {
    let (rig, iohyve, url) = far().await;
    touch(&rig, "gate");
    let (call, _progress) = Call::new();
    let cancel = call.cancel.clone();
    let stop = async {
        eventually("the copy", async || rig.world()["isos"] == json!(["far.iso"])).await;
        cancel.cancel();
        touch(&rig, "end");
    };
    let (ended, ()) = tokio::join!(iohyve.fetch_image(&url, None, call), stop);
    assert_eq!(ended.unwrap_err().kind, ErrorKind::Cancelled);
    assert_eq!((rig.world()["isos"].clone(), inside(&rig, "library/whole")), (json!([]), 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_somebody_else_has_put_there_while_it_was_sent_is_left_alone() {
    for stops in [false, true] {
        let (rig, iohyve, url) = far().await;
        touch(&rig, "end");
        let (call, _progress) = Call::new();
        let cancel = call.cancel.clone();
        let meanwhile = async {
            eventually("the first of it", async || come(&rig) > M / 2).await;
            rig.set("isos", json!(["far.iso"]));
            if stops {
                cancel.cancel();
            }
            touch(&rig, "gate");
        };
        let (ended, ()) = tokio::join!(iohyve.fetch_image(&url, None, call), meanwhile);
        let error = ended.unwrap_err();
        let is_told = error.message.starts_with("far.iso is there already, and not from here; what has come waits as ");
        match stops {
            false => assert!(error.kind == ErrorKind::Conflict && is_told, "{error}"),
            true => assert_eq!(error.kind, ErrorKind::Cancelled),
        }
        eventually("the end of the part", async || inside(&rig, "tmp") == 0).await;
        assert_eq!((rig.sent(&["cpiso", "rmiso"]), rig.world()["isos"].clone()), (Vec::new(), json!(["far.iso"])));
        assert_eq!(inside(&rig, "library/whole"), usize::from(!stops));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_somebody_else_has_put_there_is_left_alone_where_the_way_is_lost_before_that_is_known() {
    let (rig, iohyve, url) = far().await;
    touch(&rig, "lost");
    touch(&rig, "end");
    let meanwhile = async {
        eventually("the first of it", async || come(&rig) > M / 2).await;
        rig.set("isos", json!(["far.iso"]));
        touch(&rig, "gate");
    };
    let (ended, ()) = tokio::join!(iohyve.fetch_image(&url, None, Call::new().0), meanwhile);
    assert_eq!(ended.unwrap_err().kind, ErrorKind::Unreachable);
    assert_eq!(iohyve.images().await.unwrap().len(), 1, "it is an image, and no half one of ours");
    iohyve.cancel_fetch("far.iso").await.unwrap();
    assert_eq!((rig.sent(&["cpiso", "rmiso"]), rig.world()["isos"].clone()), (Vec::new(), json!(["far.iso"])));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_marked_as_ours_is_not_copied() {
    let (rig, far, url) = far().await;
    touch(&rig, "gate");
    touch(&rig, "end");
    // It cannot be written.
    fs::create_dir_all(rig.path("library/whole/.far.iso.begun")).unwrap();
    let sent = far.fetch_image(&url, None, Call::new().0).await.unwrap_err();
    eventually("the end of the part", async || inside(&rig, "tmp") == 0).await;
    let here = rig.here().resume_fetch("far.iso", Call::new().0).await.unwrap_err();
    for error in [sent, here] {
        assert!(error.message.starts_with("far.iso was not copied: ") && error.message.contains(".begun"), "{error}");
    }
    assert_eq!((rig.sent(&["cpiso", "rmiso"]), rig.world()["isos"].clone()), (Vec::new(), json!([])));
    assert!(rig.path("library/whole/far.iso").is_file());
}

/// The way is lost after the mark was set, and before iohyve was told to begin.
async fn cut(rig: &Rig, iohyve: &Iohyve, url: &str) {
    for name in ["gate", "end", "lost", "cut"] {
        touch(rig, name);
    }
    let error = iohyve.fetch_image(url, None, Call::new().0).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Unreachable);
    assert!(error.message.starts_with("whether iohyve copied far.iso is not known"), "{error}");
    assert!(mark(rig).is_file(), "it may have heard it");
    eventually("the end of the part", async || inside(rig, "tmp") == 0).await;
    for name in ["lost", "cut"] {
        fs::remove_file(rig.path(name)).unwrap();
    }
}

fn mark(rig: &Rig) -> PathBuf {
    rig.path("library/whole/.far.iso.begun")
}

/// Puts one of that name into the library, as somebody else would.
fn put(rig: &Rig, bytes: &[u8]) {
    fs::create_dir_all(rig.path("mnt/ISO/far.iso")).unwrap();
    fs::write(rig.path("mnt/ISO/far.iso/far.iso"), bytes).unwrap();
    rig.set("isos", json!(["far.iso"]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mark_of_what_was_never_begun_harms_nothing_that_is_put_there_later() {
    // The same begin, the same length; and one that is longer.
    let mut alike = vec![7; SIZE.try_into().unwrap()];
    *alike.last_mut().unwrap() = 8;
    for theirs in [b"theirs".to_vec(), alike, vec![7; usize::try_from(SIZE).unwrap() + 1]] {
        for is_listed in [true, false] {
            let (rig, iohyve, url) = far().await;
            cut(&rig, &iohyve, &url).await;
            assert_eq!(iohyve.images().await.unwrap(), []);
            put(&rig, &theirs);
            if is_listed {
                assert_eq!(iohyve.images().await.unwrap().len(), 1, "it is an image, and no half one of ours");
                assert!(!mark(&rig).exists());
            }
            let resumed = iohyve.resume_fetch("far.iso", Call::new().0).await.unwrap_err();
            assert_eq!(resumed.kind, ErrorKind::Conflict);
            iohyve.cancel_fetch("far.iso").await.unwrap();
            assert_eq!((rig.sent(&["cpiso", "rmiso"]), rig.world()["isos"].clone()), (Vec::new(), json!(["far.iso"])));
            assert_eq!(
                (fs::read(rig.path("mnt/ISO/far.iso/far.iso")).unwrap() == theirs, mark(&rig).exists()),
                (true, false)
            );
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_lost_way_it_is_sent_as_if_for_the_first_time() {
    let (rig, iohyve, url) = far().await;
    cut(&rig, &iohyve, &url).await;
    fs::remove_file(rig.path("gate")).unwrap();
    let meanwhile = async {
        eventually("the first of it", async || come(&rig) > M / 2).await;
        put(&rig, b"theirs");
        touch(&rig, "gate");
    };
    let (ended, ()) = tokio::join!(iohyve.resume_fetch("far.iso", Call::new().0), meanwhile);
    assert_eq!((ended.unwrap_err().kind, rig.sent(&["cpiso"])), (ErrorKind::Conflict, Vec::new()));
    rig.set("isos", json!([]));
    assert_eq!(iohyve.resume_fetch("far.iso", Call::new().0).await.unwrap().name, "far.iso");
    assert_eq!((rig.sent(&["cpiso"]).len(), mark(&rig).exists()), (1, false));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_iohyve_copied_without_being_heard_is_an_image_and_not_sent_again() {
    for is_listed in [true, false] {
        let (rig, iohyve, url) = far().await;
        for name in ["gate", "end", "lost"] {
            touch(&rig, name);
        }
        let error = iohyve.fetch_image(&url, None, Call::new().0).await.unwrap_err();
        assert_eq!((error.kind, rig.sent(&["cpiso"]).len()), (ErrorKind::Unreachable, 1));
        // Who has hold of it may copy it still.
        let held = fs::File::open(rig.path("library/whole/far.iso")).unwrap();
        held.lock().unwrap();
        assert_eq!((iohyve.images().await.unwrap(), mark(&rig).is_file()), (Vec::new(), true));
        drop(held);
        if is_listed {
            assert_eq!(iohyve.images().await.unwrap().len(), 1);
        } else {
            assert_eq!(iohyve.resume_fetch("far.iso", Call::new().0).await.unwrap().name, "far.iso");
        }
        assert_eq!((rig.sent(&["cpiso", "rmiso"]).len(), iohyve.images().await.unwrap().len()), (1, 1));
        assert_eq!((iohyve.fetches().await.unwrap().open, inside(&rig, "library/whole")), (Vec::new(), 0));
        assert_eq!(iohyve.resume_fetch("far.iso", Call::new().0).await.unwrap_err().kind, ErrorKind::Conflict);
    }
}
