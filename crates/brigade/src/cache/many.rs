//! Many keys at once.

use std::collections::{HashMap, HashSet};
use std::hash::Hash;
use std::sync::Arc;

use super::cache::Cache;
use super::computing::this_thread;
use super::core::{LoadTurn, answer};
use super::error::{ComputeError, WaitError};
use super::flight::{Ended, Waiting};
use super::flights::Seen;
use super::store::Stored;

/// What there is to do for the keys of one call.
struct Plan<'a, K, V, E> {
    /// Keys that nobody loads, in the order in which they were asked for.
    missing: Vec<K>,
    turns: Vec<LoadTurn<'a, K, V, E>>,
    /// Keys that others load, by their places in the call.
    awaited: Vec<(usize, Waiting<Stored<V, E>>)>,
}

impl<K, V, E> Cache<K, V, E>
where
    K: Eq + Hash + Clone + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
    E: Clone + Send + Sync + 'static,
{
    /// The values of many keys, in their order; those that are missing are loaded by one call of `load`. `None` for a key
    /// that `load` does not return: that is not kept.
    ///
    /// Keys that others are loading are waited for after the batch is loaded, so calls that want each other's keys do not
    /// wait for each other. If such a load fails, `load` is called again for what is still missing.
    ///
    /// # Errors
    /// [`ComputeError::Failed`] with the error of `load`, which is not kept, or one that was kept before;
    /// [`ComputeError::Deadlock`] if a value would wait for itself. What was loaded is kept nevertheless.
    ///
    /// # Panics
    /// If `load` does. Others who wait for its keys then try again.
    ///
    /// ```
    /// use brigade::cache::Cache;
    ///
    /// let squares = Cache::builder("squares").capacity(100).build()?;
    /// squares.get_or_compute(2, |key| key * key)?;
    /// let values = squares.get_many([1, 2, 3], |missing| {
    ///     assert_eq!(missing, [1, 3]);
    ///     Ok(missing.iter().map(|key| (*key, key * key)).collect())
    /// })?;
    /// assert_eq!(values, [Some(1), Some(4), Some(9)]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[track_caller]
    pub fn get_many(
        &self,
        keys: impl IntoIterator<Item = K>,
        mut load: impl FnMut(&[K]) -> Result<Vec<(K, V)>, E>,
    ) -> Result<Vec<Option<V>>, ComputeError<E>> {
        let keys: Vec<K> = keys.into_iter().collect();
        let mut values = vec![None; keys.len()];
        let mut open = Vec::new();
        for (place, key) in keys.iter().enumerate() {
            match self.hit(key) {
                Some(hit) => values[place] = Some(answer(&hit.stored)?),
                None => open.push(place),
            }
        }
        let mut asked = HashSet::new();
        while !open.is_empty() {
            let plan = self.plan(&keys, &open, &mut values)?;
            asked.extend(plan.missing.iter().cloned());
            let loaded = self.load_batch(plan.missing, plan.turns, &mut load)?;
            for place in open.drain(..) {
                if values[place].is_none() {
                    values[place] = loaded.get(&keys[place]).cloned();
                }
            }
            open = self.wait_for(plan.awaited, &mut values)?;
            // A key that is there twice is awaited by its second place, and `load` has had its say.
            open.retain(|place| !asked.contains(&keys[*place]));
        }
        Ok(values)
    }

    /// Takes the turn of every open key that nobody loads; waits for nothing.
    fn plan<'a>(
        &'a self,
        keys: &[K],
        open: &[usize],
        values: &mut [Option<V>],
    ) -> Result<Plan<'a, K, V, E>, ComputeError<E>> {
        let mut plan = Plan {
            missing: Vec::new(),
            turns: Vec::new(),
            awaited: Vec::new(),
        };
        for &place in open {
            let key = &keys[place];
            match self
                .core
                .flights
                .look(&mut Some(key.clone()), this_thread())
            {
                Seen::Underway(waiting) => plan.awaited.push((place, waiting)),
                Seen::Kept(stored) => values[place] = Some(answer(&stored)?),
                // Somebody may have loaded it since it was looked for.
                Seen::Turn(turn) => match self.core.fresh(key) {
                    Some(hit) => {
                        turn.settle(Arc::clone(&hit.stored), || ());
                        values[place] = Some(answer(&hit.stored)?);
                    }
                    None => {
                        plan.missing.push(key.clone());
                        plan.turns.push(turn);
                    }
                },
            }
        }
        Ok(plan)
    }

    /// Loads what is missing. The turns of keys that do not come are given up.
    fn load_batch(
        &self,
        missing: Vec<K>,
        turns: Vec<LoadTurn<'_, K, V, E>>,
        load: &mut impl FnMut(&[K]) -> Result<Vec<(K, V)>, E>,
    ) -> Result<HashMap<K, V>, ComputeError<E>> {
        if missing.is_empty() {
            return Ok(HashMap::new());
        }
        let loading: Vec<_> = turns.iter().map(|_| self.core.tally.begin_load()).collect();
        let mut values: HashMap<K, V> = {
            let _computing: Vec<_> = turns.iter().map(LoadTurn::begin).collect();
            let loaded = load(&missing).map_err(ComputeError::Failed)?;
            loaded.into_iter().collect()
        };
        let mut kept = HashMap::with_capacity(values.len());
        for ((key, turn), loading) in missing.into_iter().zip(turns).zip(loading) {
            let Some(value) = values.remove(&key) else {
                continue;
            };
            loading.end(true);
            kept.insert(key.clone(), value.clone());
            self.core.settle(turn, key, Ok(value))?;
        }
        Ok(kept)
    }

    /// Waits for what others load; returns the places of what came to nothing.
    #[track_caller]
    fn wait_for(
        &self,
        awaited: Vec<(usize, Waiting<Stored<V, E>>)>,
        values: &mut [Option<V>],
    ) -> Result<Vec<usize>, ComputeError<E>> {
        let mut open = Vec::new();
        for (place, waiting) in awaited {
            match self.core.flights.wait(waiting, None) {
                Ok(Some(Ended::Done(stored))) => values[place] = Some(answer(&stored)?),
                Ok(Some(Ended::Abandoned) | None) => open.push(place),
                Err(report) => return Err(WaitError::Deadlock(report).into()),
            }
        }
        Ok(open)
    }
}
