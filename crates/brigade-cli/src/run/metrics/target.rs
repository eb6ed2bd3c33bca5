//! Where metrics go.

use std::ffi::OsString;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;

/// Where metrics go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Target {
    File(PathBuf),
    /// Who connects there is told.
    Address(SocketAddr),
}

impl Target {
    /// Reads `run.prom`, `9100`, `:9100`, `localhost:9100` or `[::]:9100`. Without an address, only this machine can
    /// connect.
    ///
    /// # Errors
    /// What is wrong with a port.
    pub(crate) fn read(text: OsString) -> Result<Self, String> {
        let Some(word) = text.to_str() else {
            return Ok(Self::File(text.into()));
        };
        if let Ok(address) = word.parse() {
            return Ok(Self::Address(address));
        }
        let port = ["localhost:", ":"]
            .iter()
            .find_map(|start| word.strip_prefix(start))
            .unwrap_or(word);
        if port.is_empty() || !port.bytes().all(|byte| byte.is_ascii_digit()) {
            return Ok(Self::File(text.into()));
        }
        match port.parse::<u16>() {
            Ok(port) => Ok(Self::Address((Ipv4Addr::LOCALHOST, port).into())),
            Err(_) => Err(format!(
                "ports end at 65535; for a file of that name give `./{word}`"
            )),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_a_port_and_what_is_none_is_a_file() {
        let read = |text: &str| Target::read(text.into());
        for (text, address) in [
            ("9100", "127.0.0.1:9100"),
            (":9100", "127.0.0.1:9100"),
            ("localhost:0", "127.0.0.1:0"),
            ("0.0.0.0:9100", "0.0.0.0:9100"),
            ("[::1]:9100", "[::1]:9100"),
        ] {
            let address = address.parse().expect("an address");
            assert_eq!(read(text), Ok(Target::Address(address)));
        }
        for text in ["./9100", "run.prom", "9100.prom", ":", "a:9100", "/tmp/9"] {
            assert_eq!(read(text), Ok(Target::File(text.into())));
        }
        for text in ["65536", ":99999"] {
            assert!(read(text).expect_err(text).contains(&format!("`./{text}`")));
        }
    }
}
