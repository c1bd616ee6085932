//! Signing up and "my page".

mod api;
mod done;
mod forms;
mod page;
mod sign_up;
mod words;

pub use api::{ChangePassword, ChangeProfile, CurrentAccount, DeleteAccount, SignUp};
pub use done::{Done, DoneNote};
pub use forms::{DeletePage, PasswordPage, ProfilePage};
pub use page::AccountPage;
pub use sign_up::SignUpPage;
pub use words::{AccountWords, ENGLISH, KOREAN};
