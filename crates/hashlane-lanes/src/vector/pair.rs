//! Two vectors side by side as one: interleaved groups of lanes.
//!
//! Every operation is done on one group and then on the other, so that the core works on one while it waits for the
//! other. The compiler's scheduler does the rest; no algorithm knows of it. What is left out on purpose: loops and closures,
//! since a call that is not inlined into the function that enables the instructions costs more than all else.

use crate::vector::Vector;

/// Two vectors. The lanes of the first come first.
#[derive(Clone, Copy)]
pub(crate) struct Pair<V>(V, V);

impl<V: Vector> Vector for Pair<V> {
    type Word = V::Word;
    type Proof = V::Proof;
    const LANES: usize = V::LANES * 2;

    #[inline(always)]
    fn from_words(proof: V::Proof, words: &[V::Word]) -> Self {
        Pair(V::from_words(proof, words), V::from_words(proof, &words[V::LANES..]))
    }

    #[inline(always)]
    fn to_words(self, words: &mut [V::Word]) {
        self.0.to_words(words);
        self.1.to_words(&mut words[V::LANES..]);
    }

    #[inline(always)]
    fn message(proof: V::Proof, inputs: &[&[u8]], offset: usize, big_endian: bool) -> [Self; 16] {
        let first = V::message(proof, &inputs[..V::LANES], offset, big_endian);
        let second = V::message(proof, &inputs[V::LANES..], offset, big_endian);
        let mut message = [Pair(first[0], second[0]); 16];
        for (word, groups) in message.iter_mut().zip(first.into_iter().zip(second)) {
            *word = Pair(groups.0, groups.1);
        }
        message
    }

    #[inline(always)]
    fn add(self, other: Self) -> Self {
        Pair(self.0.add(other.0), self.1.add(other.1))
    }

    #[inline(always)]
    fn and(self, other: Self) -> Self {
        Pair(self.0.and(other.0), self.1.and(other.1))
    }

    #[inline(always)]
    fn or(self, other: Self) -> Self {
        Pair(self.0.or(other.0), self.1.or(other.1))
    }

    #[inline(always)]
    fn xor(self, other: Self) -> Self {
        Pair(self.0.xor(other.0), self.1.xor(other.1))
    }

    #[inline(always)]
    fn and_not(self, other: Self) -> Self {
        Pair(self.0.and_not(other.0), self.1.and_not(other.1))
    }

    #[inline(always)]
    fn plus(self, word: V::Word) -> Self {
        Pair(self.0.plus(word), self.1.plus(word))
    }

    #[inline(always)]
    fn not(self) -> Self {
        Pair(self.0.not(), self.1.not())
    }

    #[inline(always)]
    fn rotate_left<const N: u32>(self) -> Self {
        Pair(self.0.rotate_left::<N>(), self.1.rotate_left::<N>())
    }

    #[inline(always)]
    fn rotate_right<const N: u32>(self) -> Self {
        Pair(self.0.rotate_right::<N>(), self.1.rotate_right::<N>())
    }

    #[inline(always)]
    fn shift_right<const N: u32>(self) -> Self {
        Pair(self.0.shift_right::<N>(), self.1.shift_right::<N>())
    }

    // The provided operations are passed on too, since an instruction set may have its own.

    #[inline(always)]
    fn choose(self, one: Self, zero: Self) -> Self {
        Pair(self.0.choose(one.0, zero.0), self.1.choose(one.1, zero.1))
    }

    #[inline(always)]
    fn majority(self, second: Self, third: Self) -> Self {
        Pair(self.0.majority(second.0, third.0), self.1.majority(second.1, third.1))
    }

    #[inline(always)]
    fn xor3(self, second: Self, third: Self) -> Self {
        Pair(self.0.xor3(second.0, third.0), self.1.xor3(second.1, third.1))
    }

    #[inline(always)]
    fn xor_or_not(self, one: Self, other: Self) -> Self {
        Pair(self.0.xor_or_not(one.0, other.0), self.1.xor_or_not(one.1, other.1))
    }

    #[inline(always)]
    fn add_choose(self, mask: Self, one: Self, zero: Self) -> Self {
        Pair(self.0.add_choose(mask.0, one.0, zero.0), self.1.add_choose(mask.1, one.1, zero.1))
    }
}
