//! Derivatives of every slot: memory, and many products in few sweeps.

use std::ops::{IndexMut, Range};

use crate::program::code::Code;
use crate::program::sums::Along;
use crate::real::Real;

/// What sweeps leave for each slot.
#[derive(Debug)]
pub(super) struct Tables<T: Real> {
    pub(super) tangents: Vec<T>,
    pub(super) adjoints: Vec<T>,
    /// The tangents of the adjoints.
    pub(super) second: Vec<T>,
    /// The adjoints of two sweeps at once.
    pairs: Vec<[T; 2]>,
    /// The tangents along several directions.
    tangents_of_several: Vec<T::Few>,
    /// The adjoints of several sweeps at once; or the tangents of the adjoints along several directions.
    several: Vec<T::Few>,
}

impl<T: Real> Default for Tables<T> {
    fn default() -> Self {
        Self {
            tangents: Vec::new(),
            adjoints: Vec::new(),
            second: Vec::new(),
            pairs: Vec::new(),
            tangents_of_several: Vec::new(),
            several: Vec::new(),
        }
    }
}

impl<T: Real> Tables<T> {
    /// The tangents along several directions, each of which is given by the inputs where it is 1.
    ///
    /// `each` gets some of the directions, the tangents of all slots along the first of these and then the others, and how many numbers
    /// after a slot's first tangent that of the next slot stands.
    pub(super) fn jvps(
        &mut self,
        code: &Code,
        values: &[T],
        directions: &[impl AsRef<[u32]>],
        mut each: impl FnMut(Range<usize>, &[T], usize),
    ) {
        for (k, group) in directions.chunks(T::LANES).enumerate() {
            let first = k * T::LANES;
            if let [only] = group {
                let tangents = cleared(&mut self.tangents, code.slots());
                for &input in only.as_ref() {
                    tangents[input as usize] = T::one();
                }
                T::push(code, values, tangents);
                each(first..first + 1, tangents, 1);
            } else {
                let tangents = cleared(&mut self.tangents_of_several, code.slots());
                plant_inputs::<T>(group, tangents);
                T::push_several(code, values, tangents);
                each(first..first + group.len(), T::flat(tangents), T::LANES);
            }
        }
    }

    /// The adjoints of the inputs for several seeds, each of which is given by the outputs where it is 1; as [`Tables::jvps`] gives
    /// tangents.
    pub(super) fn vjps(
        &mut self,
        code: &Code,
        values: &[T],
        seeds: &[impl AsRef<[u32]>],
        mut each: impl FnMut(Range<usize>, &[T], usize),
    ) {
        let mut first = 0;
        while first < seeds.len() {
            let group = &seeds[first..seeds.len().min(first + T::LANES)];
            // Two cost little more than one; the widest registers are slow to load and store for so few.
            let count = match group.len() {
                1 => {
                    let adjoints = cleared(&mut self.adjoints, code.slots());
                    for &output in group[0].as_ref() {
                        adjoints[code.outputs[output as usize] as usize] += T::one();
                    }
                    T::pull(code, values, adjoints);
                    each(first..first + 1, &adjoints[..code.inputs], 1);
                    1
                }
                2 | 3 => {
                    let pairs = cleared(&mut self.pairs, code.slots());
                    plant_outputs(&code.outputs, &group[..2], pairs);
                    T::pull_two(code, values, pairs);
                    each(first..first + 2, pairs[..code.inputs].as_flattened(), 2);
                    2
                }
                all => {
                    let adjoints = cleared(&mut self.several, code.slots());
                    plant_outputs::<T, _>(&code.outputs, group, adjoints);
                    T::pull_several(code, values, adjoints);
                    let adjoints = T::flat(&adjoints[..code.inputs]);
                    each(first..first + all, adjoints, T::LANES);
                    all
                }
            };
            first += count;
        }
    }

    /// The products of an output's Hessian with several directions, each of which is given by the inputs where it is 1; `each` gets a
    /// direction, its place among those of its group, and the group's products.
    pub(super) fn hvps(
        &mut self,
        code: &Code,
        values: &[T],
        output: usize,
        directions: &[impl AsRef<[u32]>],
        mut each: impl FnMut(usize, usize, &[T::Few]),
    ) {
        for (k, group) in directions.chunks(T::LANES).enumerate() {
            let tangents = cleared(&mut self.tangents_of_several, code.slots());
            plant_inputs::<T>(group, tangents);
            T::push_several(code, values, tangents);
            let adjoints = cleared(&mut self.adjoints, code.slots());
            adjoints[output] = T::one();
            let second = cleared(&mut self.several, code.slots());
            T::pull_twice_several(code, values, tangents, (adjoints, second));
            for lane in 0..group.len() {
                each(k * T::LANES + lane, lane, &self.several[..code.inputs]);
            }
        }
    }
}

/// The table, of so many zeros.
pub(super) fn cleared<T, V: Along<T>>(table: &mut Vec<V>, len: usize) -> &mut [V] {
    table.clear();
    table.resize(len, V::none());
    table
}

/// Adds 1 to the adjoint of each output that a seed names.
fn plant_outputs<T: Real, V: IndexMut<usize, Output = T>>(
    outputs: &[u32],
    seeds: &[impl AsRef<[u32]>],
    adjoints: &mut [V],
) {
    for (lane, ones) in seeds.iter().enumerate() {
        for &output in ones.as_ref() {
            adjoints[outputs[output as usize] as usize][lane] += T::one();
        }
    }
}

/// Writes 1 into each direction's tangents of the inputs that it names.
fn plant_inputs<T: Real>(directions: &[impl AsRef<[u32]>], tangents: &mut [T::Few]) {
    for (lane, ones) in directions.iter().enumerate() {
        for &input in ones.as_ref() {
            tangents[input as usize][lane] = T::one();
        }
    }
}
