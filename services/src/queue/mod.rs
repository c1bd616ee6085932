//! The queue: which accounts wait for a concert, in which order, and whose turn it is.
//!
//! The path of a join: Redis decides the order ([`scripts`], many accounts in one call), PostgreSQL
//! records it ([`journal`]), and only then is it acknowledged. Every server runs the [`scheduler`]:
//! claim a batch, [`issue`] it in one transaction, acknowledge it. What Redis has lost is restored
//! from the journal ([`reconcile`]). Watchers follow ticks ([`hub`]).

mod agreement;
pub mod audit;
mod builds;
mod course;
mod hub;
pub mod issue;
mod journal;
mod keys;
mod losses;
mod places;
pub mod reconcile;
pub mod sale;
pub mod scheduler;
mod scripts;
mod turns;
mod wake;

pub(crate) use builds::Builds;
pub(crate) use course::{Course, course};
pub use hub::{News, TickEvent, TickHub};
pub(crate) use journal::{COMMITS, LOCK_PATIENCE};
pub use journal::{Join, Journal, Leave, Recorded};
pub use places::{Places, glance, look};
pub(crate) use turns::Turns;

use crate::to_the_end::to_the_end;
use crate::together::Together;
use crate::{Error, Result, Services};
use chrono::{DateTime, Utc};
use fail::fail_point;
use journal::Entry;
use model::Refusal;
use model::accounts::AccountId;
use model::concerts::{ConcertId, SaleState};
use model::queue::{Arrival, QueueView, Sale, Standing, TickId};
use model::tickets::TicketId;
use reconcile::Window;
use sale::SaleRow;
use std::sync::Arc;
use std::time::Duration;

/// How long a request waits while its queue is being built, before it is answered with "try again"
/// ([`Error::Rebuilding`]).
const PATIENCE: Duration = Duration::from_secs(2);

/// Upper bound on queues that drivers build concurrently, and on those that requests do.
pub(crate) const BUILDS: usize = 4;

/// How often a request that waits for a queue to be built polls. There is no event for this that
/// would survive the loss of Redis.
const LOOK_AGAIN: Duration = Duration::from_millis(100);

/// Gives the account a place at the end of the queue, or returns the one that it has: the same from
/// any tab, device or retry.
///
/// When this returns, the place is in Redis and on disk in PostgreSQL. Refused with
/// [`Refusal::SaleNotOpen`], [`Refusal::SaleClosed`], [`Refusal::HoldsTicket`] or
/// [`Refusal::NotFound`].
pub async fn join(
    services: &Services,
    account: AccountId,
    concert: ConcertId,
) -> Result<QueueView> {
    let services = services.clone();
    to_the_end(async move {
        let joining = async {
            loop {
                if let Some(view) = try_join(&services, account, concert).await? {
                    return Ok(view);
                }
            }
        };
        patiently(joining).await
    })
    .await
}

/// Gives up the place. The answer shows if the account has no place or was issued a ticket a moment
/// before.
pub async fn leave(
    services: &Services,
    account: AccountId,
    concert: ConcertId,
) -> Result<QueueView> {
    let services = services.clone();
    to_the_end(async move {
        let answer = ask(&services, Question::Standing, account, concert).await?;
        if let Some(arrival) = answer.reading.spot.as_ref().map(|spot| spot.arrival) {
            // The journal first: it arbitrates between this leave and a transaction that may be
            // issuing a ticket right now.
            let entry = journal::Leave {
                concert,
                account,
                arrival,
            };
            if services.journal.leave(entry).await? {
                services.places.forget(account, concert);
                fail_point!("leave::recorded");
                remove(&services, concert, account, arrival).await?;
                // Again: a page that was being rendered may have read the place before.
                services.places.forget(account, concert);
                // As of its tick the reading is still true, except for this place: nothing has to
                // be read again.
                return Ok(QueueView {
                    standing: Standing::Left,
                    ..waiting_view(&services, concert, answer.reading)
                });
            }
        }
        view(&services, account, concert).await
    })
    .await
}

/// Returns where the account stands, as of the newest tick. A place shown as waiting is in Redis
/// and on disk; if the two disagree, the journal is right and Redis is repaired first.
pub async fn view(
    services: &Services,
    account: AccountId,
    concert: ConcertId,
) -> Result<QueueView> {
    let viewing = async {
        loop {
            if let Some(view) = try_view(services, account, concert).await? {
                return Ok(view);
            }
        }
    };
    patiently(viewing).await
}

/// Runs `trying` for at most [`PATIENCE`].
async fn patiently<T>(trying: impl Future<Output = Result<T>>) -> Result<T> {
    tokio::time::timeout(PATIENCE, trying)
        .await
        .unwrap_or(Err(Error::Rebuilding))
}

