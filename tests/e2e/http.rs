//! One HTTP request to a port of the local world, written by hand: what the SDK's clients cannot say.

use local_world::trouble::{Context, Result, Trouble};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// `head` is method, path and further headers, without an end; `endpoint` is `http://host:port`. Status and body.
pub(crate) async fn send(endpoint: &str, host: Option<&str>, head: &[&str], body: &str) -> Result<(u16, String)> {
    let what = || format!("calling {endpoint}");
    let address = endpoint.trim_start_matches("http://");
    let (line, headers) = head.split_first().ok_or_else(|| Trouble::new("a request needs a method and a path"))?;
    let headers: String = headers.iter().flat_map(|header| [header, "\r\n"]).collect();
    let (host, length) = (host.unwrap_or(address), body.len());
    let request = format!(
        "{line} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n{headers}Content-Length: {length}\r\n\r\n{body}"
    );
    let mut stream = TcpStream::connect(address).await.while_doing(what)?;
    stream.write_all(request.as_bytes()).await.while_doing(what)?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.while_doing(what)?;
    let answer = String::from_utf8_lossy(&answer).into_owned();
    let status = answer.split(' ').nth(1).and_then(|status| status.parse().ok());
    let status = status.ok_or_else(|| Trouble::new(format!("no answer of HTTP: {answer}")))?;
    Ok((status, answer.split_once("\r\n\r\n").map_or_else(String::new, |(_, body)| body.to_owned())))
}
