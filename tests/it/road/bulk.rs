//! T11, T12, U1: a ZIP of images, from its submission to both shapes of its answer.

use serde_json::{Value, json};

use crate::support::{
    TestApp, audit, pictures, root,
    zips::{File, archive},
};

/// A generated picture, a photograph, a damaged one, and what is skipped around them.
fn mixed() -> Vec<u8> {
    let mut cut = pictures::jpeg(3);
    cut.truncate(cut.len() / 2);
    archive(&[
        File::stored("holiday/", []),
        File::stored("holiday/castle.png", pictures::generated_png(1)),
        File::deflated("holiday/photo.bmp", &pictures::bmp(2)),
        File::streamed("cut.jpg", &cut),
        File::stored("document.pdf", pictures::jpeg(4)),
        File::stored("__MACOSX/holiday/._castle.png", vec![0; 2000]),
        File::stored(".hidden.jpg", pictures::jpeg(5)),
        File::stored("../escape.jpg", pictures::jpeg(6)),
    ])
}

fn names<'a>(list: &'a Value, field: &str) -> Vec<&'a str> {
    list.as_array().unwrap().iter().map(|entry| entry[field].as_str().unwrap()).collect()
}

fn keys(value: &Value) -> Vec<&str> {
    let mut keys: Vec<&str> = value.as_object().unwrap().keys().map(String::as_str).collect();
    keys.sort_unstable();
    keys
}

// T5, T11, T12
#[tokio::test]
async fn a_zip_is_judged_image_by_image_and_says_what_it_skipped() {
    let app = TestApp::spawn();
    let client = app.client().await;
    let (id, expected) = client.submit_zip(mixed(), json!({})).await;
    assert_eq!(expected, 3);
    let seen = client.settle_zip(&id).await;
    assert_eq!((&seen["id"], &seen["status"]), (&json!(id), &json!("done")));
    assert_eq!(keys(&seen), ["id", "results", "skipped", "status"]);
    let results = &seen["results"];
    assert_eq!(names(results, "filename"), ["holiday/castle.png", "holiday/photo.bmp", "cut.jpg"], "in the archive's order");
    assert_eq!(names(results, "status"), ["done", "done", "failed"]);
    let castle = &results[0];
    assert_eq!(keys(castle), ["filename", "id", "preview_url", "result", "result_details", "status"]);
    assert_eq!(castle["result_details"]["final_result"], "AI Generated");
    assert!(castle["result"].as_f64().unwrap() > 50.0);
    assert_eq!(results[1]["result_details"]["image"]["format"], "BMP");
    let cut = &results[2];
    assert_eq!((&cut["result"], &cut["result_details"]["is_valid"]), (&Value::Null, &json!(false)));
    assert!(cut["error_message"].as_str().unwrap().len() > 20, "{cut}");
    // T11's defaults: heatmap yes, preview and analysis no.
    assert_eq!(castle["result_details"]["heatmap_status"], "ready");
    assert_eq!((&castle["preview_url"], &castle["result_details"]["analysis_results_status"]), (&Value::Null, &Value::Null));
    let skipped: Vec<(&str, &str)> = seen["skipped"]
        .as_array()
        .unwrap()
        .iter()
        .map(|file| {
            assert_eq!((&file["status"], &file["result"]), (&json!("failed"), &Value::Null), "{file}");
            (file["filename"].as_str().unwrap(), file["result_details"]["reason"].as_str().unwrap())
        })
        .collect();
    let told = [
        ("holiday/", "Directory, not a file"),
        ("document.pdf", "PDF not supported in bulk"),
        ("__MACOSX/holiday/._castle.png", "macOS system file"),
        (".hidden.jpg", "Hidden file"),
        ("../escape.jpg", "Invalid path"),
    ];
    assert_eq!(skipped, told);
    assert_eq!(client.credits().await, 98, "two were judged, and nothing else is paid");
}

// T12
#[tokio::test]
async fn an_image_costs_what_the_operator_set() {
    let app = TestApp::with(|config| config.jobs.credits_per_image = 3);
    let client = app.client().await;
    let zip = archive(&[File::stored("a.png", pictures::png(1)), File::stored("b.png", pictures::png(2))]);
    let (id, _) = client.submit_zip(zip, json!({})).await;
    client.settle_zip(&id).await;
    client.judge("photo.jpg", pictures::jpeg(1)).await;
    assert_eq!(client.credits().await, 100 - 3 * 3);
}

/// A fixture of a format that is decoded in a child.
fn fixture(name: &str) -> Vec<u8> {
    std::fs::read(root().join("tests/fixtures/formats").join(name)).unwrap()
}

