//! What is asked for about nodes whatever keeps them, and how a change meets what others changed meanwhile.
use super::{Error, FieldKind, FieldSpec, Result, Values, check_fields, clean, mac};

/// The fields of one key of a node's configuration.
pub fn config_fields() -> [FieldSpec; 2] {
    [
        FieldSpec::new("key", "Key", FieldKind::ConfigKey),
        FieldSpec::new("value", "Value", FieldKind::Text).optional().help("empty: the key is dropped"),
    ]
}

/// The fields of a subnet attached to a node.
pub fn subnet_fields() -> [FieldSpec; 2] {
    [
        FieldSpec::new("subnet", "Subnet", FieldKind::Uuid).help("the id of a subnet that is there"),
        FieldSpec::new("bridge", "Bridge", FieldKind::Text).help("the bridge that leads there: br0"),
    ]
}

/// The lines of a list whose order means nothing, in the one order in which such lists are compared.
pub fn in_order(lines: impl Iterator<Item = String>) -> String {
    let mut lines: Vec<String> = lines.filter(|line| !line.is_empty()).collect();
    lines.sort();
    lines.join("\n")
}

/// `fields` hold what is there now, `before` what was there when `values` were chosen (empty: now). Returns what is there
/// and what should be: fields that were not touched stay as they are now, whoever changed them. `Conflict` where a
/// touched one was changed to something else meanwhile.
pub fn merge_changes(fields: &[FieldSpec], before: &Values, values: &Values) -> Result<(Values, Values)> {
    let now: Values = fields.iter().map(|f| (f.name.to_owned(), f.default.clone())).collect();
    let values = check_fields(
        fields,
        &fields.iter().fold(values.clone(), |mut values, field| {
            let known = before.get(field.name).unwrap_or(&field.default);
            let value = values.entry(field.name.to_owned()).or_insert_with(|| known.clone());
            match &field.kind {
                FieldKind::Mac => *value = mac(value).unwrap_or_else(|| value.clone()),
                FieldKind::List => *value = in_order(value.split('\n').map(str::to_owned)),
                _ => {}
            }
            values
        }),
    )?;
    let mut wanted = Values::new();
    let mut clashes = Vec::new();
    for field in fields {
        let (name, now) = (field.name, &field.default);
        let known = before.get(name).unwrap_or(now);
        let value = values.get(name).unwrap_or(now);
        let is_touched = value != known;
        clashes.extend(clash(name, known, now, value).filter(|_| is_touched));
        wanted.insert(name.to_owned(), if is_touched { value.clone() } else { now.clone() });
    }
    if clashes.is_empty() {
        return Ok((now, wanted));
    }
    Err(Error::conflict(format_args!("{MEANWHILE}: {}", clashes.join("; "))))
}

/// `Conflict` that tells all sides, where `now` is neither what was known when `value` was chosen nor `value` itself.
/// Empty: it is not set. `known` None: nobody looked, and whatever stands there may go.
pub fn check_unchanged(name: &str, known: Option<&str>, now: &str, value: &str) -> Result<()> {
    match known.and_then(|known| clash(&clean(name, 80), known, now, value)) {
        None => Ok(()),
        Some(clash) => Err(Error::conflict(format_args!("{MEANWHILE}: {clash}"))),
    }
}

const MEANWHILE: &str = "changed by somebody else meanwhile";

/// What both sides did, where `now` is neither what was known nor what should be.
fn clash(name: &str, known: &str, now: &str, value: &str) -> Option<String> {
    let sides =
        || format!("{name}: it was {}, is now {}, and should become {}", shown(known), shown(now), shown(value));
    (now != known && now != value).then(sides)
}

/// A value in a sentence.
fn shown(text: &str) -> String {
    if text.is_empty() { "none".to_owned() } else { clean(&text.replace('\n', ", "), 80).into_owned() }
}

