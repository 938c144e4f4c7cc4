//! Images over HTTP: whole, or the rest of one that is still the same.
use super::{
    Address, Options,
    name::Names,
    proxy::Proxy,
    source::{Body, Broken, Rest, Source, late, untrusted},
};
use crate::{
    domain::{Error, ErrorKind, Result, Secret, clean_line},
    transport::at,
};
use reqwest::{
    Certificate, Client, Response, StatusCode, Url,
    header::{
        ACCEPT_ENCODING, ACCEPT_RANGES, CONTENT_DISPOSITION, CONTENT_ENCODING, CONTENT_RANGE, CONTENT_TYPE, DATE, ETAG,
        HeaderMap, HeaderName, HeaderValue, IF_RANGE, LAST_MODIFIED, RANGE,
    },
    redirect::Policy,
};
use std::{sync::Once, time::Duration};

/// Who asks.
pub(super) enum Way {
    Client(Client),
    /// What lies on an FTP server.
    Proxy(Proxy),
}

/// Asks for `address`; where the rest alone cannot be had, for all of it.
pub(super) async fn open(
    way: &Way,
    address: &Address,
    options: &Options,
    rest: Option<&Rest>,
) -> Result<Source, Broken> {
    let mut response = ask(way, address, options, rest).await?;
    let part = rest.and_then(|rest| Some((rest.offset, size_of_rest(&response, rest)?)));
    if rest.is_some() && part.is_none() && response.status() != StatusCode::OK {
        response = ask(way, address, options, None).await?;
    }
    let (begins, total) = match (part, response.status()) {
        (Some((begins, size)), _) => (begins, begins.checked_add(size)),
        (None, StatusCode::OK) => (0, response.content_length()),
        (None, status) => return Err(refusal(status)),
    };
    Ok(Source {
        names: Names::of(header(&response, CONTENT_DISPOSITION).as_deref(), address.url(), response.url()),
        begins,
        total,
        validator: validator(&response),
        gives_parts: header(&response, ACCEPT_RANGES).is_some_and(|unit| unit.eq_ignore_ascii_case("bytes")),
        content_type: header(&response, CONTENT_TYPE).unwrap_or_default().to_ascii_lowercase(),
        encoding: header(&response, CONTENT_ENCODING).unwrap_or_default().to_ascii_lowercase(),
        stall: options.stall,
        body: match way {
            Way::Client(_) => Body::Http(Box::new(response)),
            Way::Proxy(_) => Body::Proxied(Box::new(response)),
        },
    })
}

async fn ask(way: &Way, address: &Address, options: &Options, rest: Option<&Rest>) -> Result<Response, Broken> {
    // What is counted and checked are the bytes of the file itself.
    let mut headers = HeaderMap::from_iter([(ACCEPT_ENCODING, HeaderValue::from_static("identity"))]);
    // A validator is one that came in a header.
    if let Some((rest, validator)) = rest.and_then(|rest| Some((rest, rest.validator.parse().ok()?))) {
        headers.insert(RANGE, HeaderValue::from_str(&format!("bytes={}-", rest.offset)).map_err(Error::invalid)?);
        headers.insert(IF_RANGE, validator);
    }
    let client = match way {
        Way::Proxy(proxy) => return proxy.ask(address, options, headers).await,
        Way::Client(client) => client,
    };
    let mut request = client.get(address.url().clone()).headers(headers);
    if let Some((user, password)) = address.login() {
        request = request.basic_auth(user, Some(Secret::expose(password)));
    }
    request.send().await.map_err(|error| failed(error, options.stall))
}

/// How many bytes the answer has, if it is what was asked for: those from there on, up to the end, of the same file.
/// Servers have been seen that send another part, or a part of another version.
fn size_of_rest(response: &Response, rest: &Rest) -> Option<u64> {
    let range = header(response, CONTENT_RANGE).and_then(|range| content_range(&range));
    let (first, last, total) = range.filter(|_| response.status() == StatusCode::PARTIAL_CONTENT)?;
    let size = last.checked_sub(first)?.checked_add(1)?;
    let is_its_size = response.content_length().is_none_or(|length| length == size);
    let is_same_size = match (rest.total, total) {
        (Some(known), Some(total)) => known == total,
        _ => true,
    };
    let to_the_end = total.is_none_or(|total| last.checked_add(1) == Some(total));
    let tags: Vec<_> = [ETAG, LAST_MODIFIED].into_iter().filter_map(|name| header(response, name)).collect();
    // RFC 9110, 15.3.7: a part that was asked for with If-Range need not repeat what tells the version.
    let is_same_version = tags.is_empty() || tags.contains(&rest.validator);
    (first == rest.offset && is_its_size && is_same_size && to_the_end && is_same_version).then_some(size)
}

/// `bytes 5-9/10` or `bytes 5-9/*` (RFC 9110, 14.4).
fn content_range(text: &str) -> Option<(u64, u64, Option<u64>)> {
    let (range, total) = text.trim().strip_prefix("bytes ")?.split_once('/')?;
    let (first, last) = range.split_once('-')?;
    let total = if total.trim() == "*" { None } else { Some(total.trim().parse().ok()?) };
    Some((first.trim().parse().ok()?, last.trim().parse().ok()?, total))
}

fn header(response: &Response, name: HeaderName) -> Option<String> {
    let value = response.headers().get(name)?;
    Some(String::from_utf8_lossy(value.as_bytes()).into_owned()).filter(|value| value.len() <= 4096)
}

