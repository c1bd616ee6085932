//! The throughput of a sale as counted by its queue, for the organiser's dashboard. The cost does
//! not depend on how many accounts wait.

use super::scripts;
use crate::{Error, Result, Services};
use model::concerts::ConcertId;
use model::desk::Sample;

/// How a queue is doing.
#[derive(Clone, Debug)]
pub(crate) struct Course {
    /// Microseconds since the epoch, by Redis's clock.
    pub now: i64,
    pub waiting: u64,
    /// The seconds in which something happened, oldest first; they include the last five minutes.
    pub samples: Vec<Sample>,
}

/// Returns `None` if the queue is not built. This call does not build it; joins, views and drivers
/// do.
pub(crate) async fn course(services: &Services, concert: ConcertId) -> Result<Option<Course>> {
    let (word, now, waiting, samples): (String, i64, u64, Vec<String>) =
        scripts::call(&services.redis, &scripts::COURSE, concert, &[0_i64; 0]).await?;
    if word == "unbuilt" {
        return Ok(None);
    }
    let samples = samples.iter().map(|raw| {
        parse(raw).ok_or_else(|| Error::Broken(format!("a queue's course has {raw:?}")))
    });
    Ok(Some(Course {
        now,
        waiting,
        samples: samples.collect::<Result<_>>()?,
    }))
}

fn parse(raw: &str) -> Option<Sample> {
    let mut numbers = raw.split(',').map(|number| number.parse::<i64>().ok());
    let mut next = || numbers.next().flatten();
    Some(Sample {
        until: next()?,
        over: next()?,
        joined: next()? as u32,
        issued: next()? as u32,
    })
}
