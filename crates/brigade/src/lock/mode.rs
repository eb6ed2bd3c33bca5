//! How a lock is held or wanted, and which of these ways exclude each other.

/// How a lock is held or wanted. A mutex knows only [`Mode::Exclusive`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub(crate) enum Mode {
    /// Alone: a mutex, or the write side of a read-write lock.
    Exclusive = 0,
    /// Beside readers, but nobody else who may become a writer.
    Upgradable = 1,
    /// Beside other readers.
    Shared = 2,
}

impl Mode {
    pub(crate) const ALL: [Self; 3] = [Self::Exclusive, Self::Upgradable, Self::Shared];

    /// True if two threads cannot have a lock in these two modes at once.
    pub(crate) fn excludes(self, other: Self) -> bool {
        !matches!(
            (self, other),
            (Self::Shared, Self::Shared | Self::Upgradable) | (Self::Upgradable, Self::Shared)
        )
    }
}

/// A set of modes: bit `mode as u8` is set if the mode is in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ModeSet(u8);

impl ModeSet {
    pub(crate) const EMPTY: Self = Self(0);
    pub(crate) const ALL: Self = Self(0b111);

    pub(crate) fn of(mode: Mode) -> Self {
        Self(1 << mode as u8)
    }

    /// The modes that `mode` excludes.
    pub(crate) fn excluded_by(mode: Mode) -> Self {
        Mode::ALL
            .into_iter()
            .filter(|&other| mode.excludes(other))
            .fold(Self::EMPTY, |set, other| set.union(Self::of(other)))
    }

    pub(crate) fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    pub(crate) fn intersection(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    pub(crate) fn complement(self) -> Self {
        Self(Self::ALL.0 & !self.0)
    }

    pub(crate) fn contains(self, mode: Mode) -> bool {
        self.0 & Self::of(mode).0 != 0
    }

    pub(crate) fn is_empty(self) -> bool {
        self == Self::EMPTY
    }

    pub(crate) fn iter(self) -> impl Iterator<Item = Mode> {
        Mode::ALL
            .into_iter()
            .filter(move |&mode| self.contains(mode))
    }
}

#[cfg(test)]
mod tests {
    use super::{Mode, ModeSet};

    #[test]
    fn readers_go_together_and_nothing_else_does() {
        use Mode::{Exclusive, Shared, Upgradable};
        let together = [(Shared, Shared), (Shared, Upgradable), (Upgradable, Shared)];
        for one in [Exclusive, Upgradable, Shared] {
            for other in [Exclusive, Upgradable, Shared] {
                let expected = !together.contains(&(one, other));
                assert_eq!(one.excludes(other), expected, "{one:?} and {other:?}");
                assert_eq!(ModeSet::excluded_by(one).contains(other), expected);
            }
        }
    }

    #[test]
    fn a_set_and_its_complement_are_all() {
        let set = ModeSet::excluded_by(Mode::Upgradable);
        assert_eq!(set.complement(), ModeSet::of(Mode::Shared));
        assert_eq!(set.union(set.complement()), ModeSet::ALL);
        assert!(set.intersection(set.complement()).is_empty());
        assert_eq!(ModeSet::ALL.iter().count(), 3);
    }
}
