//! Texts of the admins' pages, in both languages.

use crate::i18n::thousands;
use model::accounts::Role;
use model::admin::{Actor, Deed};

/// Returns the name of a role.
type RoleName = fn(Role) -> &'static str;

/// See [`crate::i18n::Words`].
pub struct AdminWords {
    pub title: &'static str,
    pub lead: &'static str,
    pub online: fn(Option<u64>) -> String,
    pub online_label: &'static str,
    pub last_days: &'static str,
    pub signed_up: &'static str,
    pub active: &'static str,
    pub day: &'static str,

    pub accounts: &'static str,
    pub search: &'static str,
    pub found: fn(u64) -> String,
    pub none_found: &'static str,
    pub account: &'static str,
    pub state: &'static str,
    pub active_state: &'static str,
    pub deactivated: fn(&str) -> String,
    /// Arguments: time of the deletion, time of the purge.
    pub deleted: fn(&str, &str) -> String,
    pub own_account: &'static str,
    pub change_role: &'static str,
    pub new_role: &'static str,
    pub deactivate: &'static str,
    pub deactivate_sure: &'static str,
    pub deactivate_confirm: &'static str,
    pub live_tickets: &'static str,
    /// Argument: number of live tickets.
    pub revoke_tickets: fn(u64) -> String,
    pub restore: &'static str,
    pub done: &'static str,
    pub back: &'static str,

    pub actions: &'static str,
    pub no_actions: &'static str,
    /// Second argument: name of the account that was acted on.
    pub deed: fn(&Deed, &str, RoleName) -> String,
    pub actor: fn(&Actor) -> String,
    pub gone: &'static str,
}

pub const ENGLISH: AdminWords = AdminWords {
    title: "Administration",
    lead: "Who comes, who they are, and what was done to their accounts.",
    online: |n| match n {
        None => "–".into(),
        Some(n) => thousands(n),
    },
    online_label: "online now",
    last_days: "The last seven days",
    signed_up: "Sign-ups",
    active: "Active accounts",
    day: "Day",

    accounts: "Accounts",
    search: "Search by name, nickname or e-mail",
    found: |n| match n {
        1 => "1 account".into(),
        n => format!("{} accounts", thousands(n)),
    },
    none_found: "No account fits that.",
    account: "Account",
    state: "State",
    active_state: "Active",
    deactivated: |at| format!("Deactivated on {at}"),
    deleted: |at, purged_at| format!("Deleted on {at}, erased for good on {purged_at}"),
    own_account: "This is your own account. Another administrator has to change it.",
    change_role: "Change the role",
    new_role: "New role",
    deactivate: "Deactivate",
    deactivate_sure: "This person is logged out everywhere at once, leaves every queue, and cannot log in until somebody \
                      restores the account. Tickets stay, unless you revoke them as well.",
    deactivate_confirm: "Yes, deactivate this account",
    live_tickets: "Live tickets",
    revoke_tickets: |n| match n {
        1 => "Revoke the ticket of this account as well".into(),
        n => format!(
            "Revoke all {} tickets of this account as well",
            thousands(n)
        ),
    },
    restore: "Restore this account",
    done: "Done. It is in the record.",
    back: "Back to administration",

    actions: "What administrators have done",
    no_actions: "Nothing so far.",
    deed: |deed, account, role| match deed {
        Deed::Created { role: new } => format!("made {account} ({})", role(*new)),
        Deed::RoleChanged { old, new } => {
            format!(
                "changed the role of {account} from {} to {}",
                role(*old),
                role(*new)
            )
        }
        Deed::Deactivated => format!("deactivated {account}"),
        Deed::Restored => format!("restored {account}"),
    },
    actor: |actor| match actor {
        Actor::Admin {
            account_name: Some(name),
        } => name.clone(),
        Actor::Admin { account_name: None } => "an account that is gone".into(),
        Actor::CommandLine => "The command line".into(),
    },
    gone: "an account that is gone",
};

pub const KOREAN: AdminWords = AdminWords {
    title: "관리",
    lead: "누가 오는지, 누구인지, 계정에 무엇을 했는지 볼 수 있어요.",
    online: |n| match n {
        None => "–".into(),
        Some(n) => thousands(n),
    },
    online_label: "명 접속 중",
    last_days: "최근 7일",
    signed_up: "가입",
    active: "이용한 계정",
    day: "날짜",

    accounts: "계정",
    search: "이름, 별명, 이메일로 찾기",
    found: |n| format!("계정 {}개", thousands(n)),
    none_found: "맞는 계정이 없어요.",
    account: "계정",
    state: "상태",
    active_state: "사용 중",
    deactivated: |at| format!("{at}에 정지됨"),
    deleted: |at, purged_at| format!("{at}에 삭제됨, {purged_at}에 완전히 지워짐"),
    own_account: "내 계정이에요. 다른 관리자만 바꿀 수 있어요.",
    change_role: "역할 바꾸기",
    new_role: "새 역할",
    deactivate: "정지",
    deactivate_sure: "이 사람은 바로 모든 기기에서 로그아웃되고 모든 줄에서 나가요. 계정을 되살릴 때까지 로그인할 수 없어요. \
                      함께 회수하지 않으면 티켓은 남아요.",
    deactivate_confirm: "네, 이 계정을 정지할게요",
    live_tickets: "유효한 티켓",
    revoke_tickets: |n| format!("이 계정의 티켓 {}장도 모두 회수하기", thousands(n)),
    restore: "이 계정 되살리기",
    done: "처리하고 기록에 남겼어요.",
    back: "관리로 돌아가기",

    actions: "관리자가 한 일",
    no_actions: "아직 없어요.",
    deed: |deed, account, role| match deed {
        Deed::Created { role: new } => format!("{account} 계정을 만듦 ({})", role(*new)),
        Deed::RoleChanged { old, new } => {
            format!(
                "{account} 계정의 역할을 바꿈: {} → {}",
                role(*old),
                role(*new)
            )
        }
        Deed::Deactivated => format!("{account} 계정을 정지함"),
        Deed::Restored => format!("{account} 계정을 되살림"),
    },
    actor: |actor| match actor {
        Actor::Admin {
            account_name: Some(name),
        } => name.clone(),
        Actor::Admin { account_name: None } => "없어진 계정".into(),
        Actor::CommandLine => "명령줄".into(),
    },
    gone: "없어진 계정",
};
