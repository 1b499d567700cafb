//! Values of options that take more than a word: what they may be, and the sentence for what they may not.

use std::time::Duration;

use crate::cluster::pause::LONGEST;

/// As long as a pause may be.
pub(super) fn pause_span(text: &str) -> Result<Duration, String> {
    let span = duration(text)?;
    let fits = span > Duration::ZERO && span <= LONGEST;
    fits.then_some(span).ok_or_else(|| format!("\"{text}\" is not between 1s and {}h", LONGEST.as_secs() / 3600))
}

/// One line that somebody can read.
pub(super) fn reason(text: &str) -> Result<String, String> {
    let text = text.trim();
    let fits = (1..=256).contains(&text.chars().count()) && !text.chars().any(char::is_control);
    fits.then(|| text.to_owned()).ok_or_else(|| "give one line of 1 to 256 characters".to_owned())
}

/// A folder on another machine, by its absolute path: Kubernetes takes no other.
pub(super) fn absolute(text: &str) -> Result<String, String> {
    let path = text.trim_end_matches('/');
    let fits = path.starts_with('/') && !path.chars().any(char::is_control);
    fits.then(|| path.to_owned())
        .ok_or_else(|| format!("\"{text}\" is no absolute path, such as /etc/kubernetes/admission"))
}

/// A duration that `CloudWatch` keeps metrics for.
pub(super) fn window(text: &str) -> Result<Duration, String> {
    const KEPT: Duration = Duration::from_hours(455 * 24);
    let duration = duration(text)?;
    let fits = (Duration::from_mins(1)..=KEPT).contains(&duration);
    fits.then_some(duration)
        .ok_or_else(|| format!("\"{text}\" is not between 1m and 455d, which is how long metrics are kept"))
}

/// `90s`, `10m`, `2h`, `1d`.
pub(super) fn duration(text: &str) -> Result<Duration, String> {
    let wrong = || format!("\"{text}\" is no duration; give a number and s, m, h or d, such as 10m");
    let (at, unit) = text.char_indices().last().ok_or_else(wrong)?;
    let seconds: u64 = match unit {
        's' => 1,
        'm' => 60,
        'h' => 60 * 60,
        'd' => 24 * 60 * 60,
        _ => return Err(wrong()),
    };
    let number: u64 = text[..at].parse().map_err(|_| wrong())?;
    number.checked_mul(seconds).map(Duration::from_secs).ok_or_else(wrong)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_is_a_number_and_a_unit() {
        let cases = [("90s", Some(90)), ("10m", Some(600)), ("2h", Some(7200)), ("1d", Some(86_400)), ("0s", Some(0))];
        let bad =
            ["", "m", "10", "10w", "-1m", "1.5h", "10 m", "99999999999999999999d", "600000000000000000d", "1\u{e9}"];
        for (text, seconds) in cases.into_iter().chain(bad.map(|text| (text, None))) {
            assert_eq!(duration(text).ok(), seconds.map(Duration::from_secs), "{text:?}");
        }
    }

    #[test]
    fn a_folder_of_an_api_server_is_an_absolute_path() {
        for (text, path) in
            [("/etc/a", Some("/etc/a")), ("/etc/a/", Some("/etc/a")), ("a", None), ("", None), ("/", None)]
        {
            assert_eq!(absolute(text).ok().as_deref(), path, "{text:?}");
        }
    }

    #[test]
    fn a_pause_has_an_end_and_a_reason() {
        for (text, good) in [("1s", true), ("24h", true), ("1d", true), ("0s", false), ("25h", false), ("1w", false)] {
            assert_eq!(pause_span(text).is_ok(), good, "{text}");
        }
        let long = "x".repeat(257);
        for (text, good) in [("ECR is down", true), ("", false), ("  ", false), ("a\nb", false), (long.as_str(), false)]
        {
            assert_eq!(reason(text).is_ok(), good, "{text:?}");
        }
    }

    #[test]
    fn metrics_go_back_as_far_as_they_are_kept() {
        for (text, good) in [("59s", false), ("1m", true), ("455d", true), ("456d", false), ("0s", false)] {
            assert_eq!(window(text).is_ok(), good, "{text}");
        }
    }
}
