//! The `deployer` program: choose the TLS provider, parse the command line, run, report. Nothing else belongs here.

use std::process::ExitCode;

use clap::Parser;
use deployer::{Cli, console::Console};

#[tokio::main]
async fn main() -> ExitCode {
    // Every TLS user in this process (AWS SDK, kube, reqwest) shares one provider; the first use without one panics.
    // An error only says that one is installed already.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let cli = Cli::parse();
    let mut console = Console::standard(cli.global.yes, cli.global.output);
    match deployer::run(cli, &mut console).await {
        Ok(code) => code.into(),
        Err(failure) => {
            console.failure(&failure);
            failure.code.into()
        }
    }
}
