//! Uploads that nobody submitted do not stay (row T1), nor does what killed processes left of unfinished writes.

use std::time::Duration;

use touchstone_core::time::Timestamp;

use crate::road::Road;

/// Age at which an unfinished write is nobody's any more: longer than any upload may take.
const LEFTOVER: Duration = Duration::from_secs(24 * 3600);

/// How many uploads one transaction-free round looks at.
const ROUND: u64 = 500;

impl Road {
    /// Deletes uploads that were never submitted, a while after their URL expired. Answers how many went.
    ///
    /// # Errors
    /// When the database or the object store fails; what was deleted until then is forgotten, the rest stays for the next sweep.
    pub async fn sweep_uploads(&self) -> anyhow::Result<u64> {
        let before = Timestamp::now() - Duration::from_secs(self.settings().uploads.keep_unsubmitted_hours * 3600);
        let mut gone = 0;
        loop {
            let expired = self.store().expired_uploads(before, ROUND).await?;
            if expired.is_empty() {
                break;
            }
            for upload in expired {
                // The bytes first: listing marked the upload, so nobody submits it any more, and a crash here lists it again.
                self.blobs().delete(&upload.object_key).await?;
                gone += u64::from(self.store().forget_upload(&upload.object_key).await?);
            }
        }
        self.blobs().remove_leftovers(LEFTOVER).await?;
        Ok(gone)
    }
}
