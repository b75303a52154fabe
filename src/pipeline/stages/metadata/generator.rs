//! Generators' own records: the settings they write down, the keys that only they use, and their names in the field for a program's name.

use touchstone_core::finding::{Edit, Signal, Stage};

use super::fields::{Field, Place};

/// What a rule saw: the machine's name for it, what was found where, whose it is, and whether it speaks of a part only.
struct Seen {
    code: &'static str,
    what: &'static str,
    generator: &'static str,
    part_only: bool,
}

impl Seen {
    const fn whole(code: &'static str, what: &'static str, generator: &'static str) -> Self {
        Self { code, what, generator, part_only: false }
    }
}

/// Signals of every generator's record among the fields.
pub(super) fn signals(fields: &[Field]) -> Vec<Signal> {
    let rules = [settings, keyword, signature, credit, program];
    let of_one = fields.iter().flat_map(|field| rules.into_iter().filter_map(move |rule| Some((field.place, rule(field)?))));
    of_one.chain(grok(fields)).map(|(place, seen)| signal(place, &seen)).collect()
}

fn signal(place: Place, seen: &Seen) -> Signal {
    let summary = format!("The file's {} holds {} of {}.", place.name(), seen.what, seen.generator);
    let mut signal = Signal::new(Stage::Metadata, seen.code, summary);
    signal.decisive = true;
    signal.unsigned_claim = true;
    signal.score = Some(if seen.part_only { 90.0 } else { 98.0 });
    signal.edit = seen.part_only.then_some(Edit::Ai);
    signal.source = Some(seen.generator.to_owned());
    signal
}

/// Settings of a generation, known by their grammar wherever a generator may put them.
fn settings(field: &Field) -> Option<Seen> {
    let code = if field.place == Place::PngText { "png_parameters" } else { "generation_parameters" };
    let json = field.value.trim_start().starts_with('{');
    let has = |key: &str| field.value.contains(&format!("\"{key}\""));
    let workflow = ["prompt:", "workflow:"].iter().any(|prefix| starts_with(field.value.trim_start(), prefix));
    let generator = if is_webui_grammar(&field.value) {
        "Stable Diffusion web UI"
    } else if json && has("sui_image_params") {
        "SwarmUI"
    } else if (json || workflow) && (has("class_type") && has("inputs") || has("last_node_id") && has("nodes") && has("links")) {
        "ComfyUI"
    } else if json && has("use_stable_diffusion_model") {
        "Easy Diffusion"
    } else if json && has("base_model") && has("performance") && has("metadata_scheme") {
        "Fooocus"
    } else if json && has("prompt") && has("steps") && has("sampler") && has("scale") && has("uc") {
        "NovelAI"
    } else {
        return None;
    };
    Some(Seen::whole(code, "generation settings", generator))
}

/// The line that AUTOMATIC1111's web UI and its many descendants write: `Steps: 20, Sampler: Euler a, CFG scale: 7, Seed: 1, …`.
fn is_webui_grammar(text: &str) -> bool {
    let Some(at) = text.find("Steps: ") else { return false };
    let line = text[at..].lines().next().unwrap_or_default();
    let number = |key: &str| line.split_once(key).is_some_and(|(_, after)| after.starts_with(|first: char| first.is_ascii_digit()));
    number("Steps: ") && line.contains(", Sampler: ") && (number("CFG scale: ") || number("Seed: "))
}

/// PNG keywords that only one program writes.
fn keyword(field: &Field) -> Option<Seen> {
    if field.place != Place::PngText && !field.is(Place::Xmp, "AIGC") {
        return None;
    }
    let generator = match field.name.as_str() {
        "invokeai_metadata" | "invokeai_graph" | "invokeai_workflow" | "sd-metadata" => "InvokeAI",
        "fooocus_scheme" => "Fooocus",
        "use_stable_diffusion_model" => "Easy Diffusion",
        "Dream" if field.value.contains(" -s") && field.value.contains(" -C") => "InvokeAI",
        "AIGC" => return aigc(&field.value),
        _ => return None,
    };
    Some(Seen::whole("png_keyword", "a generation record", generator))
}

/// China's mandatory label (GB 45438): 1 is generated for certain; 2 and 3 are guesses of whoever passed the file on.
fn aigc(value: &str) -> Option<Seen> {
    let label: serde_json::Value = serde_json::from_str(value).ok()?;
    let label = label.get("Label")?;
    (label == "1" || label == 1).then(|| Seen::whole("aigc_label", "the label 'generated'", "an AI service (AIGC label)"))
}

