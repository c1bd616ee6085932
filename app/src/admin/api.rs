//! Server functions for admins; other callers are refused with `forbidden`.

use crate::error::ApiError;
use leptos::prelude::*;
use leptos::server_fn::codec::GetUrl;
use model::Field;
use model::accounts::{AccountId, Role};
use model::admin::{AccountAction, AccountEntry, AccountPage, AdminAction, Attendance};
use model::tickets::RevokeReason;

use crate::forms::say_done;
use crate::request::{services, session};

/// Returns one page of accounts, newest first, limited to those with `search` in a name or the
/// e-mail.
#[server(name = ListAccounts, prefix = "/api", endpoint = "list_accounts", input = GetUrl)]
pub async fn list_accounts(
    #[server(default)] search: String,
    #[server(default)] page: u32,
) -> Result<AccountPage, ApiError> {
    Ok(services::admin::list(&services()?, &session()?, &search, page).await?)
}

/// Returns one account.
#[server(name = GetAccount, prefix = "/api", endpoint = "get_account", input = GetUrl)]
pub async fn get_account(id: AccountId) -> Result<AccountEntry, ApiError> {
    Ok(services::admin::find(&services()?, &session()?, id).await?)
}

/// Changes the role of an account, effective from its next request.
#[server(name = ChangeRole, prefix = "/api", endpoint = "change_role")]
pub async fn change_role(id: AccountId, role: Role) -> Result<AccountEntry, ApiError> {
    let account = services::admin::change_role(&services()?, &session()?, id, role).await?;
    say_done(super::ROLE_DONE);
    leptos_axum::redirect(&format!("/admin/accounts/{id}"));
    Ok(account)
}

/// Deactivates or restores an account. With `revoke_tickets`, deactivating also revokes its live
/// tickets, for the reason in `tickets_reason`.
#[server(name = ActOnAccount, prefix = "/api", endpoint = "act_on_account")]
pub async fn act_on_account(
    id: AccountId,
    action: AccountAction,
    #[server(default)] revoke_tickets: bool,
    #[server(default)] tickets_reason: String,
) -> Result<AccountEntry, ApiError> {
    let (services, session) = (services()?, session()?);
    let account = match action {
        AccountAction::Deactivate if revoke_tickets => {
            let reason = RevokeReason::parse(&tickets_reason, Field::TicketsReason)?;
            services::admin::deactivate_and_revoke(&services, &session, id, &reason).await?
        }
        AccountAction::Deactivate | AccountAction::Restore => {
            services::admin::act(&services, &session, id, action).await?
        }
    };
    say_done(action.as_str());
    leptos_axum::redirect(&format!("/admin/accounts/{id}"));
    Ok(account)
}

/// Returns sign-ups and active accounts of the last seven days, and the number of accounts online.
#[server(name = GetAttendance, prefix = "/api", endpoint = "attendance", input = GetUrl)]
pub async fn attendance() -> Result<Attendance, ApiError> {
    Ok(services::admin::attendance(&services()?, &session()?).await?)
}

/// Returns the admins' actions, newest first.
#[server(name = AdminActions, prefix = "/api", endpoint = "admin_actions", input = GetUrl)]
pub async fn admin_actions() -> Result<Vec<AdminAction>, ApiError> {
    Ok(services::admin::actions(&services()?, &session()?).await?)
}
