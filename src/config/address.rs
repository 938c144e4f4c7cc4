//! Addresses as people write them: of servers, of libvirt, of computers behind ssh. None holds a password.
use super::read::{Result, Table, Value};
use crate::domain::check_libvirt_uri;

/// An address with one of `schemes`, a host, and nothing behind that and its port: what stands there would not be sent.
pub(super) fn url(value: &Value<'_>, schemes: &[&str]) -> Result<String> {
    let address = url_below(value, schemes)?;
    match address.split_once("://") {
        Some((_, rest)) if rest.contains(['/', '?', '#']) => {
            Err(value.wrong("this kind of host is not looked for below a path: end it after the host and its port"))
        }
        _ => Ok(address),
    }
}

/// An address with one of `schemes`, a host, and no user or password in it, since addresses are printed. The server may
/// stand below a path.
pub(super) fn url_below(value: &Value<'_>, schemes: &[&str]) -> Result<String> {
    let text = value.text()?;
    let wanted = || schemes.iter().map(|s| format!("{s}://host")).collect::<Vec<_>>().join(", ");
    // The address is not shown where it may hold a password.
    let parsed = match url::Url::parse(text) {
        Ok(parsed) => parsed,
        Err(why) => return Err(value.error(format_args!("this is not an address ({why}): write {}", wanted()))),
    };
    if !parsed.username().is_empty() || parsed.password().is_some() {
        return Err(value.error(
            "a user or password in an address would be printed: write user = \"..\" and password = { env = \"NAME\" }",
        ));
    }
    if !schemes.contains(&parsed.scheme()) || parsed.host_str().is_none_or(str::is_empty) {
        return Err(value.wrong(&format!("an address like {}", wanted())));
    }
    Ok(text.trim_end_matches('/').to_owned())
}

/// libvirt's own form; the user of an ssh connection is no secret, a password in it is refused.
pub(super) fn libvirt_uri(table: &mut Table<'_>) -> Result<String> {
    let right = "qemu:///system, qemu:///session or qemu+ssh://user@host/system";
    let value = table.need("uri", &format!("write uri = \"qemu:///system\" ({right})"))?;
    let text = value.text()?;
    let parsed = url::Url::parse(text).map_err(|why| value.error(format_args!("this is no URI ({why}): {right}")))?;
    if parsed.password().is_some() {
        return Err(value.error("a password in a URI would be printed: ssh asks for it, or uses a key"));
    }
    let is_remote =
        parsed.scheme() == "qemu+ssh" && parsed.host_str().is_some_and(|h| !h.is_empty() && !h.starts_with('-'));
    let is_local = parsed.scheme() == "qemu" && parsed.host_str().is_none_or(str::is_empty);
    if !(is_local || is_remote) || !matches!(parsed.path(), "/system" | "/session") {
        return Err(value.wrong(right));
    }
    Ok(text.to_owned())
}

/// How the libvirt of another host reaches this one.
pub(super) fn peer_uri(table: &mut Table<'_>) -> Result<Option<String>> {
    let Some(value) = table.get("peer_uri") else { return Ok(None) };
    let text = value.text()?;
    check_libvirt_uri(text).map_err(|why| value.error(why))?;
    Ok(Some(text.to_owned()))
}

/// `user@host` or `host`: one word for ssh, which must not look like an option.
pub(super) fn ssh(table: &mut Table<'_>) -> Result<Option<String>> {
    let Some(value) = table.get("ssh") else { return Ok(None) };
    let text = value.text()?;
    let is_plain = !text.is_empty()
        && !text.starts_with('-')
        && text.chars().all(|c| c.is_ascii_alphanumeric() || "@.-_:%[]".contains(c));
    if is_plain { Ok(Some(text.to_owned())) } else { Err(value.wrong("user@host")) }
}
