//! The text of a ticket's QR code: which ticket it is, signed, so that any client with our public
//! keys can verify without asking us that we made it.
//!
//! `FR1:{key}:{ticket}:{concert}:{serial}:{issued at}:{signature}`: the version, the key's id,
//! three numbers, seconds since the epoch, and the Ed25519 signature (RFC 8032) of everything
//! before the last colon, in hexadecimal digits. Capitals, digits and colons only, which a QR code
//! stores in half the space. It does not identify the holder.

use crate::{Error, Result};
use chrono::{DateTime, Utc};
use ed25519_dalek::{Signature, Signer, SigningKey, VerifyingKey};
use hkdf::Hkdf;
use model::concerts::ConcertId;
use model::tickets::TicketId;
use moka::sync::Cache;
use sha2::{Digest, Sha256};
use std::fmt::Write;

const VERSION: &str = "FR1";
/// Purpose of the derived key: the same secret signs sessions, and a signature for one purpose must
/// not pass for another.
const PURPOSE: &[u8] = b"frontrow tickets, Ed25519";
/// Tickets whose codes are cached.
const SIGNED_MAX: u64 = 20_000;
/// Upper bound in bytes. Ours are shorter.
pub(super) const LONGEST: usize = 300;

/// What a code says about its ticket.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Payload {
    pub ticket: TicketId,
    pub concert: ConcertId,
    pub serial: u32,
    /// Whole seconds.
    pub issued_at: DateTime<Utc>,
}

/// The text is not a code of ours. Deliberately does not say why.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not signed by us")]
pub struct NotOurs;

/// Signs codes, with a key derived from the secret that sessions are signed with (HKDF-SHA-256, RFC
/// 5869).
pub struct TicketKeys {
    keys: Vec<SigningKey>,
    /// Recent codes: a signature is always the same, and takes longer than everything else of a
    /// ticket except its QR code.
    signed: Cache<Payload, String>,
}

impl TicketKeys {
    /// `secrets` are the one in use, then the previous ones. Only the first signs, but servers that
    /// know it as the second one need its public half too.
    pub fn new<'a>(secrets: impl IntoIterator<Item = &'a str>) -> Result<TicketKeys> {
        let keys = secrets.into_iter().map(|secret| {
            let mut seed = [0; 32];
            Hkdf::<Sha256>::new(None, secret.as_bytes())
                .expand(PURPOSE, &mut seed)
                .map_err(|error| Error::Broken(format!("a key for tickets: {error}")))?;
            Ok(SigningKey::from_bytes(&seed))
        });
        let keys: Vec<SigningKey> = keys.collect::<Result<_>>()?;
        match keys.is_empty() {
            true => Err(Error::Setting("there is no secret to sign with".to_owned())),
            false => Ok(TicketKeys {
                keys,
                signed: Cache::new(SIGNED_MAX),
            }),
        }
    }

    /// Returns the text for the QR code: always the same for the same ticket and key.
    pub fn sign(&self, payload: &Payload) -> String {
        if let Some(signed) = self.signed.get(payload) {
            return signed;
        }
        let signed = self.sign_anew(payload);
        self.signed.insert(*payload, signed.clone());
        signed
    }

    fn sign_anew(&self, payload: &Payload) -> String {
        let key = &self.keys[0];
        let Payload {
            ticket,
            concert,
            serial,
            issued_at,
        } = payload;
        let id = PublicKey(key.verifying_key()).id();
        let said = format!(
            "{VERSION}:{id}:{ticket}:{concert}:{serial}:{}",
            issued_at.timestamp()
        );
        let signature = key.sign(said.as_bytes());
        format!("{said}:{}", hex(&signature.to_bytes()))
    }

    /// Returns the public halves, that of the signing key first.
    pub fn public(&self) -> Vec<PublicKey> {
        self.keys
            .iter()
            .map(|key| PublicKey(key.verifying_key()))
            .collect()
    }
}

/// A key that verifies codes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicKey(VerifyingKey);

impl PublicKey {
    /// Returns `None` if it is not a key of 32 bytes on the curve.
    pub fn from_bytes(bytes: &[u8]) -> Option<PublicKey> {
        let key = VerifyingKey::from_bytes(bytes.try_into().ok()?).ok()?;
        Some(PublicKey(key))
    }

    pub fn as_bytes(&self) -> &[u8; 32] {
        self.0.as_bytes()
    }

    /// Returns the first 4 bytes of the key's SHA-256, in hexadecimal digits.
    pub fn id(&self) -> String {
        hex(&Sha256::digest(self.as_bytes())[..4])
    }
}

/// Returns what the code says, if one of these keys has signed exactly this text.
pub fn verify(text: &str, keys: &[PublicKey]) -> std::result::Result<Payload, NotOurs> {
    read(text, keys).ok_or(NotOurs)
}

