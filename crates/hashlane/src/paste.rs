//! The lines that people copy to use a running service from Python, curl and this program.
//!
//! Promises: no secret in them. Python reads the key from `credentials.toml`; curl gets a signature for this one call
//! that lasts ten minutes.

use std::path::Path;

use hashlane_job::{Clock, SystemClock};
use hashlane_wire::{RequestHead, sign};

use crate::credentials::{self, Credentials};

/// How long the signature of the curl line is valid.
const SIGNED_SECONDS: i64 = 600;
/// For clocks that are behind ours.
const SIGNED_BEFORE_SECONDS: i64 = 60;

/// The lines for a service. `has_own_pair`: the key is the one in `credentials.toml`.
pub(crate) fn lines(credentials: &Credentials, data_dir: &Path, has_own_pair: bool, key: &str) -> String {
    let Credentials { endpoint, bucket, region, secret_id, .. } = credentials;
    let Some((scheme, authority)) = endpoint.split_once("://") else { return String::new() };
    let Some((ip, port)) = authority.rsplit_once(':') else { return String::new() };
    let data_dir = std::path::absolute(data_dir).unwrap_or_else(|_| data_dir.to_path_buf());
    let file = credentials::path(&data_dir);

    let load_key = if has_own_pair {
        format!("import tomllib; key = tomllib.load(open('{}', 'rb'))", file.display())
    } else {
        format!("import os; key = {{'secret_id': '{secret_id}', 'secret_key': os.environ['HASHLANE_SECRET_KEY']}}")
    };
    let host = format!("{bucket}.ci.{region}.myqcloud.com");
    let now = SystemClock.now().unix_seconds();
    let head = RequestHead { method: "POST", path: "/file_jobs", query: "", headers: vec![("host", host.as_bytes())] };
    let query = sign::presigned_query(
        &head,
        secret_id,
        credentials.secret_key.reveal(),
        now - SIGNED_BEFORE_SECONDS,
        now + SIGNED_SECONDS,
    );
    let trust = match scheme {
        "https" => format!(
            "# Write a name of the certificate in place of {ip}; where its issuer is not trusted by this machine, set\n\
             # REQUESTS_CA_BUNDLE for Python, --cacert for curl, HASHLANE_CA_FILE for this program.\n\n"
        ),
        _ => String::new(),
    };
    let this_program = if has_own_pair {
        format!("hashlane job submit --data '{}' --wait '{key}'", data_dir.display())
    } else {
        format!(
            "HASHLANE_ENDPOINT={endpoint} HASHLANE_BUCKET={bucket} HASHLANE_REGION={region} HASHLANE_SECRET_ID={secret_id} HASHLANE_SECRET_KEY=... hashlane job submit --wait '{key}'"
        )
    };
    format!(
        "\
{trust}# Python (pip install cos-python-sdk-v5):
from qcloud_cos import CosConfig, CosS3Client
{load_key}
client = CosS3Client(CosConfig(Region='{region}', SecretId=key['secret_id'], SecretKey=key['secret_key'], Scheme='{scheme}', IP='{ip}', Port={port}))
job = client.ci_create_file_hash_job(Bucket='{bucket}', InputObject='{key}', FileHashCodeConfig={{'Type': 'SHA256'}})
print(client.ci_get_file_process_jobs(Bucket='{bucket}', JobIDs=job['JobsDetail']['JobId']))

# curl (this signature is valid for ten minutes):
curl -sS -H 'Host: {host}' -H 'Content-Type: application/xml' '{endpoint}/file_jobs?{query}' -d '<Request><Tag>FileHashCode</Tag><Input><Object>{key}</Object></Input><Operation><FileHashCodeConfig><Type>SHA256</Type></FileHashCodeConfig></Operation></Request>'

# this program:
{this_program}
"
    )
}
