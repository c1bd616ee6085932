//! Measures whether forecasts come true: simulates many sales, person by person and tick by tick,
//! and compares the forecast made at some moment of each with how the sale ended.
//!
//! Nothing here uses the arithmetic of the forecast. Leaving is drawn for every person
//! independently, and the sales are not of the family that the forecast assumes: people differ by a
//! log-normal factor, stalls have log-normal lengths, lateness has two sources. The ranges that
//! sales are drawn from are in [`Hidden::draw`].

use chrono::DateTime;
use model::concerts::{ConcertId, SaleState};
use model::forecast::Watch;
use model::queue::{Arrival, QueueView, Sale, Standing, TickId};

/// Upper bound on the difference between the share of tickets and the mean of the forecast chances.
const TOLERANCE: f64 = 0.08;

/// Sales begin at this instant, in microseconds since the epoch.
const START: f64 = 1_795_000_000e6;

/// Parameters of a sale that people in its queue cannot know.
struct Hidden {
    ahead: usize,
    batch: usize,
    interval: f64,
    stock: i64,
    /// Per person and second.
    leaving: f64,
    /// Standard deviation of the logarithm of people's individual rates.
    unlike: f64,
    /// The people ahead have already been waiting for up to this many seconds.
    rush: f64,
    lag: f64,
    jitter: f64,
    /// Share of ticks that come up to a quarter of a second late.
    late: f64,
    /// Per second.
    stalling: f64,
    /// The organiser pauses: when, and for how long.
    pause: Option<(f64, f64)>,
    /// Tickets that others hold when this person joins, and how many of these come back per ticket
    /// and second.
    held: f64,
    returning: f64,
    /// Probability that a person in a batch leaves while the ticket is being issued.
    dropping: f64,
    /// Ranks, as shares of the first one: where watching begins, and where the forecast is made.
    watched_from: f64,
    asked_at: f64,
}

impl Hidden {
    /// Draws a sale from these ranges. `short`: with fewer tickets than people, as half of all
    /// sales are.
    fn draw(dice: &mut Dice, short: bool) -> Hidden {
        let interval = [0.2, 0.5, 1.0, 1.0, 1.0, 2.0, 5.0, 10.0, 30.0][dice.below(9)];
        let (ahead, batch) = loop {
            let (ahead, batch) = (dice.log(5.0, 6000.0), dice.log(1.0, 100.0));
            let seconds = ahead / batch.floor() * interval;
            if seconds < 7200.0 {
                break (ahead as usize, batch as usize);
            }
        };
        let places = ahead as f64 + 1.0;
        let short = dice.below(2) == 0 || short;
        let stock = places
            * if short {
                1.0 - dice.log(0.002, 0.5)
            } else {
                dice.between(1.0, 3.0)
            };
        let asked_at = dice.even();
        let watched_from = match dice.below(4) {
            0 => asked_at,
            _ => dice.between(asked_at, 1.0),
        };
        Hidden {
            ahead,
            batch,
            interval,
            stock: (stock as i64).max(1),
            leaving: dice.log(2e-5, 1.5e-3),
            unlike: dice.between(0.0, 1.2),
            rush: dice.between(0.0, 300.0),
            lag: dice.between(0.005, 0.015),
            jitter: dice.between(0.0, 0.01),
            late: dice.between(0.0, 0.1),
            stalling: dice.log(1e-5, 1e-3),
            pause: (dice.even() < 0.05).then(|| (dice.log(1.0, 3600.0), dice.log(30.0, 600.0))),
            held: places * dice.between(0.0, 3.0),
            returning: dice.log(1e-7, 2e-5),
            dropping: dice.between(0.0, 0.005),
            watched_from,
            asked_at,
        }
    }
}

/// How a sale went after its forecast was made.
struct Outcome {
    wait: Option<(f64, f64)>,
    chance: Option<f64>,
    /// The range that the pace alone gives, with a quarter's slack.
    naive: (f64, f64),
    /// Seconds until the ticket; `None` if the last one went to a person ahead.
    true_wait: Option<f64>,
    /// Share of those ahead at the forecast that left before the ticket was issued.
    left: f64,
    watched: bool,
}

