//! Forecasts the rest of a sale from one place in its queue: how long the wait is, and whether a
//! ticket will be left.
//!
//! Neither can be known. What is known is the pace that was set, and what has happened since the
//! watcher began: how many people ahead left, how late batches came, how many tickets came back.
//! [`Watch`] counts these on top of prior assumptions about sales (the constants here). To make a
//! forecast it plays the rest of the sale through many times, each time with other rates that fit
//! the counts and with other luck. The forecast is the range of the middle 80 % of the waits, and
//! the share of plays in which a ticket was left.
//!
//! `model/tests/forecast.rs` measures how accurate that is, on sales that are simulated by other
//! means.

mod luck;
mod said;

pub use said::Said;

use crate::concerts::SaleState;
use crate::queue::{QueueView, Sale, Standing};
use luck::{Luck, Rate, gamma, poisson};

/// How often the rest of the sale is played through.
const PLAYS: u32 = 256;

/// Time constant of the exponential decay of observations, in seconds.
const MEMORY: f64 = 1800.0;

/// People who leave, per person and second: of a hundred people, between 1 and 40 in ten minutes.
const LEAVING: Rate = Rate {
    events: 0.6,
    exposure: 1900.0,
};

/// Batches per second of lateness. A batch is later than its interval by the time from claim to
/// acknowledgement.
const LATENESS: Rate = Rate {
    events: 8.0,
    exposure: 0.14,
};

/// Stalls per second of an open sale: nothing is issued for a while, because a store is unavailable
/// or the organiser pauses.
const STALLING: Rate = Rate {
    events: 0.5,
    exposure: 2500.0,
};

/// Rate at which stalls end, per second of stall.
const STALL_ENDING: Rate = Rate {
    events: 2.0,
    exposure: 40.0,
};

/// Tickets that come back or are not taken, per ticket issued.
const SPARING: Rate = Rate {
    events: 0.5,
    exposure: 100.0,
};

/// Upper bound on the squared relative spread of people's leaving rates. People differ: those who
/// leave soon are gone first, and the rest leave more slowly.
const MOST_UNLIKE: f64 = 0.7;

/// How evenly lateness is spread over batches: 1 is an exponential distribution, less means that
/// most of the lateness falls on few batches.
const UNEVEN: f64 = 0.7;

/// What was observed of a queue from one place in it. The default is no observation.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Watch {
    seen: Option<Seen>,
    /// The newest tick with tickets, in microseconds since the epoch; `None` if it was not
    /// observed.
    batch_at: Option<i64>,
    leaving: Rate,
    lateness: Rate,
    stalling: Rate,
    stall_ending: Rate,
    sparing: Rate,
}

/// The content of one view.
#[derive(Clone, Debug, PartialEq)]
struct Seen {
    /// Microseconds since the epoch: the tick as of which the rank is true.
    tick: i64,
    /// Microseconds since the epoch: the newest instant in the view.
    now: i64,
    /// Microseconds since the epoch.
    opens: i64,
    ahead: f64,
    sale: Sale,
}

/// A forecast as of the newest view.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Forecast {
    /// The 10th and the 90th percentile of the seconds until the ticket is issued; if a ticket is
    /// not certain, only of the plays in which one is left. `None` if there is almost no chance of
    /// one.
    pub wait: Option<(f64, f64)>,
    /// Probability that a ticket is left when this place is at the head of the queue, 0 to 1.
    /// `None` while there are tickets for all people up to this place.
    pub chance: Option<f64>,
}

impl Watch {
    /// Observes a view that is not older than the ones before; ticks may be missing in between.
    pub fn see(&mut self, view: &QueueView) {
        let now = Seen::of(view);
        match (self.seen.take(), &now) {
            (Some(before), Some(now)) if before.tick > 0 => self.learn(&before, now),
            _ => self.batch_at = None,
        }
        self.seen = now;
    }

    /// Returns the forecast, or `None` unless the newest view is of a place that waits in an open
    /// sale with tickets left.
    ///
    /// The same counts give the same forecast: the luck is evenly spread rather than drawn, so that
    /// the forecast moves with the queue and does not flicker.
    pub fn forecast(&self) -> Option<Forecast> {
        self.forecast_of(&self.plays()?)
    }

