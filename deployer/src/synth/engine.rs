//! The template engine: Tera with delimiters that `CloudFormation` does not use, and interpolation that cannot break out.
//!
//! It knows nothing about what the templates mean.

use std::{fmt::Write as _, io::Write};

use tera::{Context, Delimiters, Tera};

use crate::error::Failure;

/// Declares the templates once: their name below `templates/`, and their text in this binary.
macro_rules! embedded {
    ($($name:literal),+ $(,)?) => {
        &[$(($name, include_str!(concat!("../../../templates/", $name)))),+]
    };
}

/// Every file of `templates/`. A test walks the folder and holds this list to it.
pub(super) const EMBEDDED: &[(&str, &str)] = embedded![
    "application.md.tera",
    "bootstrap.yaml.tera",
    "partials/alarm_actions.yaml.tera",
    "partials/alarm_name_finding.yaml.tera",
    "partials/called_by_api.yaml.tera",
    "partials/log_group_findings.yaml.tera",
    "resources/alarm_topic.yaml.tera",
    "resources/api.yaml.tera",
    "resources/api_alarms.yaml.tera",
    "resources/api_domain.yaml.tera",
    "resources/api_integration.yaml.tera",
    "resources/api_log_group.yaml.tera",
    "resources/api_mapping.yaml.tera",
    "resources/api_route.yaml.tera",
    "resources/api_stage.yaml.tera",
    "resources/dashboard.yaml.tera",
    "resources/function.yaml.tera",
    "resources/function_alarms.yaml.tera",
    "resources/function_alias.yaml.tera",
    "resources/function_log_group.yaml.tera",
    "resources/function_permission.yaml.tera",
    "resources/function_role.yaml.tera",
    "resources/function_role_policy.yaml.tera",
    "resources/function_version.yaml.tera",
    "resources/queries.yaml.tera",
    "resources/verdict_alarms.yaml.tera",
    "stack.yaml.tera",
    "webhook.yaml.tera",
];

/// Renders one of `templates`, given as name and text.
///
/// # Errors
/// When a template has a syntax error, includes one that is not there, or uses a variable that `context` does not have.
pub(super) fn render(templates: &[(&str, &str)], name: &str, context: &Context) -> Result<String, Failure> {
    let broken = |error: tera::Error| Failure::new(format!("the template {name} cannot be rendered")).caused_by(&error);
    let mut tera = Tera::new();
    // The usual braces are CloudFormation's own: {{resolve:ssm:…}}.
    tera.set_delimiters(Delimiters {
        block_start: "<%".into(),
        block_end: "%>".into(),
        variable_start: "<<".into(),
        variable_end: ">>".into(),
        comment_start: "<#".into(),
        comment_end: "#>".into(),
    })
    .map_err(broken)?;
    tera.autoescape_on([".tera"]);
    tera.set_escape_fn(write_yaml_string);
    tera.add_raw_templates(templates.iter().copied()).map_err(broken)?;
    tera.render(name, context).map(|text| tidy(&text)).map_err(broken)
}

/// Writes a string as a JSON literal, quotes included. YAML reads JSON, so whatever the string holds stays one string.
/// Numbers and booleans never come here; Tera writes them as they are.
fn write_yaml_string(text: &str, out: &mut dyn Write) -> std::io::Result<()> {
    let literal = serde_json::to_string(text)?;
    // JSON lets these stand, YAML does not, or takes them for a line break.
    let unprintable =
        |c: char| matches!(c, '\u{7f}'..='\u{9f}' | '\u{2028}' | '\u{2029}' | '\u{feff}' | '\u{fffe}' | '\u{ffff}');
    let mut safe = String::with_capacity(literal.len());
    for c in literal.chars() {
        if unprintable(c) {
            // Writing to a String cannot fail.
            let _ = write!(safe, "\\u{:04x}", u32::from(c));
        } else {
            safe.push(c);
        }
    }
    out.write_all(safe.as_bytes())
}

