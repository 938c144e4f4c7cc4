//! What a form asks for and how an answer is checked: the same for the screen, the command line and the backend.
use super::{
    ByteSize, Error, Result, SCHEMES, address_rule, check_config_key, check_image_name, check_libvirt_uri,
    check_vm_name, checksum, clean, is_uuid,
};
use std::{collections::BTreeMap, net::IpAddr};

/// Answers by field name.
pub type Values = BTreeMap<String, String>;

/// One of the values that a field may have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Choice {
    pub value: String,
    /// What it means, for people; empty when the value says it.
    pub label: String,
    /// What the field of [`FieldSpec::chosen_by`] has to hold for this one to be offered; None: anything.
    pub within: Option<String>,
}

impl Choice {
    pub fn new(value: &str, label: &str) -> Self {
        Self { value: value.to_owned(), label: label.to_owned(), within: None }
    }

    #[must_use]
    pub fn within(mut self, value: String) -> Self {
        self.within = Some(value);
        self
    }
}

/// What kind of answer a field takes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FieldKind {
    /// Any one line of text.
    Text,
    /// A name for a new machine: [`check_vm_name`].
    VmName,
    /// A name for an image: [`check_image_name`].
    ImageName,
    /// A whole number.
    Number { least: u64, most: u64 },
    /// A size in bytes, written as people do.
    Size { least: ByteSize, most: ByteSize },
    /// One of these.
    Choice(Vec<Choice>),
    /// `yes` or `no`.
    Flag,
    /// An address of an image, or the path of a file of the host: it begins as one of `BEGINNINGS`.
    Url,
    /// An address of IPv4 or IPv6.
    Ip,
    /// A hardware address, written as people do: 6, 8 or 20 bytes.
    Mac,
    /// A URI of another host's libvirt: [`check_libvirt_uri`].
    LibvirtUri,
    /// A UUID in small letters.
    Uuid,
    /// A key of a configuration: [`check_config_key`].
    ConfigKey,
    /// A SHA-256 or SHA-512: [`checksum`].
    Checksum,
    /// Words separated by line breaks; each is one argument, never split further.
    List,
}

/// Whether `text` begins like the address of an image or like a path, and goes on.
fn is_address(text: &str) -> bool {
    let path = || ["/", "~/"].iter().find_map(|begin| text.strip_prefix(begin));
    let address = || {
        let (scheme, rest) = text.split_once("://")?;
        SCHEMES.contains(&scheme).then_some(rest)
    };
    address().or_else(path).is_some_and(|rest| !rest.is_empty())
}

/// A field of a form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldSpec {
    /// Its name in requests and on the command line: `memory`.
    pub name: &'static str,
    /// Its name on the screen.
    pub label: &'static str,
    pub kind: FieldKind,
    /// What stands in it at first; empty: nothing.
    pub default: String,
    pub required: bool,
    /// The field that takes its place: where that one is filled, this one may be empty.
    pub unless: Option<&'static str>,
    /// One line that helps to fill it.
    pub help: &'static str,
    /// The field that decides which of the choices are offered.
    pub chosen_by: Option<&'static str>,
    /// What is told where it leaves none of them, and what to do then.
    pub nothing: String,
}

impl FieldSpec {
    /// A required field without a default.
    pub const fn new(name: &'static str, label: &'static str, kind: FieldKind) -> Self {
        Self {
            name,
            label,
            kind,
            default: String::new(),
            required: true,
            unless: None,
            help: "",
            chosen_by: None,
            nothing: String::new(),
        }
    }

    #[must_use]
    pub fn default(mut self, value: impl Into<String>) -> Self {
        self.default = value.into();
        self
    }

    #[must_use]
    pub const fn optional(mut self) -> Self {
        self.required = false;
        self
    }

    #[must_use]
    pub const fn unless(mut self, field: &'static str) -> Self {
        self.unless = Some(field);
        self
    }

    /// Whether `values` fill the field that takes its place, so that it may be empty.
    pub fn is_replaced(&self, values: &Values) -> bool {
        self.unless.and_then(|other| values.get(other)).is_some_and(|value| !value.is_empty())
    }

    #[must_use]
    pub const fn help(mut self, help: &'static str) -> Self {
        self.help = help;
        self
    }

    /// Offers those choices alone that are [`Choice::within`] what the other field holds; `nothing` is told where none is.
    #[must_use]
    pub fn chosen_by(mut self, field: &'static str, nothing: String) -> Self {
        (self.chosen_by, self.nothing) = (Some(field), nothing);
        self
    }

