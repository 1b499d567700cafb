//! The contract as data: what is wrong, and what comes of it. The table in the docs is made from it.

use std::fmt::Write as _;

use local_world::faulty_ecr::Fault;

/// What becomes of the Pod.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    Allowed,
    /// Denied, and nothing is known against it.
    Undecided,
    /// The API server is asked to come again.
    Again,
}

/// What happens before the Pod comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Before {
    /// The function has just been started, and ECR failed from the beginning.
    Nothing,
    /// The same repository was judged moments ago, while ECR was well.
    SamePod,
    /// Nothing listens where ECR should be.
    NoEcr,
    /// The Pod was made just now, and the API server waits for half a minute.
    Patience,
    /// The policy beside the function is not JSON.
    BadPolicy,
    /// The policy names a role for the registry, and STS has the case's fault instead of ECR.
    Role,
}

/// One line of the contract.
pub(crate) struct Case {
    pub(crate) name: &'static str,
    pub(crate) before: Before,
    pub(crate) fault: Fault,
    pub(crate) verdict: Verdict,
    /// Part of the message.
    pub(crate) words: &'static str,
    /// The reason code.
    pub(crate) code: &'static str,
    /// Whether ECR is waited for.
    pub(crate) waits: bool,
}

const fn failing(name: &'static str, fault: Fault, words: &'static str, code: &'static str) -> Case {
    Case { name, before: Before::Nothing, fault, verdict: Verdict::Undecided, words, code, waits: true }
}

pub(crate) static CONTRACT: &[Case] = &[
    Case {
        name: "nothing, the function is cold",
        before: Before::Nothing,
        fault: Fault::None,
        verdict: Verdict::Allowed,
        words: "",
        code: "",
        waits: true,
    },
    Case { name: "ECR is slow, but answers in time", verdict: Verdict::Allowed, ..failing("", Fault::Slow, "", "") },
    failing("ECR does not answer", Fault::Silent, "did not answer in time", "timeout"),
    failing("ECR throttles", Fault::Throttling, "is throttling requests", "throttled"),
    Case {
        before: Before::Patience,
        verdict: Verdict::Again,
        ..failing("ECR throttles, and there is time for another try", Fault::Throttling, "", "")
    },
    failing(
        "ECR throttles, and asks to be left alone for longer",
        Fault::ThrottlingForLong,
        "is throttling requests",
        "throttled",
    ),
    failing("ECR denies", Fault::Denied, "may not call ecr:", "access-denied"),
    failing("ECR has an error of its own", Fault::Broken, "answered with an error", "ecr-error"),
    failing("ECR's connection breaks", Fault::Cut, "could not be reached", "unreachable"),
    Case {
        before: Before::NoEcr,
        ..failing("ECR cannot be reached", Fault::None, "could not be reached", "unreachable")
    },
    failing("ECR talks nonsense", Fault::Nonsense, "answered something unreadable", "unreadable-answer"),
    failing("ECR answers some other question", Fault::Mixed, "answered something unreadable", "unreadable-answer"),
    failing("ECR's answer is too long", Fault::Bloated, "answered something unreadable", "unreadable-answer"),
    failing("ECR answers in pages", Fault::Pages, "answered something unreadable", "unreadable-answer"),
    failing("ECR answers for another account", Fault::WrongAccount, "answered for another registry", "wrong-registry"),
    Case {
        name: "ECR does not answer, but did within the last minute",
        before: Before::SamePod,
        fault: Fault::Silent,
        verdict: Verdict::Allowed,
        words: "",
        code: "",
        waits: false,
    },
    Case {
        before: Before::Role,
        ..failing("the registry's role may not be assumed", Fault::Denied, "may not assume the role", "role-denied")
    },
    Case { before: Before::Role, ..failing("STS throttles", Fault::Throttling, "STS is throttling", "role-throttled") },
    Case {
        before: Before::Role,
        ..failing("STS does not answer", Fault::Silent, "gave no credentials in time", "role-timeout")
    },
    Case {
        before: Before::Role,
        ..failing("STS's connection breaks", Fault::Cut, "STS could not be asked", "role-unreachable")
    },
    Case {
        before: Before::BadPolicy,
        waits: false,
        ..failing("the policy is malformed", Fault::None, "policy", lambda::policy_file::CODE)
    },
];

/// The table of the docs.
pub(crate) fn markdown() -> String {
    let mut table = String::from(
        "| what is wrong | the Pod | the message says | reason code | metrics | the function answers within |\n|---|---|---|---|---|---|\n",
    );
    let most = lambda::clients::FACTS_DEADLINE.as_secs_f64();
    for case in CONTRACT {
        let (verdict, metrics) = match case.verdict {
            Verdict::Allowed => ("is admitted", "`Pass`"),
            Verdict::Undecided => ("is denied (403)", "`Deny`, `Undecided`"),
            Verdict::Again => ("comes again after 1 s (429)", "`RetryAsked`"),
        };
        let quoted =
            |text: &str, quote: &str| if text.is_empty() { "–".to_owned() } else { format!("{quote}{text}{quote}") };
        let words =
            quoted(case.words, "\"").replace("\"policy\"", "\"could not be checked\" and what is wrong with it");
        let code = quoted(case.code, "`");
        let within = if case.waits { format!("{most} s") } else { "at once: ECR is not waited for".to_owned() };
        let _ = writeln!(table, "| {} | {verdict} | {words} | {code} | {metrics} | {within} |", case.name);
    }
    table
}
