//! A simulated client: waits for its moment, joins, watches, leaves if planned, and receives a
//! ticket.

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

/// Ranks kept with their ticks, to compare them with a later answer of `queue_view`.
const REMEMBERED: usize = 64;

/// Plan of one simulated client.
pub struct Plan {
    pub token: Token,
    /// Name and password to log in with before joining, if any.
    pub sign_in: Option<(String, String)>,
    /// Time of the join, relative to the opening.
    pub due: Duration,
    /// Follows the event stream; otherwise polls every few seconds, as the page does without
    /// JavaScript.
    pub watches: bool,
    /// Delay from the acknowledgement to leaving, unless a ticket is issued first.
    pub leaves_after: Option<Duration>,
    /// Sends the join a second time at once, as a double click does.
    pub joins_twice: bool,
    /// Delay from the acknowledgement to one `queue_view` request while watching.
    pub compares_after: Option<Duration>,
}

/// A simulated client and its state.
pub struct Person {
    hall: Arc<Hall>,
    token: Token,
    rng: StdRng,
    /// The last known view.
    view: Option<QueueView>,
    /// Tick and rank, oldest first.
    remembered: VecDeque<(i64, u64)>,
    /// Tick and rank from a `queue_view` that is ahead of the stream: compared once the stream has
    /// reached that tick.
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

    /// Carries out the plan until nothing is left to do or `Hall::closing` is cancelled.
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
        // Watches until the turn comes or the moment to leave. The stream is dropped when either
        // ends.
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

    /// Returns whether the account has a place, or was already issued a ticket.
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
                // The clocks differ slightly. This attempt has certainly not created a place.
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

    /// Watches until a ticket is issued or the place is gone.
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
                // Beyond the limit of streams the client polls.
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

    /// Follows one stream until it ends or the client no longer waits.
    async fn follow(&mut self, mut stream: EventStream, compares_at: &mut Option<Instant>) {
        // The stream begins with a full view. Only its rank is compared with the view from the
        // join.
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

    /// Handles one event. Returns `false` if the stream is no longer of use.
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
            // The server is shutting down.
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

    /// Replaces the view.
    fn show(&mut self, view: QueueView) {
        self.hall.heard_of(view.tick, &view.sale);
        let older = self.view.as_ref().is_some_and(|old| old.tick > view.tick);
        // A tick has overtaken this answer.
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

    /// Requests `queue_view` and compares its rank with the one computed from ticks.
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
        // A tick that is not in the list was received in an earlier stream.
        if let Some((_, by_ticks)) = self.remembered.iter().find(|(known, _)| *known == tick) {
            self.record.compared += 1;
            if *by_ticks != by_view {
                self.record.differing.push((tick, *by_ticks, by_view));
            }
        }
    }

    /// Returns `true` if the place was given up, `false` if a ticket was issued first.
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
                        // The place was in flight and is being put back.
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

    /// Fetches the ticket if one was issued.
    async fn receive(&mut self) {
        while let Some(Standing::Issued { ticket }) = self.standing() {
            match *ticket {
                Some(id) => return self.fetch(id).await,
                None => match self.look().await {
                    Some(view) if matches!(view.standing, Standing::Issued { .. }) => {
                        self.view = Some(view);
                    }
                    // The tick follows the commit, so the ticket should exist; `look_back` reports
                    // it if it is missing.
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

    /// Reads the final standing and tickets, once the sale is paused. Also compares the rank
    /// computed from ticks with the one of `queue_view` now.
    pub async fn look_back(mut self) -> record::Person {
        // Bounded number of attempts: the stores may be busy, but the rehearsal has to finish.
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

    /// Returns the result, or `None` if the request may be repeated.
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

    /// Sleeps a random time before a retry, so that clients do not retry in step.
    async fn pause(&mut self) {
        let pause = Duration::from_millis(self.rng.random_range(50..400));
        sleep(pause).await;
    }
}

/// Counts an open stream for as long as it exists.
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
