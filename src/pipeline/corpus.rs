//! For tests: the corpora that lie beside the project (`TOUCHSTONE_CORPUS`, or `shared` beside the workspace). Nothing of them is kept here.

use std::{
    collections::HashMap,
    fs,
    io::Write,
    path::{Path, PathBuf},
};

/// Where the corpora lie.
pub(crate) fn root() -> PathBuf {
    std::env::var_os("TOUCHSTONE_CORPUS").map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared"), PathBuf::from)
}

/// A table's rows by column name; `None`, said aloud, when it is not there.
pub(crate) fn table(name: &str) -> Option<Vec<HashMap<String, String>>> {
    let Ok(text) = fs::read_to_string(root().join(name)) else {
        say(&format!("skipped: every case of {name} (no corpus here; TOUCHSTONE_CORPUS names another place)"));
        return None;
    };
    let mut lines = text.lines().map(fields);
    let header = lines.next()?;
    Some(lines.map(|row| header.iter().cloned().zip(row).collect()).collect())
}

/// Says something to whoever runs the tests with `--nocapture`.
pub(crate) fn say(line: &str) {
    writeln!(std::io::stdout(), "{line}").expect("a test can write to its output");
}

/// One line of comma-separated values, quotes doubled inside quotes.
fn fields(line: &str) -> Vec<String> {
    let (mut fields, mut field, mut quoted) = (Vec::new(), String::new(), false);
    let mut letters = line.chars().peekable();
    while let Some(letter) = letters.next() {
        match letter {
            '"' if quoted && letters.peek() == Some(&'"') => field.extend(letters.next()),
            '"' => quoted = !quoted,
            ',' if !quoted => fields.push(std::mem::take(&mut field)),
            letter => field.push(letter),
        }
    }
    fields.push(field);
    fields
}
