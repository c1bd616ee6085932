//! Pages that many people see alike but for a few places (server only).
//!
//! Such a page is rendered as a [`PageTemplate`]: once, for a member in general and not for one of them, with a [`Slot`] wherever
//! something is one person's. Each answer is the template with that person's values spliced in. Home, a concert, a queue and a
//! ticket are rendered so; which slots a page has stands in its own file, where it asks for [`TemplateRender::current`].
//!
//! What keeps one person's data out of another's page:
//!
//! - The request that a template is rendered for is made up by the server. It has no session, no token and no cookie but those of
//!   language and colours, so that there is nothing of anybody to read.
//! - A page that asks for a session all the same has a personal part that is no slot. Its template is refused
//!   ([`NotShareable::PersonalRead`]), and each reader gets the page rendered for them alone.
//! - A slot that has no value in the end fails the splicing, and the page is rendered for its reader alone.

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

/// A place of a page that is one person's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Slot {
    /// The nickname, in the header.
    Nickname,
    /// The account's number, for what is sent from the page.
    Account,
    /// The text of `<title>`.
    Title,
    /// The main part of the page, or what of it is personal: whole elements.
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

/// For whom a template is filled, and which page they asked for.
#[derive(Clone)]
pub struct Reader {
    pub services: Services,
    pub session: Session,
    /// The number in the page's address.
    pub id: i64,
}

/// What a page's slots hold for one reader, as HTML. An error: this reader's page is another one, and is rendered whole.
pub type Filling = BoxFuture<'static, Result<Vec<(Slot, String)>, ApiError>>;
type Fill = Arc<dyn Fn(Reader) -> Filling + Send + Sync>;

/// A page that is being rendered as a template. In the extensions of a request that the server made up.
#[derive(Clone)]
pub struct TemplateRender(Arc<Render>);

struct Render {
    /// Begins every marker. Random, so that nothing that people have written can be taken for one.
    token: Nonce,
    fill: Mutex<Option<Fill>>,
    personal_read: AtomicBool,
}

/// Why what was rendered is no template.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotShareable {
    /// Something asked whose page it is, outside of a slot.
    PersonalRead,
    /// A marker that no slot has left there, or only a part of one.
    UnknownSlot,
    /// A slot for which nothing says what it holds.
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
    /// The template that is being rendered in this context. None: a page for the sender of the request.
    pub fn current() -> Option<TemplateRender> {
        with_context(|parts: &Parts| parts.extensions.get().cloned())?
    }

    /// What stands for a slot in the page: letters and digits that no escaping changes. Becomes the slot's value as it is.
    pub fn slot(&self, slot: Slot) -> String {
        format!("{}{}.", self.mark(), slot.name())
    }

    /// Says what the slots of this page hold for a reader; those of every page need not be said.
    pub fn fill_with<F>(&self, fill: impl Fn(Reader) -> F + Send + Sync + 'static)
    where
        F: Future<Output = Result<Vec<(Slot, String)>, ApiError>> + Send + 'static,
    {
        let fill: Fill = Arc::new(move |reader| Box::pin(fill(reader)));
        *self.0.fill.lock().unwrap_or_else(PoisonError::into_inner) = Some(fill);
    }

    /// Something has asked whose page it is. From here on this is no template.
    pub(crate) fn note_personal_read(&self) {
        self.0.personal_read.store(true, Ordering::Relaxed);
    }

    /// The template out of the rendered page. `nonce`: that of the page's policy, which becomes another with each answer.
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

    /// Renders with the extensions of a request for a template, and, to be as hostile as can be, with a session
    /// in them as well.
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
