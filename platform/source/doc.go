// Package source reads open-data portals. It defines what all portal kinds share: the vocabulary (Target, Description,
// Page, Row), the value that describes a kind (Kind), and the machinery that sends a client's requests (Caller). Each kind
// is a package of its own below this one; package portals lists them.
//
// A client requests pages in a stable order, keeps them byte for byte, detects when the source is re-published during an
// extraction, and never turns an error page into data.
//
// Every error of a client has one of three classes: transient (try again later), permanent (retrying cannot succeed; a
// person must act) and changed (the source is another version than the one the extraction started with; start again as a
// new attempt).
//
// Requests use https with TLS 1.2 or later and go only to hosts on the allow-list. Loopback may be http, so that a
// simulator can replace a portal.
package source
