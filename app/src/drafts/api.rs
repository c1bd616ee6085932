//! Server functions of drafts. A draft is created by `create_concert`.

use super::{Looked, PREVIEW, Preview, PreviewProps, Sketch};
use crate::error::ApiError;
use crate::request::{services, session};
use leptos::prelude::*;
use model::concerts::{Concert, ConcertForm, ConcertId};

/// Publishes a draft permanently. The concert's organiser and admins only.
#[server(name = PublishConcert, prefix = "/api", endpoint = "publish_concert")]
pub async fn publish_concert(id: ConcertId) -> Result<Concert, ApiError> {
    let concert = services::concerts::publish(&services()?, &session()?, id).await?;
    leptos_axum::redirect(&format!("/concerts/{id}"));
    Ok(concert)
}

/// Returns what is wrong with a concert's form, and how buyers would see the concert. Saves
/// nothing. Only for callers who may save it. A browser without JavaScript is redirected to the
/// form, which shows both.
#[server(name = PreviewConcert, prefix = "/api", endpoint = "preview_concert")]
pub async fn preview_concert(
    #[server(default)] id: Option<ConcertId>,
    #[server(flatten)] form: ConcertForm,
) -> Result<Looked, ApiError> {
    let sketch = Sketch::of(id, form).await?;
    leptos_axum::redirect(&match id {
        Some(id) => format!("/concerts/{id}/edit?{PREVIEW}=1#{PREVIEW}"),
        None => format!("/concerts/new?{PREVIEW}=1#{PREVIEW}"),
    });
    let problems = sketch.problems();
    let html = Preview(PreviewProps { sketch }).to_html();
    Ok(Looked { problems, html })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::drafts::LOOK;
    use leptos::server_fn::ServerFn;

    #[test]
    fn the_browser_asks_where_the_server_answers() {
        assert_eq!(PreviewConcert::PATH, LOOK);
    }
}
