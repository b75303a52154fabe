//! What a manifest and the manifests of its ingredients say about how the picture was made.

use std::collections::HashSet;

use c2pa::{Manifest, Reader, Relationship};
use serde_json::Value;

use crate::stages::metadata::{Claim, claim_of, known_generator};

/// Most manifests of one file that are read.
const MOST: usize = 64;

/// Actions that change what a picture shows.
const EDITS: [&str; 6] = ["c2pa.edited", "c2pa.drawing", "c2pa.placed", "c2pa.filtered", "c2pa.color_adjustments", "c2pa.removed"];

/// How the picture was made, and with what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Made {
    pub(super) claim: Claim,
    /// The program, as the manifest names it, stripped to a short plain name.
    pub(super) source: Option<String>,
}

/// The strongest claim of the active manifest and of what it was made from.
pub(super) fn strongest(reader: &Reader) -> Option<Made> {
    let mut seen = HashSet::new();
    let mut waiting: Vec<(&Manifest, bool)> = reader.active_manifest().map(|manifest| (manifest, false)).into_iter().collect();
    let mut all = Vec::new();
    while let Some((manifest, is_part)) = waiting.pop() {
        if seen.len() >= MOST || !seen.insert(manifest.label().unwrap_or_default().to_owned()) {
            continue;
        }
        all.extend(made(manifest).map(|made| if is_part { part(made) } else { made }));
        waiting.extend(manifest.ingredients().iter().filter_map(|ingredient| {
            let below = reader.get_manifest(ingredient.active_manifest()?)?;
            Some((below, is_part || *ingredient.relationship() != Relationship::ParentOf))
        }));
    }
    let rank = |claim| match claim {
        Claim::Generated => 0,
        Claim::PartlyGenerated => 1,
        Claim::PartlySynthetic => 2,
        Claim::Edited => 3,
    };
    all.into_iter().min_by_key(|made| rank(made.claim))
}

/// What a whole ingredient was is only a part of what it was put into; and an edit of an ingredient is no edit of the picture's own.
fn part(made: Made) -> Made {
    let claim = if made.claim == Claim::Generated { Claim::PartlyGenerated } else { made.claim };
    Made { claim, ..made }
}

/// Every claim of one manifest.
fn made(manifest: &Manifest) -> impl Iterator<Item = Made> {
    let actions = manifest.assertions().iter().filter(|assertion| assertion.label().starts_with("c2pa.actions"));
    let actions = actions.filter_map(|assertion| assertion.value().ok()?.get("actions")?.as_array()).flatten();
    actions.filter_map(|action| of_action(action, manifest))
}

fn of_action(action: &Value, manifest: &Manifest) -> Option<Made> {
    let name = action.get("action").and_then(Value::as_str)?;
    let agent = action.get("softwareAgent").and_then(|agent| agent.as_str().or_else(|| agent.get("name")?.as_str()));
    let source_type = action.get("digitalSourceType").and_then(Value::as_str).and_then(claim_of);
    let begins = matches!(name, "c2pa.created" | "c2pa.converted" | "c2pa.opened" | "c2pa.published");
    let claim = match source_type {
        // A generated filling is part of the picture that it went into.
        Some(Claim::Generated) if !begins => Claim::PartlyGenerated,
        Some(claim) => claim,
        // Early services named themselves and gave no source type.
        None if name == "c2pa.created" && agent.is_some_and(|agent| known_generator(agent).is_some()) => Claim::Generated,
        None if EDITS.contains(&name) => Claim::Edited,
        None => return None,
    };
    let source = agent.or_else(|| manifest.claim_generator_info.as_ref()?.first().map(|info| info.name.as_str()));
    Some(Made { claim, source: source.or_else(|| manifest.claim_generator()).and_then(plain) })
}

/// A name as people may be shown it: the letters, digits and plain marks of its beginning.
fn plain(name: &str) -> Option<String> {
    const LONGEST: usize = 48;
    let kept = name.chars().map(|letter| if letter == '_' { ' ' } else { letter });
    let kept: String = kept.filter(|letter| letter.is_alphanumeric() || " .-·/()".contains(*letter)).take(LONGEST).collect();
    let kept = kept.trim();
    (!kept.is_empty()).then(|| kept.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_short_and_plain() {
        assert_eq!(plain("Adobe_Firefly").as_deref(), Some("Adobe Firefly"));
        assert_eq!(plain("<b>DALL·E</b>\n\u{202E}").as_deref(), Some("bDALL·E/b"));
        assert_eq!(plain(&"x".repeat(500)).map(|name| name.len()), Some(48));
        assert_eq!(plain("\u{7}"), None);
    }
}
