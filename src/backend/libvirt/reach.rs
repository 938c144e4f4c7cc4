//! The way to a libvirt daemon: a socket of this computer, or the same bytes through ssh.
use super::client::Connection;
use crate::{
    backend::{EventSink, ssh},
    domain::{Error, ErrorKind, Result, clean_line},
    transport::Program,
};
use std::{
    env, fs, io,
    os::unix::fs::{MetadataExt, PermissionsExt},
    path::{Path, PathBuf},
};
use tokio::net::UnixStream;

/// Which of a computer's two sets of machines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// Those of the computer.
    System,
    /// Those of one user.
    Session,
}

/// Where a daemon is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// On this computer; None: where daemons have their sockets.
    Local { socket: Option<PathBuf> },
    /// On another. `program`: instead of `ssh`. `socket`: the other computer's, where its own programs do not find it.
    Ssh { program: String, host: String, user: Option<String>, port: Option<u16>, socket: Option<String> },
}

/// A libvirt URI, as far as it is understood here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Uri {
    pub place: Place,
    pub scope: Scope,
}

impl Uri {
    /// Reads `qemu:///system`, `qemu:///session`, `qemu+ssh://user@host:port/system`. Of libvirt's parameters, `socket`
    /// is taken, and `command` for ssh.
    pub fn parse(text: &str) -> Result<Self> {
        let wrong = |why: &str| Error::invalid(format_args!("uri: `{}`: {why}", clean_line(text)));
        let url = url::Url::parse(text).map_err(|_| wrong("this is no URI"))?;
        let scope = match url.path() {
            "/system" => Scope::System,
            "/session" => Scope::Session,
            _ => return Err(wrong("it ends in /system or /session")),
        };
        let (mut socket, mut program) = (None, None);
        for (name, value) in url.query_pairs() {
            match &*name {
                "socket" => socket = Some(value.into_owned()),
                "command" if url.scheme() == "qemu+ssh" => program = Some(value.into_owned()),
                _ => return Err(wrong("of its parameters, only `socket` is known here, and `command` for ssh")),
            }
        }
        let place = match (url.scheme(), url.host_str().filter(|host| !host.is_empty())) {
            ("qemu", None) => Place::Local { socket: socket.map(PathBuf::from) },
            ("qemu+ssh", Some(host)) => {
                let user = Some(url.username().to_owned()).filter(|user| !user.is_empty());
                let is_made_of = |word: &str, marks: &str| {
                    !word.starts_with('-') && word.chars().all(|c| c.is_ascii_alphanumeric() || marks.contains(c))
                };
                let host = host.trim_matches(['[', ']']).to_owned();
                let is_right = is_made_of(&host, "._-:%")
                    && user.as_deref().is_none_or(|user| is_made_of(user, "._-"))
                    && socket.as_deref().is_none_or(|path| is_made_of(path, "/._-"));
                if !is_right {
                    return Err(wrong("user, host and socket are plain words"));
                }
                Place::Ssh {
                    program: program.unwrap_or_else(|| "ssh".to_owned()),
                    host,
                    user,
                    port: url.port(),
                    socket,
                }
            }
            _ => return Err(wrong("qemu:///system, qemu:///session or qemu+ssh://user@host/system")),
        };
        Ok(Self { place, scope })
    }

    /// Reads the URI by which the libvirt here reaches another one: a socket that it names is one of its own computer.
    pub fn of_peer(&self, text: &str) -> Result<Self> {
        match text.strip_prefix("qemu+unix:").filter(|_| self.is_local()) {
            Some(rest) => Self::parse(&format!("qemu:{rest}")),
            None => Self::parse(text),
        }
    }

    pub const fn is_local(&self) -> bool {
        matches!(self.place, Place::Local { .. })
    }

    /// The URI for the daemon itself.
    pub const fn driver(&self) -> &'static str {
        match self.scope {
            Scope::System => "qemu:///system",
            Scope::Session => "qemu:///session",
        }
    }

    /// Connects; nothing has been said yet. `led` is how ssh is started.
    pub async fn connect(&self, events: EventSink, led: impl FnOnce(Program) -> Program) -> Result<Connection> {
        match &self.place {
            Place::Local { socket: Some(socket) } => local(std::slice::from_ref(socket), events).await,
            Place::Local { socket: None } => local(&sockets(self.scope), events).await,
            Place::Ssh { .. } => {
                let pipe = led(self.ssh()?).pipe()?;
                Ok(Connection::new(pipe.from, pipe.to, Some(pipe.words), events))
            }
        }
    }

    /// The command that carries the bytes to another computer.
    pub fn ssh(&self) -> Result<Program> {
        let Place::Ssh { program, host, user, port, socket } = &self.place else {
            return Err(Error::invalid("this daemon is on this computer"));
        };
        let mut ssh = Program::new(program).args(["-T", "-x", "-o", "ConnectTimeout=8"]);
        // A network that is gone is noticed within half a minute.
        ssh = ssh.args(["-o", "ServerAliveInterval=10", "-o", "ServerAliveCountMax=3"]);
        if let Some(port) = port {
            ssh = ssh.arg("-p").arg(port.to_string());
        }
        if let Some(user) = user {
            ssh = ssh.arg("-l").arg(user);
        }
        // Words of ours alone: the other side's shell reads them. Without libvirt's helper, the daemon for QEMU alone
        // comes before the one for everything here too.
        let folder = match self.scope {
            Scope::System => "/var/run/libvirt",
            Scope::Session => "\"$XDG_RUNTIME_DIR\"/libvirt",
        };
        let far = match socket {
            Some(socket) => format!("nc -U {socket}"),
            None => format!(
                "sh -c 'if command -v virt-ssh-helper >/dev/null; then exec virt-ssh-helper {}; fi; \
                s={folder}/virtqemud-sock; if [ ! -S \"$s\" ]; then s={folder}/libvirt-sock; fi; exec nc -U \"$s\"'",
                self.driver()
            ),
        };
        Ok(ssh.arg("--").arg(host).arg(far))
    }
}

