//! Which client asks which registry, and as whom.
//!
//! This file must not make clients: whoever builds them gives them their credentials.

use std::collections::BTreeMap;

use aws_sdk_ecr::Client;

use crate::ecr::role::Role;
use crate::registry::Registry;

/// Clients by region with the function's own credentials, and by registry with those of a role that it assumes there.
#[derive(Debug, Clone)]
pub struct Clients {
    own_account: String,
    by_region: BTreeMap<String, Client>,
    by_registry: BTreeMap<Registry, (Client, Role)>,
}

/// How to ask one registry.
#[derive(Debug, Clone, Copy)]
pub(super) struct Way<'a> {
    pub(super) client: &'a Client,
    pub(super) standing: Standing,
    /// The role whose credentials the client has, which must be assumed first.
    pub(super) role: Option<&'a Role>,
}

/// As whom a registry is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Standing {
    /// In the account whose registry it is.
    Own,
    /// By a role of that account that was assumed.
    Assumed,
    /// From another account, by leave of each repository's policy. ECR tells no scanning configuration then.
    Foreign,
}

impl Clients {
    /// Clients with the function's own credentials, one per region, and the account these are of.
    #[must_use]
    pub fn new(own_account: String, by_region: BTreeMap<String, Client>) -> Self {
        Self { own_account, by_region, by_registry: BTreeMap::new() }
    }

    /// Adds a client that asks one registry with the credentials of a role of that registry's account.
    #[must_use]
    pub fn with_role(mut self, registry: Registry, client: Client, role: Role) -> Self {
        self.by_registry.insert(registry, (client, role));
        self
    }

    /// The way to a registry: a role there comes first.
    pub(super) fn of(&self, registry: &Registry) -> Option<Way<'_>> {
        if let Some((client, role)) = self.by_registry.get(registry) {
            return Some(Way { client, standing: Standing::Assumed, role: Some(role) });
        }
        let standing = if registry.account == self.own_account { Standing::Own } else { Standing::Foreign };
        self.by_region.get(&registry.region).map(|client| Way { client, standing, role: None })
    }
}
