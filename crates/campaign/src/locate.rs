//! Where in a YAML text a value stands. The reader keeps no places, so the text is read again along the path, and
//! what is found at its end refuses to be read: the error knows the place.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor};

/// One step down from a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    Key(String),
    Index(usize),
}

/// Line and column, from 1, of the value at the end of the path, or of the last one before it that is there.
pub(crate) fn locate(text: &str, path: &[Step]) -> Option<(usize, usize)> {
    (0..=path.len()).rev().find_map(|depth| {
        let along = Along { path: &path[..depth] };
        let error = along.deserialize(serde_yaml::Deserializer::from_str(text)).err()?;
        let place = error.location()?;
        error.to_string().contains(HERE).then(|| (place.line(), place.column()))
    })
}

const HERE: &str = "this is the place";

struct Along<'p> {
    path: &'p [Step],
}

impl<'de> DeserializeSeed<'de> for Along<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Along<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(HERE)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let Some((Step::Key(wanted), rest)) = self.path.split_first() else {
            return Err(A::Error::custom(HERE));
        };
        while let Some(key) = map.next_key::<serde_yaml::Value>()? {
            if key.as_str() == Some(wanted) {
                map.next_value_seed(Along { path: rest })?;
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        let Some((Step::Index(wanted), rest)) = self.path.split_first() else {
            return Err(A::Error::custom(HERE));
        };
        for _ in 0..*wanted {
            if list.next_element::<IgnoredAny>()?.is_none() {
                return Ok(());
            }
        }
        list.next_element_seed(Along { path: rest })?;
        while list.next_element::<IgnoredAny>()?.is_some() {}
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "campaign:\n  id: x\n  actors:\n    - id: a\n    - id: b\n      asn: many\n";

    fn path(steps: &[&str]) -> Vec<Step> {
        let step = |text: &&str| text.parse().map_or_else(|_| Step::Key((*text).to_owned()), Step::Index);
        steps.iter().map(step).collect()
    }

    #[test]
    fn a_value_is_found_by_its_path() {
        assert_eq!(locate(TEXT, &path(&["campaign", "id"])).map(|place| place.0), Some(2));
        assert_eq!(
            locate(TEXT, &path(&["campaign", "actors", "1", "asn"])).map(|place| place.0),
            Some(6)
        );
        assert_eq!(
            locate(TEXT, &path(&["campaign", "actors", "1"])).map(|place| place.0),
            Some(5)
        );
        assert_eq!(locate(TEXT, &[]).map(|place| place.0), Some(1));
    }

    #[test]
    fn what_is_not_there_is_found_where_it_would_be() {
        assert_eq!(
            locate(TEXT, &path(&["campaign", "actors", "1", "hassh"])).map(|place| place.0),
            Some(5)
        );
        assert_eq!(
            locate(TEXT, &path(&["campaign", "phases"])).map(|place| place.0),
            Some(2)
        );
    }
}