/// Simulates one sale. Returns `None` if the ticket was issued before a forecast could be made.
fn live_through(hidden: &Hidden, dice: &mut Dice) -> Option<Outcome> {
    let leaves: Vec<f64> = (0..hidden.ahead).map(|_| stays(hidden, dice)).collect();
    let mut by_leaving: Vec<usize> = (0..hidden.ahead).collect();
    by_leaving.sort_unstable_by(|a, b| leaves[*a].total_cmp(&leaves[*b]));
    let (mut head, mut next_leaver, mut ahead) = (0, 0, hidden.ahead);
    let mut gone = vec![false; hidden.ahead];

    let (mut stock, mut held) = (hidden.stock, hidden.held);
    let mut watch = Watch::default();
    let mut asked: Option<(f64, Outcome, usize, usize)> = None;
    let mut left_in_all = 0;
    let mut now = 0.0;
    let mut batch_at = dice.even() * hidden.interval;
    let mut next_stall = dice.exponential(hidden.stalling);
    loop {
        // Leavers are published at most once a second; tickets are issued when due.
        let quiet = now + hidden.interval.min(1.0);
        let before = now;
        let issuing = batch_at <= quiet;
        now = if issuing { batch_at } else { quiet };
        let paused = hidden
            .pause
            .is_some_and(|(at, length)| now >= at && now < at + length);
        if issuing && paused {
            batch_at = hidden.pause.map_or(0.0, |(at, length)| at + length) + 0.01;
            continue;
        }
        let mut left = 0;
        while next_leaver < by_leaving.len() && leaves[by_leaving[next_leaver]] <= now {
            let who = by_leaving[next_leaver];
            next_leaver += 1;
            if who >= head {
                gone[who] = true;
                left += 1;
            }
        }
        ahead -= left;
        let returned = dice.poisson(held * hidden.returning * (now - before)) as i64;
        stock += returned;
        held -= returned as f64;
        let mut mine = false;
        if issuing {
            let mut room = hidden.batch;
            while room > 0 && stock > 0 {
                while head < hidden.ahead && gone[head] {
                    head += 1;
                }
                mine = head == hidden.ahead;
                if mine {
                    break;
                }
                head += 1;
                ahead -= 1;
                room -= 1;
                if dice.even() < hidden.dropping {
                    left += 1;
                } else {
                    stock -= 1;
                    held += 1.0;
                }
            }
            batch_at = now + hidden.interval + hidden.lag + dice.exponential(1.0 / hidden.jitter);
            if dice.even() < hidden.late {
                batch_at += dice.between(0.0, 0.25);
            }
            while next_stall < batch_at {
                batch_at += (10f64.ln() + dice.normal()).exp();
                next_stall = batch_at + dice.exponential(hidden.stalling);
            }
        }
        left_in_all += left;
        if mine || stock == 0 {
            let (at, mut outcome, left_then, ahead_then) = asked?;
            outcome.true_wait = mine.then_some(now - at);
            outcome.left = (left_in_all - left_then) as f64 / ahead_then.max(1) as f64;
            return Some(outcome);
        }
        if asked.is_some() || !issuing && left == 0 && returned == 0 {
            continue;
        }
        let rank = ahead + 1;
        let share = ahead as f64 / hidden.ahead as f64;
        if share > hidden.watched_from {
            continue;
        }
        let ask = share <= hidden.asked_at && !paused;
        // A new watcher sees a page from some moment between two ticks.
        let first = watch == Watch::default();
        let at = if first {
            now + (batch_at - now).min(hidden.interval) * dice.even()
        } else {
            now
        };
        let view = view(hidden, now, at, rank, stock, paused);
        watch.see(&view);
        if ask {
            let forecast = watch.forecast()?;
            let rounds = rank.div_ceil(hidden.batch) as f64;
            let outcome = Outcome {
                wait: forecast.wait,
                chance: forecast.chance,
                naive: (
                    (rounds - 1.0) * hidden.interval,
                    rounds * hidden.interval * 1.25,
                ),
                true_wait: None,
                left: 0.0,
                watched: !first,
            };
            asked = Some((at, outcome, left_in_all, ahead));
        }
    }
}

/// Returns how long a person ahead stays after this person joins, given that they stayed until
/// then.
fn stays(hidden: &Hidden, dice: &mut Dice) -> f64 {
    let waited = dice.even() * hidden.rush;
    loop {
        let own = (hidden.unlike * dice.normal() - hidden.unlike.powi(2) / 2.0).exp();
        let stays = dice.exponential(hidden.leaving * own);
        if stays > waited {
            return stays - waited;
        }
    }
}

fn view(hidden: &Hidden, tick: f64, at: f64, rank: usize, stock: i64, paused: bool) -> QueueView {
    let micros = |seconds: f64| (START + seconds * 1e6) as i64;
    let state = if paused {
        SaleState::Paused
    } else {
        SaleState::Open
    };
    QueueView {
        concert_id: ConcertId(1),
        standing: Standing::Waiting {
            arrival: Arrival(1),
            rank: rank as u64,
            joined_rank: hidden.ahead as u64 + 1,
        },
        tick: TickId(micros(tick)),
        waiting: rank as u64,
        sale: Sale {
            state,
            stock: stock as u32,
            batch_size: hidden.batch as u32,
            interval_ms: (hidden.interval * 1000.0) as u32,
        },
        sale_opens_at: DateTime::UNIX_EPOCH,
        server_time: DateTime::from_timestamp_micros(micros(at)).expect("a time"),
    }
}

/// Simulates sales; omits those in which the ticket was issued before a forecast was made.
fn outcomes(sales: u64, short: bool) -> Vec<Outcome> {
    (0..sales)
        .filter_map(|seed| {
            let mut dice = Dice(seed);
            let hidden = Hidden::draw(&mut dice, short);
            live_through(&hidden, &mut dice)
        })
        .collect()
}

