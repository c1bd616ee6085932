//! Names of devices in the list of sessions.

use woothee::parser::Parser;
use woothee::woothee::VALUE_UNKNOWN;

/// Returns `Firefox · Linux` for a browser's user agent, the program's name for another program,
/// and an empty string for an empty user agent.
pub(super) fn name(user_agent: &str) -> String {
    let known = |part: &&str| !part.is_empty() && *part != VALUE_UNKNOWN;
    let parsed = Parser::new().parse(user_agent);
    match parsed.filter(|parsed| known(&parsed.name)) {
        Some(parsed) => {
            let parts = [parsed.name, parsed.os].into_iter().filter(known);
            parts.collect::<Vec<_>>().join(" · ")
        }
        None => {
            let program = user_agent.split(['/', ' ']).next();
            program.unwrap_or_default().to_owned()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn browsers_and_programs_have_names_that_people_know() {
        for (said, called) in [
            (
                "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
                "Firefox · Linux",
            ),
            (
                "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) \
                 Version/18.5 Mobile/15E148 Safari/604.1",
                "Safari · iPhone",
            ),
            (
                "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 \
                 Safari/537.36",
                "Chrome · Windows 10",
            ),
            ("frontrow-kiosk/2.1 (hall 4)", "frontrow-kiosk"),
            ("", ""),
        ] {
            assert_eq!(name(said), called, "{said}");
        }
    }
}
