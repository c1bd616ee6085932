//! `/admin/accounts/:id`: one account and the actions on it.

use super::accounts::StateBadge;
use super::api::{ActOnAccount, ChangeRole, get_account};
use crate::error::ApiError;
use crate::forms::{
    FormContext, FormEcho, Refusals, SecondThought, SubmitButton, TextField, form_action,
    just_done, refusal_of,
};
use crate::i18n::use_words;
use crate::layout::PageMeta;
use crate::refused::Refused;
use crate::sessions::{Visitor, visitor};
use crate::tickets::{IssuedTickets, account_tickets};
use leptos::prelude::*;
use leptos::server_fn::ServerFn;
use leptos_router::hooks::use_params_map;
use model::accounts::{AccountId, Role};
use model::admin::{AccountAction, AccountEntry, AccountState};
use model::tickets::IssuedTicket;
use model::{Field, Refusal};

#[component]
pub fn AdminAccountPage() -> impl IntoView {
    let id = use_params_map().with_untracked(|params| params.get_str("id")?.parse().ok());
    let account = Resource::new(
        || (),
        move |()| async move {
            match id {
                Some(id) => load(AccountId(id)).await,
                None => Err(ApiError(Refusal::NotFound)),
            }
        },
    );
    view! {
        <Suspense>
            {move || Suspend::new(async move {
                match (account.await, visitor()) {
                    (Ok((account, tickets)), Ok(Some(visitor))) => {
                        view! { <Account account tickets visitor/> }.into_any()
                    }
                    (Err(ApiError(refusal)), _) | (_, Err(ApiError(refusal))) => {
                        view! { <Refused refusal/> }.into_any()
                    }
                    (_, Ok(None)) => view! { <Refused refusal=Refusal::NotLoggedIn/> }.into_any(),
                }
            })}
        </Suspense>
    }
}

async fn load(id: AccountId) -> Result<(AccountEntry, Vec<IssuedTicket>), ApiError> {
    let (account, tickets) = futures::future::join(get_account(id), account_tickets(id)).await;
    Ok((account?, tickets?))
}

#[component]
fn Account(account: AccountEntry, tickets: Vec<IssuedTicket>, visitor: Visitor) -> impl IntoView {
    let words = use_words();
    let (admin, label) = (&words.admin, words.field_label);
    let own = visitor.account_name == account.account_name;
    let refusal = refusal_of::<ChangeRole>().or_else(refusal_of::<ActOnAccount>);
    let done = just_done(&[super::ROLE_DONE, "deactivate", "restore"]).is_some();
    let done = (done && refusal.is_none())
        .then(|| view! { <p class="done" role="status">{admin.done}</p> });
    let (id, role, state) = (account.id, account.role, account.state);
    let live = tickets.len() as u64;
    provide_context(FormContext::new(refusal.clone()));
    view! {
        <PageMeta title=account.account_name.clone() description=admin.lead.to_owned()/>
        <section class="sheet sheet--medium">
            <h1>{account.account_name.clone()}</h1>
            <p class="lead"><StateBadge state/></p>
            {done}
            <dl class="facts">
                <div><dt>{label(Field::Name)}</dt><dd><bdi>{account.name}</bdi></dd></div>
                <div><dt>{label(Field::Nickname)}</dt><dd><bdi>{account.nickname}</bdi></dd></div>
                <div><dt>{label(Field::Email)}</dt><dd><bdi>{account.email}</bdi></dd></div>
                <div><dt>{words.role}</dt><dd data-testid="account-role">{(words.role_name)(role)}</dd></div>
                <div><dt>{words.member_since}</dt><dd>{(words.date_time)(account.created_at)}</dd></div>
            </dl>
            <Refusals refusal/>
            {match own {
                true => view! { <p class="quietly">{admin.own_account}</p> }.into_any(),
                false => view! { <Ways id role state live/> }.into_any(),
            }}
            {(live > 0).then(|| view! { <Held id tickets/> }.into_any())}
            <p class="aside"><a href="/admin">{admin.back}</a></p>
        </section>
    }
}

/// The account's live tickets, each with a control to revoke it.
#[component]
fn Held(id: AccountId, tickets: Vec<IssuedTicket>) -> impl IntoView {
    let next = format!("/admin/accounts/{id}");
    view! {
        <section aria-labelledby="tickets-title">
            <h2 id="tickets-title">{use_words().admin.live_tickets}</h2>
            <IssuedTickets tickets next/>
        </section>
    }
}

/// The control to deactivate the account, with the option to revoke all its live tickets.
#[component]
fn Deactivate(id: AccountId, live: u64) -> impl IntoView {
    let admin = &use_words().admin;
    let refused = refusal_of::<ActOnAccount>().is_some();
    let ticked = FormEcho::of_request().get(REVOKE_TICKETS).is_some();
    view! {
        <SecondThought summary=admin.deactivate sure=admin.deactivate_sure open=refused && ticked>
            <form method="post" action=form_action(ActOnAccount::PATH)>
                <input type="hidden" name="id" value=id.to_string()/>
                <input type="hidden" name="action" value=AccountAction::Deactivate.as_str()/>
                {(live > 0).then(|| view! {
                    <label class="choice">
                        <input type="checkbox" name=REVOKE_TICKETS value="true" checked=ticked/>
                        <span>{(admin.revoke_tickets)(live)}</span>
                    </label>
                    <TextField field=Field::TicketsReason required=false/>
                })}
                <SubmitButton
                    words=admin.deactivate_confirm
                    class="button button--danger"
                />
            </form>
        </SecondThought>
    }
}

/// Name of an argument of [`ActOnAccount`].
const REVOKE_TICKETS: &str = "revoke_tickets";

#[component]
fn Ways(id: AccountId, role: Role, state: AccountState, live: u64) -> impl IntoView {
    let words = use_words();
    let admin = &words.admin;
    let roles = Role::ALL
        .into_iter()
        .map(|each| view! { <option value=each.as_str() selected=each == role>{(words.role_name)(each)}</option> })
        .collect_view();
    let active = state == AccountState::Active;
    view! {
        <form method="post" action=form_action(ChangeRole::PATH)>
            <input type="hidden" name="id" value=id.to_string()/>
            <div class="field">
                <label for="role">{admin.new_role}</label>
                <select id="role" name="role">{roles}</select>
            </div>
            <SubmitButton words=admin.change_role class="button"/>
        </form>
        {(!active).then(|| view! {
            <form method="post" action=form_action(ActOnAccount::PATH)>
                <input type="hidden" name="id" value=id.to_string()/>
                <input type="hidden" name="action" value=AccountAction::Restore.as_str()/>
                <SubmitButton words=admin.restore/>
            </form>
        })}
        {active.then(|| view! { <Deactivate id live/> }.into_any())}
    }
}
