//! Ping: proves that the store can write; that it can read is proved on the way.

use super::Writer;
use crate::batch::{Fault, Verb};

pub(super) struct Ping;

impl Verb<Writer> for Ping {
    type Answer = ();

    fn apply(&self, writer: &mut Writer) -> Result<(), Fault> {
        let now = writer.options.wall.now().unix_millis();
        writer.connection.prepare_cached(include_str!("ping.sql"))?.execute([now])?;
        Ok(())
    }
}