/// Returns `None` if Redis and PostgreSQL disagreed and were repaired; nothing was acknowledged,
/// and the caller retries.
async fn try_join(
    services: &Services,
    account: AccountId,
    concert: ConcertId,
) -> Result<Option<QueueView>> {
    let Answer {
        word,
        generation,
        reading,
    } = ask(services, Question::Join, account, concert).await?;
    match (word.as_str(), &reading.spot) {
        ("joined" | "placed", Some(spot)) => {
            fail_point!("join::placed");
            let recorded = record(services, account, concert, generation, spot).await?;
            if !recorded {
                return Ok(None);
            }
            fail_point!("join::recorded");
            match word.as_str() {
                "joined" => Ok(Some(waiting_view(services, concert, reading))),
                _ => Box::pin(try_view(services, account, concert)).await,
            }
        }
        ("holds", _) if holds(services, account, concert).await? => {
            Err(Refusal::HoldsTicket.into())
        }
        ("holds", _) => {
            Box::pin(losses::release(services, concert, account)).await?;
            Ok(None)
        }
        ("closed", _) => Err(Refusal::SaleClosed.into()),
        ("early", _) => Err(Refusal::SaleNotOpen {
            opens_at: reading.sale_opens_at,
        }
        .into()),
        (other, _) => Err(Error::Broken(format!("join answered {other:?}"))),
    }
}

/// Records a place that Redis gave. Returns `false` if the place cannot stand as it is; Redis has
/// been repaired then.
async fn record(
    services: &Services,
    account: AccountId,
    concert: ConcertId,
    generation: i64,
    spot: &Spot,
) -> Result<bool> {
    let arrival = spot.arrival;
    let joined_rank = spot.rank as i64;
    match services
        .journal
        .join(journal::Join {
            concert,
            account,
            arrival,
            joined_rank,
            generation,
        })
        .await?
    {
        Recorded::Waiting(recorded) if recorded == arrival => Ok(true),
        // The journal has an older place of this account, which Redis had lost: the older one is
        // valid.
        Recorded::Waiting(older) => Box::pin(restore(services, concert, account, older))
            .await
            .map(|()| false),
        Recorded::Settled => {
            // Issued and not acknowledged yet: the view shows the ticket. Left or expired: Redis
            // was not notified.
            let issued = Box::pin(holds(services, account, concert)).await?;
            if !issued {
                Box::pin(remove(services, concert, account, arrival)).await?;
            }
            Ok(issued)
        }
        Recorded::Stale => {
            Box::pin(losses::settle(services, concert, generation)).await?;
            Ok(false)
        }
        Recorded::NoAccount => {
            Box::pin(remove(services, concert, account, arrival)).await?;
            Err(Refusal::NotLoggedIn.into())
        }
    }
}

/// Returns `None` if Redis and PostgreSQL disagreed and were repaired; the caller retries.
async fn try_view(
    services: &Services,
    account: AccountId,
    concert: ConcertId,
) -> Result<Option<QueueView>> {
    // Redis first, then PostgreSQL: what has left Redis in between is already on record.
    let Answer {
        generation,
        reading,
        ..
    } = ask(services, Question::Standing, account, concert).await?;
    let entry = journal::newest_entry(&services.db, account, concert).await?;
    let over = reading.sale.state == SaleState::Closed;
    let standing = match (&reading.spot, &entry) {
        (
            _,
            Some(Entry {
                ticket: Some(ticket),
                ..
            }),
        ) => Standing::Issued {
            ticket: Some(TicketId(*ticket)),
        },
        (Some(spot), Some(entry)) if entry.arrival == spot.arrival.0 => {
            match entry.state.as_str() {
                "waiting" => Standing::Waiting {
                    arrival: spot.arrival,
                    rank: spot.rank,
                    joined_rank: (entry.joined_rank as u64).max(spot.rank),
                },
                // Issued, and cancelled before Redis was notified of the ticket.
                "issued" => Standing::Left,
                _ => {
                    Box::pin(remove(services, concert, account, spot.arrival)).await?;
                    return Ok(None);
                }
            }
        }
        (Some(spot), _) => {
            Box::pin(record(services, account, concert, generation, spot)).await?;
            return Ok(None);
        }
        (None, None) => Standing::Absent,
        (None, Some(entry)) => match entry.state.as_str() {
            "waiting" if !over => {
                Box::pin(restore(services, concert, account, Arrival(entry.arrival))).await?;
                return Ok(None);
            }
            "waiting" | "expired" => Standing::Expired,
            // Left, or issued and then cancelled.
            _ => Standing::Left,
        },
    };
    Ok(Some(QueueView {
        standing,
        ..waiting_view(services, concert, reading)
    }))
}

