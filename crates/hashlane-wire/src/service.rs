//! The file processing service of buckets: `/file_bucket`, the query and the three answers (spec section 3).
//!
//! Printed only: no client of ours opens or closes services.

use crate::xml::Writer;
use crate::{Page, Query, WireError};

/// An open service as it stands on the wire.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServiceDetail {
    /// `BucketId` and `Name`: both are the full name of the bucket.
    pub bucket: String,
    /// `Region`.
    pub region: String,
    /// `CreateTime`.
    pub created: String,
}

/// Which services are asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ServiceListQuery {
    /// Only in these regions; empty is all.
    pub regions: Vec<String>,
    /// Only of these buckets; empty is all.
    pub buckets: Vec<String>,
    /// Only of buckets whose name begins so; empty is all.
    pub prefix: String,
    /// Which page of them.
    pub page: Page,
}

impl ServiceListQuery {
    /// Reads a query.
    ///
    /// # Errors
    /// `InvalidArgument` when a value is not allowed.
    pub fn parse(query: &Query) -> Result<ServiceListQuery, WireError> {
        let list = |name| -> Vec<String> {
            let parts = query.value(name).unwrap_or_default().split(',').map(str::trim);
            parts.filter(|part| !part.is_empty()).map(str::to_owned).collect()
        };
        Ok(ServiceListQuery {
            regions: list("regions"),
            buckets: list("bucketNames"),
            prefix: query.value("bucketName").unwrap_or_default().to_owned(),
            page: Page::parse(query)?,
        })
    }

    /// Whether the service of this bucket is asked for.
    pub fn meets(&self, bucket: &str, region: &str) -> bool {
        let among = |list: &[String], text: &str| list.is_empty() || list.iter().any(|one| one == text);
        among(&self.regions, region) && among(&self.buckets, bucket) && bucket.starts_with(&self.prefix)
    }
}

impl ServiceDetail {
    /// The answer to opening it.
    pub fn print_opened(&self, request_id: &str) -> Vec<u8> {
        let mut out = Writer::new();
        out.open("Response");
        out.leaf("RequestId", request_id);
        self.write("FileBucket", &mut out);
        out.close("Response");
        out.finish()
    }

    /// The answer to a list: a page of `total` services.
    pub fn print_list(services: &[ServiceDetail], total: usize, page: Page, request_id: &str) -> Vec<u8> {
        let mut out = Writer::new();
        out.open("Response");
        out.leaf("RequestId", request_id);
        out.leaf("TotalCount", &total.to_string());
        out.leaf("PageNumber", &page.number.to_string());
        out.leaf("PageSize", &page.size.to_string());
        for service in services {
            service.write("FileBucketList", &mut out);
        }
        out.close("Response");
        out.finish()
    }

    /// The answer to closing the service of a bucket.
    pub fn print_closed(bucket: &str, request_id: &str) -> Vec<u8> {
        let mut out = Writer::new();
        out.open("Response");
        out.leaf("RequestId", request_id);
        out.leaf("BucketName", bucket);
        out.close("Response");
        out.finish()
    }

    fn write(&self, name: &str, out: &mut Writer) {
        out.open(name);
        out.leaf("BucketId", &self.bucket);
        out.leaf("Name", &self.bucket);
        out.leaf("Region", &self.region);
        out.leaf("CreateTime", &self.created);
        out.close(name);
    }
}
