//! Lists of concerts.

use super::{ConcertRow, search};
use crate::{Result, Services};
use chrono::{DateTime, Days, TimeDelta, Utc};
use futures::future::try_join_all;
use model::concerts::{
    Concert, ConcertPage, ConcertQuery, ConcertSection, ConcertSections, SOON_DAYS, SaleGroup,
};
use model::time;
use std::collections::HashMap;

/// Concerts per page.
pub const PER_PAGE: u32 = 12;
/// Concerts per group on the home page.
pub const PER_SECTION: u32 = 8;

/// Returns one page of the concerts that `query` selects, in the order that it asks for. A page
/// beyond the last one is the last one.
///
/// At one instant every concert is on exactly one page. Pages are numbered and not continued from a
/// cursor: users share their addresses and go back to them, and the clock alone moves concerts
/// within the order, so that a concert marks a position no better than a number does.
pub async fn list(services: &Services, query: &ConcertQuery) -> Result<ConcertPage> {
    let now = services.clock.now();
    let (concerts, total) = find(services, query, PER_PAGE, now).await?;
    let pages = pages(total);
    Ok(ConcertPage {
        concerts,
        page: query.page.clamp(1, pages),
        pages,
        total,
        server_time: now,
    })
}

/// Returns what the home page shows: the first concerts of each group that is not over.
pub async fn sections(services: &Services) -> Result<ConcertSections> {
    let now = services.clock.now();
    let groups = [SaleGroup::Selling, SaleGroup::Soon, SaleGroup::Later];
    let sections = groups.into_iter().map(async |group| -> Result<_> {
        let query = ConcertQuery {
            sale: Some(group),
            ..ConcertQuery::default()
        };
        let (concerts, total) = find(services, &query, PER_SECTION, now).await?;
        Ok(ConcertSection {
            group,
            concerts,
            total,
        })
    });
    Ok(ConcertSections {
        sections: try_join_all(sections).await?,
        server_time: now,
    })
}

fn pages(total: u64) -> u32 {
    total.div_ceil(u64::from(PER_PAGE)).max(1) as u32
}

/// Returns up to `per_page` concerts, and how many there are in all. One pass does both, so that
/// the searched texts are read once.
async fn find(
    services: &Services,
    query: &ConcertQuery,
    per_page: u32,
    now: DateTime<Utc>,
) -> Result<(Vec<Concert>, u64)> {
    let mut from = query.from.map(time::begin_of);
    if query.sale.is_some_and(|group| group != SaleGroup::Past) {
        // Redundant, but lets PostgreSQL start in its index where the past ends.
        from = from.max(Some(now));
    }
    let until = query.to.map(|day| time::begin_of(day + Days::new(1)));
    let found = sqlx::query!(
        r#"WITH found AS MATERIALIZED (
               SELECT id, starts_at, sale_opens_at, price_won, is_over, "group"
                 FROM concerts,
                      LATERAL (SELECT state = 'closed' OR starts_at <= $1 AS is_over) AS ended,
                      LATERAL (SELECT CASE WHEN is_over THEN 'past'
                                           WHEN sale_opens_at > $2 THEN 'later'
                                           WHEN sale_opens_at > $1 THEN 'soon'
                                           WHEN issued >= capacity THEN 'later'
                                           ELSE 'selling' END AS "group") AS grouped
                WHERE rehearsal_of IS NULL AND NOT draft
                  AND ($3::text IS NULL OR "group" = $3)
                  AND ($4::text IS NULL OR genre = $4)
                  AND starts_at >= coalesce($5::timestamptz, '-infinity')
                  AND starts_at < coalesce($6::timestamptz, 'infinity')
                  AND price_won >= coalesce($7::int, 0)
                  AND ($8::int IS NULL OR price_won <= $8)
                  AND search_text ~ ALL ($9::text[])
           ), counted AS (
               SELECT count(*) AS total FROM found
           )
           SELECT id, total AS "total!"
             FROM found, counted
            ORDER BY is_over,
                     CASE WHEN $10 <> 'sale' OR is_over OR "group" = 'selling' THEN 0
                          WHEN sale_opens_at > $1 THEN 1
                          ELSE 2 END,
                     CASE WHEN $10 = 'price_low' THEN price_won::float8
                          WHEN $10 = 'price_high' THEN -price_won::float8
                          WHEN $10 = 'newest' THEN -id::float8
                          WHEN is_over THEN -extract(epoch FROM starts_at)::float8
                          WHEN $10 = 'sale' AND sale_opens_at > $1 THEN extract(epoch FROM sale_opens_at)::float8
                          ELSE extract(epoch FROM starts_at)::float8 END,
                     starts_at, id
            LIMIT $11
           OFFSET $11 * least($12::bigint - 1, greatest((SELECT total - 1 FROM counted) / $11, 0))"#,
        now,
        now + TimeDelta::days(SOON_DAYS),
        query.sale.map(SaleGroup::as_str),
        query.genre.map(|genre| genre.as_str()),
        from,
        until,
        query.price_from.map(|won| won as i32),
        query.price_to.map(|won| won as i32),
        &search::patterns(&query.search),
        query.sort.as_str(),
        i64::from(per_page),
        i64::from(query.page.max(1)),
    )
    .fetch_all(&services.db)
    .await?;
    let total = found.first().map_or(0, |row| row.total as u64);
    let ids: Vec<i64> = found.into_iter().map(|row| row.id).collect();
    Ok((by_ids(services, &ids).await?, total))
}

/// Returns these concerts in this order, without those that no longer exist.
pub(crate) async fn by_ids(services: &Services, ids: &[i64]) -> Result<Vec<Concert>> {
    let rows = sqlx::query_as!(
        ConcertRow,
        "SELECT id, title, artist, genre, venue, starts_at, ends_at, running_minutes, price_won, description, capacity,
                issued, sale_opens_at, state, batch_size, interval_ms, created_by, poster, draft
           FROM concerts WHERE id = ANY($1)",
        ids
    )
    .fetch_all(&services.db)
    .await?;
    let mut rows: HashMap<i64, ConcertRow> = rows.into_iter().map(|row| (row.id, row)).collect();
    ids.iter()
        .filter_map(|id| rows.remove(id))
        .map(Concert::try_from)
        .collect()
}
