//! An HTTP CONNECT proxy: the way by which clients that call `https://<api>.execute-api.<region>.amazonaws.com`, or the
//! name of the owner, reach the front of the local world without any name being resolved. It never opens a connection to
//! anything that is not on this machine; what it refuses, it logs.

use std::net::SocketAddr;
use std::path::PathBuf;

use tokio::io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};

use crate::addresses::NAME;
use crate::log::Log;
use crate::trouble::{Context, Result};

/// More than any CONNECT request of a sane client.
const LONGEST_HEAD: usize = 8 * 1024;

/// Where a CONNECT request may go.
#[derive(Debug, PartialEq, Eq)]
enum Route {
    /// To the TLS front.
    Front,
    /// To a port of this machine.
    Direct(SocketAddr),
    /// Nowhere.
    Refused,
}

/// Where names lead to.
#[derive(Clone, Debug)]
struct Names {
    /// `.execute-api.<region>.amazonaws.com:443`.
    suffix: String,
    /// While this file is there, the owner's name leads to the front too.
    dns: PathBuf,
    front: SocketAddr,
}

/// Listens on a free port of 127.0.0.1 and serves until the returned task is aborted.
///
/// # Errors
/// No port can be had.
pub async fn start(
    region: &str,
    front: SocketAddr,
    dns: PathBuf,
    log: Log,
) -> Result<(SocketAddr, tokio::task::JoinHandle<()>)> {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.while_doing(|| "opening the tunnel's port".to_owned())?;
    let address = listener.local_addr().while_doing(|| "reading the tunnel's port".to_owned())?;
    let names = Names { suffix: format!(".execute-api.{region}.amazonaws.com:443"), dns, front };
    let task = tokio::spawn(async move {
        // Connections belong to this set, so that they end with the task.
        let mut connections = tokio::task::JoinSet::new();
        loop {
            tokio::select! {
                Ok((client, _)) = listener.accept() => {
                    let (names, log) = (names.clone(), log.clone());
                    connections.spawn(async move {
                        if let Err(error) = serve(client, &names, &log).await {
                            log.line(&format!("tunnel: {error}"));
                        }
                    });
                }
                Some(_) = connections.join_next() => {}
            }
        }
    });
    Ok((address, task))
}

async fn serve(mut client: TcpStream, names: &Names, log: &Log) -> std::io::Result<()> {
    let head = read_head(&mut client).await?;
    let target = target(&head);
    let address = match target.map(|t| route(t, &names.suffix, names.front, names.dns.exists())) {
        Some(Route::Front) => names.front,
        Some(Route::Direct(address)) => address,
        Some(Route::Refused) => {
            log.line(&format!("tunnel: refused CONNECT {}", target.unwrap_or_default()));
            return client.write_all(b"HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\n\r\n").await;
        }
        None => {
            log.line("tunnel: refused a request that is not CONNECT");
            return client.write_all(b"HTTP/1.1 405 Method Not Allowed\r\ncontent-length: 0\r\n\r\n").await;
        }
    };
    let Ok(mut server) = TcpStream::connect(address).await else {
        return client.write_all(b"HTTP/1.1 502 Bad Gateway\r\ncontent-length: 0\r\n\r\n").await;
    };
    // Small messages both ways: waiting to fill a segment costs 40 ms each.
    client.set_nodelay(true)?;
    server.set_nodelay(true)?;
    client.write_all(b"HTTP/1.1 200 Connection established\r\n\r\n").await?;
    // How a tunnelled connection ends (reset, closed) is the business of its two ends.
    let _ = copy_bidirectional(&mut client, &mut server).await;
    Ok(())
}

/// Reads byte by byte, so that nothing of the TLS stream behind the head is swallowed.
async fn read_head(client: &mut TcpStream) -> std::io::Result<String> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") && head.len() < LONGEST_HEAD {
        head.push(client.read_u8().await?);
    }
    Ok(String::from_utf8_lossy(&head).into_owned())
}

/// The `host:port` of `CONNECT host:port HTTP/1.1`.
fn target(head: &str) -> Option<&str> {
    let mut words = head.lines().next()?.split(' ');
    (words.next()? == "CONNECT").then(|| words.next()).flatten()
}

fn route(target: &str, suffix: &str, front: SocketAddr, named: bool) -> Route {
    let target_lower = target.to_ascii_lowercase();
    if named && target_lower.strip_suffix(":443") == Some(NAME) {
        return Route::Front;
    }
    if let Some(api) = target_lower.strip_suffix(suffix) {
        let one_label = !api.is_empty() && api.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
        return if one_label { Route::Front } else { Route::Refused };
    }
    match target.parse::<SocketAddr>() {
        // The tunnel itself would loop only if asked to; the front is as good a target as any local port.
        Ok(address) if address.ip().is_loopback() || address == front => Route::Direct(address),
        _ => Route::Refused,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SUFFIX: &str = ".execute-api.eu-west-1.amazonaws.com:443";

    #[test]
    fn routes_only_to_this_machine() {
        let front = SocketAddr::from(([127, 0, 0, 1], 4443));
        let local = SocketAddr::from(([127, 0, 0, 1], 6443));
        let cases = [
            ("an API of our region", "abc123.execute-api.eu-west-1.amazonaws.com:443", Route::Front),
            ("upper case", "ABC123.Execute-Api.eu-west-1.amazonaws.com:443", Route::Front),
            ("another port", "abc123.execute-api.eu-west-1.amazonaws.com:8443", Route::Refused),
            ("another region", "abc123.execute-api.eu-west-2.amazonaws.com:443", Route::Refused),
            ("no API", ".execute-api.eu-west-1.amazonaws.com:443", Route::Refused),
            ("two labels", "a.b.execute-api.eu-west-1.amazonaws.com:443", Route::Refused),
            ("this machine", "127.0.0.1:6443", Route::Direct(local)),
            ("a name, even of this machine", "localhost:6443", Route::Refused),
            ("the owner's name before DNS has it", "webhook.example.com:443", Route::Refused),
            ("elsewhere", "192.0.2.1:443", Route::Refused),
            ("real AWS", "ecr.eu-west-1.amazonaws.com:443", Route::Refused),
        ];
        for (name, target, expected) in cases {
            assert_eq!(route(target, SUFFIX, front, false), expected, "{name}");
        }
        assert_eq!(route("webhook.example.com:443", SUFFIX, front, true), Route::Front);
        assert_eq!(route("a.webhook.example.com:443", SUFFIX, front, true), Route::Refused);
    }

    #[test]
    fn reads_the_target_of_connect_and_nothing_else() {
        assert_eq!(target("CONNECT a:443 HTTP/1.1\r\nHost: b\r\n\r\n"), Some("a:443"));
        assert_eq!(target("GET http://a/ HTTP/1.1\r\n\r\n"), None);
        assert_eq!(target(""), None);
    }
}
