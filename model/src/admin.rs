//! The admin pages: accounts, attendance, and the record of what admins have done.

use crate::accounts::{AccountId, Role};
use chrono::{DateTime, NaiveDate, Utc};
use serde::{Deserialize, Serialize};

/// Accounts per page of the list.
pub const ACCOUNTS_PER_PAGE: u32 = 20;

/// Current state of an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "state")]
pub enum AccountState {
    Active,
    /// Cannot log in until an admin restores it.
    Deactivated {
        at: DateTime<Utc>,
    },
    /// Deleted by its owner. An admin can restore it until it is purged.
    Deleted {
        at: DateTime<Utc>,
        purged_at: DateTime<Utc>,
    },
}

/// An account as admins see it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccountEntry {
    pub id: AccountId,
    pub account_name: String,
    pub name: String,
    pub nickname: String,
    pub email: String,
    pub role: Role,
    pub created_at: DateTime<Utc>,
    #[serde(flatten)]
    pub state: AccountState,
}

/// One page of accounts, newest first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccountPage {
    pub accounts: Vec<AccountEntry>,
    /// Number of accounts that match the search.
    pub total: u64,
    /// Counts from 1.
    pub page: u32,
    pub pages: u32,
}

/// What an admin can do with an account, apart from changing its role.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AccountAction {
    Deactivate,
    Restore,
}

impl AccountAction {
    pub fn as_str(self) -> &'static str {
        match self {
            AccountAction::Deactivate => "deactivate",
            AccountAction::Restore => "restore",
        }
    }
}

/// One day in Korea.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Day {
    pub day: NaiveDate,
    /// Accounts created.
    pub signed_up: u64,
    /// Accounts that were used, each counted once.
    pub active: u64,
}

/// How many accounts are created and used.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attendance {
    /// The last seven days, today last.
    pub days: Vec<Day>,
    /// Accounts seen within the last five minutes; `None` if that is unknown.
    pub online: Option<u64>,
}

/// What was done to an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "action")]
pub enum Deed {
    Created { role: Role },
    RoleChanged { old: Role, new: Role },
    Deactivated,
    Restored,
}

/// Who performed an action.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum Actor {
    /// `account_name` is `None` if the account has been purged.
    Admin { account_name: Option<String> },
    /// A user of the server's command line.
    CommandLine,
}

/// One line of the record of what admins have done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AdminAction {
    pub at: DateTime<Utc>,
    pub by: Actor,
    /// Name of the account that was acted on; `None` if it has been purged.
    pub account_name: Option<String>,
    #[serde(flatten)]
    pub deed: Deed,
}
