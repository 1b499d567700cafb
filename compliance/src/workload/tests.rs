//! Where images stand in a Pod, what an update brings in, and JSON that tries to hide one.

use super::{ImageField, PodView};

fn images(json: &str) -> Vec<(String, String)> {
    let pod: PodView<'_> = serde_json::from_str(json).unwrap_or_default();
    owned(&pod.images())
}

fn new_images(old: &str, new: &str) -> Vec<(String, String)> {
    let old: PodView<'_> = serde_json::from_str(old).unwrap_or_default();
    let new: PodView<'_> = serde_json::from_str(new).unwrap_or_default();
    owned(&new.images_not_in(&old))
}

fn owned(fields: &[ImageField<'_>]) -> Vec<(String, String)> {
    fields.iter().map(|field| (field.path.clone(), field.image.to_owned())).collect()
}

fn pairs(expected: &[(&str, &str)]) -> Vec<(String, String)> {
    expected.iter().map(|(path, image)| ((*path).to_owned(), (*image).to_owned())).collect()
}

#[test]
fn yields_every_place_that_can_name_an_image() {
    let json = r#"{"metadata": {"name": "x", "annotations": {"image": "no"}}, "spec": {
        "containers": [{"name": "a", "image": "one"}, {"image": "two", "env": [{"name": "image", "value": "no"}]}],
        "initContainers": [{"image": "three"}], "ephemeralContainers": [{"image": "four"}],
        "volumes": [{"name": "v", "emptyDir": {}}, {"image": {"reference": "five", "pullPolicy": "Always"}}, {"rbd": {"image": "no"}}]},
        "status": {"containerStatuses": [{"image": "no"}]}}"#;
    assert_eq!(
        images(json),
        pairs(&[
            ("spec.containers[0].image", "one"),
            ("spec.containers[1].image", "two"),
            ("spec.initContainers[0].image", "three"),
            ("spec.ephemeralContainers[0].image", "four"),
            ("spec.volumes[1].image.reference", "five"),
        ])
    );
}

