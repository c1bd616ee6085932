//! Refuses passwords that are too common.

use crate::Result;
use model::accounts::Password;
use model::{Field, Problem, ProblemKind, Refusal};
use std::sync::LazyLock;

/// The 10,000 most used of the passwords that [`Password`] would accept, in lower case and sorted:
/// `services/passwords/README.md` names the source.
static COMMON: LazyLock<Vec<&str>> =
    LazyLock::new(|| include_str!("../../passwords/common.txt").lines().collect());

/// Refuses the 10,000 most used passwords, in any case, with [`ProblemKind::TooCommon`].
///
/// Attackers try those first. The check is here and not in [`Password::parse`], which the browser
/// runs too: the list would be a third of what the browser downloads.
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

/// Expects a password in the form that [`model::accounts::opaque`] returns.
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
