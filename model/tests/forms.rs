//! For any input, a form returns what is wrong with it or valid values; it never panics.
//!
//! Every test run includes a short run; `PROPTEST_CASES=10000000 cargo test -p model --test forms`
//! is a long one.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use model::accounts::{AccountName, Email, Password, ProfileForm, SignUpForm, opaque};
use model::concerts::ConcertForm;
use model::{ProblemKind, Refusal};
use proptest::prelude::*;
use unicode_normalization::UnicodeNormalization;

/// What people, scripts and attackers type: words, dates, numbers, markup, control characters,
/// arbitrary Unicode, very long text.
fn typed() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => any::<String>(),
        3 => "\\PC{0,60}",
        2 => "[a-zA-Z0-9._@ -]{0,40}",
        2 => "[a-z]{1,8}@[a-z]{1,8}\\.[a-z]{2,4}",
        2 => "[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}(:[0-9]{2})?",
        2 => "[-+]?[0-9,]{0,25}",
        1 => "<[a-z]{1,6} on[a-z]{1,6}=.{0,10}>",
        1 => proptest::collection::vec(any::<char>(), 0..400)
            .prop_map(|characters| characters.into_iter().collect()),
        1 => Just("\0".to_owned()),
        1 => Just("A long passphrase, too".to_owned()),
    ]
}

/// Local parts of letters whose lower case is the same regardless of how it is computed.
fn mailbox() -> impl Strategy<Value = String> {
    "[a-z0-9가-힣à-öø-þа-я+_-]{1,9}(\\.[a-z0-9é가]{1,9}){0,2}"
}

fn domain() -> impl Strategy<Value = String> {
    "[a-z가-힣à-öø-þα-ρа-я]{1,12}(-[a-z0-9]{1,4})?\\.(com|kr|한국|рф|example)"
}

/// Checks that a refusal of a form has at least one problem and survives serialisation.
fn names_its_problems(refusal: &Refusal) -> Result<(), TestCaseError> {
    let Refusal::Invalid { problems } = refusal else {
        return Err(TestCaseError::fail(format!("{refusal:?}")));
    };
    prop_assert!(!problems.is_empty());
    let text = serde_json::to_string(refusal).unwrap();
    prop_assert_eq!(&serde_json::from_str::<Refusal>(&text).unwrap(), refusal);
    Ok(())
}

fn plain(text: &str, most: usize) -> bool {
    let length = text.chars().count();
    length > 0 && length <= most && !text.contains('\0') && text.trim() == text
}

proptest! {
    #[test]
    fn a_sign_up(account_name in typed(), password in typed(), name in typed(), nickname in typed(), email in typed()) {
        let form = SignUpForm { account_name, password: password.clone(), name, nickname, email };
        match form.parse() {
            Ok(new) => {
                prop_assert!(plain(&new.name, 80) && plain(&new.nickname, 40));
                prop_assert_eq!(new.password.expose(), opaque(&password));
                let again = AccountName::parse(new.account_name.as_str());
                prop_assert_eq!(again, Ok(new.account_name));
                prop_assert_eq!(Email::parse(new.email.as_str()), Ok(new.email.clone()));
            }
            Err(refusal) => names_its_problems(&refusal)?,
        }
    }

    #[test]
    fn a_profile(name in typed(), nickname in typed(), email in typed()) {
        match (ProfileForm { name, nickname, email }).parse("") {
            Ok(profile) => prop_assert!(plain(&profile.name, 80) && plain(&profile.nickname, 40)),
            Err(refusal) => names_its_problems(&refusal)?,
        }
    }

    #[test]
    fn an_account_name_and_an_address(raw in typed()) {
        if let Ok(name) = AccountName::parse(&raw) {
            let name = name.as_str();
            prop_assert!((3..=30).contains(&name.len()));
            prop_assert!(name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"._-".contains(&b)));
        }
        if let Ok(email) = Email::parse(&raw) {
            let email = email.as_str();
            prop_assert!(email.len() <= 254 && email.matches('@').count() == 1);
            prop_assert!(!email.chars().any(|c| c.is_whitespace() || c.is_control()));
            let again = Email::parse(email);
            prop_assert_eq!(again.as_ref().map(Email::as_str), Ok(email));
        }
    }

    /// In capitals, decomposed, and with the domain in its ASCII form, it is still the same
    /// mailbox.
    #[test]
    fn an_address_spelt_in_other_ways(local in mailbox(), domain in domain()) {
        let spelt = |local: &str, domain: &str| {
            let email = Email::parse(&format!("{local}@{domain}"));
            email.map(|email| email.as_str().to_owned())
        };
        let email = spelt(&local, &domain);
        prop_assume!(email.is_ok());
        let apart = |text: &str| text.nfd().collect::<String>();
        prop_assert_eq!(&spelt(&apart(&local), &apart(&domain)), &email);
        prop_assert_eq!(&spelt(&local.to_uppercase().to_lowercase(), &domain.to_uppercase()), &email);
        let ascii = email.clone().unwrap_or_default();
        let (_, dns) = ascii.rsplit_once('@').unwrap();
        prop_assert!(dns.is_ascii());
        prop_assert_eq!(&spelt(&local, dns), &email);
    }

    #[test]
    fn a_password(raw in typed(), account_name in typed()) {
        match Password::parse(&raw, &account_name) {
            Ok(password) => {
                let composed = opaque(&raw);
                prop_assert_eq!(password.expose(), &composed);
                prop_assert_eq!(opaque(&composed), composed.clone());
                prop_assert!((10..=128).contains(&composed.chars().count()));
            }
            Err(problem) => {
                let expected = matches!(
                    problem,
                    ProblemKind::Missing
                        | ProblemKind::TooShort { .. }
                        | ProblemKind::TooLong { .. }
                        | ProblemKind::TooWeak
                );
                prop_assert!(expected, "{:?}", problem);
            }
        }
    }

    #[test]
    fn a_concert(changes in proptest::collection::vec(proptest::option::weighted(0.15, typed()), 13)) {
        let right = [
            "Low Tide", "Low Tide", "indie", "Nodeul", "2031-05-01T19:00", "2031-05-01T21:00", "120", "66000", "", "300",
            "2031-04-01T20:00", "10", "1000",
        ];
        let mut fields = right.into_iter().zip(changes);
        let mut next = || {
            let (right, change) = fields.next().unwrap();
            change.unwrap_or_else(|| right.to_owned())
        };
        let form = ConcertForm {
            title: next(),
            artist: next(),
            genre: next(),
            venue: next(),
            starts_at: next(),
            ends_at: next(),
            running_minutes: next(),
            price_won: next(),
            description: next(),
            capacity: next(),
            sale_opens_at: next(),
            batch_size: next(),
            interval_ms: next(),
        };
        match form.parse() {
            Ok(details) => prop_assert!(details.capacity > 0 && details.ends_at > details.starts_at),
            Err(refusal) => names_its_problems(&refusal)?,
        }
    }
}
