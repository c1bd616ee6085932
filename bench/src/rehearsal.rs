//! Runs a rehearsal from start to end.

use crate::address::Address;
use crate::check::{self, Check};
use crate::client::{Answer, Client, Token};
use crate::curve::Curve;
use crate::hall::{Clock, Hall, lock};
use crate::organiser::{Credentials, Organiser};
use crate::person::{Person, Plan};
use crate::record::{Record, Sample};
use anyhow::{Context, Result, bail};
use chrono::{DateTime, Utc};
use futures::{StreamExt, stream};
use model::concerts::{Concert, ConcertId};
use model::rehearsals::Rehearsal;
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

/// Share of the clients that send their join twice, as a double click does.
const TWICE: f64 = 0.05;
/// Approximate number of clients that request `queue_view` while they watch, to compare ranks.
const COMPARING: f64 = 500.0;
/// Concurrent requests when the final standings are read.
const LOOKING_BACK: usize = 64;
/// Open files besides the connections of the clients.
const OTHER_FILES: u64 = 128;

/// Parameters of a rehearsal.
#[derive(Clone, Debug)]
pub struct Settings {
    pub address: Address,
    pub credentials: Credentials,
    pub concert: ConcertId,
    pub people: u32,
    pub curve: Curve,
    /// Time until all clients have arrived; `None` means 30 s, or the length of the recording.
    pub duration: Option<Duration>,
    /// Share of the clients that leave, within the duration after joining.
    pub leave: f64,
    /// Share of the clients that watch by stream; the others poll every few seconds.
    pub watch: f64,
    /// Number of clients that log in with a password first.
    pub sign_ins: u32,
    /// Seconds from when all clients are ready to the opening.
    pub opens_in_s: u32,
    /// Time after the opening at which the rehearsal ends even if clients still wait.
    pub at_most: Duration,
    pub seed: u64,
}

/// Figures to display while the rehearsal runs.
#[derive(Clone, Copy, Debug, Default)]
pub struct Progress {
    pub people: u32,
    pub now: Sample,
    pub join_p50_us: u64,
    pub join_p99_us: u64,
    pub tick_lag_p99_us: u64,
    pub tried_again: u64,
    pub errors: u64,
}

/// Result of a rehearsal.
#[derive(Clone, Debug)]
pub struct Outcome {
    pub concert: Concert,
    /// Id of the copy.
    pub rehearsal: ConcertId,
    pub opening: DateTime<Utc>,
    pub record: Record,
    pub checks: Vec<Check>,
    /// Whether it was stopped by hand.
    pub stopped: bool,
    /// Whether it ended because it exceeded `at_most`.
    pub gave_up: bool,
    /// Why the copy could not be deleted, and how to delete it; `None` if it was deleted.
    pub left_behind: Option<String>,
}

impl Outcome {
    pub fn kept(&self) -> bool {
        self.checks.iter().all(|check| check.kept)
    }
}

/// Creates a rehearsal, runs it, and deletes it, even if `stop` ends it early. `say` receives a
/// line for each step, `show` the progress, once a second.
///
/// Fails if the rehearsal could not be carried out.
pub async fn run(
    settings: &Settings,
    stop: &CancellationToken,
    mut say: impl FnMut(&str),
    mut show: impl FnMut(&Progress),
) -> Result<Outcome> {
    open_files(settings)?;
    let client = Client::connect(&settings.address).await?;
    let mut organiser = Organiser::log_in(&client, settings.credentials.clone()).await?;
    let (concert, ahead) = organiser.look(&client, settings.concert).await?;
    say(&format!(
        "Making {} people for a copy of {:?} …",
        settings.people, concert.title
    ));
    let rehearsal = organiser
        .create(
            &client,
            settings.concert,
            settings.people,
            settings.sign_ins.min(settings.people),
            settings.opens_in_s,
        )
        .await?;
    let id = rehearsal.concert.id;
    say(&format!(
        "Rehearsal {id}: capacity {}, {} tickets every {} ms, opens in {} s.",
        concert.capacity, concert.batch_size, concert.interval_ms, settings.opens_in_s
    ));
    let clock = Clock::new(rehearsal.concert.sale_opens_at.timestamp_micros(), ahead);
    let hall = Arc::new(Hall::new(client, id, clock));
    let held = hold(
        settings,
        &hall,
        &mut organiser,
        &rehearsal,
        stop,
        &mut say,
        &mut show,
    )
    .await;
    let ended = organiser.end(&hall.client, id).await;
    let (record, gave_up) = held?;
    let left_behind = ended.err().map(|error| error.to_string());
    if left_behind.is_none() {
        say("The rehearsal is taken away.");
    }
    Ok(Outcome {
        checks: check::all(&record),
        concert,
        rehearsal: id,
        opening: rehearsal.concert.sale_opens_at,
        record,
        stopped: stop.is_cancelled(),
        gave_up,
        left_behind,
    })
}

