//! What an unfinished batch says of itself.

use touchstone_core::{
    credit::Credits,
    ids::OrganizationId,
    organization::{Dialect, Organization, Retention},
    submission::{Options, Profile},
};
use touchstone_store::{AnalysisRecord, AssetRecord, AssetStatus, DocumentKind, Settlement};

use super::*;

fn part(status: DocumentStatus, heatmap: AssetStatus) -> DocumentRecord {
    let asset = |status| AssetRecord { status, object_key: None, content_type: None };
    let organization = Organization {
        id: OrganizationId::random(),
        name: String::new(),
        dialect: Dialect::Truthscan,
        plan: Plan::Pro,
        metered: false,
        private_queries: false,
        heatmap_for_real: false,
        secure_assets: false,
        stripe_customer_id: None,
        retention: Retention::Standard,
    };
    DocumentRecord {
        id: DocumentId::random(),
        organization,
        kind: DocumentKind::Image,
        project: None,
        batch: None,
        asked: None,
        source_url: None,
        member: None,
        object_key: String::new(),
        object_etag: String::new(),
        options: Options { preview: false, heatmap: None, analysis: false, profile: Profile::Generic },
        test: false,
        email: None,
        user_agent: None,
        status,
        verdict: None,
        error_message: None,
        failure: None,
        regions: Vec::new(),
        forensics: None,
        cached: false,
        heatmap: asset(heatmap),
        preview: asset(AssetStatus::None),
        analysis: AnalysisRecord::None,
        charged: Credits::default(),
        settlement: Settlement::Settled,
        created_at: Timestamp(0),
        finished_at: matches!(status, DocumentStatus::Done | DocumentStatus::Failed).then_some(Timestamp(7)),
        forgotten: None,
    }
}

// V3
#[test]
fn a_batch_has_ended_when_everything_is_there_that_is_told_of_it() {
    use AssetStatus::{None as NoMap, Pending as Drawing, Ready};
    use DocumentStatus::{Analyzing, Done, Failed, Pending};
    for (parts, expected, ended) in [
        (vec![(Pending, NoMap), (Pending, NoMap)], SetStatus::Queued, false),
        (vec![(Analyzing, NoMap), (Pending, NoMap)], SetStatus::Processing, false),
        (vec![(Done, Ready), (Done, Drawing)], SetStatus::Processing, false),
        (vec![(Done, Ready), (Failed, NoMap)], SetStatus::Completed, true),
        (vec![(Failed, NoMap)], SetStatus::Failed, true),
    ] {
        let records = parts.iter().map(|(status, heatmap)| part(*status, *heatmap)).collect();
        let set = SetRecord { id: DocumentId::random(), parts: records, refused: Vec::new(), created_at: Timestamp(0) };
        assert_eq!((status(&set), finished_at(&set).is_some()), (expected, ended), "{parts:?}");
    }
}
