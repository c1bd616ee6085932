//! What a client holds: a signed access token that names a session, and an opaque refresh token.

use super::{ACCESS_LIFE, Session, StoredSession};
use crate::{Error, Result};
use chrono::{DateTime, Utc};
use hmac::{Hmac, Mac};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use quick_cache::sync::Cache;
use rand::Rng;
use rand::distr::Alphanumeric;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256, Sha512};
use std::fmt;
use std::sync::Arc;

const ISSUER: &str = "frontrow";
const AUDIENCE: &str = "frontrow";
/// Characters at the end of a refresh token that prove that we made it.
const MARK: usize = 32;
/// Upper bound on characters of either part of a refresh token.
const LONGEST_PART: usize = 128;
/// Upper bound on cached tokens whose signature was verified; one takes half a kilobyte.
const VERIFIED_MAX: usize = 20_000;
/// Seconds by which the clocks of two servers may differ.
const LEEWAY: i64 = 5;

/// The tokens of a session. `Debug` shows none of them.
#[derive(Clone)]
pub struct Tokens {
    pub access: String,
    pub access_expires_at: DateTime<Utc>,
    /// Replaces the refresh token that was presented.
    pub refresh: String,
    pub refresh_expires_at: DateTime<Utc>,
}

impl fmt::Debug for Tokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tokens")
            .field("access_expires_at", &self.access_expires_at)
            .finish_non_exhaustive()
    }
}

/// The claims of an access token (names of RFC 7519).
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Claims {
    pub sub: String,
    pub sid: String,
    pub jti: String,
    pub roles: Vec<String>,
    pub iat: i64,
    pub exp: i64,
    pub iss: String,
    pub aud: String,
}

impl Claims {
    /// Returns as much of a session's claims as its Redis keys need.
    pub fn of(session: &Session) -> Claims {
        Claims {
            sub: session.account_id.to_string(),
            sid: session.sid.clone(),
            jti: session.jti.clone(),
            roles: vec![session.role.as_str().to_owned()],
            iat: 0,
            exp: session.expires_at.timestamp(),
            iss: ISSUER.to_owned(),
            aud: AUDIENCE.to_owned(),
        }
    }
}

/// Signs and verifies access tokens with HMAC-SHA-256. The first key signs, and signatures of all
/// keys are valid: this way keys are changed without logging users out (docs/security.md).
pub struct TokenKeys {
    keys: Vec<TokenKey>,
    /// Tokens, character by character, whose signature was valid, with their claims. Whether they
    /// have expired, and whether their session is open, is checked each time.
    verified: Cache<String, Arc<Claims>>,
}

struct TokenKey {
    /// Identifies the key in a token's header.
    kid: String,
    encoding: EncodingKey,
    decoding: DecodingKey,
    successors: Hmac<Sha256>,
}

impl TokenKey {
    fn new(secret: &str) -> TokenKey {
        let digest = Sha256::digest(format!("kid:{secret}"));
        // A key of its own: a signature for one purpose must not pass for another.
        let successor_key = Sha512::digest(format!("refresh:{secret}"));
        TokenKey {
            kid: hex(&digest[..8]),
            encoding: EncodingKey::from_secret(secret.as_bytes()),
            decoding: DecodingKey::from_secret(secret.as_bytes()),
            successors: hmac::digest::KeyInit::new(&successor_key),
        }
    }

    fn successor(&self, token: &RefreshToken) -> RefreshToken {
        let secret = self.mac("", &token.text);
        self.marked(token.sid(), &hex(&secret))
    }

    /// Returns a refresh token with the mark that proves that we made it.
    fn marked(&self, sid: &str, secret: &str) -> RefreshToken {
        RefreshToken::new(sid, &format!("{secret}{}", self.mark(sid, secret)))
    }

    /// Returns the mark, which is the last characters of the token's secret.
    fn mark(&self, sid: &str, secret: &str) -> String {
        hex(&self.mac("mark:", &format!("{sid}.{secret}"))[..MARK / 2])
    }

    fn mac(&self, what: &str, text: &str) -> [u8; 32] {
        let mut mac = self.successors.clone();
        mac.update(what.as_bytes());
        mac.update(text.as_bytes());
        mac.finalize().into_bytes().into()
    }
}

