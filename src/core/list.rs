//! Lists in the configuration: a TOML list, or, from an environment variable, one string with commas.

use serde::{Deserialize, Deserializer};

#[derive(Deserialize)]
#[serde(untagged)]
enum Written {
    List(Vec<String>),
    Text(String),
}

/// For `#[serde(deserialize_with = …)]` on a list of strings. Empty entries are dropped, spaces around entries too.
///
/// # Errors
/// When the value is neither a list of strings nor a string.
pub fn strings<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    let entries = match Written::deserialize(deserializer)? {
        Written::List(entries) => entries,
        Written::Text(text) => text.split(',').map(str::to_owned).collect(),
    };
    Ok(entries.iter().map(|entry| entry.trim().to_owned()).filter(|entry| !entry.is_empty()).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Deserialize)]
    struct Section {
        #[serde(deserialize_with = "strings")]
        hosts: Vec<String>,
    }

    #[test]
    fn a_list_may_be_written_either_way() {
        for text in [r#"{"hosts":["a","b"]}"#, r#"{"hosts":"a, b,"}"#] {
            assert_eq!(serde_json::from_str::<Section>(text).expect("a list").hosts, ["a", "b"]);
        }
        assert_eq!(serde_json::from_str::<Section>(r#"{"hosts":""}"#).expect("a list").hosts, [""; 0]);
        assert!(serde_json::from_str::<Section>(r#"{"hosts":7}"#).is_err());
    }
}
