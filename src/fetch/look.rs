//! A look before the fetch: what the address holds, and what stands in the way.
use super::{
    Address, Expected, Options, Order, check_library_name, name, refuse_existing, refuse_too_large,
    source::{self, Source},
    sums,
};
use crate::{
    domain::{ByteSize, Error, Prospect, Result, clean_line, unpacked_name},
    transport::free_space,
};
use std::path::Path;

/// What a look before the fetch tells.
#[derive(Debug)]
pub struct Look {
    pub name: String,
    /// None: the server does not tell.
    pub size: Option<ByteSize>,
    /// Whether it can go on where it was interrupted.
    pub is_resumable: bool,
    pub expected: Option<Expected>,
    pub(super) source: Source,
}

/// Asks for an image and refuses what cannot be fetched: a name that is taken, a web page, more than there is room for.
pub async fn look(order: &Order, folder: &Path, options: &Options) -> Result<Look> {
    if let Some(name) = &order.name {
        check_library_name(name).map_err(|why| Error::invalid(format_args!("name: {why}")))?;
        refuse_existing(folder, name)?;
    }
    let source = source::open(&order.address, options, None).await.map_err(|broken| broken.error)?;
    let offered = name::choose(&source.names);
    let name = match (&order.name, &offered) {
        (Some(name), _) => name.clone(),
        (None, Ok(offered)) if order.unpack => unpacked_name(offered).unwrap_or(offered).to_owned(),
        (None, _) => offered.clone()?,
    };
    if let (true, Ok(offered)) = (order.unpack, &offered)
        && unpacked_name(offered).is_none()
    {
        let offered = clean_line(offered);
        let why = format_args!("unpack: {offered} does not end in .xz, .gz, .zst or .bz2: fetch it as it is");
        return Err(Error::invalid(why));
    }
    source.refuse_other_than_image(&name, order.unpack)?;
    refuse_existing(folder, &name)?;
    refuse_too_large(folder, source.total)?;
    let expected = match &order.sum {
        Some(sum) => Some(Expected { sum: sum.clone(), source: "given".to_owned() }),
        None => sums::find(&order.address, options).await,
    };
    Ok(Look { name, size: source.total.map(ByteSize), is_resumable: source.is_resumable(), expected, source })
}

/// Tells what an address holds, for a person who has not decided yet: a name that is taken and too little room are no
/// refusals, but a web page is.
pub async fn probe(address: &Address, folder: &Path, options: &Options) -> Result<Prospect> {
    let open = async { source::open(address, options, None).await.map_err(|broken| broken.error) };
    let (source, expected) = tokio::try_join!(open, async { Ok(sums::find(address, options).await) })?;
    let name = name::choose(&source.names).ok();
    source.refuse_other_than_image(name.as_deref().unwrap_or_default(), false)?;
    Ok(Prospect {
        is_taken: name.as_ref().is_some_and(|name| refuse_existing(folder, name).is_err()),
        name,
        size: source.total.map(ByteSize),
        // A file of this machine is copied in one go.
        is_resumable: source.is_resumable(),
        checksum: expected.map(|expected| format!("{} in {}", expected.sum.kind.name(), expected.source)),
        // The folder is made by the first fetch.
        free: folder.ancestors().find_map(|folder| free_space(folder).ok()),
    })
}
