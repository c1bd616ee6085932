//! Forms that show problems beside the field, keep everything that was typed, and work without
//! JavaScript.

mod action;
mod once;
mod second_thought;

#[cfg(feature = "ssr")]
mod done;
#[cfg(feature = "ssr")]
mod echo;
#[cfg(feature = "ssr")]
mod fields;
#[cfg(feature = "ssr")]
mod opened;
#[cfg(feature = "ssr")]
mod refused;
#[cfg(feature = "ssr")]
mod summary;
#[cfg(feature = "ssr")]
mod unsent;
#[cfg(feature = "ssr")]
mod words;

#[cfg(feature = "hydrate")]
pub use action::address;
pub use action::{AS, CALL, OWNER, anyones_form_action, form_action, without_call};
#[cfg(feature = "ssr")]
pub use action::{PageOwner, owner};
pub use once::SendOnce;
#[cfg(feature = "ssr")]
pub use opened::{as_opened, parse_opened};
pub use second_thought::SecondThought;

#[cfg(feature = "ssr")]
pub use done::{just_done, say_done};
#[cfg(feature = "ssr")]
pub use echo::FormEcho;
#[cfg(feature = "ssr")]
pub use fields::{
    FileField, FormContext, SelectField, SubmitButton, TextArea, TextField, field_name,
};
#[cfg(feature = "ssr")]
pub use refused::{RefusedForm, refusal_of, refusal_of_path};
#[cfg(feature = "ssr")]
pub use summary::Refusals;
#[cfg(feature = "ssr")]
pub use unsent::{Unsent, UnsentFrom, unsent};
#[cfg(feature = "ssr")]
pub use words::{ENGLISH, FormWords, KOREAN};
