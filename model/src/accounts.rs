//! Who can log in.

use crate::refusal::Problems;
use crate::text::line;
pub use crate::text::opaque;
use crate::{Field, ProblemKind, Refusal};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use std::fmt;

/// The key of an account. Never reused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct AccountId(pub i64);

impl fmt::Display for AccountId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// What an account may do. Each role may also do what the ones before it may.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    User,
    Organiser,
    Admin,
}

impl Role {
    pub const ALL: [Role; 3] = [Role::User, Role::Organiser, Role::Admin];

    /// The stable name, as stored and as written in tokens.
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

/// The sign-up form as it was typed.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SignUpForm {
    pub account_name: String,
    pub password: String,
    pub name: String,
    pub nickname: String,
    pub email: String,
}

/// Leaves the password out.
impl fmt::Debug for SignUpForm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SignUpForm")
            .field("account_name", &self.account_name)
            .finish_non_exhaustive()
    }
}

/// A sign-up whose every field is as it must be.
#[derive(Clone, Debug)]
pub struct NewAccount {
    pub account_name: AccountName,
    pub password: Password,
    pub name: String,
    pub nickname: String,
    pub email: Email,
}

impl SignUpForm {
    /// Parses every field, or says everything that is wrong at once.
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

/// What people can change about themselves, as it was typed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProfileForm {
    pub name: String,
    pub nickname: String,
    pub email: String,
}

/// [`ProfileForm`] whose every field is as it must be.
#[derive(Clone, Debug)]
pub struct Profile {
    pub name: String,
    pub nickname: String,
    pub email: Email,
}

impl ProfileForm {
    /// Parses every field, or says everything that is wrong at once.
    pub fn parse(self) -> Result<Profile, Refusal> {
        let mut problems = Problems::default();
        let name = problems.check(Field::Name, line(&self.name, 1, 80));
        let nickname = problems.check(Field::Nickname, line(&self.nickname, 1, 40));
        let email = problems.check(Field::Email, Email::parse(&self.email));
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

/// 3 to 30 of `a-z 0-9 . _ -`, beginning and ending with a letter or digit; capitals are folded.
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

/// An e-mail address that could be delivered to: one `@`, a local part, a dotted domain. Folded to lower case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Email(String);

impl Email {
    pub fn parse(raw: &str) -> Result<Email, ProblemKind> {
        let email = line(raw, 1, 254)?.to_lowercase();
        let (local, domain) = email.split_once('@').ok_or(ProblemKind::Malformed)?;
        let label = |l: &str| {
            !l.is_empty()
                && !l.starts_with('-')
                && !l.ends_with('-')
                && l.chars().all(|c| c.is_alphanumeric() || c == '-')
        };
        let plausible = (1..=64).contains(&local.len())
            && !local
                .chars()
                .any(|c| c.is_whitespace() || c.is_control() || "@<>()[],;:\\\"".contains(c))
            && domain.contains('.')
            && domain.split('.').all(label);
        if plausible {
            Ok(Email(email))
        } else {
            Err(ProblemKind::Malformed)
        }
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A password worth hashing: 10 to 128 characters, at least 5 different ones, not built around the account's name.
///
/// Its `Debug` shows nothing.
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

    /// [`Password::parse`] for a form that asks for nothing else.
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

    /// As macOS sends a password, and as Windows does.
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
