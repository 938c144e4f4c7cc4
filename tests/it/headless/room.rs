//! What a call says of a disk that is given more than the storage of this computer holds.
use crate::support::{program::vmdeck, qemu::World};
use serde_json::Value;

#[tokio::test(flavor = "multi_thread")]
async fn a_disk_larger_than_what_is_free_is_made_with_a_word_of_that() {
    let world = World::new();
    world.make("web", false).await;
    let home = world.path("");
    let caution = |said: &crate::support::program::Said| {
        let end = said.json();
        assert_eq!((said.code, said.err.as_str()), (0, ""), "{said:?}");
        end.pointer("/result/caution").map(|told| told.as_str().unwrap().to_owned())
    };
    let is_told =
        |told: &str| told.ends_with(" more than the storage of local holds: it fills up before the disk is full");
    let fits = vmdeck(&home, "call local resize-disk vm=web disk=disk0 size=+1M").await;
    assert_eq!((fits.code, fits.err.as_str()), (0, ""), "{fits:?}");
    let fits = vmdeck(&home, "call local resize-disk vm=web disk=disk0 size=+1M --json").await;
    assert_eq!(caution(&fits), None);
    // Nobody has a storage of this size, and an empty image of it takes nearly nothing.
    let grown = vmdeck(&home, "call local resize-disk vm=web disk=disk0 size=+20T").await;
    assert_eq!(grown.code, 0, "{grown:?}");
    assert!(grown.out.starts_with("web disk0: ") && grown.out.lines().count() == 1, "{grown:?}");
    assert!(grown.err.starts_with("vmdeck: ") && is_told(grown.err.trim_end()), "{grown:?}");
    let grown = vmdeck(&home, "call local resize-disk vm=web disk=disk0 size=+20T --json").await;
    assert!(caution(&grown).is_some_and(|told| is_told(&told)), "{grown:?}");
    assert!(grown.json().pointer("/result/to").is_some_and(Value::is_u64), "{grown:?}");
    let added = vmdeck(&home, "call local add-disk vm=web size=20T --json").await;
    assert!(caution(&added).is_some_and(|told| is_told(&told)), "{added:?}");
    assert_eq!(added.json().pointer("/result/size").and_then(Value::as_u64), Some(20 << 40));
    let made = vmdeck(&home, "call local create vm=big memory=32M disk=20T --json").await;
    assert!(caution(&made).is_some_and(|told| is_told(&told)), "{made:?}");
    let made = vmdeck(&home, "call local create vm=small memory=32M disk=1M --json").await;
    assert_eq!(caution(&made), None);
}
