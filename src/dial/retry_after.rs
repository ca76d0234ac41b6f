//! When a server that refuses wants to be asked again: `Retry-After` (RFC 9110 section 10.2.3).

use std::time::{Duration, SystemTime};

use crate::error::Refusal;

/// How long to wait from `now` on. `None` without a `Retry-After`, or if it is neither seconds nor a date.
pub(super) fn retry_after(refusal: &Refusal, now: SystemTime) -> Option<Duration> {
    let value = refusal.header("Retry-After")?;
    // "delay-seconds = 1*DIGIT". `parse` alone would accept a sign. More than fit count as the most that do.
    if !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit()) {
        return Some(Duration::from_secs(value.parse().unwrap_or(u64::MAX)));
    }
    let now = now.duration_since(SystemTime::UNIX_EPOCH).map_or(0, |now| now.as_secs());
    Some(Duration::from_secs(parse_date(value, now)?.saturating_sub(now)))
}

/// An HTTP-date (RFC 9110 section 5.6.7) as seconds since 1970; an earlier one is 0. The name of the day is not looked at.
fn parse_date(date: &str, now: u64) -> Option<u64> {
    let parts: Vec<&str> = date.splitn(7, ' ').collect();
    match parts[..] {
        // IMF-fixdate: Sun, 06 Nov 1994 08:49:37 GMT
        [_, day, month, year, time, "GMT"] => seconds(number(year, 4)?, month, number(day, 2)?, time),
        // rfc850-date: Sunday, 06-Nov-94 08:49:37 GMT
        [_, date, time, "GMT"] => {
            let (day, date) = date.split_once('-')?;
            let (month, year) = date.split_once('-')?;
            seconds(whole_year(number(year, 2)?, now), month, number(day, 2)?, time)
        }
        // asctime-date: Sun Nov  6 08:49:37 1994
        [_, month, "", day, time, year] => seconds(number(year, 4)?, month, number(day, 1)?, time),
        [_, month, day, time, year] => seconds(number(year, 4)?, month, number(day, 2)?, time),
        _ => None,
    }
}

/// "MUST interpret a timestamp that appears to be more than 50 years in the future as representing the most recent year in the
/// past that had the same last two digits."
fn whole_year(last_digits: u64, now: u64) -> u64 {
    const SECONDS_IN_400_YEARS: u64 = 146_097 * 86_400;
    let latest = 1970 + now.min(SECONDS_IN_400_YEARS) * 400 / SECONDS_IN_400_YEARS + 50;
    latest - (latest - last_digits) % 100
}

fn seconds(year: u64, month: &str, day: u64, time: &str) -> Option<u64> {
    const MONTHS: [(&str, u64); 12] = [
        ("Jan", 31),
        ("Feb", 28),
        ("Mar", 31),
        ("Apr", 30),
        ("May", 31),
        ("Jun", 30),
        ("Jul", 31),
        ("Aug", 31),
        ("Sep", 30),
        ("Oct", 31),
        ("Nov", 30),
        ("Dec", 31),
    ];
    const DAYS_BEFORE_1970: u64 = 719_162;
    let is_leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let at = MONTHS.iter().position(|(name, _)| *name == month)?;
    // February is at 1.
    let len = MONTHS.get(at)?.1 + u64::from(is_leap && at == 1);
    let months_before =
        MONTHS.iter().take(at).map(|(_, days)| days).sum::<u64>() + u64::from(is_leap && at > 1);
    let years_before = year.checked_sub(1)?;
    let leap_days = years_before / 4 - years_before / 100 + years_before / 400;
    let mut parts = time.splitn(4, ':').map(|part| number(part, 2));
    let (hour, minute, second) = (parts.next()??, parts.next()??, parts.next()??);
    // A leap second is the 61st of its minute.
    if parts.next().is_some() || day == 0 || day > len || hour > 23 || minute > 59 || second > 60 {
        return None;
    }
    let days = years_before * 365 + leap_days + months_before + day - 1;
    let in_day = (hour * 60 + minute) * 60 + second;
    Some(days.checked_sub(DAYS_BEFORE_1970).map_or(0, |days| days * 86_400 + in_day))
}

