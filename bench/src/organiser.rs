//! The organiser of the rehearsal: creates it, pauses its sale, and deletes it.

use crate::client::{Answer, Client, Token};
use crate::hall::epoch_micros;
use anyhow::{Context, Result, bail};
use model::Refusal;
use model::concerts::{Concert, ConcertId, ConcertView};
use model::rehearsals::Rehearsal;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use std::fmt;
use std::time::Duration;

/// Credentials of the organiser. `Debug` shows neither password nor token.
#[derive(Clone)]
pub enum Credentials {
    /// Access token, valid for 15 minutes.
    Token(String),
    Account {
        name: String,
        password: String,
    },
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Credentials::Token(_) => f.write_str("Token(…)"),
            Credentials::Account { name, .. } => write!(f, "Account({name:?}, …)"),
        }
    }
}

/// The fields of a token pair that are used.
#[derive(Deserialize)]
pub struct TokenPair {
    pub access_token: String,
}

pub struct Organiser {
    credentials: Credentials,
    token: Token,
}

impl Organiser {
    pub async fn log_in(client: &Client, credentials: Credentials) -> Result<Organiser> {
        let token = token(client, &credentials).await?;
        Ok(Organiser { credentials, token })
    }

    /// Returns the concert and how far the server's clock is ahead of this machine's, in
    /// microseconds: 0 if the difference is within the round-trip time and so cannot be measured.
    pub async fn look(&mut self, client: &Client, id: ConcertId) -> Result<(Concert, i64)> {
        let id = id.to_string();
        let mut best: Option<(i64, i64, Concert)> = None;
        for _ in 0..5 {
            let sent = epoch_micros();
            let view: ConcertView =
                match client.get("get_concert", &self.token, &[("id", &id)]).await {
                    Answer::Done(view) => view,
                    other => bail!("concert {id} cannot be read: {}", said(other)),
                };
            let took = epoch_micros() - sent;
            let ahead = view.server_time.timestamp_micros() - (sent + took / 2);
            if best.as_ref().is_none_or(|(least, ..)| took < *least) {
                best = Some((took, ahead, view.concert));
            }
        }
        let (took, ahead, concert) = best.context("nobody looked")?;
        Ok((concert, if ahead.abs() <= took { 0 } else { ahead }))
    }

    pub async fn create(
        &mut self,
        client: &Client,
        concert: ConcertId,
        people: u32,
        sign_ins: u32,
        opens_in_s: u32,
    ) -> Result<Rehearsal> {
        let fields = [
            ("concert_id", concert.to_string()),
            ("people", people.to_string()),
            ("sign_ins", sign_ins.to_string()),
            ("sale_opens_in_s", opens_in_s.to_string()),
        ];
        // Not retried: if the answer is lost, the rehearsal exists, and the server deletes it when
        // it expires.
        match self.ask(client, "create_rehearsal", &fields, 1).await {
            Answer::Done(rehearsal) => Ok(rehearsal),
            Answer::Refused(Refusal::Forbidden) => {
                bail!("only the organiser of concert {concert} and admins may rehearse it")
            }
            Answer::Refused(Refusal::NotFound) => {
                bail!("there is no concert {concert} that can be rehearsed")
            }
            other => bail!("the rehearsal could not be made: {}", said(other)),
        }
    }

    /// Pauses the sale. No more tickets are issued once this has returned.
    pub async fn pause(&mut self, client: &Client, rehearsal: ConcertId) -> Result<()> {
        let fields = [
            ("id", rehearsal.to_string()),
            ("action", "pause".to_owned()),
        ];
        match self.ask::<Concert>(client, "steer_sale", &fields, 20).await {
            // A closed sale issues nothing either.
            Answer::Done(_) | Answer::Refused(Refusal::SaleClosed) => Ok(()),
            other => bail!("the sale could not be paused: {}", said(other)),
        }
    }

    /// Deletes the rehearsal. Idempotent.
    pub async fn end(&mut self, client: &Client, rehearsal: ConcertId) -> Result<()> {
        let fields = [("rehearsal_id", rehearsal.to_string())];
        match self.ask::<()>(client, "end_rehearsal", &fields, 20).await {
            Answer::Done(()) | Answer::Refused(Refusal::NotFound) => Ok(()),
            other => bail!(
                "the rehearsal is still there: POST /api/end_rehearsal with rehearsal_id={rehearsal} takes it away ({})",
                said(other)
            ),
        }
    }

    /// Sends a request, with a new token if the old one has expired, and up to `attempts` times if
    /// there is no result.
    async fn ask<T: DeserializeOwned>(
        &mut self,
        client: &Client,
        endpoint: &str,
        fields: &[(&str, String)],
        attempts: u32,
    ) -> Answer<T> {
        let fields: Vec<(&str, &str)> = fields
            .iter()
            .map(|(name, value)| (*name, value.as_str()))
            .collect();
        let mut attempt = 0;
        loop {
            attempt += 1;
            let answer = client.post(endpoint, Some(&self.token), &fields).await;
            let again = match &answer {
                Answer::Refused(Refusal::NotLoggedIn) if attempt == 1 => {
                    match token(client, &self.credentials).await {
                        Ok(token) => self.token = token,
                        Err(_) => return answer,
                    }
                    true
                }
                Answer::TryAgain | Answer::Silence => attempt < attempts,
                _ => false,
            };
            if !again {
                return answer;
            }
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
    }
}

async fn token(client: &Client, credentials: &Credentials) -> Result<Token> {
    let (name, password) = match credentials {
        Credentials::Token(token) => return Token::new(token),
        Credentials::Account { name, password } => (name, password),
    };
    let fields = [("account_name", name.as_str()), ("password", password)];
    match client
        .post::<TokenPair>("create_token", None, &fields)
        .await
    {
        Answer::Done(pair) => Token::new(&pair.access_token),
        Answer::Refused(Refusal::WrongCredentials) => {
            bail!("--account-name and --password are not those of an account")
        }
        other => bail!("logging in as {name}: {}", said(other)),
    }
}

/// Describes an unexpected answer for an error message.
fn said<T>(answer: Answer<T>) -> String {
    match answer {
        Answer::Done(_) => "an answer that was not expected".to_owned(),
        Answer::Refused(refusal) => format!("refused with {refusal:?}"),
        Answer::TryAgain => "the server is not ready".to_owned(),
        Answer::Silence => "the connection broke".to_owned(),
        Answer::Strange(what) => what,
    }
}
