//! JSON, parsed with the browser's own parser (in the browser only).

use chrono::{DateTime, Utc};
use js_sys::{Array, Date, JSON, Reflect};
use wasm_bindgen::JsValue;

/// A parsed value.
pub struct Json(JsValue);

/// A type that is read from what serde wrote. Returns `None` if the value is missing.
pub trait Read: Sized {
    fn read(json: &Json) -> Option<Self>;
}

/// Parses a JSON text.
pub fn parse<T: Read>(text: &str) -> Option<T> {
    T::read(&Json(JSON::parse(text).ok()?))
}

/// Reads the value that a promise of JSON resolved to.
pub fn read<T: Read>(value: JsValue) -> Option<T> {
    T::read(&Json(value))
}

impl Json {
    pub fn get<T: Read>(&self, name: &str) -> Option<T> {
        T::read(&Json(Reflect::get(&self.0, &name.into()).ok()?))
    }
}

/// Integers below 2^53, as all of ours are.
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

/// With millisecond precision.
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
