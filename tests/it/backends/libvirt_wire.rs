//! libvirt's protocol: recorded bytes, bytes of any kind, and a daemon that does not behave.
use proptest::prelude::*;
use tokio::{
    io::{AsyncWriteExt, DuplexStream, duplex, split},
    sync::mpsc,
};
use vmdeck::{
    backend::libvirt::{
        client::Connection,
        packet::{KEEPALIVE, Kind, LARGEST, Packet, REMOTE, Status},
        wire::{Domain, Stats, procedure, refusal},
        xdr::{Reader, Writer},
    },
    domain::{ErrorKind, HostEvent, Result, VmId},
};

// From libvirt 9.0.0: a list of two, a machine that is not there, one that is off, its figures, and its start.
const LIST: &str = "00000060200080860000000100000111000000010000000400000000000000020000000570726f62650000001641b9df6b2948\
    12b77c2e45a948b3e6ffffffff00000003656669006151ba9af31343e593d10ccb1a7c8705ffffffff00000002";
const MISSING: &str = "000000c82000808600000001000000170000000100000005000000010000002a0000000a0000000100000037446f6d61696e\
    206e6f7420666f756e643a206e6f20646f6d61696e2077697468206d61746368696e67206e616d6520276e6f626f647927000000000200000000\
    0000000100000014446f6d61696e206e6f7420666f756e643a20257300000001000000256e6f20646f6d61696e2077697468206d61746368696e\
    67206e616d6520276e6f626f64792700000000000000ffffffffffffffff00000000";
const IS_OFF: &str = "000000c820008086000000010000002200000001000000090000000100000037000000140000000100000037526571756573\
    746564206f7065726174696f6e206973206e6f742076616c69643a20646f6d61696e206973206e6f742072756e6e696e670000000002000000\
    000000000100000024526571756573746564206f7065726174696f6e206973206e6f742076616c69643a20257300000001000000156\
    46f6d61696e206973206e6f742072756e6e696e6700000000000000ffffffffffffffff00000000";
const FIGURES: &str = "000000a4200080860000000100000158000000010000000800000000000000010000000570726f62650000001641b9df6b29\
    4812b77c2e45a948b3e6ffffffff000000040000000b73746174652e73746174650000000001000000050000000c73746174652e726561736f6e\
    00000001000000020000000c766370752e63757272656e7400000002000000010000000c766370752e6d6178696d756d0000000200000001";
const STARTED: &str = "0000004820008086000000010000013e000000020000000100000000000000000000000570726f62650000001641b9df6b29\
    4812b77c2e45a948b3e6000000030000000200000000";

fn bytes(hex: &str) -> Vec<u8> {
    let digits: String = hex.split_whitespace().collect();
    (0..digits.len() / 2).map(|n| u8::from_str_radix(digits.get(2 * n..2 * n + 2).unwrap(), 16).unwrap()).collect()
}

async fn packet(hex: &str) -> Packet {
    let bytes = bytes(hex);
    let packet = Packet::read(&mut bytes.as_slice()).await.unwrap().unwrap();
    assert_eq!(packet.encode().unwrap(), bytes, "it is written as it was read");
    packet
}

#[tokio::test]
async fn recorded_messages_are_understood() {
    let list = packet(LIST).await;
    assert_eq!((list.procedure, list.kind, list.serial), (procedure::LIST_DOMAINS, Kind::Reply, 4));
    let found = Reader::new(&list.body).list(Domain::read).unwrap();
    assert_eq!(found.iter().map(|d| (d.name.as_str(), d.id)).collect::<Vec<_>>(), [("probe", -1), ("efi", -1)]);
    assert_eq!(found[0].arg().done(), list.body[4..36], "it is named as it named itself");

    let missing = refusal(&packet(MISSING).await.body);
    let words = "Domain not found: no domain with matching name 'nobody'";
    assert_eq!((missing.kind, missing.message.as_str()), (ErrorKind::NotFound, words));
    let off = refusal(&packet(IS_OFF).await.body);
    let words = "Requested operation is not valid: domain is not running";
    assert_eq!((off.kind, off.message.as_str()), (ErrorKind::Conflict, words));

    let figures = packet(FIGURES).await;
    let stats = Reader::new(&figures.body).list(Stats::read).unwrap();
    assert_eq!(stats[0].number("state.state"), Some(5));
    assert_eq!(stats[0].number("vcpu.maximum"), Some(1));
    assert_eq!((stats[0].number("cpu.time"), stats[0].sum("block", "capacity")), (None, None));
}

