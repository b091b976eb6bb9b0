// Package tls shows that no client of the project offers a TLS version before 1.2: to a portal, to AWS, or to a collector of
// traces. A server that refuses every handshake records the versions in the client's first message.
package tls
