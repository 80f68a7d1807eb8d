//! What Apache says of each status, and the pages it makes up.

use super::request::Request;
use super::url::html;

/// Statuses after which Apache will not go on with a connection.
pub(super) fn drops_connection(status: u16) -> bool {
    matches!(status, 400 | 408 | 411 | 413 | 414 | 500 | 501 | 503)
}

pub(super) fn status_line(status: u16) -> String {
    format!("{status} {}", reason(status).unwrap_or("Unknown Reason"))
}

/// What goes into a page besides its status.
#[derive(Default)]
pub(super) struct Words<'a> {
    pub doctype: &'a str,
    pub notes: &'a str,
    pub location: &'a [u8],
    /// The last line.
    pub signature: &'a str,
}

pub(super) fn page(status: u16, request: &Request, words: &Words<'_>) -> Vec<u8> {
    let line = status_line(status);
    let heading = line.get(4..).unwrap_or_default();
    let doctype = words.doctype;
    let head = format!("{doctype}\n<html><head>\n<title>{line}</title>\n</head><body>\n<h1>{heading}</h1>\n");
    let text = text(status, request, words);
    let tail = format!("<hr>\n{}</body></html>\n", words.signature);
    [head.as_bytes(), &text, tail.as_bytes()].concat()
}

fn text(status: u16, request: &Request, words: &Words<'_>) -> Vec<u8> {
    let around =
        |before: &str, middle: &[u8], after: &str| [before.as_bytes(), &html(middle), after.as_bytes()].concat();
    let method = &request.line.method;
    match status {
        301 | 302 | 307 | 308 => around(
            "<p>The document has moved <a href=\"",
            words.location,
            "\">here</a>.</p>\n",
        ),
        405 => around(
            "<p>The requested method ",
            method,
            " is not allowed for this URL.</p>\n",
        ),
        413 => around(
            "The requested resource does not allow request data with ",
            method,
            " requests, or the amount of data provided in\nthe request exceeds the capacity limit.\n",
        ),
        501 => around("<p>", method, " not supported for current URL.<br />\n</p>\n"),
        417 => around(
            "<p>The expectation given in the Expect request-header\nfield could not be met by this server.\n\
             The client sent<pre>\n    Expect: ",
            &request.header(b"expect").unwrap_or_default(),
            "\n</pre>\n</p><p>Only the 100-continue expectation is supported.</p>\n",
        ),
        _ => fixed_text(status, words.notes).into_bytes(),
    }
}

fn fixed_text(status: u16, notes: &str) -> String {
    let text = match status {
        400 => {
            return format!(
                "<p>Your browser sent a request that this server could not understand.<br />\n{notes}</p>\n"
            );
        }
        401 | 407 => {
            "<p>This server could not verify that you\nare authorized to access the document\n\
             requested.  Either you supplied the wrong\ncredentials (e.g., bad password), or your\n\
             browser doesn't understand how to supply\nthe credentials required.</p>\n"
        }
        403 => "<p>You don't have permission to access this resource.</p>\n",
        404 => "<p>The requested URL was not found on this server.</p>\n",
        408 => "<p>Server timeout waiting for the HTTP request from the client.</p>\n",
        410 => {
            "<p>The requested resource is no longer available on this server and there is no forwarding address.\n\
             Please remove all references to this resource.</p>\n"
        }
        412 => "<p>The precondition on the request for this URL evaluated to false.</p>\n",
        414 => "<p>The requested URL's length exceeds the capacity\nlimit for this server.<br />\n</p>\n",
        416 => {
            "<p>None of the range-specifier values in the Range\nrequest-header field overlap the current extent\n\
             of the selected resource.</p>\n"
        }
        429 => "<p>The user has sent too many requests\nin a given amount of time.</p>\n",
        503 => {
            "<p>The server is temporarily unable to service your\nrequest due to maintenance downtime or capacity\n\
             problems. Please try again later.</p>\n"
        }
        504 => "<p>The gateway did not receive a timely response\nfrom the upstream server or application.</p>\n",
        _ => {
            "<p>The server encountered an internal error or\nmisconfiguration and was unable to complete\n\
             your request.</p>\n<p>Please contact the server administrator at \n webmaster@localhost to inform them of \
             the time this error occurred,\n and the actions you performed just before this error.</p>\n\
             <p>More information about this error may be available\nin the server error log.</p>\n"
        }
    };
    text.to_owned()
}

fn reason(status: u16) -> Option<&'static str> {
    Some(match status {
        200 => "OK",
        201 => "Created",
        202 => "Accepted",
        204 => "No Content",
        206 => "Partial Content",
        300 => "Multiple Choices",
        301 => "Moved Permanently",
        302 => "Found",
        303 => "See Other",
        304 => "Not Modified",
        307 => "Temporary Redirect",
        308 => "Permanent Redirect",
        400 => "Bad Request",
        401 => "Unauthorized",
        402 => "Payment Required",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        406 => "Not Acceptable",
        407 => "Proxy Authentication Required",
        408 => "Request Timeout",
        409 => "Conflict",
        410 => "Gone",
        411 => "Length Required",
        412 => "Precondition Failed",
        413 => "Request Entity Too Large",
        414 => "Request-URI Too Long",
        415 => "Unsupported Media Type",
        416 => "Requested Range Not Satisfiable",
        417 => "Expectation Failed",
        421 => "Misdirected Request",
        422 => "Unprocessable Entity",
        423 => "Locked",
        424 => "Failed Dependency",
        426 => "Upgrade Required",
        428 => "Precondition Required",
        429 => "Too Many Requests",
        431 => "Request Header Fields Too Large",
        451 => "Unavailable For Legal Reasons",
        500 => "Internal Server Error",
        501 => "Not Implemented",
        502 => "Bad Gateway",
        503 => "Service Unavailable",
        504 => "Gateway Timeout",
        505 => "HTTP Version Not Supported",
        506 => "Variant Also Negotiates",
        507 => "Insufficient Storage",
        508 => "Loop Detected",
        510 => "Not Extended",
        511 => "Network Authentication Required",
        _ => return None,
    })
}
