//! Texts as they should not come: recorded ones with bytes changed, doubled, put in or taken out, and no texts at all.
use proptest::{collection::vec, prelude::*, sample::Index};
use serde_json::Value;

/// One of `texts` after a few accidents, or bytes that mean nothing.
pub(crate) fn spoilt(texts: Vec<String>) -> impl Strategy<Value = Vec<u8>> {
    let accident = (any::<Index>(), 0..5_u8, any::<u8>());
    let accidents = (any::<Index>(), vec(accident, 1..6)).prop_map(move |(which, accidents)| {
        let mut bytes = which.get(&texts).clone().into_bytes();
        for (place, kind, byte) in accidents {
            let at = place.index(bytes.len() + 1);
            match kind {
                0 => bytes.truncate(at),
                1 => bytes.insert(at, byte),
                2 => drop(bytes.splice(at..(at + 1).min(bytes.len()), [byte])),
                // What stands there, once more: a key, a bracket, a record.
                3 => {
                    let part = bytes.get(at..(at + 7).min(bytes.len())).unwrap_or_default().to_vec();
                    drop(bytes.splice(at..at, part));
                }
                _ => drop(bytes.drain(at..(at + usize::from(byte % 9)).min(bytes.len()))),
            }
        }
        bytes
    });
    prop_oneof![4 => accidents, 1 => vec(any::<u8>(), 0..200)]
}

/// The value that the bytes are, if they are JSON.
pub(crate) fn json(bytes: &[u8]) -> Option<Value> {
    serde_json::from_slice(bytes).ok()
}
