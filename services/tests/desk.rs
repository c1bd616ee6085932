//! The dashboard shows how a sale goes, and shows nothing to accounts that may not steer it.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod support;

use chrono::TimeDelta;
use futures::future::join_all;
use model::Refusal;
use model::accounts::Role;
use model::concerts::{Adjustment, Changed, Concert, ConcertDetails, ConcertId, Phase, Steering};
use model::desk::{BIN_S, DeskView, Outlook};
use services::admission;
use services::queue::sale::SaleRow;
use services::queue::scheduler::{self, Progress};
use services::sessions::Session;
use services::{Error, Services, concerts, desk, tickets};
use support::queue::{LEASE, NO_PACE, live_tickets, redis_command};
use support::{World, another_server, here, session, world};

/// A sale by "mina", with accounts to join it.
struct Sale {
    world: World,
    mina: Session,
    concert: Concert,
    fans: Vec<Session>,
}

async fn sale(capacity: u32, batch_size: u32, fans: i64) -> Sale {
    let world = world().await;
    let mina = world.organiser("mina").await;
    let details = ConcertDetails {
        capacity,
        batch_size,
        interval_ms: NO_PACE,
        ..world.details()
    };
    let concert = concerts::create(&world.services, &mina, details).await;
    let fans = world.accounts(fans).await;
    Sale {
        mina,
        concert: concert.unwrap(),
        fans,
        world,
    }
}

impl Sale {
    async fn join(&self, fan: usize) {
        let Sale { world, fans, .. } = self;
        admission::join(&world.services, &here(), &fans[fan], self.concert.id)
            .await
            .unwrap();
    }

    async fn leave(&self, fan: usize) {
        admission::leave(&self.world.services, &self.fans[fan], self.concert.id)
            .await
            .unwrap();
    }

    /// Issues a batch, if any account waits, and notes the throughput before it, as if a second had
    /// passed.
    async fn step(&self) {
        redis_command(&self.world, &["HDEL"], "state", &self.concert, &["noted"]).await;
        let sale = SaleRow::find(&self.world.services.db, self.concert.id).await;
        scheduler::step(
            &self.world.services,
            self.concert.id,
            &sale.unwrap(),
            LEASE,
            &mut Progress::default(),
        )
        .await
        .unwrap();
    }

    fn key(&self, name: &str) -> String {
        let key = format_args!("queue:{{{}}}:{name}", self.concert.id);
        self.world.services.redis.key(key)
    }

    /// Returns the notes of the throughput, each as "until,over,joined,issued".
    async fn notes(&self) -> Vec<String> {
        redis::cmd("LRANGE")
            .arg(self.key("course"))
            .arg((0, -1))
            .query_async(&mut self.world.services.redis.connection())
            .await
            .unwrap()
    }

    /// Moves all notes into the past by `by`.
    async fn later(&self, by: TimeDelta) {
        for (n, note) in self.notes().await.iter().enumerate() {
            let (until, rest) = note.split_once(',').unwrap();
            let until = until.parse::<i64>().unwrap() - by.num_microseconds().unwrap();
            let (n, note) = (n.to_string(), format!("{until},{rest}"));
            redis_command(
                &self.world,
                &["LSET"],
                "course",
                &self.concert,
                &[&n, &note],
            )
            .await;
        }
    }

    /// Returns the dashboard as a server with no earlier view shows it.
    async fn view(&self) -> DeskView {
        let fresh = another_server(&self.world.stores, &self.world.clock).await;
        let view = desk::view(&fresh, &self.mina, self.concert.id).await;
        fresh.close().await;
        view.unwrap()
    }

    async fn count(&self, of: &'static str) -> u64 {
        let counted = sqlx::query_scalar::<_, i64>(of)
            .bind(self.concert.id.0)
            .fetch_one(&self.world.services.db)
            .await;
        counted.unwrap() as u64
    }

    async fn adjust(&self, by: &Session, adjustment: Adjustment) -> Result<Concert, Error> {
        concerts::adjust(&self.world.services, by, self.concert.id, adjustment).await
    }

    /// Returns the changes, oldest first.
    async fn changes(&self) -> Vec<Changed> {
        let changes = concerts::changes(&self.world.services, &self.mina, self.concert.id).await;
        changes
            .unwrap()
            .into_iter()
            .rev()
            .map(|c| c.changed)
            .collect()
    }
}

const PLACES: &str = "SELECT count(*) FROM queue_entries WHERE concert_id = $1";
const WAITING: &str =
    "SELECT count(*) FROM queue_entries WHERE concert_id = $1 AND state = 'waiting'";
const TICKETS: &str = "SELECT count(*) FROM tickets WHERE concert_id = $1";
const LIVE: &str = "SELECT count(*) FROM tickets WHERE concert_id = $1 AND cancelled_at IS NULL";

fn pace(batch_size: u32, interval_ms: u32) -> Adjustment {
    Adjustment::Pace {
        batch_size,
        interval_ms,
    }
}

