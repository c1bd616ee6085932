//! The page of a place that waits: the rank, larger than anything else, and what it means.

use super::api::LeaveQueue;
use super::bell::{Bell, BellButton};
use super::sparkline::Sparkline;
use super::{Link, QueueWords, use_queue_words};
use crate::forms::{SecondThought, form_action};
use crate::i18n::thousands;
use crate::refresh::{RefreshWithoutScript, stands_still};
use leptos::prelude::*;
use leptos::server_fn::ServerFn;
use model::concerts::{ConcertId, SaleState};
use model::forecast::{Forecast, Said, Watch};
use model::queue::{QueueView, Standing};

/// The numbers that the page shows, as of the last tick.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Numbers {
    rank: u64,
    joined_rank: u64,
    stock: u32,
    outlook: Outlook,
}

/// The numbers and the forecast, from all views since the page was loaded.
#[derive(Clone, Debug, Default, PartialEq)]
struct Followed {
    watch: Watch,
    /// Toggles with each new rank, so that the figures are animated each time.
    step: bool,
    /// When the standing changes, this page is about to be replaced and keeps its last numbers.
    numbers: Option<Numbers>,
    said: Said,
}

impl Followed {
    fn on(mut self, view: &QueueView) -> Followed {
        if let Some(numbers) = Numbers::of(view) {
            self.watch.see(view);
            self.step ^= self
                .numbers
                .is_some_and(|before| before.rank != numbers.rank);
            self.numbers = Some(numbers);
            self.said = Said::now(forecast(&self.watch), self.said);
        }
        self
    }
}

/// Returns the forecast. A browser watches one place; a server renders many that were just taken.
fn forecast(watch: &Watch) -> Option<Forecast> {
    #[cfg(feature = "ssr")]
    return super::outsets::forecast(watch);
    #[cfg(not(feature = "ssr"))]
    watch.forecast()
}

/// What the rank is worth.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outlook {
    Coming,
    Nearly,
    Paused,
    /// Tickets are left, but fewer than the rank.
    OutOfReach,
    /// No tickets are left: those that come back go to the head of the queue.
    WaitingList,
    Closed,
}

impl Numbers {
    fn of(view: &QueueView) -> Option<Numbers> {
        let Standing::Waiting {
            rank, joined_rank, ..
        } = view.standing
        else {
            return None;
        };
        let sale = &view.sale;
        let outlook = match sale.state {
            SaleState::Closed => Outlook::Closed,
            SaleState::Paused => Outlook::Paused,
            SaleState::Open if sale.stock == 0 => Outlook::WaitingList,
            SaleState::Open if !sale.reaches(rank) => Outlook::OutOfReach,
            SaleState::Open if sale.nearly_there(rank) => Outlook::Nearly,
            SaleState::Open => Outlook::Coming,
        };
        Some(Numbers {
            rank,
            joined_rank,
            stock: sale.stock,
            outlook,
        })
    }
}

impl Outlook {
    fn name(self) -> &'static str {
        match self {
            Outlook::Coming => "coming",
            Outlook::Nearly => "nearly",
            Outlook::Paused => "paused",
            Outlook::OutOfReach => "out_of_reach",
            Outlook::WaitingList => "waiting_list",
            Outlook::Closed => "closed",
        }
    }

    fn note(self, words: &QueueWords) -> Option<&'static str> {
        match self {
            Outlook::Coming => None,
            Outlook::Nearly => Some(words.nearly_there),
            Outlook::Paused => Some(words.paused_note),
            Outlook::OutOfReach => Some(words.out_of_reach_note),
            Outlook::WaitingList => Some(words.waiting_list_note),
            Outlook::Closed => Some(words.closed_note),
        }
    }
}

/// Returns the note about a place, in addition to its rank.
#[cfg(feature = "hydrate")]
pub(super) fn note(view: &QueueView, words: &QueueWords) -> Option<&'static str> {
    Numbers::of(view)?.outlook.note(words)
}

