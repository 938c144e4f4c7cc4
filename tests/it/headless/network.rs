//! A machine with all that the form offers by itself, on a network.
use crate::support::{program::vmdeck, qemu::World};
use serde_json::json;
use std::fs;

#[tokio::test(flavor = "multi_thread")]
async fn a_machine_as_the_form_offers_it_runs_with_a_network_of_its_own() {
    let world = World::new();
    fs::write(world.path("config.toml"), "[[host]]\nname = \"local\"\naccel = \"tcg\"\n").unwrap();
    let home = world.path("");
    for words in ["create vm=web memory=32M disk=1M", "start vm=web"] {
        let said = vmdeck(&home, &format!("call local {words}")).await;
        assert_eq!(said.code, 0, "{words}: {said:?}");
    }
    let shown = vmdeck(&home, "call local show vm=web --json").await.json();
    assert_eq!(shown.pointer("/result/state"), Some(&json!("running")), "{shown}");
    let said = vmdeck(&home, "call local list-properties vm=web --json").await.json();
    let all = said.pointer("/result").and_then(|all| all.as_array()).unwrap();
    let network = all.iter().find(|property| property["name"] == "network").unwrap();
    assert_eq!((&network["value"], &network["current"]), (&json!("user"), &json!(null)), "{network}");
    // The process has it, too.
    let words = fs::read_to_string(format!("/proc/{}/cmdline", world.pid("web"))).unwrap();
    assert!(words.split('\0').any(|word| word == "user,id=net0"), "{words}");
}
