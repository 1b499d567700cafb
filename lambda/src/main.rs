//! Cold start only: settings, clients, run.

use std::process::ExitCode;
use std::sync::Arc;

use lambda::log::{Level, Log};
use lambda::{handler::Webhook, panic, settings::Settings};
use serde_json::json;
use wire::event;

#[tokio::main(flavor = "current_thread")] // one request at a time: more threads only cost
async fn main() -> ExitCode {
    panic::log_places(Log::stdout(Level::Error));
    // In a task of its own: waking the one that `main` is takes a system call each time. A panic has logged its place.
    tokio::spawn(serve()).await.unwrap_or(ExitCode::FAILURE)
}

async fn serve() -> ExitCode {
    let log = Log::stdout(Level::Error);
    let settings = match Settings::from_env() {
        Ok(settings) => settings,
        Err(errors) => return log.fatal("the settings are wrong", json!({ "errors": errors.0 })),
    };
    let webhook = match Webhook::start(settings).await {
        Ok(webhook) => Arc::new(webhook),
        Err(error) => return log.fatal("TLS cannot be set up", json!({ "error": error.to_string() })),
    };
    match event::serve(webhook).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => log.fatal("the runtime ended", json!({ "error": error.to_string() })),
    }
}
