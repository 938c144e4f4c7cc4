use super::{ByteSize, clean_line};

/// What an address would bring, told before it is fetched.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Prospect {
    /// What it would be called; None: neither the address nor the server names it.
    pub name: Option<String>,
    /// Whether the library has that name already.
    pub is_taken: bool,
    /// None: the server does not tell.
    pub size: Option<ByteSize>,
    /// Whether a fetch that was interrupted goes on where it was.
    pub is_resumable: bool,
    /// The checksum that was found beside it, and where: `SHA-256 in SHA256SUMS`.
    pub checksum: Option<String>,
    /// What the host's storage holds still.
    pub free: Option<ByteSize>,
}

impl Prospect {
    /// Why it could not be fetched under the name that it brings, in one sentence; None: nothing stands in the way.
    pub fn obstacle(&self) -> Option<String> {
        match &self.name {
            None => Some("neither the address nor the server names the file: give it a name".to_owned()),
            Some(name) if self.is_taken => {
                Some(format!("{} is in the library already: give it another name", clean_line(name)))
            }
            Some(_) => self.lacks_room(),
        }
    }

    /// That there is too little room for it, in one sentence.
    pub fn lacks_room(&self) -> Option<String> {
        match (self.size, self.free) {
            (Some(size), Some(free)) if size > free => Some(format!("it has {size}, and only {free} are free")),
            _ => None,
        }
    }

    /// What the server tells of the file: `3.7 GiB, can be resumed`.
    pub fn figures(&self) -> String {
        let size = self.size.map_or_else(|| "of unknown size".to_owned(), |size| size.to_string());
        let resumes = if self.is_resumable { "can be resumed" } else { "begins anew when it is interrupted" };
        format!("{size}, {resumes}")
    }

    /// What will be done about its checksum.
    pub fn check(&self) -> String {
        match &self.checksum {
            Some(sum) => format!("{} was found: it will be checked", clean_line(sum)),
            None => "no checksum was found beside it".to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stands_in_the_way_is_one_sentence() {
        let mut prospect = Prospect::default();
        assert!(prospect.obstacle().unwrap().ends_with("give it a name"));
        prospect.name = Some("a\u{1b}.iso".into());
        prospect.is_taken = true;
        assert_eq!(prospect.obstacle().unwrap(), "a .iso is in the library already: give it another name");
        prospect.is_taken = false;
        (prospect.size, prospect.free) = (Some(ByteSize(3 << 30)), Some(ByteSize(1 << 30)));
        assert_eq!(prospect.obstacle().unwrap(), "it has 3 GiB, and only 1 GiB are free");
        prospect.free = None;
        assert_eq!(prospect.obstacle(), None, "what is not known stands in no way");
    }
}
