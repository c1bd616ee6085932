//! What crawlers request before any page: what they may read (`robots.txt`), and which pages there
//! are (sitemaps).

use super::Address;
use model::concerts::concert_path;
use services::sharing::Listed;

/// Concerts in one file. Each has an address for each language and one without, and each of those
/// lists all: with the longest titles a file has 20 MB. The protocol allows 50 MB and 50,000
/// addresses.
pub const CONCERTS_IN_A_FILE: u64 = 2500;

/// Returns `robots.txt`. It does not name queues: a client that is not logged in is redirected from
/// a queue to the log-in page, which asks not to be listed.
pub fn robots(public_url: &str) -> String {
    let mut text = String::from("User-agent: *\n");
    for private in ["/api/", "/account", "/admin", "/tickets"] {
        text.push_str(&format!("Disallow: {private}\n"));
    }
    text.push_str(&format!("Allow: /\n\nSitemap: {public_url}/sitemap.xml\n"));
    text
}

/// Returns a sitemap: addresses in all their languages. With `first`, it includes the pages that
/// belong to no concert.
pub fn sitemap(public_url: &str, concerts: &[Listed], first: bool) -> String {
    let mut xml = String::from(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<urlset xmlns=\"http://www.sitemaps.org/schemas/sitemap/0.9\" \
         xmlns:xhtml=\"http://www.w3.org/1999/xhtml\">\n",
    );
    if first {
        page(&mut xml, &Address::new(public_url, "/"), None);
    }
    for Listed {
        id,
        title,
        updated_at,
    } in concerts
    {
        let address = Address::new(public_url, &concert_path(*id, title));
        let changed = updated_at.to_rfc3339_opts(chrono::SecondsFormat::Secs, true);
        page(&mut xml, &address, Some(&changed));
    }
    xml.push_str("</urlset>\n");
    xml
}

/// Returns the sitemap index of `files` sitemaps.
pub fn sitemap_index(public_url: &str, files: u64) -> String {
    let mut xml = String::from(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<sitemapindex xmlns=\"http://www.sitemaps.org/schemas/sitemap/0.9\">\n",
    );
    let public_url = escaped(public_url);
    for file in 1..=files {
        xml.push_str(&format!(
            "<sitemap><loc>{public_url}/sitemap.xml?part={file}</loc></sitemap>\n"
        ));
    }
    xml.push_str("</sitemapindex>\n");
    xml
}

fn page(xml: &mut String, address: &Address, changed: Option<&str>) {
    let alternates: Vec<_> = address
        .alternates()
        .map(|(name, address)| (name, escaped(&address)))
        .collect();
    for (_, address) in &alternates {
        xml.push_str(&format!("<url><loc>{address}</loc>"));
        if let Some(changed) = changed {
            xml.push_str(&format!("<lastmod>{changed}</lastmod>"));
        }
        for (name, other) in &alternates {
            xml.push_str(&format!(
                "<xhtml:link rel=\"alternate\" hreflang=\"{name}\" href=\"{other}\"/>"
            ));
        }
        xml.push_str("</url>\n");
    }
}

/// Escapes an ASCII address for XML.
fn escaped(address: &str) -> String {
    address.replace('&', "&amp;").replace('\'', "&apos;")
}
