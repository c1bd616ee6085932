//! Forms that say what is wrong beside the field, lose nothing that was typed, and work without JavaScript.

mod once;
mod second_thought;

#[cfg(feature = "ssr")]
mod echo;
#[cfg(feature = "ssr")]
mod fields;
#[cfg(feature = "ssr")]
mod summary;

pub use once::SendOnce;
pub use second_thought::SecondThought;

#[cfg(feature = "ssr")]
pub use echo::FormEcho;
#[cfg(feature = "ssr")]
pub use fields::{
    FileField, FormContext, SelectField, SubmitButton, TextArea, TextField, field_name,
};
#[cfg(feature = "ssr")]
pub use summary::{Refusals, refusal_of, refusal_of_path};
