//! One of the people: waits for their moment, joins, watches, perhaps leaves, and receives a ticket.

use crate::client::{Answer, EventStream, Token};
use crate::hall::{Hall, lock};
use crate::organiser::TokenPair;
use crate::record::{self, Acknowledged, End, EndStanding, Join, Leave};
use model::Refusal;
use model::queue::{Applied, Arrival, QueueView, Standing, Tick};
use model::tickets::{Ticket, TicketId};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use serde::de::DeserializeOwned;
use std::collections::VecDeque;
use std::future::pending;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;
use tokio::time::{Instant, sleep, sleep_until};

/// Ranks that are remembered by their ticks, to compare them with what `queue_view` says a moment later.
const REMEMBERED: usize = 64;

/// What one of the people is going to do.
pub struct Plan {
    pub token: Token,
    /// Name and password of who logs in before joining.
    pub sign_in: Option<(String, String)>,
    /// After the opening.
    pub due: Duration,
    /// Follows the stream; else asks every few seconds, as the page does without JavaScript.
    pub watches: bool,
    /// After the acknowledgement, unless the turn comes first.
    pub leaves_after: Option<Duration>,
    /// Sends the join a second time at once, as a double click does.
    pub joins_twice: bool,
    /// After the acknowledgement: asks `queue_view` once while watching.
    pub compares_after: Option<Duration>,
}

/// Somebody, and what they have met with so far.
pub struct Person {
    hall: Arc<Hall>,
    token: Token,
    rng: StdRng,
    /// Where they stand, by what they were told last.
    view: Option<QueueView>,
    /// Tick and rank, oldest first.
    remembered: VecDeque<(i64, u64)>,
    /// What `queue_view` said as of a tick that the stream has yet to tell.
    to_compare: Option<(i64, u64)>,
    pub record: record::Person,
}

impl Person {
    pub fn new(hall: Arc<Hall>, token: Token, seed: u64) -> Person {
        Person {
            hall,
            token,
            rng: StdRng::seed_from_u64(seed),
            view: None,
            remembered: VecDeque::new(),
            to_compare: None,
            record: record::Person::default(),
        }
    }

    /// Goes the whole way, until there is nothing left to do or everybody goes home.
    pub async fn take_part(mut self, plan: Plan) -> Person {
        let closing = self.hall.closing.clone();
        if plan.leaves_after.is_some() {
            self.hall.counts.leaving.fetch_add(1, Relaxed);
        }
        tokio::select! {
            () = self.go(plan) => {}
            () = closing.cancelled() => {}
        }
        self
    }

    async fn go(&mut self, plan: Plan) {
        self.record.due = plan.due.as_micros() as i64;
        sleep_until(self.hall.clock.at(plan.due)).await;
        if let Some((name, password)) = &plan.sign_in {
            self.sign_in(name, password).await;
        }
        let joined = self.join().await;
        self.hall.counts.arrived.fetch_add(1, Relaxed);
        if !joined {
            if plan.leaves_after.is_some() {
                self.hall.counts.leaving.fetch_sub(1, Relaxed);
            }
            return;
        }
        let now = Instant::now();
        if plan.joins_twice {
            self.join_again().await;
        }
        let mut compares_at = plan.compares_after.map(|after| now + after);
        let leaves_at = plan.leaves_after.map(|after| now + after);
        // Watching and leaving, whichever comes first; the stream is dropped with it.
        tokio::select! {
            () = self.watch(plan.watches, &mut compares_at) => {
                if leaves_at.is_some() {
                    self.hall.counts.leaving.fetch_sub(1, Relaxed);
                }
            }
            () = at(leaves_at) => {
                let left = self.leave().await;
                self.hall.counts.leaving.fetch_sub(1, Relaxed);
                if left {
                    return;
                }
            }
        }
        self.receive().await;
    }

    async fn sign_in(&mut self, name: &str, password: &str) {
        let began = Instant::now();
        loop {
            let fields = [("account_name", name), ("password", password)];
            let answer = self
                .hall
                .client
                .post::<TokenPair>("create_token", None, &fields)
                .await;
            match self.sift("create_token", answer) {
                Ok(Some(pair)) => {
                    if let Ok(token) = Token::new(&pair.access_token) {
                        self.token = token;
                    }
                    self.record.sign_in = Some(began.elapsed().as_micros() as u64);
                    return;
                }
                Ok(None) => self.pause().await,
                Err(refusal) => {
                    self.complain("create_token", &refusal);
                    return;
                }
            }
        }
    }

