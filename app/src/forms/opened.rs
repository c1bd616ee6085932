//! Values that a form had when it was opened, sent back with it, so that saving does not revert
//! changes made since.

use super::{FormEcho, field_name};
use model::Refusal;
use serde::Serialize;
use serde::de::DeserializeOwned;

/// Returns the value of a form's hidden field `opened`: the values from when the form was opened,
/// as JSON, kept across submissions. Fields that were refused as changed meanwhile have their
/// current value from here on, because this page shows it.
pub fn as_opened<Form: Serialize + DeserializeOwned>(
    now: &Form,
    refusal: Option<&Refusal>,
) -> String {
    let texts = |form: &Form| serde_json::to_value(form).unwrap_or_default();
    let echo = FormEcho::of_request();
    let before: Option<Form> = echo
        .get("opened")
        .and_then(|opened| serde_json::from_str(opened).ok());
    let (mut opened, now) = (texts(before.as_ref().unwrap_or(now)), texts(now));
    if let Some(Refusal::ChangedMeanwhile { fields }) = refusal {
        for field in fields {
            let name = field_name(*field);
            opened[name] = now[name].clone();
        }
    }
    opened.to_string()
}

/// Parses the hidden field `opened`. Returns `None` if it is empty: a script sends all values as it
/// wants them.
#[cfg(feature = "ssr")]
pub fn parse_opened<Form: DeserializeOwned>(opened: &str) -> Result<Option<Form>, Refusal> {
    match opened {
        "" => Ok(None),
        opened => serde_json::from_str(opened).map_err(|_| Refusal::Malformed),
    }
}
