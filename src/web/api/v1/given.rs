//! The fields of a request, as JSON or as a form sends them. Unknown ones are ignored, null is the same as absent, and what is wrong is
//! told by the first field that is.

use std::{borrow::Cow, collections::HashMap};

use serde::{
    Deserialize, Deserializer,
    de::{DeserializeOwned, Error, IgnoredAny, MapAccess, Visitor},
};
use serde_json::{Map, Value, value::RawValue};
use touchstone_core::submission::Asked;

use super::errors::V1Failure;

/// Most bytes of `metadata`, as JSON.
pub(crate) const MOST_METADATA: usize = 4096;

/// Every field of an image and of what is asked about it. Whatever else is sent is passed over and kept nowhere: how much of it there is
/// is its sender's to say.
const KNOWN: [&str; 7] =
    ["image_url", "image_base64", "include_attribution", "include_heatmap", "include_forensics", "model_threshold", "metadata"];

/// One of these names; `None` for any other.
pub(crate) fn known(name: &str) -> Option<&'static str> {
    KNOWN.into_iter().find(|known| *known == name)
}

/// One field: JSON that was not looked into yet, borrowed from the body; or a form's text.
enum Field<'a> {
    Json(&'a RawValue),
    Text(String),
}

/// The fields of one request, or of one image in a batch.
pub(crate) struct Given<'a> {
    fields: HashMap<&'static str, Field<'a>>,
    /// What stands before each field's name when it is told: `images.3.`
    at: String,
}

impl<'a> Given<'a> {
    /// Reads a JSON object, without a copy of what is in it.
    ///
    /// # Errors
    /// 400 when it is none.
    pub(crate) fn json(body: &'a [u8]) -> Result<Self, V1Failure> {
        serde_json::from_slice::<Whole<'a>>(body)
            .map(|Whole(fields)| Self { fields, at: String::new() })
            .map_err(|_| V1Failure::invalid("", "The body must be a JSON object."))
    }

    /// Fields that were read one by one.
    pub(crate) fn read(fields: &'a HashMap<&'static str, Box<RawValue>>) -> Self {
        Self { fields: fields.iter().map(|(name, value)| (*name, Field::Json(value))).collect(), at: String::new() }
    }

    /// The texts of a form.
    pub(crate) fn form(texts: HashMap<&'static str, String>) -> Self {
        Self { fields: texts.into_iter().map(|(name, text)| (name, Field::Text(text))).collect(), at: String::new() }
    }

    /// The same fields, told by where they stand.
    pub(crate) fn at(self, at: String) -> Self {
        Self { at, ..self }
    }

    /// A string, if it is there.
    ///
    /// # Errors
    /// 400 when it is something else.
    pub(crate) fn text(&self, name: &str) -> Result<Option<Cow<'a, str>>, V1Failure> {
        match self.field(name) {
            None => Ok(None),
            Some(Field::Text(text)) => Ok(Some(Cow::Owned(text.clone()))),
            // Most strings hold nothing that is escaped, and need no copy.
            Some(Field::Json(raw)) => match serde_json::from_str::<&'a str>(raw.get()) {
                Ok(text) => Ok(Some(Cow::Borrowed(text))),
                Err(_) => self.parsed::<String>(name, raw.get(), "It must be a string.").map(|text| Some(Cow::Owned(text))),
            },
        }
    }

    /// What else was asked for beside a verdict.
    ///
    /// # Errors
    /// 400 that names the first wrong field.
    pub(crate) fn asked(&self) -> Result<Asked, V1Failure> {
        let threshold = self.number("model_threshold")?.unwrap_or(Asked::THRESHOLD);
        if !(0.0..=1.0).contains(&threshold) {
            return Err(self.wrong("model_threshold", "It must be a number from 0 to 1."));
        }
        Ok(Asked {
            attribution: self.flag("include_attribution")?,
            heatmap: self.flag("include_heatmap")?,
            forensics: self.flag("include_forensics")?,
            threshold,
            metadata: self.metadata()?,
            ..Asked::default()
        })
    }

    /// The client's own words, handed back with the verdict.
    ///
    /// # Errors
    /// 400 when it is no object, or a large one.
    pub(crate) fn metadata(&self) -> Result<Option<Map<String, Value>>, V1Failure> {
        const NAME: &str = "metadata";
        let text = match self.field(NAME) {
            None => return Ok(None),
            Some(Field::Text(text)) => text.as_str(),
            Some(Field::Json(raw)) => raw.get(),
        };
        if text.len() > MOST_METADATA {
            return Err(self.wrong(NAME, "It may have at most 4 KB as JSON."));
        }
        self.parsed(NAME, text, "It must be a JSON object.").map(Some)
    }

    /// A failure of one of these fields.
    pub(crate) fn wrong(&self, name: &str, message: &str) -> V1Failure {
        V1Failure::invalid(&self.name(name), message)
    }

    /// A field's name as it is told.
    pub(crate) fn name(&self, name: &str) -> String {
        format!("{}{name}", self.at)
    }

    fn flag(&self, name: &str) -> Result<bool, V1Failure> {
        const SAY: &str = "It must be true or false.";
        match self.field(name) {
            None => Ok(false),
            Some(Field::Json(raw)) => self.parsed(name, raw.get(), SAY),
            Some(Field::Text(text)) => match text.trim().to_ascii_lowercase().as_str() {
                "true" | "1" => Ok(true),
                "false" | "0" | "" => Ok(false),
                _ => Err(self.wrong(name, SAY)),
            },
        }
    }

    fn number(&self, name: &str) -> Result<Option<f64>, V1Failure> {
        const SAY: &str = "It must be a number.";
        match self.field(name) {
            None => Ok(None),
            Some(Field::Json(raw)) => self.parsed(name, raw.get(), SAY).map(Some),
            Some(Field::Text(text)) => text.trim().parse().map(Some).map_err(|_| self.wrong(name, SAY)),
        }
    }

    fn field(&self, name: &str) -> Option<&Field<'a>> {
        self.fields.get(name).filter(|field| !matches!(field, Field::Json(raw) if raw.get() == "null"))
    }

    fn parsed<T: DeserializeOwned>(&self, name: &str, json: &str, message: &str) -> Result<T, V1Failure> {
        serde_json::from_str(json).map_err(|_| self.wrong(name, message))
    }
}

