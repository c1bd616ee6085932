//! `/`: the concerts, searched, filtered and paged. All of it is in the address, so links and the back button work.

use super::api::list_concerts;
use super::card::ConcertCard;
use crate::address::argument;
use crate::error::ApiError;
use crate::i18n::use_words;
use crate::layout::PageMeta;
use crate::refused::Refused;
use crate::sharing::Shared;
use leptos::prelude::*;
use leptos_router::hooks::use_query_map;
use model::concerts::{ConcertPage, Genre};

/// What is asked for, as it stands in the address. Nonsense in it counts as not asked.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Asked {
    search: String,
    genre: String,
    page: u32,
}

impl Asked {
    fn address(&self, page: u32) -> String {
        let mut address = String::from("/");
        let mut add = |name: &str, value: &str| {
            let mark = if address.contains('?') { '&' } else { '?' };
            address.push_str(&format!("{mark}{name}={}", argument(value)));
        };
        for (name, value) in [
            ("search", self.search.as_str()),
            ("genre", self.genre.as_str()),
        ] {
            if !value.is_empty() {
                add(name, value);
            }
        }
        if page > 1 {
            add("page", &page.to_string());
        }
        address
    }
}

#[component]
pub fn HomePage() -> impl IntoView {
    let words = use_words();
    let asked = use_query_map().with_untracked(|q| Asked {
        search: q
            .get_str("search")
            .unwrap_or_default()
            .trim()
            .chars()
            .take(120)
            .collect(),
        genre: q
            .get_str("genre")
            .and_then(Genre::parse)
            .map_or("", Genre::as_str)
            .to_owned(),
        page: q
            .get_str("page")
            .and_then(|p| p.parse().ok())
            .unwrap_or(1)
            .max(1),
    });
    let concerts = {
        let asked = asked.clone();
        Resource::new(
            || (),
            move |()| list_concerts(asked.search.clone(), asked.genre.clone(), asked.page),
        )
    };
    // What somebody searched for is no page that anybody else looks for.
    let everything = asked.search.is_empty() && asked.genre.is_empty();
    let shared = everything.then(|| Shared::site(&asked.address(asked.page)));
    view! {
        <PageMeta title=words.concerts description=words.home_description shared/>
        <section class="marquee">
            <h1>{words.home_heading}</h1>
            <p class="lead">{words.home_lead}</p>
        </section>
        <Search asked=asked.clone()/>
        <Suspense>
            {move || {
                let asked = asked.clone();
                Suspend::new(async move { match concerts.await {
                    Ok(page) => view! { <Found page asked/> }.into_any(),
                    Err(ApiError(refusal)) => view! { <Refused refusal/> }.into_any(),
                }})
            }}
        </Suspense>
    }
}

#[component]
fn Search(asked: Asked) -> impl IntoView {
    let words = use_words();
    let genres = Genre::ALL
        .into_iter()
        .map(|genre| {
            let name = genre.as_str();
            view! { <option value=name selected=name == asked.genre>{(words.genre_name)(genre)}</option> }
        })
        .collect_view();
    view! {
        <search>
            <form method="get" action="/" class="search">
                <div class="search-field search-field--wide">
                    <label for="search">{words.search_by_title}</label>
                    <input
                        id="search"
                        name="search"
                        type="search"
                        autocomplete="off"
                        maxlength="120"
                        value=asked.search
                    />
                </div>
                <div class="search-field">
                    <label for="genre">{words.genre}</label>
                    <select id="genre" name="genre">
                        <option value="">{words.all_genres}</option>
                        {genres}
                    </select>
                </div>
                <button type="submit" class="button">{words.find}</button>
            </form>
        </search>
    }
}

#[component]
fn Found(page: ConcertPage, asked: Asked) -> impl IntoView {
    let words = use_words();
    let now = page.server_time;
    if page.concerts.is_empty() {
        return view! {
            <div class="notice">
                <h2>{words.nothing_found}</h2>
                <p>{words.nothing_found_hint}</p>
                <p><a class="button" href="/">{words.show_all}</a></p>
            </div>
        }
        .into_any();
    }
    let cards = page
        .concerts
        .into_iter()
        .map(|concert| view! { <ConcertCard concert now/> })
        .collect_view();
    let (at, pages) = (page.page, page.pages);
    let previous = (at > 1).then(|| {
        let href = asked.address(at - 1);
        view! { <a class="button" rel="prev" href=href>{words.previous_page}</a> }
    });
    let next = (at < pages).then(|| {
        let href = asked.address(at + 1);
        view! { <a class="button" rel="next" href=href>{words.next_page}</a> }
    });
    let paging = (pages > 1).then(|| {
        view! {
            <nav class="paging" aria-label=words.pages>
                {previous}
                <span>{(words.page_of)(at, pages)}</span>
                {next}
            </nav>
        }
    });
    view! {
        <p class="found" role="status">{(words.concerts_found)(page.total)}</p>
        <ul class="stubs">{cards}</ul>
        {paging}
    }
    .into_any()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_address_says_only_what_is_asked() {
        let asked = Asked {
            search: "한 &".into(),
            genre: "hip_hop".into(),
            page: 1,
        };
        assert_eq!(
            asked.address(2),
            "/?search=%ED%95%9C%20%26&genre=hip_hop&page=2"
        );
        assert_eq!(Asked::default().address(1), "/");
    }
}
