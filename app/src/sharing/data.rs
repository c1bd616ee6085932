//! Structured data about a page, for machines: JSON-LD in the vocabulary of schema.org.

use super::Address;
use super::words::SharingWords;
use crate::i18n::{LANGUAGE_ARGUMENT, Locale, Words};
use chrono::{DateTime, SecondsFormat, Utc};
use model::concerts::{Concert, Phase};
use model::time::kst;
use serde_json::{Value, json};

const CONTEXT: &str = "https://schema.org";

/// Describes the site and how to search it.
pub fn website(public_url: &str, words: &Words, named: Option<Locale>) -> Value {
    let language = named.map_or_else(String::new, |locale| {
        format!("&{LANGUAGE_ARGUMENT}={}", locale.tag())
    });
    json!({
        "@context": CONTEXT,
        "@type": "WebSite",
        "name": SharingWords::BRAND,
        "url": Address::new(public_url, "/").whole(named),
        "description": words.home_description,
        "inLanguage": words.locale.tag(),
        "potentialAction": {
            "@type": "SearchAction",
            "target": {
                "@type": "EntryPoint",
                "urlTemplate": format!("{public_url}/?search={{search_term_string}}{language}"),
            },
            "query-input": "required name=search_term_string",
        },
    })
}

/// Inputs of the structured data of a concert's page.
pub struct ConcertPage<'a> {
    pub concert: &'a Concert,
    pub phase: Phase,
    pub address: &'a Address,
    /// Full addresses of its pictures, the best one first.
    pub pictures: &'a [String],
    /// Description of a concert that has none of its own.
    pub description: &'a str,
}

/// Returns the concert as an event with its offer, and the position of its page on the site.
pub fn concert(
    public_url: &str,
    words: &Words,
    named: Option<Locale>,
    page: &ConcertPage,
) -> [Value; 2] {
    let ConcertPage {
        concert,
        phase,
        address,
        pictures,
        description,
    } = page;
    let (home, here) = (
        Address::new(public_url, "/").whole(named),
        address.whole(named),
    );
    let described = match concert.description.trim() {
        "" => description,
        own => own,
    };
    let event = json!({
        "@context": CONTEXT,
        "@type": "Event",
        "@id": format!("{}#event", address.whole(None)),
        "name": concert.title,
        "url": here,
        "startDate": in_korea(concert.starts_at),
        "endDate": in_korea(concert.ends_at),
        "duration": format!("PT{}M", concert.running_minutes),
        "eventStatus": "https://schema.org/EventScheduled",
        "eventAttendanceMode": "https://schema.org/OfflineEventAttendanceMode",
        "location": {"@type": "Place", "name": concert.venue, "address": concert.venue},
        "image": pictures,
        "description": described,
        "performer": {"@type": "PerformingGroup", "name": concert.artist},
        "organizer": {"@type": "Organization", "name": SharingWords::BRAND, "url": home},
        "maximumAttendeeCapacity": concert.capacity,
        "isAccessibleForFree": concert.price_won == 0,
        "offers": {
            "@type": "Offer",
            "url": here,
            "price": concert.price_won.to_string(),
            "priceCurrency": "KRW",
            "availability": availability(*phase),
            "validFrom": in_korea(concert.sale_opens_at),
            "validThrough": in_korea(concert.starts_at),
        },
    });
    let trail = json!({
        "@context": CONTEXT,
        "@type": "BreadcrumbList",
        "itemListElement": [
            {"@type": "ListItem", "position": 1, "name": words.concerts, "item": home},
            {"@type": "ListItem", "position": 2, "name": concert.title, "item": here},
        ],
    });
    [event, trail]
}

fn availability(phase: Phase) -> &'static str {
    match phase {
        Phase::Upcoming => "https://schema.org/PreOrder",
        // While the sale is paused, people can still join, and there are tickets for them.
        Phase::Selling | Phase::Paused => "https://schema.org/InStock",
        Phase::SoldOut => "https://schema.org/SoldOut",
        // There may be tickets left, but they are no longer available.
        Phase::Over => "https://schema.org/OutOfStock",
    }
}

/// Formats an instant with the offset of Korea, the local time of the event.
fn in_korea(at: DateTime<Utc>) -> String {
    at.with_timezone(&kst())
        .to_rfc3339_opts(SecondsFormat::Secs, false)
}

/// Returns the JSON so that it is safe in a `<script>` with any text: nothing in it ends the
/// element or begins another.
pub fn script(data: &Value) -> String {
    data.to_string()
        .replace('<', "\\u003c")
        .replace('>', "\\u003e")
        .replace('&', "\\u0026")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_text_gets_out_of_a_script() {
        let data = json!({"name": "</script><!--<script>&\"\u{2028}"});
        let script = script(&data);
        assert!(!script.contains(['<', '>', '&']));
        assert_eq!(serde_json::from_str::<Value>(&script).unwrap(), data);
    }
}
