//! Texts of the dashboard, in both languages.

use crate::i18n::thousands;
use model::concerts::Phase;

/// See [`crate::i18n::Words`].
pub struct DeskWords {
    /// Label of the link on the concert's page.
    pub link: &'static str,
    pub title: fn(&str) -> String,
    pub description: &'static str,
    pub record: &'static str,
    /// Argument: a time of day.
    pub as_of: fn(&str) -> String,
    pub read_again: &'static str,
    pub stale: &'static str,
    pub over: &'static str,

    pub waiting: &'static str,
    pub left: &'static str,
    pub out_of: fn(u64) -> String,
    pub issued: &'static str,
    pub end: &'static str,
    pub one_moment: &'static str,
    pub sells_out: &'static str,
    /// Arguments: a time of day, and the number of tickets.
    pub enough: fn(&str, u64) -> String,
    pub too_slow: fn(u64) -> String,
    /// Why there is no estimate of the end.
    pub no_outlook: fn(Phase) -> &'static str,

    pub joins: &'static str,
    pub tickets: &'static str,
    /// Description of a plot for screen readers. Arguments: its title, the current rate, the
    /// highest rate.
    pub plot: fn(&str, &str, &str) -> String,
    pub at_most: fn(&str) -> String,
    pub minutes_ago: &'static str,
    pub now: &'static str,

    pub find_ticket: &'static str,
    pub find_ticket_by: &'static str,
    pub no_such_ticket: &'static str,

    pub pause_sure: &'static str,
    pub pause_confirm: &'static str,
    pub resume_sure: &'static str,
    pub resume_confirm: &'static str,
    pub pace: &'static str,
    pub pace_sure: &'static str,
    pub pace_confirm: &'static str,
    pub capacity: &'static str,
    /// Argument: number of tickets issued.
    pub capacity_sure: fn(u64) -> String,
    pub capacity_confirm: &'static str,
}

pub const ENGLISH: DeskWords = DeskWords {
    link: "Live desk",
    title: |title| format!("Desk · {title}"),
    description: "How the sale goes, live, and the ways to steer it.",
    record: "What was changed",
    as_of: |time| format!("as of {time}"),
    read_again: "Read again",
    stale: "We cannot reach the sale just now. These figures are a moment old; we keep trying. The sale goes on without this page.",
    over: "This sale is over. There is nothing left to steer.",

    waiting: "Waiting",
    left: "Left to sell",
    out_of: |n| format!("of {}", thousands(n)),
    issued: "Issued",
    end: "Sold out at",
    one_moment: "being counted",
    sells_out: "if it goes on like this",
    enough: |by, left| match left {
        1 => format!("everybody waiting is served by {by}, 1 ticket is left then"),
        n => format!(
            "everybody waiting is served by {by}, {} tickets are left then",
            thousands(n)
        ),
    },
    too_slow: |left| match left {
        1 => "too slow: 1 ticket is left when the concert begins".into(),
        n => format!(
            "too slow: {} tickets are left when the concert begins",
            thousands(n)
        ),
    },
    no_outlook: |phase| match phase {
        Phase::Upcoming => "the sale has yet to open",
        Phase::Selling => "being counted",
        Phase::Paused => "the sale is paused",
        Phase::SoldOut => "every ticket is taken",
        Phase::Over => "the sale is over",
    },

    joins: "Joins per second",
    tickets: "Tickets per second",
    plot: |title, now, most| {
        format!("{title} over the last five minutes: {now} now, {most} at the highest")
    },
    at_most: |most| format!("highest {most}"),
    minutes_ago: "5 min ago",
    now: "now",

    find_ticket: "Find a ticket",
    find_ticket_by: "Code, serial number or account name",
    no_such_ticket: "No ticket of this concert is called that.",

    pause_sure: "No ticket goes out until you resume. People can still join, and everybody keeps their place.",
    pause_confirm: "Yes, pause it",
    resume_sure: "Tickets go out again at once, to whoever is first in line.",
    resume_confirm: "Yes, resume it",
    pace: "Change the pace",
    pace_sure: "It counts from the next batch on. Whoever waits sees at once that the line moves faster or slower.",
    pace_confirm: "Set this pace",
    capacity: "Change the number of tickets",
    capacity_sure: |issued| {
        format!(
            "More tickets go to whoever waits, in order. It cannot be fewer than are issued: {} now.",
            thousands(issued)
        )
    },
    capacity_confirm: "Set this number",
};

pub const KOREAN: DeskWords = DeskWords {
    link: "실시간 관리",
    title: |title| format!("실시간 관리 · {title}"),
    description: "예매가 어떻게 진행되는지 실시간으로 보고 조절해요.",
    record: "변경 기록",
    as_of: |time| format!("{time} 기준"),
    read_again: "다시 불러오기",
    stale: "지금은 예매 상황을 불러올 수 없어요. 잠시 전 숫자를 보여 드리고 있고, 계속 다시 시도해요. 예매는 이 화면과 상관없이 진행돼요.",
    over: "예매가 끝나서 더 조절할 것이 없어요.",

    waiting: "대기 중",
    left: "남은 티켓",
    out_of: |n| format!("전체 {}장", thousands(n)),
    issued: "나간 티켓",
    end: "예상 매진 시각",
    one_moment: "세고 있어요",
    sells_out: "지금처럼 진행되면",
    enough: |by, left| {
        format!(
            "{by}까지 기다리는 사람이 모두 받고, {}장이 남아요",
            thousands(left)
        )
    },
    too_slow: |left| {
        format!(
            "너무 느려요. 공연이 시작될 때 {}장이 남아요",
            thousands(left)
        )
    },
    no_outlook: |phase| match phase {
        Phase::Upcoming => "아직 예매 전이에요",
        Phase::Selling => "세고 있어요",
        Phase::Paused => "예매가 멈춰 있어요",
        Phase::SoldOut => "모든 티켓이 나갔어요",
        Phase::Over => "예매가 끝났어요",
    },

    joins: "초당 줄 선 사람",
    tickets: "초당 나간 티켓",
    plot: |title, now, most| format!("최근 5분 동안 {title}: 지금 {now}, 가장 높을 때 {most}"),
    at_most: |most| format!("가장 높을 때 {most}"),
    minutes_ago: "5분 전",
    now: "지금",

    find_ticket: "티켓 찾기",
    find_ticket_by: "코드, 일련번호 또는 아이디",
    no_such_ticket: "이 공연에 그런 티켓은 없어요.",

    pause_sure: "다시 시작할 때까지 티켓이 나가지 않아요. 줄은 계속 설 수 있고, 모두의 순서가 그대로예요.",
    pause_confirm: "네, 멈출게요",
    resume_sure: "맨 앞사람부터 바로 티켓이 다시 나가요.",
    resume_confirm: "네, 다시 시작할게요",
    pace: "속도 바꾸기",
    pace_sure: "다음 차례부터 적용돼요. 기다리는 사람도 줄이 빨라지거나 느려지는 것을 바로 알 수 있어요.",
    pace_confirm: "이 속도로 하기",
    capacity: "티켓 수 바꾸기",
    capacity_sure: |issued| {
        format!(
            "늘어난 티켓은 기다리는 순서대로 나가요. 이미 나간 {}장보다 적게는 할 수 없어요.",
            thousands(issued)
        )
    },
    capacity_confirm: "이 수로 하기",
};
