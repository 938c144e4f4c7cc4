//! `OP key=value ...` to a request.
use super::usage::{ALL, nearest, taken, usage};
use crate::domain::{
    Error, NodeId, Op, Request, Result, Secret, Values, VmId, Weight, Wishes, address_rule, checksum, clean, wished,
};
use crate::fetch::Address;
use std::{collections::BTreeMap, io::Read};
use url::Url;

/// The most that is read of a file or of standard input, in bytes.
const LARGEST: u64 = 4 << 20;

/// What the command line asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
    pub request: Request,
    /// What to answer when the host asks something.
    pub answer: Option<Secret>,
}

/// The words of one request, each taken once.
struct Words {
    op: Op,
    values: BTreeMap<String, String>,
}

impl Words {
    fn take(&mut self, key: &str) -> Option<String> {
        self.values.remove(key)
    }

    fn need(&mut self, key: &str) -> Result<String> {
        let op = self.op;
        self.take(key).ok_or_else(|| {
            Error::invalid(format_args!("{} needs {key}=...: write {} {}", op.name(), op.name(), usage(op)))
        })
    }

    fn vm(&mut self) -> Result<VmId> {
        self.need("vm").map(VmId::from)
    }

    fn node(&mut self) -> Result<NodeId> {
        self.need("node").map(NodeId::from)
    }

    /// An address is judged by the host, which may take others than we do; but nothing is none.
    fn url(&mut self) -> Result<String> {
        let url = self.need("url")?;
        match url.is_empty() {
            true => Err(Error::invalid(format_args!("url: it is empty: {}", address_rule()))),
            false => Ok(url),
        }
    }

    /// [`Self::url`], with the sums that are to be compared and whether it is to be unpacked.
    fn wished_url(&mut self) -> Result<String> {
        let mut url = self.url()?;
        for kind in ["sha256", "sha512"] {
            if let Some(sum) = self.take(kind) {
                let sum = checksum(&format!("{kind}={sum}"));
                let sum = sum.map_err(|why| Error::invalid(format_args!("{kind}: {why}")))?;
                url = wished(&url, Wishes { sum: Some(&sum), unpack: false });
            }
        }
        if let Some(word) = self.take("unpack") {
            url = wished(&url, Wishes { sum: None, unpack: Self::flag(&word, "unpack")? });
        }
        Ok(url)
    }

    fn flag(value: &str, key: &str) -> Result<bool> {
        match value {
            "yes" => Ok(true),
            "no" => Ok(false),
            other => Err(Error::invalid(format_args!("{key}: `{}` is neither yes nor no", clean(other, 40)))),
        }
    }

    /// Puts a user and a password, with a colon between them, into the address.
    fn sign_in(&mut self, login: &Secret) -> Result<()> {
        let wrong = |why: &str| Error::invalid(format_args!("login: {why}"));
        let (user, password) = login.expose().split_once(':').ok_or_else(|| wrong("write user:password"))?;
        let url = self.values.get_mut("url").ok_or_else(|| wrong("there is no url=... to sign in at"))?;
        url.parse::<Address>()?;
        let mut parsed = Url::parse(url).map_err(|_| wrong("nobody signs in at such an address"))?;
        let put = parsed.set_username(user).and_then(|()| parsed.set_password(Some(password)));
        put.map_err(|()| wrong("nobody signs in at such an address"))?;
        *url = parsed.into();
        Ok(())
    }

    /// What is left: the answers to the fields of a form.
    fn nested(&mut self) -> Values {
        std::mem::take(&mut self.values)
    }
}

/// The operation that `name` stands for.
fn op(name: &str) -> Result<Op> {
    Op::named(name).ok_or_else(|| {
        let meant = nearest(name).map(|meant| format!("did you mean `{meant}`? ")).unwrap_or_default();
        Error::invalid(format_args!("no operation is called `{}`: {meant}{ALL}", clean(name, 40)))
    })
}