impl TokenKeys {
    /// `secrets` are the key in use, then the previous ones.
    pub fn new<'a>(secrets: impl IntoIterator<Item = &'a str>) -> Result<TokenKeys> {
        let keys: Vec<TokenKey> = secrets.into_iter().map(TokenKey::new).collect();
        match keys.is_empty() {
            true => Err(Error::Setting("there is no secret to sign with".to_owned())),
            false => Ok(TokenKeys {
                keys,
                verified: Cache::new(VERIFIED_MAX),
            }),
        }
    }

    fn signing(&self) -> &TokenKey {
        &self.keys[0]
    }

    pub(super) fn sign(
        &self,
        session: &StoredSession,
        now: DateTime<Utc>,
    ) -> Result<(String, DateTime<Utc>)> {
        let expires_at = (now + ACCESS_LIFE).min(session.expires_at);
        Ok((self.sign_until(session, now, expires_at)?, expires_at))
    }

    /// [`TokenKeys::sign`], for a token with a life of its own.
    pub(super) fn sign_until(
        &self,
        session: &StoredSession,
        now: DateTime<Utc>,
        expires_at: DateTime<Utc>,
    ) -> Result<String> {
        let claims = Claims {
            sub: session.account_id.to_string(),
            sid: session.sid.clone(),
            jti: random_id(),
            roles: vec![session.role.as_str().to_owned()],
            iat: now.timestamp(),
            exp: expires_at.timestamp(),
            iss: ISSUER.to_owned(),
            aud: AUDIENCE.to_owned(),
        };
        let header = Header {
            kid: Some(self.signing().kid.clone()),
            ..Header::new(Algorithm::HS256)
        };
        jsonwebtoken::encode(&header, &claims, &self.signing().encoding)
            .map_err(|error| Error::Broken(format!("signing: {error}")))
    }

    /// Returns the first refresh token of a session.
    pub fn first(&self, sid: &str) -> RefreshToken {
        self.signing().marked(sid, &random_text(43))
    }

    /// Returns whether we made this token, at any time, as long as its key is configured.
    pub fn has_made(&self, token: &RefreshToken) -> bool {
        let (sid, text) = (token.sid(), token.secret());
        let Some((secret, mark)) = text.split_at_checked(text.len().saturating_sub(MARK)) else {
            return false;
        };
        self.keys.iter().any(|key| key.mark(sid, secret) == mark)
    }

    /// Returns the refresh token that follows another: always the same, so that concurrent requests
    /// with one token receive the same successor, and only we can compute it (HMAC-SHA-256, RFC
    /// 2104).
    pub fn successor(&self, token: &RefreshToken) -> RefreshToken {
        self.signing().successor(token)
    }

    /// Returns the successor that has this hash, regardless of which key made it.
    pub fn successor_with(&self, token: &RefreshToken, hash: &[u8]) -> Option<RefreshToken> {
        let mut successors = self.keys.iter().map(|key| key.successor(token));
        successors.find(|successor| successor.hash() == hash)
    }

    /// Returns the claims of a token that we signed, for us, that has not expired at `now`.
    pub fn verify(&self, token: &str, now: DateTime<Utc>) -> Option<Arc<Claims>> {
        let claims = match self.verified.get(token) {
            Some(claims) => claims,
            None => {
                let claims = Arc::new(self.verify_signature(token)?);
                self.verified.insert(token.to_owned(), claims.clone());
                claims
            }
        };
        let now = now.timestamp();
        (now < claims.exp && claims.iat <= now + LEEWAY).then_some(claims)
    }

    /// Returns the claims of a token that we signed, for us, at any time.
    fn verify_signature(&self, token: &str) -> Option<Claims> {
        let header = jsonwebtoken::decode_header(token).ok()?;
        let named = |key: &&TokenKey| header.kid.as_deref() == Some(&key.kid);
        let key = self.keys.iter().find(named)?;
        let mut validation = Validation::new(Algorithm::HS256);
        validation.set_issuer(&[ISSUER]);
        validation.set_audience(&[AUDIENCE]);
        validation.set_required_spec_claims(&["exp", "iss", "aud", "sub"]);
        // The caller checks it against the clock that tests can move.
        validation.validate_exp = false;
        let decoded = jsonwebtoken::decode::<Claims>(token, &key.decoding, &validation);
        Some(decoded.ok()?.claims)
    }
}

