//! The data directory and what is in it: ours alone.

use crate::account::Account;
use anyhow::{Context, Result, bail, ensure};
use nix::dir::Dir;
use nix::errno::Errno;
use nix::fcntl::{AtFlags, OFlag};
use nix::sys::stat::{Mode, SFlag, fstatat};
use nix::unistd::{Uid, fchownat};
use std::fs::{self, DirBuilder, File, OpenOptions, Permissions};
use std::io;
use std::os::fd::AsFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt, chown};
use std::path::{Path, PathBuf};

const OWN_FOLDER: u32 = 0o700;
const OWN_FILE: u32 = 0o600;
const OTHERS: u32 = 0o077;

/// What is put into a data directory, by this release and those before it.
const CONTENTS: [&str; 10] = [
    "demo-admin-password",
    "lock",
    "postgres",
    "postgres.log",
    "postgres.unfinished",
    "redis",
    "redis.log",
    "run",
    SOCKETS_ELSEWHERE,
    "token-secret",
];
/// Says where the sockets are when they are not in the data directory.
const SOCKETS_ELSEWHERE: &str = "run.elsewhere";
/// A new disk is not empty.
const LOST_AND_FOUND: &str = "lost+found";

/// Bytes of a folder's path under which a socket's address is not too long (about 100 bytes).
const SOCKETS_PATH_MAX: usize = 80;

/// Makes the data directory, or sees to it that one that is there belongs to us and has mode 0700; returns its real path.
///
/// As root it is given to `account`, with what an older release has made in it. Fails when it belongs to another account, when
/// the way to it is another account's symlink, or when it is a folder that is used for something else.
pub fn prepare(dir: &Path, account: Option<&Account>) -> Result<PathBuf> {
    refuse_strange_link(dir)?;
    make(dir, account).with_context(|| format!("cannot make {}", dir.display()))?;
    let dir = dir.canonicalize()?;
    let folder = fs::metadata(&dir)?;
    let (us, owner) = (Uid::effective(), Uid::from_raw(folder.uid()));
    ensure!(
        owner == us || owner.is_root() || account.is_some_and(|account| account.uid == owner),
        "{} belongs to another account ({owner})",
        dir.display()
    );
    refuse_other_use(&dir)?;
    if let Some(account) = account {
        hand_over(&dir, account).with_context(|| format!("cannot give {}", dir.display()))?;
    }
    let mode = folder.permissions().mode() & 0o7777;
    if owner == us || us.is_root() {
        if mode & OTHERS != 0 {
            fs::set_permissions(&dir, Permissions::from_mode(OWN_FOLDER))?;
            tracing::info!(dir = %dir.display(), mode = %format!("{mode:04o}"), "data directory closed to others");
        }
        close_files(&dir)?;
    } else {
        // A volume of a container may belong to root and be ours by its group.
        ensure!(
            mode & 0o002 == 0,
            "{} is root's, and anybody may write to it",
            dir.display()
        );
        tracing::warn!(dir = %dir.display(), mode = %format!("{mode:04o}"), "data directory is root's and open to its group");
    }
    Ok(dir)
}

/// A folder in the data directory that belongs to the account that runs the stores, created when missing.
pub fn own(path: &Path, account: Option<&Account>) -> Result<()> {
    match DirBuilder::new().mode(OWN_FOLDER).create(path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
        made => made.with_context(|| format!("cannot make {}", path.display()))?,
    }
    let folder = fs::symlink_metadata(path)?;
    ensure!(
        folder.is_dir(),
        "{} is a link or a file, and should be a folder",
        path.display()
    );
    let us = Uid::effective();
    let owner = Uid::from_raw(folder.uid());
    ensure!(
        owner == us || account.is_some_and(|account| account.uid == owner),
        "{} belongs to another account ({owner})",
        path.display()
    );
    if let Some(account) = account {
        chown(path, Some(account.uid.as_raw()), Some(account.gid.as_raw()))?;
    }
    fs::set_permissions(path, Permissions::from_mode(OWN_FOLDER))?;
    Ok(())
}

/// To be added to or made, by us alone, and not through a link.
pub fn open_file(path: &Path) -> Result<File> {
    OpenOptions::new()
        .create(true)
        .append(true)
        .mode(OWN_FILE)
        .custom_flags(OFlag::O_NOFOLLOW.bits())
        .open(path)
        .with_context(|| format!("cannot write {}", path.display()))
}

/// The folder for the sockets, made: `run` in the data directory. Where that path is too long for a socket's address it is a
/// new folder with a random name, which the data directory remembers.
pub fn make_sockets(dir: &Path, account: Option<&Account>) -> Result<PathBuf> {
    if let Some(sockets) = sockets(dir)
        && (sockets.starts_with(dir) || own(&sockets, account).is_ok())
    {
        own(&sockets, account)?;
        return Ok(sockets);
    }
    let sockets = tempfile::Builder::new()
        .prefix("frontrow-")
        .tempdir()?
        .keep();
    own(&sockets, account)?;
    let record = dir.join(SOCKETS_ELSEWHERE);
    let _ = fs::remove_file(&record);
    fs::write(&record, sockets.as_os_str().as_bytes())?;
    fs::set_permissions(&record, Permissions::from_mode(OWN_FILE))?;
    if let Some(account) = account {
        chown(
            &record,
            Some(account.uid.as_raw()),
            Some(account.gid.as_raw()),
        )?;
    }
    Ok(sockets)
}

