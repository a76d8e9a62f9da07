//! Calls about queues: list and update (spec section 4).

use bytes::Bytes;
use hashlane_wire::queue::{QueueDetail, QueueList, QueueListQuery, QueueUpdate};
use http::Method;
use percent_encoding::utf8_percent_encode;

use crate::client::{SEGMENT, unreadable};
use crate::{Client, ClientError, Exchange};

impl Client {
    /// A page of the bucket's queues: `GET /file_queue`.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn list_queues(&self, query: &QueueListQuery) -> Result<(QueueList, Exchange), ClientError> {
        let exchange = self.call(Method::GET, "/file_queue", &query.print(), None).await?;
        let list = QueueList::parse(&exchange.response_body).map_err(unreadable)?;
        Ok((list, exchange))
    }

    /// Updates a queue: `PUT /file_queue/<id>`. Name, state and NotifyConfig are replaced, all of them; gives the queue as
    /// it is then.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn update_queue(&self, id: &str, update: &QueueUpdate) -> Result<(QueueDetail, Exchange), ClientError> {
        if id.is_empty() {
            return Err(ClientError::Misconfigured("the queue id is empty".into()));
        }
        let path = format!("/file_queue/{}", utf8_percent_encode(id, SEGMENT));
        let exchange = self.call(Method::PUT, &path, "", Some(Bytes::from(update.print()))).await?;
        let queue = QueueDetail::parse_updated(&exchange.response_body).map_err(unreadable)?;
        Ok((queue, exchange))
    }
}
