//! Texts about drafts and previews, in both languages.

pub struct DraftWords {
    pub draft: &'static str,
    pub public: &'static str,
    pub hint: &'static str,
    pub save: &'static str,
    pub publish: &'static str,
    pub publish_hint: &'static str,
    pub publish_confirm: &'static str,
    pub preview: &'static str,
    pub preview_lead: &'static str,
    /// Shown in place of a preview while the concert has no name yet.
    pub preview_empty: &'static str,
    /// Shown for a concert that has no id yet, from which its poster is drawn.
    pub preview_poster: &'static str,
    /// Argument: the characters that no font of tickets and pictures has.
    pub undrawable: fn(&str) -> String,
}

pub const ENGLISH: DraftWords = DraftWords {
    draft: "Draft",
    public: "Public",
    hint: "Nobody but you and the administrators can see this concert.",
    save: "Save as a draft",
    publish: "Publish",
    publish_hint: "Everybody can find the concert then, and its sale opens when you said. This cannot be undone.",
    publish_confirm: "Yes, publish it",
    preview: "Preview",
    preview_lead: "As buyers see it. Nothing changes before you save it.",
    preview_empty: "It appears here as soon as there is a title, an artist, a place, a start, a price and a sale.",
    preview_poster: "The poster is an example. Yours is drawn when the concert is saved, and you can upload your own.",
    undrawable: |characters| {
        format!(
            "Tickets as PDF and the pictures of shared links show a box in place of: {characters}. On this site everything stays as you type it."
        )
    },
};

pub const KOREAN: DraftWords = DraftWords {
    draft: "작성 중",
    public: "공개",
    hint: "이 공연은 나와 관리자만 볼 수 있어요.",
    save: "작성 중으로 저장",
    publish: "공개하기",
    publish_hint: "공개하면 누구나 공연을 찾을 수 있고, 정한 시각에 예매가 열려요. 되돌릴 수 없어요.",
    publish_confirm: "네, 공개할게요",
    preview: "미리 보기",
    preview_lead: "예매하는 분들에게 이렇게 보여요. 저장하기 전에는 아무것도 바뀌지 않아요.",
    preview_empty: "제목, 아티스트, 장소, 시작, 가격, 예매 정보를 적으면 여기에 보여요.",
    preview_poster: "포스터는 예시예요. 공연을 저장하면 새로 그려지고, 직접 올릴 수도 있어요.",
    undrawable: |characters| {
        format!(
            "티켓 PDF와 공유 링크의 그림에서는 다음 글자가 네모로 보여요: {characters}. 이 사이트에서는 적은 그대로 보여요."
        )
    },
};