async fn hold(
    settings: &Settings,
    hall: &Arc<Hall>,
    organiser: &mut Organiser,
    rehearsal: &Rehearsal,
    stop: &CancellationToken,
    say: &mut impl FnMut(&str),
    show: &mut impl FnMut(&Progress),
) -> Result<(Record, bool)> {
    let mut people = JoinSet::new();
    for (n, plan) in plans(settings, rehearsal)?.into_iter().enumerate() {
        let seed = settings.seed.wrapping_add(n as u64);
        let person = Person::new(hall.clone(), plan.token.clone(), seed);
        people.spawn(person.take_part(plan));
    }
    let observer = rehearsal.tokens.first().context("there are no people")?;
    tokio::spawn(observe(hall.clone(), Token::new(observer)?));

    let mut samples = Vec::new();
    let mut gone = Vec::new();
    let mut second = tokio::time::interval(Duration::from_secs(1));
    let gave_up = loop {
        tokio::select! {
            _ = second.tick() => {}
            () = stop.cancelled() => break false,
        }
        while let Some(person) = people.try_join_next() {
            gone.push(person.context("somebody broke down")?);
        }
        let progress = progress(settings, hall);
        samples.push(progress.now);
        show(&progress);
        if people.is_empty() || nothing_more_comes(settings, hall) {
            break false;
        }
        if progress.now.at > settings.at_most.as_micros() as i64 {
            break true;
        }
    };
    say("Asking everybody how they stand …");
    // The sale is paused, so that the final standings are consistent with each other.
    if let Err(error) = organiser.pause(&hall.client, hall.concert).await {
        hall.complain(format!("steer_sale: {error}"));
    }
    // Time for the last ticks to arrive, and for clients without a stream to poll.
    let asking = Duration::from_secs(if settings.watch < 1.0 { 4 } else { 0 });
    if !people.is_empty() {
        tokio::time::sleep(Duration::from_millis(2500) + asking).await;
    }
    let last = progress(settings, hall);
    hall.closing.cancel();
    while let Some(person) = people.join_next().await {
        gone.push(person.context("somebody broke down")?);
    }
    let people = stream::iter(gone)
        .map(Person::look_back)
        .buffer_unordered(LOOKING_BACK)
        .collect()
        .await;
    samples.push(last.now);
    let (ticks, differing_ticks) = hall.ticks();
    let record = Record {
        capacity: rehearsal.concert.capacity,
        people,
        ticks,
        differing_ticks,
        tick_lag: lock(&hall.tick_lag).clone(),
        samples,
        errors: hall.errors(),
        tried_again: hall.counts.tried_again.load(Relaxed),
    };
    Ok((record, gave_up))
}

/// Plans every client; all choices are determined by the seed.
fn plans(settings: &Settings, rehearsal: &Rehearsal) -> Result<Vec<Plan>> {
    let mut rng = StdRng::seed_from_u64(settings.seed);
    let people = rehearsal.tokens.len();
    let moments = settings.curve.moments(people, settings.duration, &mut rng);
    let duration = settings.curve.duration(settings.duration).as_secs_f64();
    let comparing = (COMPARING / people as f64).min(1.0);
    let mut plans = Vec::with_capacity(people);
    for (n, (token, due)) in rehearsal.tokens.iter().zip(moments).enumerate() {
        let leaves_after = Duration::from_secs_f64(rng.random::<f64>() * duration.max(1.0));
        let compares_after = Duration::from_secs_f64(rng.random::<f64>() * duration.max(1.0));
        let name = rehearsal.sign_ins.get(n);
        plans.push(Plan {
            token: Token::new(token)?,
            sign_in: name.map(|name| (name.clone(), rehearsal.password.clone())),
            due,
            watches: rng.random_bool(settings.watch),
            leaves_after: rng.random_bool(settings.leave).then_some(leaves_after),
            joins_twice: rng.random_bool(TWICE),
            compares_after: rng.random_bool(comparing).then_some(compares_after),
        });
    }
    Ok(plans)
}

/// Follows a stream from before the opening, so that every tick is recorded even if no client
/// watches.
async fn observe(hall: Arc<Hall>, token: Token) {
    let concert = hall.concert.to_string();
    let observing = async {
        loop {
            let fields = [("concert_id", concert.as_str())];
            let opened = hall.client.stream("queue_stream", &token, &fields).await;
            if let Answer::Done(mut stream) = opened {
                while let Some(event) = stream.next().await {
                    if event.name == "tick" {
                        hall.tick(&event.data);
                    }
                }
            }
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    };
    tokio::select! {
        () = observing => {}
        () = hall.closing.cancelled() => {}
    }
}

fn progress(settings: &Settings, hall: &Hall) -> Progress {
    let (join_p50_us, join_p99_us) = {
        let latency = lock(&hall.join_latency);
        (latency.percentile(0.5), latency.percentile(0.99))
    };
    Progress {
        people: settings.people,
        now: hall.sample(),
        join_p50_us,
        join_p99_us,
        tick_lag_p99_us: lock(&hall.tick_lag).percentile(0.99),
        tried_again: hall.counts.tried_again.load(Relaxed),
        errors: hall.counts.errors.load(Relaxed),
    }
}

/// Returns whether all clients have arrived, none is going to leave, and the stock is 0.
fn nothing_more_comes(settings: &Settings, hall: &Hall) -> bool {
    hall.counts.arrived.load(Relaxed) >= u64::from(settings.people)
        && hall.counts.leaving.load(Relaxed) == 0
        && hall.sale().is_some_and(|sale| sale.stock == 0)
}

/// Raises the limit of open files: each client may need a connection.
fn open_files(settings: &Settings) -> Result<()> {
    let needed = u64::from(settings.people) + OTHER_FILES;
    let (soft, hard) = getrlimit(Resource::RLIMIT_NOFILE)?;
    if soft >= needed {
        return Ok(());
    }
    if hard < needed {
        bail!("{needed} open files are needed, and {hard} are allowed (see ulimit -n)");
    }
    Ok(setrlimit(Resource::RLIMIT_NOFILE, needed, hard)?)
}
