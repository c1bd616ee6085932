//! Runs one seed, from the plan to the verdict.

use crate::faults;
use crate::people::{Crowd, Person};
use crate::plan::{self, Plan, Sale};
use crate::records::{self, Progress};
use crate::verdict::{self, Broken, History, Measured, Promise, Shown};
use crate::world::{Forgotten, Template, World};
use anyhow::{Context, Result, anyhow};
use futures::{FutureExt, StreamExt, stream};
use model::accounts::Account;
use model::concerts::ConcertId;
use services::queue::audit::{self, Kind};
use services::sessions::Tokens;
use std::convert::Infallible;
use std::panic::AssertUnwindSafe;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tempfile::TempDir;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

/// Time from healing until every client has its answer and its ticket. [`LEASES`] leases are added,
/// because a server may still reach a fail point that was armed before.
const SETTLING: Duration = Duration::from_secs(120);
const LEASES: u32 = 6;
/// Time from then until every stream has shown the final state.
const SHOWING: Duration = Duration::from_secs(30);

pub struct Outcome {
    pub plan: Plan,
    pub issued: usize,
    /// Over all sales: the longest standstill, and all answers.
    pub measured: Measured,
    pub took: Duration,
    /// The fail points that were reached.
    pub points: Vec<String>,
    pub broken: Vec<Broken>,
    /// The folder with the logs.
    pub dir: TempDir,
}

/// Runs a seed and stops everything that it started, also after an error or a panic.
pub async fn run(
    template: &Template,
    frontrow: &Path,
    seed: u64,
    stop: CancellationToken,
) -> Result<Outcome> {
    let began = Instant::now();
    let plan = Plan::of(seed);
    let world = World::start(template, &plan, frontrow).await?;
    let judged = tokio::select! {
        judged = AssertUnwindSafe(play(&world, &plan)).catch_unwind() => judged,
        () = stop.cancelled() => Ok(Err(anyhow!("interrupted"))),
    };
    let heard: Vec<_> = world.servers.iter().map(|server| server.heard()).collect();
    let dir = world.close().await?;
    let Judged {
        issued,
        measured,
        mut broken,
    } = match judged {
        Ok(Ok(judged)) => judged,
        Ok(Err(error)) => Judged::stuck(format!("{error:#}")),
        Err(_) => Judged::stuck("the harness panicked".to_owned()),
    };
    let said = heard.iter().flat_map(|heard| &heard.broken);
    broken.extend(said.map(|detail| Broken::new(Promise::Conduct, detail)));
    Ok(Outcome {
        plan,
        issued,
        measured,
        took: began.elapsed(),
        points: heard.into_iter().flat_map(|heard| heard.points).collect(),
        broken,
        dir,
    })
}

struct Judged {
    issued: usize,
    measured: Measured,
    broken: Vec<Broken>,
}

impl Judged {
    fn stuck(why: String) -> Judged {
        Judged {
            issued: 0,
            measured: Measured::default(),
            broken: vec![Broken::new(Promise::Stuck, why)],
        }
    }
}

