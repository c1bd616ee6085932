//! Simulated clients: each joins, joins again, leaves and cancels through any server, and records
//! the answers.

use crate::plan;
use crate::verdict::{
    Answered, Broken, Cancel, Join, Leave, NOTICED, Place, Promise, Shown, ShownRank, Standing,
};
use crate::world::{Diary, Forgotten, Server, Timeline};
use anyhow::Result;
use model::Refusal;
use model::accounts::Account;
use model::concerts::ConcertId;
use model::queue::{self, Applied, QueueView, Tick};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use reqwest::{Client, Method, RequestBuilder, Response, StatusCode};
use serde_json::Value;
use services::Services;
use services::sessions::{self, Tokens};
use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::{Mutex as AsyncMutex, watch};
use tokio_util::sync::CancellationToken;

/// Time-out of a request: a stopped server does not answer, and the client tries another one.
/// Longer than the servers' own time-outs.
const PATIENCE: Duration = Duration::from_millis(3_500);

/// State shared by the simulated clients of one concert.
pub struct Crowd {
    pub services: Services,
    pub servers: Vec<Arc<Server>>,
    pub client: Client,
    pub diary: Diary,
    pub concert: ConcertId,
    pub time: Timeline,
    /// When a client that has no ticket to cancel stops waiting for one, from the start of the run.
    pub window: Duration,
    /// What PostgreSQL has lost, once it has lost commits.
    pub forgot: watch::Receiver<Option<Forgotten>>,
    /// Cancelled at the end of the run, by when every request must have been answered.
    pub over: CancellationToken,
}

impl Crowd {
    pub fn client() -> Result<Client> {
        Ok(Client::builder()
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .build()?)
    }
}

/// The simulated client of one account.
pub struct Person {
    crowd: Arc<Crowd>,
    account: Account,
    plan: plan::Person,
    seed: u64,
    session: AsyncMutex<Tokens>,
    memory: Mutex<Memory>,
    /// Incremented with every change that a stream does not report: the watcher reopens its stream.
    changes: watch::Sender<u32>,
}

/// What a client has seen in a run.
#[derive(Clone, Default)]
pub struct Memory {
    pub joins: Vec<Join>,
    pub cancels: Vec<Cancel>,
    pub broken: Vec<Broken>,
    pub ranks: Vec<ShownRank>,
    pub answered: Vec<Answered>,
    /// Instants at which a join, a leave, a ticket or a cancellation was acknowledged.
    told: Vec<i64>,
    /// The last view from the event stream.
    pub streamed: Option<QueueView>,
    /// When the first join without an answer was sent. It may still be carried out, regardless of
    /// the answers to later ones.
    unanswered_join: Option<i64>,
    unanswered_leave: bool,
    unanswered_refresh: bool,
}

impl Memory {
    /// Whether the account may have places that no answer has reported.
    pub fn may_have_more(&self) -> bool {
        self.unanswered_join.is_some()
    }
}

enum Answer {
    Done(String),
    Refused(Refusal),
    /// No result, usually because a store is unavailable: the outcome is unknown, and the request
    /// may be repeated.
    TryAgain,
    /// No answer: the request may still be on its way.
    Silence,
}

impl Person {
    pub fn new(
        crowd: Arc<Crowd>,
        (account, tokens): (Account, Tokens),
        plan: plan::Person,
        seed: u64,
    ) -> Person {
        Person {
            crowd,
            account,
            plan,
            seed,
            session: AsyncMutex::new(tokens),
            memory: Mutex::default(),
            changes: watch::Sender::new(0),
        }
    }

    pub fn account(&self) -> i64 {
        self.account.id.0
    }

    pub fn watches(&self) -> bool {
        self.plan.watches
    }

    pub fn memory(&self) -> Memory {
        self.remember(|memory| memory.clone())
    }