/// A number of exactly that many digits.
fn number(text: &str, digits: usize) -> Option<u64> {
    let is_number = text.len() == digits && text.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| text.parse().ok())?
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Sun, 06 Nov 1994 08:49:37 GMT.
    const EXAMPLE: u64 = 784_111_777;

    #[test]
    fn rfc_9110_section_5_6_7_dates_have_three_forms() {
        let rows = [
            ("Sun, 06 Nov 1994 08:49:37 GMT", Some(EXAMPLE)),
            ("Sunday, 06-Nov-94 08:49:37 GMT", Some(EXAMPLE)),
            ("Sun Nov  6 08:49:37 1994", Some(EXAMPLE)),
            ("Wed Nov 16 08:49:37 1994", Some(EXAMPLE + 10 * 86_400)),
            ("Thu, 01 Jan 1970 00:00:00 GMT", Some(0)),
            ("Wed, 31 Dec 1969 23:59:59 GMT", Some(0)),
            ("Mon, 01 Jan 0001 00:00:00 GMT", Some(0)),
            ("Tue, 29 Feb 2000 00:00:00 GMT", Some(951_782_400)),
            ("Wed, 01 Mar 2000 00:00:00 GMT", Some(951_868_800)),
            ("Tue, 19 Jan 2038 03:14:08 GMT", Some(1 << 31)),
            ("Mon, 01 Mar 2100 00:00:00 GMT", Some(4_107_542_400)),
            ("Fri, 31 Dec 9999 23:59:59 GMT", Some(253_402_300_799)),
            ("Sat, 31 Dec 2016 23:59:60 GMT", Some(1_483_228_800)),
            ("Mon, 29 Feb 2100 00:00:00 GMT", None),
            ("Sun, 00 Nov 1994 08:49:37 GMT", None),
            ("Sun, 31 Nov 1994 08:49:37 GMT", None),
            ("Sun, 06 Nov 1994 24:00:00 GMT", None),
            ("Sun, 06 Nov 1994 08:60:37 GMT", None),
            ("Sun, 06 Nov 1994 08:49:61 GMT", None),
            ("Sun, 06 Nov 1994 08:49 GMT", None),
            ("Sun, 06 Nov 1994 08:49:37:00 GMT", None),
            ("Sun, 06 Nov 1994 08:49:37 UTC", None),
            ("Sun, 06 Nov 1994 08:49:37 GMT ", None),
            ("Sun, 06 nov 1994 08:49:37 GMT", None),
            ("Sun, 6 Nov 1994 08:49:37 GMT", None),
            ("Sun, +6 Nov 1994 08:49:37 GMT", None),
            ("Sun, 06 Nov 0000 08:49:37 GMT", None),
            ("Sun, 06-Nov 08:49:37 GMT", None),
            ("Sun Nov 6 08:49:37 1994", None),
            ("1994-11-06T08:49:37Z", None),
            ("", None),
        ];
        for (date, expected) in rows {
            assert_eq!(parse_date(date, EXAMPLE), expected, "{date:?}");
        }
    }

    #[test]
    fn year_of_two_digits_is_at_most_50_years_ahead() {
        for (now, last_digits, year) in [
            (2026, 76, 2076),
            (2026, 77, 1977),
            (2026, 25, 2025),
            (2099, 1, 2101),
            (2049, 99, 2099),
            (1970, 70, 1970),
        ] {
            let june = |year| seconds(year, "Jun", 15, "12:00:00").unwrap();
            assert_eq!(whole_year(last_digits, june(now)), year, "{now} {last_digits}");
        }
        assert_eq!(whole_year(0, u64::MAX), 2400);
    }

    #[test]
    fn rfc_9110_section_10_2_3_wait_is_seconds_or_up_to_a_date() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(EXAMPLE);
        let rows = [
            (&["120"][..], Some(120)),
            (&["0"], Some(0)),
            (&["007"], Some(7)),
            (&["18446744073709551616"], Some(u64::MAX)),
            (&["Sun, 06 Nov 1994 08:51:37 GMT"], Some(120)),
            (&["Sunday, 06-Nov-94 08:51:37 GMT"], Some(120)),
            (&["Sun Nov  6 08:51:37 1994"], Some(120)),
            (&["Sun, 06 Nov 1994 08:49:36 GMT"], Some(0)),
            (&["3", "9"], Some(3)),
            (&["-1"], None),
            (&["+1"], None),
            (&["1.5"], None),
            (&["soon"], None),
            (&[""], None),
            (&[], None),
        ];
        for (values, expected) in rows {
            let headers = values.iter().map(|value| ("retry-after".into(), (*value).into())).collect();
            let refusal = Refusal { status: 503, headers, body: Vec::new() };
            assert_eq!(retry_after(&refusal, now), expected.map(Duration::from_secs), "{values:?}");
        }
        let headers = vec![("Retry-After".into(), "Thu, 01 Jan 1970 00:00:07 GMT".into())];
        let refusal = Refusal { status: 503, headers, body: Vec::new() };
        let before_1970 = SystemTime::UNIX_EPOCH - Duration::from_secs(1);
        assert_eq!(retry_after(&refusal, before_1970), Some(Duration::from_secs(7)));
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, cases: 2000, ..ProptestConfig::default() })]

        #[test]
        fn no_text_panics(text in prop_oneof!["\\PC{0,40}", "[A-Z][a-z]{2},? [0-9A-Za-z -]{0,12} [0-9:]{5,9} (GMT|[0-9]{4})"], now: u64) {
            parse_date(&text, now);
        }
    }

    #[test]
    fn every_day_of_500_years_follows_the_one_before() {
        let names = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
        let mut midnight = 0;
        for year in 1970..2470 {
            let is_leap = year % 400 == 0 || year % 4 == 0 && year % 100 != 0;
            let february = if is_leap { 29 } else { 28 };
            let lengths = [31, february, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
            for (name, length) in names.into_iter().zip(lengths) {
                for day in 1..=length {
                    let date = format!("xxx, {day:02} {name} {year} 00:00:00 GMT");
                    assert_eq!(parse_date(&date, 0), Some(midnight), "{date}");
                    midnight += 86_400;
                }
            }
        }
    }
}
