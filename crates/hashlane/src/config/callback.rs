//! `[callback]` and `[mq.<region>]`: how callbacks are sent, what they are signed with, and where they may go.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use hashlane_callback::{BrokerOptions, SigningSecret};
use hashlane_job::DELIVERY_DELAYS;
use ipnet::IpNet;

use super::access::read_secret;
use super::address;
use super::document::Section;
use super::quantity::{boolean, count, duration};
use super::secret::{REDACTED, without_credentials};
use super::setting::{ConfigError, Kind, quoted};
use super::suggestion::did_you_mean;

/// The regions of message queues (spec section 5, CallBackMqConfig).
const MQ_REGIONS: [&str; 5] = ["sh", "bj", "gz", "cd", "hk"];

/// `[callback]`, and the brokers of `[mq.*]`.
#[derive(Debug)]
pub(crate) struct Callback {
    pub(crate) attempts: u64,
    pub(crate) delays: Vec<Duration>,
    pub(crate) in_flight: u64,
    pub(crate) json_array: bool,
    pub(crate) allow_networks: Vec<IpNet>,
    pub(crate) allow_hosts: Vec<String>,
    /// Empty is every port.
    pub(crate) ports: Vec<u16>,
    pub(crate) ca_file: Option<PathBuf>,
    pub(crate) signing_secrets: Vec<SigningSecret>,
    pub(crate) brokers: Vec<BrokerOptions>,
}

/// Reads `[callback]` and `[mq.*]`. `file` and `listen` decide what is allowed when the networks are not listed.
pub(super) fn read_callback(
    root: &Section<'_>,
    file: Option<&Path>,
    listen: SocketAddr,
) -> Result<Callback, ConfigError> {
    let table = root.section("callback")?;
    let schedule: Vec<String> = DELIVERY_DELAYS.iter().map(|delay| format!("{}s", delay.as_secs())).collect();
    let schedule: Vec<&str> = schedule.iter().map(String::as_str).collect();
    // With no file and nobody but this machine able to submit, a first try with a receiver on this machine just works.
    let loopback: &[&str] = if file.is_none() && listen.ip().is_loopback() { &["127.0.0.0/8", "::1/128"] } else { &[] };
    let callback = Callback {
        attempts: table.read("attempts", Kind::Number, "10", count::<1, 1000>)?,
        delays: table.read_list("delays", &schedule, duration)?,
        in_flight: table.read("in_flight", Kind::Number, "256", count::<1, 10_000>)?,
        json_array: table.read("json_array", Kind::Boolean, "false", boolean)?,
        allow_networks: table.read_list("allow_networks", loopback, address::network)?,
        allow_hosts: table.read_list("allow_hosts", &[], address::domain)?,
        ports: table.read_numbers("ports", port)?,
        ca_file: table.read_optional("ca_file", Kind::Text, address::path)?,
        signing_secrets: read_signing_secrets(&table)?,
        brokers: read_brokers(root)?,
    };
    if callback.delays.is_empty() {
        return Err(table.wrong_key("delays", "an empty list leaves no time for the first attempt: write [\"0s\"]"));
    }
    table.close()?;
    Ok(callback)
}

/// The secrets of `signing_secrets`, `signing_secrets_file` or `signing_secrets_env`, one of the three. In a file or a
/// variable they stand apart by blanks or line ends.
pub(super) fn read_signing_secrets(table: &Section<'_>) -> Result<Vec<SigningSecret>, ConfigError> {
    const KEYS: [&str; 3] = ["signing_secrets", "signing_secrets_file", "signing_secrets_env"];
    let given: Vec<&str> = KEYS.into_iter().filter(|key| table.has(key)).collect();
    if let [first, second, ..] = given[..] {
        return Err(table.wrong_key(second, &format!("`{first}` is given too: keep one of them")));
    }
    let secret = |text: &str| SigningSecret::parse(text).map_err(|why| format!("a secret {why}"));
    let all = |text: &str| text.split_whitespace().map(secret).collect::<Result<Vec<_>, _>>();
    let from_file = table.read_optional(KEYS[1], Kind::Text, |path| {
        all(&std::fs::read_to_string(path).map_err(|error| format!("cannot read {path}: {error}"))?)
    })?;
    let from_env = table.read_optional(KEYS[2], Kind::Text, |variable| match std::env::var(variable) {
        Ok(text) => all(&text),
        Err(_) => Err(format!("the environment variable {variable} is not set")),
    })?;
    if let Some(secrets) = from_file.or(from_env) {
        return if secrets.is_empty() {
            Err(table.wrong_key(given[0], "there is no secret in it"))
        } else {
            Ok(secrets)
        };
    }
    let secrets = table.read_list(KEYS[0], &[], secret)?;
    if !secrets.is_empty() {
        table.show_instead(KEYS[0], &format!("[{}]", vec![quoted(REDACTED); secrets.len()].join(", ")));
    }
    Ok(secrets)
}

/// The brokers of `[mq.*]`, whose URL may hold a password: `url`, `url_file` or `url_env`, one of the three.
fn read_brokers(root: &Section<'_>) -> Result<Vec<BrokerOptions>, ConfigError> {
    let mq = root.section("mq")?;
    let mut brokers = Vec::new();
    for region in mq.keys() {
        if !MQ_REGIONS.contains(&region.as_str()) {
            let near = did_you_mean(&region, MQ_REGIONS);
            return Err(
                mq.wrong_key(&region, &format!("there is no such MqRegion; there are sh, bj, gz, cd, hk{near}"))
            );
        }
        let table = mq.section(&region)?;
        let url = read_secret(&table, "url")?
            .ok_or_else(|| table.incomplete("has no url: give it as `url`, `url_file` or `url_env`"))?;
        let key = ["url", "url_file", "url_env"].into_iter().find(|key| table.has(key)).unwrap_or("url");
        brokers.push(BrokerOptions::new(&region, url.reveal()).map_err(|why| table.wrong_key(key, &why))?);
        if key == "url" {
            table.show_instead("url", &quoted(&without_credentials(url.reveal())));
        }
        table.close()?;
    }
    Ok(brokers)
}

fn port(text: &str) -> Result<u16, String> {
    text.parse().ok().filter(|port| *port != 0).ok_or_else(|| format!("{text:?} is not a port: it is from 1 to 65535"))
}
