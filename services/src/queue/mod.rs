//! The queue: who waits for a concert, in which order, and whose turn it is.
//!
//! The way of a join: Redis decides the order ([`scripts`]), PostgreSQL remembers it ([`journal`]), only then is it
//! acknowledged. Every server runs the [`scheduler`]: claim a batch, [`issue`] it in one transaction, acknowledge it.
//! A queue that Redis does not have is [`build`]-t from the journal. Watchers live on ticks ([`hub`]).

mod build;
mod hub;
pub mod issue;
mod journal;
mod keys;
pub mod sale;
pub mod scheduler;
mod scripts;

pub use hub::{TickEvent, TickHub};
pub use journal::{Join, Journal, Leave};

use crate::sessions::Session;
use crate::{Error, Result, Services, tickets};
use chrono::{DateTime, Utc};
use model::Refusal;
use model::accounts::AccountId;
use model::concerts::ConcertId;
use model::queue::{Arrival, QueueView, Sale, Standing, TickId};
use model::tickets::TicketId;
use redis::Script;
use sale::SaleRow;
use std::time::Duration;

/// For how long a request is held while its queue is being built, before it is answered with "try again".
const PATIENCE: Duration = Duration::from_secs(2);

/// Gives the account its place at the end of the queue, or finds the one it has: from any tab, device or retry the same.
///
/// When this returns, the place is in Redis and on disk in PostgreSQL. Refused with [`Refusal::SaleNotOpen`],
/// [`Refusal::SaleClosed`], [`Refusal::HoldsTicket`] or [`Refusal::NotFound`].
pub async fn join(services: &Services, session: &Session, concert: ConcertId) -> Result<QueueView> {
    join_as(services, session.account_id, concert).await
}

pub(crate) async fn join_as(
    services: &Services,
    account: AccountId,
    concert: ConcertId,
) -> Result<QueueView> {
    let joining = async {
        loop {
            if let Some(view) = try_join(services, account, concert).await? {
                return Ok(view);
            }
        }
    };
    tokio::time::timeout(PATIENCE, joining)
        .await
        .unwrap_or(Err(Error::Rebuilding))
}

/// None: the queue was built anew between Redis's answer and the journal's; nothing was acknowledged, so begin again.
async fn try_join(
    services: &Services,
    account: AccountId,
    concert: ConcertId,
) -> Result<Option<QueueView>> {
    let mut answer = ask(services, &scripts::JOIN, account, concert).await?;
    if answer.word == "holds" && !tickets::holds(services, account, concert).await? {
        // Cancelled while Redis was away.
        cancelled(services, concert, account).await?;
        answer = ask(services, &scripts::JOIN, account, concert).await?;
    }
    let Answer {
        word,
        generation,
        reading,
    } = answer;
    match (word.as_str(), &reading.spot) {
        ("joined" | "placed", Some(Spot { arrival, rank })) => {
            let (arrival, joined_rank) = (*arrival, *rank as i64);
            let entry = journal::Join {
                concert,
                account,
                arrival,
                joined_rank,
                generation,
            };
            match services.journal.join(entry).await? {
                None => {
                    scripts::call::<i64>(
                        &services.redis,
                        &scripts::INVALIDATE,
                        concert,
                        generation,
                    )
                    .await?;
                    Ok(None)
                }
                Some(recorded) if recorded == arrival && word == "joined" => {
                    Ok(Some(waiting_view(services, concert, reading)))
                }
                Some(recorded) => {
                    if recorded != arrival {
                        // The journal knows an older place of this account, which Redis had lost: that one is the true one.
                        restore(services, concert, account, recorded).await?;
                    }
                    view(services, account, concert).await.map(Some)
                }
            }
        }
        ("holds", _) => Err(Refusal::HoldsTicket.into()),
        ("closed", _) => Err(Refusal::SaleClosed.into()),
        ("early", _) => Err(Refusal::SaleNotOpen {
            opens_at: reading.sale_opens_at,
        }
        .into()),
        (other, _) => Err(Error::Broken(format!("join answered {other:?}"))),
    }
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
    if let Some(spot) = read(services, account, concert).await?.spot {
        // The journal first: it arbitrates between this and the transaction that may be issuing a ticket right now.
        let entry = journal::Leave {
            concert,
            account,
            arrival: spot.arrival,
        };
        if services.journal.leave(entry).await? {
            let arguments = (account.0, spot.arrival.0);
            scripts::call::<i64>(&services.redis, &scripts::LEAVE, concert, arguments).await?;
        }
    }
    view(services, account, concert).await
}

