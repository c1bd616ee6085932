//! Accounts: identity, roles, and the sign-up and profile forms.

pub use crate::ids::AccountId;

use crate::refusal::Problems;
pub use crate::text::opaque;
use crate::text::{is_invisible, line};
use crate::{Field, ProblemKind, Refusal};
use chrono::{DateTime, Utc};
use idna::uts46::{AsciiDenyList, DnsLength, Hyphens, Uts46};
use serde::{Deserialize, Serialize};
use std::fmt;
use unicode_normalization::UnicodeNormalization;

/// What an account may do. Each role includes the permissions of the roles before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    User,
    Organiser,
    Admin,
}

impl Role {
    pub const ALL: [Role; 3] = [Role::User, Role::Organiser, Role::Admin];

    /// Returns the stable name, as stored and as written in tokens.
    pub fn as_str(self) -> &'static str {
        match self {
            Role::User => "user",
            Role::Organiser => "organiser",
            Role::Admin => "admin",
        }
    }

    pub fn parse(name: &str) -> Option<Role> {
        Role::ALL.into_iter().find(|role| role.as_str() == name)
    }
}

/// An account as its owner sees it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Account {
    pub id: AccountId,
    pub account_name: String,
    pub name: String,
    pub nickname: String,
    pub email: String,
    pub role: Role,
    pub created_at: DateTime<Utc>,
}

/// What happens to the tickets for future concerts when their holder deletes the account.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TicketsLeft {
    /// They are returned to stock and go to the next in the queue.
    #[default]
    GiveBack,
    /// They stay valid at the door, saved or printed.
    Keep,
}

impl TicketsLeft {
    /// Returns the stable name, as stored.
    pub fn as_str(self) -> &'static str {
        match self {
            TicketsLeft::GiveBack => "give_back",
            TicketsLeft::Keep => "keep",
        }
    }
}

/// The sign-up form as it was typed.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SignUpForm {
    pub account_name: String,
    pub password: String,
    pub name: String,
    pub nickname: String,
    pub email: String,
}

/// Omits the password.
impl fmt::Debug for SignUpForm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SignUpForm")
            .field("account_name", &self.account_name)
            .finish_non_exhaustive()
    }
}

/// A sign-up form in which every field is valid.
#[derive(Clone, Debug)]
pub struct NewAccount {
    pub account_name: AccountName,
    pub password: Password,
    pub name: String,
    pub nickname: String,
    pub email: Email,
}

impl SignUpForm {
    /// Parses every field, or returns all problems at once.
    pub fn parse(self) -> Result<NewAccount, Refusal> {
        let mut problems = Problems::default();
        let account_name =
            problems.check(Field::AccountName, AccountName::parse(&self.account_name));
        let password = problems.check(
            Field::Password,
            Password::parse(&self.password, self.account_name.trim()),
        );
        let name = problems.check(Field::Name, line(&self.name, 1, 80));
        let nickname = problems.check(Field::Nickname, line(&self.nickname, 1, 40));
        let email = problems.check(Field::Email, Email::parse(&self.email));
        match (account_name, password, name, nickname, email) {
            (Some(account_name), Some(password), Some(name), Some(nickname), Some(email)) => {
                Ok(NewAccount {
                    account_name,
                    password,
                    name,
                    nickname,
                    email,
                })
            }
            _ => Err(problems.into_refusal()),
        }
    }
}

/// What users can change about themselves, as it was typed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProfileForm {
    pub name: String,
    pub nickname: String,
    pub email: String,
}

impl From<&Account> for ProfileForm {
    fn from(account: &Account) -> ProfileForm {
        ProfileForm {
            name: account.name.clone(),
            nickname: account.nickname.clone(),
            email: account.email.clone(),
        }
    }
}

/// A [`ProfileForm`] in which every field is valid.
#[derive(Clone, Debug)]
pub struct Profile {
    pub name: String,
    pub nickname: String,
    pub email: Email,
}

