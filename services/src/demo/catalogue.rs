//! The concerts of the demo. Artists and venues are invented.

use crate::{Result, Services, concerts};
use chrono::{DateTime, TimeDelta, Utc};
use model::concerts::{ConcertDetails, Genre};

struct Listing {
    title: &'static str,
    artist: &'static str,
    genre: Genre,
    venue: &'static str,
    running_minutes: u32,
    price_won: u32,
    description: &'static str,
    capacity: u32,
    /// Relative to the time of loading; negative if the sale is already open.
    opens_in: TimeDelta,
    starts_in: TimeDelta,
    batch_size: u32,
    interval_ms: u32,
}

/// Loads the demo's concerts if there are none. Returns how many it created.
pub async fn load(services: &Services) -> Result<usize> {
    if concerts::any(services).await? {
        return Ok(0);
    }
    let now = services.clock.now();
    let listings = listings();
    let number = listings.len();
    for listing in listings {
        concerts::insert(services, None, listing.at(now), false).await?;
    }
    Ok(number)
}

impl Listing {
    fn at(self, now: DateTime<Utc>) -> ConcertDetails {
        let starts_at = evening(now + self.starts_in);
        ConcertDetails {
            title: self.title.into(),
            artist: self.artist.into(),
            genre: self.genre,
            venue: self.venue.into(),
            starts_at,
            ends_at: starts_at + TimeDelta::minutes(i64::from(self.running_minutes)),
            running_minutes: self.running_minutes,
            price_won: self.price_won,
            description: self.description.into(),
            capacity: self.capacity,
            sale_opens_at: if self.opens_in > TimeDelta::hours(1) {
                evening(now + self.opens_in)
            } else {
                now + self.opens_in
            },
            batch_size: self.batch_size,
            interval_ms: self.interval_ms,
        }
    }
}

/// Returns 19:30 in Korea on the day of `instant`.
fn evening(instant: DateTime<Utc>) -> DateTime<Utc> {
    let day = model::time::day(instant);
    day.and_hms_opt(10, 30, 0)
        .map_or(instant, |evening| evening.and_utc())
}

