//! What a form changes was as it said when the form was opened: so that saving it takes back nothing that was changed meanwhile.

use super::{FormEcho, field_name};
use model::Refusal;
use serde::Serialize;
use serde::de::DeserializeOwned;

/// The hidden field `opened` of a form: as it was when it was opened, as JSON, from one sending of the form to the next. What was
/// changed elsewhere meanwhile is known from here on where this page shows it.
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

/// Reads it. None: a script sends whatever it wants to be.
#[cfg(feature = "ssr")]
pub fn parse_opened<Form: DeserializeOwned>(opened: &str) -> Result<Option<Form>, Refusal> {
    match opened {
        "" => Ok(None),
        opened => serde_json::from_str(opened).map_err(|_| Refusal::Malformed),
    }
}
