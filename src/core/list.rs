//! Lists in the configuration: a TOML list, or, from an environment variable, one string with commas.

use std::{fmt::Display, str::FromStr};

use serde::{Deserialize, Deserializer, de::Error};

#[derive(Deserialize)]
#[serde(untagged)]
enum Written<T> {
    List(Vec<T>),
    Text(String),
}

/// For `#[serde(deserialize_with = …)]` on a list of strings. Empty entries are dropped, spaces around entries too.
///
/// # Errors
/// When the value is neither a list of strings nor a string.
pub fn strings<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    let entries = match Written::<String>::deserialize(deserializer)? {
        Written::List(entries) => entries,
        Written::Text(text) => text.split(',').map(str::to_owned).collect(),
    };
    Ok(entries.iter().map(|entry| entry.trim().to_owned()).filter(|entry| !entry.is_empty()).collect())
}

/// The same for a list of numbers.
///
/// # Errors
/// When the value is neither a list of numbers nor a string of them.
pub fn numbers<'de, D, T>(deserializer: D) -> Result<Vec<T>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de> + FromStr,
    T::Err: Display,
{
    match Written::<T>::deserialize(deserializer)? {
        Written::List(numbers) => Ok(numbers),
        Written::Text(text) => {
            let entries = text.split(',').map(str::trim).filter(|entry| !entry.is_empty());
            entries.map(|entry| entry.parse().map_err(D::Error::custom)).collect()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Deserialize)]
    struct Section {
        #[serde(deserialize_with = "strings")]
        hosts: Vec<String>,
    }

    #[derive(Deserialize)]
    struct Numbers {
        #[serde(deserialize_with = "numbers")]
        ports: Vec<u16>,
    }

    #[test]
    fn so_may_a_list_of_numbers() {
        for text in [r#"{"ports":[80,443]}"#, r#"{"ports":"80, 443,"}"#] {
            assert_eq!(serde_json::from_str::<Numbers>(text).expect("a list").ports, [80, 443]);
        }
        for text in [r#"{"ports":"http"}"#, r#"{"ports":[70000]}"#, r#"{"ports":"70000"}"#] {
            assert!(serde_json::from_str::<Numbers>(text).is_err(), "{text}");
        }
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
