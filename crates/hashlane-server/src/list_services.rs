//! `GET /file_bucket`: the buckets with an open file processing service, by page (spec section 3).
//!
//! The call is about no bucket: whatever the Host names, it lists those that the key may use and no others.

use hashlane_wire::service::{ServiceDetail, ServiceListQuery};
use hashlane_wire::{Query, RequestHead};

use crate::access::AccessKey;
use crate::answer::Answer;
use crate::api::Api;
use crate::refusal::Refusal;

/// The services that are asked for, by bucket name. Those of buckets that are not configured any more are left out.
pub(crate) async fn answer(
    api: &Api,
    key: &AccessKey,
    head: &RequestHead<'_>,
    request_id: &str,
) -> Result<Answer, Refusal> {
    let query = ServiceListQuery::parse(&Query::parse(head.query)?)?;
    let services = api.store.services().await?;
    let found: Vec<ServiceDetail> = services
        .iter()
        .filter(|service| key.may_use(service.bucket.as_str()))
        .filter_map(|service| {
            let bucket = api.engine.buckets().iter().find(|bucket| bucket.name == service.bucket)?;
            query.meets(bucket.name.as_str(), &bucket.region).then(|| ServiceDetail {
                bucket: bucket.name.to_string(),
                region: bucket.region.clone(),
                created: api.time_offset.print(service.created),
            })
        })
        .collect();
    Ok(Answer::xml(ServiceDetail::print_list(query.page.of(&found), found.len(), query.page, request_id)))
}
