//! The webhook: an `AdmissionReview` in, an `AdmissionReview` out.
//!
//! A library beside the binary `bootstrap`, so that tests can hold its contracts (environment variables, metrics, path)
//! against the templates. What "compliant" means is not decided here but in the crate `compliance`.

pub mod annotations;
pub mod caller;
pub mod clients;
pub mod decision;
pub mod handler;
pub mod log;
pub mod metrics;
pub mod panic;
pub mod policy_file;
pub mod record;
pub mod retry;
pub mod settings;
