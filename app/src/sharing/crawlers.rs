//! What crawlers ask for before any page: what they may read, and which pages there are.

use super::Address;
use model::concerts::concert_path;
use services::sharing::Listed;

/// Concerts in one file. Each has an address for each language and one without, and each of those names all of them: with the
/// longest titles a file has 20 MB. The protocol allows 50 MB and 50,000 addresses.
pub const CONCERTS_IN_A_FILE: u64 = 2500;

/// `robots.txt`. Whoever is not logged in is sent from a queue to the log-in page, which asks not to be listed, so queues are
/// not named.
pub fn robots(public_url: &str) -> String {
    let mut text = String::from("User-agent: *\n");
    for private in ["/api/", "/account", "/admin", "/tickets"] {
        text.push_str(&format!("Disallow: {private}\n"));
    }
    text.push_str(&format!("Allow: /\n\nSitemap: {public_url}/sitemap.xml\n"));
    text
}

/// A file of addresses, in all their languages. `first`: with the pages that are no concert's.
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

/// The file that names so many others.
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

/// An address that is ASCII, as XML holds it.
fn escaped(address: &str) -> String {
    address.replace('&', "&amp;").replace('\'', "&apos;")
}