/// `{sid}.{secret}`: names its session, so that a token that is no longer in use is recognised as
/// such. The server stores only its hash.
pub struct RefreshToken {
    text: String,
    sid_length: usize,
}

impl RefreshToken {
    /// Returns `None` if the text does not have the form of our tokens.
    pub fn parse(text: &str) -> Option<RefreshToken> {
        let (sid, secret) = text.split_once('.')?;
        // Ours are shorter; longer ones need not be sent to any store.
        let plain = |part: &str| {
            (1..=LONGEST_PART).contains(&part.len())
                && part.chars().all(|c| c.is_ascii_alphanumeric())
        };
        (plain(sid) && plain(secret)).then(|| RefreshToken::new(sid, secret))
    }

    fn new(sid: &str, secret: &str) -> RefreshToken {
        RefreshToken {
            text: format!("{sid}.{secret}"),
            sid_length: sid.len(),
        }
    }

    pub fn sid(&self) -> &str {
        &self.text[..self.sid_length]
    }

    fn secret(&self) -> &str {
        &self.text[self.sid_length + 1..]
    }

    pub fn hash(&self) -> Vec<u8> {
        Sha256::digest(self.text.as_bytes()).to_vec()
    }

    pub fn into_text(self) -> String {
        self.text
    }
}

/// Returns 22 random letters and digits: 130 bits.
pub fn random_id() -> String {
    random_text(22)
}

