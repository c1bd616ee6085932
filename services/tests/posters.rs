//! Posters: which files are accepted, how they are processed, who may upload, and what remains of
//! old ones.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod support;

use bytes::Bytes;
use chrono::TimeDelta;
use futures::future::try_join_all;
use image::{DynamicImage, GenericImageView, ImageFormat, Rgb, RgbImage, Rgba, RgbaImage};
use model::accounts::Role;
use model::concerts::ConcertId;
use model::posters::{MOST_BYTES, MOST_PIXELS, UploadedPoster};
use model::{Field, Problem, ProblemKind, Refusal};
use services::posters::{self, GRACE, MOST_UPLOADS};
use services::sessions::Session;
use services::{Result, concerts};
use std::io::Cursor;
use support::{World, another_server, session, world};

const NOT_A_PICTURE: ProblemKind = ProblemKind::NotAPicture;
const TOO_MANY_PIXELS: ProblemKind = ProblemKind::TooManyPixels { most: MOST_PIXELS };

/// A world with one concert, whose poster is uploaded and viewed.
struct Wall {
    world: World,
    by: Session,
    concert: ConcertId,
}

async fn wall() -> Wall {
    let world = world().await;
    let by = world.organiser("mina").await;
    let concert = concerts::create(&world.services, &by, world.details())
        .await
        .unwrap();
    Wall {
        concert: concert.id,
        world,
        by,
    }
}

impl Wall {
    /// Uploads a file. Advances the clock first, so that the limit on uploads never applies.
    async fn upload(&self, file: Vec<u8>) -> Result<UploadedPoster> {
        self.world.clock.advance(TimeDelta::seconds(5));
        let services = &self.world.services;
        let upload = posters::begin(services, &self.by, self.concert).await?;
        upload.store(services, Bytes::from(file)).await
    }

    async fn refused(&self, file: Vec<u8>) -> ProblemKind {
        match self.upload(file).await.unwrap_err().refusal() {
            Refusal::Invalid { problems } => match problems[..] {
                [
                    Problem {
                        field: Field::Poster,
                        kind,
                    },
                ] => kind,
                ref other => panic!("{other:?}"),
            },
            other => panic!("{other:?}"),
        }
    }

    async fn shown(&self) -> Option<UploadedPoster> {
        let concert = concerts::find(&self.world.services, self.concert).await;
        concert.unwrap().poster
    }

    async fn jpeg(&self, poster: &UploadedPoster, width: u32) -> Bytes {
        posters::picture(&self.world.services, self.concert, poster.hash(), width)
            .await
            .unwrap()
    }

    /// Returns the poster in its widest version, decoded.
    async fn seen(&self, poster: &UploadedPoster) -> RgbImage {
        let jpeg = self.jpeg(poster, poster.widest()).await;
        image::load_from_memory(&jpeg).unwrap().into_rgb8()
    }
}

fn file(picture: &DynamicImage, format: ImageFormat) -> Vec<u8> {
    let mut file = Vec::new();
    picture
        .write_to(&mut Cursor::new(&mut file), format)
        .unwrap();
    file
}

/// Returns a picture of one colour.
fn plain(width: u32, height: u32, colour: [u8; 3]) -> DynamicImage {
    RgbImage::from_pixel(width, height, Rgb(colour)).into()
}

/// Returns a JPEG with the metadata of a camera: its orientation and its location.
fn from_a_camera(picture: &DynamicImage, orientation: u8) -> Vec<u8> {
    let mut exif = b"Exif\0\0II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0".to_vec();
    exif.extend([orientation, 0, 0, 0, 0, 0, 0, 0]);
    exif.extend(b"37.5172N 126.9568E, at home");
    let jpeg = file(picture, ImageFormat::Jpeg);
    let mut taken = vec![0xFF, 0xD8, 0xFF, 0xE1];
    taken.extend(u16::try_from(exif.len() + 2).unwrap().to_be_bytes());
    taken.extend(exif);
    taken.extend(&jpeg[2..]);
    taken
}

