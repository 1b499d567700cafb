//! What Go makes of image references: the parser and the oracle's are held to the library that container runtimes use.
//!
//! `golang_references.jsonl` is what `reference.ParseNormalizedNamed` of `github.com/distribution/reference` v0.6.0 said
//! (digests of SHA-256, 384 and 512 known): `[text, domain, path, tag, digest]`, or `[text]` where it is an error.

use compliance::image::ImageReference;
use serde_json::Value;

use crate::judge::reference;

const SAID: &str = include_str!("golang_references.jsonl");

type Parts = (String, String, Option<String>, Option<String>);

#[test]
fn references_are_read_as_the_library_of_container_runtimes_reads_them() {
    let mut differences = Vec::new();
    for line in SAID.lines() {
        let said: Vec<Value> = serde_json::from_str(line).unwrap();
        let text = said[0].as_str().unwrap();
        // Without a domain nobody can pull it: a path of Docker Hub that only looks like a host.
        let expected = (said.len() > 1 && said[1] != "").then(|| said_parts(&said));
        let ours = ImageReference::parse(text).ok().map(|one| {
            let [tag, digest] = [one.tag(), one.digest()].map(|part| part.map(str::to_owned));
            (one.domain().to_owned(), one.repository().to_owned(), tag, digest)
        });
        let oracles = reference::read(text).map(|one| (one.domain, one.path, one.tag, one.digest));
        if ours != expected || oracles != expected {
            differences.push(format!("{text:?}: Go {expected:?}, ours {ours:?}, the oracle's {oracles:?}"));
        }
    }
    assert!(differences.is_empty(), "{}", differences.join("\n"));
    assert!(SAID.lines().count() > 300, "the file is whole");
}

fn said_parts(said: &[Value]) -> Parts {
    let part = |index: usize| said[index].as_str().map(str::to_owned);
    (part(1).unwrap(), part(2).unwrap(), part(3), part(4))
}
