use super::{Action, BINDINGS, Binding, Key, Scope};
use crossterm::event::{KeyCode, KeyModifiers};
use std::collections::{BTreeMap, HashMap};

/// Keys of the configuration, by the name of the action: they replace its defaults.
pub type Overrides = BTreeMap<String, Vec<String>>;

/// Which key means what, where.
#[derive(Clone, Debug)]
pub struct KeyMap {
    by_key: HashMap<(Scope, Key), Action>,
    by_action: HashMap<Action, Vec<Key>>,
}

/// Quits whatever the configuration says.
const CTRL_C: Key = Key { code: KeyCode::Char('c'), modifiers: KeyModifiers::CONTROL };

impl KeyMap {
    /// The defaults of [`BINDINGS`], with `overrides` replacing them action by action.
    ///
    /// # Errors
    /// A name that no action has, a key that cannot be, and a key with two meanings at once; the sentence names them.
    pub fn new(overrides: &Overrides) -> Result<Self, String> {
        if let Some(name) = overrides.keys().find(|name| !BINDINGS.iter().any(|b| b.name == *name)) {
            let near = nearest(name).map(|n| format!(": did you mean `{n}`?")).unwrap_or_default();
            return Err(format!("no action is called `{}`{near}", crate::domain::clean(name, 40)));
        }
        let mut map = Self { by_key: HashMap::new(), by_action: HashMap::new() };
        for binding in BINDINGS {
            let mut keys = match overrides.get(binding.name) {
                Some(keys) => parse(binding.name, keys.iter().map(String::as_str))?,
                None => parse(binding.name, binding.keys.iter().copied())?,
            };
            if binding.action == Action::Quit && !keys.contains(&CTRL_C) {
                keys.push(CTRL_C);
            }
            for key in &keys {
                map.claim(binding, *key)?;
            }
            map.by_action.insert(binding.action, keys);
        }
        Ok(map)
    }

    fn claim(&mut self, binding: &Binding, key: Key) -> Result<(), String> {
        let other = self
            .by_key
            .iter()
            .find(|((scope, k), action)| *k == key && scope.meets(binding.scope) && **action != binding.action);
        if let Some((_, other)) = other {
            return Err(format!("`{key}` would mean both {} and {}", other.binding().name, binding.name));
        }
        self.by_key.insert((binding.scope, key), binding.action);
        Ok(())
    }

    /// What `key` means in the first of `scopes`, innermost first, that binds it. Ctrl-C quits in all.
    pub fn action(&self, scopes: &[Scope], key: Key) -> Option<Action> {
        if key == CTRL_C {
            return Some(Action::Quit);
        }
        scopes.iter().find_map(|scope| self.by_key.get(&(*scope, key)).copied())
    }

    /// The keys of an action, the one to show first.
    pub fn keys(&self, action: Action) -> &[Key] {
        self.by_action.get(&action).map_or(&[], Vec::as_slice)
    }

    /// The first key of an action in words; `–` where the configuration took them all.
    pub fn first(&self, action: Action) -> String {
        self.keys(action).first().map_or_else(|| "–".to_owned(), ToString::to_string)
    }

    /// All keys of an action: `j down`.
    pub fn all(&self, action: Action) -> String {
        self.keys(action).iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")
    }
}

impl Default for KeyMap {
    #[expect(clippy::expect_used, reason = "a test builds the defaults: they hold no clash")]
    fn default() -> Self {
        Self::new(&Overrides::new()).expect("the default keys do not clash")
    }
}

fn parse<'a>(name: &str, keys: impl Iterator<Item = &'a str>) -> Result<Vec<Key>, String> {
    keys.map(|key| key.parse().map_err(|why| format!("{name}: {why}"))).collect()
}

/// The action whose name is spelt most alike, for a hint after a slip of the finger.
fn nearest(name: &str) -> Option<&'static str> {
    let alike = |other: &str| {
        let begins = name.chars().zip(other.chars()).take_while(|(a, b)| a == b).count();
        let shared = other.chars().filter(|c| name.contains(*c)).count();
        (begins + shared).saturating_sub(name.len().abs_diff(other.len()))
    };
    let best = BINDINGS.iter().map(|b| b.name).max_by_key(|other| alike(other))?;
    (alike(best) > name.len()).then_some(best)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(pairs: &[(&str, &[&str])]) -> Result<KeyMap, String> {
        let keys = |k: &&[&str]| k.iter().map(|s| (*s).to_owned()).collect();
        KeyMap::new(&pairs.iter().map(|(name, k)| ((*name).to_owned(), keys(k))).collect())
    }

    fn key(text: &str) -> Key {
        text.parse().unwrap()
    }

    #[test]
    fn an_override_replaces_the_keys_of_its_action() {
        let map = with(&[("start", &["f5"])]).unwrap();
        assert_eq!(map.action(&[Scope::Machines], key("f5")), Some(Action::Start));
        assert_eq!(map.action(&[Scope::Machines], key("s")), None);
        assert_eq!(map.action(&[Scope::Machines, Scope::Global], key("q")), Some(Action::Quit));
    }

    #[test]
    fn clashes_and_slips_are_named() {
        assert_eq!(with(&[("start", &["X"])]).unwrap_err(), "`X` would mean both start and power-off");
        assert_eq!(with(&[("start", &["q"])]).unwrap_err(), "`q` would mean both start and quit");
        assert_eq!(with(&[("strat", &["f5"])]).unwrap_err(), "no action is called `strat`: did you mean `start`?");
        assert!(with(&[("start", &["f99"])]).unwrap_err().starts_with("start: no key is called `f99`"));
        assert!(with(&[("yes", &["n"])]).unwrap_err().contains("both yes and no"));
    }

    #[test]
    fn ctrl_c_always_quits() {
        let map = with(&[("quit", &["Q"])]).unwrap();
        for scope in [Scope::Form, Scope::Dialog, Scope::Filter, Scope::Machines] {
            assert_eq!(map.action(&[scope], key("ctrl-c")), Some(Action::Quit));
        }
        assert!(with(&[("start", &["ctrl-c"])]).is_err());
    }
}
