//! The permissions over canned answers of IAM, with the real SDK above them.

use std::sync::{Arc, Mutex};

use super::{
    super::{State, wire},
    *,
};

const USER: &str = "arn:aws:iam::111122223333:user/deployers/alice";

/// A request as IAM gets it: `Action=SimulatePrincipalPolicy&…`.
type Asked = Arc<Mutex<Vec<String>>>;

fn identity(arn: &str) -> Identity {
    Identity { account: "111122223333".to_owned(), partition: "aws".to_owned(), arn: arn.to_owned() }
}

fn result(action: &str, decision: &str, more: &str) -> String {
    format!("<member><EvalActionName>{action}</EvalActionName><EvalDecision>{decision}</EvalDecision>{more}</member>")
}

fn simulated(results: &str, rest: &str) -> (u16, String) {
    let inner = format!("<EvaluationResults>{results}</EvaluationResults>{rest}");
    (
        200,
        format!(
            "<SimulatePrincipalPolicyResponse><SimulatePrincipalPolicyResult>{inner}</SimulatePrincipalPolicyResult></SimulatePrincipalPolicyResponse>"
        ),
    )
}

fn error(status: u16, code: &str) -> (u16, String) {
    (status, format!("<ErrorResponse><Error><Code>{code}</Code><Message>no</Message></Error></ErrorResponse>"))
}

/// The names in `ActionNames.member.N=…`.
fn actions(asked: &str) -> Vec<String> {
    let names = asked.split('&').filter(|pair| pair.starts_with("ActionNames.member."));
    names.map(|pair| pair.split_once('=').unwrap().1.replace("%3A", ":")).collect()
}

/// Everything is allowed but what `but` says otherwise of.
fn iam(but: impl Fn(&str) -> Option<String> + Send + Sync + 'static) -> (Aws, Asked) {
    let asked = Asked::default();
    let seen = asked.clone();
    let aws = wire::aws(move |request| {
        seen.lock().unwrap().push(request.to_owned());
        let results =
            actions(request).into_iter().map(|action| but(&action).unwrap_or_else(|| result(&action, "allowed", "")));
        simulated(&results.collect::<String>(), "<IsTruncated>false</IsTruncated>")
    });
    (aws, asked)
}

async fn seen(aws: &Aws, arn: &str) -> Vec<Finding> {
    look(&Settings::default(), aws, &identity(arn)).await
}

#[tokio::test]
async fn every_action_of_the_policy_is_asked_about_on_its_resources_and_with_its_conditions() {
    let (aws, asked) = iam(|_| None);
    let found = seen(&aws, USER).await;
    assert_eq!((found.len(), found[0].state), (1, State::Ok), "{found:?}");

    let place =
        Place { partition: "aws".to_owned(), region: "eu-west-1".to_owned(), account: "111122223333".to_owned() };
    let policy = iam::policy(&Settings::default(), &place).unwrap();
    let wanted: BTreeSet<String> = questions(&policy).into_iter().flat_map(|question| question.actions).collect();
    let asked = asked.lock().unwrap();
    let asked_about: BTreeSet<String> = asked.iter().flat_map(|request| actions(request)).collect();
    assert!(wanted.len() > 80, "{wanted:?}");
    assert_eq!(asked_about, wanted);
    assert!(
        asked.iter().all(|request| actions(request).len() <= AT_ONCE && request.contains("ResourceArns.member.1="))
    );
    let passing = asked.iter().find(|request| actions(request) == ["iam:PassRole"]).unwrap();
    assert!(passing.contains("ContextKeyName=iam%3APassedToService") && passing.contains("lambda.amazonaws.com"));
}

#[tokio::test]
async fn a_denied_action_is_a_problem_that_names_it_and_why() {
    let boundary = "<PermissionsBoundaryDecisionDetail><AllowedByPermissionsBoundary>false</AllowedByPermissionsBoundary></PermissionsBoundaryDecisionDetail>";
    let organization = "<OrganizationsDecisionDetail><AllowedByOrganizations>false</AllowedByOrganizations></OrganizationsDecisionDetail>";
    let matched = "<MatchedStatements><member><SourcePolicyId>no-roles</SourcePolicyId></member></MatchedStatements>";
    let missing = "<MissingContextValues><member>aws:MultiFactorAuthPresent</member></MissingContextValues>";
    let missing_of_resource = format!(
        "<ResourceSpecificResults><member><EvalResourceName>x</EvalResourceName><EvalResourceDecision>implicitDeny</EvalResourceDecision>{missing}</member></ResourceSpecificResults>"
    );
    for (name, decision, more, state, words) in [
        ("nothing allows it", "implicitDeny", "", State::Problem, "no policy allows it"),
        ("an explicit deny", "explicitDeny", matched, State::Problem, "denied explicitly by no-roles"),
        ("an explicit deny without a name", "explicitDeny", "", State::Problem, "a policy denies it explicitly"),
        ("the boundary", "implicitDeny", boundary, State::Problem, "permissions boundary"),
        ("the organization", "explicitDeny", organization, State::Problem, "service control policies"),
        ("a condition", "implicitDeny", missing, State::Note, "aws:MultiFactorAuthPresent"),
        ("a condition on a resource", "implicitDeny", &missing_of_resource, State::Note, "aws:MultiFactorAuthPresent"),
    ] {
        let (decision, more) = (decision.to_owned(), more.to_owned());
        let (aws, _) = iam(move |action| (action == "iam:CreateRole").then(|| result(action, &decision, &more)));
        let found = seen(&aws, USER).await;
        let [finding] = found.as_slice() else { panic!("{name}: {found:?}") };
        assert_eq!(finding.state, state, "{name}: {finding:?}");
        assert!(finding.text.contains("iam:CreateRole") && finding.text.contains(words), "{name}: {finding:?}");
        let fix = finding.fix.as_deref().unwrap();
        assert!(fix.contains("deployer iam-policy --account 111122223333 --region eu-west-1"), "{name}: {fix}");
    }
}

