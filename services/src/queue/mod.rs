//! The queue: who waits for a concert, in which order, and whose turn it is.
//!
//! The way of a join: Redis decides the order ([`scripts`], many people in one call), PostgreSQL remembers it ([`journal`]), only then is it
//! acknowledged. Every server runs the [`scheduler`]: claim a batch, [`issue`] it in one transaction, acknowledge it.
//! What Redis has lost is put back from the
//! journal ([`reconcile`]). Watchers live on ticks ([`hub`]).

mod agreement;
pub mod audit;
mod builds;
mod course;
mod held;
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
pub use held::held;
pub use hub::{News, TickEvent, TickHub};
pub(crate) use journal::{COMMITS, LOCK_PATIENCE};
pub use journal::{Join, Journal, Leave, Recorded};
pub use places::{Places, glance, look};
pub(crate) use turns::Turns;

use crate::rehearsals::Audience;
use crate::sessions::Session;
use crate::to_the_end::to_the_end;
use crate::together::Together;
use crate::{Client, Error, Result, Services, limits, rehearsals, tickets};
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

/// For how long a request is held while its queue is being built, before it is answered with "try again".
const PATIENCE: Duration = Duration::from_secs(2);

/// Queues that drivers build at the same time.
pub(crate) const BUILDS: usize = 4;

/// How often a request that waits for a queue to be built looks again. There is no event for it that would survive the loss
/// of Redis.
const LOOK_AGAIN: Duration = Duration::from_millis(100);

/// Gives the account its place at the end of the queue, or finds the one it has: from any tab, device or retry the same.
///
/// When this returns, the place is in Redis and on disk in PostgreSQL. Refused with [`Refusal::SaleNotOpen`],
/// [`Refusal::SaleClosed`], [`Refusal::HoldsTicket`], [`Refusal::NotFound`] or [`Refusal::TooManyRequests`].
pub async fn join(
    services: &Services,
    from: &Client,
    session: &Session,
    concert: ConcertId,
) -> Result<QueueView> {
    limits::join(services, from, session).await?;
    rehearsals::admit(services, session, concert).await?;
    let view = join_as(services, session.account_id, concert).await?;
    // Acknowledged, and so on record: the page of the place that comes next need not ask.
    services.places.keep(session.account_id, &view);
    Ok(view)
}

