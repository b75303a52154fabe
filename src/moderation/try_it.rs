//! The try-it page's door (row A9): one picture in one request, paid by one organisation that the operator names.
//!
//! The same stations as for any client: an upload, its bytes, a submission.

use bytes::Bytes;
use futures::Stream;
use touchstone_core::{
    ids::{DocumentId, KeyId},
    media::{Format, IMAGE_EXTENSIONS, UploadKind},
    organization::{Caller, Organization},
    refusal::Refusal,
    submission::{HeatmapStyle, Options, Profile, Submission},
};

use crate::{road::Road, trouble::Trouble};

impl Road {
    /// Takes one picture and submits it in the name of the try-it organisation.
    ///
    /// # Errors
    /// [`Refusal::UnsupportedImageType`] for a content type that is no accepted image, and whatever an upload or a submission refuses.
    pub async fn try_it<S, E>(&self, content_type: &str, body: S) -> Result<DocumentId, Refusal>
    where
        S: Stream<Item = Result<Bytes, E>> + Unpin + Send,
        E: std::error::Error + Send + Sync + 'static,
    {
        let (extension, format) = accepted(content_type)?;
        let organization = self.try_it_organization().await?;
        // No key was shown: the caller is the page itself.
        let caller = Caller { organization, key: KeyId(uuid::Uuid::nil()), project: None, test: false, scopes: None };
        let presigned = self.presign(&caller, &format!("try-it.{extension}"), None).await?;
        let object_key = presigned.file_path;
        let tried = match self.keep(&object_key, UploadKind::Image(format), body).await {
            Ok(()) => {
                let heatmap = Some(HeatmapStyle { overlay: true, normalized: true });
                let options = Options { preview: true, heatmap, analysis: false, profile: Profile::Generic };
                let (object_key, queue) = (object_key.clone(), String::new());
                self.submit(Submission { caller, object_key, id: None, options, queue, asked: None, email: None, user_agent: None }).await
            }
            Err(refusal) => Err(refusal),
        };
        if tried.is_err() {
            // Nobody will come back for it, and it would count against the organisation's quota.
            self.blobs().delete(&object_key).await.trouble()?;
            self.store().forget_upload(&object_key).await.trouble()?;
        }
        tried
    }

    async fn try_it_organization(&self) -> Result<Organization, Refusal> {
        let name = &self.settings().try_it_organization;
        self.store().organization_named(name).await.trouble()?.ok_or(Refusal::NotEnoughCredits)
    }
}

fn accepted(content_type: &str) -> Result<(&'static str, Format), Refusal> {
    let essence = content_type.split(';').next().unwrap_or_default().trim();
    IMAGE_EXTENSIONS
        .iter()
        .find(|(_, format)| format.content_type().eq_ignore_ascii_case(essence))
        .copied()
        .ok_or_else(|| Refusal::UnsupportedImageType { file_name: essence.chars().take(120).collect() })
}
