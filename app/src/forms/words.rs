//! Texts about forms that could not be processed.

pub struct FormWords {
    /// Heading of a form whose sender was logged out in the meantime.
    pub unsent: &'static str,
    pub unsent_hint: &'static str,
    pub log_in_elsewhere: &'static str,
    pub send_again: &'static str,
    /// Shown for a form of a page that was rendered for another account than the current one.
    pub other_account: &'static str,
    /// Label of a field's saved value, shown beside what was typed.
    pub saved_now: &'static str,
}

pub const ENGLISH: FormWords = FormWords {
    unsent: "What you typed is still here",
    unsent_hint: "You had been logged out, so nothing was saved. Log in in a new tab, come back to this page, and send it again.",
    log_in_elsewhere: "Log in (new tab)",
    send_again: "Send again",
    other_account: "That page was another account\u{2019}s",
    saved_now: "Saved now:",
};

pub const KOREAN: FormWords = FormWords {
    unsent: "입력하신 내용은 그대로 있어요",
    unsent_hint: "로그아웃되어 저장하지 못했어요. 새 탭에서 로그인한 뒤 이 페이지로 돌아와 다시 보내 주세요.",
    log_in_elsewhere: "로그인 (새 탭)",
    send_again: "다시 보내기",
    other_account: "다른 계정으로 열었던 페이지예요",
    saved_now: "지금 저장된 값:",
};