// T11, T15: an SVG is drawn first; a HEIF goes by either of its names.
#[tokio::test]
async fn what_an_archive_holds_may_be_of_any_format_but_pdf() {
    let app = TestApp::spawn();
    let client = app.client().await;
    let files = ["drawing.svg", "photo.heif", "photo.heic", "photo.avif"];
    let zip = archive(&files.map(|name| File::deflated(name, &fixture(name))));
    let (id, expected) = client.submit_zip(zip, json!({})).await;
    assert_eq!(expected, 4);
    let seen = client.settle_zip(&id).await;
    assert_eq!(names(&seen["results"], "status"), ["done"; 4], "{seen}");
    assert_eq!(names(&seen["results"], "filename"), files);
}

// T5, T7, T8, T10
#[tokio::test]
async fn an_image_of_a_batch_is_a_document_like_any_other() {
    let app = TestApp::spawn();
    let client = app.client().await;
    let zip = archive(&[File::stored("castle.png", pictures::generated_png(1)), File::deflated("photo.jpg", &pictures::jpeg(2))]);
    let options = json!({ "generate_preview": true, "generate_analysis_details": true, "generate_heatmap_overlayed": false });
    let (id, _) = client.submit_zip(zip, options).await;
    let seen = client.settle_zip(&id).await;
    let castle = &seen["results"][0];
    let alone = client.query(castle["id"].as_str().unwrap()).await;
    for field in ["id", "status", "result"] {
        assert_eq!(alone[field], castle[field], "{field}");
    }
    assert!(!alone["result_details"]["analysis_results_status"].is_null(), "it was asked for");
    let heatmap = client.get(castle["result_details"]["heatmap_url"].as_str().unwrap()).await;
    assert_eq!((heatmap.status, heatmap.header("content-type")), (200, "image/png"), "transparent, as it was asked for");
    let preview = client.get(castle["preview_url"].as_str().unwrap()).await;
    assert_eq!(preview.status, 200);
    // The same by key; the batch itself has no pictures.
    let key = json!({ "key": client.key });
    let path = |kind: &str, id: &Value| format!("/{kind}/{}", id.as_str().unwrap());
    assert_eq!(client.post(&path("preview", &castle["id"]), &key).await.bytes, preview.bytes);
    assert_eq!(client.post(&path("heatmap", &json!(id)), &key).await.ok()["heatmap_status"], Value::Null);
    client.post(&path("preview", &json!(id)), &key).await.refused(404, "Preview not found");
}

// U1
#[tokio::test]
async fn the_older_text_reads_the_same_batch_in_its_own_shape() {
    let app = TestApp::spawn();
    let client = app.client().await;
    let (id, _) = client.submit_zip(mixed(), json!({ "model": "generic" })).await;
    let results = client.settle_zip(&id).await["results"].clone();
    let seen = client.post("/bulk-upload/query", &json!({ "id": id })).await.ok();
    assert_eq!(keys(&seen), ["id", "items", "result", "skipped", "status"]);
    assert_eq!((&seen["id"], &seen["status"]), (&json!(id), &json!("done")));
    assert_eq!(names(&seen["items"], "filename"), names(&results, "filename"));
    for (item, result) in seen["items"].as_array().unwrap().iter().zip(results.as_array().unwrap()) {
        let fields = ["confidence", "detection_step", "error", "filename", "final_result", "metadata", "ml_model", "ocr", "result"];
        assert_eq!(keys(item), fields);
        assert_eq!(item["result"], result["result"]);
        for field in ["confidence", "detection_step", "final_result", "metadata", "ml_model", "ocr"] {
            assert_eq!(item[field], result["result_details"][field], "{field}");
        }
    }
    assert_eq!(seen["items"][0]["error"], Value::Null);
    assert!(seen["items"][2]["error"].is_string(), "{seen}");
    let highest = results.as_array().unwrap().iter().filter_map(|result| result["result"].as_f64()).fold(0.0, f64::max);
    assert_eq!(seen["result"].as_f64(), Some(highest));
    assert_eq!(seen["skipped"][1], json!({ "filename": "document.pdf", "reason": "PDF not supported in bulk" }));
}

