//! The data directory and its contents, accessible only to the account that runs Frontrow.

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

/// Names that this release and earlier ones create in a data directory.
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
/// File with the path of the sockets if they are not in the data directory.
const SOCKETS_ELSEWHERE: &str = "run.elsewhere";
/// Present on a new disk, so it does not mean that the directory is in use.
const LOST_AND_FOUND: &str = "lost+found";

/// Maximum length in bytes of a folder's path for sockets: a socket's address is limited to about
/// 100 bytes.
const SOCKETS_PATH_MAX: usize = 80;

/// Creates the data directory, or checks that an existing one belongs to this account and sets its
/// mode to 0700. Returns its real path.
///
/// As root it changes the owner to `account`, also of what an older release has created in it.
/// Fails if the directory belongs to another account, if its path is another account's symlink, or
/// if the directory contains something else.
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
        // The volume of a container may belong to root and be accessible to this process by its
        // group.
        ensure!(
            mode & 0o002 == 0,
            "{} is root's, and anybody may write to it",
            dir.display()
        );
        tracing::warn!(dir = %dir.display(), mode = %format!("{mode:04o}"), "data directory is root's and open to its group");
    }
    Ok(dir)
}

/// Ensures a folder in the data directory that belongs to the account that runs the stores.
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

/// Opens a file for appending, created if missing, private to this account, and not through a
/// symlink.
pub fn open_file(path: &Path) -> Result<File> {
    OpenOptions::new()
        .create(true)
        .append(true)
        .mode(OWN_FILE)
        .custom_flags(OFlag::O_NOFOLLOW.bits())
        .open(path)
        .with_context(|| format!("cannot write {}", path.display()))
}

/// Creates the folder for the sockets: `run` in the data directory. If that path is too long for a
/// socket's address, it is a new folder with a random name, recorded in the data directory.
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

/// Returns the folder of the sockets of a data directory, or `None` if it has not been created yet.
pub fn sockets(dir: &Path) -> Option<PathBuf> {
    let inside = dir.join("run");
    if inside.as_os_str().len() <= SOCKETS_PATH_MAX {
        return Some(inside);
    }
    let elsewhere = PathBuf::from(fs::read_to_string(dir.join(SOCKETS_ELSEWHERE)).ok()?);
    // If the folder was removed, another account may have created it again.
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

/// Creates the directory and its missing parents, which `account` must be able to traverse.
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

/// Refuses a folder with other contents, which must not be closed to others and change its owner.
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

/// Changes the owner of the contents that root has created: an older release ran Redis as root.
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

/// Changes the owner of the entry at `name`, recursively. It follows no symlink, and skips files
/// with further hard links, which may belong to another account.
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

/// Closes all files to others, except PostgreSQL's, which PostgreSQL sets itself.
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
        // Its owner has made it unreadable even for this process.
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => return Ok(()),
        file => file.with_context(|| format!("cannot open {}", path.display()))?,
    };
    if file.metadata()?.permissions().mode() & OTHERS != 0 {
        file.set_permissions(Permissions::from_mode(OWN_FILE))?;
    }
    Ok(())
}