/// Splits `key=value` words and refuses those that `op` does not take.
fn split(op: Op, words: &[String]) -> Result<BTreeMap<String, String>> {
    let (needed, optional) = taken(op);
    let is_risky = op.weight() == Weight::Risk;
    let mut values = BTreeMap::new();
    for word in words {
        let shown = clean(word, 40);
        let (key, value) =
            word.split_once('=').ok_or_else(|| Error::invalid(format_args!("`{shown}`: write key=value")))?;
        let has_form = optional.contains(&"config.");
        let key = if has_form { key.strip_prefix("config.").unwrap_or(key) } else { key };
        let is_nested = has_form && !key.is_empty();
        let is_known = needed.contains(&key) || optional.contains(&key);
        if !(is_known || is_nested || key == "answer" || (key == "yes" && is_risky)) {
            let mut all: Vec<&str> = needed.iter().chain(optional).copied().collect();
            all.extend(is_risky.then_some("yes"));
            let all =
                if all.is_empty() { "nothing".to_owned() } else { all.join(", ").replace("config.", "config.FIELD") };
            let key = clean(key, 40);
            return Err(Error::invalid(format_args!("{} takes {all}: `{key}` is none of them", op.name())));
        }
        if values.insert(key.to_owned(), value.to_owned()).is_some() {
            return Err(Error::invalid(format_args!("`{}` is given twice", clean(key, 40))));
        }
    }
    Ok(values)
}

/// A secret never stands on a command line, where everybody can read it: `@file`, or `-` for `input`.
fn secret(key: &str, word: &str, input: &mut dyn Read) -> Result<Secret> {
    if !word.starts_with('@') && word != "-" {
        let why = format_args!("{key}: a secret does not belong here: write {key}=@file or {key}=-");
        return Err(Error::invalid(why));
    }
    let text = file(key, word, input)?;
    Ok(Secret::new(text.trim_end_matches(['\r', '\n']).to_owned()))
}

/// The text behind `@file`, or behind `-`: what comes from `input`.
fn file(key: &str, word: &str, input: &mut dyn Read) -> Result<String> {
    let mut text = String::new();
    let (name, read) = match word.strip_prefix('@') {
        Some(path) => {
            let opened = std::fs::File::open(path).map(|file| file.take(LARGEST));
            (clean(path, 200), opened.and_then(|mut file| file.read_to_string(&mut text)))
        }
        None if word == "-" => ("standard input".into(), input.take(LARGEST).read_to_string(&mut text)),
        None => return Err(Error::invalid(format_args!("{key}: write {key}=@file or {key}=-"))),
    };
    read.map_err(|why| Error::invalid(format_args!("{key}: {name} cannot be read: {why}")))?;
    Ok(text)
}

/// The request that `name` and `words` stand for. What may lose something needs `yes=` and the name of what is lost.
pub fn parse(name: &str, words: &[String], input: &mut dyn Read) -> Result<Asked> {
    let op = op(name)?;
    let mut words = Words { op, values: split(op, words)? };
    let answer = words.take("answer").map(|word| secret("answer", &word, input)).transpose()?;
    if let Some(word) = words.take("login") {
        let login = secret("login", &word, input)?;
        words.sign_in(&login)?;
    }
    let yes = words.take("yes");
    let request = request(&mut words, input)?;
    if op.weight() == Weight::Risk {
        let target = request.target();
        match yes {
            Some(yes) if yes == target => {}
            Some(yes) => {
                let yes = clean(&yes, 80).into_owned();
                return Err(Error::invalid(format_args!("yes={yes} does not name {target}: nothing was done")));
            }
            None => {
                let help = request.verb();
                return Err(Error::invalid(format_args!("to {help} {target} may lose something: add yes={target}")));
            }
        }
    }
    Ok(Asked { request, answer })
}

