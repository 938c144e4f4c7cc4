//! An etcd of the test's own: free ports on loopback, a folder of its own, ended with the test.
use super::qemu::eventually;
use serde_json::Value;
use std::{
    net::TcpListener,
    path::Path,
    process::{Child, Command, Stdio},
};
use tokio::sync::mpsc;
use vmdeck::{
    backend::{
        Backend,
        lochness::{Lochness, Settings},
    },
    domain::{HostEvent, Secret},
    transport::{
        self, Password, find_program,
        http::{self, Answer, Ask, Http, Method},
        tls::{Server, Trust},
    },
};

pub(crate) struct Etcd {
    folder: tempfile::TempDir,
    /// Of clients, and of other servers.
    ports: (u16, u16),
    child: Option<Child>,
    http: Http,
    wants_sign_in: bool,
}

/// Of every user.
pub(crate) const PASSWORD: &str = "pä:ss";

/// The second API is not in every release.
#[expect(clippy::disallowed_methods, reason = "a server that is under test")]
fn check_release() {
    assert!(find_program("etcd").is_some(), "etcd is not installed: run tests/setup");
    let told = Command::new("etcd").arg("--version").output().unwrap().stdout;
    let told = String::from_utf8(told).unwrap();
    let is_known = ["3.3.", "3.4.", "3.5."].iter().any(|release| told.contains(&format!("etcd Version: {release}")));
    assert!(is_known, "etcd 3.4 or 3.5 is wanted, which have the second API: {told}");
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

fn http(port: u16) -> Http {
    let server = Server::read(&format!("http://127.0.0.1:{port}"), port).unwrap();
    Http::new(http::Settings::new(server, Trust::System { ca: None }))
}

impl Etcd {
    /// Starts one with nothing in it.
    pub(crate) async fn new() -> Self {
        Self::with(&["--enable-v2"]).await
    }

    /// Starts one with further arguments.
    pub(crate) async fn with(arguments: &[&str]) -> Self {
        check_release();
        for _ in 0..20 {
            // It waits for the disk with every change: memory is quicker.
            let place = if Path::new("/dev/shm").is_dir() { "/dev/shm" } else { "/tmp" };
            let folder = tempfile::Builder::new().prefix("vd").tempdir_in(place).unwrap();
            let ports = (free_port(), free_port());
            let mut etcd = Self { folder, ports, child: None, http: http(ports.0), wants_sign_in: false };
            // Another test may have taken a port meanwhile.
            if etcd.started(arguments).await {
                return etcd;
            }
        }
        panic!("etcd does not start");
    }

    /// Starts it again, on the same ports with what it had.
    pub(crate) async fn start(&mut self) {
        while !self.started(&["--enable-v2"]).await {}
    }

    /// Whether it came up.
    #[expect(clippy::disallowed_methods, reason = "a server that is under test")]
    async fn started(&mut self, arguments: &[&str]) -> bool {
        let (client, peer) =
            (format!("http://127.0.0.1:{}", self.ports.0), format!("http://127.0.0.1:{}", self.ports.1));
        let cluster = format!("default={peer}");
        let mut command = Command::new("etcd");
        command.args(["--listen-client-urls", &client, "--advertise-client-urls", &client]);
        command.args([
            "--listen-peer-urls",
            &peer,
            "--initial-advertise-peer-urls",
            &peer,
            "--initial-cluster",
            &cluster,
        ]);
        // It elects itself once this time is over.
        command.args(["--heartbeat-interval", "50", "--election-timeout", "250"]);
        command.arg("--data-dir").arg(self.folder.path().join("data")).args(arguments);
        // Releases before 3.5 ask to be told twice on such computers.
        if cfg!(target_arch = "aarch64") {
            command.env("ETCD_UNSUPPORTED_ARCH", "arm64");
        }
        let log = std::fs::File::create(self.folder.path().join("log")).unwrap();
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log);
        let child = self.child.insert(command.spawn().unwrap());
        let (http, mut has_ended) = (&self.http, false);
        eventually("etcd", async || {
            has_ended = child.try_wait().unwrap().is_some();
            let members = http.send(&Ask::get("/v2/members")).await;
            // Somebody else's etcd may answer there.
            has_ended || members.is_ok_and(|answer| answer.status == 404 || answer.text().contains(&peer))
        })
        .await;
        !has_ended
    }

    /// Ends it; what it has is kept.
    pub(crate) fn stop(&mut self) {
        if let Some(mut child) = self.child.take() {
            let pid = rustix::process::Pid::from_child(&child);
            let _ = rustix::process::kill_process(pid, rustix::process::Signal::TERM);
            let _ = child.wait();
        }
    }

    pub(crate) fn port(&self) -> u16 {
        self.ports.0
    }

    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.ports.0)
    }

    pub(crate) async fn connected(&self) -> (Lochness, mpsc::Receiver<HostEvent>) {
        let backend = lochness(&self.url());
        let (events, heard) = mpsc::channel(1024);
        backend.connect(events).await.unwrap();
        (backend, heard)
    }

    /// From now on it wants a sign-in: `lo` may do what lochness does, `re` only read it; their password is `pä:ss`.
    pub(crate) async fn want_sign_in(&mut self) {
        let rights = |write: &str| format!(r#"{{"kv":{{"read":["/lochness*"],"write":[{write}]}}}}"#);
        let role = |name: &str, write: &str| format!(r#"{{"role":"{name}","permissions":{}}}"#, rights(write));
        let user = |name: &str| format!(r#"{{"user":"{name}","password":"{PASSWORD}","roles":["{name}"]}}"#);
        self.tell("users/root", &format!(r#"{{"user":"root","password":"{PASSWORD}"}}"#)).await;
        self.tell("roles/lo", &role("lo", r#""/lochness*""#)).await;
        self.tell("roles/re", &role("re", "")).await;
        self.tell("users/lo", &user("lo")).await;
        self.tell("users/re", &user("re")).await;
        self.tell("enable", "").await;
        self.wants_sign_in = true;
        // Until then everybody may do everything.
        self.tell("roles/guest", r#"{"role":"guest","revoke":{"kv":{"read":["/*"],"write":["/*"]}}}"#).await;
    }

    /// Says who may do what.
    pub(crate) async fn tell(&self, path: &str, body: &str) {
        let ask = Ask::new(Method::PUT, format!("/v2/auth/{path}"));
        let ask = if body.is_empty() { ask } else { ask.json(&serde_json::from_str(body).unwrap()) };
        let answer = self.http.send(&self.as_root(ask)).await.unwrap();
        assert!(answer.is_success(), "{path}: {}", answer.text());
    }

    fn as_root(&self, ask: Ask) -> Ask {
        if self.wants_sign_in { ask.basic("root", Secret::new(PASSWORD.to_owned())) } else { ask }
    }

    async fn ask(&self, method: Method, key: &str, fields: &[(&str, &str)]) -> Answer {
        let ask = self.as_root(Ask::new(method, format!("/v2/keys/lochness/{key}")));
        self.http.send(&if fields.is_empty() { ask } else { ask.form(fields) }).await.unwrap()
    }

    /// What somebody else writes, as far as the tree takes it.
    pub(crate) async fn try_put(&self, key: &str, value: &str) {
        self.ask(Method::PUT, key, &[("value", value)]).await;
    }

    /// What somebody else takes away, where it is there.
    pub(crate) async fn try_delete(&self, key: &str) {
        self.ask(Method::DELETE, &format!("{key}?recursive=true"), &[]).await;
    }

    /// What somebody else writes.
    pub(crate) async fn put(&self, key: &str, value: &str) {
        assert!(self.ask(Method::PUT, key, &[("value", value)]).await.is_success());
    }

    pub(crate) async fn add(&self, id: &str, record: &Value) {
        let mut record = record.clone();
        record.as_object_mut().unwrap().insert("id".to_owned(), id.into());
        self.put(&format!("hypervisors/{id}/metadata"), &record.to_string()).await;
    }

    /// A beat of a node's heart, which counts for so many seconds.
    pub(crate) async fn beat(&self, id: &str, seconds: &str) {
        let fields = [("value", "now"), ("ttl", seconds)];
        assert!(self.ask(Method::PUT, &format!("hypervisors/{id}/heartbeat"), &fields).await.is_success());
    }

    pub(crate) async fn delete(&self, key: &str) {
        assert!(self.ask(Method::DELETE, &format!("{key}?recursive=true"), &[]).await.is_success());
    }

    pub(crate) async fn get(&self, key: &str) -> Option<String> {
        let answer = self.ask(Method::GET, key, &[]).await;
        let told = answer.json().unwrap();
        told.pointer("/node/value").map(|value| value.as_str().unwrap().to_owned())
    }

    pub(crate) async fn record(&self, id: &str) -> Value {
        let text = self.get(&format!("hypervisors/{id}/metadata")).await.unwrap();
        serde_json::from_str(&text).unwrap()
    }
}

/// A backend for one address, not connected yet.
pub(crate) fn lochness(url: &str) -> Lochness {
    Lochness::new(settings(&[url]))
}

impl Drop for Etcd {
    fn drop(&mut self) {
        self.stop();
    }
}

/// The servers of a store, judged by the authorities of the system.
pub(crate) fn settings(urls: &[&str]) -> Settings {
    let endpoints = urls.iter().map(|url| (*url).to_owned()).collect();
    Settings {
        endpoints,
        user: None,
        password: Password::Ask,
        headless: false,
        trust: transport::Trust::System { ca: None },
        identity: None,
    }
}
