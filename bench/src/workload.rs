//! The requests that are measured.

use hashlane_job::{CallbackAddress, CallbackRequest};
use hashlane_lanes::Algorithm;
use hashlane_wire::SubmitRequest;
use hashlane_wire::job_detail::JobDetail;

use crate::failure::Failure;
use crate::server::Server;

/// The size of a small object in bytes.
pub const SMALL_BYTES: usize = 4096;

/// How many different small objects the jobs take turns with.
pub const SMALL_OBJECTS: usize = 256;

/// The key of the nth small object; they repeat.
pub fn small_key(number: usize) -> String {
    format!("small-{}", number % SMALL_OBJECTS)
}

/// The bytes of the nth small object.
pub fn small_content(number: usize) -> Vec<u8> {
    (0..SMALL_BYTES).map(|at| (at * 31 + number * 7 + at / 256) as u8).collect()
}

/// Stores all small objects.
pub fn put_small_objects(server: &Server) -> Result<(), Failure> {
    (0..SMALL_OBJECTS).try_for_each(|number| server.put(&small_key(number), &small_content(number)))
}

/// A job without a callback, or with one to a URL.
pub fn request(key: &str, algorithm: Algorithm, callback: Option<String>) -> SubmitRequest {
    let address = callback.map_or(CallbackAddress::Silent, CallbackAddress::Url);
    SubmitRequest {
        object: key.to_owned(),
        algorithm,
        algorithm_as_given: algorithm.name().to_ascii_uppercase(),
        add_to_header: false,
        user_data: None,
        level: 0,
        queue: None,
        callback: CallbackRequest { address, format: None },
    }
}

/// Whether a job has succeeded; a failed one ends the measurement.
pub fn has_succeeded(job: &JobDetail) -> Result<bool, Failure> {
    match job.state.as_str() {
        "Success" => Ok(true),
        "Failed" | "Cancel" => Err(Failure::new(format!("job {} ended as {}: {}", job.job_id, job.code, job.message))),
        _ => Ok(false),
    }
}
