//! Texts in a drawing, which knows no lines: where they break, and how large they can be.
//!
//! Widths are estimates on the wide side, in ems: a drawing has room to spare rather than words cut off.

/// The text in lines no wider than `width` ems, broken between words where that is possible.
pub fn wrap(text: &str, width: f32) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    let mut line = String::new();
    for word in text.split_whitespace() {
        let longer = match line.is_empty() {
            true => word.to_owned(),
            false => format!("{line} {word}"),
        };
        if ems(&longer) <= width {
            line = longer;
            continue;
        }
        if !line.is_empty() {
            lines.push(std::mem::take(&mut line));
        }
        for character in word.chars() {
            if !line.is_empty() && ems(&line) + em(character) > width {
                lines.push(std::mem::take(&mut line));
            }
            line.push(character);
        }
    }
    if !line.is_empty() {
        lines.push(line);
    }
    lines
}

/// The text as large as it fits, of these sizes, into a width and a number of lines for each; if it fits in none, as much
/// of it as the last one holds.
pub fn set(text: &str, width: f32, sizes: &[(f32, usize)]) -> (f32, Vec<String>) {
    let mut last = (0.0, Vec::new());
    for (size, most) in sizes {
        let mut lines = wrap(text, width / size);
        if lines.len() <= *most {
            return (*size, balanced(text, width / size, lines));
        }
        lines.truncate(*most);
        if let Some(line) = lines.last_mut() {
            shorten(line, width / size);
        }
        last = (*size, lines);
    }
    last
}

/// The same number of lines, as even as they get: no word alone on the last one.
fn balanced(text: &str, width: f32, lines: Vec<String>) -> Vec<String> {
    let narrower = (1..=16).map(|step| wrap(text, width * (1.0 - 0.03 * step as f32)));
    let even = narrower.take_while(|narrow| narrow.len() == lines.len());
    even.last().unwrap_or(lines)
}

/// Says that the text goes on.
fn shorten(line: &mut String, width: f32) {
    while ems(line) + em('…') > width && line.pop().is_some() {}
    line.truncate(line.trim_end().len());
    line.push('…');
}

fn ems(text: &str) -> f32 {
    text.chars().map(em).sum()
}

fn em(character: char) -> f32 {
    match character {
        ' ' | '.' | ',' | ':' | ';' | '\'' | '|' | '!' | 'i' | 'j' | 'l' | 'I' => 0.32,
        'm' | 'w' | 'M' | 'W' | '@' | '%' | '—' => 0.98,
        'A'..='Z' | '0'..='9' | '&' | '+' | '=' | '~' => 0.7,
        '\u{0}'..='\u{2ff}' => 0.59,
        '\u{300}'..='\u{10ff}' | '\u{1e00}'..='\u{20ff}' => 0.8,
        '가'..='힣' => 0.9,
        // Han, Kana and whatever else.
        _ => 1.0,
    }
}

/// Without pictures that stand for words, which our fonts have no shapes for.
pub fn lettered(text: &str) -> String {
    let picture = |c| matches!(c, '\u{200b}'..='\u{200f}' | '\u{2600}'..='\u{27bf}' | '\u{fe00}'..='\u{fe0f}' | '\u{1f000}'..='\u{1faff}' | '\u{e0000}'..='\u{e01ef}');
    let kept: String = text.chars().filter(|c| !picture(*c)).collect();
    kept.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXTS: [&str; 6] = [
        "한강, 불이 꺼지면",
        "Symphony Orchestra of the Extraordinarily Long Name and Friends",
        "가나다라마바사아자차카타파하가나다라마바사아자차카타파하",
        "a",
        "",
        "WWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWW i",
    ];

    #[test]
    fn nothing_is_lost_and_nothing_is_too_wide() {
        for text in TEXTS {
            for width in [3.0, 7.5, 12.0] {
                let lines = wrap(text, width);
                assert!(lines.iter().all(|line| ems(line) <= width), "{lines:?}");
                let letters = |text: &str| text.split_whitespace().collect::<String>();
                assert_eq!(letters(&lines.concat()), letters(text));
            }
        }
        assert_eq!(
            wrap("first come, first served", 8.0),
            ["first come,", "first served"]
        );
    }

    #[test]
    fn a_title_is_as_large_as_it_fits() {
        let sizes = [(80.0, 2), (40.0, 3)];
        assert_eq!(
            set("브람스, 겨울의 끝", 512.0, &sizes).1,
            ["브람스,", "겨울의 끝"]
        );
        assert_eq!(set("봄밤", 500.0, &sizes), (80.0, vec!["봄밤".to_owned()]));
        assert_eq!(set("가".repeat(20).as_str(), 500.0, &sizes).0, 40.0);
        let (size, lines) = set(&"가나 다라".repeat(30), 500.0, &sizes);
        assert_eq!((size, lines.len()), (40.0, 3));
        assert!(lines[2].ends_with('…') && ems(&lines[2]) * size <= 500.0);
    }

    #[test]
    fn pictures_are_no_letters() {
        assert_eq!(lettered("🎸 Rock ❤\u{fe0f} 록"), "Rock 록");
    }
}