proptest! {
    #[test]
    fn messages_are_read_as_they_were_written(
        procedure: u32, serial: u32, body in prop::collection::vec(any::<u8>(), 0..300), name in ".{0,40}", id: i32,
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let sent = Packet::call(procedure, serial, body);
        let bytes = sent.encode().unwrap();
        prop_assert_eq!(runtime.block_on(Packet::read(&mut bytes.as_slice())).unwrap(), Some(sent));
        for cut in [1, 4, 20, bytes.len() - 1] {
            let read = runtime.block_on(Packet::read(&mut &bytes[..cut.min(bytes.len() - 1)]));
            prop_assert!(read.is_err(), "cut after {}", cut);
        }
        let domain = Domain { name: name.clone(), uuid: [7; 16], id };
        let written = domain.arg().maybe(Some(&name)).maybe(None).list(&[1, 2], |w, n| w.u32(*n)).done();
        prop_assert_eq!(written.len() % 4, 0);
        let mut reader = Reader::new(&written);
        prop_assert_eq!(Domain::read(&mut reader).unwrap(), domain);
        prop_assert_eq!(reader.maybe().unwrap(), Some(name));
        prop_assert_eq!(reader.maybe().unwrap(), None);
        prop_assert_eq!(reader.list(Reader::u32).unwrap(), [1, 2]);
    }

    #[test]
    fn bytes_of_any_kind_do_no_harm(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = Packet::decode(&bytes);
        let _ = Reader::new(&bytes).list(Stats::read);
        let _ = Reader::new(&bytes).list(Domain::read);
        prop_assert!(!refusal(&bytes).message.is_empty());
    }
}

/// A connection, and the daemon's side of it.
fn connected() -> (Connection, DuplexStream, mpsc::Receiver<HostEvent>) {
    let (near, far) = duplex(1 << 16);
    let (events, heard) = mpsc::channel(64);
    let (from, to) = split(near);
    (Connection::new(from, to, None, events), far, heard)
}

async fn say(far: &mut DuplexStream, packet: Packet) {
    far.write_all(&packet.encode().unwrap()).await.unwrap();
}

fn answer(serial: u32, body: Vec<u8>) -> Packet {
    Packet { kind: Kind::Reply, ..Packet::call(procedure::HOSTNAME, serial, body) }
}

fn text(text: &str) -> Vec<u8> {
    Writer::default().text(text).done()
}

#[tokio::test]
async fn answers_come_in_any_order_and_events_between_and_within_them() {
    let (connection, mut far, mut heard) = connected();
    let client = &connection.client;
    let daemon = async {
        let (first, second) = (Packet::read(&mut far).await.unwrap(), Packet::read(&mut far).await.unwrap());
        let (first, second) = (first.unwrap().serial, second.unwrap().serial);
        far.write_all(&bytes(STARTED)).await.unwrap();
        say(&mut far, answer(777, text("nobody asked for it"))).await;
        say(&mut far, answer(second, text("second"))).await;
        // An event in small pieces, with the answer close behind.
        let mut rest = bytes(STARTED);
        rest.extend(answer(first, text("first")).encode().unwrap());
        for piece in rest.chunks(3) {
            far.write_all(piece).await.unwrap();
            tokio::task::yield_now().await;
        }
        say(&mut far, answer(first, text("twice"))).await;
        far
    };
    let (first, second, mut far) = tokio::join!(client.hostname(), client.hostname(), daemon);
    assert_eq!((first.unwrap(), second.unwrap()), ("first".to_owned(), "second".to_owned()));
    assert_eq!(heard.recv().await, Some(HostEvent::Hint(Some(VmId::from("probe")))));

    let ping = Packet { program: KEEPALIVE, procedure: 1, kind: Kind::Event, ..answer(0, Vec::new()) };
    say(&mut far, ping.clone()).await;
    let answered = Packet::read(&mut far).await.unwrap().unwrap();
    assert_eq!(answered, Packet { procedure: 2, ..ping });
}

