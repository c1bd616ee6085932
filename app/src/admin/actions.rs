//! The record of admins' actions, newest first.

use crate::i18n::use_words;
use leptos::prelude::*;
use model::admin::AdminAction;

#[component]
pub(super) fn Actions(actions: Vec<AdminAction>) -> impl IntoView {
    let words = use_words();
    let admin = &words.admin;
    let none = actions.is_empty();
    let lines = actions
        .into_iter()
        .map(|action| {
            let name = action.account_name.unwrap_or_else(|| admin.gone.to_owned());
            let deed = (admin.deed)(&action.deed, &name, words.role_name);
            view! {
                <li>
                    <p><strong>{(admin.actor)(&action.by)}</strong> " " {deed}</p>
                    <p class="change-who">
                        <time datetime=action.at.to_rfc3339()>{(words.date_time)(action.at)}</time>
                    </p>
                </li>
            }
        })
        .collect_view();
    view! {
        <section class="sheet sheet--wide" aria-labelledby="actions-title" data-testid="admin-actions">
            <h2 id="actions-title">{admin.actions}</h2>
            {none.then(|| view! { <p class="quietly">{admin.no_actions}</p> })}
            <ol class="changes">{lines}</ol>
        </section>
    }
}
