//! Folders that remain readable when the process steps down to an account that may not traverse
//! their parents, such as a checkout in root's home.

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

    /// Returns its path if the new account can reach it, else a path that is valid only in this
    /// process, until it exits.
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
