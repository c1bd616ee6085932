//! The client of a request, as far as the network and the request identify it.

use std::net::IpAddr;

#[derive(Clone, Debug)]
pub struct Client {
    pub address: IpAddr,
    /// The `User-Agent` header; may be empty.
    pub device: String,
}

/// Upper bound on the length of a device's name, in characters.
const LONGEST_DEVICE: usize = 200;

impl Client {
    pub fn new(address: IpAddr, device: &str) -> Client {
        Client {
            address,
            device: device.chars().take(LONGEST_DEVICE).collect(),
        }
    }
}
