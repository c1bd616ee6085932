//! What a ticket says, on the page and on paper, in both languages.

/// See [`crate::i18n::Words`].
pub struct TicketWords {
    /// Of the QR code, for who does not see it. Serial number.
    pub qr: fn(&str) -> String,
    /// Below the code.
    pub show_it: &'static str,
    pub save_pdf: &'static str,
    pub add_to_calendar: &'static str,
    /// Of the opening of a sale. The concert's title.
    pub opening: fn(&str) -> String,
    pub remind_me: &'static str,
    pub print_hint: &'static str,
    pub paper_notes: [&'static str; 3],
    /// Serial number.
    pub number: fn(&str) -> String,
    /// A file's name without its end. Title and serial number.
    pub file: fn(&str, &str) -> String,
}

pub const ENGLISH: TicketWords = TicketWords {
    qr: |serial| format!("QR code of ticket number {serial}"),
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
