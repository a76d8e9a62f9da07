//! Which service a client command talks to, and with which key.
//!
//! Promises: flag over environment over `credentials.toml`, field by field; what is missing is named together with the
//! ways to give it.

use std::path::Path;

use hashlane_client::{Client, ClientConfig};

use crate::admin::Admin;
use crate::cli::ConnectionArgs;
use crate::cli::deliveries::AdminArgs;
use crate::config::LOCAL_REGION;
use crate::credentials::{self, Credentials};
use crate::failure::Failure;

/// The secret has no flag: flags are seen by every user of the machine.
const SECRET_KEY: &str = "HASHLANE_SECRET_KEY";
/// The token of a temporary key.
const TOKEN: &str = "HASHLANE_TOKEN";

/// The service and, where it is known, its admin listener.
pub(super) struct Connection {
    pub(super) client: Client,
    pub(super) bucket: String,
    pub(super) admin: Option<Admin>,
}

/// Finds the admin listener.
pub(super) fn open_admin(args: &AdminArgs) -> Result<Admin, Failure> {
    let given = |text: &Option<String>| text.clone().filter(|text| !text.is_empty());
    if let Some(endpoint) = given(&args.admin_endpoint) {
        return Ok(Admin::at(&endpoint));
    }
    let data_dir = given(&args.data).unwrap_or_else(|| "hashlane-data".into());
    let data_dir = Path::new(&data_dir);
    match Credentials::read(data_dir)?.and_then(|stored| stored.admin_endpoint) {
        Some(endpoint) => Ok(Admin::at(&endpoint)),
        None => Err(Failure::cannot(format!(
            "callbacks are asked for at the admin listener, and it is not known: give --admin-endpoint or \
             HASHLANE_ADMIN_ENDPOINT, or the data directory of a local service with --data (there is none in {})",
            credentials::path(data_dir).display()
        ))),
    }
}

/// Finds the service.
pub(super) fn open(args: &ConnectionArgs) -> Result<Connection, Failure> {
    let given = |text: &Option<String>| text.clone().filter(|text| !text.is_empty());
    let variable = |name: &str| std::env::var(name).ok().filter(|text| !text.is_empty());
    let data_dir = given(&args.data).unwrap_or_else(|| "hashlane-data".into());
    let data_dir = Path::new(&data_dir);
    let (endpoint, secret_id, bucket) = (given(&args.endpoint), given(&args.secret_id), given(&args.bucket));
    let secret_key = variable(SECRET_KEY);
    let all_given = endpoint.is_some() && secret_id.is_some() && bucket.is_some() && secret_key.is_some();
    let stored = if all_given { None } else { Credentials::read(data_dir)? };

    let path = credentials::path(data_dir);
    let missing = |flag: &str, name: &str| {
        let flag = if flag.is_empty() { String::new() } else { format!("{flag} or ") };
        Failure::cannot(format!(
            "no {name}: give {flag}HASHLANE_{name}, or the data directory of a local service with --data (there is \
             nothing in {})",
            path.display()
        ))
    };
    let from_stored = |pick: fn(&Credentials) -> &str| {
        stored.as_ref().map(|stored| pick(stored).to_owned()).filter(|text| !text.is_empty())
    };
    // A key that was given belongs to a secret that was given: a pair is never put together from two places.
    let own_pair = secret_id.is_none();
    let secret_key = secret_key.or_else(|| if own_pair { from_stored(|it| it.secret_key.reveal()) } else { None });
    // The admin listener of the data directory is that of the service that runs on it, and of no other.
    let admin_endpoint = given(&args.admin_endpoint).or_else(|| {
        let stored = stored.as_ref()?;
        let same = endpoint.as_ref().is_none_or(|given| given.trim_end_matches('/') == stored.endpoint);
        stored.admin_endpoint.clone().filter(|_| same)
    });
    let extra_roots = match given(&args.ca_file) {
        None => Vec::new(),
        Some(file) => std::fs::read(&file)
            .map_err(|error| Failure::cannot(format!("--ca-file or HASHLANE_CA_FILE: cannot read {file}: {error}")))?,
    };
    let config = ClientConfig {
        endpoint: endpoint
            .or_else(|| from_stored(|it| &it.endpoint))
            .ok_or_else(|| missing("--endpoint", "ENDPOINT"))?,
        secret_id: secret_id
            .or_else(|| from_stored(|it| &it.secret_id))
            .ok_or_else(|| missing("--secret-id", "SECRET_ID"))?,
        secret_key: secret_key.ok_or_else(|| missing("", "SECRET_KEY"))?,
        token: variable(TOKEN),
        bucket: bucket.or_else(|| from_stored(|it| &it.bucket)).ok_or_else(|| missing("--bucket", "BUCKET"))?,
        region: given(&args.region).or_else(|| from_stored(|it| &it.region)).unwrap_or_else(|| LOCAL_REGION.into()),
        extra_roots,
    };
    let bucket = config.bucket.clone();
    let client = Client::new(config).map_err(|error| Failure::cannot(error.to_string()))?;
    Ok(Connection { client, bucket, admin: admin_endpoint.map(|endpoint| Admin::at(&endpoint)) })
}
