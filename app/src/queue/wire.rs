//! Parsers for what the browser reads about the queue.

use crate::island::json::{Json, Read};
use model::concerts::{ConcertId, SaleState, SaleStatus};
use model::queue::{Arrival, QueueView, Sale, Standing, Tick, TickId};
use model::tickets::TicketId;

impl Read for SaleState {
    fn read(json: &Json) -> Option<SaleState> {
        SaleState::parse(&String::read(json)?)
    }
}

impl Read for SaleStatus {
    fn read(json: &Json) -> Option<SaleStatus> {
        Some(SaleStatus {
            concert_id: ConcertId(json.get("concert_id")?),
            capacity: json.get("capacity")?,
            left: json.get("left")?,
            sale_opens_at: json.get("sale_opens_at")?,
            starts_at: json.get("starts_at")?,
            state: json.get("state")?,
        })
    }
}

impl Read for Arrival {
    fn read(json: &Json) -> Option<Arrival> {
        i64::read(json).map(Arrival)
    }
}

impl Read for Sale {
    fn read(json: &Json) -> Option<Sale> {
        Some(Sale {
            state: json.get("state")?,
            stock: json.get("stock")?,
            batch_size: json.get("batch_size")?,
            interval_ms: json.get("interval_ms")?,
        })
    }
}

impl Read for Tick {
    fn read(json: &Json) -> Option<Tick> {
        Some(Tick {
            id: TickId(json.get("id")?),
            previous: TickId(json.get("previous")?),
            issued: Arrival::from_steps(json.get::<Vec<i64>>("issued")?)?,
            left: Arrival::from_steps(json.get::<Vec<i64>>("left")?)?,
            waiting: json.get("waiting")?,
            sale: json.get("sale")?,
        })
    }
}

impl Read for Standing {
    fn read(json: &Json) -> Option<Standing> {
        Some(match json.get::<String>("standing")?.as_str() {
            "absent" => Standing::Absent,
            "waiting" => Standing::Waiting {
                arrival: json.get("arrival")?,
                rank: json.get("rank")?,
                joined_rank: json.get("joined_rank")?,
            },
            "issued" => Standing::Issued {
                ticket: json.get("ticket").map(TicketId),
            },
            "left" => Standing::Left,
            "expired" => Standing::Expired,
            _ => return None,
        })
    }
}

impl Read for QueueView {
    fn read(json: &Json) -> Option<QueueView> {
        Some(QueueView {
            concert_id: ConcertId(json.get("concert_id")?),
            standing: Standing::read(json)?,
            tick: TickId(json.get("tick")?),
            waiting: json.get("waiting")?,
            sale: json.get("sale")?,
            sale_opens_at: json.get("sale_opens_at")?,
            server_time: json.get("server_time")?,
        })
    }
}
