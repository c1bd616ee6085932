//! Texts of the queue and of the way into it, in both languages: all texts that the browser itself
//! needs.

use crate::i18n::{Locale, WaitUnit, thousands, wait_range};
use model::concerts::Phase;

/// Part of `Words` in `i18n`; see there.
pub struct QueueWords {
    pub phase_name: fn(Phase) -> &'static str,
    pub days: fn(i64) -> String,
    pub tickets_left: fn(u64) -> String,
    /// Shown beside the number.
    pub tickets_left_label: fn(u32) -> &'static str,
    pub out_of: fn(u64) -> String,
    pub opens_in: &'static str,
    pub live_by_itself: &'static str,
    pub selling_hint: &'static str,
    pub paused_hint: &'static str,
    pub sold_out_hint: &'static str,
    pub over_hint: &'static str,
    pub join: &'static str,
    pub join_waiting_list: &'static str,
    pub joining: &'static str,
    /// Shown while there is no answer.
    pub still_joining: &'static str,
    pub log_in_to_join: &'static str,
    pub have_account_ready: &'static str,
    pub see_my_place: &'static str,
    pub queue_title: fn(&str) -> String,
    pub ranked_title: fn(&str, &str) -> String,
    pub issued_title: fn(&str) -> String,
    pub queue_description: fn(&str) -> String,
    pub you_are_number: &'static str,
    pub people_ahead: fn(u64) -> String,
    pub progress: &'static str,
    /// Argument: minutes, from and to.
    pub wait: fn((u64, u64)) -> String,
    /// The chance that a ticket is left. Argument: per cent; 0 means less than 5, and 100 more than
    /// 95.
    pub chance: fn(u8) -> String,
    pub wait_paused: &'static str,
    pub wait_list: &'static str,
    pub wait_out_of_reach: &'static str,
    pub nearly_there: &'static str,
    pub place_kept: &'static str,
    /// Arguments: tickets per batch, milliseconds between batches.
    pub pace_now: fn(u32, u32) -> String,
    pub tell_me: &'static str,
    pub telling: &'static str,
    pub telling_by_sound: &'static str,
    pub offline: &'static str,
    pub rank_over_time: &'static str,
    pub paused_note: &'static str,
    pub waiting_list_note: &'static str,
    pub out_of_reach_note: &'static str,
    pub closed_note: &'static str,
    pub reconnecting: &'static str,
    pub polling: &'static str,
    pub live: &'static str,
    pub one_moment: &'static str,
    pub one_moment_hint: &'static str,
    pub leave: &'static str,
    pub leave_sure: &'static str,
    pub leave_confirm: &'static str,
    pub issued_heading: &'static str,
    pub issued_hint: &'static str,
    pub issued_fetching: &'static str,
    pub see_ticket: &'static str,
    pub absent_heading: &'static str,
    pub absent_hint: &'static str,
    pub left_heading: &'static str,
    pub left_hint: &'static str,
    pub expired_heading: &'static str,
    pub expired_hint: &'static str,
    pub back_to_concert: &'static str,
    pub other_concerts: &'static str,
    pub announce_rank: fn(u64) -> String,
    pub announce_open: &'static str,
    pub announce_issued: fn(&str) -> String,
    pub refreshes_itself: &'static str,
}

/// Returns the texts in the reader's language. They are separate from all others, so that the
/// browser downloads no more than these.
pub fn use_queue_words() -> &'static QueueWords {
    QueueWords::of(Locale::in_context())
}

impl QueueWords {
    pub fn of(locale: Locale) -> &'static QueueWords {
        match locale {
            Locale::Korean => &KOREAN,
            Locale::English => &ENGLISH,
        }
    }
}

enum Pace {
    Second(u64),
    Minute(u64),
    Hour(u64),
}

/// Converts tickets per `ms` milliseconds to the smallest unit of time in which at least one ticket
/// is issued.
fn pace(tickets: u32, ms: u32) -> Pace {
    let in_an_hour = u64::from(tickets) * 3_600_000 / u64::from(ms.max(1));
    match in_an_hour {
        3600.. => Pace::Second((in_an_hour + 1800) / 3600),
        60.. => Pace::Minute(in_an_hour / 60),
        _ => Pace::Hour(in_an_hour.max(1)),
    }
}

fn english_people_ahead(n: u64) -> String {
    match n {
        0 => "Nobody is ahead of you".into(),
        1 => "1 person ahead of you".into(),
        n => format!("{} people ahead of you", thousands(n)),
    }
}

