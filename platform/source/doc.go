// Package source holds the clients of the portals: Socrata SODA 2.1, Idescat tables v2 (JSON-stat) and the
// CKAN datastore. A client asks for pages in a stable order, byte for byte as the portal sends them, notices
// when the source is re-published under its feet, and never turns an error page into data.
//
// Errors come in three classes, and every error of a client is one of them: transient (try again later),
// permanent (no retry will help; a person must act) and changed (the source is another version than the one
// the extraction began with; start again as a new attempt).
//
// Only https with TLS 1.2 or later is spoken, to the hosts on the allow-list; loopback may be http, so that a
// simulator can stand in for a portal.
package source
