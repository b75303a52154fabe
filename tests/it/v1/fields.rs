//! V14: no field ever leaves an answer of /v1. The list is [`FIELDS`]: adding a name is how the API grows, taking one away fails.

use std::{collections::BTreeSet, time::Duration};

use serde_json::{Value, json};

use super::with_image;
use crate::support::{TestApp, authority::Authority, eventually, pictures};

/// Each answer's names, paths of objects joined by a dot, those of a list's entries by `[]`.
const FIELDS: &[(&str, &str)] = &[
    (
        "POST /v1/detect",
        "c2pa_manifest_present cached confidence forensics heatmap_url id label latency_ms metadata model model.name model.version \
         model_attribution regions request_id signals signals[].code signals[].decisive signals[].score signals[].stage signals[].summary \
         signals[].unsigned_claim signals[].weight test unsure verdict verdict_confidence warnings warnings[].label warnings[].type",
    ),
    (
        "GET /v1/detections/{id}",
        "c2pa_manifest_present cached confidence forensics heatmap_url id label latency_ms metadata model model.name model.version \
         model_attribution regions request_id signals signals[].code signals[].decisive signals[].score signals[].stage signals[].summary \
         signals[].unsigned_claim signals[].weight test unsure verdict verdict_confidence warnings warnings[].label warnings[].type",
    ),
    (
        "POST /v1/detect/batch",
        "job_id latency_ms request_id results results[].c2pa_manifest_present results[].cached results[].confidence results[].error \
         results[].error.code results[].error.message results[].error.param results[].error.request_id results[].forensics \
         results[].heatmap_url results[].id results[].index results[].label results[].metadata results[].model results[].model.name \
         results[].model.version results[].model_attribution results[].regions results[].signals results[].signals[].code \
         results[].signals[].decisive results[].signals[].score results[].signals[].stage results[].signals[].summary \
         results[].signals[].unsigned_claim results[].signals[].weight results[].test results[].unsure results[].verdict \
         results[].verdict_confidence results[].warnings results[].warnings[].label results[].warnings[].type",
    ),
    ("POST /v1/detect/async", "job_id request_id status total"),
    (
        "GET /v1/jobs/{id}",
        "completed created_at failed finished_at id request_id results results[].c2pa_manifest_present results[].cached \
         results[].confidence results[].error results[].error.code results[].error.message results[].error.param \
         results[].error.request_id results[].forensics results[].heatmap_url results[].id results[].index results[].label \
         results[].metadata results[].model results[].model.name results[].model.version results[].model_attribution results[].regions \
         results[].signals results[].signals[].code results[].signals[].decisive results[].signals[].score results[].signals[].stage \
         results[].signals[].summary results[].signals[].unsigned_claim results[].signals[].weight results[].test results[].unsure \
         results[].verdict results[].verdict_confidence results[].warnings results[].warnings[].label results[].warnings[].type status total",
    ),
    ("GET /v1/usage", "period period.end period.start plan quota remaining request_id test test.quota test.used used"),
    ("GET /v1/health", "model model.name model.sha256 model.version model_card request_id status trust_list uptime_seconds version"),
    ("GET /v1/detections/{id}/receipt", "payload protected request_id signature"),
    ("GET /v1/receipts/keys", "keys keys[].alg keys[].crv keys[].kid keys[].kty keys[].use keys[].x request_id"),
    (
        "POST /v1/c2pa/verify",
        "actions actions[].action actions[].digital_source_type actions[].software_agent actions[].when claim_generator digital_source_type \
         ingredients integrity latency_ms manifest_present request_id signer signer.algorithm signer.common_name signer.issuer signer.serial \
         signer.time trust trust_list validation_codes validation_codes[].code validation_codes[].explanation \
         validation_codes[].of_ingredient validation_codes[].outcome",
    ),
    (
        "POST /v1/forensics",
        "error_level error_level.cannot_tell error_level.levels error_level.levels[].block_contrast error_level.levels[].mean \
         error_level.levels[].p95 error_level.levels[].quality error_level.levels[].stands_out error_level.meaning examined examined.height \
         examined.width examined.x examined.y exif frequency frequency.cannot_tell frequency.high_share frequency.meaning frequency.peaks \
         jpeg latency_ms maps maps.error_level maps.error_level[].png maps.error_level[].quality maps.error_level[].white maps.noise \
         maps.noise.png maps.noise.white maps.spectrum noise noise.cannot_tell noise.level noise.loud noise.meaning noise.median noise.quiet \
         noise.silent_share noise.uniformity request_id",
    ),
    ("an error", "error error.code error.message error.param error.request_id"),
];

fn names(value: &Value, at: &str, found: &mut BTreeSet<String>) {
    match value {
        Value::Object(object) => {
            for (name, inner) in object {
                let path = if at.is_empty() { name.clone() } else { format!("{at}.{name}") };
                names(inner, &path, found);
                found.insert(path);
            }
        }
        Value::Array(list) => list.iter().for_each(|inner| names(inner, &format!("{at}[]"), found)),
        _ => {}
    }
}

