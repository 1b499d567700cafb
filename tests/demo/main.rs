//! `demo`: the product at work on a local world, told for a person. `demo` plays the story and tears everything down,
//! on Ctrl-C and on failure too; with `KEEP=1` it leaves the world running, which `demo stop` ends.

mod narrator;
mod stage;
mod tale;

use std::process::ExitCode;

use narrator::Narrator;
use stage::Ending;

#[tokio::main]
async fn main() -> ExitCode {
    let mut narrator = Narrator::new();
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let ending = match arguments.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        [] => stage::play(&mut narrator, std::env::var("KEEP").is_ok_and(|keep| keep == "1")).await,
        ["stop"] => stage::stop(&mut narrator).await,
        _ => Ending::Failed(local_world::trouble::Trouble::new("usage: demo [stop]")),
    };
    match ending {
        Ending::Well => ExitCode::SUCCESS,
        Ending::Failed(trouble) => {
            narrator.bad(&trouble.to_string());
            ExitCode::FAILURE
        }
        Ending::Interrupted => ExitCode::from(130),
    }
}
