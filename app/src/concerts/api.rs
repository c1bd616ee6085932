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

/// Returns one page of concerts, or [`model::Refusal::Malformed`] if an argument is invalid.
#[server(name = ListConcerts, prefix = "/api", endpoint = "list_concerts", input = GetUrl)]
pub async fn list_concerts(
    #[server(flatten)] asked: ConcertArguments,
    #[server(default)] page: u32,
) -> Result<ConcertPage, ApiError> {
    Ok(services::concerts::list(&services()?, &asked.parse(page)?).await?)
}

/// Returns the first concerts of each group that is not over: selling, opening soon, and later.
#[server(name = ListConcertSections, prefix = "/api", endpoint = "concert_sections", input = GetUrl)]
pub async fn concert_sections() -> Result<ConcertSections, ApiError> {
    Ok(services::concerts::sections(&services()?).await?)
}

/// Returns the account's own concerts, and for admins all drafts as well. Organisers and admins
/// only.
#[server(name = ListMyConcerts, prefix = "/api", endpoint = "list_my_concerts", input = GetUrl)]
pub async fn list_my_concerts() -> Result<MyConcerts, ApiError> {
    Ok(services::concerts::mine(&services()?, &session()?).await?)
}

/// Returns one concert, the server's clock, and whether the account may edit the concert.
#[server(name = GetConcert, prefix = "/api", endpoint = "get_concert", input = GetUrl)]
pub async fn get_concert(id: ConcertId) -> Result<ConcertView, ApiError> {
    Ok(services::concerts::find_view(&services()?, privileged_session().as_ref(), id).await?)
}

/// Puts a concert on sale, or creates a draft that only its organiser and admins see. Organisers
/// and admins only.
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
        // A draft has yet to be completed, so the next page is its form.
        true => format!("/concerts/{}/edit", concert.id),
        false => ascii(&concert.path()),
    };
    leptos_axum::redirect(&next);
    Ok(concert)
}

/// Changes a concert. Its organiser and admins only.
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

/// Pauses, resumes or closes a sale; closing is permanent. The concert's organiser and admins only.
/// With `from_desk`, a form is redirected to the desk instead of the concert's page.
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

/// Returns the changes of a sale, newest first: who changed what, and when. The concert's organiser
/// and admins only.
#[server(name = SaleChanges, prefix = "/api", endpoint = "sale_changes", input = GetUrl)]
pub async fn sale_changes(id: ConcertId) -> Result<Vec<SaleChange>, ApiError> {
    Ok(services::concerts::changes(&services()?, &session()?, id).await?)
}
