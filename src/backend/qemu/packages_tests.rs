use super::{
    super::device_group::{Entry, entry, join},
    *,
};
use std::sync::Mutex;

/// A system that has some programs and answers as told.
struct Fake {
    programs: &'static [&'static str],
    root: bool,
    group: Option<u32>,
    /// The beginning of a command, its exit code, and what it writes.
    answers: &'static [(&'static str, i32, &'static str)],
    ran: Mutex<Vec<String>>,
}

impl Fake {
    fn new(programs: &'static [&'static str], answers: &'static [(&'static str, i32, &'static str)]) -> Self {
        Self { programs, root: true, group: Some(104), answers, ran: Mutex::default() }
    }

    fn answer(&self, program: &Program) -> Output {
        let line = program.shown();
        let found = self.answers.iter().find(|(start, ..)| line.starts_with(start));
        let (_, code, text) = found.unwrap_or(&("", 0, ""));
        self.ran.lock().unwrap().push(line);
        Output { code: Some(*code), stdout: text.as_bytes().to_vec(), stderr: Vec::new() }
    }
}

impl Runner for Fake {
    fn has(&self, program: &str) -> bool {
        self.programs.contains(&program)
    }

    fn is_root(&self) -> bool {
        self.root
    }

    fn read(&self, path: &'static str) -> String {
        let text = match path {
            "/etc/os-release" => "ID=debian\nVERSION_CODENAME=bookworm\n",
            "/etc/group" => "root:x:0:\nkvm:x:104:bob,carol\nusers:x:100:\n",
            _ => "",
        };
        text.to_owned()
    }

    fn device_group(&self) -> Option<u32> {
        self.group
    }

    async fn output(&self, program: &Program) -> Result<Output> {
        Ok(self.answer(program))
    }

    async fn lines(
        &self,
        program: &Program,
        _cancel: &CancellationToken,
        each: &mut (dyn FnMut(&str) + Send),
    ) -> Result<Output> {
        let output = self.answer(program);
        String::from_utf8_lossy(&output.stdout).lines().for_each(each);
        Ok(output)
    }
}

const ALL: [Need; 3] = [Need::Qemu, Need::Tools, Need::Firmware];

async fn planned(fake: &Fake, missing: &[Need]) -> Plan {
    plan(fake, packager(fake).unwrap(), missing, false).await.unwrap()
}

#[tokio::test]
async fn each_package_manager_is_told_in_its_own_words() {
    let told: [(&'static [&'static str], &str); 7] = [
        (
            &["apt-get"],
            "env DEBIAN_FRONTEND=noninteractive apt-get update && env DEBIAN_FRONTEND=noninteractive apt-get install -y \
             --no-install-recommends qemu-system-x86 qemu-utils ovmf",
        ),
        (&["dnf"], "dnf install -y qemu-system-x86-core qemu-img edk2-ovmf"),
        (&["pacman"], "pacman -S --noconfirm --needed qemu-system-x86 qemu-img edk2-ovmf"),
        (&["zypper"], "zypper --non-interactive install qemu-x86 qemu-tools qemu-ovmf-x86_64"),
        (&["apk"], "apk update && apk add qemu-system-x86_64 qemu-img ovmf"),
        (&["brew"], "brew install qemu"),
        (&["pkg"], "pkg install -y qemu-nox11 edk2-qemu-x64"),
    ];
    assert_eq!(told.len(), PACKAGERS.len());
    for (programs, line) in told {
        assert_eq!(planned(&Fake::new(programs, &[]), &ALL).await.shown().unwrap(), line);
    }
    assert!(packager(&Fake::new(&["emerge"], &[])).is_none());
}

#[tokio::test]
async fn only_what_is_missing_is_installed_and_brew_is_not_run_as_root() {
    assert_eq!(
        planned(&Fake::new(&["dnf"], &[]), &[Need::Firmware]).await.shown().unwrap(),
        "dnf install -y edk2-ovmf"
    );
    let user = Fake { root: false, ..Fake::new(&["brew", "sudo"], &[]) };
    assert_eq!(planned(&user, &ALL).await.shown().unwrap(), "brew install qemu");
    let user = Fake { root: false, ..Fake::new(&["dnf", "sudo"], &[]) };
    assert_eq!(planned(&user, &[Need::Tools]).await.shown().unwrap(), "sudo -n dnf install -y qemu-img");
    let alone = Fake { root: false, ..Fake::new(&["dnf"], &[]) };
    let error = plan(&alone, packager(&alone).unwrap(), &ALL, false).await.unwrap_err();
    assert_eq!(error.message, "dnf needs root, and there is no sudo: run as root");
}

