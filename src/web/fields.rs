//! Reading a request's fields with FastAPI's manners: every wrong field is named, not only the first; unknown ones are
//! ignored; null is the same as absent.
//!
//! A secret is never echoed: what was sent under `key` stays out of every answer.

use std::collections::HashMap;

use actix_web::web::Query;
use secrecy::SecretString;
use serde_json::{Map, Value};
use touchstone_core::day::Day;
use uuid::Uuid;

use crate::errors::{Failure, Problem};

/// Longest value, as JSON, that is echoed to its sender.
const LONGEST_ECHO: usize = 200;

/// What is said of a text that is no day.
const NOT_A_DAY: &str = "Input should be a valid date in the format YYYY-MM-DD";

/// The fields of a JSON body, and what was found wrong with them so far.
pub(crate) struct Fields {
    object: Map<String, Value>,
    problems: Vec<Problem>,
}

impl Fields {
    /// Reads a body. An empty one, or null, is an object without fields: the key may be all there is to say, and come in a header.
    ///
    /// # Errors
    /// 422 when it is no JSON, or JSON but no object.
    pub(crate) fn parse(bytes: &[u8]) -> Result<Self, Failure> {
        if bytes.iter().all(u8::is_ascii_whitespace) {
            return Ok(Self::of(Map::new()));
        }
        match serde_json::from_slice(bytes) {
            Ok(Value::Object(object)) => Ok(Self::of(object)),
            Ok(Value::Null) => Ok(Self::of(Map::new())),
            Ok(_) => Err(Failure::problem("model_attributes_type", &["body"], "Input should be a valid dictionary or object", Value::Null)),
            Err(error) => {
                let msg = format!("JSON decode error: {error}");
                Err(Failure::problem("json_invalid", &["body", &error.column().to_string()], &msg, Value::Null))
            }
        }
    }

    const fn of(object: Map<String, Value>) -> Self {
        Self { object, problems: Vec::new() }
    }

    /// The secret under `key`.
    pub(crate) fn secret(&mut self) -> Option<SecretString> {
        self.text("key").map(SecretString::from)
    }

    /// A string, if it is there.
    pub(crate) fn text(&mut self, name: &str) -> Option<String> {
        match self.take(name)? {
            // PostgreSQL cannot store it, and no honest client sends it.
            Value::String(text) if text.contains('\0') => self.wrong("string_unicode", name, "Input should not hold a NUL", &Value::Null),
            Value::String(text) => Some(text),
            other => self.wrong("string_type", name, "Input should be a valid string", &other),
        }
    }

    /// A string that must be there. Empty when it is not: [`Fields::done`] refuses then.
    pub(crate) fn required_text(&mut self, name: &str) -> String {
        self.require(name);
        self.text(name).unwrap_or_default()
    }

    /// A list of strings, if it is there.
    pub(crate) fn texts(&mut self, name: &str) -> Option<Vec<String>> {
        match self.take(name)? {
            Value::Array(list) if list.iter().all(Value::is_string) => {
                Some(list.into_iter().filter_map(|text| text.as_str().map(str::to_owned)).collect())
            }
            other => self.wrong("list_type", name, "Input should be a valid list of strings", &other),
        }
    }

    /// A list of strings that must be there. Empty when it is not: [`Fields::done`] refuses then.
    pub(crate) fn required_texts(&mut self, name: &str) -> Vec<String> {
        self.require(name);
        self.texts(name).unwrap_or_default()
    }

    /// A boolean, if it is there.
    pub(crate) fn flag(&mut self, name: &str) -> Option<bool> {
        match self.take(name)? {
            Value::Bool(flag) => Some(flag),
            other => self.wrong("bool_type", name, "Input should be a valid boolean", &other),
        }
    }

    /// A whole number, if it is there. One that is too large for us is the largest.
    pub(crate) fn integer(&mut self, name: &str) -> Option<i64> {
        match self.take(name)? {
            Value::Number(number) if number.as_i64().is_some() => number.as_i64(),
            Value::Number(number) if number.as_f64().is_some_and(|number| number.fract() == 0.0) => {
                number.as_f64().map(|number| number as i64)
            }
            other => self.wrong("int_type", name, "Input should be a valid integer", &other),
        }
    }