/// What may stand in `If-Range`: a strong `ETag`, or a `Last-Modified` that is older than the answer, so that no second
/// version of the same second can hide behind it (RFC 9110, 8.8.2.2).
fn validator(response: &Response) -> Option<String> {
    let strong = header(response, ETAG).filter(|tag| tag.starts_with('"') && tag.len() > 2);
    strong.or_else(|| {
        let modified = header(response, LAST_MODIFIED)?;
        let time = |text: &str| jiff::fmt::rfc2822::parse(text).ok().map(|time| time.timestamp().as_second());
        let settled = time(&header(response, DATE)?)? > time(&modified)?;
        settled.then_some(modified)
    })
}

/// An HTTP client for the server of `address`, made for one fetch: it costs milliseconds that the start of the program should not pay.
pub(super) fn client(address: &Address, options: &Options) -> Result<Client> {
    static PROVIDER: Once = Once::new();
    // It fails when another part of the program was first, which does as well.
    PROVIDER.call_once(|| drop(rustls::crypto::ring::default_provider().install_default()));
    let mut builder = Client::builder()
        .user_agent(concat!("vmdeck/", env!("CARGO_PKG_VERSION")))
        .connect_timeout(options.connect)
        .read_timeout(options.stall)
        // What comes in another form than its own is seen and refused, not unpacked.
        .no_gzip()
        .referer(false)
        .redirect(redirects());
    if address.is_loopback() {
        builder = builder.no_proxy();
    }
    if let Some(ca) = &options.ca {
        let pem = std::fs::read(ca).map_err(at(ca))?;
        let shown = ca.to_string_lossy();
        let authorities = Certificate::from_pem_bundle(&pem).unwrap_or_default();
        if authorities.is_empty() {
            return Err(Error::invalid(format_args!("ca: {} holds no PEM certificate", clean_line(&shown))));
        }
        builder = builder.tls_certs_merge(authorities);
    }
    builder.build().map_err(|error| {
        Error::refused(format_args!("no HTTP client ({}): are the system's CA certificates installed?", root(&error)))
    })
}

/// Ten at most, and never from a checked connection to one that anybody can read.
fn redirects() -> Policy {
    Policy::custom(|attempt| {
        let is_downgrade =
            attempt.url().scheme() == "http" && attempt.previous().last().is_some_and(|url| url.scheme() == "https");
        if is_downgrade {
            attempt.error("the server leads from https:// to http://")
        } else if attempt.previous().len() > 10 {
            attempt.error("the server leads from one address to the next without end")
        } else {
            attempt.follow()
        }
    })
}

fn refusal(status: StatusCode) -> Broken {
    let reason = status.canonical_reason().unwrap_or("no reason given");
    let more = match status.as_u16() {
        401 | 403 => ": it wants a user and a password, or does not give this file out",
        404 | 410 => ": the address is wrong, or the file has moved",
        407 => ": the proxy wants a user and a password",
        429 | 503 => ": it has too much to do, try again later",
        _ => "",
    };
    let kind = if status.as_u16() == 404 { ErrorKind::NotFound } else { ErrorKind::Refused };
    Broken {
        error: Error::new(kind, format_args!("the server said {} {reason}{more}", status.as_u16())),
        is_passing: status.is_server_error() || matches!(status.as_u16(), 408 | 429),
    }
}

/// A failure of the connection in words, without the address: it may hold a password or a token. The outcome of a
/// fetch that fails is known, so none of these leaves it open.
pub(super) fn failed(error: reqwest::Error, stall: Duration) -> Broken {
    let host = error.url().and_then(Url::host_str).map(|h| clean_line(h).into_owned());
    let host = host.unwrap_or_else(|| "the server".to_owned());
    let error = error.without_url();
    let why = root(&error);
    if error.is_redirect() {
        return Error::refused(why).into();
    }
    if let Some(broken) = untrusted(&host, &why) {
        return broken;
    }
    if error.is_timeout() && !error.is_connect() {
        return late(stall);
    }
    let error = if error.is_connect() {
        let late = if error.is_timeout() { "no answer".to_owned() } else { why };
        Error::refused(format_args!("{host} cannot be reached: {late}"))
    } else if is_nonsense(&error) {
        return Error::refused(format_args!("the server's answer is no HTTP: {why}")).into();
    } else if error.is_body() || error.is_decode() || error.is_request() {
        Error::refused(format_args!("the connection broke before all had come: {why}"))
    } else {
        Error::refused(why)
    };
    Broken { error, is_passing: true }
}

/// Whether what came was no answer at all, so that another try helps nobody.
fn is_nonsense(error: &reqwest::Error) -> bool {
    let mut source = std::error::Error::source(error);
    while let Some(inner) = source {
        if inner.downcast_ref::<hyper::Error>().is_some_and(hyper::Error::is_parse) {
            return true;
        }
        source = inner.source();
    }
    false
}

/// The innermost reason, which is the one that says something.
fn root(error: &reqwest::Error) -> String {
    let mut innermost: &dyn std::error::Error = error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    innermost.to_string()
}

#[cfg(test)]
mod tests {
    use super::content_range;

    #[test]
    fn ranges_are_read_and_nonsense_is_not() {
        assert_eq!(content_range("bytes 5-9/10"), Some((5, 9, Some(10))));
        assert_eq!(content_range("bytes 5-9/*"), Some((5, 9, None)));
        for bad in ["bytes */10", "5-9/10", "bytes 5-9", "bytes -5-9/10", "bytes 5-x/10", ""] {
            assert_eq!(content_range(bad), None, "{bad}");
        }
    }
}
