//! Passwords for the command line, without exposing them in `ps`.

use anyhow::{Context, Result, ensure};
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

/// Maximum bytes to read, far more than a password may have.
const PASSWORD_MAX: u64 = 4096;

/// Returns the first line of the file, or of standard input if the file is `-`. Without a file it
/// returns `given`.
pub fn given(file: Option<&PathBuf>, given: Option<String>) -> Result<Option<String>> {
    let Some(file) = file else {
        return Ok(given);
    };
    let line = match file == Path::new("-") {
        true => first_line(io::stdin().lock()),
        false => File::open(file).and_then(first_line),
    };
    let line = line.with_context(|| format!("--password-file {}", file.display()))?;
    ensure!(
        !line.is_empty(),
        "--password-file {} has no password in its first line",
        file.display()
    );
    Ok(Some(line))
}

fn first_line(from: impl Read) -> io::Result<String> {
    let mut line = String::new();
    BufReader::new(from.take(PASSWORD_MAX)).read_line(&mut line)?;
    let end = line.trim_end_matches(['\r', '\n']).len();
    line.truncate(end);
    Ok(line)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_line_without_its_end_is_the_password() {
        for (text, password) in [
            ("long passphrase\n", "long passphrase"),
            ("long passphrase\r\nmore", "long passphrase"),
            (" spaces count ", " spaces count "),
            ("", ""),
        ] {
            assert_eq!(first_line(text.as_bytes()).unwrap(), password);
        }
    }
}
