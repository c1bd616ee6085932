//! Who is looking, for every page.

use super::api::{LogIn, LogOut, Visitor, visitor};
use crate::accounts::{ChangeProfile, DeleteAccount, SignUp};
use crate::error::ApiError;
use leptos::prelude::*;
use leptos_router::hooks::use_url;

/// The visitor and the actions that change who that is. Each of them goes on to another page, which reads what
/// depends on the visitor anew.
#[derive(Clone, Copy)]
pub struct SessionContext {
    /// Read again whenever one of the actions has run.
    pub visitor: Resource<Result<Option<Visitor>, ApiError>>,
    pub log_in: ServerAction<LogIn>,
    pub log_out: ServerAction<LogOut>,
    pub sign_up: ServerAction<SignUp>,
    pub change_profile: ServerAction<ChangeProfile>,
    pub delete_account: ServerAction<DeleteAccount>,
}

impl SessionContext {
    /// Must be called inside the router.
    pub fn provide() {
        // A form that was refused without JavaScript: the router tells only what is inside its routes by itself.
        use_url().read_untracked().provide_server_action_error();
        let log_in = ServerAction::<LogIn>::new();
        let log_out = ServerAction::<LogOut>::new();
        let sign_up = ServerAction::<SignUp>::new();
        let change_profile = ServerAction::<ChangeProfile>::new();
        let delete_account = ServerAction::<DeleteAccount>::new();
        let visitor = Resource::new(
            move || {
                (
                    log_in.version().get(),
                    log_out.version().get(),
                    sign_up.version().get(),
                    change_profile.version().get(),
                    delete_account.version().get(),
                )
            },
            |_| visitor(),
        );
        provide_context(SessionContext {
            visitor,
            log_in,
            log_out,
            sign_up,
            change_profile,
            delete_account,
        });
    }
}

pub fn use_session() -> SessionContext {
    expect_context()
}
