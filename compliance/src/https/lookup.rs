//! From a host's name to its addresses: once for the connections that are opened at the same time.
//!
//! A decision asks several questions of one host at once, each on a connection of its own. The system's resolver would be
//! asked for each, on a thread for each. This file must not remember a failure, nor addresses for longer than it takes to
//! connect: AWS moves them.

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{self, Poll};
use std::time::Duration;
use std::vec;

use hyper_util::client::legacy::connect::dns::{GaiResolver, Name};
use tokio::time::Instant;
use tower_service::Service;

/// How long addresses that were found are good for.
const FRESH: Duration = Duration::from_secs(1);

type Found = Option<(Instant, Vec<SocketAddr>)>;
/// Whoever holds the lock asks the system; the others find what it was told.
type Host = Arc<tokio::sync::Mutex<Found>>;

/// The resolver of one client. There are as many hosts as there are accepted regions.
#[derive(Clone, Default)]
pub(super) struct Lookup(Arc<Mutex<BTreeMap<String, Host>>>);

impl Lookup {
    fn host(&self, name: &Name) -> Host {
        let mut hosts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        hosts.entry(name.to_string()).or_default().clone()
    }
}

impl Service<Name> for Lookup {
    type Response = vec::IntoIter<SocketAddr>;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = io::Result<Self::Response>> + Send>>;

    fn poll_ready(&mut self, _: &mut task::Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, name: Name) -> Self::Future {
        let host = self.host(&name);
        Box::pin(async move { addresses(&host, GaiResolver::new(), name).await })
    }
}

async fn addresses<R, A>(host: &Host, mut system: R, name: Name) -> io::Result<vec::IntoIter<SocketAddr>>
where
    R: Service<Name, Response = A, Error = io::Error>,
    A: Iterator<Item = SocketAddr>,
{
    let mut found = host.lock().await;
    if let Some((since, addresses)) = &*found
        && since.elapsed() < FRESH
    {
        return Ok(addresses.clone().into_iter());
    }
    let addresses: Vec<SocketAddr> = system.call(name).await?.collect();
    *found = Some((Instant::now(), addresses.clone()));
    Ok(addresses.into_iter())
}

#[cfg(test)]
mod tests {
    use std::future::{Ready, ready};
    use std::str::FromStr;
    use std::sync::atomic::{AtomicU16, Ordering};

    use super::*;

    /// A system that tells another port each time, but fails when asked for the second time.
    #[derive(Clone, Default)]
    struct System(Arc<AtomicU16>);

    impl Service<Name> for System {
        type Response = vec::IntoIter<SocketAddr>;
        type Error = io::Error;
        type Future = Ready<io::Result<Self::Response>>;

        fn poll_ready(&mut self, _: &mut task::Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }

        fn call(&mut self, _: Name) -> Self::Future {
            let time = self.0.fetch_add(1, Ordering::Relaxed) + 1;
            let address = SocketAddr::from(([127, 0, 0, 1], time));
            ready(if time == 2 { Err(io::Error::other("no answer")) } else { Ok(vec![address].into_iter()) })
        }
    }

    async fn port(host: &Host, system: &System) -> Option<u16> {
        let name = Name::from_str("api.ecr.eu-west-1.amazonaws.com").unwrap();
        addresses(host, system.clone(), name).await.ok()?.next().map(|address| address.port())
    }

    #[tokio::test(start_paused = true)]
    async fn the_system_is_asked_once_for_connections_opened_at_the_same_time_and_again_after_a_failure() {
        let (host, system) = (Host::default(), System::default());
        let (one, two) = tokio::join!(port(&host, &system), port(&host, &system));
        assert_eq!((one, two), (Some(1), Some(1)));
        tokio::time::advance(FRESH).await;
        assert_eq!((port(&host, &system).await, port(&host, &system).await), (None, Some(3)));
    }

    #[test]
    fn each_host_has_its_own_addresses() {
        let lookup = Lookup::default();
        let [ecr, sts] = ["api.ecr.eu-west-1.amazonaws.com", "sts.eu-west-1.amazonaws.com"]
            .map(|name| lookup.host(&Name::from_str(name).unwrap()));
        assert!(!Arc::ptr_eq(&ecr, &sts));
        assert!(Arc::ptr_eq(&ecr, &lookup.host(&Name::from_str("api.ecr.eu-west-1.amazonaws.com").unwrap())));
    }
}
