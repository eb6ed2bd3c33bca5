//! Money goes to and fro between accounts that are files. A transfer needs two of them, for itself alone.
//!
//! What it shows: `lock_all` takes the locks of all keys or none, in one order for everybody. So transfers in
//! opposite directions cannot deadlock, and no money is made or lost. One to oneself locks once.

use std::error::Error;
use std::path::{Path, PathBuf};
use std::{env, fs, process, thread};

use brigade::lock::{LockError, LockTable};

const NAMES: [&str; 4] = ["ada", "blaise", "charles", "dorothy"];

struct Bank {
    folder: PathBuf,
    accounts: LockTable<&'static str>, // has locks for the names in use, and only while they are
}

impl Bank {
    fn transfer(&self, from: &'static str, to: &'static str, sum: i64) -> Result<(), LockError> {
        let _both = self.accounts.lock_all([from, to])?;
        add(&self.folder.join(from), -sum);
        add(&self.folder.join(to), sum);
        Ok(())
    }
}

fn balance(file: &Path) -> i64 {
    fs::read_to_string(file).unwrap().parse().unwrap()
}

fn add(file: &Path, sum: i64) {
    fs::write(file, (balance(file) + sum).to_string()).unwrap();
}

fn main() -> Result<(), Box<dyn Error>> {
    let folder = env::temp_dir().join(format!("brigade-transfer-{}", process::id()));
    fs::create_dir_all(&folder)?;
    let files = NAMES.map(|name| folder.join(name));
    files.iter().try_for_each(|file| fs::write(file, "1000"))?;
    let accounts = LockTable::named("accounts");
    let bank = Bank { folder, accounts };

    let work = |teller: usize| {
        (0..50).try_for_each(|n| bank.transfer(NAMES[(teller + n) % 4], NAMES[n * n % 4], 7))
    };
    thread::scope(|scope| {
        let tellers = [0, 1, 2, 3].map(|teller| scope.spawn(move || work(teller)));
        let mut ends = tellers.into_iter().map(|teller| teller.join().unwrap());
        ends.try_for_each(|end| end)
    })?;

    let balances = files.map(|file| balance(&file));
    fs::remove_dir_all(&bank.folder)?;
    println!("{NAMES:?} have {balances:?}");
    assert_eq!(balances.iter().sum::<i64>(), 4_000);
    assert!(bank.accounts.is_empty(), "no lock is held");
    Ok(())
}