    /// Returns the inputs of the forecast; `None` if the watch has learned from more than one view
    /// or if the sale has yet to open.
    pub fn outset(&self) -> Option<Outset> {
        let seen = self.seen.as_ref()?;
        let only_seen = Watch {
            seen: self.seen.clone(),
            ..Watch::default()
        };
        (seen.opens <= seen.now && *self == only_seen).then_some(Outset {
            ahead: coarse(seen.ahead) as u64,
            batch_size: seen.sale.batch_size,
            interval_ms: seen.sale.interval_ms,
        })
    }

    /// Like [`Watch::forecast`], from plays made by any watch with the same [`Watch::outset`].
    pub fn forecast_of(&self, plays: &Plays) -> Option<Forecast> {
        let seen = self.seen.as_ref().filter(|seen| seen.is_selling())?;
        Some(seen.forecast(plays))
    }

    /// Plays the rest of the sale through. Returns `None` in the same cases as [`Watch::forecast`].
    pub fn plays(&self) -> Option<Plays> {
        let seen = self.seen.as_ref().filter(|seen| seen.is_selling())?;
        let mut plays: Vec<Play> = (0..PLAYS).map(|n| self.play(seen, Luck(n))).collect();
        plays.sort_unstable_by(|a, b| a.wait.total_cmp(&b.wait));
        Some(Plays(plays))
    }

    fn learn(&mut self, before: &Seen, now: &Seen) {
        let passed = (now.tick - before.tick) as f64 / 1e6;
        if passed <= 0.0 {
            return;
        }
        self.fade((-passed / MEMORY).exp());
        let gone = (before.ahead - now.ahead).max(0.0);
        let fell = f64::from(before.sale.stock) - f64::from(now.sale.stock);
        let (batch, interval) = now.sale.pace();
        let batches = (fell / batch).ceil().max(0.0);
        let steady = before.sale.state == SaleState::Open
            && now.sale.state == SaleState::Open
            && before.sale.pace() == now.sale.pace();
        // More or fewer tickets than any pace explains: the organiser has changed the capacity.
        let explained = fell >= -batch && batches <= 2.0 + 1.5 * passed / interval;
        if !steady || !explained {
            self.batch_at = None;
            return;
        }
        let issued = gone.min(batches * batch);
        self.leaving.events += gone - issued;
        self.leaving.exposure += passed * (before.ahead + now.ahead + issued.min(batch)) / 2.0;
        self.sparing.events += batches * batch - fell;
        self.sparing.exposure += batches * batch;
        if batches > 0.0 {
            if let Some(at) = self.batch_at {
                self.time(batches, (now.tick - at) as f64 / 1e6, interval);
            }
            self.batch_at = Some(now.tick);
        }
    }

    /// Observes that `batches` batches took `took` seconds.
    fn time(&mut self, batches: f64, took: f64, interval: f64) {
        let late = (took - batches * interval).max(0.0);
        // Up to 0.25 s and a tenth of the interval per batch are ordinary lateness; the rest is a
        // stall.
        let ordinary = late.min(batches * (0.25 + interval / 10.0));
        self.lateness.events += batches;
        self.lateness.exposure += ordinary;
        self.stalling.exposure += took;
        if late > ordinary {
            self.stalling.events += 1.0;
            self.stall_ending.events += 1.0;
            self.stall_ending.exposure += late - ordinary;
        }
    }

    fn fade(&mut self, keep: f64) {
        for rate in [
            &mut self.leaving,
            &mut self.lateness,
            &mut self.stalling,
            &mut self.stall_ending,
            &mut self.sparing,
        ] {
            rate.events *= keep;
            rate.exposure *= keep;
        }
    }

