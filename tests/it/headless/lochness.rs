//! The store of lochness from the command line.
use crate::support::{etcd::Etcd, fake_lochness::NODE, program::vmdeck};
use serde_json::json;

#[tokio::test]
async fn nodes_are_listed_and_changed_without_the_screen() {
    let etcd = Etcd::new().await;
    etcd.add(NODE, &json!({"ip": "10.0.0.1", "rack": 7})).await;
    etcd.beat(NODE, "600").await;
    let home = tempfile::tempdir().unwrap();
    let host = format!("[[host]]\nname = \"store\"\nbackend = \"lochness\"\nkv = [\"{}\"]\n", etcd.url());
    std::fs::write(home.path().join("config.toml"), host).unwrap();
    let call = async |words: &str| vmdeck(home.path(), &format!("call store {words}")).await;
    let told = call("list-nodes --json").await.json();
    assert_eq!(told["result"][0]["id"], NODE, "{told}");
    let said = call(&format!("update-node node={NODE} ip=10.0.0.2")).await;
    assert_eq!((said.code, said.err.as_str()), (0, ""), "{said:?}");
    let record = etcd.record(NODE).await;
    assert_eq!((record["ip"].as_str(), &record["rack"]), (Some("10.0.0.2"), &json!(7)));
    let said = call(&format!("set-config node={NODE} key=guestDiskDir value=/guests")).await;
    assert_eq!((said.code, said.out.trim()), (0, format!("guestDiskDir of {NODE} is /guests").as_str()));
    let said = call(&format!("set-config node={NODE} key=a/b value=1")).await;
    assert!(said.code == 2 && said.err.contains("no `/`"), "{said:?}");
    let said = call(&format!("start vm={NODE}")).await;
    assert!(said.code == 3 && said.err.contains("queue is not in the store"), "{said:?}");
}
