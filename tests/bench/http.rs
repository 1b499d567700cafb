//! The little of HTTP/1.1 that a stand-in with blocking streams needs: one message in, one message out.
//!
//! Every connection sets `TCP_NODELAY`; without it a false 40 ms appears. Bodies have a `Content-Length`: what is
//! measured here never sends another kind, and one that did would end the run with a sentence.

use std::io::{BufRead, Write};

use crate::trouble::{Context, Result};

/// A request or a response.
pub(crate) struct Message {
    /// `GET /path HTTP/1.1`, `HTTP/1.1 200 OK`.
    pub(crate) start: String,
    /// Names in lower case.
    headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Message {
    /// Reads the next one; `None` when the other side has closed the connection.
    pub(crate) fn read(stream: &mut impl BufRead) -> Result<Option<Self>> {
        let start = line(stream)?;
        if start.is_empty() {
            return Ok(None);
        }
        let mut headers = Vec::new();
        loop {
            let line = line(stream)?;
            let Some((name, value)) = line.split_once(':') else { break };
            headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
        }
        let mut message = Self { start, headers, body: Vec::new() };
        if message.header("transfer-encoding").is_some() {
            return Err("a chunked body came, which this stand-in does not read".to_owned());
        }
        let length = message.header("content-length").map_or(Ok(0), str::parse).while_doing("reading a length")?;
        message.body = vec![0; length];
        stream.read_exact(&mut message.body).while_doing("reading a body")?;
        Ok(Some(message))
    }

    /// The value of the header `name`, given in lower case.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}

fn line(stream: &mut impl BufRead) -> Result<String> {
    let mut line = String::new();
    stream.read_line(&mut line).while_doing("reading a line")?;
    Ok(line.trim_end().to_owned())
}

/// A whole message, so that it leaves in one piece.
pub(crate) fn message(start: &str, headers: &[(&str, &str)], body: &[u8]) -> Vec<u8> {
    let mut bytes = format!("{start}\r\ncontent-length: {}\r\n", body.len()).into_bytes();
    for (name, value) in headers {
        bytes.extend_from_slice(format!("{name}: {value}\r\n").as_bytes());
    }
    bytes.extend_from_slice(b"\r\n");
    bytes.extend_from_slice(body);
    bytes
}

/// Sends it.
pub(crate) fn send(stream: &mut impl Write, bytes: &[u8]) -> Result<()> {
    stream.write_all(bytes).and_then(|()| stream.flush()).while_doing("sending a message")
}
