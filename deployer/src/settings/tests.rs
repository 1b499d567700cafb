//! Every key, every bad value, by name.

use super::*;

fn read(text: &str) -> Result<Settings, Failure> {
    Settings::from_text(text, "deployer.toml", &GlobalArgs::default())
}

fn error(text: &str) -> String {
    let failure = read(text).expect_err(text);
    assert_eq!(failure.code, ExitCode::Usage);
    failure.message
}

#[test]
fn an_empty_file_and_no_file_give_the_defaults() {
    assert_eq!(read("").unwrap(), Settings::default());
}

#[test]
#[allow(clippy::too_many_lines, reason = "a table of every key")]
fn every_key_is_read() {
    let text = r#"
        stack_name = "Webhook-2"
        region = "eu-central-1"
        profile = "ops"
        ignored_namespaces = ["kube-system", "monitoring"]
        log_level = "debug"
        log_retention_days = 365
        memory_mib = 1_024
        reserved_concurrency = 50
        provisioned_concurrency = 5
        log_kms_key_arn = "arn:aws:kms:eu-central-1:111122223333:key/mrk-0a"
        architecture = "x86_64"
        artifact_bucket = "our-artefacts"
        dashboard = false
        tracing = true
        permissions_boundary = "arn:aws-us-gov:iam::111122223333:policy/team/boundary"
        [registry]
        ids = ["111122223333"]
        regions = ["eu-central-1", "us-gov-west-1"]
        [alarms]
        enabled = false
        topic_arn = "arn:aws-cn:sns:cn-north-1:111122223333:on_call-1"
        silence_hours = 168
        denials = 0
        denials_percent = 5
        [cluster]
        context = "staging"
        name = "staging-1"
        endpoint = "https://webhook.example.com:8443"
        ca_bundle = "ca.pem"
        failure_policy = "Fail"
        timeout_seconds = 30
        credentials = "bearer"
        ca_sha256 = "AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB"
        [application]
        name = "Our-webhook"
        author = "our-team-2"
        home_page = "https://example.com/webhook"
        [domain]
        name = "webhook.example.com"
        certificate_arn = "arn:aws:acm:eu-central-1:111122223333:certificate/0a-1"
        truststore = "s3://our-trust/webhook/clients.pem"
        truststore_version = "abc.1_2"
        client_identity = "client.pem"
        default_endpoint = false
        [tags]
        "cost center" = "a/b"
    "#;
    let expected = Settings {
        templates: BTreeMap::new(),
        stack_name: "Webhook-2".to_owned(),
        region: Some("eu-central-1".to_owned()),
        profile: Some("ops".to_owned()),
        registry_ids: vec!["111122223333".to_owned()],
        registry_regions: vec!["eu-central-1".to_owned(), "us-gov-west-1".to_owned()],
        ignored_namespaces: vec!["kube-system".to_owned(), "monitoring".to_owned()],
        log_level: LogLevel::Debug,
        log_retention_days: 365,
        memory_mib: 1024,
        reserved_concurrency: Some(50),
        provisioned_concurrency: Some(5),
        log_kms_key_arn: Some("arn:aws:kms:eu-central-1:111122223333:key/mrk-0a".to_owned()),
        architecture: Some(Architecture::X86_64),
        artifact_bucket: Some("our-artefacts".to_owned()),
        permissions_boundary: Some("arn:aws-us-gov:iam::111122223333:policy/team/boundary".to_owned()),
        policy: None,
        tags: BTreeMap::from([("cost center".to_owned(), "a/b".to_owned())]),
        dashboard: false,
        tracing: true,
        domain: Domain {
            name: Some("webhook.example.com".to_owned()),
            certificate_arn: Some("arn:aws:acm:eu-central-1:111122223333:certificate/0a-1".to_owned()),
            truststore: Some("s3://our-trust/webhook/clients.pem".to_owned()),
            truststore_version: Some("abc.1_2".to_owned()),
            client_identity: Some("client.pem".into()),
            default_endpoint: false,
        },
        application: Application {
            name: "Our-webhook".to_owned(),
            author: "our-team-2".to_owned(),
            home_page: Some("https://example.com/webhook".to_owned()),
        },
        alarms: Alarms {
            enabled: false,
            topic_arn: Some("arn:aws-cn:sns:cn-north-1:111122223333:on_call-1".to_owned()),
            silence_hours: 168,
            denials: 0,
            denials_percent: 5,
        },
        cluster: Cluster {
            context: Some("staging".to_owned()),
            name: Some("staging-1".to_owned()),
            endpoint: Some("https://webhook.example.com:8443".to_owned()),
            ca_bundle: Some("ca.pem".into()),
            failure_policy: Some(FailurePolicy::Fail),
            timeout_seconds: 30,
            credentials: Credentials::Bearer,
            ca_sha256: Some("ab".repeat(32)),
        },
        clusters: Vec::new(),
        left_out: Vec::new(),
        confirmed: Vec::new(),
    };
    let settings = read(text).unwrap();
    assert_eq!(settings, expected);
    assert_eq!(settings.webhook_name(), "webhook-2");
    assert_eq!(settings.bootstrap_stack_name(), "Webhook-2-bootstrap");
}

