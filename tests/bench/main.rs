//! `make bench`: the webhook as it is shipped against a Lambda function that does nothing, in the same minute.
//!
//! It prints a table and never fails for a figure: those differ from machine to machine. Whether a verdict behind a
//! figure was right is checked, and a wrong one ends the run. Linux only, for it reads `/proc`.

mod ecr;
mod http;
mod measure;
mod processor;
mod program;
mod reviews;
mod runtime_api;
mod share;
mod table;
mod trouble;

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use crate::ecr::Ecr;
use crate::measure::Bench;
use crate::processor::Processors;
use crate::program::Program;
use crate::reviews::Reviews;
use crate::trouble::{Context, Result};

fn main() -> ExitCode {
    match run() {
        Ok(table) => {
            let _ = std::io::stdout().write_all(table.as_bytes());
            ExitCode::SUCCESS
        }
        Err(trouble) => {
            let _ = writeln!(std::io::stderr(), "error: {trouble}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<String> {
    let webhook = std::env::var_os("FUNCTION").map(PathBuf::from).ok_or("FUNCTION names no binary: run make bench")?;
    let floor = std::env::current_exe().while_doing("looking for myself")?.with_file_name("floor");
    let folder = std::env::temp_dir().join(format!("ecr-compliance-bench-{}", std::process::id()));
    std::fs::create_dir_all(&folder).while_doing("making a temporary folder")?;
    let figures = measure(webhook, floor, &folder);
    std::fs::remove_dir_all(&folder).while_doing("removing the temporary folder")?;
    figures
}

fn measure(webhook: PathBuf, floor: PathBuf, folder: &Path) -> Result<String> {
    let processors = Processors::share();
    let ecr = Ecr::start(folder)?;
    let bench = Bench {
        webhook: Program { binary: webhook, processors },
        floor: Program { binary: floor, processors },
        ecr: &ecr,
        reviews: Reviews::load(Path::new("."))?,
        folder,
    };
    let figures = bench.run(&mut |what| {
        let _ = writeln!(std::io::stderr(), "==> {what}");
    })?;
    Ok(table::markdown(&figures))
}