#[tokio::test]
async fn newer_tools_from_backports_are_taken_back_and_that_is_said() {
    let fake = Fake::new(
        &["apt-get"],
        &[
            ("apt-get install -s --no-install-recommends qemu-system-x86", 100, "E: held broken packages"),
            (
                "apt-get install -s --no-install-recommends --allow-downgrades qemu-system-x86/bookworm",
                0,
                "The following NEW packages will be installed:\n  qemu-system-x86\n\
                 The following packages will be DOWNGRADED:\n  qemu-system-common\n  qemu-utils\n\
                 0 upgraded, 1 newly installed, 2 downgraded, 0 to remove\n",
            ),
        ],
    );
    let plan = planned(&fake, &[Need::Qemu, Need::Firmware]).await;
    assert_eq!(plan.caution.as_deref(), Some("older versions replace newer ones: qemu-system-common, qemu-utils"));
    assert!(
        plan.shown().unwrap().ends_with(
            "apt-get install -y --no-install-recommends --allow-downgrades qemu-system-x86/bookworm \
             qemu-system-common/bookworm qemu-system-data/bookworm qemu-utils/bookworm ovmf"
        ),
        "{plan:?}"
    );
}

#[tokio::test]
async fn without_lists_the_plain_way_is_tried_after_fetching_them() {
    let fake = Fake::new(&["apt-get"], &[("apt-get install -s", 100, "E: Unable to locate package qemu-utils")]);
    let plan = planned(&fake, &[Need::Tools]).await;
    assert_eq!((plan.commands().len(), plan.caution), (2, None));
}

#[tokio::test]
async fn a_removal_needs_consent_as_well() {
    let text = "The following packages will be REMOVED:\n  precious\nThe following NEW packages\n";
    assert_eq!(
        changes(&Output { stdout: text.into(), ..Output::default() }).as_deref(),
        Some("packages are removed: precious")
    );
}

#[tokio::test]
async fn a_password_that_cannot_be_asked_for_is_a_command_to_type() {
    let fake = Fake { root: false, ..Fake::new(&["apk", "sudo"], &[("sudo -n", 1, "sudo: a password is required")]) };
    let plan = planned(&fake, &[Need::Tools]).await;
    let mut told = Vec::new();
    let error = carry_out(&fake, &plan.commands(), &plan.shown().unwrap(), &CancellationToken::new(), &mut |line| {
        told.push(line.to_owned());
    })
    .await;
    let error = error.unwrap_err();
    assert_eq!(error.kind, ErrorKind::NeedsAnswer);
    assert!(error.message.ends_with("run this in a terminal: sudo apk update && sudo apk add qemu-img"), "{error}");
    assert_eq!(told[0], "sudo -n apk update");
}

#[tokio::test]
async fn a_user_who_cannot_be_let_in_undoes_no_package() {
    let answers = &[("sudo -n usermod", 1, "sudo: a password is required")];
    let fake = Fake { root: false, ..Fake::new(&["brew", "sudo"], answers) };
    let join = by_root(&fake, true, join(&fake, "kvm", "alice").unwrap(), false).unwrap();
    let alone = Plan { join: Some(join), ..Plan::default() };
    let both = Plan { join: alone.join.clone(), ..planned(&fake, &ALL).await };
    let mut told = Vec::new();
    let mut each = |line: &str| told.push(line.to_owned());
    let cancel = CancellationToken::new();
    both.carry_out(&fake, &both.shown().unwrap(), &cancel, &mut each).await.unwrap();
    let error = alone.carry_out(&fake, &alone.shown().unwrap(), &cancel, &mut each).await.unwrap_err();
    let why = "a password is needed: run this in a terminal: sudo usermod -aG kvm alice";
    assert_eq!(error.message, why);
    assert!(told.iter().any(|line| line == why), "{told:?}");
}

#[test]
fn only_a_plain_codename_is_used() {
    assert_eq!(codename("VERSION_CODENAME=\"trixie\"\n").as_deref(), Some("trixie"));
    assert_eq!(codename("VERSION_CODENAME=\n"), None);
    assert_eq!(codename("VERSION_CODENAME=a b;c\n"), None);
}

#[tokio::test]
async fn a_user_joins_the_group_of_the_device_and_root_needs_none() {
    let user = |programs, name| Fake { root: false, ..Fake::new(programs, name) };
    let alice = user(&["sudo", "apt-get"], &[("id -un", 0, "alice\n")]);
    let Some(Entry::Join { group, user: name }) = entry(&alice).await else { panic!("she is in no group") };
    assert_eq!((group.as_str(), name.as_str()), ("kvm", "alice"));
    let line = |fake: &Fake, ask| by_root(fake, true, join(fake, &group, &name).unwrap(), ask).map(|line| line.shown());
    assert_eq!(line(&alice, true).unwrap(), "sudo usermod -aG kvm alice");
    let alpine = user(&["sudo", "apk"], &[]);
    assert_eq!(line(&alpine, false).unwrap(), "sudo -n addgroup alice kvm");
    let alone = line(&user(&["apk"], &[]), true).unwrap_err();
    assert_eq!(alone.message, "addgroup needs root, and there is no sudo: run as root");
    assert!(join(&alice, "kvm", "-rf").is_err());

    let bob = user(&[], &[("id -un", 0, "bob\n")]);
    assert_eq!(entry(&bob).await, Some(Entry::SignIn("kvm".to_owned())), "he has joined it since he signed in");
    assert_eq!(entry(&Fake { root: true, ..alice }).await, None);
    for group in [None, Some(7)] {
        assert_eq!(entry(&Fake { group, ..user(&["sudo"], &[("id -un", 0, "alice\n")]) }).await, None);
    }
}