/// The last line of `text` is refused.
fn refuses(case: &str, text: &str, key: &str, way_out: &str) {
    let message = error(text);
    let line = text.lines().count();
    assert!(message.contains(&format!("deployer.toml line {line}: {key} = ")), "{case}: {message}");
    assert!(message.contains(way_out), "{case}: {message}");
}

#[test]
fn every_bad_value_is_refused_with_its_line_its_key_and_the_way_out() {
    for (case, text, key, way_out) in [
        ("alarms in quotes", "[alarms]\nenabled = 'yes'", "alarms.enabled", "true or false"),
        ("silence of over a week", "[alarms]\nsilence_hours = 169", "alarms.silence_hours", "168"),
        ("a share that never is", "[alarms]\ndenials_percent = 100", "alarms.denials_percent", "99"),
        ("denials without end", "[alarms]\ndenials = 1000001", "alarms.denials", "1000000"),
        ("topic's name", "[alarms]\ntopic_arn = 'alarms'", "alarms.topic_arn", "arn:aws:sns"),
        (
            "topic in FIFO",
            "[alarms]\ntopic_arn = 'arn:aws:sns:eu-west-1:111122223333:a.fifo'",
            "alarms.topic_arn",
            "FIFO",
        ),
        ("queue", "[alarms]\ntopic_arn = 'arn:aws:sqs:eu-west-1:111122223333:a'", "alarms.topic_arn", "SNS topic"),
        ("stack name empty", "stack_name = ''", "stack_name", "letter"),
        ("stack name with a digit first", "stack_name = '1a'", "stack_name", "letter"),
        ("stack name with an underscore", "stack_name = 'a_b'", "stack_name", "hyphens"),
        ("stack name ending in a hyphen", "stack_name = 'a-'", "stack_name", "hyphen"),
        ("stack name no string", "stack_name = 3", "stack_name", "string in quotes"),
        ("region empty", "region = ''", "region", "eu-west-1"),
        ("region a zone", "region = 'eu-west-1a'", "region", "eu-west-1"),
        ("region upper-case", "region = 'EU-WEST-1'", "region", "eu-west-1"),
        ("region without area", "region = 'eu-1'", "region", "eu-west-1"),
        ("profile empty", "profile = ' '", "profile", "leave the key out"),
        ("namespaces no list", "ignored_namespaces = 'a'", "ignored_namespaces", "list of strings"),
        ("namespaces of numbers", "ignored_namespaces = [1]", "ignored_namespaces", "string in quotes"),
        ("namespace a pattern", "ignored_namespaces = ['kube-*']", "ignored_namespaces", "patterns"),
        ("namespace with a comma", "ignored_namespaces = ['a,b']", "ignored_namespaces", "exact name"),
        ("namespace twice", "ignored_namespaces = ['a', 'a']", "ignored_namespaces", "twice"),
        ("log level unknown", "log_level = 'trace'", "log_level", "debug, info, warn, error"),
        ("log level upper-case", "log_level = 'INFO'", "log_level", "debug, info, warn, error"),
        ("retention between", "log_retention_days = 31", "log_retention_days", "30, 60"),
        ("retention a string", "log_retention_days = '30'", "log_retention_days", "whole number"),
        ("memory too small", "memory_mib = 127", "memory_mib", "128 to 10240"),
        ("memory too large", "memory_mib = 10241", "memory_mib", "128 to 10240"),
        ("memory negative", "memory_mib = -256", "memory_mib", "128 to 10240"),
        ("memory larger than any", "memory_mib = 99999999999", "memory_mib", "128 to 10240"),
        ("memory a fraction", "memory_mib = 256.5", "memory_mib", "whole number"),
        ("architecture unknown", "architecture = 'amd64'", "architecture", "arm64, x86_64"),
        ("bucket a URL", "artifact_bucket = 's3://a'", "artifact_bucket", "without s3://"),
        ("bucket too short", "artifact_bucket = 'ab'", "artifact_bucket", "3 to 63"),
        ("boundary a name", "permissions_boundary = 'boundary'", "permissions_boundary", "ARN"),
        ("boundary a role", "permissions_boundary = 'arn:aws:iam::111122223333:role/r'", "permissions_boundary", "ARN"),
        ("registry no section", "registry = 1", "registry", "[registry]"),
        ("registry id short", "[registry]\nids = ['1111']", "registry.ids", "12 digits"),
        ("registry id a number", "[registry]\nids = [111122223333]", "registry.ids", "string in quotes"),
        ("registry region", "[registry]\nregions = ['Ireland']", "registry.regions", "eu-west-1"),
        ("clusters a section", "\nclusters = 1", "clusters", "[[clusters]]"),
        (
            "endpoint of one of several",
            "[[clusters]]\ncontext = 'a'\nendpoint = 'x'",
            "clusters.endpoint",
            "https://host",
        ),
        ("cluster no section", "cluster = 'staging'", "cluster", "[cluster]"),
        ("context empty", "[cluster]\ncontext = ''", "cluster.context", "leave the key out"),
        ("caller upper-case", "[cluster]\nname = 'Staging'", "cluster.name", "lower-case"),
        ("caller empty", "[cluster]\nname = ''", "cluster.name", "lower-case"),
        ("endpoint http", "[cluster]\nendpoint = 'http://a'", "cluster.endpoint", "https://host"),
        ("endpoint with a path", "[cluster]\nendpoint = 'https://a/b'", "cluster.endpoint", "without a path"),
        ("endpoint with a slash", "[cluster]\nendpoint = 'https://a/'", "cluster.endpoint", "slash"),
        ("endpoint with a bad port", "[cluster]\nendpoint = 'https://a:70000'", "cluster.endpoint", "port"),
        ("endpoint without host", "[cluster]\nendpoint = 'https://'", "cluster.endpoint", "https://host"),
        ("bundle empty", "[cluster]\nca_bundle = ''", "cluster.ca_bundle", "leave the key out"),
        ("a short fingerprint", "[cluster]\nca_sha256 = 'ab:cd'", "cluster.ca_sha256", "64 hex digits"),
        ("policy lower-case", "[cluster]\nfailure_policy = 'ignore'", "cluster.failure_policy", "Ignore, Fail"),
        ("credentials unknown", "[cluster]\ncredentials = 'token'", "cluster.credentials", "url, bearer"),
        ("timeout too short", "[cluster]\ntimeout_seconds = 4", "cluster.timeout_seconds", "5 to 30"),
        ("timeout too long", "[cluster]\ntimeout_seconds = 31", "cluster.timeout_seconds", "5 to 30"),
        ("tags no section", "tags = ['a']", "tags", "[tags]"),
        ("tag of AWS", "[tags]\n'aws:x' = 'a'", "tags.aws:x", "aws:"),
        ("tag no string", "[tags]\na = true", "tags.a", "string in quotes"),
        ("tag with a quote", "[tags]\na = '\"'", "tags.a", "letters"),
    ] {
        refuses(case, text, key, way_out);
    }
}