#[tokio::test]
async fn a_connection_that_breaks_ends_all_waits_and_says_why() {
    let huge = u32::try_from(LARGEST + 1).unwrap().to_be_bytes().to_vec();
    let other = [60_u32.to_be_bytes(), REMOTE.to_be_bytes(), 9_u32.to_be_bytes()].concat();
    let other = [other, vec![0; 48]].concat();
    for (sent, words) in [
        (Vec::new(), "libvirt closed the connection: it was stopped or restarted"),
        (bytes(STARTED)[..40].to_vec(), "libvirt closed the connection within a message"),
        (huge, "this is not libvirt's protocol: a message of 33554437 bytes"),
        (vec![0, 0, 0, 5, 1], "this is not libvirt's protocol: a message of 5 bytes"),
        (b"HTTP/1.1 400 Bad Request\r\n\r\n".to_vec(), "this is not libvirt's protocol: a message of 1213486160 bytes"),
        (other, "this is not libvirt's protocol: version 9 of program 0x20008086"),
    ] {
        let (connection, mut far, mut heard) = connected();
        connection.client.is_up().unwrap();
        let daemon = async move {
            Packet::read(&mut far).await.unwrap();
            far.write_all(&sent).await.unwrap();
        };
        let (waited, ()) = tokio::join!(connection.client.hostname(), daemon);
        let error = waited.unwrap_err();
        assert_eq!((error.kind, error.message.as_str()), (ErrorKind::Unreachable, words));
        assert_eq!(heard.recv().await, Some(HostEvent::Disconnected(error.clone())));
        assert_eq!(connection.client.hostname().await.unwrap_err(), error);
    }
}

#[tokio::test]
async fn what_cannot_be_an_answer_is_an_error_and_too_much_is_not_sent() {
    let (connection, mut far, _heard) = connected();
    let client = &connection.client;
    let daemon = async {
        let serial = Packet::read(&mut far).await.unwrap().unwrap().serial;
        say(&mut far, answer(serial, vec![0xff; 8])).await;
        let serial = Packet::read(&mut far).await.unwrap().unwrap().serial;
        say(&mut far, Packet { status: Status::Bad, ..answer(serial, vec![1, 2]) }).await;
    };
    let asked = async { (client.hostname().await, client.hostname().await) };
    let ((short, broken), ()) = tokio::join!(asked, daemon);
    assert_eq!((short.unwrap_err().kind, broken.unwrap_err().kind), (ErrorKind::Protocol, ErrorKind::Protocol));
    assert_eq!(client.define(&"x".repeat(LARGEST)).await.unwrap_err().kind, ErrorKind::Invalid);
}

/// What signing in comes to when the daemon offers these ways, and polkit says no.
async fn signed_in(ways: &[u32]) -> (Result<()>, Vec<u32>) {
    let (connection, mut far, _heard) = connected();
    let ways = Writer::default().list(ways, |writer, way| writer.u32(*way)).done();
    let (mut asked, client) = (Vec::new(), connection.client.clone());
    let opened = client.open("qemu:///system");
    tokio::pin!(opened);
    loop {
        let packet = tokio::select! {
            done = &mut opened => return (done, asked),
            packet = Packet::read(&mut far) => packet.unwrap().unwrap(),
        };
        asked.push(packet.procedure);
        let refused = Writer::default().i32(45).i32(0).maybe(Some("authentication failed: no agent")).done();
        let reply = match packet.procedure {
            procedure::AUTH_LIST => answer(packet.serial, ways.clone()),
            procedure::AUTH_POLKIT => Packet { status: Status::Bad, ..answer(packet.serial, refused) },
            _ => answer(packet.serial, Vec::new()),
        };
        say(&mut far, reply).await;
    }
}

#[tokio::test]
async fn who_may_not_come_in_is_told_what_helps() {
    use procedure::{AUTH_LIST, AUTH_POLKIT, CONNECT_OPEN};
    let (done, asked) = signed_in(&[0]).await;
    assert_eq!((done, asked), (Ok(()), vec![AUTH_LIST, CONNECT_OPEN]));
    let (done, asked) = signed_in(&[2]).await;
    let error = done.unwrap_err();
    assert_eq!((error.kind, asked), (ErrorKind::Unauthorized, vec![AUTH_LIST, AUTH_POLKIT]));
    assert!(error.message.contains("no agent") && error.message.contains("usermod -aG libvirt"), "{error}");
    let (done, asked) = signed_in(&[1]).await;
    assert_eq!((done.unwrap_err().kind, asked), (ErrorKind::Unauthorized, vec![AUTH_LIST]));
}