/// The known fields of an object.
struct Whole<'a>(HashMap<&'static str, Field<'a>>);

impl<'de: 'a, 'a> Deserialize<'de> for Whole<'a> {
    fn deserialize<D: Deserializer<'de>>(json: D) -> Result<Self, D::Error> {
        json.deserialize_map(Fields).map(Whole)
    }
}

struct Fields;

impl<'de> Visitor<'de> for Fields {
    type Value = HashMap<&'static str, Field<'de>>;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut fields = HashMap::new();
        while let Some(Name(name)) = map.next_key()? {
            match name {
                Some(name) => drop(fields.insert(name, Field::Json(map.next_value()?))),
                None => drop(map.next_value::<IgnoredAny>()?),
            }
        }
        Ok(fields)
    }
}

/// A field's name, if it is known.
struct Name(Option<&'static str>);

impl<'de> Deserialize<'de> for Name {
    fn deserialize<D: Deserializer<'de>>(json: D) -> Result<Self, D::Error> {
        json.deserialize_str(Named)
    }
}

struct Named;

impl Visitor<'_> for Named {
    type Value = Name;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a name")
    }

    fn visit_str<E: Error>(self, name: &str) -> Result<Name, E> {
        Ok(Name(known(name)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wrong(body: &str) -> String {
        let given = Given::json(body.as_bytes()).expect("an object");
        given.asked().expect_err("refused").to_string()
    }

    // V1
    #[test]
    fn what_is_left_out_is_as_the_contract_says() {
        let asked = Given::json(br#"{"image_url":"u","unheard_of":{},"metadata":null}"#).expect("an object").asked().expect("read");
        assert_eq!(asked, Asked { threshold: 0.5, ..Asked::default() });
    }

    // V1
    #[test]
    fn what_nobody_asked_for_is_not_kept() {
        let many = format!(r#"{{{}"image_url":"u"}}"#, r#""aaaa":1,"\u00e9":{"image_url":1},"#.repeat(100_000));
        let given = Given::json(many.as_bytes()).expect("an object");
        assert_eq!(given.fields.len(), 1);
        assert_eq!(given.text("image_url").expect("a text").as_deref(), Some("u"));
    }

    // V1
    #[test]
    fn the_first_wrong_field_is_named() {
        for (body, name) in [
            (r#"{"include_heatmap":"yes"}"#, "include_heatmap"),
            (r#"{"include_attribution":1}"#, "include_attribution"),
            (r#"{"model_threshold":"0.5"}"#, "model_threshold"),
            (r#"{"model_threshold":1.01}"#, "model_threshold"),
            (r#"{"model_threshold":-1}"#, "model_threshold"),
            (r#"{"model_threshold":1e999}"#, "model_threshold"),
            (r#"{"metadata":[1]}"#, "metadata"),
            (r#"{"metadata":"{}"}"#, "metadata"),
        ] {
            assert!(wrong(body).starts_with(&format!("body.{name}")), "{body}: {}", wrong(body));
        }
        let deep = format!(r#"{{"metadata":{{"a":{}1{}}}}}"#, "[".repeat(1000), "]".repeat(1000));
        assert!(wrong(&deep).starts_with("body.metadata"));
        let long = format!(r#"{{"metadata":{{"a":"{}"}}}}"#, "x".repeat(MOST_METADATA));
        assert!(wrong(&long).contains("4 KB"));
        for body in ["", "[]", "1", "{", "\"a\"", "{\"a\":nan}"] {
            assert!(Given::json(body.as_bytes()).is_err(), "{body}");
        }
    }

    // V1
    #[test]
    fn a_form_says_the_same_in_texts() {
        let text = |name: &'static str, text: &str| (name, text.to_owned());
        let form = Given::form(HashMap::from([
            text("include_heatmap", "true"),
            text("include_attribution", "0"),
            text("model_threshold", " 0.75 "),
            text("metadata", r#"{"b":1,"a":{"c":null}}"#),
        ]));
        let asked = form.asked().expect("read");
        assert_eq!((asked.heatmap, asked.attribution, asked.threshold), (true, false, 0.75));
        assert_eq!(serde_json::to_string(&asked.metadata).expect("JSON"), r#"{"b":1,"a":{"c":null}}"#, "in its own order");
        for (name, value) in [("model_threshold", "NaN"), ("model_threshold", ""), ("include_heatmap", "maybe"), ("metadata", "x")] {
            let form = Given::form(HashMap::from([text(name, value)]));
            assert!(form.asked().expect_err("refused").to_string().starts_with(&format!("body.{name}")), "{name}={value}");
        }
    }
}