    /// A UUID, if it is there.
    pub(crate) fn uuid(&mut self, name: &str) -> Option<Uuid> {
        let text = self.text(name)?;
        match Uuid::parse_str(&text) {
            Ok(uuid) => Some(uuid),
            Err(error) => self.wrong("uuid_parsing", name, &format!("Input should be a valid UUID, {error}"), &Value::String(text)),
        }
    }

    /// A UUID that must be there. Nil when it is not: [`Fields::done`] refuses then.
    pub(crate) fn required_uuid(&mut self, name: &str) -> Uuid {
        self.require(name);
        self.uuid(name).unwrap_or_default()
    }

    /// A day that must be there. Day 0 when it is not: [`Fields::done`] refuses then.
    pub(crate) fn required_day(&mut self, name: &str) -> Day {
        self.require(name);
        let text = self.text(name);
        text.and_then(|text| text.parse().ok().or_else(|| self.wrong("date_from_datetime_parsing", name, NOT_A_DAY, &Value::String(text))))
            .unwrap_or(Day(0))
    }

    /// Adds a problem that only the whole request shows.
    pub(crate) fn object_to(&mut self, name: &str, msg: &str) {
        self.problems.push(Problem::new("value_error", &["body", name], msg, Value::Null));
    }

    /// Ends the reading.
    ///
    /// # Errors
    /// 422 when anything was wrong.
    pub(crate) fn done(self) -> Result<(), Failure> {
        if self.problems.is_empty() { Ok(()) } else { Err(Failure::Invalid(self.problems)) }
    }

    fn require(&mut self, name: &str) {
        if self.object.get(name).is_none_or(Value::is_null) {
            self.problems.push(Problem::new("missing", &["body", name], "Field required", Value::Null));
        }
    }

    fn take(&mut self, name: &str) -> Option<Value> {
        self.object.remove(name).filter(|value| !value.is_null())
    }

