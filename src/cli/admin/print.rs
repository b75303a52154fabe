//! How an answer looks: one JSON object for scripts, or with `--table` the same for people.

use serde_json::{Map, Value};

/// The answer as text.
pub(super) fn text(answer: &Value, table: bool) -> String {
    if table { for_people(answer) } else { answer.to_string() }
}

/// A line for each field, and the one list in it as a table.
fn for_people(answer: &Value) -> String {
    let Some(fields) = answer.as_object() else { return cell(answer) };
    let (lists, plain): (Vec<_>, Vec<_>) = fields.iter().partition(|(_, value)| rows(value).is_some());
    let lines = plain.into_iter().map(|(name, value)| vec![name.clone(), cell(value)]).collect();
    let tables = lists.into_iter().filter_map(|(name, value)| Some(list(name, &rows(value)?)));
    let parts: Vec<String> = std::iter::once(aligned(lines)).chain(tables).filter(|part| !part.is_empty()).collect();
    parts.join("\n\n")
}

/// The objects of a list of objects; also of an empty list.
fn rows(value: &Value) -> Option<Vec<&Map<String, Value>>> {
    value.as_array()?.iter().map(Value::as_object).collect()
}

fn list(name: &str, rows: &[&Map<String, Value>]) -> String {
    let Some(first) = rows.first() else { return format!("no {name}") };
    let names: Vec<&String> = first.keys().collect();
    let head = names.iter().map(|name| name.to_uppercase()).collect();
    let cells = rows.iter().map(|row| names.iter().map(|name| row.get(*name).map(cell).unwrap_or_default()).collect());
    aligned(std::iter::once(head).chain(cells).collect())
}

fn cell(value: &Value) -> String {
    match value {
        Value::Null => "–".into(),
        Value::String(text) => text.clone(),
        Value::Array(entries) => entries.iter().map(cell).collect::<Vec<_>>().join(","),
        other => other.to_string(),
    }
}

/// Columns of equal width, two spaces apart, and nothing behind the last.
fn aligned(rows: Vec<Vec<String>>) -> String {
    let width = |column: usize| rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max().unwrap_or(0);
    let line = |row: &Vec<String>| {
        let cells = row.iter().enumerate().map(|(column, cell)| format!("{cell:<0$}", width(column)));
        cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    rows.iter().map(line).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn scripts_get_json() {
        assert_eq!(text(&json!({ "revoked": true }), false), r#"{"revoked":true}"#);
    }

    #[test]
    fn people_get_a_line_for_each_field() {
        assert_eq!(
            text(&json!({ "key_id": "k", "scopes": ["a", "b"], "test": false, "z": null }), true),
            "key_id  k\nscopes  a,b\ntest    false\nz       –"
        );
    }

    #[test]
    fn people_get_a_table_of_a_list() {
        let answer =
            json!({ "organization_id": "o", "members": [{ "email": "ann@example.org", "role": "owner" }, { "email": "é", "role": "x" }] });
        assert_eq!(text(&answer, true), "organization_id  o\n\nEMAIL            ROLE\nann@example.org  owner\né                x");
        assert_eq!(text(&json!({ "keys": [] }), true), "no keys");
    }
}