/// No space at line ends, one empty line at most, one line break at the end: an include or a condition leaves no trace.
fn tidy(text: &str) -> String {
    let mut tidied = String::with_capacity(text.len());
    let mut was_empty = true;
    for line in text.lines().map(str::trim_end) {
        if !(line.is_empty() && was_empty) {
            tidied.push_str(line);
            tidied.push('\n');
        }
        was_empty = line.is_empty();
    }
    tidied.truncate(tidied.trim_end().len());
    tidied.push('\n');
    tidied
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeSet, fs, path::Path};

    use super::*;

    fn render_one(text: &str, key: &'static str, value: &str) -> Result<String, Failure> {
        let mut context = Context::new();
        context.insert(key, value);
        render(&[("one.yaml.tera", text)], "one.yaml.tera", &context)
    }

    #[test]
    fn every_file_of_the_templates_folder_is_embedded() {
        fn walk(root: &Path, dir: &Path, found: &mut BTreeSet<String>) {
            for entry in fs::read_dir(dir).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    walk(root, &path, found);
                } else {
                    found.insert(path.strip_prefix(root).unwrap().display().to_string());
                }
            }
        }
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../templates");
        let mut found = BTreeSet::new();
        walk(&root, &root, &mut found);
        let embedded: BTreeSet<String> = EMBEDDED.iter().map(|(name, _)| (*name).to_owned()).collect();
        assert_eq!(embedded, found);
    }

    #[test]
    fn every_resource_file_is_included_by_the_stack() {
        let stack = EMBEDDED.iter().find(|(name, _)| *name == "stack.yaml.tera").unwrap().1;
        for (name, _) in EMBEDDED.iter().filter(|(name, _)| name.starts_with("resources/")) {
            assert_eq!(stack.matches(&format!("<% include \"{name}\" %>")).count(), 1, "{name}");
        }
    }

    #[test]
    fn whatever_a_string_holds_it_stays_one_string() {
        for (case, hostile) in [
            ("quote and new key", "\"\nEvil: true\n\""),
            ("comment", "a # b"),
            ("tag", "!Ref Evil"),
            ("merge key", "<<: *all"),
            ("number", "0123"),
            ("boolean", "no"),
            ("empty", ""),
            ("backslash", "\\"),
            ("dynamic reference", "{{resolve:ssm:x}}"),
            ("template syntax", "<< name >> <% raw %>"),
            ("control characters", "\u{0}\u{1b}\u{7f}\u{85}\u{9f}"),
            ("line separators", "\u{2028}\u{2029}\u{feff}"),
            ("emoji", "\u{1f600}"),
        ] {
            let text = render_one("Key: << value >>", "value", hostile).unwrap();
            let parsed: serde_json::Value = serde_saphyr::from_str(&text).unwrap();
            assert_eq!(parsed, serde_json::json!({ "Key": hostile }), "{case}: {text}");
        }
    }

    #[test]
    fn a_variable_that_does_not_exist_is_an_error_that_names_it_and_its_place() {
        let failure = render_one("Key: << missing >>", "value", "x").unwrap_err();
        assert!(failure.message.contains("one.yaml.tera"), "{failure:?}");
        let cause = failure.cause.unwrap();
        assert!(cause.contains("missing") && cause.contains("1:"), "{cause}");
    }

    #[test]
    fn a_syntax_error_and_a_missing_include_are_errors() {
        for (case, text) in [("syntax", "<% if %>"), ("include", "<% include \"absent.yaml.tera\" %>")] {
            assert!(render_one(text, "value", "x").is_err(), "{case}");
        }
    }

    #[test]
    fn conditions_and_includes_leave_no_trace_of_empty_lines() {
        assert_eq!(tidy("\n\na: 1  \n\n\n\nb: 2\n\n"), "a: 1\n\nb: 2\n");
    }
}
