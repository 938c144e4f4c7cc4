//! What other programs change is seen: at once where libvirt tells of it, else by the list that is read now and then.
use crate::support::{
    fake_libvirt::FakeLibvirt,
    hosts::Stage,
    libvirt::{Daemon, at},
};
use std::{fs, time::Duration};
use tokio::time::{advance, pause, resume, timeout};
use vmdeck::{
    app::Message,
    backend::libvirt::{Libvirt, wire::procedure as p},
    domain::{HostEvent, Inventory},
    runtime::{Hosts, Policy},
};

const M: u64 = 1 << 20;
/// `REMOTE_PROC_STORAGE_POOL_DESTROY`: stops it.
const POOL_STOP: u32 = 80;

/// Watches a host; the list is read every so often, and after what it tells.
fn watched(libvirt: Libvirt, resync_every: Duration) -> Stage {
    let (mut hosts, inbox) = Hosts::new();
    hosts.add("lv".into(), libvirt, Policy { resync_every, ..Policy::default() });
    Stage::of(hosts, inbox)
}

/// Waits for a list that is as wanted.
async fn lists(stage: &mut Stage, what: &str, is_it: impl Fn(&Inventory) -> bool) {
    let wanted = |message: &Message| match message {
        Message::Host(_, HostEvent::Inventory(inventory)) => is_it(inventory).then_some(()),
        _ => None,
    };
    let found = timeout(Duration::from_secs(60), stage.until(wanted)).await;
    assert!(found.is_ok(), "in vain waited for {what}; the last: {:?}", stage.seen.last());
}

fn has_images(inventory: &Inventory, wanted: &[&str]) -> bool {
    let names = |images: &[vmdeck::domain::Image]| images.iter().map(|image| image.name.clone()).collect::<Vec<_>>();
    inventory.images.as_deref().is_some_and(|images| names(images) == wanted)
}

#[tokio::test]
async fn images_that_another_program_brings_are_seen_when_their_pool_is() {
    let daemon = Daemon::new().await;
    let connection = daemon.open().await;
    let other = &connection.client;
    // What libvirt says of its own accord must do.
    let mut stage = watched(daemon.backend(), Duration::from_secs(600));
    lists(&mut stage, "the first list", |inventory| has_images(inventory, &[])).await;

    fs::write(daemon.path("images/far.iso"), [0; 2048]).unwrap();
    let pool = other.pools().await.unwrap().remove(0);
    other.pool_refresh(&pool).await.unwrap();
    lists(&mut stage, "an image of a pool that was looked through", |i| has_images(i, &["far.iso"])).await;

    let more = daemon.path("run/more");
    let xml = format!("<pool type='dir'><name>more</name><target><path>{}</path></target></pool>", more.display());
    let more = other.pool_make(&xml).await.unwrap();
    let knows_more = |inventory: &Inventory| {
        let pools = inventory.nodes.iter().flatten().flat_map(|node| &node.details);
        pools.into_iter().any(|(label, _)| label == "Pool more")
    };
    lists(&mut stage, "a pool that was started", knows_more).await;
    other.call(POOL_STOP, more.arg()).await.unwrap();
    lists(&mut stage, "a pool that was stopped", |inventory| inventory.nodes.is_some() && !knows_more(inventory)).await;
    stage.hosts.stop().await;
}

/// Lets the time until the next list go by at once.
async fn wait_for_poll() {
    pause();
    advance(Duration::from_secs(11)).await;
    resume();
}

#[tokio::test]
async fn what_libvirt_tells_nothing_of_is_seen_by_the_next_list() {
    let daemon = Daemon::new().await;
    let connection = daemon.open().await;
    let other = &connection.client;
    let xml = "<domain type='qemu'><name>web</name><memory unit='MiB'>96</memory><os><type>hvm</type></os></domain>";
    let web = other.define(xml).await.unwrap();
    let mut stage = watched(daemon.backend(), Policy::default().resync_every);
    let has_memory =
        |inventory: &Inventory, wanted: u64| inventory.vms.iter().flatten().any(|vm| vm.memory == Some(wanted * M));
    lists(&mut stage, "the first list", |i| has_images(i, &[]) && has_memory(i, 96)).await;

    // Neither a volume that is made nor what a machine gets next time is told by an event.
    let pool = other.pools().await.unwrap().remove(0);
    let volume = "<volume><name>new.iso</name><capacity>4096</capacity></volume>";
    other.volume_make(&pool, volume).await.unwrap();
    other.set_memory(&web, 64 * 1024, 2 | 4).await.unwrap();
    wait_for_poll().await;
    lists(&mut stage, "what changed untold", |i| has_images(i, &["new.iso"]) && has_memory(i, 64)).await;
    stage.hosts.stop().await;
}

#[tokio::test]
async fn a_daemon_without_events_of_pools_is_asked_now_and_then() {
    let fake = FakeLibvirt::new("sock");
    fake.world().refuses.insert(p::REGISTER_POOL_EVENT, (3, "unknown procedure: 368"));
    let mut stage = watched(at(&fake.uri("sock")), Policy::default().resync_every);
    stage.up().await;
    lists(&mut stage, "the first list", |inventory| has_images(inventory, &[])).await;
    fake.world().volumes.insert("new.iso".to_owned(), vec![0; 512]);
    wait_for_poll().await;
    lists(&mut stage, "the image", |inventory| has_images(inventory, &["new.iso"])).await;
    assert!(fake.world().called.contains(&p::REGISTER_POOL_EVENT));
    stage.hosts.stop().await;
}
