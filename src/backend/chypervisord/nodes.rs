use super::{
    Chypervisord,
    client::{path, subnet_path},
    wire,
};
use crate::{
    backend::{
        Nodes,
        lochness_records::{self as records, Hypervisor},
    },
    domain::{Error, ErrorKind, FieldSpec, NodeExpect, NodeId, NodeReport, Result, Values, Verdict, VmId, overtaken},
    transport::http::Method,
};
use serde_json::json;

impl Chypervisord {
    async fn guests_of(&self, node: &NodeId) -> Result<Vec<VmId>> {
        records::ids(&self.nodes.get(&format!("{}/guests", path(node)?)).await?)
    }

    async fn report(&self, node: &NodeId) -> Result<(Hypervisor, NodeReport)> {
        let path = path(node)?;
        let (config, subnets) = (format!("{path}/config"), format!("{path}/subnets"));
        let (hypervisor, config, subnets, guests) = tokio::try_join!(
            self.nodes.hypervisor(node),
            self.nodes.get(&config),
            self.nodes.get(&subnets),
            self.guests_of(node)
        )?;
        let (config, subnets) = (records::map(&config)?, records::map(&subnets)?);
        let report = NodeReport { node: hypervisor.node(), config, subnets, guests };
        Ok((hypervisor, report))
    }

    /// What became of a change of a node.
    pub(super) async fn judge(&self, expect: &NodeExpect) -> Verdict {
        match self.report(expect.node()).await {
            Ok((hypervisor, report)) => expect.judge(Some(&report), &wire::fields(&hypervisor)),
            Err(error) if error.kind == ErrorKind::NotFound => expect.judge(None, &[]),
            Err(error) => Verdict::Unknown(error),
        }
    }
}

impl Nodes for Chypervisord {
    async fn node(&self, node: &NodeId) -> Result<NodeReport> {
        self.report(node).await.map(|(_, report)| report)
    }

    async fn node_form(&self, node: Option<&NodeId>) -> Result<Vec<FieldSpec>> {
        match node {
            Some(node) => Ok(wire::fields(&self.nodes.hypervisor(node).await?)),
            None => Ok(Hypervisor::new_fields()),
        }
    }

    async fn add_node(&self, values: &Values) -> Result<()> {
        let body = wire::changes(&Values::new(), values)?;
        self.nodes.change(Method::POST, "/hypervisors", Some(&body)).await.map(drop)
    }

    async fn update_node(&self, node: &NodeId, before: &Values, values: &Values) -> Result<()> {
        let body = wire::changes(before, values)?;
        match self.nodes.change(Method::PATCH, &path(node)?, Some(&body)).await {
            // Nothing was written. What stands there now is told beside what was to be.
            Err(error) if error.kind == ErrorKind::Conflict => match self.nodes.hypervisor(node).await {
                Ok(now) => Err(overtaken(&wire::fields(&now), before, values)),
                Err(_) => Err(error),
            },
            result => result.map(drop),
        }
    }

    async fn remove_node(&self, node: &NodeId) -> Result<()> {
        let guests = self.guests_of(node).await?;
        if !guests.is_empty() {
            return Err(records::full(&guests));
        }
        match self.nodes.change(Method::DELETE, &path(node)?, None).await {
            // One was placed there meanwhile.
            Err(error) if error.kind == ErrorKind::Conflict => {
                Err(records::full(&self.guests_of(node).await.unwrap_or_default()))
            }
            result => result.map(drop),
        }
    }

    async fn set_config(&self, node: &NodeId, key: &str, _: Option<&str>, value: &str) -> Result<()> {
        let body = json!({ key: value });
        self.nodes.change(Method::PATCH, &format!("{}/config", path(node)?), Some(&body)).await.map(drop)
    }

    async fn set_subnet(&self, node: &NodeId, subnet: &str, _: Option<&str>, bridge: &str) -> Result<()> {
        // The node first: the server's "not found" does not tell which of the two it misses.
        self.nodes.hypervisor(node).await?;
        let body = json!({ subnet: bridge });
        let sent = self.nodes.change(Method::PATCH, &format!("{}/subnets", path(node)?), Some(&body)).await;
        sent.map(drop).map_err(|error| match error.kind {
            ErrorKind::NotFound => {
                Error::not_found(format_args!("lochness knows no subnet {subnet}: it has to be made first"))
            }
            _ => error,
        })
    }

    async fn remove_subnet(&self, node: &NodeId, subnet: &str) -> Result<()> {
        let sent = self.nodes.change(Method::DELETE, &subnet_path(node, subnet)?, None).await;
        sent.map(drop).map_err(|error| match error.kind {
            ErrorKind::NotFound => Error::not_found(format_args!("{subnet} is not attached to {node}")),
            _ => error,
        })
    }
}
