//! A look at the rendered `CloudFormation` text before AWS sees it: one document, no key twice, every reference has a target,
//! small enough to be sent inline. What a property may hold is the linter's business.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::error::Failure;

/// Bytes that `TemplateBody` may have.
pub(super) const INLINE_LIMIT: usize = 51_200;

/// What `CloudFormation` itself defines.
const PSEUDO_PARAMETERS: [&str; 8] = [
    "AWS::AccountId",
    "AWS::NoValue",
    "AWS::NotificationARNs",
    "AWS::Partition",
    "AWS::Region",
    "AWS::StackId",
    "AWS::StackName",
    "AWS::URLSuffix",
];

/// Checks `text`, rendered from the template `name`.
///
/// # Errors
/// Naming every problem, each with the path where it stands.
pub(super) fn cloudformation(name: &str, text: &str) -> Result<(), Failure> {
    if text.len() >= INLINE_LIMIT {
        return Err(Failure::new(format!(
            "the template {name} has {} bytes; CloudFormation takes fewer than {INLINE_LIMIT} inline",
            text.len()
        )));
    }
    let document = parse(name, text)?;
    let mut walk = Walk::new(&document);
    for section in ["Conditions", "Resources", "Outputs"] {
        if let Some(value) = document.get(section) {
            walk.visit(value, section);
        }
    }
    walk.visit_dependencies();
    if walk.problems.is_empty() {
        return Ok(());
    }
    Err(Failure::new(format!("the template {name} refers to what it does not define"))
        .with_cause(walk.problems.join("; ")))
}

/// Parses YAML; a key that stands twice in one mapping is an error of the parser.
///
/// # Errors
/// With the parser's words, which hold line and column.
pub(super) fn parse(name: &str, text: &str) -> Result<Value, Failure> {
    serde_saphyr::from_str(text)
        .map_err(|error| Failure::new(format!("the template {name} does not render to valid YAML")).caused_by(&error))
}

struct Walk<'a> {
    document: &'a Value,
    parameters: BTreeSet<&'a str>,
    resources: BTreeSet<&'a str>,
    conditions: BTreeSet<&'a str>,
    problems: Vec<String>,
}

impl<'a> Walk<'a> {
    fn new(document: &'a Value) -> Self {
        let names = |section: &str| {
            document
                .get(section)
                .and_then(Value::as_object)
                .into_iter()
                .flatten()
                .map(|(name, _)| name.as_str())
                .collect()
        };
        Self {
            document,
            parameters: names("Parameters"),
            resources: names("Resources"),
            conditions: names("Conditions"),
            problems: Vec::new(),
        }
    }

    fn visit(&mut self, value: &Value, path: &str) {
        match value {
            Value::Array(items) => {
                for (index, item) in items.iter().enumerate() {
                    self.visit(item, &format!("{path}[{index}]"));
                }
            }
            Value::Object(fields) => {
                for (key, field) in fields {
                    self.check(key, field, path);
                    self.visit(field, &format!("{path}.{key}"));
                }
            }
            _ => {}
        }
    }

    fn check(&mut self, function: &str, argument: &Value, path: &str) {
        match (function, argument) {
            ("Ref", Value::String(name)) => self.need_reference(name, path),
            ("Fn::GetAtt", Value::String(dotted)) => self.need_attribute(dotted, path),
            ("Fn::GetAtt", Value::Array(parts)) => match parts.as_slice() {
                [Value::String(resource), _] => self.need_resource(resource, path),
                _ => self.problem(path, "Fn::GetAtt needs a resource and an attribute"),
            },
            ("Fn::Sub", Value::String(text)) => self.need_variables(text, &BTreeSet::new(), path),
            ("Fn::Sub", Value::Array(parts)) => match parts.as_slice() {
                [Value::String(text), Value::Object(own)] => {
                    self.need_variables(text, &own.keys().map(String::as_str).collect(), path);
                }
                _ => self.problem(path, "Fn::Sub needs a text and its variables"),
            },
            ("Fn::If", Value::Array(parts)) => match parts.as_slice() {
                [Value::String(condition), _, _] => self.need_condition(condition, path),
                _ => self.problem(path, "Fn::If needs a condition and two values"),
            },
            // The condition of a resource or output, and a condition made of others; an IAM statement's is no string.
            ("Condition", Value::String(condition)) => self.need_condition(condition, path),
            _ => {}
        }
    }

    fn visit_dependencies(&mut self) {
        let document = self.document;
        for (name, resource) in document.get("Resources").and_then(Value::as_object).into_iter().flatten() {
            let path = format!("Resources.{name}.DependsOn");
            match resource.get("DependsOn") {
                Some(Value::String(target)) => self.need_resource(target, &path),
                Some(Value::Array(targets)) => {
                    for target in targets.iter().filter_map(Value::as_str) {
                        self.need_resource(target, &path);
                    }
                }
                _ => {}
            }
        }
    }

    /// `${Name}`, `${Resource.Attribute}`; `${!Name}` is text.
    fn need_variables(&mut self, text: &str, own: &BTreeSet<&str>, path: &str) {
        for part in text.split("${").skip(1) {
            let Some((variable, _)) = part.split_once('}') else {
                self.problem(path, &format!("\"{text}\" opens a variable and does not close it"));
                continue;
            };
            if variable.starts_with('!') || own.contains(variable) {
                continue;
            }
            if variable.contains('.') {
                self.need_attribute(variable, path);
            } else {
                self.need_reference(variable, path);
            }
        }
    }

