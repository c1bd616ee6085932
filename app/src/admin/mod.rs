//! The admins' pages: who comes, accounts, and the record of what was done to them.

mod account;
mod accounts;
mod actions;
mod api;
mod attendance;
mod page;
mod words;

pub use account::AdminAccountPage;
pub use api::{ActOnAccount, AdminActions, ChangeRole, GetAccount, GetAttendance, ListAccounts};
pub use page::AdminPage;
pub use words::{AdminWords, ENGLISH, KOREAN};

/// What [`ChangeRole`] has done.
const ROLE_DONE: &str = "role";