fn request(words: &mut Words, input: &mut dyn Read) -> Result<Request> {
    Ok(match words.op {
        Op::List => Request::List,
        Op::Show => Request::Show(words.vm()?),
        Op::Start => Request::Start(words.vm()?),
        Op::ShutDown => Request::ShutDown(words.vm()?),
        Op::PowerOff => Request::PowerOff(words.vm()?),
        Op::Reset => Request::Reset(words.vm()?),
        Op::Pause => Request::Pause(words.vm()?),
        Op::Resume => Request::Resume(words.vm()?),
        Op::Create => {
            let name = words.need("vm")?;
            let mut values = words.nested();
            if values.insert("name".to_owned(), name).is_some() {
                return Err(Error::invalid("name: the name is given by vm="));
            }
            Request::Create { values }
        }
        Op::Delete => {
            let vm = words.vm()?;
            let keep_disks = words.take("keep-disks");
            let keep_disks =
                keep_disks.ok_or_else(|| Error::invalid("delete needs keep-disks=yes or keep-disks=no"))?;
            Request::Delete { vm, keep_disks: Words::flag(&keep_disks, "keep-disks")? }
        }
        Op::Install => Request::Install { vm: words.vm()?, image: words.need("image")? },
        Op::InsertImage => Request::InsertImage { vm: words.vm()?, image: words.need("image")? },
        Op::EjectImage => Request::EjectImage { vm: words.vm()? },
        Op::ListDisks => Request::ListDisks(words.vm()?),
        Op::AddDisk => {
            let vm = words.vm()?;
            let mut values = words.nested();
            if values.get("image").is_none_or(String::is_empty) && !values.contains_key("size") {
                // A form on a screen offers a size; nobody sees that here.
                let why = format_args!("add-disk needs size=...: write add-disk {}", usage(Op::AddDisk));
                return Err(Error::invalid(why));
            }
            values.entry("size".to_owned()).or_default();
            Request::AddDisk { vm, values }
        }
        Op::ResizeDisk => {
            let size = words.need("size")?.parse().map_err(|why| Error::invalid(format_args!("size: {why}")))?;
            Request::ResizeDisk { vm: words.vm()?, disk: words.need("disk")?.into(), size }
        }
        Op::RemoveDisk => {
            let delete = words.take("delete").map(|word| Words::flag(&word, "delete")).transpose()?;
            Request::RemoveDisk { vm: words.vm()?, disk: words.need("disk")?.into(), delete: delete.unwrap_or(false) }
        }
        Op::ListProperties => Request::ListProperties(words.vm()?),
        Op::SetProperty => {
            Request::SetProperty { vm: words.vm()?, name: words.need("name")?, value: words.need("value")? }
        }
        Op::ShowDescription => Request::ShowDescription(words.vm()?),
        Op::Define => {
            let text = words.need("text")?;
            Request::Define { vm: words.vm()?, before: None, text: file("text", &text, input)? }
        }
        Op::Reboot => Request::Reboot(words.vm()?),
        Op::Save => Request::Save(words.vm()?),
        Op::Rename => Request::Rename { vm: words.vm()?, name: words.need("name")? },
        Op::Clone => Request::Clone { vm: words.vm()?, name: words.need("name")? },
        Op::ListSnapshots => Request::ListSnapshots(words.vm()?),
        Op::TakeSnapshot => Request::TakeSnapshot { vm: words.vm()?, name: words.need("name")? },
        Op::RevertSnapshot => Request::RevertSnapshot { vm: words.vm()?, snapshot: words.need("snapshot")? },
        Op::RemoveSnapshot => Request::RemoveSnapshot { vm: words.vm()?, snapshot: words.need("snapshot")? },
        Op::Migrate => {
            let copy_disks = words.take("copy-disks").map(|word| Words::flag(&word, "copy-disks")).transpose()?;
            Request::Migrate { vm: words.vm()?, to: words.need("to")?, copy_disks: copy_disks.unwrap_or(false) }
        }
        Op::OpenConsole => Request::OpenConsole(words.vm()?),
        Op::ListImages => Request::ListImages,
        Op::ListFetches => Request::ListFetches,
        Op::ProbeImage => Request::ProbeImage { url: words.url()? },
        Op::FetchImage => Request::FetchImage { url: words.wished_url()?, name: words.take("name") },
        Op::PauseFetch => Request::PauseFetch { image: words.need("image")? },
        Op::ResumeFetch => Request::ResumeFetch { image: words.need("image")? },
        Op::CancelFetch => Request::CancelFetch { image: words.need("image")? },
        Op::RenameImage => Request::RenameImage { image: words.need("image")?, name: words.need("name")? },
        Op::RemoveImage => Request::RemoveImage { image: words.need("image")? },
        Op::ListNodes => Request::ListNodes,
        Op::ShowNode => Request::ShowNode(words.node()?),
        Op::AddNode => Request::AddNode { values: words.nested() },
        Op::UpdateNode => Request::UpdateNode { node: words.node()?, before: Values::new(), values: words.nested() },
        Op::RemoveNode => Request::RemoveNode(words.node()?),
        Op::SetConfig => {
            let (node, key, value) = (words.node()?, words.need("key")?, words.need("value")?);
            Request::SetConfig { node, key, before: None, value }
        }
        Op::SetSubnet => {
            let (node, subnet, bridge) = (words.node()?, words.need("subnet")?, words.need("bridge")?);
            Request::SetSubnet { node, subnet, before: None, bridge }
        }
        Op::RemoveSubnet => Request::RemoveSubnet { node: words.node()?, subnet: words.need("subnet")? },
        Op::CheckSetup => Request::CheckSetup,
        Op::SetUp => Request::SetUp { values: words.nested() },
    })
}
