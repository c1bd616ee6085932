//! Passwords that are too well known to be used.

use crate::Result;
use model::accounts::Password;
use model::{Field, Problem, ProblemKind, Refusal};
use std::sync::LazyLock;

/// The 10,000 most used of those that [`Password`] accepts otherwise, in lower case and in order: `services/passwords/README.md`
/// says where they come from.
static COMMON: LazyLock<Vec<&str>> =
    LazyLock::new(|| include_str!("../../passwords/common.txt").lines().collect());

/// Refuses one of the 10,000 most used passwords, in whatever case it is written, with [`ProblemKind::TooCommon`].
///
/// An attacker tries those first. Here and not in [`Password::parse`], which the browser has, too: the list
/// would be a third of what it loads.
pub(super) fn refuse(password: &Password) -> Result<()> {
    match is_common(password.expose()) {
        false => Ok(()),
        true => {
            let problem = Problem {
                field: Field::Password,
                kind: ProblemKind::TooCommon,
            };
            let problems = vec![problem];
            Err(Refusal::Invalid { problems }.into())
        }
    }
}

/// Of a password as [`model::accounts::opaque`] makes it.
fn is_common(password: &str) -> bool {
    let folded = password.to_lowercase();
    COMMON.binary_search(&folded.as_str()).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::accounts::opaque;

    #[test]
    fn the_list_is_whole_in_order_and_of_passwords_that_would_be_accepted() {
        assert_eq!(COMMON.len(), 10_000);
        assert!(COMMON.is_sorted_by(|one, next| one < next));
        for password in COMMON.iter() {
            assert_eq!(opaque(password).to_lowercase(), **password);
            assert!(Password::parse(password, "").is_ok(), "{password}");
        }
    }

    #[test]
    fn a_common_password_is_one_in_any_case() {
        for common in [
            "qwertyuiop",
            "1q2w3e4r5t",
            "PassWord123",
            "\u{212a}ingofkings",
        ] {
            assert!(is_common(&opaque(common)), "{common}");
        }
        for uncommon in ["a long passphrase", "correct horse 7", "qwertyuiop 비밀"] {
            assert!(!is_common(&opaque(uncommon)), "{uncommon}");
        }
    }
}
