//! Settings that cannot work are told at the start, and answers of another form are no remarks. The rest of the way is in `tests/it`.

use super::*;

fn settings(base_url: &str) -> Analysis {
    let (base_url, model, api_key) = (base_url.to_owned(), "sees".to_owned(), "s3cret".into());
    Analysis { base_url, model, api_key, timeout_seconds: 1, at_once: 1, max_per_day: 0, max_side: 64, max_tokens: 100 }
}

#[test]
fn settings_that_cannot_work_are_named() {
    rustls::crypto::ring::default_provider().install_default().ok();
    assert!(open(&settings("")).expect("off").is_none());
    assert!(open(&settings("http://127.0.0.1:1/v1/")).expect("fine").is_some());
    let told = |settings: Analysis| open(&settings).err().expect("wrong").to_string();
    for url in ["nonsense", "ftp://host/v1", "http://user:word@host/v1", "http://host/v1?key=1"] {
        assert!(told(settings(url)).starts_with("analysis.base_url must"), "{url}");
    }
    assert!(told(Analysis { model: String::new(), ..settings("http://host/v1") }).starts_with("analysis.model"));
    assert!(told(Analysis { max_side: 0, ..settings("http://host/v1") }).starts_with("analysis.max_side"));
}

#[test]
fn only_the_form_that_was_asked_for_is_read() {
    let answer = |content: &str| serde_json::json!({ "choices": [{ "message": { "role": "assistant", "content": content } }] }).to_string();
    let remarks = r#"{"image_tags": ["tree"], "visual_patterns": [], "detailed_reasoning": "Leaves repeat."}"#;
    assert_eq!(protocol::remarks(answer(remarks).as_bytes()).expect("remarks").image_tags, ["tree"]);
    let others = [
        "no JSON".to_owned(),
        r#"{"choices": []}"#.to_owned(),
        r#"{"choices": [{"message": {"content": null}}]}"#.to_owned(),
        answer("I cannot help with that."),
        answer(r#"{"image_tags": "tree", "visual_patterns": [], "detailed_reasoning": "x"}"#),
        answer(r#"{"image_tags": [], "visual_patterns": [], "detailed_reasoning": "x", "confidence": 3}"#),
    ];
    for other in others {
        assert!(protocol::remarks(other.as_bytes()).is_err(), "{other}");
    }
}
