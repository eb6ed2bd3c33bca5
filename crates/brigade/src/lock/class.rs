//! Classes: what locks are called, and where they stand in the order.

use std::collections::HashMap;
use std::panic::Location;
use std::ptr::NonNull;
use std::sync::LazyLock;

use parking_lot::Mutex;

/// A place in the order in which locks are taken: lower ranks first.
///
/// While a thread holds a ranked lock it may take only locks of higher ranks, or unranked ones.
///
/// ```
/// use brigade::lock::{Mutex, Rank};
///
/// let directory = Mutex::ranked(Rank(10), "directory", Vec::<String>::new());
/// let file = Mutex::ranked(Rank(20), "file", 0);
/// let names = directory.lock();
/// let mut size = file.lock(); // 10 before 20: as declared
/// *size += names.len();
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Rank(pub u32);

/// What locks are called and where they stand in the order, for locks that are made in `const` or by
/// the thousand.
///
/// All locks of a class count as one when orders are compared. A lock that is given none belongs to the
/// class of the call that made it. If that call does not tell locks apart (a derived `Default`, a function of the
/// standard library as in `map(Mutex::new)`), the lock is of no class and its order is not compared; deadlocks
/// are detected all the same.
///
/// ```
/// use brigade::lock::{Class, Mutex};
///
/// static ACCOUNT: Class = Class::new("account");
/// static HOUSE: Mutex<u64> = Mutex::of(&ACCOUNT, 0);
///
/// let other = Mutex::of(&ACCOUNT, 7);
/// let amount = *other.lock();
/// *HOUSE.lock() += amount;
/// ```
#[derive(Debug)]
pub struct Class {
    name: &'static str,
    rank: Option<Rank>,
    nested: bool,
    made_at: &'static Location<'static>,
}

impl Class {
    /// A class of this name, without a rank.
    #[track_caller]
    pub const fn new(name: &'static str) -> Self {
        Self {
            name,
            rank: None,
            nested: false,
            made_at: Location::caller(),
        }
    }

    /// The same class with a rank.
    pub const fn ranked(mut self, rank: Rank) -> Self {
        self.rank = Some(rank);
        self
    }

    /// Declares that a thread may hold several locks of this class, taken one after the other, because
    /// their order is known to be right in some other way: parents before children, say.
    pub const fn nested(mut self) -> Self {
        self.nested = true;
        self
    }

    /// The class of locks of this name and rank, made when it is first asked for.
    pub(crate) fn interned(
        name: &str,
        rank: Option<Rank>,
        made_at: &'static Location<'static>,
    ) -> &'static Self {
        type Known = HashMap<(&'static str, Option<Rank>), &'static Class>;
        /// After so many names, those that are new share one class: names that are made up as the program
        /// runs must not fill its memory.
        const MOST: usize = 10_000;
        static KNOWN: LazyLock<Mutex<Known>> = LazyLock::new(Mutex::default);
        static OTHERS: Class = Class::new("(one of too many names)").nested();
        let mut known = KNOWN.lock();
        if let Some(class) = known.get(&(name, rank)) {
            return class;
        }
        if known.len() >= MOST {
            return &OTHERS;
        }
        let name: &'static str = name.to_owned().leak();
        let class: &'static Self = Box::leak(Box::new(Self {
            name,
            rank,
            nested: false,
            made_at,
        }));
        known.insert((name, rank), class);
        class
    }
}

/// Where a lock comes from: the line that made it, or the class it was given. One word.
///
/// Invariant: either a `&'static Location`, whose address was raised by [`Self::BY_DEFAULT`] if the lock was made by
/// `default`, or a `&'static Class` whose address was raised by [`Self::CLASS`]. Both types are aligned to four bytes
/// at least, so the lowest bits tell them apart. It is packed so that it makes a lock of one byte no larger than nine.
#[derive(Clone, Copy)]
#[repr(Rust, packed)]
pub(crate) struct Origin(NonNull<()>);