    /// Whether there is a place, or was one.
    async fn join(&mut self) -> bool {
        let mut sent = self.hall.clock.now();
        loop {
            self.record.join = Some(Join {
                sent,
                acknowledged: None,
            });
            let answer = self.post::<QueueView>("join_queue").await;
            let at = self.hall.clock.now();
            match self.sift("join_queue", answer) {
                Ok(Some(view)) => {
                    let arrival = arrival(&view);
                    let acknowledged = Some(Acknowledged { at, arrival });
                    self.record.join = Some(Join { sent, acknowledged });
                    let took = (at - sent).max(0) as u64;
                    lock(&self.hall.join_latency).add(took);
                    self.hall.counts.joined.fetch_add(1, Relaxed);
                    self.show(view);
                    return true;
                }
                Ok(None) => self.pause().await,
                // The clocks differ by a moment. This attempt has certainly given no place.
                Err(Refusal::SaleNotOpen { .. }) => {
                    self.pause().await;
                    sent = self.hall.clock.now();
                }
                Err(refusal) => {
                    self.complain("join_queue", &refusal);
                    return false;
                }
            }
        }
    }

    async fn join_again(&mut self) {
        let answer = self.post::<QueueView>("join_queue").await;
        match self.sift("join_queue", answer) {
            Ok(Some(view)) => self.record.second_join = Some(arrival(&view)),
            Err(Refusal::HoldsTicket) => self.record.second_join = Some(None),
            Ok(None) => {}
            Err(refusal) => self.complain("join_queue", &refusal),
        }
    }

    /// Until the turn has come, or the place is gone.
    async fn watch(&mut self, by_stream: bool, compares_at: &mut Option<Instant>) {
        while self.is_waiting() {
            let concert = self.hall.concert.to_string();
            let fields = [("concert_id", concert.as_str())];
            if !by_stream {
                self.poll().await;
                continue;
            }
            let opened = self
                .hall
                .client
                .stream("queue_stream", &self.token, &fields)
                .await;
            match self.sift("queue_stream", opened) {
                Ok(Some(stream)) => {
                    let watching = Watching::new(self.hall.clone());
                    self.follow(stream, compares_at).await;
                    drop(watching);
                    if self.is_waiting() {
                        self.pause().await;
                    }
                }
                Ok(None) => self.pause().await,
                // Whoever is one too many asks every few seconds.
                Err(Refusal::TooManyStreams) => self.poll().await,
                Err(refusal) => {
                    self.complain("queue_stream", &refusal);
                    self.poll().await;
                }
            }
        }
    }

    async fn poll(&mut self) {
        let between = Duration::from_millis(self.rng.random_range(2000..4000));
        sleep(between).await;
        if let Some(view) = self.look().await {
            self.show(view);
        }
    }

    /// One stream, until its end or the end of waiting.
    async fn follow(&mut self, mut stream: EventStream, compares_at: &mut Option<Instant>) {
        // The stream begins with a whole view, which is not compared with the one that joining gave but for its rank.
        self.remembered.clear();
        while self.is_waiting() {
            tokio::select! {
                event = stream.next() => match event {
                    Some(event) => if !self.hear(&event.name, &event.data) { return },
                    None => return,
                },
                () = at(*compares_at) => {
                    *compares_at = None;
                    self.compare().await;
                }
            }
        }
    }

    /// False: the stream is of no use any more.
    fn hear(&mut self, name: &str, data: &str) -> bool {
        match name {
            "view" => match serde_json::from_str::<QueueView>(data) {
                Ok(view) => self.show(view),
                Err(error) => self.hall.complain(format!("queue_stream: a view: {error}")),
            },
            "tick" => {
                let Some(tick) = self.hall.tick(data) else {
                    self.hall
                        .complain("queue_stream: a tick that says nothing".to_owned());
                    return true;
                };
                let lag = (self.hall.clock.now_there() - tick.id.0).max(0) as u64;
                return self.move_on(&tick, lag);
            }
            // The server stops.
            "bye" => return false,
            _ => {}
        }
        true
    }

    fn move_on(&mut self, tick: &Tick, lag: u64) -> bool {
        let Some(view) = &mut self.view else {
            return true;
        };
        let before = rank(view);
        match view.apply(tick) {
            Applied::Old => return true,
            Applied::Gap => {
                self.record.gaps += 1;
                return false;
            }
            Applied::Yes => lock(&self.hall.tick_lag).add(lag),
        }
        let after = rank(view);
        self.shown(before, after, tick.id.0);
        true
    }

