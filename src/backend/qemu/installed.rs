//! What of QEMU is on this host: the programs, the firmware, the accelerator.
use super::{Firmware, Local, Place, Record, Settings, command_line::Host, write_whole};
use crate::{
    domain::{Error, Result},
    transport::{Program, find_program},
};
use serde::{Deserialize, Serialize};
use std::{
    fs,
    os::unix::fs::{DirBuilderExt, MetadataExt},
    path::{Path, PathBuf},
    sync::OnceLock,
};

/// UEFI code and the variables to begin with, where the distributions put them.
const UEFI: &[(&str, &str)] = &[
    ("/usr/share/OVMF/OVMF_CODE_4M.fd", "/usr/share/OVMF/OVMF_VARS_4M.fd"),
    ("/usr/share/OVMF/OVMF_CODE.fd", "/usr/share/OVMF/OVMF_VARS.fd"),
    ("/usr/share/edk2/ovmf/OVMF_CODE.fd", "/usr/share/edk2/ovmf/OVMF_VARS.fd"),
    ("/usr/share/edk2/x64/OVMF_CODE.4m.fd", "/usr/share/edk2/x64/OVMF_VARS.4m.fd"),
    ("/usr/share/edk2-ovmf/x64/OVMF_CODE.fd", "/usr/share/edk2-ovmf/x64/OVMF_VARS.fd"),
    ("/usr/share/qemu/ovmf-x86_64-code.bin", "/usr/share/qemu/ovmf-x86_64-vars.bin"),
    ("/usr/share/qemu/edk2-x86_64-code.fd", "/usr/share/qemu/edk2-i386-vars.fd"),
    ("/usr/local/share/edk2-qemu/QEMU_UEFI_CODE-x86_64.fd", "/usr/local/share/edk2-qemu/QEMU_UEFI_VARS-x86_64.fd"),
    ("/usr/local/share/qemu/edk2-x86_64-code.fd", "/usr/local/share/qemu/edk2-i386-vars.fd"),
    ("/opt/homebrew/share/qemu/edk2-x86_64-code.fd", "/opt/homebrew/share/qemu/edk2-i386-vars.fd"),
];

/// The UEFI firmware of this host: code, and variables to copy.
pub fn uefi() -> Option<(PathBuf, PathBuf)> {
    let pair = UEFI.iter().find(|(code, variables)| Path::new(code).is_file() && Path::new(variables).is_file());
    pair.map(|(code, variables)| (code.into(), variables.into()))
}

/// What one look at the program tells.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Probe {
    /// `7.2.22`
    pub version: String,
    pub sandbox: bool,
}

/// The same, kept on disk as long as the program is the same file: asking it takes longer than a frame may.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct KnownProbe {
    program: PathBuf,
    size: u64,
    /// In nanoseconds since 1970.
    modified: i64,
    probe: Probe,
}

impl KnownProbe {
    fn new(program: &Path, probe: Probe) -> Option<Self> {
        let meta = fs::metadata(program).ok()?;
        let modified = meta.mtime().checked_mul(1_000_000_000)?.checked_add(meta.mtime_nsec())?;
        Some(Self { program: program.to_owned(), size: meta.len(), modified, probe })
    }

    fn read(cache: &Path, program: &Path) -> Option<Probe> {
        let known: Self = serde_json::from_slice(&fs::read(cache).ok()?).ok()?;
        let now = Self::new(program, known.probe.clone())?;
        (now == known).then_some(known.probe)
    }

    /// Without it the program is asked again, and nothing else is lost.
    fn write(self, cache: &Path) {
        let made = cache.parent().is_some_and(|f| fs::DirBuilder::new().recursive(true).mode(0o700).create(f).is_ok());
        if let Ok(text) = serde_json::to_string(&self)
            && made
        {
            let _ = write_whole(cache, &text);
        }
    }
}

/// A program by its path, or by its name. One that was asked for by its path is not exchanged for another.
fn named(path: Option<&PathBuf>, name: &str) -> Option<PathBuf> {
    match path {
        Some(path) => path.is_file().then(|| path.clone()),
        None => find_program(name),
    }
}

impl Settings {
    /// QEMU itself, if it is installed.
    pub fn qemu(&self) -> Option<PathBuf> {
        named(self.program.as_ref(), "qemu-system-x86_64")
    }

    /// What makes disks and grows them, which many distributions pack apart from QEMU; None: it is not installed.
    pub fn qemu_img(&self) -> Option<PathBuf> {
        named(self.qemu_img.as_ref(), "qemu-img")
    }

    /// The same, or the sentence that it is missing.
    pub(super) fn image_tool(&self) -> Result<PathBuf> {
        self.qemu_img().ok_or_else(|| Error::conflict("qemu-img is missing: set up this host"))
    }

    /// The accelerator for a machine, and why that one. `own`: what its record says.
    pub fn accelerator(&self, own: &str) -> (String, String) {
        if own != "auto" {
            return (own.to_owned(), "set for this machine".to_owned());
        }
        if let Some(set) = self.accel.as_deref().filter(|set| *set != "auto") {
            return (set.to_owned(), "set for this host".to_owned());
        }
        if !cfg!(target_arch = "x86_64") {
            return ("tcg".to_owned(), "this processor is no x86-64".to_owned());
        }
        if cfg!(target_os = "macos") {
            return ("hvf".to_owned(), "macOS".to_owned());
        }
        match kvm() {
            Ok(()) => ("kvm".to_owned(), "/dev/kvm can be used".to_owned()),
            Err(why) => ("tcg".to_owned(), format!("{}: slow", why.reason())),
        }
    }
}