fn differ(a: &RgbImage, b: &RgbImage) -> u64 {
    assert_eq!(a.dimensions(), b.dimensions());
    let sum: u64 = a
        .as_raw()
        .iter()
        .zip(b.as_raw())
        .map(|(a, b)| u64::from(a.abs_diff(*b)))
        .sum();
    sum / a.as_raw().len() as u64
}

#[tokio::test]
async fn a_poster_is_shown_in_every_width_it_is_large_enough_for() {
    let wall = wall().await;
    assert_eq!(wall.shown().await, None);
    for (side, widest) in [
        (320, 320),
        (900, 640),
        (1279, 960),
        (1280, 1280),
        (2000, 1280),
    ] {
        let poster = wall
            .upload(file(
                &plain(side, side + 200, [200, 40, side as u8]),
                ImageFormat::Png,
            ))
            .await
            .unwrap();
        assert_eq!(wall.shown().await.as_ref(), Some(&poster));
        assert_eq!(poster.widest(), widest);
        for width in poster.widths() {
            let jpeg = wall.jpeg(&poster, width).await;
            assert_eq!(image::guess_format(&jpeg).unwrap(), ImageFormat::Jpeg);
            let picture = image::load_from_memory(&jpeg).unwrap();
            assert_eq!(picture.dimensions(), (width, width));
        }
        let wider = widest + 320;
        let none = posters::picture(&wall.world.services, wall.concert, poster.hash(), wider).await;
        assert_eq!(none.unwrap_err().refusal(), Refusal::NotFound);
    }
}

#[tokio::test]
async fn what_a_file_is_its_content_says() {
    let wall = wall().await;
    let picture = plain(400, 400, [10, 120, 60]);
    for format in [ImageFormat::Png, ImageFormat::Jpeg, ImageFormat::WebP] {
        let poster = wall.upload(file(&picture, format)).await.unwrap();
        let seen = wall.seen(&poster).await;
        assert!(differ(&seen, &plain(320, 320, [10, 120, 60]).into_rgb8()) < 4);
    }
    let gif =
        b"GIF89a\x01\0\x01\0\x80\0\0\0\0\0\xFF\xFF\xFF,\0\0\0\0\x01\0\x01\0\0\x02\x02D\x01\0;";
    let hostile: [&[u8]; 8] = [
        b"",
        b"<html><script>alert(1)</script>",
        b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>",
        b"<?xml version='1.0'?><!DOCTYPE svg [<!ENTITY a 'b'>]><svg/>",
        gif,
        b"BM\x3e\0\0\0\0\0\0\0\x3e\0\0\0",
        b"%PDF-1.7",
        b"\xFF\xD8\xFF\xD9",
    ];
    let before = wall.shown().await;
    for content in hostile {
        assert_eq!(
            wall.refused(content.to_vec()).await,
            NOT_A_PICTURE,
            "{content:?}"
        );
    }
    assert_eq!(wall.shown().await, before);
}

#[tokio::test]
async fn a_small_file_of_a_huge_picture_is_refused_before_it_is_unpacked() {
    let wall = wall().await;
    // The first one would be 4 GB of one colour when decoded.
    for (width, height) in [
        (32_000_u32, 32_000_u32),
        (8_000, 8_000),
        (20_000, 400),
        (400, u32::MAX),
    ] {
        let mut png = file(&plain(4, 4, [0; 3]), ImageFormat::Png);
        png[16..20].copy_from_slice(&width.to_be_bytes());
        png[20..24].copy_from_slice(&height.to_be_bytes());
        let checksum = crc32(&png[12..29]);
        png[29..33].copy_from_slice(&checksum.to_be_bytes());
        let kind = wall.refused(png).await;
        assert!(matches!(kind, TOO_MANY_PIXELS | NOT_A_PICTURE), "{kind:?}");
    }
    let most = MOST_BYTES as usize;
    let mut long = file(&plain(400, 400, [9; 3]), ImageFormat::Jpeg);
    long.resize(most, 0);
    assert!(wall.upload(long.clone()).await.is_ok());
    long.push(0);
    assert_eq!(
        wall.refused(long).await,
        ProblemKind::TooManyBytes { most: MOST_BYTES }
    );
    let small = file(&plain(319, 2000, [9; 3]), ImageFormat::Png);
    assert_eq!(
        wall.refused(small).await,
        ProblemKind::TooFewPixels { least: 320 }
    );
}