pub(crate) async fn join_as(
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

/// Gives the place up. Whoever has no place, or was issued a ticket a moment before, learns so from the answer.
pub async fn leave(
    services: &Services,
    session: &Session,
    concert: ConcertId,
) -> Result<QueueView> {
    leave_as(services, session.account_id, concert).await
}

pub(crate) async fn leave_as(
    services: &Services,
    account: AccountId,
    concert: ConcertId,
) -> Result<QueueView> {
    let services = services.clone();
    to_the_end(async move {
        let answer = ask(&services, Question::Standing, account, concert).await?;
        if let Some(arrival) = answer.reading.spot.as_ref().map(|spot| spot.arrival) {
            // The journal first: it arbitrates between this and the transaction that may be issuing a ticket right now.
            let entry = journal::Leave {
                concert,
                account,
                arrival,
            };
            if services.journal.leave(entry).await? {
                services.places.forget(account, concert);
                fail_point!("leave::recorded");
                remove(&services, concert, account, arrival).await?;
                // Once more: a page that was being made has read it before.
                services.places.forget(account, concert);
                // As of its tick the reading is as true as before, but for this place: nothing need be read again.
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

/// Whether this person may look at the queue: [`Refusal::NotFound`] of a draft, and for all but its people of a rehearsal.
pub async fn admit(services: &Services, by: &Session, concert: ConcertId) -> Result<()> {
    rehearsals::admit(services, by, concert).await
}

/// Where the account stands, as of the newest tick. What is shown as waiting is in Redis and on disk; where the two
/// disagree, the journal is right and Redis is mended first. In a draft nobody stands: [`Refusal::NotFound`].
pub async fn view(
    services: &Services,
    account: AccountId,
    concert: ConcertId,
) -> Result<QueueView> {
    if rehearsals::audience(services, concert).await? == Audience::Organisers {
        return Err(Refusal::NotFound.into());
    }
    let viewing = async {
        loop {
            if let Some(view) = try_view(services, account, concert).await? {
                return Ok(view);
            }
        }
    };
    patiently(viewing).await
}

/// For as long as patience lasts.
async fn patiently<T>(trying: impl Future<Output = Result<T>>) -> Result<T> {
    tokio::time::timeout(PATIENCE, trying)
        .await
        .unwrap_or(Err(Error::Rebuilding))
}

/// None: the stores disagreed and have been mended; nothing was acknowledged, so begin again.
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
        ("holds", _) if tickets::holds(services, account, concert).await? => {
            Err(Refusal::HoldsTicket.into())
        }
        ("holds", _) => {
            // Cancelled while Redis was away.
            Box::pin(cancelled(services, concert, account)).await?;
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

/// Puts a place that Redis gave on disk. False: it cannot stand as it is, and Redis has been mended.
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
        // The journal knows an older place of this account, which Redis had lost: that one is the true one.
        Recorded::Waiting(older) => Box::pin(restore(services, concert, account, older))
            .await
            .map(|()| false),
        Recorded::Settled => {
            // Issued and not acknowledged yet: the ticket is what is shown. Left or expired: Redis was not told.
            let issued = Box::pin(tickets::holds(services, account, concert)).await?;
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

/// None: the stores disagreed and have been mended.
async fn try_view(
    services: &Services,
    account: AccountId,
    concert: ConcertId,
) -> Result<Option<QueueView>> {
    // Redis first, then PostgreSQL: whatever has left Redis in between is already on record.
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
                // Issued, and given back before Redis was told of the ticket.
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

/// What a reading says by itself: waiting since just now, or absent.
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

/// What Redis knows of a queue and of one account's place in it.
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

/// What [`scripts::JOIN`] and [`scripts::STANDING`] answer one person.
struct Answer {
    word: String,
    /// Which build of the queue answered.
    generation: i64,
    reading: Reading,
}

/// What is asked of a queue for one person. Those who ask the same travel together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Question {
    Join,
    Standing,
}

/// Those who ask at the moment. An answer is none when the queue is not there.
pub struct Asked(Arc<Together<(Question, ConcertId), AccountId, Option<Answer>>>);

/// So many people travel in one call to Redis: a millisecond or two, during which nobody else is served.
const MOST_PER_CALL: usize = 200;

impl Default for Asked {
    fn default() -> Asked {
        Asked(Arc::new(Together::new(MOST_PER_CALL, 2)))
    }
}

/// Asks Redis; when it does not have the queue, has it built and asks again, for as long as patience lasts.
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
            // One builder at a time in this process; everybody else only looks whether it is done.
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

/// One call for everybody who asks the same.
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
        // Each of them fails in the same way.
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

/// word, generation, tick, waiting, sale, opens_at, people: the prelude's `reading`.
type RawAnswer = (String, i64, i64, u64, String, i64, Vec<String>);

/// What the `n`-th of those who asked is told.
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

/// Puts back a place that the journal has and Redis has not.
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
    // Whoever called asks again, but not at once: perhaps somebody else is at it.
    tokio::time::sleep(LOOK_AGAIN).await;
    Ok(())
}

/// Takes a place out of Redis that the journal says is none.
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

/// Some of the accounts in a queue's set of holders, and where the others begin; at 0 there are no more. As with every such scan,
/// one that is there all the time is among them, once or more often.
async fn holders_from(services: &Services, key: &str, cursor: u64) -> Result<(u64, Vec<i64>)> {
    Ok(redis::cmd("SSCAN")
        .arg(key)
        .arg(cursor)
        .arg("COUNT")
        .arg(1_000)
        .query_async(&mut services.redis.connection())
        .await?)
}

/// Tells the queue at once what has changed in PostgreSQL. If Redis is away, the scheduler tells it later.
pub(crate) async fn sync(services: &Services, concert: ConcertId) -> Result<()> {
    let sale = SaleRow::find(&services.db, concert).await?;
    let told =
        scripts::call::<i64>(&services.redis, &scripts::SYNC, concert, sale.arguments()).await;
    if let Err(error) = told {
        tracing::warn!(%concert, %error, "the queue could not be told of a change yet");
    }
    Ok(())
}

/// Takes the queue of a concert that is being deleted out of Redis.
pub(crate) async fn forget(services: &Services, concert: ConcertId) -> Result<()> {
    redis::cmd("DEL")
        .arg(&keys::of(&services.redis, concert))
        .exec_async(&mut services.redis.connection())
        .await?;
    Ok(())
}

/// Lets the former holder join again and gives the ticket to the head of the queue with the next tick.
pub(crate) async fn cancelled(
    services: &Services,
    concert: ConcertId,
    account: AccountId,
) -> Result<()> {
    let sale = SaleRow::find(&services.db, concert).await?;
    let arguments = (account.0, sale.arguments());
    scripts::call::<i64>(&services.redis, &scripts::CANCEL, concert, arguments).await?;
    Ok(())
}

fn number(text: &str) -> Result<i64> {
    text.parse()
        .map_err(|_| Error::Broken(format!("Redis answered {text:?} where a number belongs")))
}
