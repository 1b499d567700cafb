//! What a change set would do, as it is read from its pages.

use super::*;
use crate::stack::{
    apply::Prepared,
    change::{Action, PropertyChange, ResourceChange},
};

/// One change with details, as XML.
fn resource(action: &str, replacement: &str, id: &str, details: &str) -> String {
    format!(
        "<member><Type>Resource</Type><ResourceChange><Action>{action}</Action><Replacement>{replacement}</Replacement><LogicalResourceId>{id}</LogicalResourceId><ResourceType>AWS::X::Y</ResourceType><Details>{details}</Details></ResourceChange></member>"
    )
}

fn detail(path: &str, values: &str, recreation: &str, rest: &str) -> String {
    format!(
        "<member><Target><Attribute>Properties</Attribute><Path>{path}</Path>{values}<RequiresRecreation>{recreation}</RequiresRecreation></Target>{rest}</member>"
    )
}

fn page(reason: &str, changes: &str, next: &str) -> (u16, String) {
    let next = if next.is_empty() { String::new() } else { format!("<NextToken>{next}</NextToken>") };
    ok(
        "DescribeChangeSet",
        &format!(
            "<Status>CREATE_COMPLETE</Status><StatusReason>{reason}</StatusReason><Changes>{changes}</Changes>{next}"
        ),
    )
}

async fn prepared(script: &Script) -> Result<Prepared, Failure> {
    let (parameters, tags) = (BTreeMap::new(), BTreeMap::new());
    let wanted = Wanted::new("Resources: {}", &parameters, &tags);
    script.stack().prepare(&wanted, None, &mut script.console(), &Interrupt::never()).await
}

async fn changes(script: &Script) -> Vec<ResourceChange> {
    match prepared(script).await.unwrap() {
        Prepared::Ready(ready) => ready.change_set.changes,
        other => panic!("{other:?}"),
    }
}

fn updating(pages: impl IntoIterator<Item = (u16, String)>) -> Script {
    Script::default()
        .on("DescribeStacks", [stack("UPDATE_COMPLETE")])
        .on("CreateChangeSet", [created()])
        .on("DescribeChangeSet", pages)
}

#[tokio::test]
async fn every_page_is_read_with_the_values_before_and_after() {
    let values = "<BeforeValue>a.zip</BeforeValue><AfterValue>b.zip</AfterValue>";
    let by = "<ChangeSource>ParameterReference</ChangeSource><CausingEntity>LogLevel</CausingEntity>";
    let first = resource(
        "Modify",
        "False",
        "First",
        &[
            detail("/Properties/Code/S3Key", values, "Never", ""),
            // Listed again for what it depends on, and its parent without a value.
            detail("/Properties/Code/S3Key", "", "Never", by),
            detail("/Properties/Code", "", "Never", ""),
        ]
        .concat(),
    );
    let second = resource("Modify", "True", "Second", &detail("/Properties/Name", values, "Always", ""));
    let gone = "<AttributeChangeType>Remove</AttributeChangeType><BeforeValue>x</BeforeValue>";
    let third = resource("Modify", "Conditional", "Third", &detail("/Properties/Old", gone, "Never", ""));
    let more = [resource("Remove", "", "Fourth", ""), resource("Add", "", "Fifth", "")].concat();
    let script = updating([
        // Polled until it is made, then read from the start.
        page("", "", ""),
        page("", &[first, second].concat(), "more"),
        page("", &[third, more].concat(), ""),
    ]);
    let changes = changes(&script).await;
    let seen: Vec<(&str, char)> = changes.iter().map(|one| (one.logical_id.as_str(), one.action.mark())).collect();
    assert_eq!(seen, [("First", '~'), ("Second", '±'), ("Third", '±'), ("Fourth", '-'), ("Fifth", '+')]);
    assert_eq!(
        changes[0].properties,
        [PropertyChange {
            path: "Code.S3Key".to_owned(),
            before: Some("a.zip".to_owned()),
            after: Some("b.zip".to_owned()),
            replaces: false,
            because: Some("the parameter LogLevel".to_owned()),
        }]
    );
    assert!(changes[1].properties[0].replaces && changes[1].action == Action::Replace);
    assert_eq!((changes[2].action, changes[2].properties[0].after.as_deref()), (Action::MayReplace, None));
    let asked = script.asked("DescribeChangeSet");
    assert!(asked[1].contains("IncludePropertyValues=true"), "{asked:?}");
    assert!(asked[2].contains("NextToken=more") && asked[2].contains("IncludePropertyValues=true"), "{asked:?}");
}