    fn need_reference(&mut self, name: &str, path: &str) {
        let known =
            self.parameters.contains(name) || self.resources.contains(name) || PSEUDO_PARAMETERS.contains(&name);
        self.need(known, "no parameter or resource", name, path);
    }

    fn need_attribute(&mut self, dotted: &str, path: &str) {
        let resource = dotted.split_once('.').map_or(dotted, |(resource, _)| resource);
        self.need_resource(resource, path);
    }

    fn need_resource(&mut self, name: &str, path: &str) {
        self.need(self.resources.contains(name), "no resource", name, path);
    }

    fn need_condition(&mut self, name: &str, path: &str) {
        self.need(self.conditions.contains(name), "no condition", name, path);
    }

    fn need(&mut self, known: bool, what: &str, name: &str, path: &str) {
        if !known {
            self.problem(path, &format!("{what} named {name}"));
        }
    }

    fn problem(&mut self, path: &str, what: &str) {
        self.problems.push(format!("{path}: {what}"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RESOURCE: &str = "Parameters:\n  P: {Type: String}\nConditions:\n  C: {\"Fn::Equals\": [{Ref: P}, x]}\nResources:\n  R:\n    Type: AWS::S3::Bucket\n    Properties:\n      BucketName: ";

    #[test]
    fn accepts_references_that_have_a_target() {
        for value in [
            "{Ref: P}",
            "{Ref: R}",
            "{Ref: \"AWS::Region\"}",
            "{\"Fn::GetAtt\": [R, Arn]}",
            "{\"Fn::GetAtt\": R.Arn}",
            "{\"Fn::Sub\": \"${P}-${R}-${R.Arn}-${AWS::Region}-${!Text}-$context.x\"}",
            "{\"Fn::Sub\": [\"${Own}\", {Own: {Ref: P}}]}",
            "{\"Fn::If\": [C, a, b]}",
        ] {
            cloudformation("t", &format!("{RESOURCE}{value}\n"))
                .unwrap_or_else(|failure| panic!("{value}: {failure:?}"));
        }
    }

    #[test]
    fn names_every_reference_without_a_target_and_its_place() {
        for (case, value, named) in [
            ("Ref", "{Ref: Absent}", "Absent"),
            ("pseudo parameter", "{Ref: \"AWS::Acount\"}", "AWS::Acount"),
            ("GetAtt as list", "{\"Fn::GetAtt\": [Absent, Arn]}", "Absent"),
            ("GetAtt as text", "{\"Fn::GetAtt\": Absent.Arn}", "Absent"),
            ("GetAtt of a parameter", "{\"Fn::GetAtt\": [P, Arn]}", "P"),
            ("GetAtt without attribute", "{\"Fn::GetAtt\": [R]}", "attribute"),
            ("Sub", "{\"Fn::Sub\": \"x-${Absent}\"}", "Absent"),
            ("Sub of an attribute", "{\"Fn::Sub\": \"x-${Absent.Arn}\"}", "Absent"),
            ("Sub with own variables", "{\"Fn::Sub\": [\"${Absent}\", {Own: x}]}", "Absent"),
            ("Sub left open", "{\"Fn::Sub\": \"${P\"}", "close"),
            ("If", "{\"Fn::If\": [Absent, a, b]}", "Absent"),
            ("deep inside", "{\"Fn::Join\": [\"\", [a, {Ref: Absent}]]}", "Absent"),
        ] {
            let failure = cloudformation("t", &format!("{RESOURCE}{value}\n")).expect_err(case);
            let cause = failure.cause.unwrap();
            assert!(cause.contains(named) && cause.contains("Resources.R.Properties.BucketName"), "{case}: {cause}");
        }
    }

    #[test]
    fn names_a_dependency_and_a_condition_that_do_not_exist() {
        for (case, line) in [
            ("DependsOn", "DependsOn: Absent"),
            ("in a list", "DependsOn: [Absent]"),
            ("Condition", "Condition: Absent"),
        ] {
            let failure = cloudformation("t", &format!("{RESOURCE}x\n    {line}\n")).expect_err(case);
            assert!(failure.cause.unwrap().contains("Absent"), "{case}");
        }
    }

    #[test]
    fn refuses_a_key_that_stands_twice() {
        let failure = cloudformation("t", &format!("{RESOURCE}x\n  R:\n    Type: AWS::S3::Bucket\n")).unwrap_err();
        let cause = failure.cause.unwrap();
        assert!(cause.contains("duplicate") && cause.contains('R'), "{cause}");
    }

    #[test]
    fn refuses_text_that_is_no_yaml() {
        assert!(cloudformation("t", "a: [").is_err());
    }

    #[test]
    fn refuses_a_template_that_is_too_large_to_be_sent_inline() {
        let fits = format!("# {}\nResources: {{}}\n", "x".repeat(INLINE_LIMIT - 20 - 3));
        assert!(cloudformation("t", &fits).is_ok());
        let failure = cloudformation("t", &format!("{fits}#{}", "x".repeat(64))).unwrap_err();
        assert!(failure.message.contains("51200"), "{failure:?}");
    }
}