fn refusal<T>(outcome: Result<T, Error>) -> Option<Refusal> {
    outcome.err().map(|error| error.refusal())
}

/// Joins, repeated joins, leaves, rejoins, tickets and a cancellation: each is counted once, in any
/// combination.
#[tokio::test]
async fn the_figures_are_those_of_the_journal() {
    let sale = sale(30, 4, 30).await;
    let early = sale.view().await;
    assert_eq!((early.phase, early.waiting), (Phase::Selling, None));
    for round in 0..6 {
        for fan in 0..5 {
            sale.join(5 * round + fan).await;
            sale.join(5 * round + fan).await;
        }
        sale.step().await;
        match round {
            1 => {
                sale.leave(9).await;
                sale.join(9).await;
            }
            3 => {
                let (account, ..) = live_tickets(&sale.world.services, &sale.concert).await[0];
                let holder = session(account, Role::User);
                let ticket = tickets::list(&sale.world.services, &holder).await.unwrap();
                tickets::cancel(&sale.world.services, &holder, ticket[0].id)
                    .await
                    .unwrap();
            }
            _ => {}
        }
        sale.step().await;
        let view = sale.view().await;
        assert_eq!(view.waiting, Some(sale.count(WAITING).await), "{round}");
        assert_eq!(u64::from(view.issued), sale.count(LIVE).await, "{round}");
        assert_eq!(view.left(), 30 - view.issued);
        assert_eq!(view.capacity, 30);

        sale.step().await;
        let (mut joined, mut issued) = (0, 0);
        for note in sale.notes().await {
            let numbers: Vec<u64> = note.split(',').map(|n| n.parse().unwrap()).collect();
            assert!((1..=1_000_000).contains(&numbers[1]), "{note}");
            joined += numbers[2];
            issued += numbers[3];
        }
        let told = sale.view().await.course.unwrap();
        // Figures that are not noted yet are shown, too; all of them are recent.
        let places = sale.count(PLACES).await;
        assert!(joined <= places && issued <= sale.count(TICKETS).await);
        assert!(told.joining * BIN_S as f64 <= places as f64, "{told:?}");
    }
    sale.step().await;
    sale.step().await;
    sale.later(TimeDelta::seconds(2 * BIN_S)).await;
    let course = sale.view().await.course.unwrap();
    let total = |bars: &[f64]| (bars.iter().sum::<f64>() * BIN_S as f64).round() as u64;
    assert_eq!(total(&course.joined), sale.count(PLACES).await);
    assert_eq!(total(&course.issued), sale.count(TICKETS).await);
    assert_eq!((course.joining, course.issuing), (0.0, 0.0));
}

#[tokio::test]
async fn a_quiet_second_is_not_noted_and_a_long_sale_forgets_its_beginning() {
    let sale = sale(500, 1, 310).await;
    for fan in 0..310 {
        sale.join(fan).await;
        sale.step().await;
    }
    let notes = sale.notes().await;
    assert_eq!(notes.len(), 300);
    // Until no account waits and the last issued tickets are noted.
    while sale.view().await.waiting != Some(0) {
        sale.step().await;
    }
    sale.step().await;
    let noted = sale.notes().await;
    for _ in 0..3 {
        sale.step().await;
    }
    assert_eq!(sale.notes().await, noted);
}

#[tokio::test]
async fn the_end_is_estimated_from_pace_and_what_is_left() {
    let sale = sale(300, 10, 0).await;
    let people = sale.world.accounts(40).await;
    for fan in &people {
        admission::join(&sale.world.services, &here(), fan, sale.concert.id)
            .await
            .unwrap();
    }
    // As if all had joined long ago.
    redis_command(&sale.world, &["HDEL"], "state", &sale.concert, &["joined"]).await;
    sale.adjust(&sale.mina, pace(10, 2000)).await.unwrap();
    let view = sale.view().await;
    let Some(Outlook::Enough { by, left }) = view.outlook else {
        panic!("{view:?}");
    };
    assert_eq!((by - view.server_time, left), (TimeDelta::seconds(8), 260));

    sale.adjust(&sale.mina, Adjustment::Capacity(25))
        .await
        .unwrap();
    let view = sale.view().await;
    let Some(Outlook::SellsOut { at }) = view.outlook else {
        panic!("{view:?}");
    };
    assert_eq!(at - view.server_time, TimeDelta::seconds(6));

    let services = &sale.world.services;
    concerts::steer(services, &sale.mina, sale.concert.id, Steering::Pause)
        .await
        .unwrap();
    let paused = sale.view().await;
    assert_eq!((paused.phase, paused.outlook), (Phase::Paused, None));
}

#[tokio::test]
async fn looking_often_asks_the_queue_once_a_second() {
    let sale = sale(30, 10, 10).await;
    let services = &sale.world.services;
    sale.join(0).await;
    let mut spared = false;
    for fan in 1..10 {
        let look = async || {
            desk::view(services, &sale.mina, sale.concert.id)
                .await
                .unwrap()
        };
        let before = look().await.waiting;
        sale.join(fan).await;
        // A single round is enough, because a slow machine may take more than a second for the
        // others.
        spared |= look().await.waiting == before;
    }
    assert!(spared);
}

