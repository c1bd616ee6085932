//! Forms that say what is wrong beside the field, lose nothing that was typed, and work without JavaScript.

mod fields;
mod summary;

pub use fields::{FormContext, SelectField, SubmitButton, TextArea, TextField};
pub use summary::{Refusals, refusal_of};

use std::collections::HashMap;

/// What was typed into a form that was refused while no JavaScript ran; never a password.
///
/// The server keeps it across the redirect back to the form and puts it into the request's extensions.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FormEcho(pub HashMap<String, String>);

impl FormEcho {
    /// The echo of the request in context; in the browser always empty, where inputs keep what was typed themselves.
    pub fn of_request() -> FormEcho {
        #[cfg(feature = "ssr")]
        return leptos::prelude::use_context::<http::request::Parts>()
            .and_then(|parts| parts.extensions.get::<FormEcho>().cloned())
            .unwrap_or_default();
        #[cfg(not(feature = "ssr"))]
        return FormEcho::default();
    }

    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }
}

/// The `name` of a field's input: what serde calls it, too.
pub fn field_name(field: model::Field) -> &'static str {
    use model::Field::*;
    match field {
        AccountName => "account_name",
        Password => "password",
        CurrentPassword => "current_password",
        Name => "name",
        Nickname => "nickname",
        Email => "email",
        Title => "title",
        Artist => "artist",
        Genre => "genre",
        Venue => "venue",
        StartsAt => "starts_at",
        EndsAt => "ends_at",
        RunningMinutes => "running_minutes",
        PriceWon => "price_won",
        Description => "description",
        Capacity => "capacity",
        SaleOpensAt => "sale_opens_at",
        BatchSize => "batch_size",
        IntervalMs => "interval_ms",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::Field;

    #[test]
    fn inputs_are_called_what_serde_calls_them() {
        for field in [
            Field::AccountName,
            Field::RunningMinutes,
            Field::SaleOpensAt,
            Field::IntervalMs,
            Field::Email,
            Field::CurrentPassword,
        ] {
            assert_eq!(serde_json::to_value(field).unwrap(), field_name(field));
        }
    }
}