    /// Says what is not there to be chosen.
    #[must_use]
    pub fn lacking(mut self, what: Option<&str>) -> Self {
        what.unwrap_or_default().clone_into(&mut self.nothing);
        self
    }

    /// What may be chosen of `choices`, in words.
    pub fn one_of(&self, choices: &[Choice]) -> String {
        let named = choices.iter().filter(|c| !c.value.is_empty()).map(|c| clean(&c.value, 40)).collect::<Vec<_>>();
        // Where another field decides, that is told of what the other holds.
        let lacks = if self.chosen_by.is_none() { self.nothing.as_str() } else { "" };
        match (named.join(", "), lacks) {
            (named, "") if named.is_empty() => "there is nothing to choose from".to_owned(),
            (named, lacks) if named.is_empty() => lacks.to_owned(),
            (named, "") => format!("one of {named}"),
            (named, lacks) => format!("one of {named}; {lacks}"),
        }
    }

    /// Whether `value` will do; the sentence says what would.
    pub fn check(&self, value: &str) -> std::result::Result<(), String> {
        if value.is_empty() {
            return match &self.kind {
                _ if !self.required => Ok(()),
                FieldKind::Choice(choices) => Err(format!("{} is needed: {}", self.label, self.one_of(choices))),
                _ => Err(format!("{} is needed", self.label)),
            };
        }
        let shown = clean(value, 40);
        match &self.kind {
            FieldKind::VmName => check_vm_name(value),
            FieldKind::ImageName => check_image_name(value),
            FieldKind::Checksum => checksum(value).map(drop),
            FieldKind::Text => match value.chars().any(char::is_control) {
                true => Err(format!("`{shown}`: no control characters")),
                false => Ok(()),
            },
            FieldKind::Number { least, most } => match value.parse::<u64>() {
                Ok(n) if (*least..=*most).contains(&n) => Ok(()),
                _ => Err(format!("`{shown}`: a whole number from {least} to {most}")),
            },
            FieldKind::Size { least, most } => match value.parse::<ByteSize>()? {
                size if size < *least => Err(format!("`{shown}` is too little: at least {least}")),
                size if size > *most => Err(format!("`{shown}` is too much: at most {most}")),
                _ => Ok(()),
            },
            FieldKind::Choice(choices) if choices.iter().any(|c| c.value == value) => Ok(()),
            FieldKind::Choice(choices) => Err(format!("`{shown}`: {}", self.one_of(choices))),
            FieldKind::Flag if matches!(value, "yes" | "no") => Ok(()),
            FieldKind::Flag => Err(format!("`{shown}`: yes or no")),
            FieldKind::Url if is_address(value) => Ok(()),
            FieldKind::Url => Err(format!("`{shown}`: {}", address_rule())),
            FieldKind::Ip => match value.parse::<IpAddr>() {
                Ok(_) => Ok(()),
                Err(_) => Err(format!("`{shown}`: an address like 10.0.0.7 or fd00::7")),
            },
            FieldKind::Mac => match mac(value) {
                Some(_) => Ok(()),
                None => Err(format!("`{shown}`: a hardware address like 52:54:00:12:34:56")),
            },
            FieldKind::Uuid => match is_uuid(value) && !value.contains(|c: char| c.is_ascii_uppercase()) {
                true => Ok(()),
                false => Err(format!("`{shown}`: a UUID in small letters")),
            },
            FieldKind::LibvirtUri => check_libvirt_uri(value),
            FieldKind::ConfigKey => check_config_key(value),
            FieldKind::List => match value.chars().any(|c| c.is_control() && c != '\n') {
                true => Err(format!("`{shown}`: no control characters")),
                false => Ok(()),
            },
        }
    }
}

/// A hardware address as most programs write it: small letters, `:` between the bytes. None: it is none.
pub fn mac(text: &str) -> Option<String> {
    let apart: Vec<&str> = text.split([':', '-']).collect();
    let bytes: Vec<String> = match apart.as_slice() {
        [one] => {
            let groups: Vec<&str> = one.split('.').collect();
            let all_four = groups.iter().all(|g| g.len() == 4 && g.is_ascii());
            let halves =
                groups.iter().filter(|_| all_four).flat_map(|group| [group.get(..2), group.get(2..)]).flatten();
            halves.map(str::to_ascii_lowercase).collect()
        }
        many => many.iter().map(|byte| byte.to_ascii_lowercase()).collect(),
    };
    let is_one_kind = !(text.contains(':') && text.contains('-'));
    let are_bytes = bytes.iter().all(|byte| byte.len() == 2 && byte.chars().all(|c| c.is_ascii_hexdigit()));
    (is_one_kind && are_bytes && matches!(bytes.len(), 6 | 8 | 20)).then(|| bytes.join(":"))
}

