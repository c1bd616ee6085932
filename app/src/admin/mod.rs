//! The admins' pages: attendance, accounts, and the record of actions on accounts.

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

/// Name under which [`ChangeRole`] reports that it is done.
const ROLE_DONE: &str = "role";
