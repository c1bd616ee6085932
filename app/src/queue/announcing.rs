//! Announcements of a moving place for screen readers: only changes, one at a time, and with a
//! pause between two of them.

use super::words::QueueWords;

/// Milliseconds between two announcements.
const PAUSE: f64 = 15_000.0;

/// What can change, as text where there is one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct News {
    /// Rank of a place that waits.
    pub rank: Option<u64>,
    /// What the rank is worth now.
    pub note: Option<&'static str>,
    /// What is wrong with the connection to the server.
    pub line: Option<&'static str>,
    /// Why the place does not wait any more.
    pub end: Option<&'static str>,
}

#[derive(Debug, PartialEq)]
pub(super) enum Due {
    /// Nothing that is not known already.
    Nothing,
    Say(String),
    /// Call again after this many milliseconds; the newest state is then announced.
    Later(f64),
}

/// What was announced last, and when.
#[derive(Clone, Copy, Debug)]
pub(super) struct Announcements {
    known: News,
    said_at: f64,
}

impl Announcements {
    /// `news` is what the page shows from the start, which screen readers read as part of the page.
    pub fn new(now: f64, news: News) -> Announcements {
        Announcements {
            known: news,
            said_at: now,
        }
    }

    /// Returns what to announce at `now`, in milliseconds. A place that was just taken is announced
    /// at once, because the user is waiting for it.
    pub fn hear(&mut self, now: f64, news: News, words: &QueueWords) -> Due {
        let before = self.known;
        if news == before {
            return Due::Nothing;
        }
        let taken = before.rank.is_none() && news.rank.is_some();
        let left = self.said_at + PAUSE - now;
        if left > 0.0 && !taken {
            return Due::Later(left);
        }
        (self.known, self.said_at) = (news, now);
        let Some(rank) = news.rank else {
            // The place is not followed any more, so the note and the connection do not matter.
            return match news.end {
                Some(end) => Due::Say(end.to_owned()),
                None => Due::Nothing,
            };
        };
        let moved = (news.rank, news.note) != (before.rank, before.note);
        let mut said = String::new();
        let mut add = |sentence: &str| {
            if !said.is_empty() {
                said.push(' ');
            }
            said.push_str(sentence);
        };
        // When the connection is back, the rank is announced even if it did not change.
        if moved || news.line.is_none() {
            add(&(words.announce_rank)(rank));
        }
        for (new, old) in [(news.note, before.note), (news.line, before.line)] {
            if let Some(sentence) = new.filter(|_| new != old) {
                add(sentence);
            }
        }
        Due::Say(said)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::i18n::Locale;

    fn waiting(rank: u64) -> News {
        News {
            rank: Some(rank),
            ..News::default()
        }
    }

    fn words() -> &'static QueueWords {
        QueueWords::of(Locale::English)
    }

    fn said(said: &str) -> Due {
        Due::Say(said.to_owned())
    }

    #[test]
    fn changes_are_said_once_in_fifteen_seconds_and_the_newest_is_not_lost() {
        let mut announcements = Announcements::new(0.0, waiting(9));
        let mut hear = |now, news| announcements.hear(now, news, words());
        assert_eq!(hear(20_000.0, waiting(9)), Due::Nothing);
        assert_eq!(
            hear(21_000.0, waiting(8)),
            said("You are number 8. 7 people ahead of you.")
        );
        assert_eq!(hear(22_000.0, waiting(7)), Due::Later(14_000.0));
        assert_eq!(hear(35_999.0, waiting(5)), Due::Later(1.0));
        // The rank has not changed since the last call, but that change is still to be announced.
        assert_eq!(
            hear(36_000.0, waiting(5)),
            said("You are number 5. 4 people ahead of you.")
        );
        assert_eq!(hear(80_000.0, waiting(5)), Due::Nothing);
    }

    #[test]
    fn what_the_rank_is_worth_is_said_when_it_changes() {
        let words = words();
        let mut announcements = Announcements::new(0.0, waiting(3));
        let mut hear = |now, news| announcements.hear(now, news, words);
        let paused = News {
            note: Some(words.paused_note),
            ..waiting(3)
        };
        let expected = format!(
            "You are number 3. 2 people ahead of you. {}",
            words.paused_note
        );
        assert_eq!(hear(20_000.0, paused), said(&expected));
        let moved = News {
            rank: Some(2),
            ..paused
        };
        assert_eq!(
            hear(40_000.0, moved),
            said("You are number 2. 1 person ahead of you.")
        );
        let ended = News {
            end: Some(words.expired_heading),
            ..News::default()
        };
        assert_eq!(hear(60_000.0, ended), said(words.expired_heading));
    }

    #[test]
    fn a_line_that_drops_is_said_and_the_rank_when_it_is_back() {
        let words = words();
        let mut announcements = Announcements::new(0.0, waiting(3));
        let dropped = News {
            line: Some(words.reconnecting),
            ..waiting(3)
        };
        let mut hear = |now, news| announcements.hear(now, news, words);
        // The connection is back before its loss was announced, so nothing is announced.
        assert_eq!(hear(1_000.0, dropped), Due::Later(14_000.0));
        assert_eq!(hear(15_000.0, waiting(3)), Due::Nothing);
        assert_eq!(hear(16_000.0, dropped), said(words.reconnecting));
        assert_eq!(
            hear(40_000.0, waiting(3)),
            said("You are number 3. 2 people ahead of you.")
        );
    }

    #[test]
    fn what_changes_while_the_line_is_away_is_not_lost() {
        let words = words();
        let mut announcements = Announcements::new(0.0, waiting(3));
        let mut hear = |now, news| announcements.hear(now, news, words);
        let dropped = News {
            rank: Some(2),
            note: Some(words.paused_note),
            line: Some(words.reconnecting),
            end: None,
        };
        let rank = "You are number 2. 1 person ahead of you.";
        let all = format!("{rank} {} {}", words.paused_note, words.reconnecting);
        assert_eq!(hear(20_000.0, dropped), said(&all));
        // The sale ends, or the ticket is issued, with the first message on the new connection.
        let ended = News {
            end: Some(words.expired_heading),
            line: Some(words.polling),
            ..News::default()
        };
        assert_eq!(hear(40_000.0, ended), said(words.expired_heading));
        let issued = News { end: None, ..ended };
        assert_eq!(hear(60_000.0, issued), Due::Nothing);
    }

    #[test]
    fn a_place_that_was_just_taken_is_said_at_once() {
        let mut announcements = Announcements::new(0.0, News::default());
        assert_eq!(
            announcements.hear(1_000.0, waiting(1), words()),
            said("You are number 1. Nobody is ahead of you.")
        );
    }
}
