//! The search form of home, and the filters that are set.

use super::search::FORM;
use crate::address::argument;
use crate::i18n::use_words;
use crate::request;
use leptos::prelude::*;
use model::concerts::{ConcertQuery, ConcertSort, Genre, LONGEST_SEARCH, SaleGroup};

/// Returns the address of home for this query, without arguments that have their default value.
pub(super) fn address(query: &ConcertQuery) -> String {
    let mut address = String::from("/");
    for (name, value) in query.arguments() {
        let mark = if address.contains('?') { '&' } else { '?' };
        address.push_str(&format!("{mark}{name}={}", argument(&value)));
    }
    address
}

/// A plain GET form, so that the whole query is in the address.
#[component]
pub(super) fn SearchForm(query: ConcertQuery) -> impl IntoView {
    let words = use_words();
    let browse = &words.browse;
    let named = |name: &'static str, value: &'static str, chosen: bool| (name, value, chosen);
    let genres = Genre::ALL.map(|genre| {
        named(
            genre.as_str(),
            (words.genre_name)(genre),
            query.genre == Some(genre),
        )
    });
    let groups = SaleGroup::ALL.map(|group| {
        named(
            group.as_str(),
            (browse.group_name)(group),
            query.sale == Some(group),
        )
    });
    // The first option is the one that an empty value means.
    let [first, sorts @ ..] = ConcertSort::ALL
        .map(|sort| named(sort.as_str(), (browse.sort_name)(sort), query.sort == sort));
    let more = query.from.is_some()
        || query.to.is_some()
        || query.price_from.is_some()
        || query.price_to.is_some()
        || query.sort != ConcertSort::default();
    let day = |day: Option<chrono::NaiveDate>| day.map(|day| day.to_string());
    let won = |won: Option<u32>| won.map(|won| won.to_string());
    let hint = browse
        .search_hint
        .map(|hint| view! { <p class="field-hint" id="search-hint">{hint}</p> });
    view! {
        <search>
            <form method="get" action="/" class="search" id=FORM data-asked-at=request::asked_at() data-failed=browse.failed>
                <div class="search-field search-field--wide">
                    <label for="search">{browse.search}</label>
                    <input
                        id="search"
                        name="search"
                        type="search"
                        dir="auto"
                        autocomplete="off"
                        enterkeyhint="search"
                        maxlength=LONGEST_SEARCH
                        aria-describedby=browse.search_hint.map(|_| "search-hint")
                        value=query.search
                    />
                    {hint}
                </div>
                <button type="submit" class="button">{words.find}</button>
                <div class="search-choices">
                    <Choice name="genre" label=words.genre all=words.all_genres options=genres.to_vec()/>
                    <Choice name="sale" label=browse.sale all=browse.any_sale options=groups.to_vec()/>
                </div>
                <details class="search-more" open=more>
                    <summary>{browse.more}</summary>
                    <div class="search-choices">
                        <Range name="from" label=browse.from kind="date" value=day(query.from)/>
                        <Range name="to" label=browse.to kind="date" value=day(query.to)/>
                        <Range name="price_from" label=browse.price_from kind="number" value=won(query.price_from)/>
                        <Range name="price_to" label=browse.price_to kind="number" value=won(query.price_to)/>
                        <Choice name="sort" label=browse.sort all=first.1 options=sorts.to_vec()/>
                    </div>
                </details>
            </form>
        </search>
    }
}

/// A select with `options`, and `all` for no choice.
#[component]
fn Choice(
    name: &'static str,
    label: &'static str,
    all: &'static str,
    /// Value, label, whether it is selected.
    options: Vec<(&'static str, &'static str, bool)>,
) -> impl IntoView {
    let options = options
        .into_iter()
        .map(
            |(value, words, chosen)| view! { <option value=value selected=chosen>{words}</option> },
        )
        .collect_view();
    view! {
        <div class="search-field">
            <label for=name>{label}</label>
            <select id=name name=name>
                <option value="">{all}</option>
                {options}
            </select>
        </div>
    }
}

/// The input for one end of a range.
#[component]
fn Range(
    name: &'static str,
    label: &'static str,
    kind: &'static str,
    value: Option<String>,
) -> impl IntoView {
    let (least, step) = match kind {
        "number" => (Some("0"), Some("any")),
        _ => (None, None),
    };
    view! {
        <div class="search-field">
            <label for=name>{label}</label>
            <input id=name name=name type=kind min=least step=step value=value/>
        </div>
    }
}

/// All filters that are set, each as a link to the list without it.
#[component]
pub(super) fn AskedFor(query: ConcertQuery) -> impl IntoView {
    let words = use_words();
    let browse = &words.browse;
    let mut pieces: Vec<(String, ConcertQuery)> = Vec::new();
    let mut piece = |said: Option<String>, without: fn(&mut ConcertQuery)| {
        if let Some(said) = said {
            let mut rest = query.clone();
            rest.page = 1;
            without(&mut rest);
            pieces.push((said, rest));
        }
    };
    let search = Some(query.search.clone()).filter(|search| !search.is_empty());
    piece(search.map(|search| format!("“{search}”")), |q| {
        q.search.clear()
    });
    piece(
        query
            .genre
            .map(|genre| (words.genre_name)(genre).to_owned()),
        |q| q.genre = None,
    );
    piece(
        query
            .sale
            .map(|group| (browse.group_name)(group).to_owned()),
        |q| q.sale = None,
    );
    let day = |day, said: fn(&str) -> String| said(&(browse.day)(day));
    piece(query.from.map(|from| day(from, browse.asked_from)), |q| {
        q.from = None
    });
    piece(query.to.map(|to| day(to, browse.asked_to)), |q| q.to = None);
    let won = |won, said: fn(&str) -> String| said(&(words.won)(won));
    piece(
        query
            .price_from
            .map(|price| won(price, browse.asked_price_from)),
        |q| q.price_from = None,
    );
    let most = query.price_to.map(|price| match price {
        0 => (words.won)(0),
        price => won(price, browse.asked_price_to),
    });
    piece(most, |q| q.price_to = None);
    if pieces.is_empty() {
        return ().into_any();
    }
    let several = pieces.len() > 1;
    let pieces = pieces
        .into_iter()
        .map(|(said, rest)| {
            view! {
                <li>
                    <a class="chip" href=address(&rest)>
                        <span class="unseen">{browse.take_back}</span>
                        <bdi>{said}</bdi>
                        <span class="chip-cross" aria-hidden="true">"×"</span>
                    </a>
                </li>
            }
        })
        .collect_view();
    let all = several.then(|| {
        view! { <li><a class="chip chip--all" href="/">{browse.take_back_all}</a></li> }
    });
    view! { <ul class="chips" aria-label=browse.asked>{pieces}{all}</ul> }.into_any()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_address_says_only_what_is_asked() {
        let query = ConcertQuery {
            search: "한 &".into(),
            genre: Some(Genre::HipHop),
            sort: ConcertSort::PriceLow,
            page: 2,
            ..ConcertQuery::default()
        };
        assert_eq!(
            address(&query),
            "/?search=%ED%95%9C%20%26&genre=hip_hop&sort=price_low&page=2"
        );
        assert_eq!(address(&ConcertQuery::default()), "/");
    }
}