/// Builds the view that a reading alone supports: waiting since just now, or absent.
fn waiting_view(services: &Services, concert: ConcertId, reading: Reading) -> QueueView {
    let standing = match reading.spot {
        Some(Spot { arrival, rank }) => Standing::Waiting {
            arrival,
            rank,
            joined_rank: rank,
        },
        None => Standing::Absent,
    };
    QueueView {
        concert_id: concert,
        standing,
        tick: reading.tick,
        waiting: reading.waiting,
        sale: reading.sale,
        sale_opens_at: reading.sale_opens_at,
        server_time: services.clock.now(),
    }
}

/// What Redis knows of a queue and of one account's place.
struct Reading {
    tick: TickId,
    waiting: u64,
    sale: Sale,
    sale_opens_at: DateTime<Utc>,
    spot: Option<Spot>,
}

struct Spot {
    arrival: Arrival,
    rank: u64,
}

/// What [`scripts::JOIN`] and [`scripts::STANDING`] answer for one account.
struct Answer {
    word: String,
    /// The build of the queue that answered.
    generation: i64,
    reading: Reading,
}

/// What is asked of a queue for one account. Accounts with the same question share a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Question {
    Join,
    Standing,
}

/// Batches the questions to queues. An answer is `None` if the queue is not built.
pub struct Asked(Arc<Together<(Question, ConcertId), AccountId, Option<Answer>>>);

/// Upper bound on accounts in one call to Redis: a millisecond or two, during which Redis serves no
/// other call.
const MOST_PER_CALL: usize = 200;

impl Default for Asked {
    fn default() -> Asked {
        Asked(Arc::new(Together::new(MOST_PER_CALL, 2)))
    }
}

/// Asks Redis. If it does not have the queue, has the queue built and asks again, for at most
/// [`PATIENCE`].
async fn ask(
    services: &Services,
    question: Question,
    account: AccountId,
    concert: ConcertId,
) -> Result<Answer> {
    let asking = async {
        loop {
            let carry = {
                let services = services.clone();
                move |accounts| carry(services.clone(), question, concert, accounts)
            };
            let asked = services.asked.0.ask((question, concert), account, carry);
            if let Some(answer) = asked.await? {
                return Ok(answer);
            }
            // One builder at a time in this process; all other requests only poll for the result.
            let built = match services.builder.take(concert) {
                Some(turn) => {
                    let services = services.clone();
                    let building = async move {
                        let _turn = turn;
                        reconcile::reconcile(&services, concert, Window::Nothing).await
                    };
                    Box::pin(to_the_end(building)).await?
                }
                None => reconcile::Outcome::Busy,
            };
            if matches!(built, reconcile::Outcome::Busy) {
                tokio::time::sleep(LOOK_AGAIN).await;
            }
        }
    };
    patiently(asking).await
}

/// Makes one call for all accounts with the same question.
async fn carry(
    services: Services,
    question: Question,
    concert: ConcertId,
    accounts: Vec<AccountId>,
) -> Vec<Result<Option<Answer>>> {
    let script = match question {
        Question::Join => &scripts::JOIN,
        Question::Standing => &scripts::STANDING,
    };
    let mut arguments: Vec<i64> = accounts.iter().map(|account| account.0).collect();
    if question == Question::Join {
        arguments.insert(0, services.clock.now().timestamp_micros());
    }
    let called = async {
        let answer: RawAnswer = scripts::call(&services.redis, script, concert, arguments).await?;
        let (word, generation, ..) = &answer;
        let newest =
            word == "unbuilt" || builds::is_newest(&services, concert, *generation).await?;
        Ok(newest.then_some(answer))
    };
    match called.await {
        Ok(None) => accounts.iter().map(|_| Ok(None)).collect(),
        Ok(Some(answer)) => accounts
            .iter()
            .enumerate()
            .map(|(n, _)| parse(&answer, n))
            .collect(),
        // All of them fail in the same way.
        Err(Error::Redis(error)) => accounts
            .iter()
            .map(|_| Err(Error::Redis(error.clone())))
            .collect(),
        Err(error) => {
            tracing::error!(%concert, %error, "a queue could not be asked");
            accounts.iter().map(|_| Err(Error::Rebuilding)).collect()
        }
    }
}

/// Word, generation, tick, waiting, sale, opens_at, people: `reading` of the prelude.
type RawAnswer = (String, i64, i64, u64, String, i64, Vec<String>);