fn korean_people_ahead(n: u64) -> String {
    match n {
        0 => "앞에 아무도 없어요".into(),
        n => format!("앞에 {}명이 있어요", thousands(n)),
    }
}

const ENGLISH: QueueWords = QueueWords {
    phase_name: |phase| match phase {
        Phase::Upcoming => "Not on sale yet",
        Phase::Selling => "On sale now",
        Phase::Paused => "Sale paused",
        Phase::SoldOut => "Sold out",
        Phase::Over => "Sale over",
    },
    days: |n| {
        if n == 1 {
            "1 day".into()
        } else {
            format!("{n} days")
        }
    },
    tickets_left: |n| match n {
        0 => "No tickets left".into(),
        1 => "1 ticket left".into(),
        n => format!("{} tickets left", thousands(n)),
    },
    tickets_left_label: |n| {
        if n == 1 {
            "ticket left"
        } else {
            "tickets left"
        }
    },
    out_of: |n| format!("of {}", thousands(n)),
    opens_in: "The sale opens in",
    live_by_itself: "The button goes live by itself. No need to reload.",
    selling_hint: "Tickets go out in the order people join. Your place is kept on every device.",
    paused_hint: "The organiser has paused the sale. You can join now and keep your place.",
    sold_out_hint: "Every ticket is taken. Cancelled tickets go to the waiting list, in order.",
    over_hint: "This sale has ended.",
    join: "Join the queue",
    join_waiting_list: "Join the waiting list",
    joining: "Taking your place…",
    still_joining: "So many people at once. We keep asking for you; you need not press again.",
    log_in_to_join: "Log in to join",
    have_account_ready: "Log in now, so that you are ready when the sale opens.",
    see_my_place: "See my place",
    queue_title: |title| format!("Queue · {title}"),
    ranked_title: |rank, title| format!("{rank} · {title}"),
    issued_title: |title| format!("Your ticket! · {title}"),
    queue_description: |title| format!("Your exact place in the queue for {title}, live."),
    you_are_number: "You are number",
    people_ahead: english_people_ahead,
    progress: "The way to the stage",
    wait: |range| match wait_range(range) {
        (0, 1, WaitUnit::Minutes) => "less than a minute".into(),
        (0, most, WaitUnit::Minutes) => format!("up to {most} minutes"),
        (1, 1, WaitUnit::Minutes) => "about a minute".into(),
        (a, b, WaitUnit::Minutes) if a == b => format!("about {a} minutes"),
        (a, b, WaitUnit::Minutes) => format!("about {a} to {b} minutes"),
        (a, b, WaitUnit::Hours) if a == b => format!("about {a} hours"),
        (a, b, WaitUnit::Hours) => format!("about {a} to {b} hours"),
    },
    chance: |per_cent| match per_cent {
        0 => "Less than a 5% chance that a ticket is left when the line reaches you".into(),
        100 => "More than a 95% chance that a ticket is left when the line reaches you".into(),
        80 => "About an 80% chance that a ticket is left when the line reaches you".into(),
        n => format!("About a {n}% chance that a ticket is left when the line reaches you"),
    },
    wait_paused: "waiting for the sale to go on",
    wait_list: "when a ticket comes back",
    wait_out_of_reach: "only if tickets come back",
    nearly_there: "Nearly there. You are in the next batch.",
    place_kept: "Your place is kept if you close this page.",
    pace_now: |tickets, ms| {
        let (n, time) = match pace(tickets, ms) {
            Pace::Second(n) => (n, "a second"),
            Pace::Minute(n) => (n, "a minute"),
            Pace::Hour(n) => (n, "an hour"),
        };
        let go = if n == 1 { "ticket goes" } else { "tickets go" };
        format!("About {} {go} out {time}", thousands(n))
    },
    tell_me: "Tell me when it is my turn",
    telling: "We will notify you while this page is open",
    telling_by_sound: "We will play this sound",
    offline: "You are offline. Your place is safe; we go on when the network is back.",
    rank_over_time: "Your rank over time",
    paused_note: "The organiser has paused the sale. Everyone keeps their place; it goes on from here.",
    waiting_list_note: "Every ticket is taken. You are on the waiting list: each ticket that comes back goes to whoever is first in it.",
    out_of_reach_note: "Fewer tickets are left than people up to you. Your place stays, and moves up whenever somebody leaves or a ticket comes back.",
    closed_note: "The organiser has ended this sale. No more tickets go out.",
    reconnecting: "The line dropped. Reconnecting; your place is safe.",
    polling: "No live line just now, so we ask every few seconds. Your place is safe.",
    live: "Live",
    one_moment: "One moment",
    one_moment_hint: "We are putting the queue in order. Your place is safe, and this page goes on by itself.",
    leave: "Leave the queue",
    leave_sure: "If you leave, your place goes to the people behind you. Joining again starts at the end.",
    leave_confirm: "Yes, give up my place",
    issued_heading: "Your turn. This ticket is yours.",
    issued_hint: "It is in your account now. There is nothing more to do.",
    issued_fetching: "Fetching your ticket…",
    see_ticket: "See my ticket",
    absent_heading: "You are not in this queue",
    absent_hint: "Join, and your place is shown here.",
    left_heading: "You left the queue",
    left_hint: "Changed your mind? You can join again, at the end of the line.",
    expired_heading: "The sale ended before your turn",
    expired_hint: "We are sorry. No ticket was issued to you, and you were charged nothing.",
    back_to_concert: "Back to the concert",
    other_concerts: "See other concerts",
    announce_rank: |rank| {
        let ahead = english_people_ahead(rank.saturating_sub(1));
        format!("You are number {}. {ahead}.", thousands(rank))
    },
    announce_open: "The sale is open.",
    announce_issued: |title| format!("It is your turn. Your ticket for {title} has been issued."),
    refreshes_itself: "This page refreshes itself every few seconds.",
};