#[rustfmt::skip]
fn listings() -> Vec<Listing> {
    let days = TimeDelta::days;
    let minutes = TimeDelta::minutes;
    vec![
        Listing {
            title: "한강, 불이 꺼지면", artist: "Low Tide 로우타이드", genre: Genre::Indie,
            venue: "노들 라이브하우스, 서울", running_minutes: 110, price_won: 66_000,
            description: "Four people, two guitars, one river. Low Tide play their third album front to back, as the lights of the bridges go out.\n\n세 번째 앨범을 처음부터 끝까지, 다리의 불이 꺼지는 시간에 들려드려요. 스탠딩 공연이에요.",
            capacity: 240, opens_in: minutes(-20), starts_in: days(34), batch_size: 3, interval_ms: 2_000,
        },
        Listing {
            title: "LUMEN: First Light", artist: "LUMEN 루멘", genre: Genre::Pop,
            venue: "Dongdaemun Arena, Seoul", running_minutes: 130, price_won: 143_000,
            description: "The first solo arena night of LUMEN: seven voices, one stage, and a light stick for every seat.\n\n루멘의 첫 단독 아레나 공연이에요. 전 좌석에 응원봉 좌석 번호가 연동돼요.",
            capacity: 150, opens_in: minutes(2), starts_in: days(48), batch_size: 10, interval_ms: 1_000,
        },
        Listing {
            title: "자정의 재즈 클럽", artist: "Yoon Seo-ha Quartet 윤서하 쿼텟", genre: Genre::Jazz,
            venue: "Blue Room, Hongdae", running_minutes: 90, price_won: 45_000,
            description: "Forty seats, no amplification to speak of, and a piano that has seen everything.\n\n마흔 석의 작은 클럽에서 듣는 자정의 재즈예요. 음료 한 잔이 포함돼 있어요.",
            capacity: 24, opens_in: minutes(-60), starts_in: days(12), batch_size: 12, interval_ms: 1_000,
        },
        Listing {
            title: "Steel & Neon", artist: "IRON GARDEN 아이언가든", genre: Genre::Rock,
            venue: "Mapo Warehouse 7, Seoul", running_minutes: 120, price_won: 77_000,
            description: "Two drummers, a wall of amplifiers, and the loudest encore in Mapo. Ear plugs at the door.\n\n두 명의 드러머와 앰프의 벽. 입구에서 귀마개를 나눠 드려요.",
            capacity: 900, opens_in: days(1), starts_in: days(41), batch_size: 20, interval_ms: 1_000,
        },
        Listing {
            title: "브람스, 겨울의 끝", artist: "Seoul Chamber Philharmonic 서울 체임버 필하모닉", genre: Genre::Classical,
            venue: "Namsan Concert Hall, Seoul", running_minutes: 100, price_won: 88_000,
            description: "The fourth symphony and the clarinet quintet, played by forty people who breathe together.\n\n교향곡 4번과 클라리넷 오중주. 중간 휴식은 20분이에요.",
            capacity: 620, opens_in: days(2), starts_in: days(55), batch_size: 10, interval_ms: 1_000,
        },
        Listing {
            title: "Concrete Verses", artist: "MC Haneul & Basement 9", genre: Genre::HipHop,
            venue: "Seongsu Depot, Seoul", running_minutes: 95, price_won: 59_000,
            description: "Nine producers, one microphone, and guests that nobody announces.\n\n아홉 명의 프로듀서와 마이크 하나. 게스트는 당일에 알게 돼요.",
            capacity: 480, opens_in: days(3), starts_in: days(38), batch_size: 10, interval_ms: 1_000,
        },
        Listing {
            title: "Afterglow: 새벽 다섯 시까지", artist: "NOVA TAPE", genre: Genre::Electronic,
            venue: "Hangar 12, Incheon", running_minutes: 300, price_won: 55_000,
            description: "From midnight until the first train: modular synthesisers, slow lasers, and a room to lie down in.\n\n자정부터 첫차까지. 누워서 쉴 수 있는 방도 있어요. 19세 이상 입장할 수 있어요.",
            capacity: 1_200, opens_in: days(5), starts_in: days(62), batch_size: 25, interval_ms: 1_000,
        },
        Listing {
            title: "바람의 시나위", artist: "Ensemble Baram 앙상블 바람", genre: Genre::Traditional,
            venue: "Gugak Courtyard, Jeonju", running_minutes: 80, price_won: 33_000,
            description: "Gayageum, haegeum, daegeum and a drum, improvising as the wind does: together, and never twice the same.\n\n가야금과 해금, 대금과 장구가 바람처럼 즉흥으로 어우러져요.",
            capacity: 180, opens_in: days(6), starts_in: days(45), batch_size: 10, interval_ms: 1_000,
        },
        Listing {
            title: "여름밤 낭독과 노래", artist: "Park Jiwoo 박지우", genre: Genre::Indie,
            venue: "Seochon Garden Stage, Seoul", running_minutes: 75, price_won: 39_000,
            description: "Songs between two readings, songs inside of them, and tea in the interval.\n\n낭독 사이에 노래가, 노래 사이에 낭독이 있어요. 쉬는 시간에는 차를 드려요.",
            capacity: 110, opens_in: days(9), starts_in: days(70), batch_size: 5, interval_ms: 1_000,
        },
        Listing {
            title: "ORBIT World Tour: Busan", artist: "ORBIT 오르빗", genre: Genre::Pop,
            venue: "Haeundae Dome, Busan", running_minutes: 150, price_won: 165_000,
            description: "The tour comes home. Three stages, a runway over the water, and a sky that answers.\n\n월드 투어의 마지막은 부산이에요. 세 개의 무대와 바다 위의 런웨이가 기다려요.",
            capacity: 8_000, opens_in: days(14), starts_in: days(96), batch_size: 50, interval_ms: 1_000,
        },
        Listing {
            title: "쇼팽 전곡 3: 녹턴", artist: "Han Ji-an 한지안", genre: Genre::Classical,
            venue: "Salon de Yeonhui, Seoul", running_minutes: 85, price_won: 72_000,
            description: "All the nocturnes in one evening, on a piano from 1904.\n\n1904년에 만든 피아노로 녹턴 전곡을 하룻밤에 들려드려요.",
            capacity: 90, opens_in: days(18), starts_in: days(75), batch_size: 5, interval_ms: 1_000,
        },
        Listing {
            title: "Analog Winter", artist: "Cassette Club 카세트클럽", genre: Genre::Electronic,
            venue: "Euljiro Print Hall, Seoul", running_minutes: 105, price_won: 48_000,
            description: "City pop from tapes that were never released, with the people who recorded them.\n\n발매되지 않은 테이프 속 시티팝을, 녹음한 사람들과 함께 들어요.",
            capacity: 350, opens_in: days(21), starts_in: days(66), batch_size: 10, interval_ms: 1_000,
        },
        Listing {
            title: "판소리 다섯 마당, 하나", artist: "Myeong-chang Oh Sora 오소라 명창", genre: Genre::Traditional,
            venue: "Daehangno Madang, Seoul", running_minutes: 180, price_won: 40_000,
            description: "One voice, one drum, three hours: the whole of Chunhyangga, with subtitles in English.\n\n춘향가 완창을 한 자리에서 들어요. 영어 자막이 있어요.",
            capacity: 220, opens_in: days(25), starts_in: days(80), batch_size: 10, interval_ms: 1_000,
        },
        Listing {
            title: "골목의 비트: 서울 사이퍼", artist: "Gyeolgwa & Friends 결과와 친구들", genre: Genre::HipHop,
            venue: "Hapjeong Basement, Seoul", running_minutes: 100, price_won: 49_000,
            description: "Twelve rappers in a ring, one beat at a time, and whoever is next decides what it is about.\n\n열두 명의 래퍼가 둥글게 서서 비트를 이어받아요. 주제는 다음 사람이 정해요.",
            capacity: 450, opens_in: days(-1), starts_in: days(17), batch_size: 2, interval_ms: 4_000,
        },
        Listing {
            title: "광장 콘서트: 모두의 교향악", artist: "Citizens' Orchestra 시민 오케스트라", genre: Genre::Classical,
            venue: "Gwanghwamun Square, Seoul", running_minutes: 70, price_won: 0,
            description: "A hundred amateurs and one conductor, in the open air, for nothing. The ticket keeps your chair.\n\n백 명의 아마추어와 한 명의 지휘자가 함께하는 무료 야외 공연이에요. 티켓은 자리를 위한 거예요.",
            capacity: 2_000, opens_in: days(-2), starts_in: days(9), batch_size: 3, interval_ms: 4_000,
        },
        Listing {
            title: "Sub Bass Temple", artist: "DJ Moro 모로", genre: Genre::Electronic,
            venue: "Sinchon Silo, Seoul", running_minutes: 240, price_won: 35_000,
            description: "Eight speakers as tall as a bus, felt rather than heard. Please bring shoes that can stand it.\n\n버스만 한 스피커 여덟 대. 들리기보다 몸으로 느껴지는 밤이에요.",
            capacity: 700, opens_in: days(-1), starts_in: days(27), batch_size: 2, interval_ms: 5_000,
        },
        Listing {
            title: "가을의 끝에서", artist: "Lee Dahee 이다희", genre: Genre::Pop,
            venue: "Mokdong Hall, Seoul", running_minutes: 95, price_won: 99_000,
            description: "Her ten years on stage, sung through in one evening.\n\n무대에서의 십 년을 하룻밤에 노래했어요.",
            capacity: 800, opens_in: days(-60), starts_in: days(-8), batch_size: 10, interval_ms: 1_000,
        },
    ]
}