// T5, T12, U1
#[tokio::test]
async fn before_the_verdicts_there_are_nulls_and_then_partial_results() {
    let app = TestApp::without_worker();
    let client = app.client().await;
    let zip = archive(&[File::stored("a.jpg", pictures::jpeg(1)), File::stored("b.jpg", pictures::jpeg(2))]);
    let (id, expected) = client.submit_zip(zip, json!({})).await;
    assert_eq!((expected, client.credits().await), (2, 98), "set aside");
    let seen = client.query(&id).await;
    assert_eq!((&seen["status"], &seen["skipped"]), (&json!("pending"), &json!([])));
    for (image, name) in seen["results"].as_array().unwrap().iter().zip(["a.jpg", "b.jpg"]) {
        let expected = json!({ "id": image["id"], "status": "pending", "result": null, "result_details": null, "filename": name, "preview_url": null });
        assert_eq!(image, &expected);
    }
    let older = client.post("/bulk-upload/query", &json!({ "id": id })).await.ok();
    assert_eq!((&older["status"], &older["result"], &older["items"][0]["result"]), (&json!("pending"), &Value::Null, &Value::Null));
    // What a worker would do to one of the two.
    let sql = "UPDATE document SET status = 'analyzing' WHERE file_name = 'a.jpg'";
    assert_eq!(audit::execute(&app.database, sql).await, 1);
    let seen = client.query(&id).await;
    assert_eq!((&seen["status"], names(&seen["results"], "status")), (&json!("analyzing"), vec!["analyzing", "pending"]));
}

// T12, T17
#[tokio::test]
async fn a_batch_of_which_nothing_could_be_judged_has_failed_and_is_free() {
    let app = TestApp::spawn();
    let client = app.client().await;
    let cut = |seed| pictures::jpeg(seed)[..2000].to_vec();
    // One that does not decode, and one whose checksum is wrong.
    let zip = archive(&[File::stored("cut.jpg", cut(1)), File { crc: 1, ..File::deflated("wrong.jpg", &pictures::jpeg(2)) }]);
    let upload = client.upload("photos.zip", zip).await;
    let submit = async || client.bulk(&upload, json!({})).await.ok()["id"].as_str().unwrap().to_owned();
    let id = submit().await;
    let seen = client.settle_zip(&id).await;
    assert_eq!((&seen["status"], names(&seen["results"], "status")), (&json!("failed"), vec!["failed", "failed"]));
    assert!(seen["results"][1]["error_message"].as_str().unwrap().contains("checksum"), "{seen}");
    assert_eq!(client.credits().await, 100);
    let older = client.post("/bulk-upload/query", &json!({ "id": id })).await.ok();
    assert_eq!((&older["status"], &older["result"]), (&json!("failed"), &Value::Null));
    let again = submit().await;
    assert_ne!(again, id, "what failed is tried anew");
    client.settle_zip(&again).await;
}

// T3, T17
#[tokio::test]
async fn a_retried_bulk_upload_answers_the_first_id_and_charges_once() {
    let app = TestApp::spawn();
    let client = app.client().await;
    let upload = client.upload("photos.zip", mixed()).await;
    let first = client.bulk(&upload, json!({})).await.ok();
    assert_eq!(client.bulk(&upload, json!({ "generate_preview": false, "model": "generic" })).await.ok(), first, "said aloud");
    client.settle_zip(first["id"].as_str().unwrap()).await;
    assert_eq!(client.bulk(&upload, json!({})).await.ok(), first);
    assert_eq!(client.credits().await, 98);
    let id = uuid::Uuid::new_v4().to_string();
    let chosen = client.bulk(&upload, json!({ "id": id })).await.ok();
    assert_eq!((&chosen["id"], &chosen["expected_count"]), (&json!(id), &json!(3)), "a chosen id is another submission");
    assert_eq!(client.bulk(&upload, json!({ "id": id })).await.ok(), chosen);
    client.bulk(&upload, json!({ "id": id, "generate_preview": true })).await.refused(400, "id already exists");
    client.bulk(&upload, json!({ "id": upload.document_id })).await.refused(400, "id already exists");
    client.settle_zip(&id).await;
    assert_eq!(client.credits().await, 96);
}

// T11
#[tokio::test]
async fn fifty_images_are_taken_and_paid_one_by_one() {
    let app = TestApp::spawn();
    let client = app.client().await;
    // Decided by their records: the model has no work with them.
    let picture = |n: u32| pictures::generated_png_of(&pictures::scene(40, 30, u64::from(n)));
    let files: Vec<File> = (0..50).map(|n| File::stored(&format!("{n}.png"), picture(n))).collect();
    let (id, expected) = client.submit_zip(archive(&files), json!({ "generate_heatmap": false })).await;
    assert_eq!((expected, client.credits().await), (50, 50));
    let seen = client.settle_zip(&id).await;
    assert!(seen["results"].as_array().unwrap().iter().all(|image| image["status"] == "done"), "{seen}");
    assert_eq!(client.credits().await, 50);
}
