//! Receipts of verdicts (row X3): made when somebody asks, from what the document's own record says, and signed with the key that all nodes
//! share. The keys are read anew each time: a receipt is rare, and a rotation counts at once.

use secrecy::ExposeSecret;
use touchstone_core::{
    receipt::{KeySet, Receipt, Signed, SigningKey, Told, VERSION},
    refusal::Refusal,
    verdict::Verdict,
};
use touchstone_store::{DocumentRecord, RECEIPT_KEYS};

use crate::{report, road::Road, trouble::Trouble};

impl Road {
    /// The signed receipt of a document's verdict.
    ///
    /// # Errors
    /// [`Refusal::NoReceipt`] when it has no verdict, [`Refusal::Internal`].
    pub async fn receipt(&self, document: &DocumentRecord) -> Result<Signed, Refusal> {
        let receipt = receipt(document).ok_or(Refusal::NoReceipt)?;
        let keys = self.receipt_signers().await?;
        Ok(keys.first().ok_or(Refusal::NoReceipt)?.sign(&receipt))
    }

    /// The public keys of all receipts that were ever made, the newest first.
    ///
    /// # Errors
    /// [`Refusal::Internal`].
    pub async fn receipt_keys(&self) -> Result<KeySet, Refusal> {
        let keys = self.receipt_signers().await?;
        Ok(KeySet { keys: keys.iter().map(SigningKey::public).collect() })
    }

    async fn receipt_signers(&self) -> Result<Vec<SigningKey>, Refusal> {
        let secrets = self.store().secrets(RECEIPT_KEYS).await.trouble()?;
        secrets.iter().map(|secret| SigningKey::from_seed(secret.value.expose_secret())).collect::<Result<_, _>>().trouble()
    }
}

fn receipt(document: &DocumentRecord) -> Option<Receipt> {
    let verdict = document.verdict.as_ref()?;
    Some(Receipt {
        version: VERSION,
        document: document.id.0,
        organization: document.organization.id.0,
        project: document.project.map(|project| project.0),
        image: verdict.image.clone(),
        model: verdict.model.clone(),
        profile: verdict.profile,
        rules: verdict.rules.clone(),
        label: verdict.label,
        ai_likelihood: verdict.ai_likelihood,
        confidence: verdict.confidence,
        unsure: verdict.unsure,
        decided_by: verdict.decided_by,
        signals: verdict.signals().cloned().collect(),
        submitted_at: document.created_at.rfc3339(),
        judged_at: document.finished_at.unwrap_or(document.created_at).rfc3339(),
        test: document.test,
        asked: document.asked.as_ref().map(|asked| told(verdict, asked.threshold)),
    })
}

fn told(verdict: &Verdict, model_threshold: f64) -> Told {
    Told { model_threshold, verdict: report::answer(verdict, model_threshold).name().to_owned() }
}