#[test]
fn every_bad_value_of_an_option_of_the_stack_is_refused_in_the_same_way() {
    for (case, text, key, way_out) in [
        ("concurrency of nothing", "reserved_concurrency = 0", "reserved_concurrency", "leave the key out"),
        (
            "provisioned concurrency of nothing",
            "provisioned_concurrency = 0",
            "provisioned_concurrency",
            "leave the key out",
        ),
        ("concurrency in quotes", "reserved_concurrency = '5'", "reserved_concurrency", "whole number"),
        ("key an id", "log_kms_key_arn = 'mrk-0a'", "log_kms_key_arn", "arn:aws:kms"),
        (
            "key an alias",
            "log_kms_key_arn = 'arn:aws:kms:eu-west-1:111122223333:alias/logs'",
            "log_kms_key_arn",
            "not of an alias",
        ),
        ("domain no section", "domain = 'a.example.com'", "domain", "[domain]"),
        ("domain a URL", "[domain]\nname = 'https://a.example.com'", "domain.name", "without https://"),
        ("domain a wildcard", "[domain]\nname = '*.example.com'", "domain.name", "wildcard"),
        ("domain upper-case", "[domain]\nname = 'A.example.com'", "domain.name", "lower case"),
        ("domain without a dot", "[domain]\nname = 'webhook'", "domain.name", "webhook.example.com"),
        (
            "certificate of IAM",
            "[domain]\ncertificate_arn = 'arn:aws:iam::111122223333:server-certificate/a'",
            "domain.certificate_arn",
            "arn:aws:acm",
        ),
        ("truststore a path", "[domain]\ntruststore = 'clients.pem'", "domain.truststore", "s3://bucket/key"),
        (
            "truststore without a key",
            "[domain]\ntruststore = 's3://our-trust/'",
            "domain.truststore",
            "s3://bucket/key",
        ),
        ("version empty", "[domain]\ntruststore_version = ''", "domain.truststore_version", "version id"),
        ("identity empty", "[domain]\nclient_identity = ''", "domain.client_identity", "leave the key out"),
        ("endpoint in quotes", "[domain]\ndefault_endpoint = 'no'", "domain.default_endpoint", "true or false"),
        ("application's name", "[application]\nname = 'our webhook'", "application.name", "hyphens"),
        ("author upper-case", "[application]\nauthor = 'Team'", "application.author", "lower-case"),
        ("author with two hyphens", "[application]\nauthor = 'a--b'", "application.author", "single hyphens"),
        ("page http", "[application]\nhome_page = 'http://example.com'", "application.home_page", "https://"),
    ] {
        refuses(case, text, key, way_out);
    }
}