/// A write was refused because another one came first: what that one made of `before`, as `now` tells, and what was not
/// set.
pub fn overtaken(now: &[FieldSpec], before: &Values, wanted: &Values) -> Error {
    let told = |to: &dyn Fn(&FieldSpec) -> Option<String>| {
        let all = now.iter().filter_map(|field| {
            let (was, to) = (before.get(field.name)?, to(field)?);
            (*was != to).then(|| format!("{} {} → {}", field.name, shown(was), shown(&to)))
        });
        all.collect::<Vec<_>>().join(", ")
    };
    let theirs = told(&|field| Some(field.default.clone()));
    let theirs = if theirs.is_empty() { "the same as it was".to_owned() } else { theirs };
    let ours = told(&|field| wanted.get(field.name).cloned());
    Error::conflict(format_args!("somebody else wrote it at the same moment: {theirs}; not set: {ours}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::ErrorKind;

    fn fields(ip: &str, memory: &str, mac: &str) -> [FieldSpec; 3] {
        [
            FieldSpec::new("ip", "IP", FieldKind::Ip).optional().default(ip),
            FieldSpec::new("memory", "Memory", FieldKind::Number { least: 0, most: 1 << 40 }).default(memory),
            FieldSpec::new("mac", "MAC", FieldKind::Mac).optional().default(mac),
        ]
    }

    fn values(pairs: &[(&str, &str)]) -> Values {
        pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect()
    }

    #[test]
    fn what_was_not_touched_stays_as_it_is_now() {
        let now = fields("10.0.0.1", "2048", "");
        let before = values(&[("ip", "10.0.0.1"), ("memory", "1024"), ("mac", "")]);
        let (was, wanted) = merge_changes(&now, &before, &values(&[("ip", "10.0.0.2"), ("memory", "1024")])).unwrap();
        assert_eq!(was["memory"], "2048");
        assert_eq!(wanted, values(&[("ip", "10.0.0.2"), ("memory", "2048"), ("mac", "")]));
    }

    #[test]
    fn what_was_touched_by_both_is_told_and_nothing_is_decided() {
        let now = fields("10.0.0.9", "0", "");
        let before = values(&[("ip", "10.0.0.1"), ("memory", "0"), ("mac", "")]);
        let wanted = |ip: &str| values(&[("ip", ip), ("memory", "0"), ("mac", "")]);
        let error = merge_changes(&now, &before, &wanted("10.0.0.2")).unwrap_err();
        assert_eq!(error.kind, ErrorKind::Conflict);
        assert!(error.message.ends_with("ip: it was 10.0.0.1, is now 10.0.0.9, and should become 10.0.0.2"), "{error}");
        assert!(merge_changes(&now, &before, &wanted("10.0.0.9")).is_ok(), "both want the same");
    }

    #[test]
    fn who_comes_second_is_told_of_both_writes() {
        let (before, wanted) =
            (values(&[("ip", "10.0.0.1"), ("memory", "0"), ("mac", "")]), values(&[("ip", "10.0.0.2")]));
        let error = overtaken(&fields("10.0.0.1", "512", ""), &before, &wanted);
        assert_eq!(error.kind, ErrorKind::Conflict);
        assert!(error.message.ends_with("moment: memory 0 → 512; not set: ip 10.0.0.1 → 10.0.0.2"), "{error}");
        let error = overtaken(&fields("", "0", ""), &before, &wanted);
        assert!(error.message.contains("ip 10.0.0.1 → none; not set"), "{error}");
    }

    #[test]
    fn some_fields_alone_may_be_given_and_each_is_checked() {
        let now = fields("10.0.0.1", "7", "01:23:45:67:89:ab");
        let (was, wanted) = merge_changes(&now, &Values::new(), &values(&[("mac", "01-23-45-67-89-AB")])).unwrap();
        assert_eq!(was, wanted, "the same address in another form is no change");
        assert!(merge_changes(&now, &Values::new(), &values(&[("ip", "zz")])).is_err());
        assert!(merge_changes(&now, &Values::new(), &values(&[("color", "red")])).is_err());
    }
}