async fn play(world: &World, plan: &Plan) -> Result<Judged> {
    let (concerts, time) = world.begin(plan).await?;
    let over = CancellationToken::new();
    // Stops the clients that are still running when this function returns, also with an error.
    let _over = over.clone().drop_guard();
    let client = Crowd::client()?;
    let mut seeds = plan.seed.wrapping_mul(1_000_003)..;
    let mut crowds: Vec<Vec<Arc<Person>>> = Vec::new();
    for (index, concert) in concerts.iter().enumerate() {
        let crowd = Arc::new(Crowd {
            services: world.services.clone(),
            servers: world.servers.clone(),
            client: client.clone(),
            diary: world.diary.clone(),
            concert: *concert,
            time,
            window: plan.window,
            forgot: world.forgot.subscribe(),
            over: over.clone(),
        });
        let planned = &plan.sales[index].people;
        let people = world.people[index].iter().zip(planned).zip(&mut seeds);
        let person = |((login, plan), seed): ((&(Account, Tokens), &plan::Person), u64)| {
            Arc::new(Person::new(
                crowd.clone(),
                login.clone(),
                plan.clone(),
                seed,
            ))
        };
        crowds.push(people.map(person).collect());
    }
    let (mut living, mut watching) = (JoinSet::new(), JoinSet::new());
    for person in crowds.iter().flatten() {
        let lives = person.clone();
        living.spawn(async move { lives.live().await });
        if person.watches() {
            let watches = person.clone();
            watching.spawn(async move { watches.watch().await });
        }
    }

    world.diary.note("it begins");
    faults::carry_out(world, plan, &concerts, time).await?;
    time.reach(plan.window).await;
    world.heal();
    let healed = time.now();
    world.diary.note("everything is healed");
    let mut broken = Vec::new();
    let settling = async {
        while let Some(lived) = living.join_next().await {
            lived?;
        }
        for (sale, concert) in plan.sales.iter().zip(&concerts) {
            end_of_sale(world, sale, *concert).await?;
        }
        anyhow::Ok(())
    };
    let patience = SETTLING + LEASES * plan.lease;
    let settling = tokio::time::timeout(patience, settling);
    let settled = tokio::select! {
        settled = settling => settled,
        never = note_activity(world) => match never {},
    };
    match settled {
        Ok(settled) => settled?,
        Err(_) => {
            let left = living.len();
            for concert in &concerts {
                let at = match progress(world, *concert).await {
                    Ok((on_record, queued, pending)) => format!(
                        "{on_record:?}, in Redis {queued} waiting, {pending} between two ticks"
                    ),
                    Err(error) => format!("the stores do not say: {error:#}"),
                };
                broken.push(Broken::new(
                    Promise::Stuck,
                    format!(
                        "{patience:?} after everything was healed: concert {concert}: {at}; {left} people without an answer"
                    ),
                ));
            }
            over.cancel();
            while living.join_next().await.is_some() {}
        }
    }

    world.diary.note("it is judged");
    let (mut issued, mut measured) = (0, Measured::default());
    for (index, (concert, people)) in concerts.iter().zip(&crowds).enumerate() {
        let mut history = history(world, plan, index, *concert, people).await?;
        history.healed = healed;
        history.patience = verdict::patience(plan.lease);
        for person in people {
            history.answered.extend(person.memory().answered);
        }
        history.shown = tokio::time::timeout(SETTLING, looks(world, people))
            .await
            .context("what is shown at the end could not be asked for")?;
        history.shown.extend(streams(people, &history).await);
        for person in people {
            let memory = person.memory();
            broken.extend(memory.broken);
            history.ranks.extend(memory.ranks);
        }
        broken.extend(verdict::judge(&history));
        let report = audit::audit(&world.services, Some(*concert)).await?;
        // Lost commits have to be reported: the audit's finding is no violation then.
        let audited = report.violations.iter();
        let audited =
            audited.filter(|found| !(history.forgotten.is_some() && found.kind == Kind::Lost));
        broken.extend(audited.map(|found| Broken::new(Promise::Audit, found.to_string())));
        issued += history.live().count();
        let of_sale = verdict::measure(&history);
        world
            .diary
            .note(format_args!("concert {concert}: {of_sale:?}"));
        measured.stood = measured.stood.max(of_sale.stood);
        measured.answered += of_sale.answered;
        measured.unavailable += of_sale.unavailable;
    }
    over.cancel();
    while let Some(watched) = watching.join_next().await {
        watched?;
    }
    Ok(Judged {
        issued,
        measured,
        broken,
    })
}

