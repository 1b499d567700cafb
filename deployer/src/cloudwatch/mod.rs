//! What `CloudWatch` knows of a deployment: its metrics and its alarms. The only folder that imports that SDK. Reads only.
//!
//! What cannot be read is said with AWS's code and request id, and never stands in the way of what can.

pub mod alarms;
pub mod data;
pub mod readings;
#[cfg(test)]
mod tests;
pub mod usage;
pub mod window;
#[cfg(test)]
pub(crate) mod wire;

use aws_config::{SdkConfig, retry::RetryConfig};
use aws_sdk_cloudwatch::Client;

/// Somebody waits for the answer, perhaps while something is burning: a few attempts, then the reason.
const ATTEMPTS: u32 = 4;

/// A reader of `CloudWatch` in one account and region.
#[derive(Debug, Clone)]
pub struct CloudWatch {
    client: Client,
}

impl CloudWatch {
    /// With the credentials and the region of `config`.
    #[must_use]
    pub fn new(config: &SdkConfig) -> Self {
        let patience = RetryConfig::standard().with_max_attempts(ATTEMPTS);
        let config = aws_sdk_cloudwatch::config::Builder::from(config).retry_config(patience).build();
        Self { client: Client::from_conf(config) }
    }

    /// Over a client of the caller's.
    #[must_use]
    pub const fn with_client(client: Client) -> Self {
        Self { client }
    }
}