    fn wrong<T>(&mut self, r#type: &'static str, name: &str, msg: &str, input: &Value) -> Option<T> {
        let input = if name == "key" { Value::Null } else { echo(input) };
        self.problems.push(Problem::new(r#type, &["body", name], msg, input));
        None
    }
}

/// What was sent, unless it is too long to send back.
fn echo(input: &Value) -> Value {
    let text = input.to_string();
    if text.len() > LONGEST_ECHO { Value::Null } else { input.clone() }
}

/// The parameters of a URL's query; of several with one name, the last counts.
pub(crate) struct Params(HashMap<String, String>);

impl Params {
    /// Reads a query string. What cannot be read is as if it were absent.
    pub(crate) fn of(query: &str) -> Self {
        Self(Query::<Vec<(String, String)>>::from_query(query).map(|pairs| pairs.into_inner().into_iter().collect()).unwrap_or_default())
    }

    /// A parameter that must be there.
    ///
    /// # Errors
    /// 422 when it is not.
    pub(crate) fn required(&self, name: &str) -> Result<&str, Failure> {
        self.get(name).ok_or_else(|| Failure::problem("missing", &["query", name], "Field required", Value::Null))
    }

    /// A parameter, if it is there.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    /// A day, if it is there.
    ///
    /// # Errors
    /// 422 when it is something else.
    pub(crate) fn day(&self, name: &str) -> Result<Option<Day>, Failure> {
        let Some(text) = self.get(name) else { return Ok(None) };
        text.parse()
            .map(Some)
            .map_err(|_| Failure::problem("date_from_datetime_parsing", &["query", name], NOT_A_DAY, echo(&Value::String(text.to_owned()))))
    }

    /// A whole number, if it is there.
    ///
    /// # Errors
    /// 422 when it is something else.
    pub(crate) fn integer(&self, name: &str) -> Result<Option<i64>, Failure> {
        let Some(text) = self.get(name) else { return Ok(None) };
        text.trim().parse().map(Some).map_err(|_| {
            let msg = "Input should be a valid integer, unable to parse string as an integer";
            Failure::problem("int_parsing", &["query", name], msg, echo(&Value::String(text.to_owned())))
        })
    }
}

/// The UUID in a path.
///
/// # Errors
/// 422 when it is none.
pub(crate) fn path_uuid(name: &str, text: &str) -> Result<Uuid, Failure> {
    Uuid::parse_str(text).map_err(|error| {
        let msg = format!("Input should be a valid UUID, {error}");
        Failure::problem("uuid_parsing", &["path", name], &msg, echo(&Value::String(text.to_owned())))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problems(failure: Failure) -> Vec<(String, &'static str)> {
        match failure {
            Failure::Invalid(problems) => problems.into_iter().map(|problem| (problem.loc.join("."), problem.r#type)).collect(),
            other => panic!("{other}"),
        }
    }

    #[test]
    fn every_wrong_field_is_named() {
        let mut fields =
            Fields::parse(br#"{"key":["secret"],"generate_preview":"yes","id":"7","email":null,"more":1}"#).expect("an object");
        assert!(fields.secret().is_none());
        assert_eq!(fields.required_text("url"), "");
        assert_eq!(fields.flag("generate_preview"), None);
        assert_eq!(fields.uuid("id"), None);
        assert_eq!(fields.text("email"), None);
        assert!(!format!("{:?}", fields.problems).contains("secret"), "a key is never echoed");
        let expected =
            [("body.key", "string_type"), ("body.url", "missing"), ("body.generate_preview", "bool_type"), ("body.id", "uuid_parsing")];
        let expected: Vec<_> = expected.iter().map(|(loc, kind)| ((*loc).to_owned(), *kind)).collect();
        assert_eq!(problems(fields.done().expect_err("refused")), expected);
    }

    #[test]
    fn a_body_must_be_an_object() {
        for (body, kind) in [("[]", "model_attributes_type"), ("{", "json_invalid"), ("\u{fffd}", "json_invalid")] {
            assert_eq!(problems(Fields::parse(body.as_bytes()).err().expect("refused"))[0].1, kind, "{body:?}");
        }
        let deep = "[".repeat(100_000);
        assert!(Fields::parse(deep.as_bytes()).is_err());
    }

    #[test]
    fn an_empty_body_is_an_object_that_lacks_what_is_required() {
        for body in ["", " \n", "null", "{}"] {
            let mut fields = Fields::parse(body.as_bytes()).expect("an object");
            assert!(fields.secret().is_none());
            fields.required_uuid("id");
            assert_eq!(problems(fields.done().expect_err("refused")), [("body.id".to_owned(), "missing")], "{body:?}");
        }
    }

    #[test]
    fn a_nul_is_refused_before_a_database_sees_it() {
        let mut fields = Fields::parse(br#"{"email":"a\u0000b"}"#).expect("an object");
        fields.text("email");
        assert_eq!(problems(fields.done().expect_err("refused")), [("body.email".to_owned(), "string_unicode")]);
    }

    #[test]
    fn a_required_null_is_missing() {
        let mut fields = Fields::parse(br#"{"id":null}"#).expect("an object");
        fields.required_uuid("id");
        assert_eq!(problems(fields.done().expect_err("refused")), [("body.id".to_owned(), "missing")]);
    }

    #[test]
    fn whole_numbers_are_read_however_they_are_written() {
        let mut fields = Fields::parse(br#"{"a":7,"b":7.0,"c":1e300,"d":-1,"e":1.5,"f":"7"}"#).expect("an object");
        assert_eq!(["a", "b", "c", "d"].map(|name| fields.integer(name)), [Some(7), Some(7), Some(i64::MAX), Some(-1)]);
        assert_eq!(["e", "f"].map(|name| fields.integer(name)), [None, None]);
        let expected = [("body.e".to_owned(), "int_type"), ("body.f".to_owned(), "int_type")];
        assert_eq!(problems(fields.done().expect_err("refused")), expected);
    }

    #[test]
    fn query_parameters_are_decoded_and_checked() {
        let params = Params::of("file_name=my%20photo.jpg&expiration=60&_t=1");
        assert_eq!(params.required("file_name").expect("there"), "my photo.jpg");
        assert_eq!(params.integer("expiration").expect("a number"), Some(60));
        assert_eq!(params.integer("absent").expect("absent"), None);
        assert_eq!(problems(Params::of("expiration=soon").integer("expiration").expect_err("refused"))[0].1, "int_parsing");
        assert_eq!(problems(Params::of("").required("file_name").expect_err("refused"))[0].0, "query.file_name");
    }
}