#[test]
fn an_unknown_key_is_refused_with_its_line_and_the_nearest_known_one() {
    for (case, text, says) in [
        ("misspelt", "\nmemory_mb = 3", "line 2: the key memory_mb is not known: did you mean memory_mib?"),
        ("hyphens", "stack-name = 'a'", "did you mean stack_name?"),
        ("misspelt section", "[clutser]\nname = 'a'", "line 1: the key clutser is not known: did you mean cluster?"),
        (
            "misspelt in a list",
            "[[clusters]]\ncontext = 'a'\nendpont = 'a'",
            "did you mean endpoint in the section [[clusters]]?",
        ),
        ("misspelt in a section", "[cluster]\nendpont = 'a'", "did you mean endpoint in the section [cluster]?"),
        ("outside of its section", "failure_policy = 'Fail'", "did you mean failure_policy in the section [cluster]?"),
        ("inside a section", "[cluster]\nlog_level = 'info'", "did you mean log_level, before the first section?"),
        ("like nothing", "zzzzzzzzzzzz = 1", "use one of alarms, "),
    ] {
        let message = error(text);
        assert!(message.contains(says), "{case}: {message}");
    }
}

#[test]
fn every_error_is_told_at_once_from_top_to_bottom() {
    let message = error("memory_mib = 1\nlog_level = 'x'\n[cluster]\nnope = 1\n");
    let lines: Vec<&str> = message.lines().collect();
    let expected = ["3 settings are wrong", "line 1: memory_mib", "line 2: log_level", "line 4: the key cluster.nope"];
    assert_eq!(lines.len(), expected.len(), "{message}");
    for (line, part) in lines.iter().zip(expected) {
        assert!(line.contains(part), "{part}: {message}");
    }
}

#[test]
fn text_that_is_no_toml_is_refused_with_its_line() {
    for (case, text, line) in
        [("open string", "a = 1\nb = \"", 2), ("key twice", "region='eu-west-1'\nregion='eu-west-1'", 2)]
    {
        let message = error(text);
        assert!(message.contains(&format!("deployer.toml line {line}: this is not TOML")), "{case}: {message}");
    }
}

#[test]
fn options_beat_the_file_and_keep_the_same_rules() {
    let options = GlobalArgs {
        stack_name: Some("other".to_owned()),
        region: Some("us-east-1".to_owned()),
        context: Some("prod".to_owned()),
        ..GlobalArgs::default()
    };
    let text = "stack_name = 'mine'\nregion = 'eu-west-1'\nprofile = 'ops'\n[cluster]\ncontext = 'staging'";
    let settings = Settings::from_text(text, "f", &options).unwrap();
    assert_eq!(settings.stack_name, "other");
    assert_eq!(settings.region.as_deref(), Some("us-east-1"));
    assert_eq!(settings.profile.as_deref(), Some("ops"));
    assert_eq!(settings.cluster.context.as_deref(), Some("prod"));

    let bad = GlobalArgs { stack_name: Some("_".to_owned()), region: Some("moon".to_owned()), ..GlobalArgs::default() };
    let message = Settings::from_text("", "f", &bad).unwrap_err().message;
    assert!(message.contains("--stack-name _: ") && message.contains("--region moon: "), "{message}");
}