/// Writes PostgreSQL's open transactions, and what blocks them, to the diary until the sales have
/// finished.
async fn note_activity(world: &World) -> Infallible {
    loop {
        tokio::time::sleep(SETTLING / 30).await;
        if let Ok(rows) = records::activity(&world.services.db).await {
            for row in rows {
                world.diary.note(format_args!("PostgreSQL: {row}"));
            }
        }
    }
}

/// Returns when nothing is left to do: every account that can have a ticket has one, nothing is in
/// flight, the next tick has no account to name, both stores agree on how many wait, and all
/// servers serve. There is no event for this.
async fn end_of_sale(world: &World, sale: &Sale, concert: ConcertId) -> Result<()> {
    loop {
        if let Ok((Progress { live, waiting }, queued, pending)) = progress(world, concert).await
            && live == i64::from(sale.capacity).min(live + waiting)
            && (queued, pending) == (waiting, 0)
            && world.all_serve()
        {
            return Ok(());
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// Returns the progress on record, how many wait by Redis, and how many are in flight or have left
/// since the last tick.
async fn progress(world: &World, concert: ConcertId) -> Result<(Progress, i64, i64)> {
    let services = &world.services;
    let on_record = records::progress(&services.db, concert).await?;
    let key = |name: &str| {
        services
            .redis
            .key(format_args!("queue:{{{concert}}}:{name}"))
    };
    let (queued, inflight, leaving): (i64, i64, i64) = redis::pipe()
        .zcard(key("waiting"))
        .zcard(key("inflight"))
        .zcard(key("leaving"))
        .query_async(&mut services.redis.connection())
        .await?;
    Ok((on_record, queued, inflight + leaving))
}

async fn history(
    world: &World,
    plan: &Plan,
    sale: usize,
    concert: ConcertId,
    people: &[Arc<Person>],
) -> Result<History> {
    let db = &world.services.db;
    let memories: Vec<_> = people.iter().map(|person| person.memory()).collect();
    let left_before = if sale == 0 { plan.left_before } else { 0 };
    let sale = &plan.sales[sale];
    let forgotten = *world.forgot.borrow();
    let forgotten = match forgotten {
        Some(Forgotten { from, until }) => Some(verdict::Forgotten {
            from,
            until,
            named: records::named_lost(db, concert).await?,
        }),
        None => None,
    };
    let entries = records::entries(db, concert, left_before);
    Ok(History {
        capacity: sale.capacity as usize,
        batch_size: sale.batch_size as usize,
        interval: sale.interval.as_micros() as i64,
        entries: entries.await.context("the journal")?,
        tickets: records::tickets(db, concert).await.context("the tickets")?,
        joins: memories
            .iter()
            .flat_map(|memory| memory.joins.clone())
            .collect(),
        cancels: memories
            .iter()
            .flat_map(|memory| memory.cancels.clone())
            .collect(),
        forgotten,
        ..History::default()
    })
}

/// Returns what every server shows to every account.
async fn looks(world: &World, people: &[Arc<Person>]) -> Vec<Shown> {
    let looks = people
        .iter()
        .flat_map(|person| world.servers.iter().map(move |server| person.look(server)));
    stream::iter(looks)
        .buffer_unordered(24)
        .filter_map(async |shown| shown)
        .collect()
        .await
}

/// Returns what the streams showed last, as soon as it is right or [`SHOWING`] has passed.
async fn streams(people: &[Arc<Person>], history: &History) -> Vec<Shown> {
    // A stream does not report a place that a join without an answer gave later.
    let watchers: Vec<_> = people
        .iter()
        .filter(|person| person.watches() && !person.memory().may_have_more())
        .collect();
    let patience = Instant::now() + SHOWING;
    loop {
        let shown: Vec<Shown> = watchers
            .iter()
            .filter_map(|person| person.streamed())
            .collect();
        let right = History {
            shown: shown.clone(),
            ..history.clone()
        };
        if verdict::wrong_ranks(&right).is_empty() || Instant::now() > patience {
            return shown;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}
