//! Chooses the mask of a QR code among the eight (ISO/IEC 18004, 7.8.3): the one with the lowest
//! penalty, as `qrcode` chooses it.
//!
//! That crate reads modules one by one, which takes 1.6 ms for one of our codes and was most of a
//! ticket's page. Here a line of modules is a number, and its bits are processed at once. A test
//! checks that both make the same choice.

use qrcode::Color;
use qrcode::canvas::{Canvas, MaskPattern};

/// Upper bound on modules per side, one bit each: up to version 27.
pub(super) const WIDTH_MAX: usize = 128;

const MASKS: [MaskPattern; 8] = [
    MaskPattern::Checkerboard,
    MaskPattern::HorizontalLines,
    MaskPattern::VerticalLines,
    MaskPattern::DiagonalLines,
    MaskPattern::LargeCheckerboard,
    MaskPattern::Fields,
    MaskPattern::Diamonds,
    MaskPattern::Meadow,
];

/// Returns the modules of the canvas under the best mask, row by row, for a code at most
/// [`WIDTH_MAX`] wide.
pub(super) fn masked(canvas: &Canvas, width: usize) -> Vec<Color> {
    let masked = MASKS.into_iter().map(|mask| {
        let mut canvas = canvas.clone();
        canvas.apply_mask(mask);
        canvas.into_colors()
    });
    let best = masked.min_by_key(|colors| penalty(colors, width));
    best.unwrap_or_default()
}

/// Returns the penalty, without a part that is the same for all masks.
fn penalty(colors: &[Color], width: usize) -> u32 {
    let (mut rows, mut columns) = (vec![0u128; width], vec![0u128; width]);
    let mut dark = 0;
    for (y, row) in colors.chunks(width).enumerate() {
        for (x, color) in row.iter().enumerate() {
            if *color == Color::Dark {
                rows[y] |= 1 << x;
                columns[x] |= 1 << y;
                dark += 1;
            }
        }
    }
    let lines = rows.iter().chain(&columns);
    let runs: u32 = lines
        .map(|line| of_runs(*line, width) + of_finders(*line, width))
        .sum();
    let blocks: u32 = rows
        .windows(2)
        .map(|two| of_blocks(two[0], two[1], width))
        .sum();
    let balance = (dark * 200 / colors.len()).abs_diff(100) as u32;
    runs + blocks + balance
}

/// Returns the lowest `n` bits.
fn low(n: usize) -> u128 {
    u128::MAX.checked_shr((WIDTH_MAX - n) as u32).unwrap_or(0)
}

/// Returns the positions where a module is followed by one of the same colour.
fn alike(line: u128, width: usize) -> u128 {
    !(line ^ (line >> 1)) & low(width - 1)
}

/// Scores 3 for five modules of one colour in a row, and 1 for each further one.
fn of_runs(line: u128, width: usize) -> u32 {
    let alike = alike(line, width);
    let fives = alike & (alike >> 1) & (alike >> 2) & (alike >> 3);
    let first = fives & !(fives << 1);
    fives.count_ones() + 2 * first.count_ones()
}

/// Scores 3 for each square of four modules of one colour.
fn of_blocks(line: u128, next: u128, width: usize) -> u32 {
    3 * (alike(line, width) & alike(next, width) & !(line ^ next)).count_ones()
}

/// Scores 40 for each pattern like a finder pattern, with four light modules before or behind it.
fn of_finders(line: u128, width: usize) -> u32 {
    let at = |n: u32| line >> n;
    let mut found = line & !at(1) & at(2) & at(3) & at(4) & !at(5) & at(6) & low(width - 6);
    let mut penalty = 0;
    while found != 0 {
        let place = found.trailing_zeros() as usize;
        found &= found - 1;
        let before = line & low(place) & !low(place.saturating_sub(4));
        let behind = line & low((place + 11).min(width)) & !low((place + 7).min(width));
        if before == 0 || behind == 0 {
            penalty += 40;
        }
    }
    penalty
}