fn read(text: &str, keys: &[PublicKey]) -> Option<Payload> {
    if text.len() > LONGEST {
        return None;
    }
    let (said, signature) = text.rsplit_once(':')?;
    let mut parts = said.split(':');
    let mut next = || parts.next();
    let (version, id) = (next()?, next()?);
    let key = keys.iter().find(|key| key.id() == id)?;
    let signature = Signature::from_bytes(&unhex(signature)?);
    key.0.verify_strict(said.as_bytes(), &signature).ok()?;
    let payload = Payload {
        ticket: TicketId(next()?.parse().ok()?),
        concert: ConcertId(next()?.parse().ok()?),
        serial: next()?.parse().ok()?,
        issued_at: DateTime::from_timestamp(next()?.parse().ok()?, 0)?,
    };
    (version == VERSION && next().is_none()).then_some(payload)
}

fn hex(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        let _ = write!(text, "{byte:02X}");
    }
    text
}

/// Accepts capitals only: otherwise one ticket would have many valid codes.
fn unhex(text: &str) -> Option<[u8; 64]> {
    let digit = |c: u8| match c {
        b'0'..=b'9' => Some(c - b'0'),
        b'A'..=b'F' => Some(c - b'A' + 10),
        _ => None,
    };
    let mut bytes = [0; 64];
    if text.len() != bytes.len() * 2 {
        return None;
    }
    for (byte, pair) in bytes.iter_mut().zip(text.as_bytes().chunks(2)) {
        *byte = digit(pair[0])? << 4 | digit(pair[1])?;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn keys(secrets: &[&str]) -> TicketKeys {
        TicketKeys::new(secrets.iter().copied()).unwrap()
    }

    fn payload() -> impl Strategy<Value = Payload> {
        (1..i64::MAX, 1..i64::MAX, 1..u32::MAX, 0..4_000_000_000i64).prop_map(
            |(ticket, concert, serial, at)| Payload {
                ticket: TicketId(ticket),
                concert: ConcertId(concert),
                serial,
                issued_at: DateTime::from_timestamp(at, 0).unwrap(),
            },
        )
    }

    proptest! {
        #[test]
        fn what_was_signed_is_what_is_read(payload in payload()) {
            let keys = keys(&["a secret"]);
            let text = keys.sign(&payload);
            prop_assert!(text.len() <= LONGEST);
            prop_assert!(text.bytes().all(|c| c.is_ascii_digit() || c.is_ascii_uppercase() || c == b':'));
            prop_assert_eq!(verify(&text, &keys.public()), Ok(payload));
            prop_assert_eq!(keys.sign(&payload), text);
        }

        /// A short run with every test; `PROPTEST_CASES=1000000 cargo test -p services any_change`
        /// is a long one.
        #[test]
        fn any_change_is_refused(payload in payload(), at in any::<prop::sample::Index>(), new in any::<char>(), cut in any::<prop::sample::Index>()) {
            let keys = keys(&["a secret", "another"]);
            let text = keys.sign(&payload);
            let mut changed: Vec<char> = text.chars().collect();
            let at = at.index(changed.len());
            for new in [new, char::from(changed[at] as u8 ^ 0x20), '0', 'F', ':'] {
                let old = std::mem::replace(&mut changed[at], new);
                let made: String = changed.iter().collect();
                prop_assert!(made == text || verify(&made, &keys.public()).is_err(), "{}", made);
                changed[at] = old;
            }
            let cut = cut.index(text.len());
            prop_assert!(verify(&text[..cut], &keys.public()).is_err());
            prop_assert!(verify(&text[cut..], &keys.public()).is_err() || cut == 0);
            let longer = format!("{}{new}{}", &text[..cut], &text[cut..]);
            prop_assert!(verify(&longer, &keys.public()).is_err());
        }

        #[test]
        fn nothing_made_up_is_ours(text in "\\PC{0,320}|FR1:[0-9A-F]{8}(:[0-9]{1,20}){4}:[0-9A-F]{128}") {
            prop_assert!(verify(&text, &keys(&["a secret"]).public()).is_err());
        }
    }

    #[test]
    fn only_the_keys_that_are_given_count() {
        let payload = Payload {
            ticket: TicketId(804),
            concert: ConcertId(14),
            serial: 123,
            issued_at: DateTime::from_timestamp(1_795_231_930, 0).unwrap(),
        };
        let (old, swapped) = (keys(&["old"]), keys(&["new", "old"]));
        let text = old.sign(&payload);
        assert!(verify(&text, &swapped.public()).is_ok());
        assert!(verify(&text, &keys(&["new"]).public()).is_err());
        assert_ne!(swapped.sign(&payload), text);
        // The id of a key alone is no signature.
        let stranger = keys(&["stranger"]).sign(&payload);
        let named = stranger.replace(&keys(&["stranger"]).public()[0].id(), &old.public()[0].id());
        assert!(verify(&named, &old.public()).is_err());
    }

    #[test]
    fn the_format_is_the_documented_one() {
        // Changed only together with the version: printed tickets are read by programs that are not
        // ours.
        let payload = Payload {
            ticket: TicketId(804),
            concert: ConcertId(14),
            serial: 123,
            issued_at: DateTime::from_timestamp(1_795_231_930, 0).unwrap(),
        };
        let text = keys(&["what the example is signed with, 32"]).sign(&payload);
        let parts: Vec<&str> = text.split(':').collect();
        assert_eq!(
            (parts[0], &parts[2..6]),
            ("FR1", &["804", "14", "123", "1795231930"][..])
        );
        assert_eq!((parts[1].len(), parts[6].len(), parts.len()), (8, 128, 7));
    }
}
