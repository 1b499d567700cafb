//! Days as text and back, by counting: slow and hard to get wrong.

fn days_of(year: u64, month: u64) -> u64 {
    let is_leap = year.is_multiple_of(400) || (year.is_multiple_of(4) && !year.is_multiple_of(100));
    match month {
        2 if is_leap => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// `2026-11-24` for the number of days since 1970-01-01.
pub(crate) fn text(mut left: u64) -> String {
    let (mut year, mut month) = (1970, 1);
    while left >= days_of(year, month) {
        left -= days_of(year, month);
        (year, month) = if month == 12 { (year + 1, 1) } else { (year, month + 1) };
    }
    format!("{year:04}-{month:02}-{:02}", left + 1)
}

/// The number of days since 1970-01-01.
pub(crate) fn number(text: &str) -> i64 {
    let numbers: Vec<u64> = text.split('-').map(|piece| piece.parse().unwrap()).collect();
    let (mut year, mut month, mut days) = (1970, 1, 0);
    while (year, month) < (numbers[0], numbers[1]) {
        days += days_of(year, month);
        (year, month) = if month == 12 { (year + 1, 1) } else { (year, month + 1) };
    }
    i64::try_from(days + numbers[2] - 1).unwrap()
}

#[test]
fn days_are_counted_from_the_epoch() {
    assert_eq!((number("2026-11-24"), number("2024-02-29")), (20_781, 19_782));
    assert_eq!(text(20_781), "2026-11-24");
}