const _: () = assert!(align_of::<Location<'static>>() >= 4 && align_of::<Class>() >= 4);

// SAFETY: what it points to is `'static` and `Sync`.
unsafe impl Send for Origin {}
// SAFETY: as above.
unsafe impl Sync for Origin {}

/// An [`Origin`], looked into.
pub(crate) enum Source {
    Place(&'static Location<'static>),
    Class(&'static Class),
}

impl Origin {
    const CLASS: usize = 1;
    const BY_DEFAULT: usize = 2;
    const MARKS: usize = Self::CLASS | Self::BY_DEFAULT;

    pub(crate) const fn place(place: &'static Location<'static>) -> Self {
        Self(NonNull::from_ref(place).cast())
    }

    /// The origin of a lock that was made by `default`.
    pub(crate) const fn by_default(place: &'static Location<'static>) -> Self {
        Self::marked(std::ptr::from_ref(place).cast(), Self::BY_DEFAULT)
    }

    pub(crate) const fn class(class: &'static Class) -> Self {
        Self::marked(std::ptr::from_ref(class).cast(), Self::CLASS)
    }

    const fn marked(pointer: *const (), mark: usize) -> Self {
        match NonNull::new(pointer.wrapping_byte_add(mark).cast_mut()) {
            Some(pointer) => Self(pointer),
            None => unreachable!(),
        }
    }

    /// A number that no other origin has.
    #[inline]
    pub(crate) fn bits(self) -> usize {
        let Self(pointer) = self;
        pointer.addr().get()
    }

    pub(crate) fn pointer(self) -> *mut () {
        let Self(pointer) = self;
        pointer.as_ptr()
    }

    /// The origin whose [`pointer`](Self::pointer) this is.
    ///
    /// # Safety
    /// It is the pointer of an origin.
    pub(crate) unsafe fn from_pointer(pointer: *mut ()) -> Self {
        // SAFETY: the pointer of an origin is never null.
        Self(unsafe { NonNull::new_unchecked(pointer) })
    }

    pub(crate) fn source(self) -> Source {
        let mark = self.bits() & Self::MARKS;
        let pointer = self.pointer().wrapping_byte_sub(mark);
        if mark == Self::CLASS {
            // SAFETY: the invariant: so marked, it is a `&'static Class`.
            Source::Class(unsafe { &*pointer.cast() })
        } else {
            // SAFETY: the invariant: otherwise it is a `&'static Location`.
            Source::Place(unsafe { &*pointer.cast() })
        }
    }

    /// True if it says nothing about what the lock is for. A derived `Default` makes all locks of a type at one
    /// place, and the standard library makes those of the whole program at one place of its own, if it is given
    /// [`Mutex::new`](super::Mutex::new) to call.
    pub(crate) fn says_nothing(self) -> bool {
        let standard = [
            "/library/core/src/",
            "/library/alloc/src/",
            "/library/std/src/",
        ];
        match self.source() {
            Source::Class(_) => false,
            Source::Place(_) if self.bits() & Self::BY_DEFAULT != 0 => true,
            Source::Place(place) => {
                let file = place.file().replace('\\', "/");
                standard.iter().any(|folder| file.contains(folder))
            }
        }
    }

    /// The rank of a lock, if its class has one.
    pub(crate) fn rank(self) -> Option<Rank> {
        match self.source() {
            Source::Place(_) => None,
            Source::Class(class) => class.rank,
        }
    }

    /// True if several locks of its class may be held at once.
    pub(crate) fn nested(self) -> bool {
        match self.source() {
            Source::Place(_) => false,
            Source::Class(class) => class.nested,
        }
    }

    /// What the class was called, if it was.
    pub(crate) fn name(self) -> Option<&'static str> {
        match self.source() {
            Source::Place(_) => None,
            Source::Class(class) => Some(class.name),
        }
    }

    /// The line that made the lock, or the first lock of that name, or the class.
    pub(crate) fn made_at(self) -> &'static Location<'static> {
        match self.source() {
            Source::Place(place) => place,
            Source::Class(class) => class.made_at,
        }
    }
}
