//! Rule `tag-immutability`: the image's tag cannot be moved to another image.
//!
//! Judged for *this* tag over all four values of ECR with their exclusion filters, also when a digest is given: the
//! digest protects this Pod, the setting protects the next one. The option `digest_satisfies` lets a digest do. This
//! file must not ask ECR.
//!
//! <https://docs.aws.amazon.com/AmazonECR/latest/userguide/image-tag-mutability.html>

use crate::facts::{RepositoryFacts, RepositoryKey, TagMutability};
use crate::rules::{Origin, Rule, Subject, repository_flags};
use crate::text::shown;
use crate::verdict::Finding;

/// The rule `tag-immutability`.
pub(super) struct TagImmutability;

impl Rule for TagImmutability {
    fn id(&self) -> &'static str {
        "tag-immutability"
    }

    fn summary(&self) -> &'static str {
        "The repository is immutable for the image's tag, exclusion filters included, also when a digest is given."
    }

    fn how_to_fix(&self) -> &'static str {
        "`aws ecr put-image-tag-mutability … --image-tag-mutability IMMUTABLE`, or use a tag that no exclusion filter matches."
    }

    fn check(&self, subject: &Subject<'_>) -> Vec<Finding> {
        let Origin::Accepted { reference, key, facts } = &subject.origin else { return Vec::new() };
        // The owner's choice: no tag decides what runs here, so it does not matter who can move it.
        if subject.options.digest_satisfies && reference.digest().is_some() {
            return Vec::new();
        }
        let repository = match facts {
            RepositoryFacts::NotFound => return vec![subject.not_found(self, key)],
            RepositoryFacts::Unavailable(why) => return vec![subject.unavailable(self, why)],
            RepositoryFacts::Found(repository) => repository,
        };
        match objection(reference.effective_tag(), &repository.mutability) {
            None => Vec::new(),
            Some(Objection::Unknown(value)) => {
                let why = format!(
                    "repository {key} has the tag mutability \"{}\", which this version does not know",
                    shown(value, 60)
                );
                vec![subject.undecided(self, "tag-mutability-unrecognised", &why)]
            }
            Some(Objection::Movable(code, what)) => {
                let message = format!("{what} in repository {key}.");
                vec![subject.finding(self, code, message, Some(make_immutable(key)))]
            }
        }
    }
}

enum Objection<'a> {
    /// A reason code, and what can be moved: the beginning of a sentence.
    Movable(&'static str, String),
    /// A value this version does not know.
    Unknown(&'a str),
}

/// What speaks against `tag` (`None`: a digest alone) under this setting.
fn objection<'a>(tag: Option<&str>, mutability: &'a TagMutability) -> Option<Objection<'a>> {
    let movable = |code, what: String| Some(Objection::Movable(code, what));
    match (mutability, tag) {
        // With a digest alone no tag is in use, so no filter can exclude it: immutable by default is enough.
        (TagMutability::Immutable, _) | (TagMutability::ImmutableExcept(_), None) => None,
        (TagMutability::Mutable, _) => movable("tags-mutable", "tags can be overwritten".to_owned()),
        (TagMutability::ImmutableExcept(filters), Some(tag)) => {
            // Immutable, unless a filter takes this tag out of the protection.
            let filter = filters.iter().find(|filter| matches(filter, tag))?;
            let what =
                format!("tag {} can be overwritten, for it matches the exclusion filter {filter}", shown(tag, 128));
            movable("tag-excluded", what)
        }
        (TagMutability::MutableExcept(filters), Some(tag)) => {
            // Mutable, unless a filter puts this tag under protection.
            if filters.iter().any(|filter| matches(filter, tag)) {
                return None;
            }
            let what = format!(
                "tag {} can be overwritten, for only tags that match {} are immutable",
                shown(tag, 128),
                filters.join(", ")
            );
            movable("tag-not-protected", what)
        }
        (TagMutability::MutableExcept(_), None) => movable(
            "tags-mutable",
            "tags can be overwritten, except for some filters, and the image names no tag".to_owned(),
        ),
        // A value from the future may mean anything: fail closed.
        (TagMutability::Unrecognised(value), _) => Some(Objection::Unknown(value)),
    }
}

/// ECR's wildcard filters over tags: `*` is any number of characters, everything else is itself, at both ends anchored
/// and with case. A filter without `*` is one exact tag.
fn matches(filter: &str, tag: &str) -> bool {
    let mut pieces = filter.split('*');
    // The piece before the first star must stand at the beginning.
    let Some(mut rest) = pieces.next().and_then(|first| tag.strip_prefix(first)) else { return false };
    let Some(last) = pieces.next_back() else {
        // No star at all: nothing may be left over.
        return rest.is_empty();
    };
    // The ones between stand anywhere, in order; taking the earliest place leaves most room for the rest.
    for piece in pieces {
        let Some(at) = rest.find(piece) else { return false };
        rest = &rest[at + piece.len()..];
    }
    rest.ends_with(last)
}

fn make_immutable(key: &RepositoryKey) -> String {
    format!("aws ecr put-image-tag-mutability {} --image-tag-mutability IMMUTABLE", repository_flags(key))
}

#[cfg(test)]
#[path = "tag_immutability_tests.rs"]
mod tests;
