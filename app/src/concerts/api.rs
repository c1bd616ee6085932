//! Server functions of concerts.

use crate::error::ApiError;
use crate::forms::parse_opened;
use leptos::prelude::*;
use leptos::server_fn::codec::GetUrl;
use model::concerts::{
    Concert, ConcertArguments, ConcertForm, ConcertId, ConcertPage, ConcertSections, ConcertView,
    MyConcerts, SaleChange, Steering,
};

use super::steering::SALE_CONTROL;
use crate::request::{privileged_session, services, session};
use crate::sharing::ascii;

/// One page of concerts. What is asked for in words that nobody understands is [`model::Refusal::Malformed`].
#[server(name = ListConcerts, prefix = "/api", endpoint = "list_concerts", input = GetUrl)]
pub async fn list_concerts(
    #[server(flatten)] asked: ConcertArguments,
    #[server(default)] page: u32,
) -> Result<ConcertPage, ApiError> {
    Ok(services::concerts::list(&services()?, &asked.parse(page)?).await?)
}

/// What is selling, what opens soon and what else is to come: the first of each.
#[server(name = ListConcertSections, prefix = "/api", endpoint = "concert_sections", input = GetUrl)]
pub async fn concert_sections() -> Result<ConcertSections, ApiError> {
    Ok(services::concerts::sections(&services()?).await?)
}

/// What the account has made, and for admins everybody's drafts; organisers and admins only.
#[server(name = ListMyConcerts, prefix = "/api", endpoint = "list_my_concerts", input = GetUrl)]
pub async fn list_my_concerts() -> Result<MyConcerts, ApiError> {
    Ok(services::concerts::mine(&services()?, &session()?).await?)
}

/// One concert, the server's clock, and whether the reader may edit it.
#[server(name = GetConcert, prefix = "/api", endpoint = "get_concert", input = GetUrl)]
pub async fn get_concert(id: ConcertId) -> Result<ConcertView, ApiError> {
    Ok(services::concerts::find_view(&services()?, privileged_session().as_ref(), id).await?)
}

/// Puts a concert on sale, or makes a draft that nobody else sees yet; organisers and admins only.
#[server(name = CreateConcert, prefix = "/api", endpoint = "create_concert")]
pub async fn create_concert(
    #[server(flatten)] form: ConcertForm,
    #[server(default)] draft: bool,
) -> Result<Concert, ApiError> {
    let (session, services, details) = (session()?, services()?, form.parse()?);
    let concert = match draft {
        true => services::concerts::draft(&services, &session, details).await?,
        false => services::concerts::create(&services, &session, details).await?,
    };
    let next = match draft {
        // There is more to prepare.
        true => format!("/concerts/{}/edit", concert.id),
        false => ascii(&concert.path()),
    };
    leptos_axum::redirect(&next);
    Ok(concert)
}

/// Changes a concert; its organiser and admins only.
#[server(name = UpdateConcert, prefix = "/api", endpoint = "update_concert")]
pub async fn update_concert(
    id: ConcertId,
    #[server(default)] opened: String,
    #[server(flatten)] form: ConcertForm,
) -> Result<Concert, ApiError> {
    let (services, session) = (services()?, session()?);
    let concert = match parse_opened(&opened)? {
        None => services::concerts::update(&services, &session, id, form.parse()?).await?,
        Some(opened) => {
            services::concerts::update_opened(&services, &session, id, &opened, form).await?
        }
    };
    leptos_axum::redirect(&ascii(&concert.path()));
    Ok(concert)
}

/// Pauses, resumes or closes a sale; the concert's organiser and admins only. Closed is for good. `from_desk`: a form goes back
/// to the desk, not to the concert.
#[server(name = SteerSale, prefix = "/api", endpoint = "steer_sale")]
pub async fn steer_sale(
    id: ConcertId,
    action: Steering,
    #[server(default)] from_desk: bool,
) -> Result<Concert, ApiError> {
    let concert = services::concerts::steer(&services()?, &session()?, id, action).await?;
    leptos_axum::redirect(&match from_desk {
        true => crate::desk::path(id),
        false => format!("{}#{SALE_CONTROL}", ascii(&concert.path())),
    });
    Ok(concert)
}

/// Who changed what about a sale, and when, newest first; the concert's organiser and admins only.
#[server(name = SaleChanges, prefix = "/api", endpoint = "sale_changes", input = GetUrl)]
pub async fn sale_changes(id: ConcertId) -> Result<Vec<SaleChange>, ApiError> {
    Ok(services::concerts::changes(&services()?, &session()?, id).await?)
}
