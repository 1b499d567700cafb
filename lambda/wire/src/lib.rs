//! What comes in and goes out: API Gateway's event around an `AdmissionReview`, and the answers to both.
//!
//! A crate of its own, since it is where a decision that asks nobody spends its time: it is compiled for speed, and the rest
//! of the webhook for size. So its doors are plain functions and boxed futures; what is generic would be compiled by whoever
//! calls it, for size. It must not judge, and must not know where facts come from.

pub mod admission;
pub mod event;
pub mod refusal;
