//! `/healthz`: the process answers. Nothing else is asked, so that a full disk does not get it restarted in a loop.

use bytes::Bytes;
use http::{Response, StatusCode};
use http_body_util::Full;

/// Always 200.
pub(super) fn answer() -> Response<Full<Bytes>> {
    super::text(StatusCode::OK, "ok\n".into())
}
