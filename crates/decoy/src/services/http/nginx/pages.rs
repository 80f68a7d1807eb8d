//! What nginx says of each status, and the pages it makes up.

use super::head::HEAD_TOO_LARGE;

/// nginx's own name for plain HTTP on a TLS port; the peer is told 400.
pub(super) const TO_HTTPS: u16 = 497;

const PADDING: &str = "<!-- a padding to disable MSIE and Chrome friendly error page -->\r\n";

/// The status the peer is told.
pub(super) fn told(status: u16) -> u16 {
    match status {
        HEAD_TOO_LARGE | TO_HTTPS => 400,
        _ => status,
    }
}

/// What stands behind `HTTP/1.1 `.
pub(super) fn status_line(status: u16) -> String {
    let status = told(status);
    match reason(status) {
        Some(reason) => format!("{status} {reason}"),
        None => format!("{status} "),
    }
}

/// The page for a status; none where nginx has none.
pub(super) fn page(status: u16, signature: &str, padded: bool) -> Option<Vec<u8>> {
    let (title, heading, more) = match status {
        HEAD_TOO_LARGE => special("Request Header Or Cookie Too Large"),
        TO_HTTPS => special("The plain HTTP request was sent to HTTPS port"),
        300.. => {
            let title = format!("{status} {}", reason(status)?);
            (title.clone(), title, String::new())
        }
        _ => return None,
    };
    let mut page = format!(
        "<html>\r\n<head><title>{title}</title></head>\r\n<body>\r\n<center><h1>{heading}</h1></center>\r\n{more}\
         <hr><center>{signature}</center>\r\n</body>\r\n</html>\r\n"
    );
    if padded && status >= 400 {
        page.push_str(&PADDING.repeat(6));
    }
    Some(page.into_bytes())
}

fn special(what: &str) -> (String, String, String) {
    (
        format!("400 {what}"),
        "400 Bad Request".to_owned(),
        format!("<center>{what}</center>\r\n"),
    )
}

fn reason(status: u16) -> Option<&'static str> {
    Some(match status {
        200 => "OK",
        201 => "Created",
        202 => "Accepted",
        204 => "No Content",
        206 => "Partial Content",
        301 => "Moved Permanently",
        302 => "Moved Temporarily",
        303 => "See Other",
        304 => "Not Modified",
        307 => "Temporary Redirect",
        308 => "Permanent Redirect",
        400 => "Bad Request",
        401 => "Unauthorized",
        402 => "Payment Required",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Not Allowed",
        406 => "Not Acceptable",
        408 => "Request Time-out",
        409 => "Conflict",
        410 => "Gone",
        411 => "Length Required",
        412 => "Precondition Failed",
        413 => "Request Entity Too Large",
        414 => "Request-URI Too Large",
        415 => "Unsupported Media Type",
        416 => "Requested Range Not Satisfiable",
        421 => "Misdirected Request",
        429 => "Too Many Requests",
        500 => "Internal Server Error",
        501 => "Not Implemented",
        502 => "Bad Gateway",
        503 => "Service Temporarily Unavailable",
        504 => "Gateway Time-out",
        505 => "HTTP Version Not Supported",
        507 => "Insufficient Storage",
        _ => return None,
    })
}
