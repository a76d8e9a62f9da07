//! `hashlane serve`: runs the service until it is told to stop.
//!
//! Promises: one line `ready ...` on stdout when everything answers; SIGTERM and SIGINT let work finish, a second SIGINT
//! does not wait; SIGHUP reads the certificate again.

use std::io::Write;
use std::process::ExitCode;

use hashlane_server::Tls;
use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::cli::{LogFormat, ServeArgs};
use crate::config::Config;
use crate::failure::Failure;
use crate::service::Service;
use crate::{log, paste, runtime};

/// What a shell reports for a process that SIGINT ended.
const EXIT_INTERRUPTED: u8 = 130;
/// Sent when a file would grow past RLIMIT_FSIZE; 25 on every architecture that Linux runs on but MIPS' 31.
const SIGXFSZ: i32 = if cfg!(any(target_arch = "mips", target_arch = "mips64")) { 31 } else { 25 };

/// Runs the service.
pub(crate) fn run(args: &ServeArgs) -> Result<ExitCode, Failure> {
    let config = super::config::load(&args.settings)?;
    log::start(args.log, "info")?;
    runtime::raise_open_files_limit();
    let runtime = runtime::of_service()?;
    let outcome = runtime.block_on(async {
        let mut signals = Signals::new()?;
        // Without a certificate SIGHUP keeps its usual meaning: a service ends with the terminal that it was started on.
        let mut hang_up = config.tls.as_ref().map(|_| listen(SignalKind::hangup())).transpose()?;
        let service = Service::start(&config).await?;
        tell_start(&config, &service);
        if args.log == LogFormat::Human {
            let credentials = service.credentials();
            eprint_lossy(&paste::lines(credentials, &config.data_dir, service.has_own_pair(), "KEY"));
        }
        say_ready(&service)?;
        tokio::select! {
            () = signals.first() => {}
            () = reload_at_each(hang_up.as_mut(), service.tls()) => {}
        }
        stop(service, &mut signals).await
    });
    runtime::shut_down(runtime);
    outcome
}

/// Stops the service, or the process at once on a second SIGINT.
pub(super) async fn stop(service: Service, signals: &mut Signals) -> Result<ExitCode, Failure> {
    tracing::info!("stopping: no new work; running jobs finish or are given back");
    tokio::select! {
        () = service.stop() => {
            tracing::info!("stopped");
            Ok(ExitCode::SUCCESS)
        }
        _ = signals.interrupt.recv() => {
            tracing::warn!("interrupted again: ending at once; jobs that were running will run again");
            Ok(ExitCode::from(EXIT_INTERRUPTED))
        }
    }
}

/// The signals that end the service.
pub(super) struct Signals {
    interrupt: Signal,
    terminate: Signal,
    // Without a handler a full RLIMIT_FSIZE would kill the process; with one, writes fail and the store says so.
    _file_too_large: Signal,
}

impl Signals {
    /// Takes over the signals.
    pub(super) fn new() -> Result<Signals, Failure> {
        Ok(Signals {
            interrupt: listen(SignalKind::interrupt())?,
            terminate: listen(SignalKind::terminate())?,
            _file_too_large: listen(SignalKind::from_raw(SIGXFSZ))?,
        })
    }

    /// Completes at the first SIGINT or SIGTERM.
    pub(super) async fn first(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => (),
            _ = self.terminate.recv() => (),
        }
    }
}

fn listen(kind: SignalKind) -> Result<Signal, Failure> {
    signal(kind).map_err(|error| Failure::cannot(format!("cannot listen to signals: {error}")))
}

/// Reads the certificate again at each SIGHUP; never completes.
async fn reload_at_each(hang_up: Option<&mut Signal>, tls: Option<&Tls>) {
    if let (Some(hang_up), Some(tls)) = (hang_up, tls) {
        while hang_up.recv().await.is_some() {
            reload(tls).await;
        }
    }
    std::future::pending().await
}

/// Reads the certificate again. A broken one changes nothing: whoever renews certificates sees the reason in the log.
async fn reload(tls: &Tls) {
    let again = tls.clone();
    let reloaded = tokio::task::spawn_blocking(move || again.reload()).await;
    match reloaded {
        Ok(Ok(())) => tracing::info!(certificate = %tls.certificate().display(), "certificate read again"),
        Ok(Err(error)) => tracing::error!(%error, "the new certificate cannot be used; the one before stays"),
        Err(error) => tracing::error!(%error, "reading the certificate again failed; the one before stays"),
    }
}

fn tell_start(config: &Config, service: &Service) {
    let buckets: Vec<String> = config.buckets.iter().map(|it| format!("{} at {}", it.name, it.url())).collect();
    tracing::info!(
        version = env!("CARGO_PKG_VERSION"),
        data_dir = %config.data_dir.display(),
        buckets = buckets.join(", "),
        role = ?config.role,
        access_key = service.credentials().secret_id,
        "started"
    );
    for text in config.exposed_secrets() {
        tracing::warn!("{text}");
    }
    if config.role != crate::config::Role::All {
        tracing::warn!(
            "role {:?} over SQLite: no other process can use this store, so half of the work stays undone",
            config.role
        );
    }
    let exposed = service.api_addr().filter(|address| !address.ip().is_loopback() && service.tls().is_none());
    if let Some(address) = exposed {
        tracing::warn!(
            "the api listens on {address} without TLS: give it a certificate in [tls] when others can reach it"
        );
    }
}

/// The one line that scripts wait for.
fn say_ready(service: &Service) -> Result<(), Failure> {
    let mut line = String::from("ready");
    let api_scheme = if service.tls().is_some() { "https" } else { "http" };
    for (name, scheme, address) in [("api", api_scheme, service.api_addr()), ("admin", "http", service.admin_addr())] {
        if let Some(address) = address {
            line.push_str(&format!(" {name}={scheme}://{address}"));
        }
    }
    line.push('\n');
    super::print(&line)
}

/// A closed stderr is no reason to stop serving.
fn eprint_lossy(text: &str) {
    let _ = std::io::stderr().lock().write_all(text.as_bytes());
}
