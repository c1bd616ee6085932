//! 한국어: 해요체, short and warm.

use super::format::{korean_date_time, korean_period, seconds, thousands};
use super::{Locale, Words};
use crate::theme::Theme;
use model::accounts::Role;
use model::concerts::{Changed, Genre, SaleState};
use model::{Field, ProblemKind, Refusal};

pub(super) const KOREAN: Words = Words {
    locale: Locale::Korean,
    own_name: "한국어",

    skip_to_content: "본문으로 건너뛰기",
    main_navigation: "주요 메뉴",
    concerts: "공연",
    my_tickets: "내 티켓",
    my_concerts: "내 공연",
    new_concert: "공연 등록",
    administration: "관리",
    log_in: "로그인",
    log_out: "로그아웃",
    sign_up: "회원가입",
    account: "내 계정",
    language: "언어",
    footer: "티켓은 온 순서대로 나가요. 새치기는 없어요.",
    theme: "화면 색",
    theme_name: |theme| match theme {
        Theme::Device => "기기 설정대로",
        Theme::Light => "밝게",
        Theme::Dark => "어둡게",
    },

    date_time: korean_date_time,
    period: korean_period,
    won: |won| {
        if won == 0 {
            "무료".into()
        } else {
            format!("{}원", thousands(won.into()))
        }
    },
    minutes: |n| format!("{n}분"),

    home_heading: "객석의 불이 꺼져요.",
    home_lead: "공연을 고르고, 예매가 열리면 줄을 서고, 내 순서가 다가오는 걸 지켜보세요.",
    home_description: "선착순 공연 예매. 진짜 줄을 서고, 내 순서를 실시간으로 확인해요.",
    genre: "장르",
    all_genres: "모든 장르",
    find: "찾기",
    show_all: "모든 공연 보기",
    concerts_found: |n| format!("공연 {}개", thousands(n)),
    nothing_found: "조건에 맞는 공연이 없어요.",
    nothing_found_hint: "더 짧게 쓰거나 조건을 줄여 보세요.",
    pages: "페이지",
    page_of: |page, pages| format!("{pages}페이지 중 {page}페이지"),
    previous_page: "이전",
    next_page: "다음",
    genre_name: |genre| match genre {
        Genre::Pop => "팝",
        Genre::Indie => "인디",
        Genre::Rock => "록",
        Genre::HipHop => "힙합",
        Genre::Electronic => "일렉트로닉",
        Genre::Jazz => "재즈",
        Genre::Classical => "클래식",
        Genre::Traditional => "국악",
    },
    opens_at: |at| format!("{at} 예매 시작"),

    concert_description: |title, artist, venue, when| {
        format!("{title}: {artist}, {venue}, {when}.")
    },
    when: "일시",
    venue: "장소",
    running_time: "공연 시간",
    price: "가격",
    sale_opens: "예매 시작",
    capacity: "전체 티켓",
    about_concert: "공연 소개",
    facts: "한눈에 보기",
    edit: "수정",

    sale_control: "예매 관리",
    state_name: |state| match state {
        SaleState::Open => "열림",
        SaleState::Paused => "일시 중지",
        SaleState::Closed => "종료",
    },
    state_hint: |state| match state {
        SaleState::Open => "정해진 시각에 열리고 끝나요.",
        SaleState::Paused => "줄을 설 수 있고 순서도 그대로예요. 티켓은 나가지 않아요.",
        SaleState::Closed => "완전히 끝났어요. 더는 줄을 설 수 없고 티켓도 나가지 않아요.",
    },
    pace: |tickets, ms| {
        format!(
            "{}마다 티켓이 최대 {}장씩 나가요.",
            interval(ms),
            thousands(tickets.into())
        )
    },
    interval,
    pause_sale: "예매 멈추기",
    resume_sale: "예매 다시 시작하기",
    close_sale: "예매 완전히 끝내기",
    close_sure: |waiting| {
        let waiting = match waiting {
            None => "기다리는 사람에게는 예매가 끝났다고 알려요.".into(),
            Some(0) => "지금 기다리는 사람은 없어요.".into(),
            Some(n) => format!(
                "지금 기다리는 {}명에게는 예매가 끝났다고 알려요.",
                thousands(n)
            ),
        };
        format!(
            "한번 끝내면 되돌릴 수 없어요. 더는 줄을 설 수 없고 티켓도 나가지 않아요. {waiting}"
        )
    },
    close_confirm: "네, 예매를 완전히 끝낼게요",
    sale_changes: "변경 기록",
    no_sale_changes: "아직 변경한 내용이 없어요.",
    older_sale_changes: |n| format!("이전 기록 {}개", thousands(n)),
    changed_label: |changed| match changed {
        Changed::State { .. } => "예매 상태:",
        Changed::Capacity { .. } => "전체 티켓 수:",
        Changed::BatchSize { .. } => "한 번에 나가는 티켓 수:",
        Changed::IntervalMs { .. } => "나가는 간격:",
        Changed::SaleOpensAt { .. } => "예매 시작:",
        Changed::StartsAt { .. } => "공연 시작:",
        Changed::Published => "공개했어요:",
    },
    changed_to: "에서",
    account_gone: "없어진 계정",

    in_line: "줄 서 있는 공연",
    joined_at: |at| format!("{at}에 줄을 섰어요"),
    stand_still: "새로고침 멈추기",
    go_on: "페이지가 멈춰 있어요. 다시 저절로 새로고침하기",

    past_tickets: "지난 티켓과 취소한 티켓",
    tickets_description: "내 계정에 있는 티켓이에요.",
    no_tickets: "아직 티켓이 없어요",
    no_tickets_hint: "대기열에서 차례가 오면 티켓이 여기에 나타나요.",
    find_concerts: "공연 찾아보기",
    ticket: "티켓",
    serial: "일련번호",
    code: "코드",
    holder: "이름",
    issued_at: "발급",
    cancelled: "취소됨",
    cancelled_at: |at| format!("{at}에 취소했어요"),
    cancel_ticket: "티켓 취소하기",
    cancel_sure: "취소한 티켓은 다음 사람에게 넘어가고 되돌릴 수 없어요.",
    cancel_confirm: "네, 취소할게요",

    sign_up_lead: "계정 하나에 공연마다 자리 하나, 티켓 하나예요.",
    have_account: "이미 계정이 있나요?",
    no_account: "처음 오셨나요?",
    log_in_lead: "다시 만나서 반가워요.",
    account_lead: "Frontrow가 알고 있는 내 정보예요.",
    role: "역할",
    role_name: |role| match role {
        Role::User => "관객",
        Role::Organiser => "주최자",
        Role::Admin => "관리자",
    },
    member_since: "가입",
    sending: "보내고 있어요…",
    browse: crate::concerts::KOREAN,
    my_page: crate::accounts::KOREAN,
    posters: crate::posters::KOREAN,
    drafts: crate::drafts::KOREAN,
    forms: crate::forms::KOREAN,
    tickets: crate::tickets::KOREAN,
    admin: crate::admin::KOREAN,
    sharing: crate::sharing::KOREAN,
    desk: crate::desk::KOREAN,

    create_concert: "등록하고 공개하기",
    edit_concert: "공연 수정",
    save: "저장하기",
    form_what: "공연",
    form_when: "일시와 가격",
    form_sale: "예매",
    choose_genre: "장르를 고르세요",

    field_label: |field| match field {
        Field::AccountName => "아이디",
        Field::Password => "비밀번호",
        Field::CurrentPassword => "지금 비밀번호",
        Field::Name => "이름",
        Field::Nickname => "별명",
        Field::Email => "이메일",
        Field::Title => "제목",
        Field::Artist => "아티스트",
        Field::Genre => "장르",
        Field::Venue => "장소",
        Field::StartsAt => "시작",
        Field::EndsAt => "종료",
        Field::RunningMinutes => "공연 시간(분)",
        Field::PriceWon => "가격(원)",
        Field::Description => "소개",
        Field::Capacity => "전체 티켓 수",
        Field::SaleOpensAt => "예매 시작",
        Field::BatchSize => "한 번에 나가는 티켓 수",
        Field::IntervalMs => "나가는 간격(밀리초)",
        Field::Poster => "포스터",
        Field::Reason | Field::TicketsReason => "이유",
    },
    field_hint: |field| match field {
        Field::AccountName => Some("영문, 숫자, 점, 줄표로 3~30자. 로그인할 때 써요."),
        Field::Password => Some("10자 이상이에요. 서로 관련 없는 단어 몇 개가 좋아요."),
        Field::Nickname => Some("티켓과 화면 위쪽에 보여요."),
        Field::StartsAt | Field::SaleOpensAt => Some("한국 시각"),
        Field::EndsAt => Some("한국 시각, 시작보다 늦게"),
        Field::PriceWon => Some("무료 공연은 0"),
        Field::BatchSize => Some("비워 두면 10장"),
        Field::IntervalMs => Some("비워 두면 1000(1초)"),
        Field::Reason | Field::TicketsReason => Some("티켓을 가진 사람과 입구에서 보게 돼요."),
        Field::Poster => Some(
            "JPEG, PNG, WebP 파일을 8MB까지 올릴 수 있어요. 가운데 부분이 정사각형으로 보여요.",
        ),
        _ => None,
    },
    problem: |kind| match kind {
        ProblemKind::Missing => "입력해 주세요.".into(),
        ProblemKind::TooShort { least } => format!("너무 짧아요. {least}자 이상이어야 해요."),
        ProblemKind::TooLong { most } => format!("너무 길어요. {most}자까지 쓸 수 있어요."),
        ProblemKind::BadCharacters => "여기에 쓸 수 없는 글자가 있어요.".into(),
        ProblemKind::TooWeak => {
            "짐작하기 쉬워요. 더 다양한 글자를 쓰고 아이디는 넣지 마세요.".into()
        }
        ProblemKind::TooCommon => {
            "많은 사람이 쓰는 비밀번호라 쉽게 뚫려요. 다른 비밀번호를 써 주세요.".into()
        }
        ProblemKind::Malformed => "형식이 맞지 않아요. 다시 확인해 주세요.".into(),
        ProblemKind::OutOfRange { least, most } => format!(
            "{}에서 {} 사이여야 해요.",
            thousands(least.unsigned_abs()),
            thousands(most.unsigned_abs())
        ),
        ProblemKind::EndBeforeStart => "종료는 시작보다 늦어야 해요.".into(),
        ProblemKind::InThePast => "공연은 지금보다 나중에 시작해야 해요.".into(),
        ProblemKind::OpensAfterStart => "예매는 공연 시작 전에 열려야 해요.".into(),
        ProblemKind::Taken => "이미 누가 쓰고 있어요.".into(),
        ProblemKind::Reserved => "운영자를 위해 남겨 둔 이름이에요.".into(),
        ProblemKind::BelowIssued => "이미 나간 티켓보다 적어요.".into(),
        ProblemKind::ChangedMeanwhile => "페이지를 연 뒤에 다른 사람이 바꿨어요.".into(),
        ProblemKind::Wrong => "비밀번호가 맞지 않아요.".into(),
        ProblemKind::NotAPicture => {
            "읽을 수 없는 사진이에요. JPEG, PNG, WebP 파일을 올려 주세요.".into()
        }
        ProblemKind::TooManyBytes { most } => {
            format!("파일이 너무 커요. {}MB까지 올릴 수 있어요.", most >> 20)
        }
        ProblemKind::TooManyPixels { most } => format!(
            "사진이 너무 커요. {}만 픽셀까지 올릴 수 있어요.",
            most / 10_000
        ),
        ProblemKind::TooFewPixels { least } => {
            format!("사진이 너무 작아요. 가로세로 모두 {least}픽셀 이상이어야 해요.")
        }
    },
    check_fields: |n| format!("{n}가지를 다시 확인해 주세요."),
    refusal: |refusal, words| {
        match refusal {
        Refusal::Invalid { problems } => (words.check_fields)(problems.len() as u64),
        Refusal::AccountNameTaken => "이미 있는 아이디예요.".into(),
        Refusal::EmailTaken => "이 이메일로 만든 계정이 이미 있어요.".into(),
        Refusal::WrongCredentials => "아이디나 비밀번호가 맞지 않아요.".into(),
        Refusal::WrongPassword => "비밀번호가 맞지 않아요.".into(),
        Refusal::SessionEnded { reason } => (words.my_page.ended)(*reason)
            .unwrap_or("먼저 로그인해 주세요.")
            .into(),
        Refusal::AccountDeactivated => "정지된 계정이에요. 잘못된 것 같으면 문의해 주세요.".into(),
        Refusal::AccountDeleted { until } => format!(
            "삭제한 계정이에요. {}까지는 관리자가 되살릴 수 있어요.",
            (words.date_time)(*until)
        ),
        Refusal::OwnAccount => {
            "내 계정이나 마지막 관리자의 계정에는 할 수 없어요. 다른 관리자에게 부탁하세요.".into()
        }
        Refusal::OtherAccount => {
            "그 페이지를 연 뒤에 다른 계정으로 로그인되어 아무것도 하지 않았어요. 페이지를 다시 열거나 원래 계정으로 로그인해 주세요.".into()
        }
        Refusal::NotLoggedIn => "먼저 로그인해 주세요.".into(),
        Refusal::Forbidden => "이 계정으로는 할 수 없어요.".into(),
        Refusal::NotFound => "찾을 수 없어요.".into(),
        Refusal::Malformed => "요청을 이해하지 못했어요.".into(),
        Refusal::SaleNotOpen { opens_at } => {
            format!(
                "아직 예매 전이에요. {}에 열려요.",
                (words.date_time)(*opens_at)
            )
        }
        Refusal::SaleClosed => "예매가 끝났어요.".into(),
        Refusal::HoldsTicket => "이 공연의 티켓을 이미 가지고 있어요.".into(),
        Refusal::CapacityBelowIssued { issued } => {
            format!(
                "이미 {}장이 나가서 더 줄일 수 없어요.",
                thousands((*issued).into())
            )
        }
        Refusal::TooManyStreams => {
            "실시간 연결이 너무 많이 열려 있어요. 몇 개를 닫거나 잠시 뒤에 다시 시도해 주세요."
                .into()
        }
        Refusal::TooManyRequests { retry_after_s } => match retry_after_s {
            seconds @ 0..120 => {
                format!("시도한 횟수가 너무 많아요. {seconds}초 뒤에 다시 해 주세요.")
            }
            seconds => format!(
                "시도한 횟수가 너무 많아요. {}분 뒤에 다시 해 주세요.",
                seconds.div_ceil(60)
            ),
        },
        Refusal::ChangedMeanwhile { .. } => "페이지를 연 뒤에 다른 사람이 같은 항목을 바꿔서 저장하지 않았어요. 두 내용을 보고 다시 저장해 주세요.".into(),
        Refusal::TooLarge => "내용이 너무 많아요. 줄여 주세요.".into(),
        Refusal::Unavailable => {
            "지금은 처리할 수 없어요. 잃어버린 건 없으니 잠시 뒤에 다시 해 주세요.".into()
        }
        Refusal::Internal => "저희 쪽에 문제가 생겼어요. 기록해 두었어요.".into(),
    }
    },

    not_found_title: "여기에는 아무것도 없어요",
    not_found_hint: "주소가 틀렸거나, 있던 것이 사라졌어요.",
    forbidden_title: "이 계정으로는 볼 수 없어요",
    forbidden_hint: "이 계정으로는 볼 수 없는 페이지예요. 볼 수 있는 계정이 있다면 그 계정으로 로그인해 주세요.",
    unavailable_title: "잠시만 기다려 주세요",
    unavailable_hint: "Frontrow의 일부가 숨을 고르고 있어요. 잃어버린 건 없고 순서도 그대로예요. 이 페이지는 저절로 다시 시도해요.",
    try_again: "다시 시도",
    internal_title: "저희 쪽에 문제가 생겼어요",
    internal_hint: "기록해 두었어요. 순서와 티켓은 안전해요.",
    malformed_title: "주소를 이해하지 못했어요",
    malformed_hint: "빠졌거나 잘못 쓴 부분이 있어요.",
    log_in_first: "먼저 로그인해 주세요.",
};

fn interval(ms: u32) -> String {
    match ms {
        ms if ms > 0 && ms % 3_600_000 == 0 => format!("{}시간", ms / 3_600_000),
        ms if ms > 0 && ms % 60_000 == 0 => format!("{}분", ms / 60_000),
        ms => format!("{}초", seconds(ms)),
    }
}
