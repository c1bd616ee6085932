//! How a sale goes, as its queue counts it: for the organiser's desk, and at the same cost however many people wait.

use super::scripts;
use crate::{Error, Result, Services};
use model::concerts::ConcertId;
use model::desk::Sample;

/// How a queue is doing.
#[derive(Clone, Debug)]
pub(crate) struct Course {
    /// Microseconds since the epoch, by the clock of the queue.
    pub now: i64,
    pub waiting: u64,
    /// The seconds in which something happened, oldest first; the last five minutes are among them.
    pub samples: Vec<Sample>,
}

/// None: the queue is not there at the moment. It is not built for this: whoever has a place in it, or sells it, does that.
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