#[tokio::test]
async fn of_very_many_the_first_are_named_and_the_rest_are_counted() {
    let (aws, _) = iam(|action| Some(result(action, "implicitDeny", "")));
    let found = seen(&aws, USER).await;
    assert!(found.len() == 1 && found[0].text.contains(" more (no policy allows it)"), "{found:?}");
    assert_eq!(found[0].text.matches(':').count() - USER.matches(':').count(), NAMED + 1, "{found:?}");
}

#[tokio::test]
async fn every_page_is_read() {
    let aws = wire::aws(|request| {
        let all = actions(request);
        let (page, rest) = if request.contains("Marker=next") {
            (result(all.last().unwrap(), "implicitDeny", ""), "<IsTruncated>false</IsTruncated>")
        } else {
            (result(&all[0], "allowed", ""), "<IsTruncated>true</IsTruncated><Marker>next</Marker>")
        };
        simulated(&page, rest)
    });
    assert_eq!(seen(&aws, USER).await[0].state, State::Problem);
}

#[tokio::test]
async fn where_it_cannot_be_asked_that_is_noted_and_nothing_worse() {
    for (name, (status, code), fix) in [
        ("denied", (403, "AccessDenied"), "permit iam:SimulatePrincipalPolicy on arn:aws:iam::111122223333:user/"),
        ("throttled", (400, "Throttling"), "Compare the caller's policies with deployer iam-policy"),
        ("unknown", (404, "NoSuchEntity"), "Compare the caller's policies with deployer iam-policy"),
        ("an emulator", (400, "InvalidAction"), "Compare the caller's policies with deployer iam-policy"),
    ] {
        let aws = wire::aws(move |_| error(status, code));
        let found = seen(&aws, USER).await;
        let [finding] = found.as_slice() else { panic!("{name}: {found:?}") };
        assert_eq!(finding.state, State::Note, "{name}");
        assert!(finding.text.contains(code) && finding.fix.as_deref().unwrap().contains(fix), "{name}: {finding:?}");
    }
}

#[tokio::test]
async fn a_session_is_asked_about_by_its_role() {
    const SESSION: &str = "arn:aws:sts::111122223333:assumed-role/Deployer/alice@example.com";
    const PATHED: &str = "arn:aws:iam::111122223333:role/aws-reserved/sso.amazonaws.com/Deployer";
    for (name, known, role) in
        [("with its path", true, PATHED), ("without", false, "arn:aws:iam::111122223333:role/Deployer")]
    {
        let aws = wire::aws(move |request| {
            if request.contains("Action=GetRole&") {
                assert!(request.contains("RoleName=Deployer"), "{request}");
                let role = format!(
                    "<Role><Path>/</Path><RoleName>Deployer</RoleName><RoleId>A</RoleId><Arn>{PATHED}</Arn><CreateDate>2026-01-01T00:00:00Z</CreateDate></Role>"
                );
                let found = format!("<GetRoleResponse><GetRoleResult>{role}</GetRoleResult></GetRoleResponse>");
                return if known { (200, found) } else { error(403, "AccessDenied") };
            }
            let of = role.replace(':', "%3A").replace('/', "%2F");
            assert!(request.contains(&format!("PolicySourceArn={of}&")), "{request}");
            simulated("", "<IsTruncated>false</IsTruncated>")
        });
        let found = seen(&aws, SESSION).await;
        assert!(found[0].state == State::Ok && found[0].text.contains(role), "{name}: {found:?}");
    }
}

#[tokio::test]
async fn root_and_federated_users_are_noted() {
    for (arn, words) in [
        ("arn:aws:iam::111122223333:root", "root user"),
        ("arn:aws:sts::111122223333:federated-user/alice", "cannot simulate"),
    ] {
        let aws = wire::aws(|request| panic!("nothing has to be asked: {request}"));
        let found = seen(&aws, arn).await;
        assert!(found[0].state == State::Note && found[0].text.contains(words), "{arn}: {found:?}");
    }
}
