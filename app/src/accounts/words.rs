//! Texts of "my page", in both languages.

use crate::i18n::thousands;
use model::sessions::EndReason;

/// See [`crate::i18n::Words`].
pub struct AccountWords {
    pub change_profile: &'static str,
    pub email_needs_password: &'static str,
    pub profile_lead: &'static str,
    pub profile_changed: &'static str,
    pub change_password: &'static str,
    pub password_lead: &'static str,
    pub new_password: &'static str,
    pub password_changed: &'static str,
    pub delete: &'static str,
    pub delete_lead: &'static str,
    pub delete_what: [&'static str; 2],
    /// Argument: number of tickets for upcoming concerts.
    pub tickets_left: fn(u64) -> String,
    pub tickets_give_back: &'static str,
    pub tickets_keep: &'static str,
    pub delete_confirm: &'static str,
    pub deleted: &'static str,
    pub back: &'static str,

    pub sessions: &'static str,
    pub sessions_lead: &'static str,
    pub this_device: &'static str,
    pub unknown_device: &'static str,
    pub unknown_address: &'static str,
    pub last_seen: &'static str,
    pub since: &'static str,
    /// Label of a button for screen readers. Argument: the device, which others see beside the
    /// button.
    pub end_session: fn(&str) -> String,
    pub end_others: fn(u64) -> String,
    pub session_ended: &'static str,
    pub others_ended: &'static str,
    /// Arguments: number of wrong passwords, number of addresses, time of the log-in that followed.
    pub wrong_passwords: fn(u64, u64, &str) -> String,
    pub wrong_passwords_hint: &'static str,
    pub wrong_passwords_read: &'static str,
    /// Arguments: device and time.
    pub misused: fn(&str, &str) -> String,
    /// Why the session ended; `None` if the user logged out and knows it.
    pub ended: fn(EndReason) -> Option<&'static str>,
}

pub const ENGLISH: AccountWords = AccountWords {
    change_profile: "Change your profile",
    email_needs_password: "Another e-mail address needs your password.",
    profile_lead: "Your nickname is what others see. Your account name stays as it is.",
    profile_changed: "Your profile has been changed.",
    change_password: "Change your password",
    password_lead: "You stay logged in here. Every other device is logged out.",
    new_password: "New password",
    password_changed: "Your password has been changed, and every other device is logged out.",
    delete: "Delete your account",
    delete_lead: "You are logged out everywhere at once.",
    delete_what: [
        "You leave every queue you are in, and your places are gone for good.",
        "For 30 days an administrator can bring the account back. After that everything personal is erased.",
    ],
    tickets_left: |n| match n {
        1 => "You hold a ticket for a concert to come. What becomes of it?".into(),
        n => format!(
            "You hold {} tickets for concerts to come. What becomes of them?",
            thousands(n)
        ),
    },
    tickets_give_back: "Give back: to the next person in line",
    tickets_keep: "Keep valid: nothing can be opened here any more, so save the PDF first",
    delete_confirm: "Yes, delete my account",
    deleted: "Your account has been deleted. Take care.",
    back: "Back to your account",

    sessions: "Where you are logged in",
    sessions_lead: "If you do not know one of these, log it out and change your password.",
    this_device: "This device",
    unknown_device: "Unknown device",
    unknown_address: "unknown address",
    last_seen: "Last seen",
    since: "Since",
    end_session: |device| format!("Log out {device}"),
    end_others: |n| match n {
        1 => "Log out the other device".into(),
        n => format!("Log out all {} other devices", thousands(n)),
    },
    session_ended: "That device is logged out.",
    others_ended: "Every other device is logged out.",
    wrong_passwords: |wrong, addresses, at| {
        let passwords = match wrong {
            1 => "A wrong password was tried".to_owned(),
            n => format!("{} wrong passwords were tried", thousands(n)),
        };
        let addresses = match addresses {
            1 => "1 address".to_owned(),
            n @ 2..=9 => format!("{n} addresses"),
            n => format!("about {} addresses", thousands(n)),
        };
        format!("{passwords} for your account, from {addresses}, before you logged in on {at}.")
    },
    wrong_passwords_hint: "None of them opened anything. If your password is short, or you use it elsewhere, change it.",
    wrong_passwords_read: "Understood",
    misused: |device, at| {
        format!(
            "On {at} the session of {device} was ended, because its key was used twice: somebody may have copied it. \
             If you have not changed your password since, do it now."
        )
    },
    ended: |reason| match reason {
        EndReason::LogOut => None,
        EndReason::Elsewhere => Some("You were logged out from another device."),
        EndReason::Displaced => {
            Some("You were logged out because your account is logged in in too many places.")
        }
        EndReason::Reuse => Some(
            "You were logged out to protect you: the key of your session was used twice, so somebody may have copied it. \
             Log in and change your password.",
        ),
        EndReason::Password => Some(
            "You were logged out because your password was changed. If that was not you, ask for help now.",
        ),
        EndReason::Deactivated => {
            Some("You were logged out because this account has been deactivated.")
        }
        EndReason::Deleted => Some("This account has been deleted."),
    },
};

pub const KOREAN: AccountWords = AccountWords {
    change_profile: "프로필 바꾸기",
    email_needs_password: "이메일을 바꾸려면 비밀번호가 필요해요.",
    profile_lead: "별명은 다른 사람에게 보이는 이름이에요. 아이디는 바뀌지 않아요.",
    profile_changed: "프로필을 바꿨어요.",
    change_password: "비밀번호 바꾸기",
    password_lead: "이 기기는 로그인된 채로 있고, 다른 기기는 모두 로그아웃돼요.",
    new_password: "새 비밀번호",
    password_changed: "비밀번호를 바꾸고, 다른 기기는 모두 로그아웃했어요.",
    delete: "계정 삭제",
    delete_lead: "바로 모든 기기에서 로그아웃돼요.",
    delete_what: [
        "서 있는 모든 줄에서 나가게 되고, 자리는 되찾을 수 없어요.",
        "30일 동안은 관리자가 계정을 되살릴 수 있어요. 그 뒤에는 개인 정보를 모두 지워요.",
    ],
    tickets_left: |n| {
        format!(
            "앞으로 열릴 공연의 티켓 {}장이 있어요. 어떻게 할까요?",
            thousands(n)
        )
    },
    tickets_give_back: "돌려주기: 다음 사람에게 넘어가요",
    tickets_keep: "유효하게 두기: 여기서 더 볼 수 없으니 먼저 PDF로 저장해 두세요",
    delete_confirm: "네, 계정을 삭제할게요",
    deleted: "계정을 삭제했어요. 안녕히 가세요.",
    back: "내 계정으로",

    sessions: "로그인한 곳",
    sessions_lead: "모르는 기기가 있으면 로그아웃시키고 비밀번호를 바꾸세요.",
    this_device: "이 기기",
    unknown_device: "알 수 없는 기기",
    unknown_address: "알 수 없는 주소",
    last_seen: "마지막 접속",
    since: "로그인",
    end_session: |device| format!("{device} 로그아웃"),
    end_others: |n| match n {
        1 => "다른 기기 로그아웃".into(),
        n => format!("다른 기기 {}대 모두 로그아웃", thousands(n)),
    },
    session_ended: "그 기기를 로그아웃했어요.",
    others_ended: "다른 기기를 모두 로그아웃했어요.",
    wrong_passwords: |wrong, addresses, at| {
        let about = if addresses < 10 { "" } else { "약 " };
        format!(
            "{at}에 로그인하시기 전에 {about}{}개 주소에서 틀린 비밀번호가 {}번 입력됐어요.",
            thousands(addresses),
            thousands(wrong)
        )
    },
    wrong_passwords_hint: "모두 막았어요. 비밀번호가 짧거나 다른 곳에서도 쓰고 있다면 바꿔 주세요.",
    wrong_passwords_read: "확인했어요",
    misused: |device, at| {
        format!(
            "{at}에 {device} 세션을 끝냈어요. 세션 키가 두 번 쓰여서, 누군가 복사했을 수 있어요. \
             그 뒤로 비밀번호를 바꾸지 않았다면 지금 바꾸세요."
        )
    },
    ended: |reason| match reason {
        EndReason::LogOut => None,
        EndReason::Elsewhere => Some("다른 기기에서 로그아웃했어요."),
        EndReason::Displaced => Some("너무 많은 곳에서 로그인되어 있어 여기서는 로그아웃했어요."),
        EndReason::Reuse => Some(
            "안전을 위해 로그아웃했어요. 세션 키가 두 번 쓰여서, 누군가 복사했을 수 있어요. \
             로그인한 뒤 비밀번호를 바꾸세요.",
        ),
        EndReason::Password => {
            Some("비밀번호가 바뀌어 로그아웃됐어요. 직접 바꾸지 않았다면 바로 도움을 요청하세요.")
        }
        EndReason::Deactivated => Some("이 계정이 정지되어 로그아웃됐어요."),
        EndReason::Deleted => Some("삭제한 계정이에요."),
    },
};
