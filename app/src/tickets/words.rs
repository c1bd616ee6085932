//! Texts of a ticket, on the page and on paper, in both languages.

/// See [`crate::i18n::Words`].
pub struct TicketWords {
    /// Label of the QR code for screen readers. Argument: serial number.
    pub qr: fn(&str) -> String,
    pub valid: &'static str,
    /// Shown in place of the code. Argument: when.
    pub revoked_at: fn(&str) -> String,
    /// Shown to the holder. Argument: why.
    pub revoked_reason: fn(&str) -> String,
    /// Shown to the organiser. Arguments: when and why. The reason is typed text, so it is in
    /// isolates (UAX 9).
    pub revoked_because: fn(&str, &str) -> String,
    pub revoke: &'static str,
    pub revoke_sure: &'static str,
    pub revoke_which: &'static str,
    pub revoke_confirm: &'static str,
    pub revoked_done: &'static str,
    /// Shown below the code.
    pub show_it: &'static str,
    pub save_pdf: &'static str,
    pub add_to_calendar: &'static str,
    /// Title of the event for the opening of a sale. Argument: the concert's title.
    pub opening: fn(&str) -> String,
    pub remind_me: &'static str,
    pub print_hint: &'static str,
    pub paper_notes: [&'static str; 3],
    /// Argument: serial number.
    pub number: fn(&str) -> String,
    /// File name without its extension. Arguments: title and serial number.
    pub file: fn(&str, &str) -> String,
}

pub const ENGLISH: TicketWords = TicketWords {
    qr: |serial| format!("QR code of ticket number {serial}"),
    valid: "Valid",
    revoked_at: |at| format!("Revoked {at}"),
    revoked_reason: |reason| {
        format!(
            "The organiser has taken this ticket back, and it does not let anybody in. The reason given: \u{2068}{reason}\u{2069}"
        )
    },
    revoked_because: |at, reason| format!("Revoked {at}: \u{2068}{reason}\u{2069}"),
    revoke: "Revoke a ticket",
    revoke_sure: "A revoked ticket lets nobody in. Its place goes to the next person in line, and cannot be given back.",
    revoke_which: "Which one?",
    revoke_confirm: "Yes, revoke this ticket",
    revoked_done: "The ticket is revoked. It is in the record.",
    show_it: "Show this at the door, on your phone or on paper. It lets one person in, once.",
    save_pdf: "Save as PDF",
    add_to_calendar: "Add to calendar",
    opening: |title| format!("Sale opens: {title}"),
    remind_me: "Add the opening to my calendar",
    print_hint: "Printing this page prints the ticket alone.",
    paper_notes: [
        "Show this code at the door, on paper or on your phone.",
        "It lets one person in, once. Whoever has a picture of it can use it before you do.",
        "You cannot come? Cancel it on Frontrow, and it goes to the next person in line.",
    ],
    number: |serial| format!("Ticket number {serial}"),
    file: |title, serial| format!("{title}, ticket {serial}"),
};

pub const KOREAN: TicketWords = TicketWords {
    qr: |serial| format!("{serial}번 티켓의 QR 코드"),
    valid: "유효함",
    revoked_at: |at| format!("{at}에 회수됨"),
    revoked_reason: |reason| {
        format!("주최자가 이 티켓을 회수해서 입장할 수 없어요. 이유: \u{2068}{reason}\u{2069}")
    },
    revoked_because: |at, reason| format!("{at}에 회수됨: \u{2068}{reason}\u{2069}"),
    revoke: "티켓 회수하기",
    revoke_sure: "회수한 티켓으로는 아무도 입장할 수 없어요. 자리는 다음 사람에게 넘어가고 되돌릴 수 없어요.",
    revoke_which: "어느 티켓인가요?",
    revoke_confirm: "네, 이 티켓을 회수할게요",
    revoked_done: "티켓을 회수하고 기록에 남겼어요.",
    show_it: "입구에서 휴대폰이나 종이로 보여 주세요. 한 사람이 한 번 입장할 수 있어요.",
    save_pdf: "PDF로 저장하기",
    add_to_calendar: "캘린더에 추가하기",
    opening: |title| format!("예매 시작: {title}"),
    remind_me: "예매 시작을 캘린더에 추가하기",
    print_hint: "이 페이지를 인쇄하면 티켓만 나와요.",
    paper_notes: [
        "입구에서 이 코드를 종이나 휴대폰으로 보여 주세요.",
        "한 사람이 한 번 입장할 수 있어요. 코드 사진을 가진 사람이 먼저 쓸 수 있으니 나누지 마세요.",
        "못 오게 되면 Frontrow에서 취소해 주세요. 다음 사람에게 넘어가요.",
    ],
    number: |serial| format!("티켓 번호 {serial}"),
    file: |title, serial| format!("{title}, 티켓 {serial}"),
};