/// Returns the CRC-32 as PNG defines it.
fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(u32::MAX, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| {
            (crc >> 1) ^ if crc & 1 == 1 { 0xEDB8_8320 } else { 0 }
        })
    })
}

#[tokio::test]
async fn however_the_camera_was_held_the_poster_is_upright_and_says_nothing_of_the_camera() {
    let wall = wall().await;
    // Taller than wide, all corners different, and darker towards the bottom.
    let upright: DynamicImage = RgbImage::from_fn(400, 900, |x, y| {
        Rgb([(255 - y * 255 / 900) as u8, (x * 255 / 400) as u8, 60])
    })
    .into();
    let as_stored = [
        (1, upright.clone()),
        (2, upright.fliph()),
        (3, upright.rotate180()),
        (4, upright.flipv()),
        (5, upright.fliph().rotate270()),
        (6, upright.rotate270()),
        (7, upright.fliph().rotate90()),
        (8, upright.rotate90()),
    ];
    let first = wall
        .upload(from_a_camera(&as_stored[0].1, 1))
        .await
        .unwrap();
    let first = wall.seen(&first).await;
    // Of the 500 rows that are cropped, a third is cropped at the top.
    let (top, bottom) = (first.get_pixel(160, 0)[0], first.get_pixel(160, 319)[0]);
    assert!(
        top.abs_diff(208) < 8 && bottom.abs_diff(95) < 8,
        "{top} {bottom}"
    );
    for (orientation, stored) in as_stored {
        let taken = from_a_camera(&stored, orientation);
        let poster = wall.upload(taken).await.unwrap();
        assert!(
            differ(&first, &wall.seen(&poster).await) < 6,
            "{orientation}"
        );
        let jpeg = wall.jpeg(&poster, 320).await;
        for said in [&b"Exif"[..], b"at home", b"37.5172N"] {
            assert!(!jpeg.windows(said.len()).any(|bytes| bytes == said));
        }
    }
}

#[tokio::test]
async fn what_is_transparent_is_white() {
    let wall = wall().await;
    let glass = RgbaImage::from_fn(400, 400, |x, _| match x < 200 {
        true => Rgba([0, 0, 0, 0]),
        false => Rgba([0, 0, 0, 255]),
    });
    let poster = wall
        .upload(file(&glass.into(), ImageFormat::Png))
        .await
        .unwrap();
    let seen = wall.seen(&poster).await;
    assert!(seen.get_pixel(20, 160)[0] > 245 && seen.get_pixel(300, 160)[0] < 10);
}

#[tokio::test]
async fn only_who_may_edit_the_concert() {
    let wall = wall().await;
    let services = &wall.world.services;
    let other = wall.world.organiser("other").await;
    let user = session(wall.by.account_id.0, Role::User);
    let admin = session(other.account_id.0, Role::Admin);
    for by in [&other, &user] {
        let refused = posters::begin(services, by, wall.concert)
            .await
            .err()
            .unwrap();
        assert_eq!(refused.refusal(), Refusal::Forbidden);
        let refused = posters::remove(services, by, wall.concert)
            .await
            .unwrap_err();
        assert_eq!(refused.refusal(), Refusal::Forbidden);
    }
    let nowhere = posters::begin(services, &admin, ConcertId(99_999)).await;
    assert_eq!(nowhere.err().unwrap().refusal(), Refusal::NotFound);
    let upload = posters::begin(services, &admin, wall.concert)
        .await
        .unwrap();
    let png = file(&plain(400, 400, [1; 3]), ImageFormat::Png);
    upload.store(services, png.into()).await.unwrap();
    posters::remove(services, &wall.by, wall.concert)
        .await
        .unwrap();
    assert_eq!(wall.shown().await, None);
}