#[component]
pub(super) fn Waiting(
    concert_id: ConcertId,
    view: RwSignal<QueueView>,
    link: RwSignal<Link>,
    bell: RwSignal<Bell>,
) -> impl IntoView {
    let words = use_queue_words();
    let followed = Memo::new(move |before: Option<&Followed>| {
        view.with(|view| before.cloned().unwrap_or_default().on(view))
    });
    let of = move |f: fn(Numbers) -> u64| followed.with(|followed| followed.numbers.map_or(0, f));
    let rank = move || of(|n| n.rank);
    let stock = move || of(|n| n.stock.into());
    let said = move || followed.with(|followed| followed.said);
    let outlook = move || followed.with(|f| f.numbers.map_or(Outlook::Coming, |n| n.outlook));
    let wait = move || match (outlook(), said()) {
        (Outlook::Paused, _) => words.wait_paused.to_owned(),
        (Outlook::WaitingList, _) => words.wait_list.to_owned(),
        (
            Outlook::OutOfReach,
            Said { wait: None, .. }
            | Said {
                chance: Some(0), ..
            },
        ) => words.wait_out_of_reach.to_owned(),
        (_, Said { wait, .. }) => wait.map(words.wait).unwrap_or_default(),
    };
    // How fast tickets are issued, while they are.
    let pace = move || match outlook() {
        Outlook::Coming | Outlook::Nearly | Outlook::OutOfReach => view.with(|view| {
            let sale = &view.sale;
            Some((words.pace_now)(sale.batch_size, sale.interval_ms))
        }),
        Outlook::Paused | Outlook::WaitingList | Outlook::Closed => None,
    };
    let chance = move || said().chance.map(words.chance);
    let note = move || outlook().note(words);
    let connection = move || match link.get() {
        Link::Live => Some(words.live),
        link => link.trouble(words),
    };
    // Text in either case: with JavaScript enabled, a browser parses the content of `<noscript>` as
    // text, and hydration looks for no other node.
    let itself = match stands_still() {
        true => "",
        false => words.refreshes_itself,
    };
    // Progress from the rank on joining to the head of the queue. An account that joined as the
    // first is there already.
    let way = move || {
        let (joined, rank) = (of(|n| n.joined_rank), rank());
        if joined <= 1 {
            (1, 1)
        } else {
            (joined - 1, joined.saturating_sub(rank))
        }
    };
    view! {
        <section class="waiting" data-testid="outlook" data-outlook=move || outlook().name()>
            <h1 class="waiting-label">{words.you_are_number}</h1>
            <p
                class="figures figures--hero waiting-rank"
                class:moved=move || followed.with(|followed| followed.step)
                data-testid="rank"
            >
                {move || thousands(rank())}
            </p>
            <p class="waiting-ahead" data-testid="ahead">{move || (words.people_ahead)(rank().saturating_sub(1))}</p>
            <progress
                class="way"
                aria-label=words.progress
                max=move || way().0.to_string()
                value=move || way().1.to_string()
            ></progress>
            <p class="waiting-facts">
                <span data-testid="wait">{wait}</span>
                <span data-testid="tickets-left">{move || (words.tickets_left)(stock())}</span>
            </p>
            <div class="waiting-status">
                <p class="waiting-link" data-testid="link" data-link=move || link.get().name()>
                    <span class="waiting-dot" aria-hidden="true"></span>
                    {connection}
                    <noscript>{itself}</noscript>
                </p>
                <p class="waiting-pace" data-testid="pace" hidden=move || pace().is_none()>{pace}</p>
            </div>
            <Sparkline view/>
            <p class="waiting-chance" data-testid="chance" hidden=move || chance().is_none()>{chance}</p>
            <p class="waiting-note" hidden=move || note().is_none()>{note}</p>
            <p class="waiting-kept">{words.place_kept}</p>
            <div class="waiting-ways">
                <BellButton bell/>
                <Leave concert_id/>
            </div>
            <RefreshWithoutScript seconds=3/>
        </section>
    }
}

/// Leaving the queue, with a confirmation that needs no JavaScript.
#[component]
fn Leave(concert_id: ConcertId) -> impl IntoView {
    let words = use_queue_words();
    view! {
        <SecondThought summary=words.leave sure=words.leave_sure>
            <form method="post" action=form_action(LeaveQueue::PATH)>
                <input type="hidden" name="concert_id" value=concert_id.to_string()/>
                <button type="submit" class="button button--danger">{words.leave_confirm}</button>
            </form>
        </SecondThought>
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono::DateTime;
    use model::queue::{Arrival, Sale, TickId};

    fn at(rank: u64) -> QueueView {
        QueueView {
            concert_id: ConcertId(1),
            standing: Standing::Waiting {
                arrival: Arrival(1),
                rank,
                joined_rank: 50,
            },
            tick: TickId(1),
            waiting: 50,
            sale: Sale {
                state: SaleState::Open,
                stock: 100,
                batch_size: 10,
                interval_ms: 1_000,
            },
            sale_opens_at: DateTime::UNIX_EPOCH,
            server_time: DateTime::UNIX_EPOCH,
        }
    }

    /// This includes batches with an even number of tickets.
    #[test]
    fn the_figures_step_with_every_rank_that_is_another_and_with_no_other_tick() {
        let mut followed = Followed::default();
        let steps = [40, 30, 30, 20, 19].map(|rank| {
            followed = followed.clone().on(&at(rank));
            followed.step
        });
        assert_eq!(steps, [false, true, true, false, true]);
    }
}
