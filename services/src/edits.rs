//! Saving a form that was opened some time ago: an untouched field keeps its current value, also if
//! it was changed elsewhere in the meantime.

use model::{Field, Refusal};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

/// Returns the form to save: applies the changes from `opened` to `typed` to the current values,
/// `now`.
///
/// [`Refusal::ChangedMeanwhile`] if both changed the same field, to different values.
pub fn merged<Form: Serialize + DeserializeOwned>(
    opened: &Form,
    typed: &Form,
    now: &Form,
) -> Result<Form, Refusal> {
    let (opened, now) = (texts(opened), texts(now));
    let mut fields = Vec::new();
    let mut merged = Map::new();
    for (name, typed) in texts(typed) {
        let (opened, now) = (&opened[&name], &now[&name]);
        let kept = if is_same(&typed, opened) {
            now.clone()
        } else if is_same(now, opened) || is_same(now, &typed) {
            typed
        } else {
            fields.extend(serde_json::from_value::<Field>(name.clone().into()));
            typed
        };
        merged.insert(name, kept);
    }
    if !fields.is_empty() {
        return Err(Refusal::ChangedMeanwhile { fields });
    }
    serde_json::from_value(merged.into()).map_err(|_| Refusal::Malformed)
}

/// As [`merged`], for a form that is sent in order to set what it says: one that was sent as it was opened is meant, and not
/// left alone.
pub fn set<Form: Serialize + DeserializeOwned>(
    opened: &Form,
    typed: &Form,
    now: &Form,
) -> Result<Form, Refusal> {
    let (texts_opened, texts_typed) = (texts(opened), texts(typed));
    let untouched = texts_typed
        .iter()
        .all(|(name, typed)| is_same(typed, &texts_opened[name]));
    if !untouched {
        return merged(opened, typed, now);
    }
    // What another has changed meanwhile stands against it, as if it had been typed.
    let now = texts(now);
    let changed = texts_typed
        .iter()
        .filter(|(name, typed)| !is_same(typed, &now[*name]));
    let fields: Vec<Field> = changed
        .filter_map(|(name, _)| serde_json::from_value(name.clone().into()).ok())
        .collect();
    match fields.is_empty() {
        true => serde_json::from_value(texts_typed.into()).map_err(|_| Refusal::Malformed),
        false => Err(Refusal::ChangedMeanwhile { fields }),
    }
}

fn texts(form: &impl Serialize) -> Map<String, Value> {
    match serde_json::to_value(form) {
        Ok(Value::Object(texts)) => texts,
        _ => Map::new(),
    }
}

/// Compares texts, ignoring how a browser ends lines and surrounding white space.
fn is_same(one: &Value, other: &Value) -> bool {
    let plain = |text: &Value| text.as_str().map(|text| text.trim().replace("\r\n", "\n"));
    plain(one) == plain(other)
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::concerts::ConcertForm;

    fn form(title: &str, capacity: &str, description: &str) -> ConcertForm {
        ConcertForm {
            title: title.to_owned(),
            capacity: capacity.to_owned(),
            description: description.to_owned(),
            ..ConcertForm::default()
        }
    }

    #[test]
    fn what_was_not_touched_stays_as_it_is_now() {
        let opened = form("Low Tide", "100", "One.\nTwo.");
        let typed = form("High Tide", "100", "One.\r\nTwo.");
        let now = form("Low Tide", "80", "One.\nTwo.\nThree.");
        let saved = merged(&opened, &typed, &now).unwrap();
        assert_eq!(saved, form("High Tide", "80", "One.\nTwo.\nThree."));
    }

    #[test]
    fn what_both_have_changed_is_named_unless_they_agree() {
        let opened = form("Low Tide", "100", "");
        let now = form("High Tide", "80", "");
        let agreed = merged(&opened, &form("High Tide", "100", ""), &now);
        assert_eq!(agreed.unwrap(), now);
        let refused = merged(&opened, &form("No Tide", "90", ""), &now).unwrap_err();
        let Refusal::ChangedMeanwhile { mut fields } = refused else {
            panic!("{refused:?}");
        };
        fields.sort_by_key(|field| format!("{field:?}"));
        assert_eq!(fields, [Field::Capacity, Field::Title]);
    }
    #[test]
    fn what_was_sent_as_it_was_opened_is_meant_where_sending_sets_it() {
        let opened = form("", "100", "");
        assert_eq!(set(&opened, &opened, &opened).unwrap(), opened);
        let now = form("", "80", "");
        let refused = set(&opened, &opened, &now).unwrap_err();
        let fields = vec![Field::Capacity];
        assert_eq!(refused, Refusal::ChangedMeanwhile { fields });
        assert_eq!(
            set(&opened, &form("", "90", ""), &opened).unwrap().capacity,
            "90"
        );
    }
}
