//! The group that `/dev/kvm` belongs to: whose members may use it.
use super::packages::Runner;
use crate::{
    domain::Result,
    transport::{Output, Program},
};

/// What lets a user in who is kept out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Entry {
    /// Such a group, which the user is to join.
    Join { group: String, user: String },
    /// The user has joined it already, and was signed in before.
    SignIn(String),
}

/// What would let this user in; None: no group would, or only root's.
pub(super) async fn entry(runner: &impl Runner) -> Option<Entry> {
    if runner.is_root() {
        return None;
    }
    let id = runner.device_group()?;
    let groups = runner.read("/etc/group");
    let (group, members) = groups.lines().find_map(|line| {
        let mut fields = line.split(':');
        let (group, found) = (fields.next()?, fields.nth(1)?);
        (found.parse() == Ok(id)).then(|| (group, fields.next().unwrap_or_default()))
    })?;
    let asked = runner.output(&Program::new("id").arg("-un")).await.ok().filter(Output::is_success)?;
    let user = String::from_utf8_lossy(&asked.stdout).trim().to_owned();
    if user.is_empty() {
        return None;
    }
    let group = group.to_owned();
    Some(if members.split(',').any(|member| member == user) {
        Entry::SignIn(group)
    } else {
        Entry::Join { group, user }
    })
}

/// What makes the user a member, but for becoming root: its program, and the whole.
pub(super) fn join(runner: &impl Runner, group: &str, user: &str) -> Result<Vec<String>> {
    // Alpine has BusyBox's programs instead.
    let line: &[&str] = if runner.has("apk") { &["addgroup", user, group] } else { &["usermod", "-aG", group, user] };
    // A name that an option could be made of is refused.
    Program::new("usermod").operand(user)?.operand(group)?;
    Ok(line.iter().map(|word| (*word).to_owned()).collect())
}
