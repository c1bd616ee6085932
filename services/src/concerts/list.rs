//! Finding concerts.

use super::ConcertRow;
use crate::{Result, Services};
use model::concerts::{Concert, ConcertPage, ConcertQuery};

/// Concerts on a page.
pub const PER_PAGE: u32 = 12;

/// One page: selling now, then opening soonest, then sold out, then over. A page beyond the last one is the last one.
pub async fn list(services: &Services, query: &ConcertQuery) -> Result<ConcertPage> {
    let now = services.clock.now();
    let pattern = format!("%{}%", escape_like(&query.search));
    let genre = query.genre.map(|genre| genre.as_str());
    let total = sqlx::query_scalar!(
        r#"SELECT count(*) AS "total!" FROM concerts
            WHERE title ILIKE $1 AND ($2::text IS NULL OR genre = $2) AND rehearsal_of IS NULL AND NOT draft"#,
        pattern,
        genre
    )
    .fetch_one(&services.db)
    .await?;
    let pages = (total as u64).div_ceil(u64::from(PER_PAGE)).max(1) as u32;
    let page = query.page.clamp(1, pages);
    let concerts = sqlx::query_as!(
        ConcertRow,
        "SELECT id, title, artist, genre, venue, starts_at, ends_at, running_minutes, price_won, description, capacity,
                issued, sale_opens_at, state, batch_size, interval_ms, created_by, poster, draft
           FROM concerts
          WHERE title ILIKE $1 AND ($2::text IS NULL OR genre = $2) AND rehearsal_of IS NULL AND NOT draft
          ORDER BY CASE WHEN state = 'closed' OR starts_at <= $3 THEN 3
                        WHEN sale_opens_at > $3 THEN 1
                        WHEN issued >= capacity THEN 2
                        ELSE 0 END,
                   CASE WHEN sale_opens_at > $3 THEN sale_opens_at ELSE starts_at END,
                   id
          LIMIT $4 OFFSET $5",
        pattern,
        genre,
        now,
        i64::from(PER_PAGE),
        i64::from(PER_PAGE) * i64::from(page - 1)
    )
    .fetch_all(&services.db)
    .await?
    .into_iter()
    .map(Concert::try_from)
    .collect::<Result<Vec<_>>>()?;
    Ok(ConcertPage {
        concerts,
        page,
        pages,
        total: total as u64,
        server_time: now,
    })
}

/// The text with everything that LIKE understands made plain, and without what no title can hold.
fn escape_like(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text
        .trim()
        .chars()
        .filter(|character| !character.is_control())
    {
        if matches!(character, '%' | '_' | '\\') {
            escaped.push('\\');
        }
        escaped.push(character);
    }
    escaped
}