/// Where the sockets of a data directory are. None: in a folder that has not been made yet.
pub fn sockets(dir: &Path) -> Option<PathBuf> {
    let inside = dir.join("run");
    if inside.as_os_str().len() <= SOCKETS_PATH_MAX {
        return Some(inside);
    }
    let elsewhere = PathBuf::from(fs::read_to_string(dir.join(SOCKETS_ELSEWHERE)).ok()?);
    // A removed folder may have been created again by another account.
    let folder = fs::symlink_metadata(&elsewhere).ok()?;
    let owner = fs::metadata(dir).ok()?.uid();
    let ours = folder.is_dir()
        && (folder.uid() == owner || folder.uid() == Uid::effective().as_raw())
        && folder.permissions().mode() & OTHERS == 0;
    ours.then_some(elsewhere)
}

fn refuse_strange_link(dir: &Path) -> Result<()> {
    let Ok(found) = fs::symlink_metadata(dir) else {
        return Ok(());
    };
    let owner = Uid::from_raw(found.uid());
    ensure!(
        !found.is_symlink() || owner.is_root() || owner == Uid::effective(),
        "{} is a link that another account has made ({owner})",
        dir.display()
    );
    Ok(())
}

/// With the folders above it that are missing, which the account must be able to pass through.
fn make(dir: &Path, account: Option<&Account>) -> io::Result<()> {
    if dir.is_dir() {
        return Ok(());
    }
    if let Some(parent) = dir.parent()
        && !parent.as_os_str().is_empty()
    {
        make(parent, account)?;
    }
    DirBuilder::new().mode(OWN_FOLDER).create(dir)?;
    match account {
        Some(account) => chown(dir, Some(account.uid.as_raw()), Some(account.gid.as_raw())),
        None => Ok(()),
    }
}

/// A folder of other things is not taken over, closed to others and given away.
fn refuse_other_use(dir: &Path) -> Result<()> {
    let mut strange = None;
    for entry in fs::read_dir(dir)? {
        let name = entry?.file_name();
        if CONTENTS.iter().any(|ours| name == *ours) {
            return Ok(());
        }
        if name != LOST_AND_FOUND {
            strange = Some(name);
        }
    }
    match strange {
        None => Ok(()),
        Some(name) => bail!(
            "{} has something else in it ({}): the data need a folder of their own",
            dir.display(),
            name.display()
        ),
    }
}

/// What root has made in it is the account's from now on: an older release ran Redis as root.
fn hand_over(dir: &Path, account: &Account) -> Result<()> {
    let folder = Dir::open(dir, folder_flags(), Mode::empty())?;
    for name in CONTENTS {
        give(&folder, name.as_bytes(), account)?;
    }
    chown(dir, Some(account.uid.as_raw()), Some(account.gid.as_raw()))?;
    Ok(())
}

fn folder_flags() -> OFlag {
    OFlag::O_DIRECTORY | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC
}

/// Gives away what is at `name`, and all that is in it. No link is followed, and no file is given away that has another name
/// elsewhere: it may belong to another account.
fn give(folder: &Dir, name: &[u8], account: &Account) -> Result<()> {
    let found = match fstatat(folder.as_fd(), name, AtFlags::AT_SYMLINK_NOFOLLOW) {
        Err(Errno::ENOENT) => return Ok(()),
        found => found?,
    };
    let kind = SFlag::from_bits_truncate(found.st_mode) & SFlag::S_IFMT;
    if kind == SFlag::S_IFDIR {
        let mut inner = match Dir::openat(folder.as_fd(), name, folder_flags(), Mode::empty()) {
            Err(Errno::ENOENT) => return Ok(()),
            inner => inner?,
        };
        let names: Vec<Vec<u8>> = inner
            .iter()
            .map(|entry| Ok(entry?.file_name().to_bytes().to_owned()))
            .collect::<Result<_>>()?;
        for name in names.iter().filter(|name| *name != b"." && *name != b"..") {
            give(&inner, name, account)?;
        }
    } else if found.st_nlink > 1 || kind == SFlag::S_IFLNK {
        return Ok(());
    }
    if found.st_uid != account.uid.as_raw() {
        fchownat(
            folder.as_fd(),
            name,
            Some(account.uid),
            Some(account.gid),
            AtFlags::AT_SYMLINK_NOFOLLOW,
        )?;
    }
    Ok(())
}

/// The files that are not PostgreSQL's, which sees to its own.
fn close_files(dir: &Path) -> Result<()> {
    for entry in fs::read_dir(dir)? {
        let entry = entry?;
        let name = entry.file_name();
        if CONTENTS.iter().any(|ours| name == *ours) && entry.file_type()?.is_file() {
            close(&entry.path())?;
        }
    }
    let redis = dir.join("redis");
    if fs::symlink_metadata(&redis).is_ok_and(|folder| folder.is_dir()) {
        close_all(&redis)?;
    }
    Ok(())
}

fn close_all(folder: &Path) -> Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let kind = entry.file_type()?;
        if kind.is_dir() {
            close_all(&entry.path())?;
        } else if kind.is_file() {
            close(&entry.path())?;
        }
    }
    fs::set_permissions(folder, Permissions::from_mode(OWN_FOLDER))?;
    Ok(())
}

fn close(path: &Path) -> Result<()> {
    let mut options = OpenOptions::new();
    options.read(true).custom_flags(OFlag::O_NOFOLLOW.bits());
    let file = match options.open(path) {
        // Its owner made it unreadable even for us.
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => return Ok(()),
        file => file.with_context(|| format!("cannot open {}", path.display()))?,
    };
    if file.metadata()?.permissions().mode() & OTHERS != 0 {
        file.set_permissions(Permissions::from_mode(OWN_FILE))?;
    }
    Ok(())
}