const KOREAN: QueueWords = QueueWords {
    phase_name: |phase| match phase {
        Phase::Upcoming => "예매 전",
        Phase::Selling => "예매 중",
        Phase::Paused => "예매 일시 중지",
        Phase::SoldOut => "매진",
        Phase::Over => "예매 종료",
    },
    days: |n| format!("{n}일"),
    tickets_left: |n| match n {
        0 => "남은 티켓 없음".into(),
        n => format!("남은 티켓 {}장", thousands(n)),
    },
    tickets_left_label: |_| "남은 티켓",
    out_of: |n| format!("전체 {}장", thousands(n)),
    opens_in: "예매 시작까지",
    live_by_itself: "시간이 되면 버튼이 저절로 켜져요. 새로고침하지 않아도 돼요.",
    selling_hint: "줄을 선 순서대로 티켓이 나가요. 어느 기기에서 봐도 같은 순서예요.",
    paused_hint: "주최자가 예매를 잠시 멈췄어요. 지금 줄을 서 두면 순서가 유지돼요.",
    sold_out_hint: "모든 티켓이 나갔어요. 취소된 티켓은 대기자 순서대로 돌아가요.",
    over_hint: "예매가 끝났어요.",
    join: "줄 서기",
    join_waiting_list: "대기자로 등록하기",
    joining: "자리를 잡고 있어요…",
    still_joining: "한꺼번에 많은 분이 오셨어요. 계속 요청하고 있으니 다시 누르지 않아도 돼요.",
    log_in_to_join: "로그인하고 줄 서기",
    have_account_ready: "예매가 열리면 바로 줄을 설 수 있게 미리 로그인해 두세요.",
    see_my_place: "내 순서 보기",
    queue_title: |title| format!("대기 · {title}"),
    ranked_title: |rank, title| format!("{rank}번째 · {title}"),
    issued_title: |title| format!("티켓이 나왔어요! · {title}"),
    queue_description: |title| format!("{title} 대기열에서 내 순서를 실시간으로 보여 드려요."),
    you_are_number: "지금 내 순서",
    people_ahead: korean_people_ahead,
    progress: "무대까지 온 길",
    wait: |range| match wait_range(range) {
        (0, most, WaitUnit::Minutes) => format!("{most}분 안에"),
        (a, b, WaitUnit::Minutes) if a == b => format!("약 {a}분"),
        (a, b, WaitUnit::Minutes) => format!("약 {a}~{b}분"),
        (a, b, WaitUnit::Hours) if a == b => format!("약 {a}시간"),
        (a, b, WaitUnit::Hours) => format!("약 {a}~{b}시간"),
    },
    chance: |per_cent| match per_cent {
        0 => "내 차례까지 티켓이 남아 있을 가능성은 5% 미만이에요".into(),
        100 => "내 차례까지 티켓이 남아 있을 가능성은 95% 이상이에요".into(),
        n => format!("내 차례까지 티켓이 남아 있을 가능성은 약 {n}%예요"),
    },
    wait_paused: "예매가 다시 시작되면",
    wait_list: "취소표가 나오면",
    wait_out_of_reach: "취소표가 나오면",
    nearly_there: "거의 다 왔어요. 바로 다음 차례예요.",
    place_kept: "이 페이지를 닫아도 순서는 그대로예요.",
    pace_now: |tickets, ms| {
        let (n, time) = match pace(tickets, ms) {
            Pace::Second(n) => (n, "초"),
            Pace::Minute(n) => (n, "분"),
            Pace::Hour(n) => (n, "시간"),
        };
        format!("1{time}에 약 {}장씩 나가고 있어요", thousands(n))
    },
    tell_me: "내 차례가 되면 알려 주세요",
    telling: "이 페이지가 열려 있는 동안 알려 드릴게요",
    telling_by_sound: "이 소리로 알려 드릴게요",
    offline: "인터넷 연결이 없어요. 순서는 안전하고, 연결되면 이어서 보여 드려요.",
    rank_over_time: "시간에 따른 내 순서",
    paused_note: "주최자가 예매를 잠시 멈췄어요. 모두의 순서가 그대로 유지되고, 여기서부터 다시 이어져요.",
    waiting_list_note: "모든 티켓이 나갔어요. 지금은 대기자 명단이에요. 취소표가 나오면 맨 앞 사람부터 받아요.",
    out_of_reach_note: "내 순서까지 돌아오기에는 남은 티켓이 부족해요. 순서는 그대로이고, 앞사람이 나가거나 취소표가 나오면 가까워져요.",
    closed_note: "주최자가 예매를 끝냈어요. 티켓이 더 나가지 않아요.",
    reconnecting: "연결이 끊겨서 다시 잇고 있어요. 순서는 안전해요.",
    polling: "지금은 몇 초마다 순서를 확인하고 있어요. 순서는 안전해요.",
    live: "실시간",
    one_moment: "잠시만요",
    one_moment_hint: "대기열을 정리하고 있어요. 순서는 안전하고, 이 페이지는 저절로 이어져요.",
    leave: "줄에서 나가기",
    leave_sure: "나가면 지금 순서는 뒷사람에게 넘어가요. 다시 줄을 서면 맨 뒤부터예요.",
    leave_confirm: "네, 순서를 포기할게요",
    issued_heading: "내 차례예요. 티켓이 나왔어요.",
    issued_hint: "내 계정에 담아 두었어요. 더 할 일은 없어요.",
    issued_fetching: "티켓을 가져오고 있어요…",
    see_ticket: "티켓 보기",
    absent_heading: "아직 줄을 서지 않았어요",
    absent_hint: "줄을 서면 여기에 순서가 보여요.",
    left_heading: "줄에서 나왔어요",
    left_hint: "마음이 바뀌었나요? 맨 뒤에서 다시 줄을 설 수 있어요.",
    expired_heading: "차례가 오기 전에 예매가 끝났어요",
    expired_hint: "아쉽지만 티켓은 나오지 않았고, 결제된 금액도 없어요.",
    back_to_concert: "공연으로 돌아가기",
    other_concerts: "다른 공연 보기",
    announce_rank: |rank| {
        let ahead = korean_people_ahead(rank.saturating_sub(1));
        format!("지금 {}번째예요. {ahead}.", thousands(rank))
    },
    announce_open: "예매가 열렸어요.",
    announce_issued: |title| format!("내 차례예요. {title} 티켓이 나왔어요."),
    refreshes_itself: "이 페이지는 몇 초마다 저절로 새로고침돼요.",
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pace_is_said_in_the_unit_in_which_it_is_at_least_one() {
        let said = |tickets, ms| [ENGLISH.pace_now, KOREAN.pace_now].map(|say| say(tickets, ms));
        let paces = [
            (10, 1_000, "10 tickets go out a second", "1초에 약 10장씩"),
            (1, 1_000, "1 ticket goes out a second", "1초에 약 1장씩"),
            (3, 2_000, "2 tickets go out a second", "1초에 약 2장씩"),
            (5, 10_000, "30 tickets go out a minute", "1분에 약 30장씩"),
            (
                10,
                1_800_000,
                "20 tickets go out an hour",
                "1시간에 약 20장씩",
            ),
            (
                1,
                3_600_000,
                "1 ticket goes out an hour",
                "1시간에 약 1장씩",
            ),
        ];
        for (tickets, ms, english, korean) in paces {
            let expected = [
                format!("About {english}"),
                format!("{korean} 나가고 있어요"),
            ];
            assert_eq!(said(tickets, ms), expected);
        }
    }

    #[test]
    fn one_ticket_is_one_ticket() {
        assert_eq!(
            [0, 1, 2].map(ENGLISH.tickets_left_label),
            ["tickets left", "ticket left", "tickets left"]
        );
    }
}
