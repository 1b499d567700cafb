//! Rule `image-exists`: the image is there and can be pulled. Off unless it is asked for: it costs a call of its own.
//!
//! With a tag and a digest the digest is what is pulled, so it is what is looked for. This file must not ask ECR.

use crate::facts::{Image, ImageFacts, ImageId, ImageKey, ImageStatus, RepositoryFacts, RepositoryKey};
use crate::policy::Mode;
use crate::rules::{Needs, Origin, Rule, Subject, repository_flags};
use crate::text::{shell, shown};
use crate::verdict::Finding;

/// The rule `image-exists`.
pub(super) struct ImageExists;

impl Rule for ImageExists {
    fn id(&self) -> &'static str {
        "image-exists"
    }

    fn summary(&self) -> &'static str {
        "The image exists in its repository and is not archived."
    }

    fn how_to_fix(&self) -> &'static str {
        "Push the image, correct its tag or digest, or restore it with `aws ecr update-image-storage-class … --target-storage-class STANDARD`."
    }

    fn default_mode(&self) -> Mode {
        Mode::Off
    }

    fn needs(&self) -> Needs {
        Needs::Image
    }

    fn check(&self, subject: &Subject<'_>) -> Vec<Finding> {
        let Origin::Accepted { reference, key, facts } = &subject.origin else { return Vec::new() };
        let key = ImageKey::of(reference, key.clone());
        pullable(self, subject, &key, facts).err().unwrap_or_default()
    }
}

/// The image, if it can be pulled; otherwise what speaks against it, in the same words for every rule about images.
pub(super) fn pullable<'a>(
    rule: &dyn Rule,
    subject: &Subject<'a>,
    key: &ImageKey,
    repository: &RepositoryFacts,
) -> Result<&'a Image, Vec<Finding>> {
    if *repository == RepositoryFacts::NotFound {
        return Err(vec![subject.not_found(rule, &key.repository)]);
    }
    let image = match subject.about_image.as_ref().map(|about| about.image) {
        Some(ImageFacts::Found(image)) => image,
        Some(ImageFacts::NotFound) => return Err(vec![missing(rule, subject, key)]),
        Some(ImageFacts::Unavailable(why)) => return Err(vec![subject.unavailable(rule, why)]),
        None => return Err(vec![subject.undecided(rule, "facts-missing", "ECR was not asked about this image")]),
    };
    match &image.status {
        ImageStatus::Active => Ok(image),
        ImageStatus::Archived => {
            let message = format!("image {key} is archived and cannot be pulled.");
            Err(vec![subject.finding(rule, "image-archived", message, Some(restore(key, image)))])
        }
        ImageStatus::Activating => Err(vec![subject.undecided(
            rule,
            "image-activating",
            &format!("image {key} is still being restored; try again"),
        )]),
        ImageStatus::Unrecognised(value) => {
            let why = format!("image {key} has the status \"{}\", which this version does not know", shown(value, 60));
            Err(vec![subject.undecided(rule, "image-status-unrecognised", &why)])
        }
    }
}

fn missing(rule: &dyn Rule, subject: &Subject<'_>, key: &ImageKey) -> Finding {
    let what = match &key.id {
        ImageId::Tag(_) => "tag",
        ImageId::Digest(_) => "digest",
    };
    let message = format!("image {key} does not exist.");
    let fix = format!(
        "push it, or use a {what} that this lists: aws ecr describe-images {}",
        repository_flags(&key.repository)
    );
    subject.finding(rule, "image-not-found", message, Some(fix))
}

fn restore(key: &ImageKey, image: &Image) -> String {
    format!(
        "aws ecr update-image-storage-class {} --target-storage-class STANDARD",
        image_flags(&key.repository, &image.digest)
    )
}

/// The flags that name an image in an `aws ecr` command.
pub(super) fn image_flags(repository: &RepositoryKey, digest: &str) -> String {
    format!("{} --image-id imageDigest={}", repository_flags(repository), shell(digest))
}

#[cfg(test)]
#[path = "image_exists_tests.rs"]
mod tests;
