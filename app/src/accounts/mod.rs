//! Signing up and seeing oneself.

mod api;
mod page;
mod sign_up;

pub use api::{CurrentAccount, SignUp};
pub use page::AccountPage;
pub use sign_up::SignUpPage;
