//! The running digests of an algorithm whose messages go side by side: chaining values, and the kernels for them.

use crate::Platform;
use crate::algorithm::Compression;
use crate::digest;
use crate::kernel::{Chain, Inputs, Ladder, Scratch, pad};
use crate::platform;
use crate::running::{Group, Method, Running, Value};
use crate::slot::Slot;
use crate::word::Word;

/// The chaining value of each slot.
pub(crate) struct Chained<C: Compression> {
    ladder: Ladder<C::Word>,
    chains: Vec<Chain<C::Word>>,
}

impl<C: Compression> Method for Chained<C> {
    const NAME: &'static str = C::NAME;
    const DIGEST_BYTES: usize = C::WORDS * C::Word::BYTES;
    const BLOCK_BYTES: usize = C::Word::BLOCK_BYTES;
    const RESUMABLE: bool = true;

    fn pad(area: &mut [u8], rest: usize, message_bytes: u64) -> usize {
        pad::<C>(area, rest, message_bytes)
    }

    fn alone() -> Box<dyn Running> {
        Box::new(Chained::<C> { ladder: platform::alone::<C>(), chains: vec![C::INITIAL] })
    }

    fn lanes(platform: Platform, slots: usize) -> Box<dyn Running> {
        Box::new(Chained::<C> { ladder: platform.ladder::<C>(), chains: vec![C::INITIAL; slots] })
    }
}

impl<C: Compression> Running for Chained<C> {
    fn begin(&mut self, slot: Slot) {
        self.chains[slot.index()] = C::INITIAL;
    }

    fn resume(&mut self, slot: Slot, value: &[u8]) {
        let words = value.chunks_exact(C::Word::BYTES).map(|bytes| C::Word::read(bytes, C::BIG_ENDIAN));
        let chain = &mut self.chains[slot.index()];
        *chain = C::INITIAL;
        chain.iter_mut().zip(words).for_each(|(word, read)| *word = read);
    }

    fn value(&self, slot: Slot) -> Value {
        let mut value = [0; digest::BYTES_MAX];
        let words = self.chains[slot.index()].iter().take(C::WORDS);
        for (bytes, word) in value.chunks_exact_mut(C::Word::BYTES).zip(words) {
            word.write(bytes, C::BIG_ENDIAN);
        }
        value
    }

    fn run_one(&mut self, slot: Slot, bytes: &[u8]) {
        (self.ladder.single)(&mut self.chains[slot.index()], bytes);
    }

    fn group(&self, busy: usize) -> Option<Group> {
        self.ladder.group(busy)
    }

    fn run_group(&mut self, group: Group, slots: &[Slot], inputs: &Inputs<'_>, scratch: &mut Scratch) {
        let chains = C::Word::chains(scratch);
        for (lane, slot) in slots.iter().enumerate() {
            chains.set_lane(lane, &self.chains[slot.index()]);
        }
        (self.ladder.wide[group.rung].run)(chains, inputs);
        for (lane, slot) in slots.iter().enumerate() {
            self.chains[slot.index()] = chains.lane(lane);
        }
    }

    fn degree(&self) -> usize {
        self.ladder.degree()
    }

    fn duplicate(&self) -> Box<dyn Running> {
        Box::new(Chained::<C> { ladder: self.ladder.clone(), chains: self.chains.clone() })
    }
}