impl ProfileForm {
    /// Parses every field, or returns all problems at once. `known` is the account's current
    /// address.
    pub fn parse(self, known: &str) -> Result<Profile, Refusal> {
        let mut problems = Problems::default();
        let name = problems.check(Field::Name, line(&self.name, 1, 80));
        let nickname = problems.check(Field::Nickname, line(&self.nickname, 1, 40));
        let email = problems.check(Field::Email, Email::parse_over(&self.email, known));
        match (name, nickname, email) {
            (Some(name), Some(nickname), Some(email)) => Ok(Profile {
                name,
                nickname,
                email,
            }),
            _ => Err(problems.into_refusal()),
        }
    }
}

/// 3 to 30 characters of `a-z 0-9 . _ -`, beginning and ending with a letter or digit; capitals are
/// folded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccountName(String);

impl AccountName {
    pub const LEAST: u32 = 3;
    pub const MOST: u32 = 30;

    pub fn parse(raw: &str) -> Result<AccountName, ProblemKind> {
        let name = line(raw, AccountName::LEAST, AccountName::MOST)?.to_ascii_lowercase();
        let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "._-".contains(c);
        let edge = |c: Option<char>| c.is_some_and(|c| c.is_ascii_alphanumeric());
        if name.chars().all(allowed) && edge(name.chars().next()) && edge(name.chars().last()) {
            Ok(AccountName(name))
        } else {
            Err(ProblemKind::BadCharacters)
        }
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A deliverable e-mail address (RFC 5321, RFC 6531), normalised so that one mailbox is one
/// address: the local part is composed (NFC) and in lower case, the domain is in ASCII as in the
/// DNS (IDNA, `xn--…`).
///
/// The DNS is case-insensitive, and no provider in common use distinguishes case before the `@`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Email(String);

impl Email {
    /// Longest address, in octets (RFC 5321, 4.5.3.1.3, without the brackets).
    pub const MOST: u32 = 254;
    /// Longest local part (before the `@`), in octets.
    const LOCAL_MOST: usize = 64;

    pub fn parse(raw: &str) -> Result<Email, ProblemKind> {
        // `line` counts characters, each of which may be several octets, and the domain may be
        // longer as typed than after normalisation. The exact limit is checked below.
        let typed = line(raw, 1, 2 * Email::MOST)?;
        let (local, domain) = typed.split_once('@').ok_or(ProblemKind::Malformed)?;
        let email = format!("{}@{}", local_part(local)?, ascii_domain(domain)?);
        match email.len() <= Email::MOST as usize {
            true => Ok(Email(email)),
            false => Err(ProblemKind::TooLong { most: Email::MOST }),
        }
    }

    /// Like [`Email::parse`], for an account that already has an address: that address is kept even
    /// if it was accepted under looser rules.
    pub fn parse_over(raw: &str, known: &str) -> Result<Email, ProblemKind> {
        match raw.trim() == known {
            true => Ok(Email(known.to_owned())),
            false => Email::parse(raw),
        }
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Parses the local part: words separated by single dots.
fn local_part(typed: &str) -> Result<String, ProblemKind> {
    // Per character, because `str::to_lowercase` maps Σ differently at the end of a word.
    let local: String = typed.chars().flat_map(char::to_lowercase).nfc().collect();
    let is_special = |c: char| c.is_whitespace() || c.is_control() || "<>()[],;:\\\"".contains(c);
    let plausible = local.len() <= Email::LOCAL_MOST
        && local.split('.').all(|word| !word.is_empty())
        && !local.contains(is_special);
    if !plausible {
        Err(ProblemKind::Malformed)
    } else if local.contains(is_invisible) {
        Err(ProblemKind::BadCharacters)
    } else {
        Ok(local)
    }
}

/// Converts a domain to its ASCII form in the DNS; it must have at least two labels.
fn ascii_domain(typed: &str) -> Result<String, ProblemKind> {
    let domain = Uts46::new()
        .to_ascii(
            typed.as_bytes(),
            AsciiDenyList::STD3,
            Hyphens::CheckFirstLast,
            DnsLength::Verify,
        )
        .map_err(|_| ProblemKind::Malformed)?;
    match domain.contains('.') {
        true => Ok(domain.into_owned()),
        false => Err(ProblemKind::Malformed),
    }
}

/// A password worth hashing: 10 to 128 characters, at least 5 different ones, not containing the
/// account's name.
///
/// Its `Debug` output does not contain it.
#[derive(Clone, PartialEq, Eq)]
pub struct Password(String);

impl Password {
    pub const LEAST: u32 = 10;
    pub const MOST: u32 = 128;

    pub fn parse(raw: &str, account_name: &str) -> Result<Password, ProblemKind> {
        let raw = opaque(raw);
        let length = raw.chars().count() as u32;
        let different = raw.chars().collect::<std::collections::BTreeSet<_>>().len();
        let holds_name = account_name.chars().count() >= 3
            && raw.to_lowercase().contains(&account_name.to_lowercase());
        if length == 0 {
            Err(ProblemKind::Missing)
        } else if length < Password::LEAST {
            Err(ProblemKind::TooShort {
                least: Password::LEAST,
            })
        } else if length > Password::MOST {
            Err(ProblemKind::TooLong {
                most: Password::MOST,
            })
        } else if different < 5 || holds_name {
            Err(ProblemKind::TooWeak)
        } else {
            Ok(Password(raw))
        }
    }

    /// [`Password::parse`] for a form that has no other field.
    pub fn parse_new(raw: &str, account_name: &str) -> Result<Password, Refusal> {
        let mut problems = Problems::default();
        problems
            .check(Field::Password, Password::parse(raw, account_name))
            .ok_or_else(|| problems.into_refusal())
    }

    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn form() -> SignUpForm {
        SignUpForm {
            account_name: "Mina.Kim".into(),
            password: "correct horse".into(),
            name: "김미나".into(),
            nickname: "mina".into(),
            email: "Mina@Example.com".into(),
        }
    }

    fn problems(form: SignUpForm) -> Vec<(Field, ProblemKind)> {
        match form.parse() {
            Err(Refusal::Invalid { problems }) => {
                problems.into_iter().map(|p| (p.field, p.kind)).collect()
            }
            other => panic!("expected problems, got {other:?}"),
        }
    }

    #[test]
    fn capitals_are_folded() {
        let account = form().parse().unwrap();
        assert_eq!(account.account_name.as_str(), "mina.kim");
        assert_eq!(account.email.as_str(), "mina@example.com");
    }

    #[test]
    fn every_problem_is_named_at_once() {
        let found = problems(SignUpForm::default());
        assert_eq!(found.len(), 5);
        assert!(found.iter().all(|(_, kind)| *kind == ProblemKind::Missing));
    }

    #[test]
    fn weak_passwords_are_refused() {
        let with = |password: &str| {
            problems(SignUpForm {
                password: password.into(),
                ..form()
            })
        };
        assert_eq!(
            with("short"),
            [(Field::Password, ProblemKind::TooShort { least: 10 })]
        );
        assert_eq!(
            with("aaaaaaaaaaaa"),
            [(Field::Password, ProblemKind::TooWeak)]
        );
        assert_eq!(
            with("xxMINA.kim12345"),
            [(Field::Password, ProblemKind::TooWeak)]
        );
    }

    /// Decomposed as macOS sends it, and composed as Windows does.
    #[test]
    fn a_password_is_the_same_however_its_letters_are_put_together() {
        let [composed, apart] = [
            "비밀번호가 길어요 12",
            "\u{1107}\u{1175}\u{1106}\u{1175}\u{11af}번호가\u{3000}길어요 12",
        ];
        let parsed = |raw| Password::parse(raw, "mina").unwrap();
        assert_ne!(composed, apart);
        assert!(parsed(composed) == parsed(apart));
    }

    #[test]
    fn addresses_that_cannot_be_delivered_to_are_refused() {
        for bad in [
            "mina",
            "mina@",
            "@example.com",
            "a b@example.com",
            "mina@localhost",
            "m@a..b",
            "m@-a.com",
        ] {
            assert_eq!(Email::parse(bad), Err(ProblemKind::Malformed), "{bad}");
        }
        assert!(Email::parse("미나@예시.한국").is_ok());
    }

    #[test]
    fn one_mailbox_is_one_address_however_it_is_spelt() {
        for [one, other] in [
            ["mina@bücher.example", "mina@xn--bcher-kva.example"],
            ["mina@bücher.example", "MINA@BU\u{308}CHER.EXAMPLE"],
            ["mina@예시.한국", "mina@예시。한국"],
            ["mina@예시.한국", "mina@xn--vv4b11d.xn--3e0b707e"],
            ["mina@ｅｘａｍｐｌｅ.com", "mina@example.com"],
            [
                "미나@example.com",
                "\u{1106}\u{1175}\u{1102}\u{1161}@example.com",
            ],
            ["ΟΔΟΣ@example.com", "οδοσ@example.com"],
        ] {
            assert_eq!(Email::parse(one), Email::parse(other), "{one} {other}");
            assert!(Email::parse(one).is_ok(), "{one}");
        }
    }

    #[test]
    fn dots_and_what_is_not_seen_are_as_mail_servers_have_them() {
        for bad in [
            ".mina@example.com",
            "mina.@example.com",
            "mi..na@example.com",
            "mina@example.com.",
            "mina@a_b.com",
            "mina@xn--a.com",
            "mina@한국",
        ] {
            assert_eq!(Email::parse(bad), Err(ProblemKind::Malformed), "{bad}");
        }
        for unseen in ["mi\u{200b}na", "mina\u{ad}", "mi\u{3164}na", "\u{2060}mina"] {
            let refused = Email::parse(&format!("{unseen}@example.com"));
            assert_eq!(refused, Err(ProblemKind::BadCharacters), "{unseen:?}");
        }
        assert!(Email::parse("mi.na+tickets@example.com").is_ok());
    }

    #[test]
    fn an_address_is_as_long_as_its_octets() {
        let domain = ["a"; 94].join(".");
        let local = |octets| "m".repeat(octets);
        assert!(Email::parse(&format!("{}@{domain}", local(64))).is_ok());
        let refused = Email::parse(&format!("{}@{domain}", local(65)));
        assert_eq!(refused, Err(ProblemKind::Malformed));
        let refused = Email::parse(&format!("{}@{domain}.aa", local(64)));
        assert_eq!(refused, Err(ProblemKind::TooLong { most: 254 }));
        // Syllables of three octets each.
        assert!(Email::parse(&format!("{}@example.com", "가".repeat(21))).is_ok());
        assert!(Email::parse(&format!("{}@example.com", "가".repeat(22))).is_err());
    }

    #[test]
    fn an_address_that_an_account_has_is_kept_as_it_is() {
        let known = "mi..na@example.com";
        let kept = Email::parse_over(" mi..na@example.com ", known).unwrap();
        assert_eq!(kept.as_str(), known);
        assert!(Email::parse_over("mi..na@example.org", known).is_err());
    }

    proptest! {
        #[test]
        fn a_parsed_name_parses_to_itself(raw in "\\PC{0,40}") {
            if let Ok(name) = AccountName::parse(&raw) {
                prop_assert_eq!(AccountName::parse(name.as_str()), Ok(name.clone()));
            }
        }
    }

    #[test]
    fn secrets_do_not_print() {
        let printed = format!("{:?} {:?}", form(), form().parse().unwrap());
        assert!(!printed.contains("correct horse"), "{printed}");
    }
}
