//! Server functions of rehearsals.

use crate::error::ApiError;
use leptos::prelude::*;
use model::concerts::ConcertId;
use model::rehearsals::Rehearsal;

use crate::request::{services, session};
use model::rehearsals::DEFAULT_SIGN_INS;
use services::rehearsals::Plan;

/// Copies a concert and creates accounts that can join the copy and nothing else. The concert's
/// organiser and admins only.
#[server(name = CreateRehearsal, prefix = "/api", endpoint = "create_rehearsal")]
pub async fn create_rehearsal(
    concert_id: ConcertId,
    people: u32,
    sale_opens_in_s: u32,
    #[server(default)] sign_ins: Option<u32>,
) -> Result<Rehearsal, ApiError> {
    let plan = Plan {
        people,
        sign_ins: sign_ins.unwrap_or(DEFAULT_SIGN_INS),
        sale_opens_in_s,
    };
    Ok(services::rehearsals::create(&services()?, &session()?, concert_id, plan).await?)
}

/// Deletes a rehearsal and all its data. The account that created it and admins only.
#[server(name = EndRehearsal, prefix = "/api", endpoint = "end_rehearsal")]
pub async fn end_rehearsal(rehearsal_id: ConcertId) -> Result<(), ApiError> {
    Ok(services::rehearsals::end(&services()?, &session()?, rehearsal_id).await?)
}
