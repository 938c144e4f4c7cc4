use super::clean;

/// Refuses what is no address of another host's libvirt, as a libvirt takes it that moves a machine there:
/// `qemu+ssh://user@host/system`. The sentence says what would be right.
pub fn check_libvirt_uri(text: &str) -> Result<(), String> {
    let wrong = |why: &str| Err(format!("`{}`: {why}", clean(text, 60)));
    if text.chars().any(|c| c.is_whitespace() || c.is_control()) {
        return wrong("a URI has no spaces");
    }
    let Some(("qemu", rest)) = text.split_once(['+', ':']) else {
        return wrong("it begins as qemu+ssh://");
    };
    let way_and_place = rest.split_once("//").filter(|(way, _)| way.is_empty() || way.ends_with(':'));
    let Some((way, place)) = way_and_place else { return wrong("it begins as qemu+ssh://") };
    let (place, query) = place.split_once('?').unwrap_or((place, ""));
    let Some((host, "system" | "session")) = place.split_once('/') else {
        return wrong("it ends in /system or /session");
    };
    if host.rsplit_once('@').is_some_and(|(user, _)| user.contains(':')) {
        return wrong("a password in a URI would be printed");
    }
    // A socket that two daemons of one computer share is a way between them; the usual one is this daemon's own.
    let is_socket = way == "unix:" && query.split('&').any(|part| part.starts_with("socket=/"));
    if host.is_empty() && !is_socket {
        return wrong("it names no other computer: qemu+ssh://user@host/system");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_of_another_libvirt_names_its_computer() {
        for right in [
            "qemu+ssh://root@big/system",
            "qemu+ssh://[fe80::1]:2222/session?socket=/run/x",
            "qemu+tls://big.example/system",
            "qemu://big.example/system",
            "qemu+unix:///session?socket=/tmp/x/libvirt-sock",
        ] {
            assert_eq!(check_libvirt_uri(right), Ok(()), "{right}");
        }
        for (wrong, why) in [
            ("qemu:///system", "names no other computer"),
            ("qemu:///session?socket=/tmp/x", "names no other computer"),
            ("qemu+unix:///session", "names no other computer"),
            ("qemu+ssh://big/", "/system or /session"),
            ("qemu+ssh://big", "/system or /session"),
            ("qemu+ssh://me:secret@big/system", "would be printed"),
            ("xen+ssh://big/system", "begins as qemu+ssh://"),
            ("qemuxssh://big/system", "begins as qemu+ssh://"),
            ("qemu+ssh//big/system", "begins as qemu+ssh://"),
            ("big.example", "begins as qemu+ssh://"),
            ("qemu+ssh://big /system", "no spaces"),
            ("", "begins as"),
        ] {
            let told = check_libvirt_uri(wrong).unwrap_err();
            assert!(told.contains(why), "{wrong}: {told}");
        }
    }
}
