//! Texts about uploaded posters, in both languages.

pub struct PosterWords {
    pub title: &'static str,
    pub lead: &'static str,
    /// Shown if the poster was uploaded.
    pub uploaded: &'static str,
    /// Shown if the poster is drawn.
    pub drawn: &'static str,
    pub upload: &'static str,
    pub replace: &'static str,
    pub remove: &'static str,
    pub remove_hint: &'static str,
    pub remove_confirm: &'static str,
}

pub const ENGLISH: PosterWords = PosterWords {
    title: "Poster",
    lead: "As long as you upload none, we draw one from the concert's data.",
    uploaded: "This is the poster that you uploaded.",
    drawn: "This one is drawn by us.",
    upload: "Upload this poster",
    replace: "Replace the poster",
    remove: "Remove the poster",
    remove_hint: "A poster that we draw is shown again. You can upload another one at any time.",
    remove_confirm: "Yes, remove it",
};

pub const KOREAN: PosterWords = PosterWords {
    title: "포스터",
    lead: "포스터를 올리지 않으면 공연 정보로 그린 포스터가 보여요.",
    uploaded: "직접 올린 포스터예요.",
    drawn: "저희가 그린 포스터예요.",
    upload: "이 포스터 올리기",
    replace: "포스터 바꾸기",
    remove: "포스터 지우기",
    remove_hint: "저희가 그린 포스터가 다시 보여요. 언제든 새로 올릴 수 있어요.",
    remove_confirm: "네, 지울게요",
};