/// Where the daemons of this computer listen: the one for QEMU alone, then the one for everything.
pub fn sockets(scope: Scope) -> Vec<PathBuf> {
    let folders: Vec<PathBuf> = match scope {
        Scope::System => vec!["/run/libvirt".into(), "/var/run/libvirt".into()],
        Scope::Session => match env::var_os("XDG_RUNTIME_DIR").filter(|folder| !folder.is_empty()) {
            Some(folder) => vec![PathBuf::from(folder).join("libvirt")],
            None => env::home_dir().map(|home| home.join(".cache/libvirt")).into_iter().collect(),
        },
    };
    let names = ["virtqemud-sock", "libvirt-sock"];
    folders.iter().flat_map(|folder| names.map(|name| folder.join(name))).collect()
}

/// The first socket behind which somebody answers; else the error that says most.
async fn local(sockets: &[PathBuf], events: EventSink) -> Result<Connection> {
    let mut worst: Option<Error> = None;
    for path in sockets {
        match UnixStream::connect(path).await {
            Ok(stream) => {
                let (from, to) = stream.into_split();
                return Ok(Connection::new(from, to, None, events));
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => {
                worst.get_or_insert_with(|| unreachable(path, &error));
            }
        }
    }
    Err(worst.unwrap_or_else(|| {
        let first = sockets.last().map(|path| path.display().to_string()).unwrap_or_default();
        Error::new(ErrorKind::Unreachable, format_args!("no libvirt daemon runs here: there is no {first}"))
    }))
}

fn unreachable(path: &Path, error: &io::Error) -> Error {
    let shown = path.display();
    match error.kind() {
        io::ErrorKind::PermissionDenied => {
            let groups = fs::read_to_string("/etc/group").unwrap_or_default();
            // Not tried again by itself: a new group holds after the next sign-in.
            Error::new(ErrorKind::Unauthorized, format_args!("permission denied: {}", remedy(path, &groups)))
        }
        io::ErrorKind::ConnectionRefused => {
            Error::new(ErrorKind::Unreachable, format_args!("no daemon answers behind {shown}: is it running?"))
        }
        _ => Error::new(ErrorKind::Unreachable, format_args!("{shown}: {error}")),
    }
}

/// How to be let in: by the group that may write to the socket, where there is one among the `groups` of the system.
fn remedy(path: &Path, groups: &str) -> String {
    let shown = path.display();
    let open = fs::metadata(path).ok().filter(|meta| meta.permissions().mode() & 0o060 == 0o060);
    match open.and_then(|meta| group(groups, meta.gid())) {
        Some(group) if group != "root" => {
            format!("{shown} belongs to the group {group}: `sudo usermod -aG {group} $USER`, then sign in again")
        }
        _ => format!("only root may use {shown}; with polkit, members of the group libvirt may"),
    }
}

/// The name of a group in `/etc/group`.
fn group(groups: &str, gid: u32) -> Option<String> {
    let line = groups.lines().find(|line| line.split(':').nth(2) == Some(&gid.to_string()))?;
    line.split(':').next().map(|name| clean_line(name).into_owned())
}

/// Why the connection through ssh ended, with what helps. `last` is the last line that was written, `all` is all that was.
pub(super) fn explained(last: &Error, all: &str) -> Error {
    let line = &last.message;
    if let Some(error) = ssh::lasting(line, all) {
        return error;
    }
    if line.contains("Permission denied") && !line.starts_with("ssh: ") {
        let why = "that user may not use libvirt there: members of the group libvirt may";
        return Error::new(ErrorKind::Unauthorized, format_args!("{line}: {why}"));
    }
    let hint = [
        ("not found", "neither virt-ssh-helper nor nc is there: is libvirt installed on that host?"),
        ("Could not resolve", "is its name right?"),
    ];
    match hint.iter().find(|(words, _)| line.contains(words)) {
        Some((_, hint)) => Error::new(ErrorKind::Unreachable, format_args!("{line}: {hint}")),
        None => Error::new(ErrorKind::Unreachable, line),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn uris_are_read_as_libvirt_writes_them() {
        let read = |text| Uri::parse(text).unwrap();
        assert_eq!(read("qemu:///system"), Uri { place: Place::Local { socket: None }, scope: Scope::System });
        let own = read("qemu:///session?socket=/x/libvirt-sock");
        assert_eq!(own.place, Place::Local { socket: Some("/x/libvirt-sock".into()) });
        let far = read("qemu+ssh://me@[fe80::1]:2222/system");
        let words: Vec<_> = far.ssh().unwrap().arguments().iter().map(|a| a.to_string_lossy().into_owned()).collect();
        let end = ["-p", "2222", "-l", "me", "--", "fe80::1"];
        assert_eq!(words[words.len() - 7..words.len() - 1], end);
        let helper = words.last().unwrap();
        assert!(helper.contains("exec virt-ssh-helper qemu:///system; fi; s=/var/run/libvirt/virtqemud-sock;"));
        for wrong in [
            "qemu:///x",
            "xen:///system",
            "qemu+ssh:///system",
            "qemu://host/system",
            "qemu+ssh://-oProxyCommand=x/system",
            "qemu+ssh://h/system?keyfile=/x",
            "qemu+ssh://h/system?socket=/x;reboot",
            "qemu+ssh://a%20b@h/system",
        ] {
            assert_eq!(Uri::parse(wrong).unwrap_err().kind, ErrorKind::Invalid, "{wrong}");
        }
    }

    #[test]
    fn a_socket_of_another_computer_is_none_of_this_one() {
        let [near, far] = ["qemu:///system", "qemu+ssh://root@far/system"].map(|text| Uri::parse(text).unwrap());
        let socket = "qemu+unix:///session?socket=/x/libvirt-sock";
        assert_eq!(near.of_peer(socket).unwrap().place, Place::Local { socket: Some("/x/libvirt-sock".into()) });
        assert_eq!(far.of_peer(socket).unwrap_err().kind, ErrorKind::Invalid);
        assert_eq!(far.of_peer("qemu+ssh://root@far/system").unwrap(), far);
        assert_eq!(near.of_peer("qemu+tls://far/system").unwrap_err().kind, ErrorKind::Invalid);
    }

    #[tokio::test]
    async fn the_daemon_for_qemu_alone_is_asked_before_the_one_for_everything() {
        let system: Vec<_> = sockets(Scope::System).iter().map(|path| path.display().to_string()).collect();
        assert_eq!(system[..2], ["/run/libvirt/virtqemud-sock", "/run/libvirt/libvirt-sock"]);
        assert!(sockets(Scope::Session).first().is_some_and(|path| path.ends_with("libvirt/virtqemud-sock")));

        // The first that answers: one that nobody listens behind is passed over.
        let folder = tempfile::tempdir().unwrap();
        let paths = ["virtqemud-sock", "libvirt-sock"].map(|name| folder.path().join(name));
        let (events, _heard) = tokio::sync::mpsc::channel(1);
        let everything = tokio::net::UnixListener::bind(&paths[1]).unwrap();
        let _first = local(&paths, events.clone()).await.unwrap();
        everything.accept().await.unwrap();
        let alone = tokio::net::UnixListener::bind(&paths[0]).unwrap();
        let _second = local(&paths, events.clone()).await.unwrap();
        alone.accept().await.unwrap();
        drop(alone);
        let _third = local(&paths, events).await.unwrap();
        everything.accept().await.unwrap();
    }

    #[test]
    fn the_group_of_a_socket_is_found() {
        assert_eq!(group("root:x:0:\nlibvirt:x:115:me\n", 115).as_deref(), Some("libvirt"));
        assert_eq!(group("root:x:0:", 1), None);
    }

    #[tokio::test]
    async fn a_socket_that_cannot_be_used_says_what_helps() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("sock");
        let (events, _heard) = tokio::sync::mpsc::channel(1);
        let error = local(std::slice::from_ref(&path), events.clone()).await.unwrap_err();
        assert!(error.message.starts_with("no libvirt daemon runs here: there is no /"), "{error}");
        drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
        let error = local(std::slice::from_ref(&path), events).await.unwrap_err();
        assert_eq!(error.kind, ErrorKind::Unreachable);
        assert!(error.message.contains("no daemon answers behind"), "{error}");
        // Who may write to it is else as this process makes files.
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        let denied = unreachable(&path, &io::Error::from(io::ErrorKind::PermissionDenied));
        let words = format!("permission denied: only root may use {}; ", path.display());
        assert!(denied.kind == ErrorKind::Unauthorized && denied.message.starts_with(&words), "{denied}");
        assert!(denied.message.ends_with("members of the group libvirt may"), "{denied}");
        // With a group that may, which is named.
        let gid = path.metadata().unwrap().gid();
        let groups = format!("root:x:4711:\ncrowd:x:{gid}:me\n");
        let by_group = |mode| {
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
            remedy(&path, &groups)
        };
        let words = "belongs to the group crowd: `sudo usermod -aG crowd $USER`, then sign in again";
        assert_eq!(by_group(0o660), format!("{} {words}", path.display()));
        assert!(by_group(0o600).starts_with("only root may use "), "its group may not write to it");
    }
}
