//! Why resources cannot be had, other than that others have them.

use std::error::Error;
use std::fmt;
use std::io;
use std::path::PathBuf;

use super::name::Name;
use super::request::MOST_UNITS;

/// Why resources cannot be had, other than that others have them.
#[derive(Debug)]
pub(crate) enum ResourceError {
    /// A name has no bytes.
    EmptyName,
    /// A name does not fit into a file name.
    LongName { length: usize, longest: usize },
    /// It is no request.
    Malformed(String),
    /// One resource is asked for in two ways.
    Twice(Name),
    /// More units are asked for than there are.
    TooMany {
        name: Name,
        wanted: u16,
        capacity: u16,
    },
    /// A capacity is given in two places, and they differ.
    TwoCapacities { name: Name, here: u16, there: u16 },
    /// A capacity is given of which no units are asked for.
    UnusedCapacity(Name),
    /// Nobody has said how many units there are.
    NoCapacity(Name),
    /// Of so many counted resources has been said how many units they have, and no more can be known.
    TooManyCounted(usize),
    /// Somebody else said that there is another number of units.
    OtherCapacity { name: Name, here: u16, there: u16 },
    /// A command that this one is part of has it already.
    Around(Name),
    /// The directory of locks is somebody else's.
    Foreign(PathBuf),
    /// The system refused something.
    System { what: String, error: io::Error },
}

impl ResourceError {
    /// The system refused something about a file.
    pub(crate) fn file(path: &std::path::Path, error: io::Error) -> Self {
        Self::System {
            what: path.display().to_string(),
            error,
        }
    }
}

impl fmt::Display for ResourceError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::EmptyName => {
                formatter.write_str("a resource has an empty name; give each at least one letter")
            }
            Self::LongName { length, longest } => write!(
                formatter,
                "the name of a resource has {length} bytes as a file name, where each byte but letters, digits, `-`, \
                 `_` and `.` counts three, and {longest} is the most; give it a shorter one"
            ),
            Self::Malformed(word) => write!(
                formatter,
                "`{}` is not a resource; write db, cache:shared, gpu=2 or gpu=2/4, with 1 to {MOST_UNITS} units, and \
                 no `:` or `=` in the name",
                super::name::printable(word)
            ),
            Self::Twice(name) => write!(
                formatter,
                "`{name}` is named twice, and not in the same way; name each resource once"
            ),
            Self::TooMany {
                name,
                wanted,
                capacity,
            } => write!(
                formatter,
                "it asks for {wanted} units of `{name}`, which has {capacity}, and would wait for ever; ask for fewer"
            ),
            Self::TwoCapacities { name, here, there } => write!(
                formatter,
                "`{name}` has {here} units in one place and {there} in the other; say it once"
            ),
            Self::UnusedCapacity(name) => write!(
                formatter,
                "a capacity is given for `{name}`, of which no units are asked for; ask for some, such as {name}=1"
            ),
            Self::NoCapacity(name) => write!(
                formatter,
                "nobody has said yet how many units `{name}` has; say it, such as {name}=1/4"
            ),
            Self::TooManyCounted(most) => write!(
                formatter,
                "{most} counted resources have been named, which is the most; name fewer, or such as are used alone"
            ),
            Self::OtherCapacity { name, here, there } => write!(
                formatter,
                "`{name}` has {there} units, as was said when it was first used, and not {here}; all who use it must \
                 agree: give the same number or none, or, if it has changed, add --redeclare once"
            ),
            Self::Around(name) => write!(
                formatter,
                "`{name}` is held already around this command, which could wait for it for ever; name it only outside"
            ),
            Self::Foreign(path) => write!(
                formatter,
                "{} belongs to somebody else, who could take your locks away; remove it, or choose a directory with \
                 --lock-dir or BRIGADE_LOCK_DIR",
                path.display()
            ),
            Self::System { what, error } => write!(formatter, "{what}: {error}"),
        }
    }
}

impl Error for ResourceError {}
