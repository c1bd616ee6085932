//! Pages that are the same for many readers except in a few places (server only).
//!
//! They are rendered as a [`PageTemplate`]: once, for members in general, with a [`Slot`] in each
//! place that is personal. Each response is the template with the reader's values spliced in. Home,
//! a concert, a queue and a ticket are rendered this way. The file of a page defines its slots,
//! where it calls [`TemplateRender::current`].
//!
//! What keeps one reader's data out of another reader's page:
//!
//! - The server makes up the request that a template is rendered for. It has no session, no token
//!   and no cookies except those of language and colours, so there is no personal data to read.
//! - A page that nevertheless asks for a session has a personal part that is not a slot. Its
//!   template is refused ([`NotShareable::PersonalRead`]), and the page is rendered for each reader
//!   separately.
//! - A slot that has no value makes splicing fail, and the page is rendered for its reader alone.

mod fragment;
mod splice;

pub use fragment::FragmentContext;
pub use splice::{PageTemplate, Piece, SlotValues};

use crate::error::ApiError;
use futures::future::BoxFuture;
use http::request::Parts;
use leptos::nonce::Nonce;
use leptos::prelude::with_context;
use services::Services;
use services::sessions::Session;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// A personal place of a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Slot {
    /// The nickname, in the header.
    Nickname,
    /// The account's number, sent with the forms of the page.
    Account,
    /// The text of `<title>`.
    Title,
    /// The main part of the page, or its personal part: whole elements.
    Body,
}

impl Slot {
    const ALL: [Slot; 4] = [Slot::Nickname, Slot::Account, Slot::Title, Slot::Body];

    fn is_on_every_page(self) -> bool {
        matches!(self, Slot::Nickname | Slot::Account)
    }

    fn name(self) -> &'static str {
        match self {
            Slot::Nickname => "nickname",
            Slot::Account => "account",
            Slot::Title => "title",
            Slot::Body => "body",
        }
    }
}

/// The reader that a template is filled for, and the page requested.
#[derive(Clone)]
pub struct Reader {
    pub services: Services,
    pub session: Session,
    /// The id in the page's address.
    pub id: i64,
}

/// What a page's slots hold for one reader, as HTML. An error means that this reader gets a
/// different page, which is rendered whole.
pub type Filling = BoxFuture<'static, Result<Vec<(Slot, String)>, ApiError>>;
type Fill = Arc<dyn Fn(Reader) -> Filling + Send + Sync>;

/// A page that is being rendered as a template. In the extensions of a request that the server made
/// up.
#[derive(Clone)]
pub struct TemplateRender(Arc<Render>);

struct Render {
    /// Part of every marker. Random, so that nothing that users have written can be mistaken for
    /// one.
    token: Nonce,
    fill: Mutex<Option<Fill>>,
    personal_read: AtomicBool,
}

/// Why a rendered page cannot be a template.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotShareable {
    /// Something outside a slot asked for the sender of the request.
    PersonalRead,
    /// A marker that belongs to no slot, or a part of a marker.
    UnknownSlot,
    /// A slot without a filling.
    NoFilling,
}

impl Default for TemplateRender {
    fn default() -> TemplateRender {
        TemplateRender(Arc::new(Render {
            token: Nonce::new(),
            fill: Mutex::default(),
            personal_read: AtomicBool::new(false),
        }))
    }
}

impl TemplateRender {
    /// Returns the template that is being rendered in this context, or `None` if the page is
    /// rendered for the sender of the request.
    pub fn current() -> Option<TemplateRender> {
        with_context(|parts: &Parts| parts.extensions.get().cloned())?
    }

    /// Returns the marker of a slot in the page: characters that no escaping changes. It is
    /// replaced with the slot's value without escaping.
    pub fn slot(&self, slot: Slot) -> String {
        format!("{}{}.", self.mark(), slot.name())
    }