    /// Plays the rest of the sale through once.
    fn play(&self, seen: &Seen, luck: Luck) -> Play {
        let (batch, interval) = seen.sale.pace();
        let ahead = coarse(seen.ahead);
        let late = 1.0 / (LATENESS + self.lateness).draw(luck.deviate(0));
        let round = interval + late;
        let first = self.first_batch(seen, interval, luck.even(1));
        let leaving = (LEAVING + self.leaving).draw(luck.deviate(2));

        // Stalls make the wait longer, and a longer wait lets more people leave.
        let undisturbed = first + rounds(ahead, batch, leaving, first, round).max(0.0) * round;
        let stalls = poisson(
            undisturbed * (STALLING + self.stalling).draw(luck.deviate(3)),
            luck.even(4),
        );
        let stalled = gamma(stalls, luck.deviate(5))
            / (STALL_ENDING + self.stall_ending).draw(luck.deviate(6));
        let stretch = 1.0 + stalled / undisturbed.max(round);
        // A gamma-distributed rate falls like this as those with high rates leave first (Vaupel,
        // Manton and Stallard 1979); this is its mean until the ticket is issued.
        let fallen = MOST_UNLIKE * luck.even(7) * leaving * undisturbed * stretch;
        let leaving = leaving
            * stretch
            * if fallen > 1e-9 {
                fallen.ln_1p() / fallen
            } else {
                1.0
            };

        let rounds = rounds(ahead, batch, leaving, first, round);
        // The spread of a death process with a constant outflow, in people, by its linear noise
        // approximation, when no people are ahead any more.
        let last = (first + rounds * round).max(0.0);
        let spread =
            -(-leaving * last).exp_m1() * (batch / round / (2.0 * leaving).max(1e-12)).sqrt();
        let rounds = rounds + luck.deviate(8) * spread / batch;

        let places = ((rounds + 1.0) * batch + 0.5).max(0.0);
        let spared = (SPARING + self.sparing).draw(luck.deviate(9)) * places;
        let spared = spared + luck.deviate(10) * spared.sqrt();
        let rounds = rounds.ceil().max(0.0);
        Play {
            wait: first
                + rounds * interval
                + late * gamma(UNEVEN * (rounds + 1.0), luck.deviate(11)) / UNEVEN
                + stalled,
            tickets: places - spared - 0.5,
        }
    }

    /// Returns the seconds until the next batch is due. If the last one was not observed, every
    /// moment of an interval is equally likely.
    fn first_batch(&self, seen: &Seen, interval: f64, even: f64) -> f64 {
        let until = |at: i64| (at - seen.now) as f64 / 1e6;
        let due = self.batch_at.map(|at| until(at) + interval);
        let due = due.filter(|due| *due > 0.0).unwrap_or(even * interval);
        due.max(until(seen.opens))
    }
}

/// All inputs of the plays of a watch with a single view of an open sale. Many watches share one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Outset {
    /// Rounded, as the plays use it.
    ahead: u64,
    batch_size: u32,
    interval_ms: u32,
}

/// Plays of the rest of a sale, ordered by wait.
#[derive(Clone, Debug)]
pub struct Plays(Vec<Play>);

#[derive(Clone, Copy, Debug)]
struct Play {
    /// Seconds until the ticket is issued.
    wait: f64,
    /// Tickets used by then, including one for this place.
    tickets: f64,
}

impl Seen {
    fn is_selling(&self) -> bool {
        self.sale.state == SaleState::Open && self.sale.stock > 0
    }

    fn forecast(&self, Plays(plays): &Plays) -> Forecast {
        let certain = self.sale.reaches(self.ahead as u64 + 1);
        // Corrects for the difference between the rounded number of people ahead in the plays and
        // the real one.
        let stock = f64::from(self.sale.stock) + coarse(self.ahead) - self.ahead;
        let waits: Vec<f64> = plays
            .iter()
            .filter(|play| certain || play.tickets <= stock)
            .map(|play| play.wait)
            .collect();
        let at = |share: f64| waits.get((share * waits.len() as f64) as usize).copied();
        let enough = waits.len() >= 10;
        Forecast {
            wait: at(0.1).zip(at(0.9)).filter(|_| enough),
            chance: (!certain).then_some(waits.len() as f64 / f64::from(PLAYS)),
        }
    }

    fn of(view: &QueueView) -> Option<Seen> {
        let Standing::Waiting { rank, .. } = view.standing else {
            return None;
        };
        Some(Seen {
            tick: view.tick.0,
            now: view.tick.0.max(view.server_time.timestamp_micros()),
            opens: view.sale_opens_at.timestamp_micros(),
            ahead: rank.saturating_sub(1) as f64,
            sale: view.sale.clone(),
        })
    }
}

