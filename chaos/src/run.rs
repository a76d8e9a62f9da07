//! A run: load, faults in the order of the seed, an orderly end, the comparison.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rustix::process::Signal;
use tokio::task::JoinSet;

use crate::checker::{self, Compared};
use crate::disk::Disk;
use crate::failure::Failure;
use crate::fault::{Fault, Schedule, Totals, Victim};
use crate::load::Load;
use crate::model::Model;
use crate::receiver::Receivers;
use crate::server::{Server, Settings};
use crate::store_rows;
use crate::truth::Truth;

/// How long the jobs and callbacks may take that are left when the load ends. Callbacks to a receiver that hung are
/// postponed for as long as it was silent.
const REST_WITHIN: Duration = Duration::from_secs(300);
/// Attempts at hashing (hashlane-job's retry schedule).
const HASH_ATTEMPTS_MAX: u64 = 5;

/// What is to be run.
#[derive(Debug)]
pub struct Plan {
    /// The binary of the service.
    pub binary: PathBuf,
    /// A folder of its own, made if need be; a temporary one otherwise.
    pub folder: PathBuf,
    /// What everything follows from.
    pub seed: u64,
    /// At least this long.
    pub length: Duration,
    /// At least so many rounds of the faults.
    pub rounds: u64,
    /// At least so many accepted jobs.
    pub jobs: usize,
    /// The faults of a round.
    pub faults: Vec<Fault>,
    /// The longest pause between two faults.
    pub pause_max: Duration,
    /// How many clients there are.
    pub clients: usize,
    /// How many requests they send each second together; 0 for as many as they can.
    pub rate: usize,
    /// How many images are made of one moment.
    pub images: usize,
    /// How long finished jobs are kept, if they are to be pruned.
    pub retention: Option<Duration>,
    /// Whether jobs are answered with the results of earlier ones.
    pub is_caching: bool,
    /// The size of the file system that is filled.
    pub disk_mebibytes: usize,
}

/// What came of it.
#[derive(Debug)]
pub struct Outcome {
    /// The faults.
    pub totals: Totals,
    /// The jobs.
    pub compared: Compared,
    /// Jobs that joined the reading of another, at least.
    pub reads_joined: u64,
    /// Submits answered 503.
    pub refused: u64,
    /// Submits without an answer.
    pub unanswered: u64,
    /// Callbacks that the receivers did not take.
    pub not_taken: u64,
    /// From the first submit to the last fault.
    pub length: Duration,
    /// Whether the data directory was a file system of its own.
    pub is_mounted: bool,
    /// Promises that were not kept.
    pub violations: Vec<String>,
}

