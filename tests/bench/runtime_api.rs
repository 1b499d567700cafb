//! The Lambda Runtime API as one function sees it, with a clock at the wire.
//!
//! <https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html>. Time runs from just before the event leaves until
//! the whole answer is there: the function's own work and the runtime's, and nothing of AWS around them.

use std::io::BufReader;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant, SystemTime};

use crate::http::{Message, message, send};
use crate::trouble::{Context, Result};

/// A function that does not answer by then never will.
const PATIENCE: Duration = Duration::from_secs(30);
/// What the runtime is told about the time it has.
const FUNCTION_TIMEOUT: Duration = Duration::from_secs(4);

/// The Runtime API of one function.
pub(crate) struct RuntimeApi {
    /// For `AWS_LAMBDA_RUNTIME_API`.
    pub(crate) address: SocketAddr,
    events: Sender<Vec<u8>>,
    told: Receiver<Told>,
}

/// What the function did.
enum Told {
    /// It asks for an event: it is ready.
    Ready(Instant),
    /// An event is on its way.
    Sent(Instant),
    /// It answered with this.
    Answered(Instant, Result<Vec<u8>>),
}

/// One answer.
pub(crate) struct Answer {
    pub(crate) took: Duration,
    pub(crate) body: Vec<u8>,
}

impl RuntimeApi {
    pub(crate) fn start() -> Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).while_doing("opening the Runtime API")?;
        let address = listener.local_addr().while_doing("reading the Runtime API's address")?;
        let (events, waiting) = channel();
        let (tell, told) = channel();
        let waiting = Arc::new(Mutex::new(waiting));
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (waiting, tell) = (Arc::clone(&waiting), tell.clone());
                // A function that ends closes its connections; that is no error here.
                std::thread::spawn(move || drop(speak(&stream, &waiting, &tell)));
            }
        });
        Ok(Self { address, events, told })
    }

    /// Waits until the function asks for its first event; the moment it did.
    pub(crate) fn ready(&self) -> Result<Instant> {
        loop {
            if let Told::Ready(at) = self.next()? {
                return Ok(at);
            }
        }
    }

    /// Hands over one event and takes the answer. The function must be ready.
    pub(crate) fn invoke(&self, event: &[u8]) -> Result<Answer> {
        self.events.send(event.to_vec()).while_doing("handing over an event")?;
        let mut sent = None;
        loop {
            match self.next()? {
                Told::Sent(at) => sent = Some(at),
                Told::Answered(at, body) => {
                    let sent = sent.ok_or("an answer came before the event was sent")?;
                    return Ok(Answer { took: at - sent, body: body? });
                }
                Told::Ready(_) => (),
            }
        }
    }

    fn next(&self) -> Result<Told> {
        self.told.recv_timeout(PATIENCE).while_doing("waiting for the function")
    }
}

fn speak(stream: &TcpStream, waiting: &Mutex<Receiver<Vec<u8>>>, tell: &Sender<Told>) -> Result<()> {
    stream.set_nodelay(true).while_doing("setting up a connection")?;
    let (mut reader, mut writer) = (BufReader::new(stream), stream);
    while let Some(request) = Message::read(&mut reader)? {
        let now = Instant::now();
        if request.start.starts_with("GET ") {
            let _ = tell.send(Told::Ready(now));
            let event =
                waiting.lock().while_doing("waiting for an event")?.recv().while_doing("waiting for an event")?;
            let bytes = next_event(&event)?;
            let _ = tell.send(Told::Sent(Instant::now()));
            send(&mut writer, &bytes)?;
        } else {
            let _ = tell.send(Told::Answered(now, answer(request)));
            send(&mut writer, &message("HTTP/1.1 202 Accepted", &[], b"{}"))?;
        }
    }
    Ok(())
}

/// The path says whether it is an answer or an error.
fn answer(request: Message) -> Result<Vec<u8>> {
    if request.start.contains("/response ") {
        return Ok(request.body);
    }
    Err(format!("the function failed: {} {}", request.start, String::from_utf8_lossy(&request.body)))
}

fn next_event(event: &[u8]) -> Result<Vec<u8>> {
    let deadline = SystemTime::now() + FUNCTION_TIMEOUT;
    let deadline = deadline.duration_since(SystemTime::UNIX_EPOCH).while_doing("reading the clock")?;
    let headers = [
        ("content-type", "application/json"),
        ("lambda-runtime-aws-request-id", "8476a536-e9f4-11e8-9739-2dfe598c3fcd"),
        ("lambda-runtime-deadline-ms", &deadline.as_millis().to_string()),
        ("lambda-runtime-invoked-function-arn", "arn:aws:lambda:eu-west-1:111122223333:function:webhook"),
        ("lambda-runtime-trace-id", "Root=1-5bef4de7-ad49b0e87f6ef6c87fc2e700;Sampled=0"),
    ];
    Ok(message("HTTP/1.1 200 OK", &headers, event))
}
