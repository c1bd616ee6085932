//! Folders that stay readable when the process becomes an account that may not pass through those above them: a checkout in
//! root's home, say.

use anyhow::{Context, Result};
use std::fs::{self, File};
use std::os::fd::IntoRawFd;
use std::path::PathBuf;

/// A folder that was opened before the process changed its account.
pub struct Held {
    path: PathBuf,
    folder: Option<File>,
}

impl Held {
    pub fn open(path: PathBuf) -> Held {
        let folder = File::open(&path).ok();
        Held { path, folder }
    }

    /// Its path where that leads to it, else one by which this process alone has it, for as long as it runs.
    pub fn within_reach(self) -> Result<PathBuf> {
        let Err(error) = fs::metadata(self.path.join(".")) else {
            return Ok(self.path);
        };
        let unreadable = || {
            let path = self.path.display();
            format!("the account that it runs as (--user) cannot read the folder {path}")
        };
        let folder = self.folder.ok_or(error).with_context(unreadable)?;
        let held = PathBuf::from(format!("/proc/self/fd/{}", folder.into_raw_fd()));
        fs::metadata(held.join(".")).with_context(unreadable)?;
        Ok(held)
    }
}