/// Where the account stands, as of the newest tick.
pub async fn view(
    services: &Services,
    account: AccountId,
    concert: ConcertId,
) -> Result<QueueView> {
    // Redis first, then PostgreSQL: whatever has left Redis in between is already on record.
    let reading = read(services, account, concert).await?;
    let Some(entry) = journal::newest_entry(&services.db, account, concert).await? else {
        return Ok(waiting_view(services, concert, reading));
    };
    let state = entry.state.as_str();
    if reading.spot.is_none() && state == "waiting" && entry.ticket.is_none() {
        restore(services, concert, account, Arrival(entry.arrival)).await?;
        // Whoever asks again finds it; an answer now would have to guess the rank.
        return Err(Error::Rebuilding);
    }
    let mut view = waiting_view(services, concert, reading);
    match &mut view.standing {
        standing if entry.ticket.is_some() => {
            *standing = Standing::Issued {
                ticket: entry.ticket.map(TicketId),
            }
        }
        Standing::Waiting {
            rank, joined_rank, ..
        } => *joined_rank = (entry.joined_rank as u64).max(*rank),
        standing if state == "expired" => *standing = Standing::Expired,
        // Left, or issued and then cancelled.
        standing => *standing = Standing::Left,
    }
    Ok(view)
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

/// What [`scripts::JOIN`] and [`scripts::STANDING`] answer.
struct Answer {
    word: String,
    /// Which build of the queue answered.
    generation: i64,
    reading: Reading,
}

async fn read(services: &Services, account: AccountId, concert: ConcertId) -> Result<Reading> {
    Ok(ask(services, &scripts::STANDING, account, concert)
        .await?
        .reading)
}

/// Asks Redis; when it does not have the queue, builds it and asks again, for as long as patience lasts.
async fn ask(
    services: &Services,
    script: &Script,
    account: AccountId,
    concert: ConcertId,
) -> Result<Answer> {
    let asking = async {
        loop {
            let answer: Vec<String> =
                scripts::call(&services.redis, script, concert, account.0).await?;
            if answer.first().is_some_and(|word| word != "unbuilt") {
                return parse(answer);
            }
            if build::build(services, concert).await? == build::Outcome::Busy {
                // Somebody else is building; there is no event for "done" that would survive a lost Redis.
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        }
    };
    tokio::time::timeout(PATIENCE, asking)
        .await
        .unwrap_or(Err(Error::Rebuilding))
}

fn parse(answer: Vec<String>) -> Result<Answer> {
    let [
        word,
        generation,
        tick,
        waiting,
        sale,
        opens_at,
        arrival,
        rank,
    ] = answer.as_slice()
    else {
        return Err(Error::Broken(format!("a queue script answered {answer:?}")));
    };
    let spot = match arrival.as_str() {
        "" => None,
        arrival => Some(Spot {
            arrival: Arrival(number(arrival)?),
            rank: number(rank)? as u64,
        }),
    };
    let reading = Reading {
        tick: TickId(number(tick)?),
        waiting: number(waiting)? as u64,
        sale: serde_json::from_str(sale)
            .map_err(|error| Error::Broken(format!("sale {sale:?}: {error}")))?,
        sale_opens_at: Arrival(number(opens_at)?).instant().unwrap_or_default(),
        spot,
    };
    Ok(Answer {
        word: word.clone(),
        generation: number(generation)?,
        reading,
    })
}

async fn restore(
    services: &Services,
    concert: ConcertId,
    account: AccountId,
    arrival: Arrival,
) -> Result<()> {
    let restored: i64 = scripts::call(
        &services.redis,
        &scripts::RESTORE,
        concert,
        (account.0, arrival.0),
    )
    .await?;
    if restored == 1 {
        tracing::warn!(%concert, %account, arrival = arrival.0, "a place that Redis had lost was put back");
    }
    Ok(())
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