// V14
#[tokio::test]
async fn no_field_ever_leaves_an_answer() {
    let app = TestApp::spawn();
    let client = app.client().await;
    // Small enough for a warning.
    let image = with_image(&pictures::png_of(&pictures::scene(96, 96, 1)), json!({}));
    let detected = client.v1_post("/v1/detect", &image).await.ok();
    let again = client.v1_get(&format!("/v1/detections/{}", detected["id"].as_str().unwrap())).await.ok();
    let receipt = client.v1_get(&format!("/v1/detections/{}/receipt", detected["id"].as_str().unwrap())).await.ok();
    let signed = with_image(&Authority::new("A").signer("B").sign("image/jpeg", &pictures::jpeg(1)), json!({}));
    let images = json!({ "images": [image, { "image_base64": "%%%" }] });
    let batch = client.v1_post("/v1/detect/batch", &images).await.ok();
    let accepted = client.v1_post("/v1/detect/async", &images).await.json();
    let job = eventually("the job to end", Duration::from_secs(60), || async {
        let job = client.v1_get(&format!("/v1/jobs/{}", accepted["job_id"].as_str().unwrap())).await.ok();
        (job["status"] == "completed").then_some(job)
    })
    .await;
    let answers = [
        ("POST /v1/detect", detected),
        ("GET /v1/detections/{id}", again),
        ("POST /v1/detect/batch", batch),
        ("POST /v1/detect/async", accepted),
        ("GET /v1/jobs/{id}", job),
        ("GET /v1/usage", client.v1_get("/v1/usage").await.ok()),
        ("GET /v1/health", client.get("/v1/health").await.ok()),
        ("GET /v1/detections/{id}/receipt", receipt),
        ("GET /v1/receipts/keys", client.get("/v1/receipts/keys").await.ok()),
        ("POST /v1/c2pa/verify", client.v1_post("/v1/c2pa/verify", &signed).await.ok()),
        ("POST /v1/forensics", client.v1_post("/v1/forensics", &image).await.ok()),
        ("an error", client.v1_get("/v1/nothing").await.json()),
    ];
    assert_eq!(answers.len(), FIELDS.len());
    for ((what, answer), (expected, fields)) in answers.iter().zip(FIELDS) {
        assert_eq!(what, expected);
        let mut found = BTreeSet::new();
        names(answer, "", &mut found);
        let fields: BTreeSet<String> = fields.split_whitespace().map(str::to_owned).collect();
        let gone: Vec<&String> = fields.difference(&found).collect();
        let new: Vec<&String> = found.difference(&fields).collect();
        assert!(gone.is_empty() && new.is_empty(), "{what}: gone {gone:?}, not listed {new:?}");
    }
}

/// Every name that `/openapi.json` documents of an answer, also those that no sample has, each behind its operation.
const DOCUMENTED: &str = include_str!("fields.txt");

/// The names of a schema, as [`names`] tells those of an answer.
fn properties(api: &Value, schema: &Value, at: &str, found: &mut BTreeSet<String>) {
    if let Some(reference) = schema["$ref"].as_str() {
        return properties(api, api.pointer(&reference[1..]).expect(reference), at, found);
    }
    for inner in ["allOf", "oneOf", "anyOf"].iter().filter_map(|list| schema[list].as_array()).flatten() {
        properties(api, inner, at, found);
    }
    if schema["items"].is_object() {
        properties(api, &schema["items"], &format!("{at}[]"), found);
    }
    for (name, inner) in schema["properties"].as_object().into_iter().flatten() {
        let path = format!("{at}{}{name}", if at.ends_with(' ') { "" } else { "." });
        properties(api, inner, &path, found);
        found.insert(path);
    }
}

// V14
#[tokio::test]
async fn no_documented_field_ever_leaves() {
    let api = TestApp::spawn().client().await.get("/openapi.json").await.json();
    let mut found = BTreeSet::new();
    for (path, operations) in api["paths"].as_object().unwrap().iter().filter(|(path, _)| path.starts_with("/v1/")) {
        for (method, operation) in operations.as_object().unwrap() {
            for (status, response) in operation["responses"].as_object().into_iter().flatten().filter(|(status, _)| status.starts_with('2'))
            {
                let schema = &response["content"]["application/json"]["schema"];
                properties(&api, schema, &format!("{} {path} {status} ", method.to_uppercase()), &mut found);
            }
        }
    }
    let known: BTreeSet<String> = DOCUMENTED.lines().map(str::to_owned).collect();
    let of = |one: &BTreeSet<String>, other: &BTreeSet<String>| one.difference(other).cloned().collect::<Vec<_>>().join("\n");
    let (gone, new) = (of(&known, &found), of(&found, &known));
    assert!(gone.is_empty() && new.is_empty(), "gone:\n{gone}\nnot listed in fields.txt:\n{new}");
}
