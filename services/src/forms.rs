//! What was typed into a form that was refused, for the one page that shows it again.
//!
//! | Redis key | type | life | what |
//! | --- | --- | --- | --- |
//! | `form:{id}` | string, JSON object | [`LIFE`] or until read | the fields, passwords left out |

use crate::{Error, Result, Services, sessions};
use chrono::TimeDelta;
use std::collections::HashMap;

pub const LIFE: TimeDelta = TimeDelta::minutes(10);

/// Keeps the fields and returns the id under which [`take`] finds them.
pub async fn keep(services: &Services, fields: &HashMap<String, String>) -> Result<String> {
    let id = sessions::random_id();
    let json = serde_json::to_string(fields).map_err(|error| Error::Broken(error.to_string()))?;
    redis::cmd("SET")
        .arg(key(services, &id))
        .arg(json)
        .arg("EX")
        .arg(LIFE.num_seconds())
        .exec_async(&mut services.redis.connection())
        .await?;
    Ok(id)
}

/// The fields, once; nothing when they are not there any more.
pub async fn take(services: &Services, id: &str) -> Result<HashMap<String, String>> {
    let json: Option<String> = redis::cmd("GETDEL")
        .arg(key(services, id))
        .query_async(&mut services.redis.connection())
        .await?;
    Ok(json
        .and_then(|json| serde_json::from_str(&json).ok())
        .unwrap_or_default())
}

fn key(services: &Services, id: &str) -> String {
    services.redis.key(format_args!("form:{id}"))
}