/// Comments that one service signs all its pictures with.
fn signature(field: &Field) -> Option<Seen> {
    let value = field.value.trim_matches(['\0', ' ']);
    if field.place == Place::Exif
        && (field.name == "UserComment" && value.starts_with("Made with OpenAI")
            || field.name == "MakerNote" && value.starts_with("OpenAI--"))
    {
        return Some(Seen::whole("generator_signature", "the signature", "OpenAI DALL-E"));
    }
    let describes = matches!(field.name.as_str(), "Description" | "ImageDescription" | "description");
    let job = value.split_once("Job ID: ").map(|(_, job)| job);
    (describes && job.is_some_and(|job| job.get(..36).is_some_and(is_uuid)))
        .then(|| Seen::whole("generator_signature", "the job number", "Midjourney"))
}

/// Grok signs with two fields at once: a signature as description and a random identity as artist.
fn grok(fields: &[Field]) -> Option<(Place, Seen)> {
    let of = |name: &str| fields.iter().find(|field| field.is(Place::Exif, name)).map(|field| field.value.trim_matches(['\0', ' ']));
    let is_base64 = |text: &str| text.len() >= 40 && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+/=-_".contains(&byte));
    let mut described = [of("ImageDescription"), of("UserComment")].into_iter().flatten();
    let signed = described.any(|text| text.strip_prefix("Signature: ").is_some_and(|signature| is_base64(signature.trim())));
    (signed && of("Artist").is_some_and(is_uuid)).then(|| (Place::Exif, Seen::whole("generator_signature", "the signature", "Grok")))
}

/// Whom the picture is credited to, where the credit is a program's and not a person's.
fn credit(field: &Field) -> Option<Seen> {
    if field.name != "Credit" {
        return None;
    }
    let (generator, part_only) = match field.value.trim() {
        "Made with Google AI" => ("Google AI", false),
        "Edited with Google AI" => ("Google AI", true),
        "Apple Image Playground" => ("Apple Image Playground", false),
        "Apple Photos Clean Up" => ("Apple Photos Clean Up", true),
        _ => return None,
    };
    Some(Seen { code: "credit", what: "the credit line", generator, part_only })
}

/// Programs that do nothing but generate, as they name themselves in the field for the program's name.
const GENERATORS: [&str; 23] = [
    "NovelAI",
    "Midjourney",
    "DALL-E",
    "DALL·E",
    "Adobe Firefly",
    "Stable Diffusion",
    "AUTOMATIC1111",
    "ComfyUI",
    "InvokeAI",
    "Fooocus",
    "SwarmUI",
    "Easy Diffusion",
    "Draw Things",
    "DreamStudio",
    "Leonardo.Ai",
    "Ideogram AI",
    "Bing Image Creator",
    "Apple Image Playground",
    "OpenAI-API",
    "ChatGPT",
    "GPT-4o",
    "Image Creator from Designer",
    "Imagen by Google",
];

/// The generator whose name this program's name is, versions aside.
pub(crate) fn known(program: &str) -> Option<&'static str> {
    GENERATORS.into_iter().find(|name| begins_with_name(program, name))
}

fn program(field: &Field) -> Option<Seen> {
    let names_program = matches!(field.name.as_str(), "Software" | "CreatorTool" | "ProcessingSoftware" | "OriginatingProgram");
    let generator = known(&field.value).filter(|_| names_program)?;
    Some(Seen::whole("generator_name", "the program's name", generator))
}

/// Whether a program's name comes first and ends there or at a version.
pub(super) fn begins_with_name(value: &str, name: &str) -> bool {
    let value = value.trim();
    starts_with(value, name) && !value[name.len()..].starts_with(char::is_alphanumeric)
}

fn starts_with(text: &str, prefix: &str) -> bool {
    text.get(..prefix.len()).is_some_and(|start| start.eq_ignore_ascii_case(prefix))
}

/// Five groups of hexadecimal digits.
fn is_uuid(text: &str) -> bool {
    // No more groups than tell that there are too many.
    let groups: Vec<&str> = text.split('-').take(6).collect();
    groups.iter().map(|group| group.len()).eq([8, 4, 4, 4, 12])
        && groups.iter().all(|group| group.bytes().all(|byte| byte.is_ascii_hexdigit()))
}
