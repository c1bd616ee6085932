//! `frontrow admin create`, and the demo's admin.

use crate::cli::AdminCreate;
use crate::passwords;
use crate::stores::{Sharing, Stores, kept, random_text};
use anyhow::Result;
use model::Refusal;
use model::accounts::{Role, SignUpForm};
use services::limits::Limits;
use services::{Error, Services, accounts};
use std::path::Path;

pub async fn create(options: AdminCreate) -> Result<()> {
    // First, because a file that root can read may be unreadable for the account that root steps
    // down to.
    let password = passwords::given(options.password_file.as_ref(), options.password)?;
    let stores = Stores::open(options.stores, Sharing::Yes, Limits::NONE).await?;
    let generated = password.is_none();
    let form = SignUpForm {
        nickname: options
            .nickname
            .unwrap_or_else(|| options.account_name.clone()),
        account_name: options.account_name,
        password: password.unwrap_or_else(|| random_text(20)),
        name: options.name,
        email: options.email,
    };
    let password = form.password.clone();
    let made = make(&stores.services, form, options.role.into()).await;
    stores.close().await?;
    let account_name = made?;
    if generated {
        println!("{account_name} can log in with the password {password}");
    } else {
        println!("{account_name} can log in.");
    }
    Ok(())
}

/// Returns the password of the demo's admin: generated once, and stored in the data directory.
pub fn demo_password(data_dir: &Path) -> Result<String> {
    std::fs::create_dir_all(data_dir)?;
    kept(&data_dir.join("demo-admin-password"), || random_text(16))
}

/// Creates the demo's admin if there is no admin. Returns its account name and password.
pub async fn demo(services: &Services, password: String) -> Result<(String, String)> {
    const NAME: &str = "admin";
    if !accounts::any_admin(services).await? {
        let form = SignUpForm {
            account_name: NAME.into(),
            password: password.clone(),
            name: "Demo Admin".into(),
            nickname: "Stage Manager".into(),
            email: "admin@example.com".into(),
        };
        make(services, form, Role::Admin).await?;
    }
    Ok((NAME.into(), password))
}

async fn make(services: &Services, form: SignUpForm, role: Role) -> Result<String> {
    let new = form.parse().map_err(explain)?;
    match accounts::create(services, new, role).await {
        Ok(account) => Ok(account.account_name),
        Err(Error::Refused(refusal)) => Err(explain(refusal)),
        Err(error) => Err(error.into()),
    }
}

fn explain(refusal: Refusal) -> anyhow::Error {
    match refusal {
        Refusal::AccountNameTaken => anyhow::anyhow!("--account-name is taken"),
        Refusal::EmailTaken => anyhow::anyhow!("--email is taken"),
        Refusal::Invalid { problems } => {
            let named: Vec<String> = problems
                .iter()
                .map(|p| format!("{:?} is not acceptable: {:?}", p.field, p.kind))
                .collect();
            anyhow::anyhow!(named.join("; "))
        }
        other => anyhow::anyhow!("refused: {other:?}"),
    }
}
