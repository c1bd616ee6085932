//! The texts of the interface, independent of the language.

use super::Locale;
use crate::accounts::AccountWords;
use crate::admin::AdminWords;
use crate::concerts::BrowseWords;
use crate::desk::DeskWords;
use crate::drafts::DraftWords;
use crate::forms::FormWords;
use crate::posters::PosterWords;
use crate::sharing::SharingWords;
use crate::theme::Theme;
use crate::tickets::TicketWords;
use chrono::{DateTime, Utc};
use model::accounts::Role;
use model::concerts::{Changed, Genre, SaleState};
use model::{Field, ProblemKind, Refusal};

/// The catalogue of one language. Texts that contain a number or a name are functions.
pub struct Words {
    pub locale: Locale,
    pub own_name: &'static str,

    // The frame of every page.
    pub skip_to_content: &'static str,
    pub main_navigation: &'static str,
    pub concerts: &'static str,
    pub my_tickets: &'static str,
    pub my_concerts: &'static str,
    pub new_concert: &'static str,
    pub administration: &'static str,
    pub log_in: &'static str,
    pub log_out: &'static str,
    pub sign_up: &'static str,
    pub account: &'static str,
    pub language: &'static str,
    pub footer: &'static str,
    pub theme: &'static str,
    pub theme_name: fn(Theme) -> &'static str,

    // Numbers and instants.
    pub date_time: fn(DateTime<Utc>) -> String,
    /// From a start to an end; the day appears once if both are on the same day.
    pub period: fn(DateTime<Utc>, DateTime<Utc>) -> String,
    pub won: fn(u32) -> String,
    pub minutes: fn(u32) -> String,

    // The list of concerts.
    pub home_heading: &'static str,
    pub home_lead: &'static str,
    pub home_description: &'static str,
    pub genre: &'static str,
    pub all_genres: &'static str,
    pub find: &'static str,
    pub show_all: &'static str,
    pub concerts_found: fn(u64) -> String,
    pub nothing_found: &'static str,
    pub nothing_found_hint: &'static str,
    pub pages: &'static str,
    pub page_of: fn(u32, u32) -> String,
    pub previous_page: &'static str,
    pub next_page: &'static str,
    pub genre_name: fn(Genre) -> &'static str,
    pub opens_at: fn(&str) -> String,

    // One concert.
    pub concert_description: fn(&str, &str, &str, &str) -> String,
    pub when: &'static str,
    pub venue: &'static str,
    pub running_time: &'static str,
    pub price: &'static str,
    pub sale_opens: &'static str,
    pub capacity: &'static str,
    pub about_concert: &'static str,
    pub facts: &'static str,
    pub edit: &'static str,

    // The sale's controls.
    pub sale_control: &'static str,
    pub state_name: fn(SaleState) -> &'static str,
    pub state_hint: fn(SaleState) -> &'static str,
    /// Arguments: tickets per batch, milliseconds between batches.
    pub pace: fn(u32, u32) -> String,
    /// Formats milliseconds as a duration.
    pub interval: fn(u32) -> String,
    pub pause_sale: &'static str,
    pub resume_sale: &'static str,
    pub close_sale: &'static str,
    /// Argument: people waiting, if known.
    pub close_sure: fn(Option<u64>) -> String,
    pub close_confirm: &'static str,
    pub sale_changes: &'static str,
    pub no_sale_changes: &'static str,
    pub older_sale_changes: fn(u64) -> String,
    pub changed_label: fn(&Changed) -> &'static str,
    /// Read by screen readers between the old value and the new one, in place of the visible arrow.
    pub changed_to: &'static str,
    /// Replaces the name of the account that made a change, if that account no longer exists.
    pub account_gone: &'static str,

    // The queue.
    pub in_line: &'static str,
    pub joined_at: fn(&str) -> String,
    /// Stops the automatic refresh, for users who need more time than it leaves.
    pub stand_still: &'static str,
    pub go_on: &'static str,

    // Tickets.
    pub past_tickets: &'static str,
    pub tickets_description: &'static str,
    pub no_tickets: &'static str,
    pub no_tickets_hint: &'static str,
    pub find_concerts: &'static str,
    pub ticket: &'static str,
    pub serial: &'static str,
    pub code: &'static str,
    pub holder: &'static str,
    pub issued_at: &'static str,
    pub cancelled: &'static str,
    pub cancelled_at: fn(&str) -> String,
    pub cancel_ticket: &'static str,
    pub cancel_sure: &'static str,
    pub cancel_confirm: &'static str,

    // Accounts.
    pub sign_up_lead: &'static str,
    pub have_account: &'static str,
    pub no_account: &'static str,
    pub log_in_lead: &'static str,
    pub account_lead: &'static str,
    pub role: &'static str,
    pub role_name: fn(Role) -> &'static str,
    pub member_since: &'static str,
    pub sending: &'static str,

    /// Texts of home.
    pub browse: BrowseWords,
    /// Texts of "My page".
    pub my_page: AccountWords,
    pub posters: PosterWords,
    pub drafts: DraftWords,
    pub forms: FormWords,
    pub tickets: TicketWords,
    /// Texts of the admins' pages.
    pub admin: AdminWords,
    /// Texts about pages that appear on other sites.
    pub sharing: SharingWords,
    /// Texts of the desk.
    pub desk: DeskWords,

    // The concert form.
    pub create_concert: &'static str,
    pub edit_concert: &'static str,
    pub save: &'static str,
    pub form_what: &'static str,
    pub form_when: &'static str,
    pub form_sale: &'static str,
    pub choose_genre: &'static str,

    // Forms.
    pub field_label: fn(Field) -> &'static str,
    pub field_hint: fn(Field) -> Option<&'static str>,
    pub problem: fn(ProblemKind) -> String,
    pub check_fields: fn(u64) -> String,
    pub refusal: fn(&Refusal, &Words) -> String,

    // Error pages.
    pub not_found_title: &'static str,
    pub not_found_hint: &'static str,
    pub forbidden_title: &'static str,
    pub forbidden_hint: &'static str,
    pub unavailable_title: &'static str,
    pub unavailable_hint: &'static str,
    pub try_again: &'static str,
    pub internal_title: &'static str,
    pub internal_hint: &'static str,
    pub malformed_title: &'static str,
    pub malformed_hint: &'static str,
    pub log_in_first: &'static str,
}

/// Returns the texts in the reader's language.
pub fn use_words() -> &'static Words {
    Locale::in_context().words()
}