/// Runs.
pub async fn run(plan: &Plan) -> Result<Outcome, Failure> {
    let disk = disk(plan)?;
    let scratch = plan.folder.join("scratch");
    std::fs::create_dir_all(&scratch)?;
    let mut settings = Settings { is_caching: plan.is_caching, ..Settings::default() };
    if let Some(retention) = plan.retention {
        settings.retention = format!("{}s", retention.as_secs());
    }
    let mut server = Server::prepare(&plan.binary, &plan.folder, &settings)?;
    let truth = Truth::write(plan.seed, &server.objects)?;
    let model = Model::create(&plan.folder.join("model.jsonl"))?;
    let receivers = Receivers::listen(plan.seed).await?;
    if plan.faults.contains(&Fault::Deadly) {
        server.environment.push(("HASHLANE_DEADLY_OBJECTS".to_owned(), "1".to_owned()));
    }
    server.start().await?;
    let load = Load::new(plan.seed, model.clone(), server.client()?, receivers.urls.clone(), plan.clients, plan.rate);
    let is_mounted = disk.can_be_filled();
    let mut victim = Victim {
        server,
        load: load.clone(),
        disk,
        scratch,
        kept: plan.retention.map_or(Duration::MAX, |it| it / 2),
        images: plan.images,
        totals: Totals::default(),
        violations: Vec::new(),
    };

    let mut clients = JoinSet::new();
    for _ in 0..plan.clients {
        clients.spawn(load.clone().run());
    }
    let began = Instant::now();
    let mut schedule = Schedule::of(plan.seed, plan.faults.clone(), plan.pause_max);
    while began.elapsed() < plan.length || schedule.rounds() < plan.rounds || load.accepted_count() < plan.jobs {
        let (pause, fault, mut own) = schedule.next();
        tokio::time::sleep(pause).await;
        let at = began.elapsed();
        victim.suffer(fault, &mut own).await?;
        eprintln!(
            "{:7.1} s  {fault:?}, {:.1} s; {} jobs accepted, {} violations",
            at.as_secs_f64(),
            (began.elapsed() - at).as_secs_f64(),
            load.accepted_count(),
            victim.violations.len()
        );
        watch_attempts(&mut victim).await;
    }
    let length = began.elapsed();

    load.end();
    while let Some(ended) = clients.join_next().await {
        ended.map_err(|error| Failure::new(error.to_string()))??;
    }
    receivers.calm_down();
    come_to_rest(&mut victim).await?;

    let (callbacks, wrong_callbacks, not_taken) = receivers.record();
    let (database, is_pruned, seed) = (victim.server.database(), plan.retention.is_some(), plan.seed);
    let compared =
        tokio::task::spawn_blocking(move || checker::check(seed, &truth, &model, &callbacks, &database, is_pruned));
    let (compared, unequal) = compared.await.map_err(|error| Failure::new(error.to_string()))??;
    let mut violations = victim.violations;
    violations.extend(load.violations());
    violations.extend(wrong_callbacks);
    violations.extend(unequal);
    violations.extend(victim.server.panics().into_iter().map(|line| format!("the service panicked: {line}")));
    if !violations.is_empty() && is_mounted {
        // The file system goes with the run; what it holds is evidence.
        std::fs::copy(victim.server.database(), plan.folder.join("kept.db"))?;
    }
    use std::sync::atomic::Ordering::Relaxed;
    Ok(Outcome {
        totals: victim.totals,
        reads_joined: victim.server.reads_joined,
        compared,
        refused: load.refused.load(Relaxed),
        unanswered: load.unanswered.load(Relaxed),
        not_taken,
        length,
        is_mounted,
        violations,
    })
}

/// A file system of its own where the run fills it and may mount it.
fn disk(plan: &Plan) -> Result<Disk, Failure> {
    if !plan.faults.contains(&Fault::Full) {
        return Ok(Disk::plain());
    }
    Disk::mount(&plan.folder.join("data"), plan.disk_mebibytes).or_else(|error| {
        eprintln!("no file system of its own ({error}): the size of files is limited instead");
        Ok(Disk::plain())
    })
}

/// Waiting jobs have had no more attempts than they may.
async fn watch_attempts(victim: &mut Victim) {
    let database = victim.server.database();
    let live = tokio::task::spawn_blocking(move || store_rows::live(&database)).await;
    if let Ok(Ok((_, attempts))) = live
        && attempts > HASH_ATTEMPTS_MAX
    {
        victim.violations.push(format!("6: a job is at its attempt {attempts}"));
    }
}

/// Waits until nothing is left to do, then stops the service and has its store checked by the store's own code.
pub async fn come_to_rest(victim: &mut Victim) -> Result<(), Failure> {
    let began = Instant::now();
    loop {
        let database = victim.server.database();
        let live = tokio::task::spawn_blocking(move || store_rows::live(&database)).await;
        let left = live.map_err(|error| Failure::new(error.to_string()))?;
        if matches!(left, Ok((0, _))) {
            break;
        }
        if began.elapsed() > REST_WITHIN {
            victim.violations.push(format!("2: after {REST_WITHIN:?} there is still work: {left:?}"));
            break;
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    victim.server.count_joined().await;
    victim.measure();
    victim.server.signal(Signal::TERM)?;
    match victim.server.ended(Duration::from_secs(30)).await? {
        Some(status) if status.success() => {}
        other => victim.violations.push(format!("the last SIGTERM ended the service as {other:?}")),
    }
    let url = format!("sqlite:{}", victim.server.database().display());
    let (tell, told) = std::sync::mpsc::channel();
    let checked = hashlane_store::JobStore::check(&url, move |line| {
        let _ = tell.send(line.to_owned());
    });
    checked.await?;
    victim.violations.extend(told.iter().map(|line| format!("check finds: {line}")));
    Ok(())
}

/// Whether a folder is empty or absent, as a run needs it.
pub fn is_fresh(folder: &Path) -> bool {
    std::fs::read_dir(folder).map_or(true, |mut entries| entries.next().is_none())
}
