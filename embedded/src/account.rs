//! The account that owns the data, and runs the stores and the server, when root starts them.

use anyhow::{Context, Result, bail, ensure};
use nix::unistd::{Gid, Uid, User};
use std::fmt;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// Accounts that may own the data, in order of preference: the one created for Frontrow alone, then
/// the one that PostgreSQL's packages create.
const OWNERS: [&str; 2] = ["frontrow", "postgres"];
/// Shared by programs without an account of their own: may run a server, must not own data.
const NOBODY: &str = "nobody";

/// An account of this machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    pub name: String,
    pub uid: Uid,
    pub gid: Gid,
}

impl fmt::Display for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}

impl From<User> for Account {
    fn from(user: User) -> Account {
        Account {
            name: user.name,
            uid: user.uid,
            gid: user.gid,
        }
    }
}

impl Account {
    /// Finds an account by name or number. A number needs no entry in the list of accounts, as in a
    /// container without one.
    pub fn named(name: &str) -> Result<Account> {
        if let Some(user) = User::from_name(name)? {
            return Ok(user.into());
        }
        let number: u32 = name
            .parse()
            .ok()
            .with_context(|| format!("there is no account `{name}`"))?;
        Ok(Account::numbered(number))
    }

    fn numbered(number: u32) -> Account {
        let uid = Uid::from_raw(number);
        match User::from_uid(uid) {
            Ok(Some(user)) => user.into(),
            _ => Account {
                name: number.to_string(),
                uid,
                gid: Gid::from_raw(number),
            },
        }
    }

    /// Returns the account that owns the data in `dir` when root starts the stores: the present
    /// owner, else `frontrow`, else `postgres`.
    pub fn of_data(dir: &Path) -> Result<Account> {
        let owner = fs::metadata(dir).map_or(0, |folder| folder.uid());
        let known = OWNERS
            .iter()
            .filter_map(|name| User::from_name(name).transpose())
            .collect::<Result<Vec<User>, _>>()?;
        if owner != 0 {
            let owner = Account::numbered(owner);
            ensure!(
                known.iter().any(|user| user.uid == owner.uid),
                "{} belongs to {owner}: start it as that account, or name it with --user",
                dir.display()
            );
            return Ok(owner);
        }
        known.into_iter().next().map(Account::from).context(
            "PostgreSQL does not run as root, and there is no account `frontrow` or `postgres`: \
             make one (useradd --system frontrow), or name another with --user",
        )
    }

    /// Returns the account that runs a server without data when root starts it: `frontrow`, else
    /// `nobody`. Returns `None` if neither exists.
    pub fn without_data() -> Result<Option<Account>> {
        for name in [OWNERS[0], NOBODY] {
            if let Some(user) = User::from_name(name)? {
                return Ok(Some(user.into()));
            }
        }
        Ok(None)
    }

    /// Fails for accounts that must not own data: root, because PostgreSQL does not run as root,
    /// and `nobody`, because it is shared by unrelated programs.
    pub fn check_may_own(&self) -> Result<()> {
        ensure!(
            !self.uid.is_root(),
            "PostgreSQL does not run as root; name another account"
        );
        ensure!(
            self.name != NOBODY,
            "`{NOBODY}` is shared by programs that have nothing to do with each other and must not own data; \
             name another account (useradd --system frontrow)"
        );
        Ok(())
    }

    /// Changes this process, with all its threads, to the account: permanently, and without root's
    /// groups.
    #[cfg(not(target_vendor = "apple"))]
    pub fn step_down(&self) -> Result<()> {
        let step = || {
            nix::unistd::setgroups(&[self.gid])?;
            nix::unistd::setgid(self.gid)?;
            nix::unistd::setuid(self.uid)
        };
        step().with_context(|| format!("cannot become the account {self}"))?;
        if !self.uid.is_root() && nix::unistd::setuid(Uid::from_raw(0)).is_ok() {
            bail!("having become the account {self}, this process could become root again");
        }
        Ok(())
    }

    /// The groups of a process cannot be dropped safely on Apple systems.
    #[cfg(target_vendor = "apple")]
    pub fn step_down(&self) -> Result<()> {
        bail!("as root it runs on Linux only; start it as an ordinary user")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accounts_are_found_by_name_and_by_number() {
        let root = Account::named("root").unwrap();
        assert!(root.uid.is_root());
        assert_eq!(Account::named("0").unwrap(), root);
        let unlisted = Account::named("4000123").unwrap();
        assert_eq!(
            (unlisted.uid.as_raw(), unlisted.gid.as_raw()),
            (4_000_123, 4_000_123)
        );
        assert!(Account::named("no-such-account").is_err());
    }

    #[test]
    fn neither_root_nor_nobody_may_own_data() {
        assert!(Account::named("root").unwrap().check_may_own().is_err());
        if let Ok(nobody) = Account::named(NOBODY) {
            assert!(nobody.check_may_own().is_err());
        }
        assert!(Account::named("4000123").unwrap().check_may_own().is_ok());
    }
}