#[tokio::test]
async fn resources_that_are_left_out_when_values_are_asked_for_are_found_by_a_plain_look() {
    let warning = "[WARN] --include-property-values option can return incomplete ChangeSet data because: x";
    let values = detail("/Properties/A", "<AfterValue>1</AfterValue>", "Never", "");
    let told = resource("Modify", "False", "Told", &values);
    let script = updating([
        page("", "", ""),
        page(warning, &told, ""),
        page("", &[resource("Remove", "", "LeftOut", ""), resource("Modify", "False", "Told", "")].concat(), ""),
    ]);
    let changes = changes(&script).await;
    let seen: Vec<(&str, usize)> = changes.iter().map(|one| (one.logical_id.as_str(), one.properties.len())).collect();
    assert_eq!(seen, [("LeftOut", 0), ("Told", 1)]);
    assert!(!script.asked("DescribeChangeSet")[2].contains("IncludePropertyValues"));
}

#[tokio::test]
async fn where_values_cannot_be_asked_for_a_plain_look_does() {
    let refused = error(400, "ValidationError", "unknown parameter IncludePropertyValues");
    let script = updating([page("", "", ""), refused, page("", &resource("Add", "", "One", ""), "")]);
    assert_eq!(changes(&script).await.len(), 1);
}

#[tokio::test]
async fn outputs_alone_are_a_change_that_is_executed() {
    let script = updating([page("", "", "")])
        .on("DescribeStacks", [stack("UPDATE_COMPLETE"), stack("UPDATE_IN_PROGRESS"), stack("UPDATE_COMPLETE")])
        .on("DescribeStackEvents", [events(&[])]);
    assert_eq!(script.apply().await, Ok(Applied::Updated));
    assert_eq!(script.asked("ExecuteChangeSet").len(), 1);
}

#[tokio::test]
async fn what_was_prepared_and_is_not_wanted_leaves_nothing() {
    for (found, shells) in [(absent(), 1), (stack("UPDATE_COMPLETE"), 0)] {
        let script = updating([page("", &resource("Add", "", "One", ""), "")])
            .on("DescribeStacks", [found, stack("REVIEW_IN_PROGRESS")])
            .on("ListChangeSets", [ok("ListChangeSets", "<Summaries></Summaries>")]);
        let Prepared::Ready(ready) = prepared(&script).await.unwrap() else { panic!() };
        script.stack().abandon(&ready).await;
        assert_eq!(script.asked("DeleteChangeSet").len(), 1);
        assert_eq!(script.asked("DeleteStack").len(), shells);
    }
}

#[tokio::test]
async fn a_change_set_that_somebody_overtook_is_not_executed_and_says_why() {
    for code in ["InvalidChangeSetStatus", "ChangeSetNotFound"] {
        let script = updating([page("", &resource("Add", "", "One", ""), "")])
            .on("DescribeStackEvents", [events(&[])])
            .on("ExecuteChangeSet", [error(400, code, "ChangeSet is in OBSOLETE state")]);
        let failure = script.apply().await.unwrap_err();
        assert!(failure.hint.as_deref().is_some_and(|hint| hint.contains("Somebody else changed")), "{failure:?}");
        assert_eq!(failure.code, crate::error::ExitCode::Unsafe);
        assert!(!script.asked("DeleteChangeSet").is_empty());
    }
}

#[tokio::test]
async fn what_is_executed_does_not_stand_in_the_way_of_the_next_attempt() {
    let script = updating([page("", &resource("Add", "", "One", ""), "")])
        .on("DescribeStacks", [stack("UPDATE_COMPLETE"), stack("UPDATE_IN_PROGRESS"), stack("UPDATE_COMPLETE")])
        .on("DescribeStackEvents", [events(&[])]);
    script.apply().await.unwrap();
    let sent = &script.asked("ExecuteChangeSet")[0];
    assert!(sent.contains("RetainExceptOnCreate=true") && !sent.contains("DisableRollback"), "{sent}");
}
