//! The binary: reads the command line and hands over to the command.

mod admin;
mod cli;
mod commands;
mod config;
mod credentials;
mod failure;
mod log;
mod paste;
mod runtime;
mod service;

use std::io::Write;
use std::process::ExitCode;

use clap::Parser;

use cli::deliveries::{CallbackCommand, DeliveriesCommand};
use cli::queues::QueueCommand;
use cli::{Cli, Command, ConfigCommand, JobCommand};
use failure::Failure;

fn main() -> ExitCode {
    run(Cli::parse()).unwrap_or_else(|failure| {
        let _ = writeln!(std::io::stderr(), "hashlane: {failure}");
        failure.exit_code()
    })
}

fn run(cli: Cli) -> Result<ExitCode, Failure> {
    match cli.command {
        Command::Demo(args) => commands::demo::run(&args),
        Command::Serve(args) => commands::serve::run(&args),
        Command::Sum(args) => commands::sum::run(&args),
        Command::Job(JobCommand::Submit(args)) => commands::job::submit::run(&args),
        Command::Job(JobCommand::Get(args)) => commands::job::get::run(&args),
        Command::Job(JobCommand::Wait(args)) => commands::job::wait::run(&args),
        Command::Job(JobCommand::List(args)) => commands::job::list::run(&args),
        Command::Job(JobCommand::Cancel(args)) => commands::job::cancel::run(&args),
        Command::Job(JobCommand::Deliveries(args)) => commands::job::deliveries::run(&args),
        Command::Deliveries(DeliveriesCommand::List(args)) => commands::deliveries::list::run(&args),
        Command::Deliveries(DeliveriesCommand::Replay(args)) => commands::deliveries::replay::run(&args),
        Command::Callback(CallbackCommand::Test(args)) => commands::callback::run(&args),
        Command::Queue(QueueCommand::List(args)) => commands::queue::list::run(&args),
        Command::Queue(QueueCommand::Update(args)) => commands::queue::update::run(&args),
        Command::Queue(QueueCommand::Create(args)) => commands::queue::create::run(&args),
        Command::Config(ConfigCommand::Check(args)) => commands::config::check(&args),
        Command::Config(ConfigCommand::Show(args)) => commands::config::show(&args),
        Command::Migrate(args) => commands::migrate::run(&args),
        Command::Backup(args) => commands::backup::run(&args),
        Command::Check(args) => commands::check::run(&args),
        Command::Completions { shell } => commands::completions::run(shell),
    }
}
