//! Who is at the other end of a request, as far as the network and the request itself tell.

use std::net::IpAddr;

#[derive(Clone, Debug)]
pub struct Client {
    pub address: IpAddr,
    /// What the browser or program calls itself; may be empty.
    pub device: String,
}

/// Characters of a device's name that are kept.
const LONGEST_DEVICE: usize = 200;

impl Client {
    pub fn new(address: IpAddr, device: &str) -> Client {
        Client {
            address,
            device: device.chars().take(LONGEST_DEVICE).collect(),
        }
    }
}