    /// Sets what the slots of this page hold for a reader. The slots of every page need not be set.
    pub fn fill_with<F>(&self, fill: impl Fn(Reader) -> F + Send + Sync + 'static)
    where
        F: Future<Output = Result<Vec<(Slot, String)>, ApiError>> + Send + 'static,
    {
        let fill: Fill = Arc::new(move |reader| Box::pin(fill(reader)));
        *self.0.fill.lock().unwrap_or_else(PoisonError::into_inner) = Some(fill);
    }

    /// Records that something asked for the sender of the request. The page can then not be a
    /// template.
    pub(crate) fn note_personal_read(&self) {
        self.0.personal_read.store(true, Ordering::Relaxed);
    }

    /// Returns the template made from the rendered page. `nonce` is that of the page's policy; each
    /// response gets a new one.
    pub fn finish(&self, html: &str, nonce: &str) -> Result<PageTemplate, NotShareable> {
        if self.0.personal_read.load(Ordering::Relaxed) {
            return Err(NotShareable::PersonalRead);
        }
        let fill = self.0.fill.lock().unwrap_or_else(PoisonError::into_inner);
        let template = PageTemplate::cut(html, &self.mark(), nonce, fill.clone());
        template.ok_or(NotShareable::UnknownSlot)?.checked()
    }

    fn mark(&self) -> String {
        format!("slot-{}-", self.0.token)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::request;
    use crate::sessions::{Auth, viewer};
    use leptos::prelude::*;
    use model::accounts::{AccountId, Role};

    pub(super) fn session(nickname: &str) -> Session {
        Session {
            sid: "sid".into(),
            jti: "jti".into(),
            account_id: AccountId(7),
            account_name: "mina".into(),
            nickname: nickname.into(),
            role: Role::User,
            rehearsal: None,
            expires_at: chrono::DateTime::UNIX_EPOCH,
            rotated_at: chrono::DateTime::UNIX_EPOCH,
        }
    }

    /// Renders with the extensions of a request for a template and, as the worst case, with a
    /// session in them as well.
    fn rendered<V: IntoView>(view: impl FnOnce() -> V) -> (TemplateRender, String) {
        let (mut parts, ()) = http::Request::new(()).into_parts();
        let render = TemplateRender::default();
        parts.extensions.insert(render.clone());
        parts.extensions.insert(Auth::LoggedIn(session("Mina")));
        let owner = Owner::new();
        let html = owner.with(|| {
            provide_context(parts);
            view().into_view().to_html()
        });
        (render, html)
    }

    fn header() -> impl IntoView {
        let crate::sessions::Viewer::Member { nickname, .. } = viewer() else {
            panic!("a template is for members");
        };
        view! { <p>{nickname}</p> }
    }

    #[test]
    fn a_slot_is_filled_with_the_readers_own() {
        let (render, html) = rendered(header);
        let template = render.finish(&html, "no such nonce").unwrap();
        for name in ["Mina", "<b>Mina & Ko</b>", "\"'", "slot-x-nickname."] {
            let values = SlotValues::of_member(&session(name));
            let spliced = template.splice(&values, "").unwrap();
            let view = view! { <p>{name.to_owned()}</p> };
            assert_eq!(String::from_utf8(spliced).unwrap(), view.to_html());
        }
    }

    #[test]
    fn a_personal_read_outside_a_slot_is_no_template() {
        let reads: [fn(); 5] = [
            || drop(request::auth()),
            || drop(request::session()),
            || drop(request::optional_session()),
            || drop(crate::sessions::visitor()),
            || {
                let planted = view! { <p>{request::session().map(|s| s.nickname).ok()}</p> };
                assert!(
                    !planted.to_html().contains("Mina"),
                    "nothing of hers is to be had"
                );
            },
        ];
        for read in reads {
            let (render, html) = rendered(|| {
                read();
                header()
            });
            let refused = render.finish(&html, "no such nonce").err();
            assert_eq!(refused, Some(NotShareable::PersonalRead));
        }
    }

    #[test]
    fn a_slot_without_a_filling_is_no_template() {
        let (render, html) = rendered(|| {
            let render = TemplateRender::current().expect("a template");
            view! { <p>{render.slot(Slot::Body)}</p> }
        });
        let refused = render.finish(&html, "no such nonce").err();
        assert_eq!(refused, Some(NotShareable::NoFilling));
        let cut = html.replace("body.", "bo");
        let refused = render.finish(&cut, "no such nonce").err();
        assert_eq!(refused, Some(NotShareable::UnknownSlot));
    }

    #[test]
    fn what_decides_for_all_members_alike_is_no_personal_read() {
        let (render, html) = rendered(|| {
            assert!(request::privileged_session().is_none());
            header()
        });
        assert!(render.finish(&html, "no such nonce").is_ok());
    }
}
