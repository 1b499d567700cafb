//! The command that adds one repository to the enhanced scanning rules of its registry. No rule by itself.
//!
//! `PutRegistryScanningConfiguration` replaces all rules, so the command must repeat those that exist: leaving one out
//! would switch scanning off for other repositories.

use serde::Serialize;

use crate::facts::{RegistryScanning, RepositoryKey, ScanFrequency, ScanningRule};
use crate::text::shell;

/// ECR's limit of filters in a rule.
const MOST_FILTERS: usize = 100;
/// The longest command that a denial can carry.
const LONGEST_COMMAND: usize = 1200;

/// The command, or where that is not possible, how to get there.
pub(super) fn fix(key: &RepositoryKey, registry: &RegistryScanning) -> String {
    let region = shell(&key.registry.region);
    let account = &key.registry.account;
    let filter = filter_for(&key.name);
    let rules = with_filter(&registry.rules, &filter);
    let fits = rules.iter().all(|rule| rule.filters.len() <= MOST_FILTERS);
    let command = as_json(&rules).filter(|_| fits).map(|json| {
        format!(
            "aws ecr put-registry-scanning-configuration --region {region} --scan-type ENHANCED --rules {}",
            shell(&json)
        )
    });
    if let Some(command) = command.filter(|command| command.len() <= LONGEST_COMMAND) {
        return command;
    }
    format!(
        "in account {account}, get the rules with `aws ecr get-registry-scanning-configuration --region {region}`, add a filter that matches {filter} to the one with SCAN_ON_PUSH, and put them back with `aws ecr put-registry-scanning-configuration --region {region} --scan-type ENHANCED --rules file://rules.json`"
    )
}

fn with_filter(rules: &[ScanningRule], filter: &str) -> Vec<ScanningRule> {
    let mut rules = rules.to_vec();
    match rules.iter_mut().find(|rule| rule.frequency == ScanFrequency::ScanOnPush) {
        Some(rule) => rule.filters.push(filter.to_owned()),
        None => rules.push(ScanningRule { frequency: ScanFrequency::ScanOnPush, filters: vec![filter.to_owned()] }),
    }
    rules
}

/// A filter that matches the name. Filters allow no two separators in a row, names do: a star stands in for those.
fn filter_for(name: &str) -> String {
    let mut filter = String::with_capacity(name.len());
    let mut separators = String::new();
    for character in name.chars() {
        if character.is_ascii_alphanumeric() {
            filter.push_str(if separators.len() > 1 { "*" } else { &separators });
            separators.clear();
            filter.push(character);
        } else {
            separators.push(character);
        }
    }
    filter
}

/// The wire form of a rule. Types of our own, so that the order of the keys is always the same.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct RuleJson<'a> {
    scan_frequency: &'a str,
    repository_filters: Vec<FilterJson<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct FilterJson<'a> {
    filter: &'a str,
    filter_type: &'static str,
}

/// `None` cannot happen with these types; it is passed on so that nobody has to believe that.
fn as_json(rules: &[ScanningRule]) -> Option<String> {
    let one = |rule: &'_ ScanningRule| -> Option<String> {
        let filters = rule.filters.iter().map(|filter| FilterJson { filter, filter_type: "WILDCARD" }).collect();
        let rule = RuleJson { scan_frequency: rule.frequency.as_str(), repository_filters: filters };
        serde_json::to_string(&rule).ok()
    };
    let rules: Option<Vec<String>> = rules.iter().map(one).collect();
    Some(format!("[{}]", rules?.join(",")))
}

#[cfg(test)]
mod tests {
    use super::{filter_for, fix};
    use crate::facts::{RegistryScanning, RepositoryKey, ScanFrequency, ScanType, ScanningRule};
    use crate::registry::{Partition, Registry};

    fn command(rules: Vec<ScanningRule>) -> String {
        let registry =
            Registry { partition: Partition::Aws, account: "111122223333".to_owned(), region: "eu-west-1".to_owned() };
        let key = RepositoryKey { registry, name: "team/app".to_owned() };
        fix(&key, &RegistryScanning { scan_type: ScanType::Enhanced, rules })
    }

    fn rule(frequency: ScanFrequency, filters: &[&str]) -> ScanningRule {
        ScanningRule { frequency, filters: filters.iter().map(|filter| (*filter).to_owned()).collect() }
    }

    #[test]
    fn the_command_keeps_every_existing_rule_and_adds_the_repository() {
        let command =
            command(vec![rule(ScanFrequency::Continuous, &["prod*"]), rule(ScanFrequency::ScanOnPush, &["it's"])]);
        let expected = concat!(
            "aws ecr put-registry-scanning-configuration --region eu-west-1 --scan-type ENHANCED --rules ",
            r#"'[{"scanFrequency":"CONTINUOUS_SCAN","repositoryFilters":[{"filter":"prod*","filterType":"WILDCARD"}]},"#,
            r#"{"scanFrequency":"SCAN_ON_PUSH","repositoryFilters":[{"filter":"it'\''s","filterType":"WILDCARD"},{"filter":"team/app","filterType":"WILDCARD"}]}]'"#,
        );
        assert_eq!(command, expected);
    }

    #[test]
    fn the_command_makes_a_rule_where_none_scans_at_push() {
        let command = command(Vec::new());
        assert!(
            command.ends_with(
                r#"--rules '[{"scanFrequency":"SCAN_ON_PUSH","repositoryFilters":[{"filter":"team/app","filterType":"WILDCARD"}]}]'"#
            ),
            "{command}"
        );
    }

    #[test]
    fn rules_too_many_for_a_denial_are_edited_in_a_file() {
        let filters: Vec<String> = (0..100).map(|n| format!("filter-{n}")).collect();
        let full = ScanningRule { frequency: ScanFrequency::ScanOnPush, filters };
        let command = command(vec![full]);
        assert!(command.contains("file://rules.json") && command.len() < 500, "{command}");
    }

    #[test]
    fn a_name_that_is_no_filter_becomes_one() {
        assert_eq!(filter_for("team/app-1.x_y"), "team/app-1.x_y");
        assert_eq!(filter_for("a__b--c/d"), "a*b*c/d");
    }
}
