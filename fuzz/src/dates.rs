//! A second reading of `Retry-After` (RFC 9110 sections 5.6.7 and 10.2.3): a date is what is written in the same way.

use std::time::Duration;

const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/// The pauses that a value allows at this time, in seconds since 1970. Only a year of two digits allows more than one.
pub(crate) fn pauses(value: &str, now: u64) -> Vec<Duration> {
    if !value.is_empty() && value.chars().all(|c| c.is_ascii_digit()) {
        let digits = value.trim_start_matches('0');
        let seconds = if digits.is_empty() { Ok(0) } else { digits.parse() };
        return vec![Duration::from_secs(seconds.unwrap_or(u64::MAX))];
    }
    let pause = |date: Option<i64>| {
        let seconds = date.map_or(0, |date| date.saturating_sub_unsigned(now).max(0));
        Duration::from_secs(seconds.unsigned_abs())
    };
    // The name of the day is not looked at.
    let Some((_, date)) = value.split_once(' ') else { return vec![Duration::ZERO] };
    if let Some(date) = short_date(date) {
        let (this_year, ..) = civil((now / 86_400).cast_signed());
        let years = (this_year - 100..=this_year + 100).filter(|year| year.rem_euclid(100) == date.0);
        // "More than 50 years in the future". Which day exactly is left open here.
        let sure = this_year - 48..=this_year + 48;
        let years: Vec<_> = years.filter(|year| (this_year - 51..=this_year + 51).contains(year)).collect();
        let years = match years.iter().find(|year| sure.contains(*year)) {
            Some(year) => vec![*year],
            None => years,
        };
        return years.into_iter().map(|year| pause(seconds((year, date.1, date.2), date.3))).collect();
    }
    vec![pause(long_date(date))]
}

/// Year, month, day.
type Day = (i64, i64, i64);

/// `06 Nov 1994 08:49:37 GMT` or `Nov  6 08:49:37 1994`: the only date that is written like this.
fn long_date(text: &str) -> Option<i64> {
    let words: Vec<_> = text.split_ascii_whitespace().collect();
    let (day, month, year, time) = match words[..] {
        [day, month, year, time, "GMT"] => (day, month, year, time),
        [month, day, time, year] => (day, month, year, time),
        _ => return None,
    };
    let month = month_of(month)?;
    let (day, year) = (day.parse::<i64>().ok()?, year.parse::<i64>().ok()?);
    let name = MONTHS[usize::try_from(month - 1).ok()?];
    let is_date = text == format!("{day:02} {name} {year:04} {time} GMT")
        || text == format!("{name} {day:02} {time} {year:04}")
        || text == format!("{name}  {day} {time} {year:04}");
    is_date.then(|| seconds((year, month, day), time_of(time)?)).flatten()
}

/// `06-Nov-94 08:49:37 GMT`: the last two digits of the year, month, day, seconds of the day.
fn short_date(text: &str) -> Option<(i64, i64, i64, i64)> {
    let (date, time) = text.split_once(' ')?;
    let [day, month, year] = date.split('-').collect::<Vec<_>>()[..] else { return None };
    let (day, name, year) = (day.parse::<i64>().ok()?, month, year.parse::<i64>().ok()?);
    let time = time.strip_suffix(" GMT")?;
    let is_date = date == format!("{day:02}-{name}-{year:02}") && day < 100 && (0..100).contains(&year);
    is_date.then(|| Some((year, month_of(name)?, day, time_of(time)?))).flatten()
}

fn month_of(name: &str) -> Option<i64> {
    (1..).zip(MONTHS).find_map(|(month, known)| (known == name).then_some(month))
}

/// `08:49:37` as seconds of the day. The 61st second of a minute is a leap second.
fn time_of(text: &str) -> Option<i64> {
    let [hour, minute, second] = text.split(':').collect::<Vec<_>>()[..] else { return None };
    let number = |text: &str| text.parse::<i64>().ok();
    let (hour, minute, second) = (number(hour)?, number(minute)?, number(second)?);
    let is_time = text == format!("{hour:02}:{minute:02}:{second:02}");
    let in_day = (0..24).contains(&hour) && (0..60).contains(&minute) && (0..61).contains(&second);
    (is_time && in_day).then_some(hour * 3600 + minute * 60 + second)
}

/// Seconds since 1970. `None` if there is no such day.
fn seconds((year, month, day): Day, in_day: i64) -> Option<i64> {
    if !(1..10_000).contains(&year) {
        return None;
    }
    // The day number of a date, counted from March, so that the leap day is the last of its year.
    let shifted = if month > 2 { year } else { year - 1 };
    let (era, of_era) = (shifted.div_euclid(400), shifted.rem_euclid(400));
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let days = era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468;
    (civil(days) == (year, month, day)).then_some(days * 86_400 + in_day)
}

/// The date of a day since 1970, found by counting years and months.
fn civil(day: i64) -> Day {
    let is_leap = |year: i64| year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let (mut year, mut left) = (1970 + day.div_euclid(146_097) * 400, day.rem_euclid(146_097));
    while left >= 365 + i64::from(is_leap(year)) {
        left -= 365 + i64::from(is_leap(year));
        year += 1;
    }
    let lens = [31, 28 + i64::from(is_leap(year)), 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    let mut month = 1;
    for len in lens {
        if left < len {
            break;
        }
        left -= len;
        month += 1;
    }
    (year, month, left + 1)
}
