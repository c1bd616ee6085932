use model::Refusal;

/// Why a service call failed.
///
/// The text is for the log. [`Error::refusal`] is what the client may know.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("refused: {0:?}")]
    Refused(Refusal),
    #[error("PostgreSQL: {0}")]
    Database(#[from] sqlx::Error),
    #[error("migration: {0}")]
    Migration(#[from] sqlx::migrate::MigrateError),
    #[error("Redis: {0}")]
    Redis(#[from] redis::RedisError),
    /// The queue is not in Redis now; it is being rebuilt.
    #[error("the queue is being rebuilt")]
    Rebuilding,
    /// A setting that cannot be used; the text names it.
    #[error("{0}")]
    Setting(String),
    /// An invariant was violated.
    #[error("broken: {0}")]
    Broken(String),
}

pub type Result<T> = std::result::Result<T, Error>;

impl From<Refusal> for Error {
    fn from(refusal: Refusal) -> Error {
        Error::Refused(refusal)
    }
}

impl Error {
    /// Returns what the client receives.
    pub fn refusal(&self) -> Refusal {
        match self {
            Error::Refused(refusal) => refusal.clone(),
            Error::Rebuilding => Refusal::Unavailable,
            Error::Database(error) if database_is_away(error) => Refusal::Unavailable,
            // Data that PostgreSQL cannot store, such as a text with a NUL character.
            Error::Database(error) if has_class(error, &["22"]) => Refusal::Malformed,
            Error::Redis(error) if redis_is_away(error) => Refusal::Unavailable,
            _ => Refusal::Internal,
        }
    }

    /// Returns whether the cause is on our side and belongs in the log.
    pub fn is_ours(&self) -> bool {
        matches!(self.refusal(), Refusal::Unavailable | Refusal::Internal)
    }

    /// Returns whether a statement failed on this constraint.
    pub(crate) fn is_on_constraint(error: &sqlx::Error, constraint: &str) -> bool {
        error.as_database_error().and_then(|e| e.constraint()) == Some(constraint)
    }
}

fn database_is_away(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Io(_)
        | sqlx::Error::Tls(_)
        | sqlx::Error::Protocol(_)
        | sqlx::Error::PoolTimedOut
        | sqlx::Error::PoolClosed
        | sqlx::Error::WorkerCrashed => true,
        // 08: connection exception; 25006: a standby, which accepts no writes; 40: transaction must
        // be retried; 53: out of resources; 57: shutting down, starting up, or cancelled by a
        // timeout.
        error => has_class(error, &["08", "25006", "40", "53", "57"]),
    }
}

fn has_class(error: &sqlx::Error, classes: &[&str]) -> bool {
    let code = error.as_database_error().and_then(|error| error.code());
    code.is_some_and(|code| classes.iter().any(|class| code.starts_with(class)))
}

fn redis_is_away(error: &redis::RedisError) -> bool {
    // Errors of the commands in a pipeline or transaction are nested.
    let answers = error.clone().into_server_errors();
    error.is_io_error()
        || error.code().is_some_and(says_away)
        || answers.is_some_and(|answers| answers.iter().any(|(_, answer)| says_away(answer.code())))
}

/// Returns whether the error code of Redis's answer is temporary, so that a retry can succeed.
fn says_away(code: &str) -> bool {
    matches!(
        code,
        // Out of memory, or unable to write to disk: Redis refuses writes until that is fixed.
        "OOM" | "MISCONF"
        | "LOADING" | "MASTERDOWN" | "READONLY"
        // A cluster that lacks a master, moves a slot, or redirected more often than the client
        // retries.
        | "CLUSTERDOWN" | "TRYAGAIN" | "MOVED" | "ASK"
        // The script was just loaded: another node, or a restarted one, took over in between.
        | "NOSCRIPT"
    )
}