#[tokio::test]
async fn the_old_poster_stays_for_a_while_and_is_purged_then() {
    let wall = wall().await;
    let (world, concert) = (&wall.world, wall.concert);
    let mut hung = Vec::new();
    for shade in [10, 90, 170] {
        let png = file(&plain(700, 700, [shade; 3]), ImageFormat::Png);
        hung.push(wall.upload(png).await.unwrap());
    }
    let there = async |poster: &UploadedPoster| {
        // A server with an empty cache.
        let fresh = another_server(&world.stores, &world.clock).await;
        posters::picture(&fresh, concert, poster.hash(), 640)
            .await
            .is_ok()
    };
    for poster in &hung {
        assert!(there(poster).await);
    }
    assert_eq!(posters::purge(&world.services).await.unwrap(), 0);
    world.clock.advance(GRACE + TimeDelta::minutes(1));
    // Uploaded again, it is no longer an old poster.
    let again = file(&plain(700, 700, [10; 3]), ImageFormat::Png);
    assert_eq!(wall.upload(again).await.unwrap(), hung[0]);
    // Two widths of the poster before the last one.
    assert_eq!(posters::purge(&world.services).await.unwrap(), 2);
    assert!(there(&hung[0]).await && !there(&hung[1]).await && there(&hung[2]).await);

    posters::remove(&world.services, &wall.by, concert)
        .await
        .unwrap();
    assert_eq!(wall.shown().await, None);
    world.clock.advance(GRACE + TimeDelta::minutes(1));
    assert_eq!(posters::purge(&world.services).await.unwrap(), 4);
    assert!(!there(&hung[0]).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_posters_that_come_at_once_one_is_shown_and_the_others_are_retired() {
    let wall = wall().await;
    let services = &wall.world.services;
    let (by, concert) = (&wall.by, wall.concert);
    let uploads = (0..MOST_UPLOADS as u8).map(|shade| async move {
        let upload = posters::begin(services, by, concert).await?;
        let png = file(&plain(400, 400, [shade * 50; 3]), ImageFormat::Png);
        upload.store(services, png.into()).await
    });
    let stored = try_join_all(uploads).await.unwrap();
    let shown = wall.shown().await.unwrap();
    assert!(stored.contains(&shown));
    let hung: Vec<String> =
        sqlx::query_scalar("SELECT DISTINCT hash FROM posters WHERE retired_at IS NULL")
            .fetch_all(&services.db)
            .await
            .unwrap();
    assert_eq!(hung, [shown.hash()]);
}

#[tokio::test]
async fn there_is_an_end_to_uploads() {
    let wall = wall().await;
    let services = &wall.world.services;
    let begin = async || posters::begin(services, &wall.by, wall.concert).await;
    let mut held = Vec::new();
    for _ in 0..MOST_UPLOADS {
        held.push(begin().await.unwrap());
    }
    let full = begin().await.err().unwrap().refusal();
    assert_eq!(full, Refusal::TooManyRequests { retry_after_s: 5 });
    held.pop();
    held.push(begin().await.unwrap());
    drop(held);
    // Twenty at once, then one every three seconds.
    let mut begun = 0;
    while begin().await.is_ok() {
        begun += 1;
        assert!(begun < 30);
    }
    wall.world.clock.advance(TimeDelta::seconds(4));
    assert!(begin().await.is_ok());
}
