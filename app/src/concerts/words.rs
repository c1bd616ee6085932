//! Texts of home, in both languages.

use crate::i18n::thousands;
use chrono::{Datelike, NaiveDate};
use model::concerts::{ConcertSort, SaleGroup};

/// See [`crate::i18n::Words`].
pub struct BrowseWords {
    pub search: &'static str,
    /// Hint about searching in this language that not all users know.
    pub search_hint: Option<&'static str>,
    pub sale: &'static str,
    pub any_sale: &'static str,
    /// Used as a heading and as an option.
    pub group_name: fn(SaleGroup) -> &'static str,
    /// Shown to an organiser.
    pub none_made: &'static str,
    pub sort: &'static str,
    pub sort_name: fn(ConcertSort) -> &'static str,
    pub more: &'static str,
    pub from: &'static str,
    pub to: &'static str,
    pub price_from: &'static str,
    pub price_to: &'static str,

    /// Label of the list of filters, each of which can be removed.
    pub asked: &'static str,
    pub asked_from: fn(&str) -> String,
    pub asked_to: fn(&str) -> String,
    pub asked_price_from: fn(&str) -> String,
    pub asked_price_to: fn(&str) -> String,
    pub day: fn(NaiveDate) -> String,
    /// Read by screen readers before the filter, in place of the visible cross.
    pub take_back: &'static str,
    pub take_back_all: &'static str,

    /// Link to all concerts of a group. Argument: their number. Screen readers read the heading of
    /// the group after it.
    pub show_all_of: fn(u64) -> String,
    pub past_concerts: &'static str,
    pub nothing_coming: &'static str,
    pub nothing_coming_hint: &'static str,
    /// Shown if search as you type fails.
    pub failed: &'static str,
}

pub const ENGLISH: BrowseWords = BrowseWords {
    search: "Search by title, artist or venue",
    search_hint: None,
    sale: "Sale",
    any_sale: "Any time",
    group_name: |group| match group {
        SaleGroup::Selling => "Selling now",
        SaleGroup::Soon => "Opening soon",
        SaleGroup::Later => "Later, and waiting lists",
        SaleGroup::Past => "Over",
    },
    none_made: "You have not made a concert yet.",
    sort: "Order",
    sort_name: |sort| match sort {
        ConcertSort::Sale => "Sale first",
        ConcertSort::Date => "Concert date",
        ConcertSort::PriceLow => "Price, low to high",
        ConcertSort::PriceHigh => "Price, high to low",
        ConcertSort::Newest => "Newly announced",
    },
    more: "Dates, price and order",
    from: "From",
    to: "Until",
    price_from: "Price from (₩)",
    price_to: "Price up to (₩)",
    asked: "What you asked for",
    asked_from: |day| format!("From {day}"),
    asked_to: |day| format!("Until {day}"),
    asked_price_from: |won| format!("{won} or more"),
    asked_price_to: |won| format!("Up to {won}"),
    day: |day| day.format("%-d %b %Y").to_string(),
    take_back: "Remove: ",
    take_back_all: "Remove all",
    show_all_of: |n| format!("Show all {}", thousands(n)),
    past_concerts: "Concerts that are over",
    nothing_coming: "No concert is announced yet.",
    nothing_coming_hint: "As soon as one is, it is here.",
    failed: "That search did not get through. Press Find to try again.",
};

pub const KOREAN: BrowseWords = BrowseWords {
    search: "제목, 출연자, 공연장으로 찾기",
    search_hint: Some("초성만 입력해도 찾을 수 있어요. 예: ㅋㅅㅌ"),
    sale: "판매 상태",
    any_sale: "전체",
    group_name: |group| match group {
        SaleGroup::Selling => "지금 예매 중",
        SaleGroup::Soon => "곧 예매 시작",
        SaleGroup::Later => "예매 예정·취소표 대기",
        SaleGroup::Past => "지난 공연",
    },
    none_made: "아직 등록한 공연이 없어요.",
    sort: "정렬",
    sort_name: |sort| match sort {
        ConcertSort::Sale => "예매 순",
        ConcertSort::Date => "공연 날짜 순",
        ConcertSort::PriceLow => "낮은 가격 순",
        ConcertSort::PriceHigh => "높은 가격 순",
        ConcertSort::Newest => "새로 등록된 순",
    },
    more: "날짜, 가격, 정렬",
    from: "시작일",
    to: "종료일",
    price_from: "최저 가격 (원)",
    price_to: "최고 가격 (원)",
    asked: "찾는 조건",
    asked_from: |day| format!("{day}부터"),
    asked_to: |day| format!("{day}까지"),
    asked_price_from: |won| format!("{won} 이상"),
    asked_price_to: |won| format!("{won} 이하"),
    day: |day| format!("{}년 {}월 {}일", day.year(), day.month(), day.day()),
    take_back: "조건 지우기: ",
    take_back_all: "모두 지우기",
    show_all_of: |n| format!("{}개 모두 보기", thousands(n)),
    past_concerts: "지난 공연 보기",
    nothing_coming: "아직 예정된 공연이 없어요.",
    nothing_coming_hint: "새 공연이 등록되면 여기에서 볼 수 있어요.",
    failed: "지금은 찾지 못했어요. 찾기를 눌러 다시 시도해 주세요.",
};
