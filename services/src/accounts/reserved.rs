//! Reserved names: those that would pass for staff of the service.

use crate::Result;
use model::accounts::{NewAccount, Profile};
use model::{Field, Problem, ProblemKind, Refusal, is_invisible};
use std::sync::LazyLock;
use unicode_normalization::UnicodeNormalization;
use unicode_security::confusable_detection::skeleton;

/// What staff of a service are called, in both languages.
const WORDS: [&str; 37] = [
    "abuse",
    "admin",
    "administration",
    "administrator",
    "boxoffice",
    "customerservice",
    "frontrow",
    "help",
    "helpdesk",
    "hostmaster",
    "moderator",
    "noreply",
    "official",
    "operator",
    "organiser",
    "organizer",
    "postmaster",
    "root",
    "security",
    "staff",
    "superuser",
    "support",
    "sysadmin",
    "system",
    "webmaster",
    "고객센터",
    "고객지원",
    "관리자",
    "매표소",
    "운영자",
    "운영진",
    "운영팀",
    "주최자",
    "주최측",
    "최고관리자",
    "프론트로",
    "프론트로우",
];

static RESERVED: LazyLock<Vec<String>> =
    LazyLock::new(|| WORDS.iter().map(|word| bare(word)).collect());

/// Refuses a sign-up with a reserved name or nickname: [`ProblemKind::Reserved`].
pub(super) fn refuse_new(new: &NewAccount) -> Result<()> {
    let fields = [
        (Field::AccountName, new.account_name.as_str()),
        (Field::Nickname, &new.nickname),
    ];
    refuse(fields.into_iter().filter(|(_, name)| is_reserved(name)))
}

/// Refuses a change to a reserved nickname. A nickname that the account already has stays.
pub(super) fn refuse_change(known_nickname: &str, profile: &Profile) -> Result<()> {
    let nickname = profile.nickname.as_str();
    let changed = bare(known_nickname) != bare(nickname);
    refuse((changed && is_reserved(nickname)).then_some((Field::Nickname, nickname)))
}

fn refuse<'a>(reserved: impl IntoIterator<Item = (Field, &'a str)>) -> Result<()> {
    let problem = |(field, _)| Problem {
        field,
        kind: ProblemKind::Reserved,
    };
    let problems: Vec<Problem> = reserved.into_iter().map(problem).collect();
    match problems.is_empty() {
        true => Ok(()),
        false => Err(Refusal::Invalid { problems }.into()),
    }
}

/// Returns whether a name consists of reserved words only: `frontrow-support` does, `rooted` does
/// not.
fn is_reserved(name: &str) -> bool {
    let name = bare(name);
    !name.is_empty() && is_made_of_words(&name)
}

fn is_made_of_words(name: &str) -> bool {
    let mut words = RESERVED.iter();
    name.is_empty()
        || words.any(|word| {
            name.strip_prefix(word.as_str())
                .is_some_and(is_made_of_words)
        })
}

/// Returns a name as it looks at a glance: letters and digits only, without case and accents, with
/// confusable characters replaced by one of them. Separators and invisible characters are removed.
fn bare(name: &str) -> String {
    let letters: String = name
        .nfkd()
        .filter(|c| c.is_alphanumeric() && !is_invisible(*c))
        .flat_map(char::to_lowercase)
        .map(|c| match c {
            '0' => 'o',
            '1' => 'i',
            other => other,
        })
        .collect();
    skeleton(&letters).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_the_house_are_reserved_however_they_are_set() {
        for name in [
            "admin",
            "Admin",
            "ad.min",
            "a-d_m-i.n",
            "ádmin",
            "ａｄｍｉｎ",
            "admin\u{200b}",
            "ad\u{2024}min",
            "ad·min",
            "аdmin", // with a Cyrillic а
            "root",
            "r00t",
            "adm1n",
            "frontrow",
            "Front Row",
            "frontrow-support",
            "관리자",
            "관 리 자",
            "프론트로우 운영팀",
            "*운영자*",
        ] {
            assert!(is_reserved(name), "{name}");
        }
        let apart: String = "관리자".nfd().collect();
        assert!(is_reserved(&apart));
    }

    #[test]
    fn names_of_people_are_not() {
        for name in [
            "mina",
            "rooted",
            "admina",
            "badmin",
            "front.row.fan",
            "stage.manager",
            "관리자아님",
            "미나",
            "🎫",
            "--",
            "",
        ] {
            assert!(!is_reserved(name), "{name}");
        }
    }
}