/// Rounds to three digits: the uncertainty of the rest of a sale is far larger, and the rounded
/// number is the same for many watches.
fn coarse(ahead: f64) -> f64 {
    let mut unit = 1.0;
    while ahead >= 1000.0 * unit {
        unit *= 10.0;
    }
    (ahead / unit).round() * unit
}

impl Sale {
    /// Returns the tickets per batch and the seconds between batches.
    fn pace(&self) -> (f64, f64) {
        (
            f64::from(self.batch_size.max(1)),
            f64::from(self.interval_ms.max(1)) / 1000.0,
        )
    }
}

/// Returns the batches after the next one until fewer people are ahead than a batch has places; not
/// a whole number, and negative if the next batch has room to spare.
///
/// From one batch to the next the number of people ahead goes from `n` to `(n − batch) · q`, with
/// `q = exp(−leaving · round)`; this solves for the time at which it is `batch − 1/2`.
fn rounds(ahead: f64, batch: f64, leaving: f64, first: f64, round: f64) -> f64 {
    let over = ahead * (-leaving * first).exp() - (batch - 0.5);
    let per_round = leaving * round;
    if per_round < 1e-9 || over <= 0.0 {
        return over / batch;
    }
    let still = batch / -(-per_round).exp_m1();
    (over / (still - 0.5)).ln_1p() / per_round
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::concerts::ConcertId;
    use crate::queue::{Arrival, TickId};
    use chrono::DateTime;

    const START: i64 = 1_795_000_000_000_000;

    /// A view `seconds` after the start with `ahead` people ahead, at ten tickets a second.
    fn view(seconds: f64, ahead: u64, stock: u32) -> QueueView {
        let tick = START + (seconds * 1e6) as i64;
        QueueView {
            concert_id: ConcertId(1),
            standing: Standing::Waiting {
                arrival: Arrival(1),
                rank: ahead + 1,
                joined_rank: ahead + 1,
            },
            tick: TickId(tick),
            waiting: ahead + 1,
            sale: Sale {
                state: SaleState::Open,
                stock,
                batch_size: 10,
                interval_ms: 1000,
            },
            sale_opens_at: DateTime::UNIX_EPOCH,
            server_time: DateTime::from_timestamp_micros(tick).expect("a time"),
        }
    }

    fn forecast(views: impl IntoIterator<Item = QueueView>) -> Option<Forecast> {
        let mut watch = Watch::default();
        for view in views {
            watch.see(&view);
        }
        watch.forecast()
    }

    fn wait(views: impl IntoIterator<Item = QueueView>) -> (f64, f64) {
        forecast(views).and_then(|f| f.wait).expect("a range")
    }

    #[test]
    fn all_who_have_just_come_to_the_same_outset_share_their_plays() {
        let at = |seconds, ahead, stock| {
            let mut watch = Watch::default();
            watch.see(&view(seconds, ahead, stock));
            watch
        };
        let (one, other) = (at(0.0, 12_345, 9_000), at(7.0, 12_298, 14_000));
        assert!(one.outset().is_some() && one.outset() == other.outset());
        let plays = other.plays().expect("plays");
        assert_eq!(one.forecast_of(&plays), one.forecast());
        assert_ne!(at(0.0, 12_398, 9_000).outset(), one.outset());
        let mut learned = at(0.0, 500, 9_000);
        learned.see(&view(1.0, 480, 8_990));
        assert_eq!(learned.outset(), None);
        let opens_later = QueueView {
            sale_opens_at: DateTime::from_timestamp_micros(START + 60_000_000).expect("a time"),
            ..view(0.0, 500, 9_000)
        };
        let mut early = Watch::default();
        early.see(&opens_later);
        assert_eq!(early.outset(), None);
    }

    /// The number of missing tickets stays the same: the chance falls gradually and does not go up
    /// and down with the rounding.
    #[test]
    fn a_chance_does_not_flicker_in_a_long_queue() {
        let of = |ahead: u32| {
            let view = view(0.0, ahead.into(), ahead - 300);
            forecast([view]).and_then(|f| f.chance).expect("a chance")
        };
        let chances: Vec<f64> = (0..400).map(|n| of(30_000 - 10 * n)).collect();
        for pair in chances.windows(2) {
            assert!((pair[0] - pair[1]).abs() < 0.02, "{pair:?}");
        }
    }

    #[test]
    fn of_a_pace_that_is_kept_the_range_gets_narrow() {
        let (least, most) = wait([view(0.0, 3000, 9000)]);
        assert!(least < 295.0 && 303.0 < most, "{least} to {most}");
        let ticks = (0..150u32).map(|n| {
            view(
                1.015 * f64::from(n),
                u64::from(4490 - 10 * n),
                9000 - 10 * n,
            )
        });
        let (least, most) = wait(ticks);
        assert!(
            (298.0..306.0).contains(&least) && most < 340.0,
            "{least} to {most}"
        );
    }

    #[test]
    fn people_who_leave_make_the_wait_shorter() {
        // A thousandth of those ahead leaves every second: 3,575 remain at the end, and ln(1 + 3575
        // · 0.001 / 9.85) / 0.001 = 310.
        let mut ahead = 5000.0;
        let (least, most) = wait((0..=100u32).map(|n| {
            ahead = (ahead - 10.0) * 0.999;
            view(1.015 * f64::from(n), ahead as u64, 9000 - 10 * n)
        }));
        assert!(
            least < 310.0 && 310.0 < most && most < 363.0,
            "{least} to {most}"
        );
    }

    #[test]
    fn ticks_that_were_missed_are_made_up_for_by_the_next_view() {
        let ticks = |every: usize| {
            (0..=200).step_by(every).map(|n| {
                let n = n as f64;
                view(
                    1.015 * n,
                    (6000.0 - 12.0 * n) as u64,
                    (9000.0 - 10.0 * n) as u32,
                )
            })
        };
        let (all, some) = (wait(ticks(1)), wait(ticks(20)));
        assert!(
            (all.0 - some.0).abs() < 10.0 && (all.1 - some.1).abs() < 10.0,
            "{all:?}, {some:?}"
        );
    }

    #[test]
    fn tickets_that_an_organiser_adds_are_not_taken_for_tickets_that_came_back() {
        let ticks = |added: u32| {
            (0..100u32).map(move |n| {
                let added = if n >= 50 { added } else { 0 };
                view(
                    1.015 * f64::from(n),
                    u64::from(2000 - 10 * n),
                    1900 + added - 10 * n,
                )
            })
        };
        let (without, with) = (forecast(ticks(0)), forecast(ticks(40)));
        let chance = |f: Option<Forecast>| f.and_then(|f| f.chance).expect("a chance");
        assert!(
            chance(without) < 0.05 && chance(with) < 0.6,
            "{without:?}, {with:?}"
        );
    }

    #[test]
    fn a_ticket_is_certain_while_there_is_one_for_everybody_up_to_here() {
        let of = |stock| forecast([view(0.0, 99, stock)]).expect("a forecast");
        assert_eq!(of(100).chance, None);
        let chances = [99, 98, 97].map(|stock| of(stock).chance.expect("a chance"));
        assert!(chances.is_sorted_by(|a, b| a > b), "{chances:?}");
        assert_eq!(of(50).wait, None);
    }

    #[test]
    fn nothing_is_forecast_of_a_sale_that_stands_still() {
        let mut paused = view(0.0, 5, 100);
        paused.sale.state = SaleState::Paused;
        assert_eq!(forecast([paused]), None);
        assert_eq!(forecast([view(0.0, 5, 0)]), None);
        let mut issued = view(0.0, 5, 100);
        issued.standing = Standing::Issued { ticket: None };
        assert_eq!(forecast([view(0.0, 5, 100), issued]), None);
    }

    #[test]
    fn before_the_opening_the_wait_begins_with_it() {
        let mut early = view(0.0, 5, 100);
        early.sale_opens_at = early.server_time + chrono::TimeDelta::seconds(300);
        let (least, most) = wait([early]);
        assert!(least >= 300.0 && most < 330.0, "{least} to {most}");
    }
}
