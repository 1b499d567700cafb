//! The share of a processor that Lambda gives a function of 128 MB, by a control group of the kernel. Where this machine
//! permits none (another system, no root), there is nothing to measure, and that is said.

use std::fs;
use std::path::{Path, PathBuf};

/// The kernel hands out processor time in periods of so many microseconds.
const PERIOD: u32 = 20_000;
/// 128 of the 1769 MB that are one processor: <https://docs.aws.amazon.com/lambda/latest/dg/configuration-memory.html>
const QUOTA: u32 = PERIOD * 128 / 1769;

/// A control group with that share.
pub(crate) struct Share(PathBuf);

impl Share {
    /// Makes one; `None` where it cannot be made.
    pub(crate) fn open() -> Option<Self> {
        let name = format!("ecr-compliance-bench-{}", std::process::id());
        let first = Path::new("/sys/fs/cgroup/cpu").join(&name);
        let second = Path::new("/sys/fs/cgroup").join(&name);
        Self::limited(first, &[("cpu.cfs_period_us", PERIOD.to_string()), ("cpu.cfs_quota_us", QUOTA.to_string())])
            .or_else(|| Self::limited(second, &[("cpu.max", format!("{QUOTA} {PERIOD}"))]))
    }

    fn limited(folder: PathBuf, settings: &[(&str, String)]) -> Option<Self> {
        fs::create_dir(&folder).ok()?;
        let share = Self(folder);
        // The file of a group that cannot limit processors is missing, and must not be made as an ordinary one.
        let set = |(file, value): &(&str, String)| share.0.join(file).exists() && share.write(file, value);
        settings.iter().all(set).then_some(share)
    }

    /// Puts a process into it, with all its threads. Whether that was possible.
    pub(crate) fn take(&self, process: u32) -> bool {
        self.write("cgroup.procs", &process.to_string())
    }

    fn write(&self, file: &str, value: &str) -> bool {
        fs::write(self.0.join(file), value).is_ok()
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        let _ = fs::remove_dir(&self.0);
    }
}
