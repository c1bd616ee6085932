//! JSON, read with the browser's own parser (in the browser only).

use chrono::{DateTime, Utc};
use js_sys::{Array, Date, JSON, Reflect};
use wasm_bindgen::JsValue;

/// A value as it came.
pub struct Json(JsValue);

/// Reads itself from what serde wrote; None if it is not there.
pub trait Read: Sized {
    fn read(json: &Json) -> Option<Self>;
}

/// The value in a text of JSON.
pub fn parse<T: Read>(text: &str) -> Option<T> {
    T::read(&Json(JSON::parse(text).ok()?))
}

/// The value that a promise of JSON brought.
pub fn read<T: Read>(value: JsValue) -> Option<T> {
    T::read(&Json(value))
}

impl Json {
    pub fn get<T: Read>(&self, name: &str) -> Option<T> {
        T::read(&Json(Reflect::get(&self.0, &name.into()).ok()?))
    }
}

/// Whole numbers below 2^53, as all of ours are.
impl Read for i64 {
    fn read(json: &Json) -> Option<i64> {
        json.0.as_f64().map(|number| number as i64)
    }
}

impl Read for u64 {
    fn read(json: &Json) -> Option<u64> {
        i64::read(json).map(|number| number as u64)
    }
}

impl Read for u32 {
    fn read(json: &Json) -> Option<u32> {
        i64::read(json).map(|number| number as u32)
    }
}

impl Read for String {
    fn read(json: &Json) -> Option<String> {
        json.0.as_string()
    }
}

/// To the millisecond.
impl Read for DateTime<Utc> {
    fn read(json: &Json) -> Option<DateTime<Utc>> {
        let millis = Date::parse(&json.0.as_string()?);
        DateTime::from_timestamp_millis(millis as i64)
    }
}

impl<T: Read> Read for Vec<T> {
    fn read(json: &Json) -> Option<Vec<T>> {
        let list = Array::from(&json.0);
        list.iter().map(|item| T::read(&Json(item))).collect()
    }
}