/// Returns the answer for the `n`-th account of the call, or `None` if the queue is not built.
fn parse(raw: &RawAnswer, n: usize) -> Result<Option<Answer>> {
    let (word, generation, tick, waiting, sale, opens_at, people) = raw;
    if word == "unbuilt" {
        return Ok(None);
    }
    let Some([word, arrival, rank]) = people.chunks_exact(3).nth(n) else {
        return Err(Error::Broken(format!("a queue script answered {raw:?}")));
    };
    let spot = match arrival.as_str() {
        "" => None,
        arrival => Some(Spot {
            arrival: Arrival(number(arrival)?),
            rank: number(rank)? as u64,
        }),
    };
    let reading = Reading {
        tick: TickId(*tick),
        waiting: *waiting,
        sale: serde_json::from_str(sale)
            .map_err(|error| Error::Broken(format!("sale {sale:?}: {error}")))?,
        sale_opens_at: Arrival(*opens_at).instant().unwrap_or_default(),
        spot,
    };
    Ok(Some(Answer {
        word: word.clone(),
        generation: *generation,
        reading,
    }))
}

/// Restores a place that the journal has and Redis lacks.
async fn restore(
    services: &Services,
    concert: ConcertId,
    account: AccountId,
    arrival: Arrival,
) -> Result<()> {
    let entry = reconcile::Entry {
        account,
        arrival,
        standing: reconcile::Standing::Waiting,
    };
    reconcile::correct(services, concert, vec![entry]).await?;
    // The caller retries, but not at once: another task may be restoring the place.
    tokio::time::sleep(LOOK_AGAIN).await;
    Ok(())
}

/// Returns whether the account holds a live ticket for the concert.
async fn holds(services: &Services, account: AccountId, concert: ConcertId) -> Result<bool> {
    Ok(sqlx::query_scalar!(
        r#"SELECT EXISTS (SELECT FROM tickets
                           WHERE concert_id = $1 AND account_id = $2 AND cancelled_at IS NULL) AS "holds!""#,
        concert.0,
        account.0
    )
    .fetch_one(&services.db)
    .await?)
}

/// Removes a place from Redis that is not waiting by the journal.
async fn remove(
    services: &Services,
    concert: ConcertId,
    account: AccountId,
    arrival: Arrival,
) -> Result<()> {
    scripts::call::<i64>(
        &services.redis,
        &scripts::LEAVE,
        concert,
        (account.0, arrival.0),
    )
    .await?;
    Ok(())
}

/// Returns some of the accounts in a queue's set of holders, and the cursor for the next ones, 0 at
/// the end. As with every SSCAN, an account that is in the set throughout is returned once or more
/// often.
async fn holders_from(services: &Services, key: &str, cursor: u64) -> Result<(u64, Vec<i64>)> {
    Ok(redis::cmd("SSCAN")
        .arg(key)
        .arg(cursor)
        .arg("COUNT")
        .arg(1_000)
        .query_async(&mut services.redis.connection())
        .await?)
}

/// Hands what has changed in PostgreSQL to the queue at once. If Redis is down, the scheduler does
/// that later.
pub(crate) async fn sync(services: &Services, concert: ConcertId) -> Result<()> {
    let sale = SaleRow::find(&services.db, concert).await?;
    let told =
        scripts::call::<i64>(&services.redis, &scripts::SYNC, concert, sale.arguments()).await;
    if let Err(error) = told {
        tracing::warn!(%concert, %error, "the queue could not be told of a change yet");
    }
    Ok(())
}

/// Removes the queue of a concert that is being deleted from Redis.
pub(crate) async fn forget(services: &Services, concert: ConcertId) -> Result<()> {
    redis::cmd("DEL")
        .arg(&keys::of(&services.redis, concert))
        .exec_async(&mut services.redis.connection())
        .await?;
    Ok(())
}

/// Allows the former holder to join again; the ticket goes to the head of the queue with the next
/// tick.
pub(crate) async fn cancelled(
    services: &Services,
    concert: ConcertId,
    account: AccountId,
) -> Result<()> {
    let sale = SaleRow::find(&services.db, concert).await?;
    tell_cancelled(services, &sale, account).await
}

/// [`cancelled`] for a caller that has just read the sale.
async fn tell_cancelled(services: &Services, sale: &SaleRow, account: AccountId) -> Result<()> {
    let (concert, arguments) = (sale.concert(), (account.0, sale.arguments()));
    scripts::call::<i64>(&services.redis, &scripts::CANCEL, concert, arguments).await?;
    Ok(())
}

fn number(text: &str) -> Result<i64> {
    text.parse()
        .map_err(|_| Error::Broken(format!("Redis answered {text:?} where a number belongs")))
}
