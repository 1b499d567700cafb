//! One function's process, and what it costs the machine (Linux: read from `/proc`).

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::ecr::{ACCOUNT, Ecr, REGION};
use crate::processor::Processors;
use crate::runtime_api::{Answer, RuntimeApi};
use crate::trouble::{Context, Result};

/// Of the secret in lambda/fixtures/event.json.
const CALLER: &str = "blue=2a8abfa8cb9906290437854193ca6bca41d4d4e26d1d454bd66a35158095e737";

/// As the stack's template sets it.
const TUNABLES: &str = "glibc.malloc.mmap_threshold=1048576:glibc.malloc.trim_threshold=4194304";

/// What is measured.
#[derive(Clone)]
pub(crate) struct Program {
    pub(crate) binary: PathBuf,
    /// Where it runs.
    pub(crate) processors: Option<Processors>,
}

/// It, running.
pub(crate) struct Running {
    api: RuntimeApi,
    process: Child,
    /// From the start of the process to its first question for an event.
    pub(crate) init: Duration,
}

impl Program {
    /// Size of its binary in bytes.
    pub(crate) fn size(&self) -> Result<u64> {
        Ok(fs::metadata(&self.binary).while_doing("reading the size of a binary")?.len())
    }

    /// Starts it and waits until it is ready.
    pub(crate) fn start(&self, ecr: &Ecr, folder: &Path) -> Result<Running> {
        let api = RuntimeApi::start()?;
        let mut command = Command::new(&self.binary);
        command
            .env_clear()
            .env("AWS_LAMBDA_RUNTIME_API", api.address.to_string())
            .env("AWS_LAMBDA_FUNCTION_NAME", "webhook")
            .env("AWS_LAMBDA_FUNCTION_VERSION", "1")
            .env("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "256")
            .env("LAMBDA_TASK_ROOT", folder)
            .env("AWS_REGION", REGION)
            .env("AWS_ACCESS_KEY_ID", "test")
            .env("AWS_SECRET_ACCESS_KEY", "test")
            .env("AWS_ENDPOINT_URL_ECR", ecr.endpoint())
            .env("SSL_CERT_FILE", &ecr.bundle)
            .env("OWN_ACCOUNT_ID", ACCOUNT)
            .env("CALLER_DIGESTS", CALLER)
            .env("GLIBC_TUNABLES", TUNABLES)
            .stdin(Stdio::null())
            .stdout(Stdio::null());
        let (started, process) = Processors::for_a_function(self.processors, || (Instant::now(), command.spawn()));
        let process = process.while_doing("starting a function")?;
        let mut running = Running { api, process, init: Duration::ZERO };
        running.init = running.api.ready()? - started;
        Ok(running)
    }
}

impl Running {
    /// One event, one answer.
    pub(crate) fn invoke(&self, event: &[u8]) -> Result<Answer> {
        self.api.invoke(event)
    }

    /// The process's number.
    pub(crate) fn id(&self) -> u32 {
        self.process.id()
    }

    /// Resident memory in bytes, the libraries it shares with others included.
    pub(crate) fn resident(&self) -> Result<u64> {
        let status = self.read("status")?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).ok_or("no VmRSS")?;
        let kib: u64 = line.trim_end_matches("kB").trim().parse().while_doing("reading VmRSS")?;
        Ok(kib * 1024)
    }

    /// Processor time of all its threads so far.
    pub(crate) fn cpu(&self) -> Result<Duration> {
        let tasks = fs::read_dir(format!("/proc/{}/task", self.process.id())).while_doing("listing threads")?;
        let mut nanos = 0;
        for task in tasks.flatten() {
            let text = fs::read_to_string(task.path().join("schedstat")).while_doing("reading processor time")?;
            let first = text.split(' ').next().unwrap_or_default();
            nanos += first.parse::<u64>().while_doing("reading processor time")?;
        }
        Ok(Duration::from_nanos(nanos))
    }

    fn read(&self, name: &str) -> Result<String> {
        fs::read_to_string(format!("/proc/{}/{name}", self.process.id())).while_doing("reading a process's figures")
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
