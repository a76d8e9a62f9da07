//! One algorithm's lanes: which of them can run, and running them.
//!
//! What it leaves out on purpose: what follows for a message when a lane has used up its blocks; `lanes.rs` says that.

use std::ops::Range;

use crate::chunks::Chunks;
use crate::kernel::{DEGREE_MAX, Inputs, Scratch};
use crate::running::{Group, Running};
use crate::slot::Slot;

/// One algorithm, with its lane in every slot.
pub(crate) struct Row {
    pub(crate) running: Box<dyn Running>,
    pub(crate) lanes: Vec<Lane>,
    /// How many slots have asked for it: where that is none, a step need not look at the lanes.
    pub(crate) asked: usize,
    /// The slot with which the next step begins.
    next: usize,
}

/// One algorithm's way through one slot's piece of the buffer.
#[derive(Clone, Default)]
pub(crate) struct Lane {
    /// Whole blocks that wait to be run. When there are none it stands where the next ones will begin.
    pub(crate) blocks: Range<usize>,
    /// Padding that does not follow them, to be run after them.
    pub(crate) padding: Range<usize>,
}

impl Lane {
    /// Whether blocks wait, after turning to the padding when the others are used up.
    pub(crate) fn has_more(&mut self) -> bool {
        if self.blocks.is_empty() && !self.padding.is_empty() {
            self.blocks = std::mem::take(&mut self.padding);
        }
        !self.blocks.is_empty()
    }
}

impl Row {
    /// A lane for every slot.
    pub(crate) fn new(running: Box<dyn Running>, slots: usize) -> Row {
        Row { running, lanes: vec![Lane::default(); slots], asked: 0, next: 0 }
    }

    /// Runs what is best with the lanes that have blocks waiting: as many full groups as there are, or all of them in one
    /// group when they do not fill it, or one after the other when they are few. Returns those that ran.
    pub(crate) fn run_some<'a>(
        &mut self,
        ready: &'a mut Vec<Slot>,
        chunks: &Chunks,
        scratch: &mut Scratch,
    ) -> &'a [Slot] {
        self.list_ready(ready);
        let ran = match self.running.group(ready.len()) {
            None => {
                ready.iter().for_each(|slot| self.run_one(*slot, chunks));
                &ready[..]
            }
            Some(group) if ready.len() < group.degree => {
                self.run_group(group, ready, chunks, scratch);
                &ready[..]
            }
            Some(group) => {
                let groups = ready.chunks_exact(group.degree);
                let ran = ready.len() - groups.remainder().len();
                groups.for_each(|slots| self.run_group(group, slots, chunks, scratch));
                &ready[..ran]
            }
        };
        if let Some(last) = ran.last() {
            self.next = (last.index() + 1) % self.lanes.len();
        }
        ran
    }

    /// The lanes that have blocks waiting, beginning with the one that was left over longest.
    fn list_ready(&self, ready: &mut Vec<Slot>) {
        let waiting = |slot: &usize| !self.lanes[*slot].blocks.is_empty();
        ready.clear();
        ready.extend((self.next..self.lanes.len()).filter(waiting).map(|slot| Slot(slot as u16)));
        ready.extend((0..self.next).filter(waiting).map(|slot| Slot(slot as u16)));
    }

    /// Runs all waiting blocks of one lane.
    pub(crate) fn run_one(&mut self, slot: Slot, chunks: &Chunks) {
        let lane = &mut self.lanes[slot.index()];
        self.running.run_one(slot, &chunks.piece(slot.index())[lane.blocks.clone()]);
        lane.blocks.start = lane.blocks.end;
    }

    /// Runs a group of lanes, at most the kernel's degree and at least one, for their shortest common run.
    fn run_group(&mut self, group: Group, slots: &[Slot], chunks: &Chunks, scratch: &mut Scratch) {
        let bytes = slots.iter().map(|slot| self.lanes[slot.index()].blocks.len()).min().unwrap_or(0);
        let input = |slot: Slot| &chunks.piece(slot.index())[self.lanes[slot.index()].blocks.start..][..bytes];
        let mut inputs: Inputs<'_> = [input(slots[0]); DEGREE_MAX];
        for (lane, slot) in inputs.iter_mut().zip(slots) {
            *lane = input(*slot);
        }
        self.running.run_group(group, slots, &inputs, scratch);
        for slot in slots {
            self.lanes[slot.index()].blocks.start += bytes;
        }
    }
}
