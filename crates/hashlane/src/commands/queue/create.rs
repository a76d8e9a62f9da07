//! `hashlane queue create`: another queue in the bucket, which the API of the original cannot make.

use std::process::ExitCode;

use hashlane_wire::queue::QueueUpdate;

use super::record::QueueRecord;
use crate::cli::queues::CreateArgs;
use crate::commands::connection;
use crate::failure::Failure;
use crate::runtime;

/// Makes the queue and prints its id.
pub(crate) fn run(args: &CreateArgs) -> Result<ExitCode, Failure> {
    QueueUpdate::check_name(&args.name).map_err(|error| Failure::cannot(format!("NAME: {}", error.message)))?;
    let connection = connection::open(&args.connection)?;
    let Some(admin) = &connection.admin else {
        return Err(super::no_admin(&connection, "making queues"));
    };
    runtime::of_client()?.block_on(async {
        let id = admin.create_queue(&connection.bucket, &args.name, args.bounds).await?;
        if args.json {
            crate::commands::print(&QueueRecord::new(super::describe(&connection, &id).await?).json())?;
        } else {
            crate::commands::print(&format!("{id}\n"))?;
        }
        Ok(ExitCode::SUCCESS)
    })
}
