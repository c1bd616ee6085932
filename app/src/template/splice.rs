//! A template, split at its slots, and put together again with one reader's values.

use super::{Fill, NotShareable, Reader, Slot};
use crate::error::ApiError;
use leptos::tachys::view::RenderHtml;
use services::sessions::Session;

/// A page with unfilled slots.
#[derive(Clone)]
pub struct PageTemplate {
    pieces: Vec<Piece>,
    fill: Option<Fill>,
}

/// A section of a page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Piece {
    /// The same for all readers.
    Shared(String),
    /// The nonce of the response's policy.
    Nonce,
    Slot(Slot),
}

impl PageTemplate {
    /// Returns `None` if there is a marker that belongs to no slot.
    pub(super) fn cut(
        html: &str,
        mark: &str,
        nonce: &str,
        fill: Option<Fill>,
    ) -> Option<PageTemplate> {
        let mut stretches = html.split(mark);
        let mut pieces = Vec::new();
        push_shared(&mut pieces, stretches.next()?, nonce);
        for stretch in stretches {
            let (name, rest) = stretch.split_once('.')?;
            let slot = Slot::ALL.into_iter().find(|slot| slot.name() == name)?;
            pieces.push(Piece::Slot(slot));
            push_shared(&mut pieces, rest, nonce);
        }
        Some(PageTemplate { pieces, fill })
    }

    pub(super) fn checked(self) -> Result<PageTemplate, NotShareable> {
        let mut slots = self.slots();
        let unsaid = slots.any(|slot| !slot.is_on_every_page()) && self.fill.is_none();
        drop(slots);
        match unsaid {
            true => Err(NotShareable::NoFilling),
            false => Ok(self),
        }
    }

    pub fn pieces(&self) -> &[Piece] {
        &self.pieces
    }

    fn slots(&self) -> impl Iterator<Item = Slot> {
        self.pieces.iter().filter_map(|piece| match piece {
            Piece::Slot(slot) => Some(*slot),
            Piece::Shared(_) | Piece::Nonce => None,
        })
    }

    /// Returns whether the page has slots of its own, besides those of every page. Its content is
    /// then as recent as the response.
    pub fn is_filled_by_page(&self) -> bool {
        self.fill.is_some()
    }

    /// Returns what the slots hold for this reader. An error means that the reader gets a different
    /// page.
    pub async fn values(&self, reader: Reader) -> Result<SlotValues, ApiError> {
        let mut values = SlotValues::of_member(&reader.session);
        if let Some(fill) = &self.fill {
            values.0.extend(fill(reader).await?);
        }
        Ok(values)
    }

    /// Returns the whole page, or `None` if a slot has no value.
    pub fn splice(&self, values: &SlotValues, nonce: &str) -> Option<Vec<u8>> {
        let texts = self.texts(values, nonce)?;
        let mut page = Vec::with_capacity(texts.iter().map(|text| text.len()).sum());
        for text in texts {
            page.extend_from_slice(text.as_bytes());
        }
        Some(page)
    }

    /// Returns the text of each piece, in order, or `None` if a slot has no value.
    pub fn texts<'a>(&'a self, values: &'a SlotValues, nonce: &'a str) -> Option<Vec<&'a str>> {
        let texts = self.pieces.iter().map(|piece| match piece {
            Piece::Shared(text) => Some(text.as_str()),
            Piece::Nonce => Some(nonce),
            Piece::Slot(slot) => values.of(*slot),
        });
        texts.collect()
    }
}

fn push_shared(pieces: &mut Vec<Piece>, text: &str, nonce: &str) {
    for (n, text) in text.split(nonce).enumerate() {
        if n > 0 {
            pieces.push(Piece::Nonce);
        }
        if !text.is_empty() {
            pieces.push(Piece::Shared(text.to_owned()));
        }
    }
}

/// HTML for the slots of a page.
pub struct SlotValues(Vec<(Slot, String)>);

impl SlotValues {
    /// Returns the values of the slots of every page: the nickname in its header, and the account
    /// that its forms are sent for.
    pub(super) fn of_member(session: &Session) -> SlotValues {
        // Escaped by the same code as in a page rendered whole.
        SlotValues(vec![
            (Slot::Nickname, session.nickname.clone().to_html()),
            (Slot::Account, session.account_id.to_string()),
        ])
    }

    fn of(&self, slot: Slot) -> Option<&str> {
        let mut values = self.0.iter();
        let found = values.find(|(of, _)| *of == slot);
        found.map(|(_, value)| value.as_str())
    }
}