/// Why the processor does not help.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NoKvm {
    Absent,
    Forbidden,
    /// It opens, but the processor shows no virtualization to it: a nested one that only patched guests run on.
    Bare,
    Broken,
}

impl NoKvm {
    pub(super) const fn reason(self) -> &'static str {
        match self {
            Self::Absent => "there is no /dev/kvm",
            Self::Forbidden => "/dev/kvm is not for this user",
            Self::Bare => "/dev/kvm is there, but the processor has neither vmx nor svm: most guests would stand still",
            Self::Broken => "/dev/kvm cannot be opened",
        }
    }
}

/// Whether the processor has virtualization. It stays the same, and is long to read where there are many of them.
static HELPS: OnceLock<bool> = OnceLock::new();

/// Whether KVM can be used here.
pub(super) fn kvm() -> std::result::Result<(), NoKvm> {
    match fs::File::options().read(true).write(true).open("/dev/kvm") {
        Ok(_)
            if *HELPS.get_or_init(|| has_virtualization(&fs::read_to_string("/proc/cpuinfo").unwrap_or_default())) =>
        {
            Ok(())
        }
        Ok(_) => Err(NoKvm::Bare),
        Err(error) => Err(match error.kind() {
            std::io::ErrorKind::NotFound => NoKvm::Absent,
            std::io::ErrorKind::PermissionDenied => NoKvm::Forbidden,
            _ => NoKvm::Broken,
        }),
    }
}

/// Whether a processor tells of Intel's or AMD's virtualization; where nothing is told, it may.
fn has_virtualization(cpuinfo: &str) -> bool {
    let flags = cpuinfo.lines().find(|line| line.starts_with("flags"));
    flags.is_none_or(|flags| flags.split_ascii_whitespace().any(|flag| flag == "vmx" || flag == "svm"))
}

impl Local {
    fn probe_cache(&self) -> PathBuf {
        self.settings.run.join("qemu.json")
    }

    /// What the program `qemu` is, if that is known without asking it.
    pub(super) fn known_probe(&self, qemu: &Path) -> Option<Probe> {
        self.probe.get().cloned().or_else(|| KnownProbe::read(&self.probe_cache(), qemu))
    }

    /// Asks QEMU what it is, once.
    pub async fn probe(&self) -> Result<Probe> {
        let path = self.settings.qemu().ok_or_else(missing)?;
        let probe = self.probe.get_or_try_init(async || {
            if let Some(known) = KnownProbe::read(&self.probe_cache(), &path) {
                return Ok(known);
            }
            let output = Program::new(&path).arg("-help").run().await?;
            let text = String::from_utf8_lossy(&output.stdout);
            let version = text.split_once("version ").and_then(|(_, rest)| rest.split([' ', '\n', '(']).next());
            let version = version.unwrap_or("of unknown version").to_owned();
            let probe = Probe { version, sandbox: text.contains("\n-sandbox ") };
            if let Some(known) = KnownProbe::new(&path, probe.clone()) {
                known.write(&self.probe_cache());
            }
            Ok::<_, Error>(probe)
        });
        probe.await.cloned()
    }

    /// What the arguments of a machine need; puts the UEFI variables into its folder.
    pub async fn host_for(&self, record: &Record, place: &Place) -> Result<Host> {
        let sandbox = self.probe().await?.sandbox;
        let (accel, _) = self.settings.accelerator(&record.accel);
        let uefi = match record.firmware {
            Firmware::Bios => None,
            Firmware::Uefi => {
                let (code, fresh) =
                    uefi().ok_or_else(|| Error::conflict("UEFI firmware is missing on this host: set up this host"))?;
                let variables = place.folder.join("uefi-variables.fd");
                if !variables.exists() {
                    fs::copy(&fresh, &variables).map_err(|e| Error::from(e).context(variables.display()))?;
                }
                Some((code, variables))
            }
        };
        Ok(Host { accel, sandbox, uefi })
    }
}

/// QEMU is not here.
pub(super) fn missing() -> Error {
    Error::conflict("QEMU is missing: set up this host")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_known_of_a_program_ends_with_it() {
        let folder = tempfile::tempdir().unwrap();
        let (program, cache) = (folder.path().join("qemu"), folder.path().join("run/qemu.json"));
        fs::write(&program, "one").unwrap();
        let probe = Probe { version: "7.2.22".to_owned(), sandbox: true };
        assert_eq!(KnownProbe::read(&cache, &program), None);
        KnownProbe::new(&program, probe.clone()).unwrap().write(&cache);
        assert_eq!(KnownProbe::read(&cache, &program), Some(probe));
        assert_eq!(KnownProbe::read(&cache, Path::new("/bin/sh")), None);
        fs::write(&program, "another").unwrap();
        assert_eq!(KnownProbe::read(&cache, &program), None);
        fs::write(&cache, "{").unwrap();
        assert_eq!(KnownProbe::read(&cache, &program), None);
    }

    #[test]
    fn a_processor_without_virtualization_has_no_kvm_to_rely_on() {
        assert!(has_virtualization("processor : 0\nflags\t\t: fpu vme svm lm\n"));
        assert!(has_virtualization("flags : fpu vmx\n"));
        assert!(!has_virtualization("vmx : vmx\nflags : fpu vmx_x lm\n"));
        assert!(has_virtualization(""));
    }
}
