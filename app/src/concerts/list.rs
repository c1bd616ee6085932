//! `/`: the concerts in sections, or searched, filtered, sorted and paged. The whole query is in
//! the address, so links and the back button work.

use super::card::ConcertCard;
use super::filters::{AskedFor, SearchForm, address};
use super::search::{FOUND, RESULTS, SearchAsYouType};
use crate::error::ApiError;
use crate::i18n::use_words;
use crate::layout::PageMeta;
use crate::refused::Refused;
use crate::request::services;
use crate::sharing::Shared;
use chrono::{DateTime, Utc};
use leptos::prelude::*;
use leptos_router::hooks::use_query_map;
use model::concerts::{
    Concert, ConcertArguments, ConcertPage, ConcertQuery, ConcertSection, ConcertSections,
    ConcertSort, SaleGroup,
};
use serde::{Deserialize, Serialize};

/// What home shows.
#[derive(Clone, Debug, Serialize, Deserialize)]
enum Home {
    Sections(ConcertSections),
    Page(ConcertPage),
}

async fn load(query: ConcertQuery) -> Result<Home, ApiError> {
    let services = services()?;
    Ok(match query.is_plain() {
        true => Home::Sections(services::concerts::sections(&services).await?),
        false => Home::Page(services::concerts::list(&services, &query).await?),
    })
}

/// Parses the query in the address. Invalid arguments are ignored.
fn asked() -> ConcertQuery {
    use_query_map().with_untracked(|query| {
        let text = |name| query.get_str(name).unwrap_or_default().to_owned();
        let arguments = ConcertArguments {
            search: text("search"),
            genre: text("genre"),
            from: text("from"),
            to: text("to"),
            price_from: text("price_from"),
            price_to: text("price_to"),
            sale: text("sale"),
            sort: text("sort"),
        };
        arguments.forgive(text("page").parse().unwrap_or(1))
    })
}

#[component]
pub fn HomePage() -> impl IntoView {
    let words = use_words();
    let query = asked();
    let home = {
        let query = query.clone();
        Resource::new(|| (), move |()| load(query.clone()))
    };
    view! {
        <section class="marquee">
            <h1>{words.home_heading}</h1>
            <p class="lead">{words.home_lead}</p>
        </section>
        <SearchForm query=query.clone()/>
        <SearchAsYouType/>
        <Suspense>
            {move || {
                let query = query.clone();
                Suspend::new(async move {
                    let home = home.await;
                    let shared = shared(&query, home.as_ref().ok());
                    let (found, results) = match home {
                        Ok(Home::Sections(home)) => (String::new(), view! { <Sections home/> }.into_any()),
                        Ok(Home::Page(page)) => {
                            ((words.concerts_found)(page.total), view! { <Found page query/> }.into_any())
                        }
                        Err(ApiError(refusal)) => (String::new(), view! { <Refused refusal/> }.into_any()),
                    };
                    // Not inside the results, which are replaced while the user types: screen
                    // readers announce a change only in an element that stays in the page.
                    view! {
                        <PageMeta title=words.concerts description=words.home_description shared/>
                        <p class="found" role="status" id=FOUND>{found}</p>
                        <div class="results" id=RESULTS>{results}</div>
                    }
                })
            }}
        </Suspense>
    }
}

/// Returns what search engines and shared links get, or `None` for a filtered or sorted list: no
/// other user looks for the results of one user's search.
fn shared(query: &ConcertQuery, home: Option<&Home>) -> Option<Shared> {
    let everything = !query.is_narrow() && query.sort == ConcertSort::default();
    // A page number beyond the last page shows the last page, which has another address.
    let page = match home {
        Some(Home::Page(page)) => page.page,
        _ => query.page,
    };
    let shown = ConcertQuery {
        page,
        ..query.clone()
    };
    everything.then(|| Shared::site(&address(&shown)))
}

#[component]
fn Sections(home: ConcertSections) -> impl IntoView {
    let words = use_words();
    let browse = &words.browse;
    let now = home.server_time;
    let past = address(&ConcertQuery {
        sale: Some(SaleGroup::Past),
        ..ConcertQuery::default()
    });
    let nothing = home.sections.iter().all(|section| section.total == 0);
    let nothing = nothing.then(|| {
        view! {
            <div class="notice">
                <h2>{browse.nothing_coming}</h2>
                <p>{browse.nothing_coming_hint}</p>
            </div>
        }
    });
    let sections = home
        .sections
        .into_iter()
        .filter(|section| section.total > 0)
        .map(|section| view! { <Section section now/> })
        .collect_view();
    view! {
        {nothing}
        {sections}
        <p class="past"><a class="button" href=past>{browse.past_concerts}</a></p>
    }
}

#[component]
fn Section(section: ConcertSection, now: DateTime<Utc>) -> impl IntoView {
    let browse = &use_words().browse;
    let id = section.group.as_str();
    let heading = format!("{id}-heading");
    let all = (section.total > section.concerts.len() as u64).then(|| {
        let href = address(&ConcertQuery {
            sale: Some(section.group),
            ..ConcertQuery::default()
        });
        let id = format!("{id}-all");
        view! {
            <a class="shelf-all" href=href id=id.clone() aria-labelledby=format!("{id} {heading}")>
                {(browse.show_all_of)(section.total)}
            </a>
        }
    });
    view! {
        <section class="shelf" id=id aria-labelledby=heading.clone()>
            <div class="shelf-head">
                <h2 id=heading.clone()>{(browse.group_name)(section.group)}</h2>
                {all}
            </div>
            <Cards concerts=section.concerts now within=true/>
        </section>
    }
}

#[component]
fn Cards(concerts: Vec<Concert>, now: DateTime<Utc>, within: bool) -> impl IntoView {
    let cards = concerts
        .into_iter()
        .map(|concert| view! { <ConcertCard concert now within/> })
        .collect_view();
    view! { <ul class="stubs">{cards}</ul> }
}

#[component]
fn Found(page: ConcertPage, query: ConcertQuery) -> impl IntoView {
    let words = use_words();
    let (now, at, pages) = (page.server_time, page.page, page.pages);
    let results = if page.concerts.is_empty() {
        view! {
            <div class="notice">
                <h2>{words.nothing_found}</h2>
                <p>{words.nothing_found_hint}</p>
                <p><a class="button" href="/">{words.show_all}</a></p>
            </div>
        }
        .into_any()
    } else {
        view! { <Cards concerts=page.concerts now within=false/> }.into_any()
    };
    view! {
        <AskedFor query=query.clone()/>
        {results}
        <Paging query at pages/>
    }
}

#[component]
fn Paging(query: ConcertQuery, at: u32, pages: u32) -> impl IntoView {
    let words = use_words();
    if pages <= 1 {
        return ().into_any();
    }
    let to = |page: u32| {
        address(&ConcertQuery {
            page,
            ..query.clone()
        })
    };
    let previous = (at > 1)
        .then(|| view! { <a class="button" rel="prev" href=to(at - 1)>{words.previous_page}</a> });
    let next = (at < pages)
        .then(|| view! { <a class="button" rel="next" href=to(at + 1)>{words.next_page}</a> });
    view! {
        <nav class="paging" aria-label=words.pages>
            {previous}
            <span>{(words.page_of)(at, pages)}</span>
            {next}
        </nav>
    }
    .into_any()
}
