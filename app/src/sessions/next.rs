//! The page to go to after logging in.

use crate::address::argument;
use leptos::prelude::WithUntracked;

/// Upper bound on the bytes of a path to go to. A search in Korean has nine per letter.
const LONGEST: usize = 2048;

/// Returns the local path to go to, `/` for anything that could lead elsewhere.
///
/// Browsers read `//host` and `/\host` as another site, and strip tabs and newlines before they
/// parse.
pub fn safe_next(next: &str) -> &str {
    let local = next.starts_with('/')
        && !next.starts_with("//")
        && !next.contains('\\')
        && next.chars().all(|c| c.is_ascii_graphic())
        && next.len() <= LONGEST;
    if local { next } else { "/" }
}

/// Returns the path of the log-in page that leads back to a local path.
pub fn log_in_path(back_to: &str) -> String {
    with_next("/log-in", back_to)
}

/// Returns a page's address with the path to go to as an argument.
pub fn with_next(page: &str, next: &str) -> String {
    match safe_next(next) {
        "/" => page.to_owned(),
        next => format!("{page}?next={}", argument(next)),
    }
}

/// Returns the path to go to, as given in the page's own address.
pub fn use_next() -> String {
    leptos_router::hooks::use_query_map()
        .with_untracked(|query| safe_next(query.get_str("next").unwrap_or_default()).to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_local_paths_are_followed() {
        for good in [
            "/",
            "/concerts/1",
            "/concerts/1/queue?x=1&y=2#z",
            "/tickets/%ED%95%9C",
        ] {
            assert_eq!(safe_next(good), good);
        }
        for bad in [
            "",
            "concerts",
            "//evil.example",
            "/\\evil.example",
            "https://evil.example",
            "/\t/evil.example",
            "/a\r\nSet-Cookie: x",
            "javascript:alert(1)",
        ] {
            assert_eq!(safe_next(bad), "/", "{bad:?}");
        }
    }

    #[test]
    fn the_way_back_survives_being_an_argument() {
        assert_eq!(
            log_in_path("/concerts/1?a=b&c=d"),
            "/log-in?next=/concerts/1%3Fa%3Db%26c%3Dd"
        );
        assert_eq!(log_in_path("//evil"), "/log-in");
    }
}