#[test]
fn a_settings_file_that_was_named_must_exist() {
    let options = GlobalArgs { config: Some("no/such.toml".into()), ..GlobalArgs::default() };
    let failure = Settings::load(&options).unwrap_err();
    assert!(failure.message.contains("no/such.toml") && failure.hint.is_some(), "{failure:?}");
}

#[test]
fn a_ca_bundle_that_is_not_there_is_named() {
    let mut settings = Settings::default();
    assert_eq!(settings.ca_bundle_pem().unwrap(), None);
    settings.cluster.ca_bundle = Some("no/such.pem".into());
    assert!(settings.ca_bundle_pem().unwrap_err().message.contains("no/such.pem"));
}

const TWO: &str =
    "[[clusters]]\ncontext = 'arn:x/blue'\nname = 'blue'\ntimeout_seconds = 7\n[[clusters]]\ncontext = 'green'\n";

#[test]
fn several_clusters_are_one_list_and_one_is_a_list_of_one() {
    let settings = read(TWO).unwrap();
    let each = settings.each_cluster();
    let seen: Vec<_> = each.iter().map(|one| (one.cluster.context.as_deref(), one.cluster.timeout_seconds)).collect();
    assert_eq!(seen, [(Some("arn:x/blue"), 7), (Some("green"), 5)]);
    assert!(each.iter().all(|one| one.one_cluster().is_ok()));
    assert!(settings.one_cluster().unwrap_err().hint.unwrap().contains("arn:x/blue, green"));
    let one = read("[cluster]\ncontext = 'blue'").unwrap();
    assert_eq!((one.each_cluster(), one.one_cluster()), (vec![one.clone()], Ok(())));
}

#[test]
fn what_cannot_stand_in_a_list_of_clusters_is_refused_with_its_line() {
    for (case, text, says) in [
        (
            "both forms",
            "[cluster]\nname = 'a'\n[[clusters]]\ncontext = 'b'",
            "[cluster] and [[clusters]] are both there",
        ),
        ("no context", "[[clusters]]\nname = 'a'", "line 1: clusters.context is missing"),
        (
            "a context twice",
            "[[clusters]]\ncontext = 'a'\n[[clusters]]\ncontext = 'a'",
            "line 3: clusters.context = \"a\" stands twice",
        ),
        (
            "a name twice",
            "[[clusters]]\ncontext = 'a'\nname = 'n'\n[[clusters]]\ncontext = 'b'\nname = 'n'",
            "line 4: the contexts a and b are both called n: give each a clusters.name",
        ),
        (
            "a derived name twice",
            "[[clusters]]\ncontext = 'arn:eu/x'\n[[clusters]]\ncontext = 'arn:us/x'",
            "line 3: the contexts arn:eu/x and arn:us/x are both called x",
        ),
    ] {
        let message = error(text);
        assert!(message.contains(says), "{case}: {message}");
    }
}

#[test]
fn a_context_is_chosen_by_its_context_or_name_and_what_is_left_out_is_known() {
    let choose = |wanted: &str| {
        let options = GlobalArgs { context: Some(wanted.to_owned()), ..GlobalArgs::default() };
        Settings::from_text(TWO, "f", &options)
    };
    for (wanted, context, left_out) in
        [("green", "green", "arn:x/blue"), ("blue", "arn:x/blue", "green"), ("arn:x/blue", "arn:x/blue", "green")]
    {
        let settings = choose(wanted).unwrap();
        assert_eq!(settings.cluster.context.as_deref(), Some(context), "{wanted}");
        assert_eq!(settings.one_cluster(), Ok(()), "{wanted}");
        assert!(settings.all_clusters().unwrap_err().message.contains(left_out), "{wanted}");
    }
    let message = choose("red").unwrap_err().message;
    assert!(message.contains("--context red: it is none of [[clusters]]: choose arn:x/blue, green"), "{message}");
    assert_eq!(read(TWO).unwrap().all_clusters(), Ok(()));
}