#[test]
fn null_lists_and_null_items_are_read_as_the_api_server_reads_them() {
    for json in [
        "{}",
        r#"{"spec": null}"#,
        r#"{"spec": {}}"#,
        r#"{"spec": {"containers": null, "initContainers": null, "ephemeralContainers": null, "volumes": null}}"#,
        r#"{"spec": {"volumes": [null, {"image": null}]}}"#,
    ] {
        assert!(serde_json::from_str::<PodView<'_>>(json).is_ok(), "{json}");
        assert_eq!(images(json), pairs(&[]), "{json}");
    }
}

#[test]
fn an_image_that_is_missing_is_yielded_and_never_skipped() {
    let json = r#"{"spec": {"containers": [{}, {"image": null}, {"image": ""}, null], "volumes": [{"image": {}}, {"image": {"reference": null}}]}}"#;
    let found = images(json);
    assert_eq!(found.len(), 6, "{found:?}");
    assert!(found.iter().all(|(_, image)| image.is_empty()), "{found:?}");
}

#[test]
fn a_key_that_occurs_twice_where_an_image_can_stand_is_an_error() {
    for json in [
        r#"{"spec": {}, "spec": {}}"#,
        r#"{"spec": {"containers": [], "containers": []}}"#,
        r#"{"spec": {"initContainers": [], "initContainers": null}}"#,
        r#"{"spec": {"ephemeralContainers": [], "ephemeralContainers": []}}"#,
        r#"{"spec": {"volumes": [], "volumes": []}}"#,
        r#"{"spec": {"containers": [{"image": "a", "image": "b"}]}}"#,
        r#"{"spec": {"containers": [{"image": "a", "im\u0061ge": "b"}]}}"#,
        r#"{"spec": {"volumes": [{"image": {}, "image": {}}]}}"#,
        r#"{"spec": {"volumes": [{"image": {"reference": "a", "reference": "b"}}]}}"#,
    ] {
        let error = serde_json::from_str::<PodView<'_>>(json).map_or_else(|error| error.to_string(), |_| String::new());
        assert!(error.contains("duplicate field"), "{json}: {error}");
    }
}

#[test]
fn an_image_of_another_type_is_an_error() {
    for json in [
        r#"{"spec": {"containers": [{"image": 1}]}}"#,
        r#"{"spec": {"containers": {"image": "a"}}}"#,
        r#"{"spec": {"containers": ["a"]}}"#,
        r#"{"spec": "a"}"#,
        r#"{"spec": {"volumes": [{"image": "a"}]}}"#,
    ] {
        assert!(serde_json::from_str::<PodView<'_>>(json).is_err(), "{json}");
    }
}

#[test]
fn a_list_where_an_object_stands_is_an_error_and_not_its_members_in_their_order() {
    for json in [
        "[]",
        r#"[null, {"containers": []}]"#,
        r#"{"metadata": ["2026-03-10T05:16:23Z"]}"#,
        r#"{"spec": []}"#,
        r#"{"spec": [[null]]}"#,
        r#"{"spec": {"containers": [["a"]]}}"#,
        r#"{"spec": {"initContainers": [[]]}}"#,
        r#"{"spec": {"volumes": [[{"reference": "a"}]]}}"#,
        r#"{"spec": {"volumes": [{"image": ["a"]}]}}"#,
    ] {
        let error = serde_json::from_str::<PodView<'_>>(json).map_or_else(|error| error.to_string(), |_| String::new());
        assert!(error.contains("invalid type: sequence, expected an object"), "{json}: {error}");
    }
    let owned = r#"{"metadata": {"ownerReferences": [["ReplicaSet", "web", true]]}}"#;
    assert_eq!(serde_json::from_str::<PodView<'_>>(owned).unwrap().owner(), None);
}

#[test]
fn escapes_in_json_are_undone() {
    let json = r#"{"spec": {"contain\u0065rs": [{"image": "r.example\/a\u0070p"}]}}"#;
    assert_eq!(images(json), pairs(&[("spec.containers[0].image", "r.example/app")]));
}

#[test]
fn an_update_brings_in_only_what_the_old_object_did_not_have_in_the_same_list() {
    let old = r#"{"spec": {"containers": [{"image": "a"}, {"image": "b"}], "initContainers": [{"image": "i"}], "volumes": [{"image": {"reference": "v"}}]}}"#;
    let cases = [
        ("nothing changed", old, pairs(&[])),
        ("order changed", r#"{"spec": {"containers": [{"image": "b"}, {"image": "a"}]}}"#, pairs(&[])),
        (
            "one image changed",
            r#"{"spec": {"containers": [{"image": "a"}, {"image": "c"}]}}"#,
            pairs(&[("spec.containers[1].image", "c")]),
        ),
        (
            "an old image once more",
            r#"{"spec": {"containers": [{"image": "a"}, {"image": "a"}]}}"#,
            pairs(&[("spec.containers[1].image", "a")]),
        ),
        (
            "an old image in another list",
            r#"{"spec": {"initContainers": [{"image": "a"}], "ephemeralContainers": [{"image": "i"}], "containers": [{"image": "v"}]}}"#,
            pairs(&[
                ("spec.containers[0].image", "v"),
                ("spec.initContainers[0].image", "a"),
                ("spec.ephemeralContainers[0].image", "i"),
            ]),
        ),
        (
            "an image removed",
            r#"{"spec": {"containers": [{"image": ""}]}}"#,
            pairs(&[("spec.containers[0].image", "")]),
        ),
    ];
    for (name, new, expected) in cases {
        assert_eq!(new_images(old, new), expected, "{name}");
    }
}

#[test]
fn an_ephemeral_container_added_to_a_running_pod_is_new() {
    let old = r#"{"spec": {"containers": [{"image": "a"}], "ephemeralContainers": [{"image": "x"}]}}"#;
    let new =
        r#"{"spec": {"containers": [{"image": "a"}], "ephemeralContainers": [{"image": "x"}, {"image": "debug"}]}}"#;
    assert_eq!(new_images(old, new), pairs(&[("spec.ephemeralContainers[1].image", "debug")]));
}

#[test]
fn objects_nested_deeper_than_honest_ones_do_not_overflow_the_stack() {
    let deep = format!(r#"{{"x": {}{}, "spec": {{}}}}"#, "[".repeat(200_000), "]".repeat(200_000));
    let _ = serde_json::from_str::<PodView<'_>>(&deep);
    let deep = format!(r#"{{"spec": {}"#, r#"{"containers": [{"image": "#.repeat(100_000));
    assert!(serde_json::from_str::<PodView<'_>>(&deep).is_err());
}

#[test]
fn the_owner_is_the_controller_and_whatever_else_stands_there_is_none_and_no_error() {
    let owned =
        r#"{"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "web-5d9f", "uid": "u", "controller": true}"#;
    let other = r#"{"kind": "Node", "name": "n", "controller": false}, {"kind": "Thing", "name": "t"}"#;
    let escaped = r#"{"kind": "a\u001b[2J", "name": "b\"\n", "controller": true}"#;
    let cases = [
        ("a controller", format!("[{owned}]"), Some(("ReplicaSet", "web-5d9f"))),
        ("among others", format!("[null, {other}, {owned}]"), Some(("ReplicaSet", "web-5d9f"))),
        (
            "the first of two",
            format!(r#"[{owned}, {{"kind": "Job", "name": "j", "controller": true}}]"#),
            Some(("ReplicaSet", "web-5d9f")),
        ),
        ("what somebody made up", format!("[{escaped}]"), Some(("a\u{1b}[2J", "b\"\n"))),
        ("owners that do not control", format!("[{other}]"), None),
        ("no owner", "[]".to_owned(), None),
        ("null", "null".to_owned(), None),
        ("without a kind", r#"[{"name": "n", "controller": true}]"#.to_owned(), None),
        ("of another type", r#"{"kind": 1}"#.to_owned(), None),
        ("with a member of another type", r#"[{"kind": [], "name": "n", "controller": "yes"}]"#.to_owned(), None),
        ("with a member twice", r#"[{"kind": "a", "kind": "b", "name": "n", "controller": true}]"#.to_owned(), None),
    ];
    for (name, references, expected) in cases {
        let json = format!(
            r#"{{"metadata": {{"ownerReferences": {references}}}, "spec": {{"containers": [{{"image": "a"}}]}}}}"#
        );
        let pod: PodView<'_> = serde_json::from_str(&json).unwrap();
        let found = pod.owner();
        assert_eq!(found.as_ref().map(|owner| (&*owner.kind, &*owner.name)), expected, "{name}");
        assert_eq!(pod.images().len(), 1, "{name}: it is judged all the same");
    }
    let none: PodView<'_> = serde_json::from_str("{}").unwrap();
    assert_eq!(none.owner(), None);
}
