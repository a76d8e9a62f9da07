//! `[callback]`: how callbacks are sent, and where they may go.

use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use hashlane_job::DELIVERY_DELAYS;
use ipnet::IpNet;

use super::access::printable;
use super::address;
use super::document::Section;
use super::later::Later;
use super::quantity::{boolean, count, duration};
use super::setting::{ConfigError, Kind};

/// `[callback]`, as far as this version has it.
#[derive(Debug)]
pub(crate) struct Callback {
    pub(crate) attempts: u64,
    pub(crate) delays: Vec<Duration>,
    pub(crate) in_flight: u64,
    pub(crate) json_array: bool,
    pub(crate) allow_networks: Vec<IpNet>,
}

/// Reads `[callback]`. `file` and `listen` decide what is allowed when the networks are not listed.
pub(super) fn read_callback(
    root: &Section<'_>,
    file: Option<&Path>,
    listen: SocketAddr,
    later: &mut Vec<Later>,
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
    };
    if callback.delays.is_empty() {
        return Err(table.wrong_key("delays", "an empty list leaves no time for the first attempt: write [\"0s\"]"));
    }
    let signing_secrets = table.read_list("signing_secrets", &[], printable)?;
    if !signing_secrets.is_empty() {
        table.show_instead("signing_secrets", &format!("[{}]", vec!["\"***\""; signing_secrets.len()].join(", ")));
        let danger = "callbacks would be unsigned, and receivers that check them would refuse every one";
        later.push(Later::refused(&table, "signing_secrets", danger));
    }
    table.close()?;
    Ok(callback)
}