/// Checks all `values` against `fields` and fills in defaults; refuses names that no field has.
pub fn check_fields(fields: &[FieldSpec], values: &Values) -> Result<Values> {
    if let Some(name) = values.keys().find(|name| !fields.iter().any(|f| f.name == *name)) {
        let known: Vec<_> = fields.iter().map(|f| f.name).collect();
        let known =
            if known.is_empty() { "none is asked for".to_owned() } else { format!("there are {}", known.join(", ")) };
        return Err(Error::invalid(format_args!("no field is called `{}`: {known}", clean(name, 40))));
    }
    let mut whole = Values::new();
    for field in fields {
        let value = values.get(field.name).unwrap_or(&field.default);
        if value.is_empty() && field.is_replaced(values) {
            whole.insert(field.name.to_owned(), String::new());
            continue;
        }
        field.check(value).map_err(|why| Error::invalid(format_args!("{}: {why}", field.name)))?;
        whole.insert(field.name.to_owned(), value.clone());
    }
    Ok(whole)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hardware_addresses_are_read_in_all_their_forms() {
        for form in ["01:23:45:67:89:AB", "01-23-45-67-89-ab", "0123.4567.89ab"] {
            assert_eq!(mac(form).as_deref(), Some("01:23:45:67:89:ab"), "{form}");
        }
        for bad in [
            "",
            "zz",
            "01:23:45:67:89",
            "01:23-45:67:89:ab",
            "0123.4567",
            "1:2:3:4:5:6",
            "012345.6789ab",
            "é123.4567.89ab",
        ] {
            assert_eq!(mac(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_field_may_be_empty_where_another_takes_its_place() {
        let fields = [
            FieldSpec::new("size", "Size", FieldKind::Size { least: ByteSize(1), most: ByteSize(9) })
                .default("5")
                .unless("image"),
            FieldSpec::new("image", "Image", FieldKind::Text).optional(),
        ];
        let checked = |size: &str, image: &str| {
            check_fields(&fields, &[("size", size), ("image", image)].map(|(k, v)| (k.to_owned(), v.to_owned())).into())
        };
        assert_eq!(checked("", "x.img").unwrap()["size"], "", "the default takes no place that was left empty");
        assert_eq!(checked("", "").unwrap_err().message, "size: Size is needed");
        assert!(checked("10", "x.img").is_err());
    }

    #[test]
    fn what_may_be_chosen_is_told_and_what_is_not_there() {
        let told = |values: &[&str], lacks: Option<&str>| {
            let choices = FieldKind::Choice(values.iter().map(|value| Choice::new(value, "")).collect());
            FieldSpec::new("image", "Image", choices).optional().lacking(lacks).check("x").unwrap_err()
        };
        let no_images = Some("there are no images on this host");
        assert_eq!(told(&["", "a.iso", "b.iso"], None), "`x`: one of a.iso, b.iso");
        assert_eq!(told(&[""], no_images), "`x`: there are no images on this host");
        assert_eq!(told(&[""], None), "`x`: there is nothing to choose from");
        assert_eq!(told(&["user"], Some("this host has no bridge")), "`x`: one of user; this host has no bridge");
    }

    #[test]
    fn fields_are_checked_and_filled() {
        let fields = [
            FieldSpec::new("name", "Name", FieldKind::VmName),
            FieldSpec::new("cpus", "CPUs", FieldKind::Number { least: 1, most: 8 }).default("2"),
        ];
        let values =
            |pairs: &[(&str, &str)]| pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect::<Values>();
        assert_eq!(check_fields(&fields, &values(&[("name", "web")])).unwrap()["cpus"], "2");
        let why = |pairs| check_fields(&fields, &values(pairs)).unwrap_err().message;
        assert_eq!(why(&[]), "name: Name is needed");
        assert_eq!(why(&[("name", "web"), ("cpus", "9")]), "cpus: `9`: a whole number from 1 to 8");
        assert_eq!(why(&[("nmae", "web")]), "no field is called `nmae`: there are name, cpus");
    }
}
