use super::{Error, ErrorKind, FieldSpec, NodeId, NodeReport, Values, Verdict, clean_line};
use std::fmt;

/// What a change of a node should bring about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NodeExpect {
    Present(NodeId),
    Gone(NodeId),
    /// These fields of its form have these values.
    Is {
        node: NodeId,
        values: Values,
    },
    /// An empty value: the key is not there.
    Config {
        node: NodeId,
        key: String,
        value: String,
    },
    /// The bridge that leads to a subnet; None: it is not attached.
    Subnet {
        node: NodeId,
        subnet: String,
        bridge: Option<String>,
    },
}

impl NodeExpect {
    /// The node it is about.
    pub const fn node(&self) -> &NodeId {
        match self {
            Self::Present(node)
            | Self::Gone(node)
            | Self::Is { node, .. }
            | Self::Config { node, .. }
            | Self::Subnet { node, .. } => node,
        }
    }

    /// The verdict of a host that keeps no nodes.
    pub fn unseen(&self) -> Verdict {
        Verdict::Unknown(Error::new(ErrorKind::Unsupported, "this kind of host keeps no nodes"))
    }

    /// The verdict on what was read: `report` is None where there is no such node, `fields` hold what stands in its form.
    pub fn judge(&self, report: Option<&NodeReport>, fields: &[FieldSpec]) -> Verdict {
        let is = |is_so: bool, instead: String| if is_so { Verdict::Met(None) } else { Verdict::NotMet(instead) };
        let report = match (self, report) {
            (Self::Gone(_), found) => return is(found.is_none(), "it is still there".to_owned()),
            (Self::Present(_), found) => return is(found.is_some(), "it is not there".to_owned()),
            (_, None) => return Verdict::Failed(Error::not_found(format_args!("{} is gone", self.node()))),
            (_, Some(report)) => report,
        };
        match self {
            Self::Present(_) | Self::Gone(_) => Verdict::Met(None),
            Self::Is { values, .. } => {
                let now = |name: &str| fields.iter().find(|f| f.name == name).map_or("", |f| f.default.as_str());
                match values.iter().find(|(name, value)| now(name) != value.as_str()) {
                    None => Verdict::Met(None),
                    Some((name, _)) => Verdict::NotMet(format!("its {name} is {}", clean_line(now(name)))),
                }
            }
            Self::Config { key, value, .. } => match report.config.get(key) {
                Some(found) => is(found == value && !value.is_empty(), format!("it is {}", clean_line(found))),
                None => is(value.is_empty(), "it is not set".to_owned()),
            },
            Self::Subnet { subnet, bridge, .. } => match (report.subnets.get(subnet), bridge) {
                (found, wanted) if found == wanted.as_ref() => Verdict::Met(None),
                (Some(found), _) => Verdict::NotMet(format!("{} leads there", clean_line(found))),
                (None, _) => Verdict::NotMet("it is not attached".to_owned()),
            },
        }
    }
}

/// As [`super::Expect`] is told: `that n1 is there`.
impl fmt::Display for NodeExpect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Present(node) => write!(f, "{node} is there"),
            Self::Gone(node) => write!(f, "{node} is gone"),
            Self::Is { node, values } if values.is_empty() => write!(f, "{node} is as it was"),
            Self::Is { node, values } => {
                let told = |(name, value): (&String, &String)| {
                    let value = value.replace('\n', ", ");
                    format!("{name} {}", if value.is_empty() { "none".into() } else { clean_line(&value) })
                };
                write!(f, "{node} has {}", values.iter().map(told).collect::<Vec<_>>().join(", "))
            }
            Self::Config { node, key, value } if value.is_empty() => {
                write!(f, "{} is not configured for {node}", clean_line(key))
            }
            Self::Config { node, key, value } => write!(f, "{} of {node} is {}", clean_line(key), clean_line(value)),
            Self::Subnet { node, subnet, bridge: Some(bridge) } => {
                write!(f, "{} of {node} leads to {}", clean_line(bridge), clean_line(subnet))
            }
            Self::Subnet { node, subnet, bridge: None } => {
                write!(f, "{} is not attached to {node}", clean_line(subnet))
            }
        }
    }
}