#[tokio::test]
async fn a_queue_that_cannot_be_asked_leaves_the_desk_in_order() {
    let sale = sale(30, 2, 4).await;
    for fan in 0..4 {
        sale.join(fan).await;
    }
    sale.step().await;
    sale.world.lose("queue:*").await;
    let view = sale.view().await;
    assert_eq!((view.issued, view.left()), (2, 28));
    assert_eq!(
        (view.waiting, view.course, view.outlook),
        (None, None, None)
    );
    let adjusted = sale.adjust(&sale.mina, pace(3, 500)).await.unwrap();
    assert_eq!((adjusted.batch_size, adjusted.interval_ms), (3, 500));
    sale.step().await;
    assert_eq!(sale.view().await.waiting, Some(2));
}

#[tokio::test]
async fn only_who_may_edit_the_concert_sees_its_desk_and_sets_its_sale() {
    let sale = sale(30, 10, 1).await;
    let services = &sale.world.services;
    let rival = sale.world.organiser("rival").await;
    let admin = session(sale.fans[0].account_id.0, Role::Admin);
    for stranger in [&sale.fans[0], &rival] {
        let looked = desk::view(services, stranger, sale.concert.id).await;
        assert_eq!(refusal(looked), Some(Refusal::Forbidden));
        for adjustment in [pace(1, 100), Adjustment::Capacity(31)] {
            let outcome = sale.adjust(stranger, adjustment).await;
            assert_eq!(refusal(outcome), Some(Refusal::Forbidden));
        }
    }
    assert_eq!(sale.changes().await, []);
    for by in [&sale.mina, &admin] {
        desk::view(services, by, sale.concert.id).await.unwrap();
        let nowhere = desk::view(services, by, ConcertId(99_999)).await;
        assert_eq!(refusal(nowhere), Some(Refusal::NotFound));
    }
    sale.adjust(&admin, Adjustment::Capacity(31)).await.unwrap();
}

#[tokio::test]
async fn every_change_is_on_record_and_counts_with_the_next_batch() {
    let sale = sale(30, 10, 12).await;
    for fan in 0..12 {
        sale.join(fan).await;
    }
    sale.adjust(&sale.mina, pace(5, NO_PACE)).await.unwrap();
    sale.step().await;
    assert_eq!(sale.count(LIVE).await, 5);
    // Setting the current value is no change; a capacity below the issued tickets is refused.
    sale.adjust(&sale.mina, pace(5, NO_PACE)).await.unwrap();
    sale.adjust(&sale.mina, Adjustment::Capacity(30))
        .await
        .unwrap();
    let below = sale.adjust(&sale.mina, Adjustment::Capacity(4)).await;
    assert_eq!(
        refusal(below),
        Some(Refusal::CapacityBelowIssued { issued: 5 })
    );
    sale.adjust(&sale.mina, Adjustment::Capacity(7))
        .await
        .unwrap();
    sale.step().await;
    sale.step().await;
    assert_eq!(sale.count(LIVE).await, 7);
    sale.adjust(&sale.mina, pace(6, 900)).await.unwrap();
    let expected = [
        Changed::BatchSize { old: 10, new: 5 },
        Changed::Capacity { old: 30, new: 7 },
        Changed::BatchSize { old: 5, new: 6 },
        Changed::IntervalMs {
            old: NO_PACE,
            new: 900,
        },
    ];
    assert_eq!(sale.changes().await, expected);

    // The sale is over, by the clock and permanently: no setting can be changed.
    sale.world.clock.advance(TimeDelta::days(31));
    for adjustment in [pace(1, 100), Adjustment::Capacity(100)] {
        let outcome = sale.adjust(&sale.mina, adjustment).await;
        assert_eq!(refusal(outcome), Some(Refusal::SaleClosed));
    }
    assert_eq!(sale.changes().await, expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn changes_at_the_same_moment_follow_one_on_the_other() {
    let sale = sale(30, 10, 0).await;
    let other = another_server(&sale.world.stores, &sale.world.clock).await;
    let adjust = |n: u32| {
        let services: &Services = if n.is_multiple_of(2) {
            &other
        } else {
            &sale.world.services
        };
        concerts::adjust(
            services,
            &sale.mina,
            sale.concert.id,
            Adjustment::Capacity(31 + n),
        )
    };
    for outcome in join_all((0..20).map(adjust)).await {
        outcome.unwrap();
    }
    let mut capacity = 30;
    let changes = sale.changes().await;
    assert_eq!(changes.len(), 20);
    for change in changes {
        let Changed::Capacity { old, new } = change else {
            panic!("{change:?}");
        };
        assert_eq!(old, capacity);
        capacity = new;
    }
    assert_eq!(sale.view().await.capacity, capacity);
}
