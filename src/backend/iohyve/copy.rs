//! An image of ours that iohyve copies into its library, here or through ssh; and how much of it is there.
use super::{
    command::{Shell, line, quote},
    datasets::{only, pool_of},
};
use crate::{
    backend::{Call, iohyve::Place},
    domain::{Progress, Result},
    fetch::Meter,
    transport::{Fed, Output},
};
use std::{path::Path, time::Duration};
use tokio::time::sleep;

/// What is told while iohyve makes a file of ours its own.
pub(super) const COPIES: &str = "iohyve copies it into its library";
/// A whole image is copied, on a slow disk or through ssh.
const COPY: Duration = Duration::from_secs(3600);
/// Between two looks at how far it is.
const EVERY: Duration = Duration::from_secs(1);
/// What the other side's script says when all has come and the name is free: it goes on when it is told to.
const READY: &str = "vmdeck-may-copy";
/// How the other side's script ends where the library has the name already.
const TAKEN: i32 = 17;

/// A file of ours on its way.
pub(super) struct Copy<'a> {
    pub(super) path: &'a Path,
    pub(super) size: u64,
    pub(super) name: &'a str,
    /// What has the name in the library is ours, and is written over.
    pub(super) replaces: bool,
    /// Called when nothing is left to do but iohyve's own copy, which is not begun where this fails.
    pub(super) begins: &'a (dyn Fn() -> Result<()> + Sync),
    pub(super) call: &'a Call,
}

impl Copy<'_> {
    /// Counts what is brought on, beyond what was told before.
    fn meter(&self) -> Meter {
        let come = self.call.done();
        Meter::start(come, Some(come.saturating_add(self.size)))
    }

    fn tell(&self, progress: Progress, note: &str) {
        let said = progress.note.filter(|said| !said.is_empty());
        self.call.progress(Progress { note: Some(said.unwrap_or_else(|| note.to_owned())), ..progress });
    }

    /// What a shell on the other side does. It writes nothing itself: where nobody listens any more that would end it
    /// before the part is removed.
    fn script(&self) -> Result<String> {
        let (name, size) = (quote(self.name)?, self.size);
        // While it was sent, somebody else may have put one of that name there.
        let free = match self.replaces {
            true => String::new(),
            false => format!(
                "iohyve isolist </dev/null | awk -v n={name} '$1 == n {{ f = 1 }} END {{ exit NR ? {TAKEN} * f : 1 }}' && "
            ),
        };
        Ok(format!(
            "d=$(mktemp -d) || exit 1; head -c {size} >$d/{name} && [ $(wc -c <$d/{name}) -eq {size} ] && {free}\
            (echo {READY}) && read go && iohyve cpiso $d/{name} </dev/null; c=$?; rm -rf $d; exit $c"
        ))
    }
}

impl Shell {
    /// Has iohyve copy a file of ours into the library, under its own name. Through ssh it is sent first, and as long as
    /// not all is sent it may be stopped: what has not come whole is removed there. None: somebody else's image has the
    /// name by now.
    pub(super) async fn copy_image(&self, copy: &Copy<'_>) -> Result<Option<Output>> {
        match &self.place {
            Place::Here(_) => self.copy_here(copy).await.map(Some),
            Place::Ssh { program, host } => {
                let output = self.send(copy, program, host).await?;
                Ok(if output.code == Some(TAKEN) { None } else { Some(output) })
            }
        }
    }

    /// iohyve tells nothing while it copies: its file tells.
    async fn copy_here(&self, copy: &Copy<'_>) -> Result<Output> {
        (copy.begins)()?;
        let (mut meter, come) = (copy.meter(), copy.call.done());
        copy.tell(meter.report(), COPIES);
        let path = copy.path.to_string_lossy();
        let words = ["cpiso", &path];
        let copied = self.run(&words, COPY);
        tokio::pin!(copied);
        let mut last = 0;
        loop {
            tokio::select! {
                output = &mut copied => return output,
                () = sleep(EVERY) => {
                    let Ok(Some(there)) = self.size_in_library(copy.name).await else { continue };
                    let told = if there > last { meter.set(come.saturating_add(there)) } else { Some(meter.idle()) };
                    last = there;
                    if let Some(told) = told {
                        copy.tell(told, COPIES);
                    }
                }
            }
        }
    }

    async fn send(&self, copy: &Copy<'_>, ssh: &Path, host: &str) -> Result<Output> {
        let program = self.ssh(ssh, host, line(&["/bin/sh", "-c", &copy.script()?])?)?.patience(Some(COPY));
        let (mut meter, mut sent, note) = (copy.meter(), 0, format!("to {host}"));
        copy.tell(meter.report(), &note);
        let each = |taken: u64| {
            sent += taken;
            let told = if taken == 0 { Some(meter.idle()) } else { meter.add(taken) };
            let told = if sent == copy.size { Some(meter.report()) } else { told };
            if let Some(told) = told {
                copy.tell(told, &note);
            }
        };
        let go_on = || {
            (copy.begins)()?;
            copy.call.progress(Progress::note(COPIES));
            Ok(())
        };
        let fed = Fed { path: copy.path, cancel: &copy.call.cancel, word: READY };
        self.heard(program, None, async |program| program.fed(&fed, each, go_on).await).await
    }

    /// How large iohyve's own file of an image is. None: that cannot be seen.
    pub(super) async fn size_in_library(&self, name: &str) -> Result<Option<u64>> {
        match self.path_in_library(name).await? {
            Some(path) => self.size_of(&path).await,
            None => Ok(None),
        }
    }

    /// Where iohyve's own file of an image is: each has a file system of its own, with one file of its name in it.
    pub(super) async fn path_in_library(&self, name: &str) -> Result<Option<String>> {
        let sets = self.other(&["zfs", "list", "-H", "-o", "name,mountpoint", "-t", "filesystem"]).await?;
        let (sets, ending) = (String::from_utf8_lossy(&sets.stdout).into_owned(), format!("/iohyve/ISO/{name}"));
        let mounted = sets.lines().filter_map(|line| line.split_once('\t'));
        let found = mounted.filter(|(set, mount)| pool_of(set, &ending).is_some() && mount.starts_with('/'));
        Ok(only(found).map(|(_, mount)| format!("{mount}/{name}")))
    }

    /// How large a file is there; none has nothing in it. None: that cannot be seen.
    pub(super) async fn size_of(&self, path: &str) -> Result<Option<u64>> {
        let counted = self.other(&["wc", "-c", path]).await?;
        if String::from_utf8_lossy(&counted.stderr).contains("No such file") {
            return Ok(Some(0));
        }
        let text = String::from_utf8_lossy(&counted.stdout);
        Ok(text.split_whitespace().next().and_then(|size| size.parse().ok()))
    }
}