    fn remember<T>(&self, change: impl FnOnce(&mut Memory) -> T) -> T {
        change(&mut self.memory.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn note(&self, what: impl std::fmt::Display) {
        self.crowd
            .diary
            .note(format_args!("account {}: {what}", self.account()));
    }

    /// Whether something acknowledged to this client may be lost: it was acknowledged in the range
    /// that PostgreSQL has lost, or that range ended less than [`NOTICED`] ago.
    fn may_be_forgotten(&self) -> bool {
        let Some(Forgotten { from, until }) = *self.crowd.forgot.borrow() else {
            return false;
        };
        let told = self.remember(|memory| memory.told.clone());
        self.crowd.time.now() <= until.saturating_add(NOTICED)
            || told.iter().any(|at| (from..=until).contains(at))
    }

    /// Records an acknowledgement that has to last.
    fn told(&self) {
        let now = self.crowd.time.now();
        self.remember(|memory| memory.told.push(now));
    }

    fn complain(&self, promise: Promise, what: impl std::fmt::Display) {
        let kept_by_record = matches!(promise, Promise::Lost | Promise::Duplicate | Promise::Rank);
        if kept_by_record && self.may_be_forgotten() {
            return self.note(format_args!("as PostgreSQL has forgotten: {what}"));
        }
        let at = self.crowd.time.now();
        let detail = format!("account {} at {at}: {what}", self.account());
        self.remember(|memory| memory.broken.push(Broken::new(promise, detail)));
    }

    /// Runs the plan; each step is repeated until it is answered.
    pub async fn live(&self) {
        let rng = &mut StdRng::seed_from_u64(self.seed);
        self.crowd.time.reach(self.plan.joins_at).await;
        let over = self.crowd.over.clone();
        let living = async {
            let place = self.join(rng).await;
            if let Some(after) = self.plan.rejoins {
                tokio::time::sleep(after).await;
                self.join_again(rng, place).await;
            }
            let mut gone = false;
            if let Some(after) = self.plan.leaves {
                tokio::time::sleep(after).await;
                gone = self.leave(rng).await;
            }
            if self.plan.cancels {
                gone = self.cancel(rng).await;
            }
            if let Some(after) = self.plan.again.filter(|_| gone) {
                tokio::time::sleep(after).await;
                self.join(rng).await;
            }
        };
        tokio::select! {
            () = living => {}
            () = over.cancelled() => self.complain(Promise::Stuck, format!("still at it: {:?}", self.plan)),
        }
    }

    /// Joins until the account has a place, or the ticket that the place became.
    async fn join(&self, rng: &mut StdRng) -> Place {
        let mut sent = None;
        let place = loop {
            let now = self.crowd.time.now();
            match self
                .ask(rng, Method::POST, "join_queue", &self.concert())
                .await
            {
                Answer::Done(body) => {
                    sent.get_or_insert(now);
                    match self.place(&body) {
                        Some(place) => break place,
                        None => self
                            .complain(Promise::Lost, format!("joining was answered with {body}")),
                    }
                }
                // The ticket was issued before the join was answered.
                Answer::Refused(Refusal::HoldsTicket) => {
                    sent.get_or_insert(now);
                    if let Answer::Done(body) = self
                        .ask(rng, Method::GET, "queue_view", &self.concert())
                        .await
                        && let Some(place @ Place::Issued { .. }) = self.place(&body)
                    {
                        break place;
                    }
                }
                // A definite refusal: the request gave no place.
                Answer::Refused(Refusal::SaleNotOpen { .. }) => {}
                Answer::Refused(refusal) => {
                    self.complain(
                        Promise::Lost,
                        format!("joining was refused with {refusal:?}"),
                    );
                }
                Answer::TryAgain => {
                    sent.get_or_insert(now);
                }
                Answer::Silence => {
                    sent.get_or_insert(now);
                    self.remember(|memory| *memory.unanswered_join.get_or_insert(now));
                }
            }
            pause(rng).await;
        };
        self.told();
        let acknowledged = self.crowd.time.now();
        let sent = sent.unwrap_or(acknowledged);
        self.remember(|memory| {
            let sent = memory.unanswered_join.map_or(sent, |first| first.min(sent));
            // An earlier leave that is still on its way may remove this place.
            let leave = match memory.unanswered_leave {
                true => Leave::Asked { since: sent },
                false => Leave::Never,
            };
            memory.joins.push(Join {
                account: self.account.id.0,
                sent,
                acknowledged,
                place,
                leave,
            });
        });
        self.changes.send_modify(|n| *n += 1);
        place
    }

    /// Joins again, which must change nothing.
    async fn join_again(&self, rng: &mut StdRng, place: Place) {
        loop {
            match self
                .ask(rng, Method::POST, "join_queue", &self.concert())
                .await
            {
                Answer::Done(body) => {
                    match self.place(&body) {
                        Some(again @ Place::Waiting { .. }) if again != place => {
                            self.complain(
                                Promise::Duplicate,
                                format!("joined as {place:?}, and again as {again:?}"),
                            );
                        }
                        Some(_) => {}
                        None => self.complain(
                            Promise::Lost,
                            format!("joining again was answered with {body}"),
                        ),
                    }
                    return;
                }
                Answer::Refused(Refusal::HoldsTicket) => return,
                Answer::Refused(refusal) => {
                    return self.complain(
                        Promise::Lost,
                        format!("joining again was refused with {refusal:?}"),
                    );
                }
                Answer::TryAgain => {}
                Answer::Silence => {
                    let now = self.crowd.time.now();
                    self.remember(|memory| *memory.unanswered_join.get_or_insert(now));
                }
            }
            pause(rng).await;
        }
    }

    /// Leaves the queue. Returns whether the place was given up: a ticket may have been issued
    /// first.
    async fn leave(&self, rng: &mut StdRng) -> bool {
        let since = self.crowd.time.now();
        self.set_leave(Leave::Asked { since });
        let left = loop {
            match self
                .ask(rng, Method::POST, "leave_queue", &self.concert())
                .await
            {
                Answer::Done(body) => match standing(&body) {
                    Some(Standing::Left) => {
                        self.told();
                        let acknowledged = self.crowd.time.now();
                        self.set_leave(Leave::Acknowledged {
                            since,
                            acknowledged,
                        });
                        break true;
                    }
                    Some(Standing::Issued) => {
                        self.set_leave(Leave::Never);
                        break false;
                    }
                    // The place was being put back concurrently.
                    Some(Standing::Waiting { .. }) => {}
                    Some(Standing::Absent) if self.may_be_forgotten() => break true,
                    _ => self.complain(Promise::Lost, format!("leaving was answered with {body}")),
                },
                Answer::Refused(refusal) => {
                    self.complain(
                        Promise::Lost,
                        format!("leaving was refused with {refusal:?}"),
                    );
                }
                Answer::TryAgain => {}
                Answer::Silence => self.remember(|memory| memory.unanswered_leave = true),
            }
            pause(rng).await;
        };
        self.changes.send_modify(|n| *n += 1);
        left
    }

    fn set_leave(&self, leave: Leave) {
        self.remember(|memory| {
            if let Some(join) = memory.joins.last_mut() {
                join.leave = leave;
            }
        });
    }

    /// Waits for the ticket until the window ends, and cancels it. Returns whether there was one.
    async fn cancel(&self, rng: &mut StdRng) -> bool {
        let giving_up = self.crowd.time.reach(self.crowd.window);
        let ticket = tokio::select! {
            ticket = self.ticket(rng) => ticket,
            () = giving_up => return false,
        };
        self.told();
        let seen = self.crowd.time.now();
        let remember = |acknowledged| {
            let account = self.account();
            self.remember(|memory| {
                memory.cancels = vec![Cancel {
                    account,
                    ticket,
                    seen,
                    acknowledged,
                }];
            });
        };
        remember(None);
        let id = ticket.to_string();
        loop {
            match self
                .ask(rng, Method::POST, "cancel_ticket", &[("id", id.clone())])
                .await
            {
                Answer::Done(_) => {
                    self.told();
                    break remember(Some(self.crowd.time.now()));
                }
                Answer::Refused(_) if self.may_be_forgotten() => break,
                Answer::Refused(refusal) => {
                    self.complain(
                        Promise::Lost,
                        format!("cancelling was refused with {refusal:?}"),
                    );
                }
                // Retrying is safe: cancelling is idempotent and names this ticket only.
                Answer::TryAgain | Answer::Silence => {}
            }
            pause(rng).await;
        }
        self.changes.send_modify(|n| *n += 1);
        true
    }

    async fn ticket(&self, rng: &mut StdRng) -> i64 {
        loop {
            if let Answer::Done(body) = self
                .ask(rng, Method::GET, "queue_view", &self.concert())
                .await
                && let Some(Place::Issued { ticket }) = self.place(&body)
            {
                return ticket;
            }
            let between = Duration::from_millis(rng.random_range(150..400));
            tokio::time::sleep(between).await;
        }
    }

    /// Returns what one server shows as soon as it answers, or `None` if the run ends first or the
    /// answer is not a view.
    pub async fn look(&self, server: &Server) -> Option<Shown> {
        let mut rng = StdRng::seed_from_u64(self.seed);
        let concert = self.concert();
        loop {
            let asking = self.ask_server(server, Method::GET, "queue_view", &concert);
            tokio::select! {
                answer = asking => if let Answer::Done(body) = answer {
                    let (account, by) = (self.account(), format!("server {}", server.index));
                    return Some(Shown { account, by, standing: standing(&body)? });
                },
                () = self.crowd.over.cancelled() => return None,
            }
            pause(&mut rng).await;
        }
    }

    /// Returns what the stream showed last.
    pub fn streamed(&self) -> Option<Shown> {
        let view = self.remember(|memory| memory.streamed.clone())?;
        let (account, by) = (self.account(), "stream".to_owned());
        Some(Shown {
            account,
            by,
            standing: of(&view.standing),
        })
    }

    /// Follows the event stream as the page does, from the first place until the run ends.
    pub async fn watch(&self) {
        let mut rng = StdRng::seed_from_u64(!self.seed);
        let mut changes = self.changes.subscribe();
        let over = self.crowd.over.clone();
        let watching = async {
            if changes.wait_for(|n| *n > 0).await.is_err() {
                return;
            }
            loop {
                changes.mark_unchanged();
                tokio::select! {
                    () = self.follow(&mut rng) => {}
                    _ = changes.changed() => {}
                }
                pause(&mut rng).await;
            }
        };
        tokio::select! {
            () = watching => {}
            () = over.cancelled() => {}
        }
    }

    /// Follows one stream until it ends.
    async fn follow(&self, rng: &mut StdRng) {
        let servers = &self.crowd.servers;
        let server = &servers[rng.random_range(0..servers.len())];
        let Some(request) = self
            .request(server, Method::GET, "queue_stream", &self.concert())
            .await
        else {
            return;
        };
        let token = self.token().await;
        let opening = request.bearer_auth(&token).send();
        let Ok(Ok(mut stream)) = tokio::time::timeout(PATIENCE, opening).await else {
            return;
        };
        match stream.status() {
            StatusCode::OK => {}
            StatusCode::UNAUTHORIZED => return self.refresh(server, &token).await,
            _ => return,
        }
        let mut heard = Vec::new();
        while let Ok(Some(bytes)) = stream.chunk().await {
            heard.extend_from_slice(&bytes);
            while let Some(end) = heard.windows(2).position(|two| two == b"\n\n") {
                let event: Vec<u8> = heard.drain(..end + 2).collect();
                self.hear(&String::from_utf8_lossy(&event));
            }
        }
    }

    fn hear(&self, event: &str) {
        let field = |name: &str| {
            event
                .lines()
                .find_map(|line| line.strip_prefix(name))
                .map(str::trim)
        };
        let (Some(name), Some(data)) = (field("event:"), field("data:")) else {
            return;
        };
        self.note(format_args!("stream: {name} {data}"));
        let applied = match name {
            "view" => match serde_json::from_str::<QueueView>(data) {
                Ok(view) => {
                    self.remember(|memory| memory.streamed = Some(view));
                    Applied::Yes
                }
                Err(error) => {
                    return self.complain(Promise::Conduct, format!("view {data}: {error}"));
                }
            },
            "tick" => match serde_json::from_str::<Tick>(data) {
                Ok(tick) => self.remember(|memory| match &mut memory.streamed {
                    Some(view) => view.apply(&tick),
                    None => Applied::Gap,
                }),
                Err(error) => {
                    return self.complain(Promise::Conduct, format!("tick {data}: {error}"));
                }
            },
            _ => return,
        };
        match applied {
            Applied::Yes => {}
            Applied::Old => return,
            Applied::Gap => {
                return self.complain(Promise::Rank, format!("a stream has a gap before {data}"));
            }
        }
        if let Some(view) = self.remember(|memory| memory.streamed.clone()) {
            self.see(&view, true);
        }
    }

    /// Records a view that a stream or an answer has shown.
    fn see(&self, view: &QueueView, streamed: bool) {
        match of(&view.standing) {
            Standing::Waiting { arrival, rank } => {
                let (account, tick) = (self.account(), view.tick.0);
                let shown = ShownRank {
                    account,
                    streamed,
                    tick,
                    arrival,
                    rank,
                };
                self.remember(|memory| memory.ranks.push(shown));
            }
            Standing::Absent | Standing::Expired if streamed => {
                self.complain(Promise::Lost, format!("has joined and is shown {view:?}"));
            }
            _ => {}
        }
    }

    fn concert(&self) -> [(&'static str, String); 1] {
        [("concert_id", self.crowd.concert.to_string())]
    }

    /// Sends a request to a random server.
    async fn ask(
        &self,
        rng: &mut StdRng,
        method: Method,
        endpoint: &str,
        fields: &[(&str, String)],
    ) -> Answer {
        let servers = &self.crowd.servers;
        self.ask_server(
            &servers[rng.random_range(0..servers.len())],
            method,
            endpoint,
            fields,
        )
        .await
    }

    async fn ask_server(
        &self,
        server: &Server,
        method: Method,
        endpoint: &str,
        fields: &[(&str, String)],
    ) -> Answer {
        let token = self.token().await;
        let Some(request) = self.request(server, method, endpoint, fields).await else {
            return Answer::TryAgain;
        };
        let answer = self
            .send(server.index, request.bearer_auth(&token), endpoint)
            .await;
        if let Answer::Refused(Refusal::NotLoggedIn) = answer {
            // Redis has lost the session, or all of its data.
            self.refresh(server, &token).await;
            return Answer::TryAgain;
        }
        answer
    }

    /// Builds a request, or returns `None` if the server does not serve.
    async fn request(
        &self,
        server: &Server,
        method: Method,
        endpoint: &str,
        fields: &[(&str, String)],
    ) -> Option<RequestBuilder> {
        let url = format!("http://{}/api/{endpoint}", server.address()?);
        let request = self.crowd.client.request(method.clone(), url);
        Some(match method {
            Method::GET => request.query(fields),
            _ => request.form(fields),
        })
    }

    async fn send(&self, server: usize, request: RequestBuilder, endpoint: &str) -> Answer {
        let answer = async {
            let response: Response = request.send().await?;
            Ok::<_, reqwest::Error>((response.status(), response.text().await?))
        };
        let began = self.crowd.time.now();
        let answered = tokio::time::timeout(PATIENCE, answer).await;
        let took = (self.crowd.time.now() - began) / 1_000;
        let said = match &answered {
            Ok(Ok((status, body))) => format!(
                "{} {}",
                status.as_u16(),
                body.chars().take(120).collect::<String>()
            ),
            Ok(Err(error)) => format!("{error:?}"),
            Err(_) => "nothing".to_owned(),
        };
        self.note(format_args!(
            "{endpoint} at server {server} after {took} ms: {said}"
        ));
        // A broken connection is no answer: the server died.
        let unavailable = match &answered {
            Ok(Ok((status, _))) => Some(status.is_server_error()),
            Ok(Err(_)) => None,
            Err(_) => Some(true),
        };
        if let Some(unavailable) = unavailable {
            let at = self.crowd.time.now();
            self.remember(|memory| memory.answered.push(Answered { at, unavailable }));
        }
        match answered {
            Ok(Ok((StatusCode::OK, body))) => {
                if let Ok(view) = serde_json::from_str(&body) {
                    self.see(&view, false);
                }
                Answer::Done(body)
            }
            Ok(Ok((StatusCode::SERVICE_UNAVAILABLE | StatusCode::GATEWAY_TIMEOUT, _))) => {
                Answer::TryAgain
            }
            Ok(Ok((status, body))) => match serde_json::from_str(&body) {
                Ok(Refusal::Internal) | Err(_) => {
                    self.complain(
                        Promise::Conduct,
                        format!("{endpoint} was answered with {status} {body}"),
                    );
                    Answer::TryAgain
                }
                // A client that loses its session again and again may exceed the rate limit on
                // refreshes.
                Ok(Refusal::TooManyRequests { .. }) => Answer::TryAgain,
                Ok(refusal) => Answer::Refused(refusal),
            },
            Ok(Err(error)) if error.is_connect() => Answer::TryAgain,
            Ok(Err(_)) | Err(_) => Answer::Silence,
        }
    }

    async fn token(&self) -> String {
        self.session.lock().await.access.clone()
    }

    /// Replaces this access token with a new one, unless another task has just done so.
    async fn refresh(&self, server: &Server, token: &str) {
        let mut tokens = self.session.lock().await;
        if tokens.access != token {
            return;
        }
        let fields = [("refresh_token", tokens.refresh.clone())];
        let Some(request) = self
            .request(server, Method::POST, "refresh_token", &fields)
            .await
        else {
            return;
        };
        match self.send(server.index, request, "refresh_token").await {
            Answer::Done(body) => {
                let text = |pair: &Value, name: &str| Some(pair.get(name)?.as_str()?.to_owned());
                let pair = serde_json::from_str(&body).unwrap_or_default();
                if let (Some(access), Some(refresh)) =
                    (text(&pair, "access_token"), text(&pair, "refresh_token"))
                {
                    (tokens.access, tokens.refresh) = (access, refresh);
                }
            }
            Answer::Silence => self.remember(|memory| memory.unanswered_refresh = true),
            Answer::TryAgain => {}
            Answer::Refused(refusal) => {
                // A refresh that was never answered and is carried out later looks like a stolen
                // token, which ends the session. Then the client has to log in again; without that
                // cause it must never have to.
                if !self.remember(|memory| memory.unanswered_refresh) && !self.may_be_forgotten() {
                    self.complain(
                        Promise::Conduct,
                        format!("a session could not be brought back: {refusal:?}"),
                    );
                }
                if let Ok(opened) = sessions::open(
                    &self.crowd.services,
                    &services::Client::new(Ipv4Addr::LOCALHOST.into(), "chaos"),
                    &self.account,
                )
                .await
                {
                    *tokens = opened;
                }
            }
        }
    }

    fn place(&self, body: &str) -> Option<Place> {
        match serde_json::from_str::<QueueView>(body).ok()?.standing {
            queue::Standing::Waiting { arrival, .. } => Some(Place::Waiting { arrival: arrival.0 }),
            queue::Standing::Issued { ticket } => Some(Place::Issued { ticket: ticket?.0 }),
            _ => None,
        }
    }
}

fn standing(body: &str) -> Option<Standing> {
    Some(of(&serde_json::from_str::<QueueView>(body).ok()?.standing))
}

fn of(standing: &queue::Standing) -> Standing {
    match standing {
        queue::Standing::Absent => Standing::Absent,
        queue::Standing::Waiting { arrival, rank, .. } => Standing::Waiting {
            arrival: arrival.0,
            rank: *rank,
        },
        queue::Standing::Issued { .. } => Standing::Issued,
        queue::Standing::Left => Standing::Left,
        queue::Standing::Expired => Standing::Expired,
    }
}

/// Pauses for a random time, so that clients do not retry in step.
async fn pause(rng: &mut StdRng) {
    let pause = Duration::from_millis(rng.random_range(20..120));
    tokio::time::sleep(pause).await;
}
