//! Texts about a page that are shown elsewhere, in both languages.

/// See [`crate::i18n::Words`].
pub struct SharingWords {
    /// Language and region, in Open Graph's format.
    pub open_graph_locale: &'static str,
    /// What a concert's picture shows. Arguments: title and artist.
    pub picture_of: fn(&str, &str) -> String,
    /// What the site's own picture shows.
    pub picture: &'static str,
    /// Lines of text in the site's own picture.
    pub picture_lines: [&'static str; 3],
}

impl SharingWords {
    pub const BRAND: &str = "Frontrow";
}

pub const ENGLISH: SharingWords = SharingWords {
    open_graph_locale: "en_US",
    picture_of: |title, artist| format!("Poster: {title}, {artist}"),
    picture: "Frontrow: concert tickets, first come, first served",
    picture_lines: ["Concert tickets,", "first come,", "first served."],
};

pub const KOREAN: SharingWords = SharingWords {
    open_graph_locale: "ko_KR",
    picture_of: |title, artist| format!("포스터: {title}, {artist}"),
    picture: "Frontrow: 먼저 온 순서대로 받는 공연 티켓",
    picture_lines: ["먼저 온", "순서대로 받는", "공연 티켓"],
};
