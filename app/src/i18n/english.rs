//! English: plain, short, exact.

use super::format::{english_date_time, english_period, seconds, thousands};
use super::{Locale, Words};
use crate::theme::Theme;
use model::accounts::Role;
use model::concerts::{Changed, Genre, SaleState};
use model::{Field, ProblemKind, Refusal};

pub(super) const ENGLISH: Words = Words {
    locale: Locale::English,
    own_name: "English",

    skip_to_content: "Skip to the content",
    main_navigation: "Main",
    concerts: "Concerts",
    my_tickets: "My tickets",
    my_concerts: "My concerts",
    new_concert: "New concert",
    administration: "Administration",
    log_in: "Log in",
    log_out: "Log out",
    sign_up: "Sign up",
    account: "Your account",
    language: "Language",
    footer: "Tickets go out in the order people came. Nobody skips the line.",
    theme: "Colours",
    theme_name: |theme| match theme {
        Theme::Device => "As my device",
        Theme::Light => "Light",
        Theme::Dark => "Dark",
    },

    date_time: english_date_time,
    period: english_period,
    won: |won| {
        if won == 0 {
            "Free".into()
        } else {
            format!("₩{}", thousands(won.into()))
        }
    },
    minutes: |n| {
        if n == 1 {
            "1 minute".into()
        } else {
            format!("{n} minutes")
        }
    },

    home_heading: "House lights down.",
    home_lead: "Pick a concert, join its queue when the sale opens, and watch your exact place move up.",
    home_description: "Concert tickets, first come, first served: a real queue with your exact place, live.",
    genre: "Genre",
    all_genres: "All genres",
    find: "Find",
    show_all: "Show all concerts",
    concerts_found: |n| match n {
        1 => "1 concert".into(),
        n => format!("{} concerts", thousands(n)),
    },
    nothing_found: "No concert fits that.",
    nothing_found_hint: "Try fewer letters, or ask for less.",
    pages: "Pages",
    page_of: |page, pages| format!("Page {page} of {pages}"),
    previous_page: "Previous",
    next_page: "Next",
    genre_name: |genre| match genre {
        Genre::Pop => "Pop",
        Genre::Indie => "Indie",
        Genre::Rock => "Rock",
        Genre::HipHop => "Hip-hop",
        Genre::Electronic => "Electronic",
        Genre::Jazz => "Jazz",
        Genre::Classical => "Classical",
        Genre::Traditional => "Traditional",
    },
    opens_at: |at| format!("Sale opens {at}"),

    concert_description: |title, artist, venue, when| {
        format!("{title}: {artist} at {venue}, {when}.")
    },
    when: "When",
    venue: "Venue",
    running_time: "Running time",
    price: "Price",
    sale_opens: "Sale opens",
    capacity: "Tickets in all",
    about_concert: "About this concert",
    facts: "At a glance",
    edit: "Edit",

    sale_control: "Sale control",
    state_name: |state| match state {
        SaleState::Open => "Open",
        SaleState::Paused => "Paused",
        SaleState::Closed => "Closed",
    },
    state_hint: |state| match state {
        SaleState::Open => "It opens and ends by the clock.",
        SaleState::Paused => "People can join and keep their places. No tickets go out.",
        SaleState::Closed => "For good. Nobody can join, and no more tickets go out.",
    },
    pace: |tickets, ms| {
        let tickets = match tickets {
            1 => "1 ticket".into(),
            n => format!("{} tickets", thousands(n.into())),
        };
        let every = interval(ms);
        format!(
            "At most {tickets} every {}.",
            every.strip_prefix("1 ").unwrap_or(&every)
        )
    },
    interval,
    pause_sale: "Pause the sale",
    resume_sale: "Resume the sale",
    close_sale: "Close for good",
    close_sure: |waiting| {
        let waiting = match waiting {
            None => "Whoever is waiting is told that the sale is over.".into(),
            Some(0) => "Nobody is waiting.".into(),
            Some(1) => "1 person is waiting and will be told that the sale is over.".into(),
            Some(n) => format!(
                "{} people are waiting and will be told that the sale is over.",
                thousands(n)
            ),
        };
        format!(
            "This cannot be undone. Nobody can join any more, and no more tickets go out. {waiting}"
        )
    },
    close_confirm: "Yes, close the sale for good",
    sale_changes: "What was changed",
    no_sale_changes: "Nothing so far.",
    older_sale_changes: |n| match n {
        1 => "1 older change".into(),
        n => format!("{} older changes", thousands(n)),
    },
    changed_label: |changed| match changed {
        Changed::State { .. } => "Sale:",
        Changed::Capacity { .. } => "Tickets in all:",
        Changed::BatchSize { .. } => "Tickets per batch:",
        Changed::IntervalMs { .. } => "Time between batches:",
        Changed::SaleOpensAt { .. } => "Sale opens:",
        Changed::StartsAt { .. } => "Concert starts:",
        Changed::Published => "Published:",
    },
    changed_to: "to",
    account_gone: "an account that is gone",

    in_line: "In line",
    joined_at: |at| format!("Joined {at}"),
    stand_still: "Stop refreshing this page",
    go_on: "This page stands still. Refresh it by itself again",

    past_tickets: "Past and cancelled",
    tickets_description: "The tickets in your account.",
    no_tickets: "No tickets yet",
    no_tickets_hint: "When your turn comes in a queue, the ticket appears here.",
    find_concerts: "Find a concert",
    ticket: "Ticket",
    serial: "Serial number",
    code: "Code",
    holder: "Holder",
    issued_at: "Issued",
    cancelled: "Cancelled",
    cancelled_at: |at| format!("Cancelled {at}"),
    cancel_ticket: "Cancel this ticket",
    cancel_sure: "A cancelled ticket goes to the next person in line and cannot be taken back.",
    cancel_confirm: "Yes, cancel my ticket",

    sign_up_lead: "One account, one place per queue, one ticket per concert.",
    have_account: "Already have an account?",
    no_account: "New here?",
    log_in_lead: "Welcome back.",
    account_lead: "What Frontrow knows about you.",
    role: "Role",
    role_name: |role| match role {
        Role::User => "Concert-goer",
        Role::Organiser => "Organiser",
        Role::Admin => "Administrator",
    },
    member_since: "Member since",
    sending: "Sending…",
    browse: crate::concerts::ENGLISH,
    my_page: crate::accounts::ENGLISH,
    posters: crate::posters::ENGLISH,
    drafts: crate::drafts::ENGLISH,
    forms: crate::forms::ENGLISH,
    tickets: crate::tickets::ENGLISH,
    admin: crate::admin::ENGLISH,
    sharing: crate::sharing::ENGLISH,
    desk: crate::desk::ENGLISH,

    create_concert: "Create and publish",
    edit_concert: "Edit the concert",
    save: "Save the changes",
    form_what: "The concert",
    form_when: "When and for how much",
    form_sale: "The sale",
    choose_genre: "Choose a genre",

    field_label: |field| match field {
        Field::AccountName => "Account name",
        Field::Password => "Password",
        Field::CurrentPassword => "Your password now",
        Field::Name => "Name",
        Field::Nickname => "Nickname",
        Field::Email => "E-mail",
        Field::Title => "Title",
        Field::Artist => "Artist",
        Field::Genre => "Genre",
        Field::Venue => "Venue",
        Field::StartsAt => "Starts",
        Field::EndsAt => "Ends",
        Field::RunningMinutes => "Running time in minutes",
        Field::PriceWon => "Price in won",
        Field::Description => "Description",
        Field::Capacity => "Tickets in all",
        Field::SaleOpensAt => "Sale opens",
        Field::BatchSize => "Tickets per batch",
        Field::IntervalMs => "Milliseconds between batches",
        Field::Poster => "Poster",
        Field::Reason | Field::TicketsReason => "Reason",
    },
    field_hint: |field| match field {
        Field::AccountName => Some("3 to 30 letters, digits, dots or dashes. You log in with it."),
        Field::Password => Some("At least 10 characters. A few unrelated words work well."),
        Field::Nickname => Some("Shown on your tickets and at the top of the page."),
        Field::StartsAt | Field::SaleOpensAt => Some("Korean time"),
        Field::EndsAt => Some("Korean time, after the start"),
        Field::PriceWon => Some("0 for a free concert"),
        Field::BatchSize => Some("10 if left empty"),
        Field::IntervalMs => Some("1000, one second, if left empty"),
        Field::Reason | Field::TicketsReason => {
            Some("Whoever holds the ticket reads it, and so does the door.")
        }
        Field::Poster => {
            Some("JPEG, PNG or WebP, 8 MB at most. The middle of it is shown, as a square.")
        }
        _ => None,
    },
    problem: |kind| match kind {
        ProblemKind::Missing => "Please fill this in.".into(),
        ProblemKind::TooShort { least } => format!("Too short: at least {least} characters."),
        ProblemKind::TooLong { most } => format!("Too long: at most {most} characters."),
        ProblemKind::BadCharacters => "This holds a character that cannot be used here.".into(),
        ProblemKind::TooWeak => {
            "Too easy to guess. Use more different characters, and not your account name.".into()
        }
        ProblemKind::TooCommon => {
            "Very many people use this password, so it is guessed first. Please choose another."
                .into()
        }
        ProblemKind::Malformed => "This does not look right. Please check it.".into(),
        ProblemKind::OutOfRange { least, most } => format!(
            "Must be from {} to {}.",
            thousands(least.unsigned_abs()),
            thousands(most.unsigned_abs())
        ),
        ProblemKind::EndBeforeStart => "The end must be after the start.".into(),
        ProblemKind::InThePast => "The concert must start in the future.".into(),
        ProblemKind::OpensAfterStart => "The sale must open before the concert starts.".into(),
        ProblemKind::Taken => "Somebody already uses this one.".into(),
        ProblemKind::Reserved => "This one is kept for those who run Frontrow.".into(),
        ProblemKind::BelowIssued => "More tickets than this have already been issued.".into(),
        ProblemKind::ChangedMeanwhile => {
            "Somebody has changed this since you opened the page.".into()
        }
        ProblemKind::Wrong => "This is not your password.".into(),
        ProblemKind::NotAPicture => {
            "This is no picture that can be read here. JPEG, PNG and WebP are taken.".into()
        }
        ProblemKind::TooManyBytes { most } => {
            format!("The file is too large: at most {} MB.", most >> 20)
        }
        ProblemKind::TooManyPixels { most } => format!(
            "The picture is too large: at most {} million pixels.",
            most / 1_000_000
        ),
        ProblemKind::TooFewPixels { least } => {
            format!("The picture is too small: at least {least} pixels on each side.")
        }
    },
    check_fields: |n| {
        if n == 1 {
            "One thing needs another look:".into()
        } else {
            format!("{n} things need another look:")
        }
    },
    refusal: |refusal, words| {
        match refusal {
        Refusal::Invalid { problems } => (words.check_fields)(problems.len() as u64),
        Refusal::AccountNameTaken => "This account name is taken.".into(),
        Refusal::EmailTaken => "This e-mail address already has an account.".into(),
        Refusal::WrongCredentials => "Account name or password is wrong.".into(),
        Refusal::WrongPassword => "This is not your password.".into(),
        Refusal::SessionEnded { reason } => (words.my_page.ended)(*reason)
            .unwrap_or("Please log in first.")
            .into(),
        Refusal::AccountDeactivated => {
            "This account has been deactivated. Write to us if you think it should not be.".into()
        }
        Refusal::AccountDeleted { until } => format!(
            "This account was deleted. Until {} an administrator can bring it back.",
            (words.date_time)(*until)
        ),
        Refusal::OwnAccount => {
            "Not your own account, and not that of the last administrator: another one has to do this.".into()
        }
        Refusal::OtherAccount => {
            "Someone else has logged in here since that page was opened, so nothing was done. Open the page again, or log in with the other account.".into()
        }
        Refusal::NotLoggedIn => "Please log in first.".into(),
        Refusal::Forbidden => "Your account may not do this.".into(),
        Refusal::NotFound => "This does not exist.".into(),
        Refusal::Malformed => "This request could not be understood.".into(),
        Refusal::SaleNotOpen { opens_at } => {
            format!(
                "The sale is not open yet. It opens {}.",
                (words.date_time)(*opens_at)
            )
        }
        Refusal::SaleClosed => "This sale has ended.".into(),
        Refusal::HoldsTicket => "You already hold a ticket for this concert.".into(),
        Refusal::CapacityBelowIssued { issued } => {
            format!(
                "{} tickets have already been issued; it cannot be fewer.",
                thousands((*issued).into())
            )
        }
        Refusal::TooManyStreams => {
            "Too many live connections are open. Close some, or try again in a moment.".into()
        }
        Refusal::TooManyRequests { retry_after_s } => match retry_after_s {
            1 => "Too many attempts. Try again in a second.".into(),
            seconds @ 2..120 => {
                format!("Too many attempts. Try again in {seconds} seconds.")
            }
            seconds => format!(
                "Too many attempts. Try again in {} minutes.",
                seconds.div_ceil(60)
            ),
        },
        Refusal::ChangedMeanwhile { .. } => "Somebody has changed the same since you opened this page. Nothing was saved: look at both, and save again what shall be.".into(),
        Refusal::TooLarge => "That is too much at once. Please shorten it.".into(),
        Refusal::Unavailable => {
            "We cannot do this right now. Nothing was lost; please try again in a moment.".into()
        }
        Refusal::Internal => "Something went wrong on our side. We have noted it.".into(),
    }
    },

    not_found_title: "There is nothing here",
    not_found_hint: "The address may be mistyped, or what was here is gone.",
    forbidden_title: "Not with this account",
    forbidden_hint: "This account may not see this page. If you have another one that may, log in with that.",
    unavailable_title: "One moment, please",
    unavailable_hint: "A part of Frontrow is catching its breath. Nothing was lost, places in queues are kept, and this page tries again by itself.",
    try_again: "Try again",
    internal_title: "Something went wrong on our side",
    internal_hint: "We have noted it. Places and tickets are safe.",
    malformed_title: "This address makes no sense",
    malformed_hint: "Part of it is missing or mistyped.",
    log_in_first: "Please log in first.",
};

fn interval(ms: u32) -> String {
    match ms {
        1_000 => "1 second".into(),
        60_000 => "1 minute".into(),
        3_600_000 => "1 hour".into(),
        ms if ms % 3_600_000 == 0 => format!("{} hours", ms / 3_600_000),
        ms if ms % 60_000 == 0 => format!("{} minutes", ms / 60_000),
        ms => format!("{} seconds", seconds(ms)),
    }
}
