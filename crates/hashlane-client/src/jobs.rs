//! Calls about jobs that exist: list and cancel (spec section 6).

use hashlane_wire::JobListQuery;
use hashlane_wire::job_detail::{self, JobDetail};
use http::Method;
use percent_encoding::utf8_percent_encode;

use crate::client::{SEGMENT, unreadable};
use crate::{Client, ClientError, Exchange};

impl Client {
    /// A page of the bucket's jobs: `GET /file_jobs`. Gives the jobs and, unless it is the last page, the token of the
    /// next, for [`JobListQuery::with_token`].
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn list_jobs(
        &self,
        query: &JobListQuery,
    ) -> Result<(Vec<JobDetail>, Option<String>, Exchange), ClientError> {
        let exchange = self.call(Method::GET, "/file_jobs", &query.print(), None).await?;
        let (jobs, next) = job_detail::parse_listed(&exchange.response_body).map_err(unreadable)?;
        Ok((jobs, next, exchange))
    }

    /// Cancels a job: `PUT /jobs/<id>?cancel`. Cancelling twice is no error; a job that has ended otherwise is refused.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn cancel_job(&self, id: &str) -> Result<Exchange, ClientError> {
        if id.is_empty() {
            return Err(ClientError::Misconfigured("the job id is empty".into()));
        }
        let path = format!("/jobs/{}", utf8_percent_encode(id, SEGMENT));
        self.call(Method::PUT, &path, "cancel", None).await
    }
}