    /// Takes over a whole view.
    fn show(&mut self, view: QueueView) {
        self.hall.heard_of(view.tick, &view.sale);
        let older = self.view.as_ref().is_some_and(|old| old.tick > view.tick);
        // An answer that was overtaken by a tick.
        if older {
            return;
        }
        let before = self.view.as_ref().and_then(rank);
        let (after, tick) = (rank(&view), view.tick.0);
        self.view = Some(view);
        self.shown(before, after, tick);
    }

    fn shown(&mut self, before: Option<u64>, after: Option<u64>, tick: i64) {
        if let (Some(before), Some(after)) = (before, after)
            && after > before
        {
            self.record.grown.push((tick, before, after));
        }
        if after != before
            && let Some(after) = after
        {
            self.record.ranks.push((self.hall.clock.now(), after));
        }
        if let Some(rank) = after {
            self.remembered.push_back((tick, rank));
            if self.remembered.len() > REMEMBERED {
                self.remembered.pop_front();
            }
            if let Some((compared, by_view)) = self.to_compare
                && compared <= tick
            {
                self.to_compare = None;
                self.note(compared, by_view);
            }
        }
        if self.record.called.is_none() && matches!(self.standing(), Some(Standing::Issued { .. }))
        {
            self.record.called = Some(self.hall.clock.now());
            self.hall.counts.issued.fetch_add(1, Relaxed);
        }
    }

    /// Asks where one stands, and holds it against what the ticks say.
    async fn compare(&mut self) {
        let Some(view) = self.look().await else {
            return;
        };
        if let Some(by_view) = rank(&view) {
            let newest = self.remembered.back().map(|(tick, _)| *tick);
            match newest.is_some_and(|newest| newest >= view.tick.0) {
                true => self.note(view.tick.0, by_view),
                false => self.to_compare = Some((view.tick.0, by_view)),
            }
        }
    }

    fn note(&mut self, tick: i64, by_view: u64) {
        // A tick that is not among those remembered was told in another stream.
        if let Some((_, by_ticks)) = self.remembered.iter().find(|(known, _)| *known == tick) {
            self.record.compared += 1;
            if *by_ticks != by_view {
                self.record.differing.push((tick, *by_ticks, by_view));
            }
        }
    }

    /// Whether the place is given up; else the turn came first.
    async fn leave(&mut self) -> bool {
        let sent = self.hall.clock.now();
        self.record.leave = Some(Leave {
            sent,
            answered: None,
        });
        loop {
            let answer = self.post::<QueueView>("leave_queue").await;
            match self.sift("leave_queue", answer) {
                Ok(Some(view)) => {
                    let left = match view.standing {
                        Standing::Left => true,
                        Standing::Issued { .. } => false,
                        // It was being put back at that moment.
                        Standing::Waiting { .. } => {
                            self.pause().await;
                            continue;
                        }
                        Standing::Absent | Standing::Expired => {
                            let standing = &view.standing;
                            self.hall.complain(format!("leave_queue: {standing:?}"));
                            false
                        }
                    };
                    let at = self.hall.clock.now();
                    self.record.leave = Some(Leave {
                        sent,
                        answered: Some((at, left)),
                    });
                    if left {
                        self.hall.counts.left.fetch_add(1, Relaxed);
                    }
                    self.show(view);
                    return left;
                }
                Ok(None) => self.pause().await,
                Err(refusal) => {
                    self.complain("leave_queue", &refusal);
                    return false;
                }
            }
        }
    }

    /// Fetches the ticket, if the turn has come.
    async fn receive(&mut self) {
        while let Some(Standing::Issued { ticket }) = self.standing() {
            match *ticket {
                Some(id) => return self.fetch(id).await,
                None => match self.look().await {
                    Some(view) if matches!(view.standing, Standing::Issued { .. }) => {
                        self.view = Some(view);
                    }
                    // The tick comes after the commit, so the ticket should be there; the end will tell.
                    _ => self.pause().await,
                },
            }
        }
    }

    async fn fetch(&mut self, id: TicketId) {
        let text = id.to_string();
        loop {
            let answer = self
                .hall
                .client
                .get::<Ticket>("get_ticket", &self.token, &[("id", &text)])
                .await;
            match self.sift("get_ticket", answer) {
                Ok(Some(ticket)) => {
                    self.record.ticket = Some(record::Ticket {
                        id: ticket.id.0,
                        serial: ticket.serial,
                        code: ticket.code,
                        at: self.hall.clock.now(),
                    });
                    return;
                }
                Ok(None) => self.pause().await,
                Err(refusal) => return self.complain("get_ticket", &refusal),
            }
        }
    }

