//! Rule `digest-pinned`: the image is named by its digest, so that what runs is what was looked at.
//!
//! Off by default. Judged by the reference alone, whatever its registry. This file must not look at facts.

use crate::image::ImageReference;
use crate::policy::Mode;
use crate::rules::{Needs, Origin, Rule, Subject, repository_flags};
use crate::text::{shell, shown};
use crate::verdict::Finding;

/// The rule `digest-pinned`.
pub(super) struct DigestPinned;

impl Rule for DigestPinned {
    fn id(&self) -> &'static str {
        "digest-pinned"
    }

    fn summary(&self) -> &'static str {
        "The image is named by a digest, with or without a tag."
    }

    fn how_to_fix(&self) -> &'static str {
        "Append the digest to the image: `repository:tag@sha256:…`."
    }

    fn default_mode(&self) -> Mode {
        Mode::Off
    }

    fn needs(&self) -> Needs {
        Needs::Reference
    }

    fn check(&self, subject: &Subject<'_>) -> Vec<Finding> {
        let (reference, fix) = match &subject.origin {
            Origin::Accepted { reference, key, .. } => {
                let tag = shell(&format!("imageTag={}", reference.effective_tag().unwrap_or_default()));
                let flags = repository_flags(key);
                let command = format!("aws ecr describe-images {flags} --image-ids {tag}");
                (reference, Some(format!("{command} --query 'imageDetails[0].imageDigest', and append it with an @")))
            }
            Origin::NotAccepted { reference, .. } => (reference, None),
            // Of the one nothing is asked, and the other names nothing that could have a digest.
            Origin::Trusted { .. } | Origin::Unparseable(_) => return Vec::new(),
        };
        if reference.digest().is_some() {
            return Vec::new();
        }
        vec![subject.finding(self, "no-digest", message(reference), fix)]
    }
}

fn message(reference: &ImageReference) -> String {
    let tag = shown(reference.effective_tag().unwrap_or_default(), 128);
    format!("it is named by the tag {tag} alone, without a digest.")
}
