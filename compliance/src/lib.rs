//! What "compliant" means: image references, registries, facts from ECR, rules, and the verdict a person reads.
//!
//! The webhook, and later the command line's checks, take their verdict from here, so that the same image is judged the
//! same everywhere. This crate must not know HTTP requests, Kubernetes clients or stacks. Only [`ecr`] and
//! [`https`] reach the outside; everything else is pure.

pub mod ecr;
pub mod facts;
pub mod https;
pub mod image;
pub mod object;
pub mod policy;
pub mod registry;
pub mod rules;
pub mod text;
pub mod verdict;
pub mod workload;
