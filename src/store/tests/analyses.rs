//! Analyses (row T9): ready with the verdict, or awaited and then, for good, ready or skipped.

use std::time::Duration;

use touchstone_core::{
    analysis::{Agreement, Analysis},
    ids::DocumentId,
    time::Timestamp,
};

use super::{
    Fixture,
    fixture::{MINUTE, document, verdict},
    on_every_database,
};
use crate::{AnalysisRecord, Analyzed, AssetStatus, FailureCode, Finished, Submitted};

on_every_database!(
    an_analysis_is_recorded_with_its_verdict,
    words_that_come_in_time_are_final_and_without_any_the_analysts_stand,
    what_was_read_as_skipped_never_becomes_ready,
    requests_of_a_day_are_counted,
    a_failed_document_has_its_analysis_skipped,
);

fn words(tag: &str) -> Analysis {
    Analysis {
        agreement: Agreement::Moderate,
        image_tags: vec![tag.to_owned()],
        confidence: 88.0,
        key_indicators: Vec::new(),
        detailed_reasoning: "It is so. It is clear.".into(),
        visual_patterns: Vec::new(),
        recommendations: Vec::new(),
    }
}

async fn submitted(f: &Fixture) -> DocumentId {
    let organization = f.organization(1, 0).await;
    let mut new = document(organization, &f.upload(organization).await);
    new.options.analysis = true;
    let id = new.id;
    assert_eq!(f.submit(new).await, Submitted::Created(id));
    id
}

async fn judged(f: &Fixture, analysis: Analyzed<'_>) -> DocumentId {
    let id = submitted(f).await;
    let finished = Finished {
        verdict: &verdict(),
        regions: &[],
        forensics: None,
        heatmap: AssetStatus::None,
        preview: AssetStatus::None,
        analysis,
        content_key: None,
        cached: None,
    };
    assert!(f.store.finish(&f.claim_one().await.lease, id, finished).await.expect("finish"));
    id
}

async fn read(f: &Fixture, id: DocumentId) -> AnalysisRecord {
    f.store.document(id).await.expect("document").expect("there").analysis
}

async fn an_analysis_is_recorded_with_its_verdict(f: Fixture) {
    let id = submitted(&f).await;
    assert_eq!(read(&f, id).await, AnalysisRecord::Analyzing);
    let (own, until) = (words("own"), Timestamp::now() + MINUTE);
    let finished = Finished {
        verdict: &verdict(),
        regions: &[],
        forensics: None,
        heatmap: AssetStatus::None,
        preview: AssetStatus::None,
        analysis: Analyzed::Ready(&own),
        content_key: None,
        cached: None,
    };
    assert!(f.store.finish(&f.claim_one().await.lease, id, finished).await.expect("finish"));
    assert_eq!(read(&f, id).await, AnalysisRecord::Ready(own.clone()));
    assert!(!f.store.finish_analysis(id, Some(&words("late"))).await.expect("refused"), "it was final");
    assert_eq!(read(&f, id).await, AnalysisRecord::Ready(own.clone()));
    assert_eq!(read(&f, judged(&f, Analyzed::Awaited { own: &own, until }).await).await, AnalysisRecord::Analyzing);
    // As a document is that was judged before there were analyses.
    assert_eq!(read(&f, judged(&f, Analyzed::None).await).await, AnalysisRecord::Skipped);
    let organization = f.organization(1, 0).await;
    assert_eq!(read(&f, f.submitted(organization).await).await, AnalysisRecord::None, "it was switched off");
}

async fn words_that_come_in_time_are_final_and_without_any_the_analysts_stand(f: Fixture) {
    let (own, said, until) = (words("own"), words("said"), Timestamp::now() + MINUTE);
    for (given, final_words) in [(Some(&said), &said), (None, &own)] {
        let id = judged(&f, Analyzed::Awaited { own: &own, until }).await;
        assert!(f.store.finish_analysis(id, given).await.expect("in time"));
        assert!(!f.store.finish_analysis(id, Some(&words("again"))).await.expect("refused"));
        assert_eq!(read(&f, id).await, AnalysisRecord::Ready(final_words.clone()));
    }
}

async fn what_was_read_as_skipped_never_becomes_ready(f: Fixture) {
    let own = words("own");
    let over = judged(&f, Analyzed::Awaited { own: &own, until: Timestamp::now() - Duration::from_millis(1) }).await;
    assert_eq!(read(&f, over).await, AnalysisRecord::Skipped);
    // So near its end that a commit may come after a reader's clock has passed it.
    let ending = judged(&f, Analyzed::Awaited { own: &own, until: Timestamp::now() + Duration::from_millis(900) }).await;
    for id in [over, ending] {
        for late in [Some(&own), None] {
            assert!(!f.store.finish_analysis(id, late).await.expect("refused"));
            assert_eq!(read(&f, id).await, AnalysisRecord::Skipped);
        }
    }
}

async fn requests_of_a_day_are_counted(f: Fixture) {
    let (own, now) = (words("own"), Timestamp::now());
    for until in [now - MINUTE * 2, now + MINUTE] {
        judged(&f, Analyzed::Awaited { own: &own, until }).await;
    }
    judged(&f, Analyzed::Ready(&own)).await;
    assert_eq!(f.store.analyses_awaited_since(now).await.expect("count"), 1);
    assert_eq!(f.store.analyses_awaited_since(now - MINUTE * 5).await.expect("count"), 2);
}

async fn a_failed_document_has_its_analysis_skipped(f: Fixture) {
    let id = submitted(&f).await;
    assert!(f.store.fail(&f.claim_one().await.lease, id, FailureCode::InvalidRequest, "no image").await.expect("failed"));
    assert_eq!(read(&f, id).await, AnalysisRecord::Skipped);
}
