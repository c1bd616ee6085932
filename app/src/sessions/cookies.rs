//! The cookies of a browser's session: both tokens, not accessible to scripts.

use crate::settings::Settings;
use crate::theme::{THEME_COOKIE, Theme};
use chrono::{DateTime, Utc};
use http::HeaderValue;
use model::sessions::EndReason;
use services::sessions::Tokens;

/// Returns the name of the access token's cookie. Over HTTPS the prefix makes browsers refuse it
/// from any other host or path.
pub fn access_name(secure: bool) -> &'static str {
    if secure {
        "__Host-frontrow_access"
    } else {
        "frontrow_access"
    }
}

pub fn refresh_name(secure: bool) -> &'static str {
    if secure {
        "__Host-frontrow_refresh"
    } else {
        "frontrow_refresh"
    }
}

/// Returns the name of the cookie that says why the previous session ended. It has the same prefix
/// over HTTPS and lives for ten minutes.
pub fn ended_name(secure: bool) -> &'static str {
    if secure {
        "__Host-frontrow_ended"
    } else {
        "frontrow_ended"
    }
}

const ENDED_LIFE: i64 = 600;

/// Returns the cookies for new tokens.
pub fn hand_over(settings: &Settings, tokens: &Tokens, now: DateTime<Utc>) -> Vec<HeaderValue> {
    let access = set(
        settings,
        access_name(settings.secure),
        &tokens.access,
        seconds_left(tokens.access_expires_at, now),
    );
    let refresh = set(
        settings,
        refresh_name(settings.secure),
        &tokens.refresh,
        seconds_left(tokens.refresh_expires_at, now),
    );
    [access, refresh].into_iter().flatten().collect()
}

/// Sets the cookies for new tokens on the response being built.
pub(crate) fn send(tokens: &Tokens, now: DateTime<Utc>) {
    let settings = crate::request::settings();
    let mut cookies = hand_over(&settings, tokens, now);
    if crate::request::ended().is_some() {
        // After logging in again, the user no longer needs the reason.
        cookies.extend(set(&settings, ended_name(settings.secure), "", 0));
    }
    for cookie in cookies {
        crate::request::Response::set_cookie(cookie);
    }
}

/// Returns the cookies that remove the session from a browser and, with a `reason`, record why it
/// ended.
pub fn take_away(settings: &Settings, reason: Option<EndReason>) -> Vec<HeaderValue> {
    let names = [access_name(settings.secure), refresh_name(settings.secure)];
    let gone = names.into_iter().map(|name| set(settings, name, "", 0));
    let ended = reason.and_then(|reason| {
        let name = ended_name(settings.secure);
        set(settings, name, reason.as_str(), ENDED_LIFE)
    });
    gone.flatten().chain(ended).collect()
}

/// Sets the cookies of [`take_away`] on the response being built.
pub(crate) fn clear(reason: Option<EndReason>) {
    for cookie in take_away(&crate::request::settings(), reason) {
        crate::request::Response::set_cookie(cookie);
    }
}

/// Returns the cookie of the language switch: not secret, and kept for a year.
pub fn language(settings: &Settings, locale: crate::i18n::Locale) -> Option<HeaderValue> {
    set(
        settings,
        crate::i18n::LANGUAGE_COOKIE,
        locale.tag(),
        365 * 86_400,
    )
}

/// Returns the cookie of a visit that began at an address in that language, kept for a day.
pub fn visit_language(settings: &Settings, locale: crate::i18n::Locale) -> Option<HeaderValue> {
    set(
        settings,
        crate::i18n::VISIT_LANGUAGE_COOKIE,
        locale.tag(),
        86_400,
    )
}

/// Returns the cookie of the choice of light or dark: not secret, and kept for a year. Deletes it
/// if the choice is the device's.
pub fn theme(settings: &Settings, theme: Theme) -> Option<HeaderValue> {
    let life = match theme {
        Theme::Device => 0,
        Theme::Light | Theme::Dark => 365 * 86_400,
    };
    set(settings, THEME_COOKIE, theme.as_str(), life)
}

fn seconds_left(until: DateTime<Utc>, now: DateTime<Utc>) -> i64 {
    (until - now).num_seconds().max(0)
}

/// Returns `None` only for a value that no header can contain, which none of our tokens is.
pub(crate) fn set(
    settings: &Settings,
    name: &str,
    value: &str,
    max_age: i64,
) -> Option<HeaderValue> {
    let secure = if settings.secure { "; Secure" } else { "" };
    let cookie =
        format!("{name}={value}; Path=/; HttpOnly; SameSite=Lax; Max-Age={max_age}{secure}");
    HeaderValue::from_str(&cookie).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_out_of_reach_of_scripts_and_other_sites() {
        let now = DateTime::UNIX_EPOCH;
        let tokens = Tokens {
            access: "a.b.c".into(),
            access_expires_at: now + chrono::Duration::minutes(15),
            refresh: "r".into(),
            refresh_expires_at: now + chrono::Duration::days(14),
        };
        let settings = Settings {
            secure: true,
            public_url: String::new(),
        };
        assert_eq!(
            hand_over(&settings, &tokens, now),
            [
                "__Host-frontrow_access=a.b.c; Path=/; HttpOnly; SameSite=Lax; Max-Age=900; Secure",
                "__Host-frontrow_refresh=r; Path=/; HttpOnly; SameSite=Lax; Max-Age=1209600; Secure",
            ]
        );
        assert!(
            take_away(&settings, None)
                .iter()
                .all(|c| c.to_str().is_ok_and(|c| c.contains("Max-Age=0")))
        );
        assert_eq!(
            take_away(&settings, Some(EndReason::Reuse))[2],
            "__Host-frontrow_ended=reuse; Path=/; HttpOnly; SameSite=Lax; Max-Age=600; Secure"
        );
    }
}
