//! Tags in the head of a page for search engines and for services that show a shared address.

use super::card::card_version;
use super::data::{self, script};
use super::words::SharingWords;
use super::{Address, HEIGHT, WIDTH};
use crate::i18n::{Locale, use_words};
use crate::markup::with_brand;
use crate::request::settings;
use leptos::prelude::*;
use leptos_meta::{Link, Meta, Script};
use model::concerts::{Concert, Phase};
use serde_json::Value;

/// A page that may be listed and shared.
#[derive(Clone, Debug)]
pub struct Shared {
    title: String,
    description: String,
    address: Address,
    /// The language named in the address that the reader requested.
    named: Option<Locale>,
    picture: String,
    picture_shows: String,
    data: Vec<Value>,
}

impl Shared {
    /// Returns the tags of the site's own page at this path.
    pub fn site(path: &str) -> Shared {
        let (public_url, named, words) = (settings().public_url, Locale::named(), use_words());
        Shared {
            title: with_brand(words.concerts),
            description: words.home_description.to_owned(),
            address: Address::new(&public_url, path),
            named,
            picture: Address::new(&public_url, "/card.png").whole(Some(words.locale)),
            picture_shows: words.sharing.picture.to_owned(),
            data: vec![data::website(&public_url, words, named)],
        }
    }

    /// Returns the tags of a concert's page.
    pub fn concert(concert: &Concert, phase: Phase, description: &str) -> Shared {
        let (public_url, named, words) = (settings().public_url, Locale::named(), use_words());
        let address = Address::new(&public_url, &concert.path());
        let version = card_version(concert, words.locale);
        let card = format!("/concerts/{}/card.png?v={version}", concert.id);
        let picture = Address::new(&public_url, &card).whole(Some(words.locale));
        let poster = concert.poster.as_ref().map(|poster| {
            let path = poster.address(concert.id, poster.widest());
            format!("{public_url}{path}")
        });
        let page = data::ConcertPage {
            concert,
            phase,
            address: &address,
            pictures: &poster
                .into_iter()
                .chain([picture.clone()])
                .collect::<Vec<_>>(),
            description,
        };
        let data = data::concert(&public_url, words, named, &page).to_vec();
        Shared {
            title: concert.title.clone(),
            description: description.to_owned(),
            address,
            named,
            picture,
            picture_shows: (words.sharing.picture_of)(&concert.title, &concert.artist),
            data,
        }
    }
}

/// Canonical address and alternates, Open Graph, Twitter's card, and structured data.
#[component]
pub fn SharedTags(shared: Shared) -> impl IntoView {
    let words = use_words();
    let Shared {
        title,
        description,
        address,
        named,
        picture,
        picture_shows,
        data,
    } = shared;
    let canonical = address.whole(named);
    let alternates = address
        .alternates()
        .map(|(name, address)| view! { <Link rel="alternate" hreflang=name href=address/> })
        .collect_view();
    let other = Locale::ALL
        .into_iter()
        .filter(|other| *other != words.locale);
    let other = other
        .map(|other| view! { <Meta property="og:locale:alternate" content=other.words().sharing.open_graph_locale/> })
        .collect_view();
    // Not a script that runs; the policy permits it without a nonce.
    let data = data
        .into_iter()
        .map(|data| view! { <Script type_="application/ld+json">{script(&data)}</Script> })
        .collect_view();
    view! {
        <Link rel="canonical" href=canonical.clone()/>
        {alternates}
        <Meta property="og:site_name" content=SharingWords::BRAND/>
        <Meta property="og:type" content="website"/>
        <Meta property="og:title" content=title.clone()/>
        <Meta property="og:description" content=description.clone()/>
        <Meta property="og:url" content=canonical/>
        <Meta property="og:locale" content=words.sharing.open_graph_locale/>
        {other}
        <Meta property="og:image" content=picture.clone()/>
        <Meta property="og:image:type" content="image/png"/>
        <Meta property="og:image:width" content=WIDTH.to_string()/>
        <Meta property="og:image:height" content=HEIGHT.to_string()/>
        <Meta property="og:image:alt" content=picture_shows.clone()/>
        <Meta name="twitter:card" content="summary_large_image"/>
        <Meta name="twitter:title" content=title/>
        <Meta name="twitter:description" content=description/>
        <Meta name="twitter:image" content=picture/>
        <Meta name="twitter:image:alt" content=picture_shows/>
        {data}
    }
}
