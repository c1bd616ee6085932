//! `/admin/accounts/:id`: one account, and what can be done with it.

use super::accounts::StateBadge;
use super::api::{ActOnAccount, ChangeRole, get_account};
use crate::error::ApiError;
use crate::forms::{Refusals, SubmitButton, refusal_of};
use crate::i18n::use_words;
use crate::layout::PageMeta;
use crate::refused::Refused;
use crate::sessions::{Visitor, use_session};
use leptos::form::ActionForm;
use leptos::prelude::*;
use leptos_router::hooks::{use_params_map, use_query_map};
use model::accounts::{AccountId, Role};
use model::admin::{AccountAction, AccountEntry, AccountState};
use model::{Field, Refusal};

#[component]
pub fn AdminAccountPage() -> impl IntoView {
    let params = use_params_map();
    let change = ServerAction::<ChangeRole>::new();
    let act = ServerAction::<ActOnAccount>::new();
    let session = use_session();
    let id = move || params.with(|params| params.get_str("id").and_then(|id| id.parse().ok()));
    let account = Resource::new(
        move || (id(), change.version().get(), act.version().get()),
        |(id, ..)| async move {
            match id {
                Some(id) => get_account(AccountId(id)).await,
                None => Err(ApiError(Refusal::NotFound)),
            }
        },
    );
    view! {
        <Transition>
            {move || Suspend::new(async move {
                match (account.await, session.visitor.await) {
                    (Ok(account), Ok(Some(visitor))) => {
                        view! { <Account account visitor change act/> }.into_any()
                    }
                    (Err(ApiError(refusal)), _) | (_, Err(ApiError(refusal))) => {
                        view! { <Refused refusal/> }.into_any()
                    }
                    (_, Ok(None)) => view! { <Refused refusal=Refusal::NotLoggedIn/> }.into_any(),
                }
            })}
        </Transition>
    }
}

#[component]
fn Account(
    account: AccountEntry,
    visitor: Visitor,
    change: ServerAction<ChangeRole>,
    act: ServerAction<ActOnAccount>,
) -> impl IntoView {
    let words = use_words();
    let (admin, label) = (&words.admin, words.field_label);
    let own = visitor.account_name == account.account_name;
    let query = use_query_map();
    let (changing, acting) = (refusal_of(change), refusal_of(act));
    let refused = move || changing.with(Option::is_some) || acting.with(Option::is_some);
    let said = |done: &str| matches!(done, "role" | "deactivate" | "restore");
    let done = move || !refused() && query.with(|query| query.get_str("done").is_some_and(said));
    let (id, role, state) = (account.id, account.role, account.state);
    view! {
        <PageMeta title=account.account_name.clone() description=admin.lead.to_owned()/>
        <section class="sheet sheet--medium">
            <h1>{account.account_name.clone()}</h1>
            <p class="lead"><StateBadge state/></p>
            <p class="done" role="status" hidden=move || !done()>{admin.done}</p>
            <dl class="facts">
                <div><dt>{label(Field::Name)}</dt><dd>{account.name}</dd></div>
                <div><dt>{label(Field::Nickname)}</dt><dd>{account.nickname}</dd></div>
                <div><dt>{label(Field::Email)}</dt><dd>{account.email}</dd></div>
                <div><dt>{words.role}</dt><dd data-testid="account-role">{(words.role_name)(role)}</dd></div>
                <div><dt>{words.member_since}</dt><dd>{(words.date_time)(account.created_at)}</dd></div>
            </dl>
            <Refusals refusal=changing/>
            <Refusals refusal=acting/>
            {match own {
                true => view! { <p class="quietly">{admin.own_account}</p> }.into_any(),
                false => view! { <Ways id role state change act/> }.into_any(),
            }}
            <p class="aside"><a href="/admin">{admin.back}</a></p>
        </section>
    }
}

#[component]
fn Ways(
    id: AccountId,
    role: Role,
    state: AccountState,
    change: ServerAction<ChangeRole>,
    act: ServerAction<ActOnAccount>,
) -> impl IntoView {
    let words = use_words();
    let admin = &words.admin;
    let roles = Role::ALL
        .into_iter()
        .map(|each| view! { <option value=each.as_str() selected=each == role>{(words.role_name)(each)}</option> })
        .collect_view();
    let active = state == AccountState::Active;
    view! {
        <ActionForm action=change>
            <input type="hidden" name="id" value=id.to_string()/>
            <div class="field">
                <label for="role">{admin.new_role}</label>
                <select id="role" name="role">{roles}</select>
            </div>
            <SubmitButton words=admin.change_role sending=words.sending pending=change.pending() class="button"/>
        </ActionForm>
        {(!active).then(|| view! {
            <ActionForm action=act>
                <input type="hidden" name="id" value=id.to_string()/>
                <input type="hidden" name="action" value=AccountAction::Restore.as_str()/>
                <SubmitButton words=admin.restore sending=words.sending pending=act.pending()/>
            </ActionForm>
        })}
        {active.then(|| view! {
            <details class="second-thought">
                <summary>{admin.deactivate}</summary>
                <p>{admin.deactivate_sure}</p>
                <ActionForm action=act>
                    <input type="hidden" name="id" value=id.to_string()/>
                    <input type="hidden" name="action" value=AccountAction::Deactivate.as_str()/>
                    <SubmitButton
                        words=admin.deactivate_confirm
                        sending=words.sending
                        pending=act.pending()
                        class="button button--danger"
                    />
                </ActionForm>
            </details>
        })}
    }
}
