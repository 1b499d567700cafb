//! Who runs where: a function on a processor of its own, everything around it on another. Left to the kernel, the two now
//! share one and now do not, for seconds at a time, and a round trip takes half as long again. Where there is but one
//! processor, or the kernel permits nothing, everything runs anywhere.

use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

/// The processors that this process may use, when there are two.
#[derive(Clone, Copy)]
pub(crate) struct Processors {
    own: usize,
    functions: usize,
}

impl Processors {
    /// Takes one for the benchmark itself: this thread, and those it will start.
    pub(crate) fn share() -> Option<Self> {
        let allowed = sched_getaffinity(None).ok()?;
        let mut numbers = (0..CpuSet::MAX_CPU).filter(|number| allowed.is_set(*number));
        let processors = Self { own: numbers.next()?, functions: numbers.next_back()? };
        stay_on(processors.own).then_some(processors)
    }

    /// Runs `start`; what it starts runs on the functions' processor from its first instruction on.
    pub(crate) fn for_a_function<T>(this: Option<Self>, start: impl FnOnce() -> T) -> T {
        let Some(Self { own, functions }) = this else { return start() };
        stay_on(functions);
        let started = start();
        stay_on(own);
        started
    }
}

fn stay_on(number: usize) -> bool {
    let mut one = CpuSet::new();
    one.set(number);
    sched_setaffinity(None, &one).is_ok()
}
