//! Why QEMU did not start: its own words, and what to do where that is known.
use super::machines::is_bridge;
use crate::{
    domain::{Error, clean},
    transport::Output,
};

/// The reason; None: QEMU said nothing.
pub(super) fn of(network: &str, accel: &str, output: &Output) -> Option<Error> {
    let stderr = &output.stderr;
    let said = || Some(words(stderr)).filter(|said| !said.is_empty()).map(Error::refused);
    // Where bridges cannot be listed, nothing is known of them.
    let is_there = is_bridge(network) || !cfg!(target_os = "linux");
    without_kvm(accel, stderr).or_else(|| without_bridge(network, is_there, stderr)).or_else(said)
}

/// QEMU's own words, without the program's name before each line.
pub(super) fn words(stderr: &[u8]) -> String {
    let text = String::from_utf8_lossy(stderr);
    let lines = text.lines().map(str::trim).filter(|l| !l.is_empty() && !l.contains(": warning: "));
    let plain = lines.map(|l| l.split_once(": ").filter(|(who, _)| who.contains("qemu")).map_or(l, |(_, what)| what));
    clean(&plain.collect::<Vec<_>>().join("; "), 500).into_owned()
}

/// A KVM that opens and does not work, as nested and restricted ones do: QEMU's first words, and the way out.
fn without_kvm(accel: &str, stderr: &[u8]) -> Option<Error> {
    let text = String::from_utf8_lossy(stderr);
    let is_kvm = accel == "kvm" && ["kvm", "KVM", "MSR"].iter().any(|word| text.contains(word));
    let first = is_kvm.then(|| words(stderr))?;
    let first = first.split("; ").next().unwrap_or_default().trim_start_matches("error: ");
    let cure = "set the accelerator to tcg (properties, or accel = \"tcg\" in the configuration)";
    Some(Error::refused(format_args!("{}: KVM does not work here: {cure}", clean(first, 120))))
}

/// A bridge that the machine may not be attached to: QEMU has a program for that, which asks a file of root's.
fn without_bridge(bridge: &str, is_there: bool, stderr: &[u8]) -> Option<Error> {
    let said = words(stderr);
    let bridge = clean(bridge, 40);
    let first = said.split("; ").next().filter(|_| said.contains("bridge helper failed"))?;
    let cure = match () {
        () if !is_there => {
            let why = format_args!("there is no bridge called {bridge} on this host: choose another network");
            return Some(Error::refused(why));
        }
        () if first.contains("acl file") => {
            format!("QEMU may not attach to {bridge}: write the line `allow {bridge}` into /etc/qemu/bridge.conf")
        }
        () if first.contains("not permitted") || first.contains("denied") => format!(
            "QEMU may not attach to {bridge}: give its qemu-bridge-helper the rights of root (chmod u+s), or choose \
             another network"
        ),
        () => return None,
    };
    Some(Error::refused(format_args!("{}: {cure}", clean(first, 120))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kvm_that_does_not_work_is_told_with_the_way_out() {
        let said =
            b"qemu-system-x86_64: error: failed to set MSR 0x10a to 0x69\nqemu-system-x86_64: ../../target/i386/kvm/\
            kvm.c:3183: kvm_buf_set_msrs: Assertion `ret == cpu->kvm_msr_buf->nmsrs' failed.\n";
        assert_eq!(
            without_kvm("kvm", said).unwrap().message,
            "failed to set MSR 0x10a to 0x69: KVM does not work here: set the accelerator to tcg (properties, or \
             accel = \"tcg\" in the configuration)"
        );
        assert!(without_kvm("tcg", said).is_none());
        assert!(
            without_kvm("kvm", b"qemu-system-x86_64: -device foo: 'foo' is not a valid device model name").is_none()
        );
    }

    #[test]
    fn the_words_are_qemus_own() {
        let said = b"qemu-system-x86_64: warning: dull\nqemu-system-x86_64: -device foo: 'foo' is not a valid device model name\n";
        assert_eq!(words(said), "-device foo: 'foo' is not a valid device model name");
    }

    /// As QEMU 7.2 wrote it.
    #[test]
    fn a_bridge_that_may_not_be_used_is_told_with_the_way_out() {
        let told = |first: &str, is_there| {
            let said = format!("{first}\nqemu-system-x86_64: -netdev bridge,id=net0,br=br0: bridge helper failed\n");
            without_bridge("br0", is_there, said.as_bytes()).map(|error| error.message)
        };
        for (first, is_there, wanted) in [
            ("failed to parse default acl file `/etc/qemu/bridge.conf'", true, "write the line `allow br0` into"),
            ("access denied by acl file", true, "write the line `allow br0` into"),
            ("failed to create tun device: Operation not permitted", true, "chmod u+s"),
            ("failed to open /dev/net/tun: Permission denied", true, "chmod u+s"),
            ("failed to get mtu of bridge `br0': No such device", false, "there is no bridge called br0 on this host"),
        ] {
            let told = told(first, is_there).unwrap();
            assert!(told.contains(wanted), "{first}: {told}");
        }
        assert_eq!(told("failed to add interface `tap0' to bridge `br0'", true), None);
        assert!(without_bridge("br0", false, b"qemu-system-x86_64: -device foo: no such").is_none());
    }
}