fn random_text(length: usize) -> String {
    rand::rng()
        .sample_iter(Alphanumeric)
        .take(length)
        .map(char::from)
        .collect()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use base64::Engine;
    use base64::prelude::BASE64_URL_SAFE_NO_PAD as URL_SAFE_NO_PAD;
    use chrono::TimeDelta;
    use model::accounts::{AccountId, Role};
    use proptest::prelude::*;

    fn session() -> StoredSession {
        StoredSession {
            sid: random_id(),
            account_id: AccountId(7),
            account_name: "mina".into(),
            nickname: "mina".into(),
            role: Role::User,
            rehearsal: None,
            device: String::new(),
            created_at: DateTime::UNIX_EPOCH,
            rotated_at: DateTime::UNIX_EPOCH,
            expires_at: DateTime::<Utc>::MAX_UTC,
        }
    }

    fn keys(secrets: &[&str]) -> TokenKeys {
        TokenKeys::new(secrets.iter().copied()).unwrap()
    }

    fn at(seconds: i64) -> DateTime<Utc> {
        DateTime::UNIX_EPOCH + TimeDelta::days(20_000) + TimeDelta::seconds(seconds)
    }

    #[test]
    fn a_token_opens_until_it_expires() {
        let keys = self::keys(&["a secret"]);
        let (token, _) = keys.sign(&session(), at(0)).unwrap();
        assert!(keys.verify(&token, at(0)).is_some());
        assert!(keys.verify(&token, at(899)).is_some());
        assert!(keys.verify(&token, at(900)).is_none());
    }

    #[test]
    fn keys_are_changed_without_making_a_token_worthless() {
        let (old, both) = (keys(&["old"]), keys(&["old", "new"]));
        let (swapped, new) = (keys(&["new", "old"]), keys(&["new"]));
        let (token, _) = old.sign(&session(), at(0)).unwrap();
        assert!(both.verify(&token, at(0)).is_some() && swapped.verify(&token, at(0)).is_some());
        assert!(new.verify(&token, at(0)).is_none());
        let (token, _) = swapped.sign(&session(), at(0)).unwrap();
        assert!(both.verify(&token, at(0)).is_some() && new.verify(&token, at(0)).is_some());
        assert!(old.verify(&token, at(0)).is_none());

        // Two requests of one browser, at two servers of which only one has the new key.
        let presented = both.first("sid");
        let successor = both.successor(&presented);
        let again = swapped
            .successor_with(&presented, &successor.hash())
            .unwrap();
        assert_eq!(again.into_text(), successor.into_text());
    }

    #[test]
    fn a_refresh_token_that_we_have_not_made_is_told_apart() {
        let keys = keys(&["a secret"]);
        let first = keys.first("sid");
        let (second, text) = (keys.successor(&first), first.text.clone());
        assert!(keys.has_made(&first) && keys.has_made(&second));
        for made_up in [
            "sid.a",
            &format!("sid.{}", "a".repeat(75)),
            &text.replace("sid", "dis"),
        ] {
            let made_up = RefreshToken::parse(made_up).unwrap();
            assert!(!keys.has_made(&made_up));
        }
        assert!(!self::keys(&["another"]).has_made(&first));
    }

    #[test]
    fn no_token_outlives_its_session() {
        let session = StoredSession {
            expires_at: at(60),
            ..session()
        };
        let (_, expires_at) = keys(&["a secret"]).sign(&session, at(0)).unwrap();
        assert_eq!(expires_at, at(60));
    }

    #[test]
    fn a_token_from_the_future_opens_nothing() {
        let keys = self::keys(&["a secret"]);
        let (token, _) = keys.sign(&session(), at(60)).unwrap();
        assert!(keys.verify(&token, at(0)).is_none());
    }

    #[test]
    fn another_secret_another_algorithm_and_any_changed_character_open_nothing() {
        let keys = self::keys(&["a secret"]);
        let (token, _) = keys.sign(&session(), at(0)).unwrap();
        assert!(self::keys(&["another"]).verify(&token, at(0)).is_none());
        for (position, old) in token.char_indices() {
            let mut changed = token.clone();
            let new = if old == 'A' { "B" } else { "A" };
            changed.replace_range(position..position + 1, new);
            let opened = keys
                .verify(&changed, at(0))
                .map(|claims| claims.sid.clone());
            // The last character of a part may have unused bits; a decoder that ignores them sees
            // the same token.
            assert!(
                opened.is_none() || changed.len() == token.len() && position + 1 == token.len(),
                "position {position}"
            );
        }
        // {"alg":"none"}
        let none = format!("eyJhbGciOiJub25lIn0.{}.", token.split('.').nth(1).unwrap());
        assert!(keys.verify(&none, at(0)).is_none());
    }

    /// A token of ours, and a tampered text.
    fn tampered() -> impl Strategy<Value = (String, String)> {
        let ours = keys(&["a secret"])
            .sign(&session(), at(0))
            .map(|(token, _)| token)
            .unwrap_or_default();
        let length = ours.len();
        let change = prop_oneof![
            any::<String>(),
            "\\PC{0,200}",
            "[A-Za-z0-9_-]{0,60}(\\.[A-Za-z0-9_-]{0,60}){0,4}",
            (0..length, any::<char>()).prop_map({
                let ours = ours.clone();
                move |(at, new)| {
                    let mut text: Vec<char> = ours.chars().collect();
                    text[at] = new;
                    text.into_iter().collect()
                }
            }),
            (0..length, 0..length).prop_map({
                let ours = ours.clone();
                move |(from, to)| format!("{}{}", &ours[..from], &ours[to..])
            }),
            // A different header or body before the right signature.
            (
                "\\{\"alg\":\"(none|HS256|HS384|RS256|ES256)\"(,\"kid\":\"[0-9a-f]{16}\")?\\}",
                0..2usize
            )
                .prop_map({
                    let ours = ours.clone();
                    move |(json, part)| {
                        let mut parts: Vec<String> = ours.split('.').map(str::to_owned).collect();
                        parts[part] = URL_SAFE_NO_PAD.encode(json);
                        parts.join(".")
                    }
                }),
        ];
        (Just(ours), change)
    }

    proptest! {
        /// A short run with every test; `PROPTEST_CASES=10000000 cargo test -p services tampered`
        /// is a long one.
        #[test]
        fn a_tampered_token_opens_nothing((ours, tampered) in tampered()) {
            let keys = keys(&["a secret", "another"]);
            // The last character of a token has two bits that are ignored.
            let (ours, made) = (ours.as_bytes(), tampered.as_bytes());
            let same = made.len() == ours.len() && made[..ours.len() - 1] == ours[..ours.len() - 1];
            prop_assert!(keys.verify(&tampered, at(0)).is_none() || same, "{}", tampered);
            if let Some(token) = RefreshToken::parse(&tampered) {
                prop_assert!(token.sid().len() <= LONGEST_PART && token.into_text() == tampered);
            }
        }
    }
}
