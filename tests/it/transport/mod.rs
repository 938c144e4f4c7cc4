mod http;
mod http_tls;