/// Returns the share of ranges that hold, and the number of ranges.
fn held<'a>(
    outcomes: impl Iterator<Item = &'a Outcome>,
    range: impl Fn(&Outcome) -> Option<(f64, f64)>,
) -> (f64, usize) {
    let held: Vec<bool> = outcomes
        .filter_map(|o| Some((range(o)?, o.true_wait?)))
        .map(|((least, most), wait)| least <= wait && wait <= most)
        .collect();
    let holding = held.iter().filter(|held| **held).count();
    (holding as f64 / held.len() as f64, held.len())
}

type Slice = (&'static str, fn(&Outcome) -> bool);

#[test]
fn four_in_five_ranges_hold() {
    let outcomes = outcomes(4000, false);
    let (share, count) = held(outcomes.iter(), |o| o.wait);
    println!("{share:.3} of {count}");
    assert!(
        count > 1500 && (0.75..=0.85).contains(&share),
        "{share:.3} of {count}"
    );

    let slices: [Slice; 11] = [
        ("under 10 s", |o| o.true_wait < Some(10.0)),
        ("under a minute", |o| {
            (Some(10.0)..Some(60.0)).contains(&o.true_wait)
        }),
        ("under ten minutes", |o| {
            (Some(60.0)..Some(600.0)).contains(&o.true_wait)
        }),
        ("ten minutes and more", |o| o.true_wait >= Some(600.0)),
        ("next to nobody left", |o| o.left < 0.01),
        ("some left", |o| (0.01..0.1).contains(&o.left)),
        ("many left", |o| o.left >= 0.1),
        ("watched", |o| o.watched),
        ("not watched", |o| !o.watched),
        ("tickets for everybody", |o| o.chance.is_none()),
        ("too few tickets", |o| o.chance.is_some()),
    ];
    for (name, of) in slices {
        let (share, count) = held(outcomes.iter().filter(|o| of(o)), |o| o.wait);
        println!("{name}: {share:.3} of {count}");
        assert!(
            count > 80 && (0.65..=0.95).contains(&share),
            "{name}: {share:.3} of {count}"
        );
    }
}

/// Checks that the test can fail: with the configured pace and a quarter's slack, and with ranges
/// half and twice as wide.
#[test]
fn other_ranges_do_not_hold_as_often_as_they_should() {
    let outcomes = outcomes(4000, false);
    let long = outcomes.iter().filter(|o| o.true_wait >= Some(60.0));
    let naive = held(long, |o| Some(o.naive)).0;
    let of_width = |factor: f64| {
        let range = move |o: &Outcome| {
            let (least, most) = o.wait?;
            let (middle, half) = ((least + most) / 2.0, (most - least) / 2.0 * factor);
            Some((middle - half, middle + half))
        };
        held(outcomes.iter(), range).0
    };
    let (narrow, wide) = (of_width(0.5), of_width(2.0));
    println!("naive {naive:.3}, narrow {narrow:.3}, wide {wide:.3}");
    assert!(naive < 0.65 && narrow < 0.75 && wide > 0.85);
}

#[test]
fn of_those_who_are_told_a_chance_that_many_get_a_ticket() {
    let outcomes = outcomes(6000, true);
    for (least, most) in [(0.0, 0.1), (0.1, 0.3), (0.3, 0.7), (0.7, 0.9), (0.9, 1.01)] {
        let told: Vec<(f64, bool)> = outcomes
            .iter()
            .filter_map(|o| Some((o.chance?, o.true_wait.is_some())))
            .filter(|(chance, _)| (least..most).contains(chance))
            .collect();
        let count = told.len() as f64;
        let said = told.iter().map(|(chance, _)| chance).sum::<f64>() / count;
        let got = told.iter().filter(|(_, got)| *got).count() as f64 / count;
        println!("{least} to {most}: {said:.3} said, {got:.3} true, of {count}");
        assert!(
            count >= 50.0 && (said - got).abs() <= TOLERANCE,
            "{least} to {most}: {said:.3} said, {got:.3} true, of {count}"
        );
    }
}

/// Seeded generator: SplitMix64 (Steele, Lea and Flood 2014).
struct Dice(u64);

impl Dice {
    fn even(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((z ^ (z >> 31)) >> 11) as f64 / (1u64 << 53) as f64
    }

    fn below(&mut self, n: usize) -> usize {
        (self.even() * n as f64) as usize
    }

    fn between(&mut self, least: f64, most: f64) -> f64 {
        least + (most - least) * self.even()
    }

    /// Log-uniform: as likely between 1 and 10 as between 10 and 100.
    fn log(&mut self, least: f64, most: f64) -> f64 {
        self.between(least.ln(), most.ln()).exp()
    }

    fn exponential(&mut self, rate: f64) -> f64 {
        -(1.0 - self.even()).ln() / rate
    }

    /// Box and Muller 1958.
    fn normal(&mut self) -> f64 {
        let radius = (-2.0 * (1.0 - self.even()).ln()).sqrt();
        radius * (std::f64::consts::TAU * self.even()).cos()
    }

    /// Events of rate 1 within `mean`.
    fn poisson(&mut self, mean: f64) -> u64 {
        let (mut n, mut at) = (0, self.exponential(1.0));
        while at <= mean {
            n += 1;
            at += self.exponential(1.0);
        }
        n
    }
}