    /// How things stand at the end, when nothing moves any more; and whether the rank that ticks have led to is the one that
    /// is told now.
    pub async fn look_back(mut self) -> record::Person {
        // A handful of attempts: the stores may be busy, and nobody waits for ever.
        for _ in 0..10 {
            let Some(view) = self.look().await else {
                self.pause().await;
                continue;
            };
            if let (Some(old), Some(by_view)) = (&self.view, rank(&view))
                && old.tick == view.tick
                && let Some(by_ticks) = rank(old)
            {
                self.record.compared += 1;
                if by_ticks != by_view {
                    self.record.differing.push((view.tick.0, by_ticks, by_view));
                }
            }
            let standing = match view.standing {
                Standing::Absent => EndStanding::Absent,
                Standing::Waiting { arrival, .. } => EndStanding::Waiting(arrival),
                Standing::Issued { .. } => EndStanding::Issued,
                Standing::Left => EndStanding::Left,
                Standing::Expired => EndStanding::Expired,
            };
            let answer = self
                .hall
                .client
                .get::<Vec<Ticket>>("list_tickets", &self.token, &[])
                .await;
            match self.sift("list_tickets", answer) {
                Ok(Some(tickets)) => {
                    let live = tickets
                        .iter()
                        .filter(|ticket| ticket.cancelled_at.is_none());
                    let tickets = live.map(|ticket| (ticket.id.0, ticket.serial)).collect();
                    self.record.end = Some(End { standing, tickets });
                    break;
                }
                Ok(None) => self.pause().await,
                Err(refusal) => {
                    self.complain("list_tickets", &refusal);
                    break;
                }
            }
        }
        self.record
    }

    async fn look(&mut self) -> Option<QueueView> {
        let concert = self.hall.concert.to_string();
        let answer = self
            .hall
            .client
            .get::<QueueView>("queue_view", &self.token, &[("concert_id", &concert)])
            .await;
        match self.sift("queue_view", answer) {
            Ok(view) => view,
            Err(refusal) => {
                self.complain("queue_view", &refusal);
                None
            }
        }
    }

    async fn post<T: DeserializeOwned>(&self, endpoint: &str) -> Answer<T> {
        let concert = self.hall.concert.to_string();
        self.hall
            .client
            .post(endpoint, Some(&self.token), &[("concert_id", &concert)])
            .await
    }

    /// The result; None: the same may be asked again.
    fn sift<T>(&self, endpoint: &str, answer: Answer<T>) -> Result<Option<T>, Refusal> {
        match answer {
            Answer::Done(result) => Ok(Some(result)),
            Answer::Refused(refusal) => Err(refusal),
            Answer::TryAgain => {
                self.hall.counts.tried_again.fetch_add(1, Relaxed);
                Ok(None)
            }
            Answer::Silence => {
                self.hall.counts.tried_again.fetch_add(1, Relaxed);
                self.hall.complain(format!("{endpoint}: no answer"));
                Ok(None)
            }
            Answer::Strange(what) => {
                self.hall.complain(what);
                Ok(None)
            }
        }
    }

    fn complain(&self, endpoint: &str, refusal: &Refusal) {
        self.hall
            .complain(format!("{endpoint}: refused with {refusal:?}"));
    }

    fn standing(&self) -> Option<&Standing> {
        self.view.as_ref().map(|view| &view.standing)
    }

    fn is_waiting(&self) -> bool {
        matches!(self.standing(), Some(Standing::Waiting { .. }))
    }

    /// Not all at the same time again.
    async fn pause(&mut self) {
        let pause = Duration::from_millis(self.rng.random_range(50..400));
        sleep(pause).await;
    }
}

/// Somebody whose stream stands, for as long as it does.
struct Watching(Arc<Hall>);

impl Watching {
    fn new(hall: Arc<Hall>) -> Watching {
        hall.counts.watching.fetch_add(1, Relaxed);
        Watching(hall)
    }
}

impl Drop for Watching {
    fn drop(&mut self) {
        self.0.counts.watching.fetch_sub(1, Relaxed);
    }
}

async fn at(instant: Option<Instant>) {
    match instant {
        Some(instant) => sleep_until(instant).await,
        None => pending().await,
    }
}

fn rank(view: &QueueView) -> Option<u64> {
    match view.standing {
        Standing::Waiting { rank, .. } => Some(rank),
        _ => None,
    }
}

fn arrival(view: &QueueView) -> Option<Arrival> {
    match view.standing {
        Standing::Waiting { arrival, .. } => Some(arrival),
        _ => None,
    }
}
